//! The class that Python calls: `xfd_api.ports.DataPlane` and `ObjectFinder`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyList;

use xfd_dataplane_core::error::{Error, Kind, Result};
use xfd_dataplane_core::log;
use xfd_dataplane_core::model::{Lookup, NodeSettings, Order, SwarmTicket};
use xfd_dataplane_core::node::Node as Core;

use crate::read::Read;
use crate::twins::TwinsOfPython;
use crate::wait::{interruptible, slice};
use crate::{errors, from_python, hub_cache, memory, to_python};

const FORK_REMEDY: &str = "Start the process with multiprocessing.get_context(\"spawn\"), or open the \
                           data plane after the fork";

/// One node's data plane. Blocking methods release the interpreter; those that wait long act on
/// signals within 100 ms.
#[pyclass(module = "xfd_dataplane._native", frozen)]
pub struct Node {
    core: Arc<Core>,
    id: String,
    root: PathBuf,
    hub_cache: PathBuf,
    /// The process that made it. A fork of that process has none of its threads.
    pid: u32,
}

impl Node {
    /// The core; an error in a fork of the process that made it.
    fn core(&self, py: Python<'_>) -> PyResult<&Arc<Core>> {
        if self.is_forked() {
            let error = Error::new(
                Kind::InvalidRequest,
                "This process was forked from the one that opened the data plane",
            )
            .with_remedy(FORK_REMEDY);
            return Err(errors::raised(py, &error, Some(&self.id)));
        }
        Ok(&self.core)
    }

    fn is_forked(&self) -> bool {
        std::process::id() != self.pid
    }

    fn raised<T>(&self, py: Python<'_>, result: Result<T>) -> PyResult<T> {
        result.map_err(|error| errors::raised(py, &error, Some(&self.id)))
    }
}

#[pymethods]
impl Node {
    #[new]
    fn new(py: Python<'_>, node_id: String, settings: &Bound<'_, PyAny>) -> PyResult<Self> {
        let root: PathBuf = Read::read(&settings.getattr("root")?)?;
        if !root.is_absolute() {
            return Err(PyValueError::new_err(format!(
                "settings.root is not absolute: {}",
                root.display()
            )));
        }
        let hub_cache = hub_cache::of_settings(settings)?;
        let settings = NodeSettings::read(settings)?;
        let id = node_id.clone();
        let core = py
            .detach(|| Core::new(node_id, settings))
            .map_err(|error| errors::raised(py, &error, Some(&id)))?;
        Ok(Self {
            core: Arc::new(core),
            id,
            root,
            hub_cache,
            pid: std::process::id(),
        })
    }

    /// See `xfd_api.ports.ObjectFinder.find_objects`.
    fn find_objects<'py>(
        &self,
        py: Python<'py>,
        lookups: &Bound<'py, PyAny>,
        stores: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyList>> {
        let lookups = Vec::<Lookup>::read(lookups)?;
        let stores = from_python::stores(stores)?;
        let core = Arc::clone(self.core(py)?);
        let answers = interruptible(py, move || core.find_objects(&lookups, &stores))?;
        to_python::found(py, &self.raised(py, answers)?, Some(&self.id))
    }

    /// See `xfd_api.ports.DataPlane.serve`.
    fn serve(&self, py: Python<'_>, host: &str, ports: Option<(u16, u16)>) -> PyResult<String> {
        let core = self.core(py)?;
        let address = py.detach(|| core.serve(host, ports));
        Ok(self.raised(py, address)?.to_string())
    }

    /// See `xfd_api.ports.DataPlane.reconfigure`.
    fn reconfigure(&self, py: Python<'_>, settings: &Bound<'_, PyAny>) -> PyResult<()> {
        let root: PathBuf = Read::read(&settings.getattr("root")?)?;
        let hub_cache = hub_cache::of_settings(settings)?;
        let settings = NodeSettings::read(settings)?;
        let folders = [
            ("root", root == self.root),
            ("hub_cache", hub_cache == self.hub_cache),
        ];
        let changed = match folders.iter().find(|(_, is_equal)| !is_equal) {
            None => py.detach(|| self.core.reconfigure(&settings)),
            Some((name, _)) => {
                let what = format!("A running node cannot change {name}");
                Err(Error::new(Kind::InvalidRequest, what))
            }
        };
        self.raised(py, changed)
    }

    /// See `xfd_api.ports.DataPlane.join`.
    fn join(&self, py: Python<'_>, ticket: &Bound<'_, PyAny>) -> PyResult<()> {
        let ticket = SwarmTicket::read(ticket)?;
        let core = self.core(py)?;
        let joined = py.detach(|| core.join(ticket));
        self.raised(py, joined)
    }

