//! Python bindings (pyo3) of the data plane: `xfd_dataplane._native`.
//!
//! It decides nothing. `node` is the class that Python calls, and `files` reads files that have
//! landed. `from_python` and `to_python` convert between dataclasses of `xfd_api` and structs
//! of the core, and `errors` turns the core's errors into those of `xfd_api.errors`.

mod authority;
mod errors;
mod fields;
mod files;
mod from_python;
mod hub_cache;
mod memory;
mod node;
mod read;
mod to_python;
mod twins;
mod wait;
mod write;

use pyo3::prelude::*;

/// The data plane's native part.
#[pymodule]
mod _native {
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::authority::PeerAuthority;
    #[pymodule_export]
    use crate::files::{checksums, manifest_texts, owner_doubted, record_path, record_text};
    #[pymodule_export]
    use crate::node::Node;

    /// `FIELDS` has the fields of each dataclass that crosses the border, for a test.
    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("FIELDS", crate::fields::fields(module.py())?)
    }
}
