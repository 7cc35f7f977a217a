//! Builds dataclasses of `xfd_api` from structs of the core.
//!
//! The table lists every field that is written; see [`crate::from_python`].

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyList, PyTuple};

use xfd_dataplane_core::log::{LogEvent, Value};
use xfd_dataplane_core::model::{
    Fault, FoundObject, Inventory, NodeEvent, PeerIdentity, Source, Stall,
};
use xfd_dataplane_core::stats::Counters;

use crate::errors;
use crate::write::write_dataclasses;

write_dataclasses! {
    pub(crate) const WRITTEN_CLASSES;
    fn new_checksum = "xfd_api.chunks"."Checksum" (algorithm: &str, value: &str);
    fn new_found_object = "xfd_api.chunks"."FoundObject" (
        key: &str, size: u64, etag: Option<&str>, last_modified_ns: Option<i64>,
        checksum: Option<Bound<'py, PyAny>>, refused: Option<Bound<'py, PyAny>>,
        location: Option<&str>, hub_file: Option<&str>,
    );
    fn new_held_run = "xfd_api.reports"."HeldRun" (
        first_chunk: u32, crcs: Bound<'py, PyTuple>,
    );
    fn new_inventory = "xfd_api.reports"."Inventory" (
        held: Bound<'py, PyTuple>, landed: Bound<'py, PyTuple>, elsewhere: Bound<'py, PyTuple>,
        cached_bytes: u64, left_out: Bound<'py, PyTuple>,
    );
    fn new_chunk_held = "xfd_api.reports"."ChunkHeld" (
        order: u64, chunk: u32, crc: u64, source: Option<&str>, size: u64, seconds: f64,
        transfer_seconds: f64,
    );
    fn new_order_failed = "xfd_api.reports"."OrderFailed" (
        order: u64, chunk: u32, source: Option<&str>, error: Bound<'py, PyAny>, fault: &str,
        bad_bytes: bool, is_final = "final": bool, retry_after_s: Option<f64>, seconds: f64,
    );
    fn new_log_event = "xfd_api.reports"."LogEvent" (
        level: &str, name: &str, at_s: f64, fields: Bound<'py, PyDict>,
    );
    fn new_stall = "xfd_api.node_report"."Stall" (
        idle_s: f64, source: Option<&str>, failure: &str,
    );
    fn new_peer_identity = "xfd_api.settings"."PeerIdentity" (
        authority: &[u8], certificate: &[u8], key: &[u8],
    );
    fn new_chunk_lost = "xfd_api.reports"."ChunkLost" (chunk: u32);
    fn new_object_landed = "xfd_api.reports"."ObjectLanded" (
        object: u32, left_out: Bound<'py, PyTuple>, left_out_count: u64,
    );
    fn new_object_failed = "xfd_api.reports"."ObjectFailed" (
        object: u32, error: Bound<'py, PyAny>, chunks_suspect: bool,
    );
}

/// A `PeerIdentity`.
pub(crate) fn identity<'py>(
    py: Python<'py>,
    identity: &PeerIdentity,
) -> PyResult<Bound<'py, PyAny>> {
    let PeerIdentity {
        authority,
        certificate,
        key,
    } = identity;
    new_peer_identity(py, authority, certificate, &key.0)
}

/// One `list[FoundObject]` per lookup.
pub(crate) fn found<'py>(
    py: Python<'py>,
    answers: &[Vec<FoundObject>],
    node: Option<&str>,
) -> PyResult<Bound<'py, PyList>> {
    let lists = PyList::empty(py);
    for answer in answers {
        let list = PyList::empty(py);
        for object in answer {
            let checksum = object
                .checksum
                .as_ref()
                .map(|sum| new_checksum(py, sum.algorithm.name(), &sum.value))
                .transpose()?;
            let refused = object.refused.as_ref();
            let refused = refused
                .map(|error| errors::instance(py, error, node))
                .transpose()?;
            list.append(new_found_object(
                py,
                &object.key,
                object.size,
                object.etag.as_deref(),
                object.last_modified_ns,
                checksum,
                refused,
                object.location.as_deref(),
                None,
            )?)?;
        }
        lists.append(list)?;
    }
    Ok(lists)
}