    /// See `xfd_api.ports.DataPlane.extend`. `find_twins` says where missing objects may be on this
    /// node; see `twins`.
    #[pyo3(signature = (swarm, catalog, stores, find_twins=None))]
    fn extend<'py>(
        &self,
        py: Python<'py>,
        swarm: String,
        catalog: &Bound<'py, PyAny>,
        stores: &Bound<'py, PyAny>,
        find_twins: Option<Py<PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let given = catalog.clone().unbind();
        let read =
            |py: Python<'_>| from_python::catalog(given.bind(py), &self.root, &self.hub_cache);
        let catalog = memory::made_apart(py, read)?;
        let stores = from_python::stores(stores)?;
        let core = Arc::clone(self.core(py)?);
        let twins = TwinsOfPython {
            find: find_twins,
            root: self.root.clone(),
            hub_cache: self.hub_cache.clone(),
        };
        let extend = move || core.extend_with(&swarm, catalog, &stores, &twins);
        let inventory = interruptible(py, extend)?;
        to_python::inventory(py, &self.raised(py, inventory)?)
    }

    /// Of each object of a catalog its index, its bytes on the disk, and whether it has landed.
    /// Changes nothing on the disk.
    fn survey(
        &self,
        py: Python<'_>,
        swarm: String,
        catalog: &Bound<'_, PyAny>,
    ) -> PyResult<Vec<(u32, u64, bool)>> {
        let catalog = from_python::catalog(catalog, &self.root, &self.hub_cache)?;
        let core = Arc::clone(&self.core);
        let here = interruptible(py, move || core.survey(&swarm, &catalog))?;
        let here = self.raised(py, here)?;
        Ok(here
            .iter()
            .map(|one| (one.object, one.bytes, one.is_landed))
            .collect())
    }

    /// See `xfd_api.ports.DataPlane.submit`.
    fn submit(&self, py: Python<'_>, swarm: &str, orders: &Bound<'_, PyAny>) -> PyResult<()> {
        let orders = Vec::<Order>::read(orders)?;
        let core = self.core(py)?;
        let submitted = py.detach(|| core.submit(swarm, orders));
        self.raised(py, submitted)
    }

    /// See `xfd_api.ports.DataPlane.poll`.
    fn poll<'py>(
        &self,
        py: Python<'py>,
        swarm: &str,
        timeout_s: f64,
    ) -> PyResult<Bound<'py, PyList>> {
        let timeout = Duration::try_from_secs_f64(timeout_s.max(0.0)).unwrap_or(Duration::MAX);
        let started = Instant::now();
        let slice = slice(py, timeout)?;
        let core = self.core(py)?;
        loop {
            let left = timeout.saturating_sub(started.elapsed());
            let events = py.detach(|| core.poll(swarm, left.min(slice)));
            let events = self.raised(py, events)?;
            if !events.is_empty() || left <= slice {
                let events = events
                    .iter()
                    .map(|event| to_python::event(py, event, &self.id));
                return PyList::new(py, events.collect::<PyResult<Vec<_>>>()?);
            }
            py.check_signals()?;
        }
    }

    /// See `xfd_api.ports.DataPlane.leave`.
    fn leave(&self, py: Python<'_>, swarm: &str) -> PyResult<()> {
        let core = self.core(py)?;
        py.detach(|| {
            core.leave(swarm);
            memory::give_back();
        });
        Ok(())
    }

    /// See `xfd_api.ports.DataPlane.counters`.
    #[pyo3(signature = (swarm=None))]
    fn counters<'py>(&self, py: Python<'py>, swarm: Option<&str>) -> PyResult<Bound<'py, PyAny>> {
        let core = self.core(py)?;
        let counters = py.detach(|| core.counters(swarm));
        to_python::counters(py, &counters)
    }

    /// See `xfd_api.ports.DataPlane.stall`.
    #[pyo3(signature = (swarm=None))]
    fn stall<'py>(
        &self,
        py: Python<'py>,
        swarm: Option<&str>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let core = self.core(py)?;
        let stall = py.detach(|| core.stall(swarm));
        stall.map(|stall| to_python::stall(py, &stall)).transpose()
    }

    /// See `xfd_api.ports.DataPlane.log_from`.
    #[staticmethod]
    fn log_from(py: Python<'_>, level: Option<&str>) {
        py.detach(|| log::keep_from(level.unwrap_or_default()));
    }

    /// See `xfd_api.ports.DataPlane.drain_log`.
    #[staticmethod]
    fn drain_log(py: Python<'_>) -> PyResult<Bound<'_, PyList>> {
        let events = py.detach(log::drain);
        let events = events.iter().map(|event| to_python::log_event(py, event));
        PyList::new(py, events.collect::<PyResult<Vec<_>>>()?)
    }

    /// See `xfd_api.ports.DataPlane.close`.
    fn close(&self, py: Python<'_>) {
        if !self.is_forked() {
            py.detach(|| self.core.close());
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if self.is_forked() {
            // The last owner would wait for threads that this process does not have.
            std::mem::forget(Arc::clone(&self.core));
        }
    }
}
