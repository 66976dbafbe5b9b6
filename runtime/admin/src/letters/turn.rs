//! Who reads topics now, and who writes.
//!
//! Invariant: a turn lasts as long as the work does, which goes on where nobody waits for it any more. So there are never
//! more readers than [`AT_ONCE`], and never two redrives that write: both would find the same letters not redriven yet.

use tokio::{
    sync::{Semaphore, SemaphorePermit},
    task::spawn_blocking,
};
use tokio_util::sync::CancellationToken;

/// Requests that read topics at the same time; the others wait.
const AT_ONCE: usize = 2;

pub(super) static READERS: Semaphore = Semaphore::const_new(AT_ONCE);

static WRITER: Semaphore = Semaphore::const_new(1);

/// The turn of a redrive that writes, unless another has it.
pub(super) fn to_write() -> Option<SemaphorePermit<'static>> {
    WRITER.try_acquire().ok()
}

/// The daemon is stopping.
#[derive(Debug)]
pub(super) struct Stopping;

/// Has something done that blocks, when its turn has come. It is told when nobody waits for it any more.
pub(super) async fn in_turn<T: Send + 'static>(
    turns: &'static Semaphore,
    work: impl FnOnce(&CancellationToken) -> T + Send + 'static,
) -> Result<T, Stopping> {
    let turn = turns.acquire().await.map_err(|_| Stopping)?;
    let gone = CancellationToken::new();
    let _waits = gone.clone().drop_guard();
    let done = spawn_blocking(move || {
        let _turn = turn;
        work(&gone)
    });
    done.await.map_err(|_| Stopping)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use tokio::{runtime::Handle, sync::oneshot, task::JoinSet};

    use super::*;

    #[tokio::test]
    async fn a_turn_lasts_as_long_as_the_work_which_hears_that_nobody_waits() {
        static TURNS: Semaphore = Semaphore::const_new(1);
        let (begins, begun) = oneshot::channel();
        let (hears, heard) = oneshot::channel();
        let (end, ended) = mpsc::channel();
        let mut asked = JoinSet::new();
        asked.spawn(in_turn(&TURNS, move |gone| {
            begins.send(()).unwrap();
            Handle::current().block_on(gone.cancelled());
            hears.send(()).unwrap();
            ended.recv().unwrap();
        }));
        begun.await.unwrap();
        asked.abort_all();
        heard.await.unwrap();
        assert_eq!(TURNS.available_permits(), 0);
        end.send(()).unwrap();
        assert!(TURNS.acquire().await.is_ok());
    }
}
