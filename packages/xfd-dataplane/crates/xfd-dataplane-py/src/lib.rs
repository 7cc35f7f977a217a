//! The thin pyo3 skin of the data plane: `xfd_dataplane._native`.
//!
//! Nothing is decided here. [`convert`] turns the dataclasses of `xfd_api` into the core's structs
//! and back, [`errors`] turns the core's errors into `xfd_api.errors`, [`node`] is the class that
//! Python calls, [`files`] reads files that have landed.

mod convert;
mod errors;
mod files;
mod node;
mod read;
mod wait;
mod write;

use pyo3::prelude::*;

/// Requests and their answers are many small values of several threads: where objects are small the
/// system's allocator takes a sixth of the time, and the buffers of large ones come from fresh pages.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The data plane's native part.
#[pymodule]
mod _native {
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::files::{checksums, manifest_texts, owner_doubted, record_path, record_text};
    #[pymodule_export]
    use crate::node::Node;

    /// `FIELDS` says which fields of which dataclass cross the border, so that a test can compare.
    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("FIELDS", crate::convert::fields(module.py())?)
    }
}