/// `xfd_api.reports.Inventory`.
pub(crate) fn inventory<'py>(
    py: Python<'py>,
    inventory: &Inventory,
) -> PyResult<Bound<'py, PyAny>> {
    let held = inventory
        .held
        .iter()
        .map(|run| new_held_run(py, run.first_chunk, PyTuple::new(py, &run.crcs)?))
        .collect::<PyResult<Vec<_>>>()?;
    let left_out = inventory
        .left_out
        .iter()
        .map(|(object, entries)| Ok((*object, PyTuple::new(py, &entries.names)?, entries.count)))
        .collect::<PyResult<Vec<_>>>()?;
    new_inventory(
        py,
        PyTuple::new(py, held)?,
        PyTuple::new(py, &inventory.landed)?,
        PyTuple::new(py, &inventory.elsewhere)?,
        inventory.cached_bytes,
        PyTuple::new(py, left_out)?,
    )
}

/// `xfd_api.reports.LogEvent`.
pub(crate) fn log_event<'py>(py: Python<'py>, event: &LogEvent) -> PyResult<Bound<'py, PyAny>> {
    let fields = PyDict::new(py);
    for (name, value) in &event.fields {
        match value {
            Value::Bool(value) => fields.set_item(name, value),
            Value::Int(value) => fields.set_item(name, value),
            Value::Unsigned(value) => fields.set_item(name, value),
            Value::Float(value) => fields.set_item(name, value),
            Value::Text(value) => fields.set_item(name, value),
        }?;
    }
    new_log_event(py, event.level, &event.name, event.at, fields)
}

const fn source_name(source: &Source) -> Option<&str> {
    match source {
        Source::Origin => None,
        Source::Peer(node) => Some(node.as_str()),
    }
}

/// `xfd_api.reports.NodeEvent`; errors in it say that they happened at `node`.
pub(crate) fn event<'py>(
    py: Python<'py>,
    event: &NodeEvent,
    node: &str,
) -> PyResult<Bound<'py, PyAny>> {
    match event {
        NodeEvent::ChunkHeld {
            order,
            chunk,
            crc,
            source,
            size,
            seconds,
            transfer_seconds,
        } => new_chunk_held(
            py,
            *order,
            *chunk,
            *crc,
            source_name(source),
            *size,
            *seconds,
            *transfer_seconds,
        ),
        NodeEvent::OrderFailed {
            order,
            chunk,
            source,
            error,
            fault,
            bad_bytes,
            is_final,
            seconds,
        } => new_order_failed(
            py,
            *order,
            *chunk,
            source_name(source),
            errors::instance(py, error, Some(node))?,
            match fault {
                Fault::Origin => "origin",
                Fault::Peer => "peer",
                Fault::Node => "node",
            },
            *bad_bytes,
            *is_final,
            error.retry_after.map(|wait| wait.as_secs_f64()),
            *seconds,
        ),
        NodeEvent::ChunkLost { chunk } => new_chunk_lost(py, *chunk),
        NodeEvent::ObjectLanded { object, left_out } => new_object_landed(
            py,
            *object,
            PyTuple::new(py, &left_out.names)?,
            left_out.count,
        ),
        NodeEvent::ObjectFailed {
            object,
            error,
            chunks_suspect,
        } => new_object_failed(
            py,
            *object,
            errors::instance(py, error, Some(node))?,
            *chunks_suspect,
        ),
    }
}

/// `xfd_api.node_report.Stall`.
pub(crate) fn stall<'py>(py: Python<'py>, stall: &Stall) -> PyResult<Bound<'py, PyAny>> {
    let idle_s = stall.idle.as_secs_f64();
    new_stall(py, idle_s, source_name(&stall.source), &stall.failure)
}

/// `xfd_api.reports.NodeCounters`.
pub(crate) fn counters<'py>(py: Python<'py>, counters: &Counters) -> PyResult<Bound<'py, PyAny>> {
    static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let keywords = PyDict::new(py);
    for (name, value) in counters.entries() {
        keywords.set_item(name, value)?;
    }
    CLASS
        .import(py, "xfd_api.reports", "NodeCounters")?
        .call((), Some(&keywords))
}
