//! Orders that share the slots of a node, and tasks that have to end before their swarm does.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use shuttle::{future::block_on, thread};

use super::in_orders;
use crate::decides::queue::QueuedOrder;
use crate::group::TaskGroup;
use crate::model::Source;
use crate::slots::Slots;

const ORDERS: u32 = 3;

/// Orders give their only slot up while their peers keep them waiting, and want it back: each of
/// them runs to its end, and at no time do two have the slot.
pub fn each_order_gets_its_slot_back() {
    in_orders(|| {
        let node = Node::new();
        for number in 0..ORDERS {
            node.slots().push(QueuedOrder {
                key: (1, number.into()),
                chunk: number,
                source: Source::Peer(format!("peer-{number}").into()),
                priority: 0,
                arrival: None,
            });
        }
        node.slots().fill();
        let mut joined = 0;
        while joined < ORDERS {
            let next = node.started.lock().expect("no panic").pop();
            match next {
                Some(order) => {
                    order.join().expect("an order");
                    joined += 1;
                }
                None => thread::yield_now(),
            }
        }
    });
}

/// The slots of a node, the orders that were started, and how many have a slot.
struct Node {
    slots: OnceLock<Slots>,
    started: std::sync::Mutex<Vec<thread::JoinHandle<()>>>,
    running: AtomicUsize,
}

impl Node {
    fn new() -> Arc<Self> {
        let node = Arc::new(Self {
            slots: OnceLock::new(),
            started: std::sync::Mutex::default(),
            running: AtomicUsize::new(0),
        });
        let weak = Arc::downgrade(&node);
        let start = move |order: QueuedOrder| {
            let node = weak.upgrade().expect("the node");
            let of = node.clone();
            let thread = thread::spawn(move || of.run(&order));
            node.started.lock().expect("no panic").push(thread);
            true
        };
        node.slots.get_or_init(|| Slots::new(1, Box::new(start)));
        node
    }

    fn slots(&self) -> &Slots {
        self.slots.get().expect("slots")
    }

    fn run(&self, order: &QueuedOrder) {
        self.slots().wait_without_slot(order.key);
        block_on(self.slots().slot_again(order.key));
        assert_eq!(self.running.fetch_add(1, Ordering::SeqCst), 0);
        thread::yield_now();
        self.running.fetch_sub(1, Ordering::SeqCst);
        self.slots().done(order.key);
        self.slots().fill();
    }
}

/// A task that was let in has ended once its group is closed, and none is let in later.
pub fn a_closed_group_has_no_tasks() {
    in_orders(|| {
        let group = Arc::new(TaskGroup::new());
        let running = Arc::new(AtomicUsize::new(0));
        let tasks: Vec<_> = (0..2)
            .map(|_| {
                let (group, running) = (group.clone(), running.clone());
                thread::spawn(move || {
                    if let Some(guard) = group.enter() {
                        running.fetch_add(1, Ordering::SeqCst);
                        thread::yield_now();
                        running.fetch_sub(1, Ordering::SeqCst);
                        drop(guard);
                    }
                })
            })
            .collect();
        block_on(group.close());
        assert_eq!(running.load(Ordering::SeqCst), 0);
        assert!(group.enter().is_none());
        for task in tasks {
            task.join().expect("a task");
        }
    });
}
