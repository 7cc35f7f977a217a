//! Tasks that have to end before something else may start.

use tokio::sync::mpsc;

use crate::threads::{Mutex, locked};

/// Tasks that are running, each with a guard.
#[derive(Debug)]
pub(crate) struct TaskGroup {
    /// Cloned for each guard; None once the group is closed.
    guards: Mutex<Option<mpsc::Sender<()>>>,
    /// Ends when the last guard is dropped.
    all_ended: Mutex<Option<mpsc::Receiver<()>>>,
}

/// Held by one task for as long as it runs.
#[derive(Debug)]
pub(crate) struct TaskGuard(
    #[expect(dead_code, reason = "its drop is what counts")] mpsc::Sender<()>,
);

impl TaskGroup {
    pub(crate) fn new() -> Self {
        let (guards, all_ended) = mpsc::channel(1);
        Self {
            guards: Mutex::new(Some(guards)),
            all_ended: Mutex::new(Some(all_ended)),
        }
    }

    /// A guard for a task that starts; None if the group is closed.
    pub(crate) fn enter(&self) -> Option<TaskGuard> {
        locked(&self.guards).clone().map(TaskGuard)
    }

    /// Lets no further task in, and waits until all have ended.
    pub(crate) async fn close(&self) {
        drop(locked(&self.guards).take());
        let all_ended = locked(&self.all_ended).take();
        if let Some(mut all_ended) = all_ended {
            all_ended.recv().await;
        }
    }
}
