//! What all swarms of a node share, and the way of an order from the queue to its report.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, oneshot};
use tokio_util::sync::CancellationToken;

use crate::decides::queue::{Entry, Key, Queue, Step};
use crate::limits::Limits;
use crate::model::{NodeId, NodeSettings};
use crate::node::caught::{caught, panicked};
use crate::node::orders::Begin;
use crate::node::origins::Origins;
use crate::node::reporting::{give_up_changed, report_failed, report_held};
use crate::node::swarm::Swarm;
use crate::node::work::{Failure, Fetched, Held, Outcome, Work};
use crate::peer::Peers;
use crate::server::{Served, Swarms};
use crate::stats::Counters;

pub(crate) struct Shared {
    pub(crate) id: NodeId,
    /// As the node began; for what can be changed since see `limits`, `queue` and `origins`.
    pub(crate) settings: NodeSettings,
    pub(crate) limits: Limits,
    pub(crate) peers: Peers,
    pub(crate) origins: Origins,
    pub(crate) runtime: Handle,
    /// Archives that are unpacked at once.
    pub(crate) unpackers: Arc<Semaphore>,
    pub(crate) closed: CancellationToken,
    pub(crate) members: Mutex<Members>,
    queue: Mutex<Queue>,
    /// Orders whose bytes have arrived and that wait for a slot.
    ready: Mutex<HashMap<Key, oneshot::Sender<()>>>,
}

/// The swarms that a node is in, and what was counted outside of them: of those that it has left, and
/// of requests that looked for objects.
#[derive(Default)]
pub(crate) struct Members {
    pub(crate) by_id: HashMap<String, Arc<Swarm>>,
    pub(crate) by_number: HashMap<u32, Arc<Swarm>>,
    pub(crate) joined: u32,
    pub(crate) past: Counters,
}

impl Shared {
    pub(crate) fn new(
        id: NodeId,
        settings: NodeSettings,
        origins: Origins,
        runtime: Handle,
        cores: usize,
    ) -> Self {
        Self {
            id,
            limits: Limits::new(&settings),
            peers: Peers::new(&settings),
            origins,
            runtime,
            unpackers: Arc::new(Semaphore::new(cores)),
            closed: CancellationToken::new(),
            members: Mutex::default(),
            queue: Mutex::new(Queue::new(settings.node_parallelism)),
            ready: Mutex::default(),
            settings,
        }
    }

    pub(crate) fn members(&self) -> MutexGuard<'_, Members> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ready(&self) -> MutexGuard<'_, HashMap<Key, oneshot::Sender<()>>> {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins with every order that may begin now.
    pub(crate) fn pump(self: &Arc<Self>) {
        loop {
            let step = self.queue().next_step();
            match step {
                None => return,
                Some(Step::Resume(key)) => {
                    if let Some(waiter) = self.ready().remove(&key) {
                        // One that was cancelled meanwhile is about to give its slot back.
                        waiter.send(()).ok();
                    }
                }
                Some(Step::Start(entry)) => self.start(entry),
            }
        }
    }

    fn start(self: &Arc<Self>, entry: Entry) {
        let swarm = self.members().by_number.get(&entry.key.0).cloned();
        let begin = swarm.as_ref().map(|swarm| {
            let begin = swarm.orders().begin(&entry, &swarm.left);
            (begin, swarm.fetching.enter())
        });
        let (Some(swarm), Some((Begin::Fetch(stop), Some(guard)))) = (swarm, begin) else {
            self.queue().done(entry.key);
            return;
        };
        let node = Arc::clone(self);
        self.runtime.spawn(async move {
            node.run(&swarm, entry, stop).await;
            drop(guard);
        });
    }

    /// Carries an order out, and those that follow it in its lane.
    async fn run(
        self: &Arc<Self>,
        swarm: &Arc<Swarm>,
        mut entry: Entry,
        mut stop: CancellationToken,
    ) {
        let mut lane = self.lane(swarm, &entry);
        loop {
            let work = Work {
                node: self,
                swarm,
                entry: &entry,
            };
            let fetched = tokio::select! {
                biased;
                () = stop.cancelled() => None,
                fetched = AssertUnwindSafe(work.run(&mut lane)).catch_unwind() => Some(fetched),
            };
            let fetched = fetched.map(|fetched| {
                fetched.unwrap_or_else(|panic| {
                    Err(Failure::of_node(panicked("A fetch", panic.as_ref())))
                })
            });
            let next = match &fetched {
                Some(Ok(_)) => self.next_in(&mut lane, swarm, entry.key),
                _ => None,
            };
            if next.is_none() {
                let mut queue = self.queue();
                lane.end().into_iter().for_each(|left| queue.push(left));
            }
            self.settle(&work, fetched);
            match next {
                Some(next) => (entry, stop) = next,
                None => return,
            }
        }
    }

    fn settle(self: &Arc<Self>, work: &Work<'_>, fetched: Option<Outcome<Fetched>>) {
        {
            let _reporting = work.swarm.reporting();
            let settled = fetched.map(|fetched| {
                let settle = |it| caught("Settling a fetch", || Ok(work.settle(it)));
                settle(fetched?).unwrap_or_else(|error| Err(Failure::of_node(error)))
            });
            self.end(work.swarm, work.entry, settled);
        }
        self.pump();
    }

    /// Reports an order, unless it was cancelled.
    fn end(&self, swarm: &Arc<Swarm>, entry: &Entry, outcome: Option<Outcome<Held>>) {
        let is_held = matches!(outcome, Some(Ok(_)));
        let ended = swarm.orders().end(entry, is_held);
        self.ready().remove(&entry.key);
        self.queue().done(entry.key);
        match outcome {
            Some(Ok(held)) => {
                if ended.report {
                    report_held(swarm, entry, &held);
                }
                let shared = Held {
                    transfer_seconds: 0.0,
                    whole: Vec::new(),
                    ..held
                };
                for other in &ended.behind {
                    report_held(swarm, other, &shared);
                }
                for object in held.whole {
                    swarm.set_suspect(object, false);
                    swarm.land(object);
                }
            }
            Some(Err(failure)) => {
                give_up_changed(swarm, entry, &failure);
                if ended.report && !self.is_asked_elsewhere(swarm, entry) {
                    report_failed(swarm, entry, failure);
                }
            }
            None => {}
        }
        if ended.last && !swarm.orders().wants(entry.chunk) {
            swarm.store.unexpect(entry.chunk);
        }
        if !is_held {
            let mut queue = self.queue();
            for other in ended.behind {
                queue.push(other);
            }
        }
    }

    /// The order's peer lets it wait: another one may have its slot.
    pub(crate) fn waits(self: &Arc<Self>, key: Key) {
        self.queue().waits(key);
        self.pump();
    }

    /// Waits for a slot, for an order whose bytes are arriving.
    pub(crate) async fn has_slot_again(&self, key: Key) {
        let (sender, receiver) = oneshot::channel();
        self.ready().insert(key, sender);
        if self.queue().arrives(key) {
            self.ready().remove(&key);
            return;
        }
        receiver.await.ok();
    }
}

impl Swarms for Shared {
    fn served(&self, swarm: &str) -> Option<Served> {
        self.members().by_id.get(swarm).map(|swarm| swarm.served())
    }
}
