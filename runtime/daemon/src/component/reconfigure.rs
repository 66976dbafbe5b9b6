//! Another configuration for a handler that stays in its group: the same component becomes another revision, which is
//! tried, swapped in and watched like a changed file.

use pelton_revisions::Event;
use tokio::sync::oneshot;

use super::{Conditions, Keeping, Report, file::Seen};

/// Other conditions, and who waits until what is wanted with them runs or is refused.
pub(crate) struct Reconfiguration {
    pub conditions: Conditions,
    pub reply: oneshot::Sender<Report>,
}

impl Keeping {
    pub(super) async fn reconfigure(
        &mut self,
        Reconfiguration { conditions, reply }: Reconfiguration,
    ) {
        let configured = Event::Configured {
            configuration: conditions.env.digest(),
            probation: conditions.probation,
        };
        self.component.conditions = conditions;
        // What was refused may run now, so its bytes are needed once more.
        self.file.forget();
        let seen = self.file.look().await;
        let mut wanted = None;
        if let Seen::Content { digest, bytes } = &seen {
            wanted = Some(*digest);
            self.seen = Some((*digest, bytes.clone()));
        }
        self.apply(configured);
        self.take_in(seen);
        match wanted.or_else(|| self.machine.running_content()) {
            Some(digest) => self.wait(Some(digest), reply),
            // Who doesn't wait for the answer any more doesn't need it.
            None => drop(reply.send(self.report(None))),
        }
    }
}
