//! Events of one swarm, waiting to be polled.

use std::sync::PoisonError;
use std::time::Duration;

use crate::model::NodeEvent;
use crate::threads::{Condvar, Mutex, locked};

/// Events in their order; each is handed out once.
#[derive(Debug, Default)]
pub(crate) struct Events {
    pending: Mutex<Pending>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Pending {
    events: Vec<NodeEvent>,
    woken: bool,
    closed: bool,
}

impl Events {
    pub(crate) fn push(&self, event: NodeEvent) {
        let mut pending = locked(&self.pending);
        if !pending.closed {
            pending.events.push(event);
            self.changed.notify_all();
        }
    }

    /// Has a caller that waits return, without an event.
    pub(crate) fn wake(&self) {
        locked(&self.pending).woken = true;
        self.changed.notify_all();
    }

    /// Takes all events; waits up to `wait` for the first one, or until it is woken.
    pub(crate) fn drain(&self, wait: Duration) -> Vec<NodeEvent> {
        let (mut pending, _) = self
            .changed
            .wait_timeout_while(locked(&self.pending), wait, |now| {
                now.events.is_empty() && !now.woken && !now.closed
            })
            .unwrap_or_else(PoisonError::into_inner);
        pending.woken = false;
        std::mem::take(&mut pending.events)
    }

    /// Drops later events, and wakes callers that wait.
    pub(crate) fn close(&self) {
        locked(&self.pending).closed = true;
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
    fn a_waiting_caller_is_woken_by_an_event_and_by_the_end() {
        let events = Events::default();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| events.drain(Duration::from_secs(60)));
            events.push(NodeEvent::landed(1));
            assert_eq!(waiting.join().unwrap().len(), 1);
            let started = Instant::now();
            let waiting = scope.spawn(|| events.drain(Duration::from_secs(60)));
            events.wake();
            assert!(waiting.join().unwrap().is_empty());
            let waiting = scope.spawn(|| events.drain(Duration::from_secs(60)));
            events.close();
            assert!(waiting.join().unwrap().is_empty());
            assert!(started.elapsed() < Duration::from_secs(30));
        });
    }
}
