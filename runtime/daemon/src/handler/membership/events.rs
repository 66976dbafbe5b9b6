//! What the consumer and the producer tell of themselves, for the partitions and for people.

use pelton_config::GroupProtocol;
use pelton_kafka::{CommitError, ConsumerEvent, Epoch, ProducerHealth};
use pelton_types::{Offset, TopicPartition};
use tracing::{info, warn};

use super::{
    super::{Broken, Handler},
    Membership,
};
use crate::{
    flood::Kind,
    metrics::Count,
    partition::Inbox,
    status::{Aspect, Standing},
};

impl Membership<'_> {
    /// What the consumer tells.
    pub(super) async fn event(&mut self, event: ConsumerEvent) {
        let (handler, members) = (self.handler, &mut self.members);
        let name = &handler.shared.name;
        match event {
            ConsumerEvent::Assigned(assignments) => {
                // Also where it gets none: it stands by for members that leave.
                handler.stand(Standing::Running);
                members.assign(assignments);
            }
            ConsumerEvent::Revoked {
                partitions,
                deadline,
                done,
            } => {
                let finals = members.revoke(partitions, deadline).await;
                if !done.finish(finals) {
                    members.left_uncommitted();
                    warn!(handler = %name, "partitions were given up before their work had ended: what was in flight is repeated by their next owner");
                }
            }
            ConsumerEvent::Lost { partitions, done } => {
                members.lose(partitions).await;
                done.finish(Vec::new());
            }
            ConsumerEvent::Messages {
                partition,
                epoch,
                messages,
                transit,
            } => {
                let messages = Inbox::Messages(messages, transit);
                members.read(&partition, epoch, messages).await;
            }
            ConsumerEvent::Committed {
                partition,
                epoch,
                next,
                result,
            } => {
                let succeeded = result.is_ok();
                if let Err(error) = result {
                    self.commit_failed(&partition, epoch, next, &error);
                }
                let members = &mut self.members;
                let committed = Inbox::Committed { next, succeeded };
                members.tell(&partition, epoch, committed).await;
            }
            ConsumerEvent::Watermarks(ends) => {
                members.report(&ends);
                if handler.config.group_protocol == GroupProtocol::Consumer && members.stands_by() {
                    handler.stand(Standing::Running);
                }
            }
            ConsumerEvent::OutOfRange {
                partition,
                epoch,
                wanted,
                range,
            } => members.overtaken(&partition, epoch, overtaken(&partition, wanted, range)),
            ConsumerEvent::Trouble { class, text } => {
                handler
                    .status
                    .troubled(name, Aspect::Input(class), (class, text));
            }
            ConsumerEvent::Recovered { class } => {
                info!(handler = %name, about = class.as_str(), "the consumer's trouble is over");
                handler.status.clear(name, Aspect::Input(class));
            }
            ConsumerEvent::Fatal(_) => {}
        }
    }

    fn commit_failed(
        &mut self,
        partition: &TopicPartition,
        epoch: Epoch,
        next: Offset,
        error: &CommitError,
    ) {
        let shared = &self.handler.shared;
        shared.metrics.count(Count::CommitFailures);
        if !self.members.owns(partition, epoch) {
            self.members.left_uncommitted();
            warn!(handler = %shared.name, %partition, next, %error, "the last commit failed; what was finished since the one before is repeated by the next owner");
        } else if shared.floods.admit(Kind::Uncommitted, shared.clock.now()) {
            warn!(handler = %shared.name, %partition, next, %error, "commit failed; it is tried again while the partition is ours");
        }
    }

    pub(super) fn producer_health(&self, health: ProducerHealth) {
        let Handler { status, shared, .. } = self.handler;
        status.producer(&shared.name, health.trouble);
        if let Some(why) = health.fatal {
            self.trouble.happened_to(Broken::Producer(why));
        }
    }
}

/// What to say of a partition that holds only this range, and not what it was to read next.
fn overtaken(
    partition: &TopicPartition,
    wanted: Offset,
    range: Option<(Offset, Offset)>,
) -> String {
    let lost = match range {
        Some((oldest, _)) if oldest > wanted => format!(
            "{} messages were deleted unread, the oldest is now {oldest}",
            oldest - wanted
        ),
        Some((oldest, end)) => {
            format!("the partition now holds {oldest} to {end}: was the topic made anew?")
        }
        None => "the partition's range could not be read".to_owned(),
    };
    format!(
        "{partition} stands still: offset {wanted} is not there any more ({lost}); reset the group's offset for it to go on"
    )
}
