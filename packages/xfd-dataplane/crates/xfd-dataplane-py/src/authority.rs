//! The class that issues certificates to the nodes of a swarm.

use pyo3::prelude::*;

use xfd_dataplane_core::tls::Authority as Core;

use crate::{errors, to_python};

/// See `xfd_api.ports.PeerAuthority`.
#[pyclass(module = "xfd_dataplane._native", frozen)]
pub struct PeerAuthority(Core);

#[pymethods]
impl PeerAuthority {
    #[new]
    fn new(py: Python<'_>, swarm: String) -> PyResult<Self> {
        let core = Core::new(swarm).map_err(|error| errors::raised(py, &error, None))?;
        Ok(Self(core))
    }

    /// See `xfd_api.ports.PeerAuthority.issue`.
    fn issue<'py>(&self, py: Python<'py>, node: &str) -> PyResult<Bound<'py, PyAny>> {
        let issued = self.0.issue(node);
        let identity = issued.map_err(|error| errors::raised(py, &error, Some(node)))?;
        to_python::identity(py, &identity)
    }
}
