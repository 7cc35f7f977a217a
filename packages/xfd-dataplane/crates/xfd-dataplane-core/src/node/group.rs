//! Work that has to be over before something else may begin.

use std::sync::{Mutex, PoisonError};

use tokio::sync::mpsc;

/// Counts what is running, by a guard each.
#[derive(Debug)]
pub(crate) struct Group {
    door: Mutex<Option<mpsc::Sender<()>>>,
    over: Mutex<Option<mpsc::Receiver<()>>>,
}

/// Held by one piece of work for as long as it runs.
#[derive(Debug)]
pub(crate) struct Guard(#[expect(dead_code, reason = "its drop is what counts")] mpsc::Sender<()>);

impl Group {
    pub(crate) fn new() -> Self {
        let (door, over) = mpsc::channel(1);
        Self {
            door: Mutex::new(Some(door)),
            over: Mutex::new(Some(over)),
        }
    }

    /// A guard, unless the group was closed.
    pub(crate) fn enter(&self) -> Option<Guard> {
        let door = self.door.lock().unwrap_or_else(PoisonError::into_inner);
        door.clone().map(Guard)
    }

    /// Lets nobody in any more, and waits until all have gone.
    pub(crate) async fn close(&self) {
        drop(
            self.door
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take(),
        );
        let over = self
            .over
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(mut over) = over {
            over.recv().await;
        }
    }
}
