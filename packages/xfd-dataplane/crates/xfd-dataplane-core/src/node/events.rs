//! What happened, waiting to be fetched.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use crate::model::NodeEvent;

/// Events of one swarm, in their order; each is handed out once.
#[derive(Debug, Default)]
pub(crate) struct Events {
    pending: Mutex<Pending>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Pending {
    events: Vec<NodeEvent>,
    closed: bool,
}

impl Events {
    pub(crate) fn push(&self, event: NodeEvent) {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        if !pending.closed {
            pending.events.push(event);
            self.changed.notify_all();
        }
    }

    /// All events there are; waits for the first one, at most for `wait`.
    pub(crate) fn drain(&self, wait: Duration) -> Vec<NodeEvent> {
        let pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut pending, _) = self
            .changed
            .wait_timeout_while(pending, wait, |now| now.events.is_empty() && !now.closed)
            .unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut pending.events)
    }

    /// Nothing more is taken in, and nobody waits any longer.
    pub(crate) fn close(&self) {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        pending.closed = true;
        self.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::Events;
    use crate::model::NodeEvent;

    #[test]
    fn an_event_is_handed_out_once() {
        let events = Events::default();
        events.push(NodeEvent::landed(1));
        events.push(NodeEvent::landed(2));
        assert_eq!(events.drain(Duration::ZERO).len(), 2);
        assert!(events.drain(Duration::ZERO).is_empty());
    }

    #[test]
    fn who_waits_is_woken_by_an_event_and_by_the_end() {
        let events = Events::default();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| events.drain(Duration::from_secs(60)));
            events.push(NodeEvent::landed(1));
            assert_eq!(waiting.join().unwrap().len(), 1);
            let begun = Instant::now();
            let waiting = scope.spawn(|| events.drain(Duration::from_secs(60)));
            events.close();
            assert!(waiting.join().unwrap().is_empty());
            assert!(begun.elapsed() < Duration::from_secs(30));
        });
    }
}
