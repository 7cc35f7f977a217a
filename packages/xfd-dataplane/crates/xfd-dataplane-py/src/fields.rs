//! The fields that cross the border, by class, for a test of their parity with the dataclasses.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use xfd_dataplane_core::stats::Counters;

use crate::from_python::{READ_CLASSES, READ_ENUMS, READ_ORDERS};
use crate::to_python::WRITTEN_CLASSES;

/// Every class that crosses the border, by its full name, with its fields, or an enum's values.
pub(crate) fn fields(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let known = PyDict::new(py);
    for table in [READ_ENUMS, READ_CLASSES, READ_ORDERS, WRITTEN_CLASSES] {
        for (class, fields) in table {
            known.set_item(class, PyTuple::new(py, *fields)?)?;
        }
    }
    let counters = Counters::default().entries();
    let names = counters.iter().map(|(name, _)| *name);
    let names = PyTuple::new(py, names.collect::<Vec<_>>())?;
    known.set_item("xfd_api.reports.NodeCounters", names)?;
    Ok(known)
}
