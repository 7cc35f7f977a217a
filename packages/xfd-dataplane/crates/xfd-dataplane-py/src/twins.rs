//! Asks Python where missing objects may be on this node.

use std::path::PathBuf;

use pyo3::prelude::*;

use xfd_dataplane_core::model::ObjectIndex;
use xfd_dataplane_core::store::{FindTwins, Twin};

use crate::hub_cache;

/// Of each place the object, the file, and the folder of the prefix that it landed with.
type Places = Vec<(ObjectIndex, PathBuf, Option<PathBuf>)>;

/// A Python function of a list of object indexes; None knows nothing.
pub(crate) struct TwinsOfPython {
    pub(crate) find: Option<Py<PyAny>>,
    pub(crate) root: PathBuf,
    pub(crate) hub_cache: PathBuf,
}

impl FindTwins for TwinsOfPython {
    fn find(&self, missing: &[ObjectIndex]) -> Vec<Twin> {
        let Some(find) = &self.find else {
            return Vec::new();
        };
        let asked = Python::attach(|py| -> PyResult<Places> {
            find.call1(py, (missing.to_vec(),))?.extract(py)
        });
        let places = asked.unwrap_or_else(|error| {
            // The function reports its own failures; what is left is a bug, and the objects are
            // fetched.
            Python::attach(|py| error.write_unraisable(py, None));
            Vec::new()
        });
        places
            .into_iter()
            .map(|(object, path, group)| Twin {
                object,
                records: hub_cache::records_of_blob(&self.root, &self.hub_cache, &path),
                path,
                group,
            })
            .collect()
    }
}
