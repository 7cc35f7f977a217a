//! The way of an order from its slot to its report.
//!
//! ```text
//!   start ─► run: fetch ─► commit ─► end: report, land, queue the followers again
//!             ▲                       │
//!             └── next of its lane ◄──┘
//! ```

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use futures_util::FutureExt;
use tokio_util::sync::CancellationToken;

use super::fetch::{Fetch, Fetched};
use super::lane::Lane;
use super::orders::Begin;
use super::outcome::{Failure, Held, Outcome};
use super::panics;
use super::registry::SwarmRegistry;
use super::swarm::NodeSwarm;
use super::{report, self_repair};
use crate::decides::queue::QueuedOrder;
use crate::model::Fault;

/// Starts an order that has a slot. False if its slot is to be given back, as its swarm was left.
pub(crate) fn start(swarms: &SwarmRegistry, order: QueuedOrder) -> bool {
    let Some(swarm) = swarms.get_by_number(order.key.0) else {
        return false;
    };
    let Begin::Fetch(stop) = swarm.begin(&order) else {
        return true;
    };
    let Some(guard) = swarm.fetching.enter() else {
        return false;
    };
    swarm.node.runtime.clone().spawn(async move {
        run(&swarm, order, stop).await;
        drop(guard);
    });
    true
}

/// Carries out an order, and those that follow it in its lane.
async fn run(swarm: &Arc<NodeSwarm>, mut order: QueuedOrder, mut stop: CancellationToken) {
    let slots = &swarm.node.slots;
    let mut lane = Lane::open(swarm, &order);
    loop {
        let fetch = Fetch {
            swarm,
            order: &order,
        };
        let began = Instant::now();
        let fetched = tokio::select! {
            biased;
            () = stop.cancelled() => None,
            fetched = AssertUnwindSafe(fetch.run(&mut lane)).catch_unwind() => Some(fetched),
        };
        let fetched = fetched.map(|fetched| {
            fetched.unwrap_or_else(|panic| {
                let error = panics::error_of("A fetch", panic.as_ref());
                Err(Failure::of_node(error))
            })
        });
        let next = match &fetched {
            Some(Ok(_)) => lane.next(swarm, order.key),
            _ => None,
        };
        if next.is_none() {
            slots.push_all(lane.end());
        }
        settle(&fetch, fetched, began);
        slots.fill();
        match next {
            Some(next) => (order, stop) = next,
            None => return,
        }
    }
}

/// Commits what was fetched and ends the order; None if it was cancelled.
fn settle(fetch: &Fetch<'_>, fetched: Option<Outcome<Fetched>>, began: Instant) {
    let _reporting = fetch.swarm.reporting();
    let outcome = fetched.map(|fetched| {
        let fetched = fetched?;
        panics::catch("Settling a fetch", || Ok(fetch.commit(fetched)))
            .unwrap_or_else(|error| Err(Failure::of_node(error)))
    });
    end(fetch.swarm, fetch.order, outcome, began);
}

/// Frees the order's slot and reports the order, unless it was cancelled.
fn end(swarm: &NodeSwarm, order: &QueuedOrder, outcome: Option<Outcome<Held>>, began: Instant) {
    let slots = &swarm.node.slots;
    let is_held = matches!(outcome, Some(Ok(_)));
    let ended = swarm.orders().end(order, is_held);
    slots.done(order.key);
    match outcome {
        Some(Ok(held)) => {
            if ended.report {
                report::order_held(swarm, order, &held);
            }
            let shared = Held {
                transfer_seconds: 0.0,
                whole: Vec::new(),
                ..held
            };
            for follower in &ended.followers {
                report::order_held(swarm, follower, &shared);
            }
            for object in held.whole {
                swarm.set_suspect(object, false);
                swarm.land(object);
            }
        }
        Some(Err(failure)) => {
            if failure.fault != Fault::Node {
                swarm.obstacles.failed(&order.source, &failure.error);
            }
            let _giving_up = swarm.giving_up();
            report::drop_changed(swarm, order, &failure);
            if ended.report && !self_repair::try_next_source(swarm, order) {
                report::order_failed(swarm, order, failure, began.elapsed());
            }
        }
        None => {}
    }
    if ended.last && !swarm.orders().wants(order.chunk) {
        swarm.store.unexpect(order.chunk);
    }
    if !is_held {
        slots.push_all(ended.followers);
    }
}
