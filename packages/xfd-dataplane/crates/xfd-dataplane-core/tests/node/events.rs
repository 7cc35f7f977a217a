//! Short ways to read a node's events.

use xfd_dataplane_core::error::Error;
use xfd_dataplane_core::model::{Fault, NodeEvent, OrderId};

pub fn landed(events: &[NodeEvent]) -> usize {
    let is_landed = |event: &&NodeEvent| matches!(event, NodeEvent::ObjectLanded { .. });
    events.iter().filter(is_landed).count()
}

pub fn held(events: &[NodeEvent]) -> Vec<OrderId> {
    let order = |event: &NodeEvent| match event {
        NodeEvent::ChunkHeld { order, .. } => Some(*order),
        _ => None,
    };
    events.iter().filter_map(order).collect()
}

pub fn failed(events: &[NodeEvent]) -> Vec<OrderId> {
    let order = |event: &NodeEvent| match event {
        NodeEvent::OrderFailed { order, .. } => Some(*order),
        _ => None,
    };
    events.iter().filter_map(order).collect()
}

/// A failed order.
pub struct Refused<'a> {
    pub error: &'a Error,
    pub fault: Fault,
    pub bad_bytes: bool,
    pub is_final: bool,
}

/// The fields of an event that has to be a failed order.
pub fn refused(event: &NodeEvent) -> Refused<'_> {
    let NodeEvent::OrderFailed {
        error,
        fault,
        bad_bytes,
        is_final,
        ..
    } = event
    else {
        panic!("{event:?}");
    };
    Refused {
        error,
        fault: *fault,
        bad_bytes: *bad_bytes,
        is_final: *is_final,
    }
}
