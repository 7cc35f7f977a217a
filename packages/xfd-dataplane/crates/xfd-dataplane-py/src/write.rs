//! How one value of the core becomes a dataclass of Python.

/// Functions that each build one dataclass by its keyword arguments. A field too many or too few is
/// an error at the first call.
macro_rules! write_dataclasses {
    (
        $visibility:vis const $table:ident;
        $(fn $function:ident = $module:literal . $class:literal (
            $($argument:ident $(= $python:literal)? : $kind:ty),+ $(,)?
        );)+
    ) => {
        $visibility const $table: &[(&str, &[&str])] = &[
            $((
                concat!($module, ".", $class),
                &[$(crate::read::python_name!($argument $($python)?),)+],
            ),)+
        ];
        $(
            #[allow(clippy::too_many_arguments, reason = "as many as the dataclass has fields")]
            fn $function<'py>(
                py: Python<'py>,
                $($argument: $kind),+
            ) -> PyResult<Bound<'py, PyAny>> {
                static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
                let keywords = PyDict::new(py);
                $(keywords.set_item(
                    pyo3::intern!(py, crate::read::python_name!($argument $($python)?)),
                    $argument,
                )?;)+
                CLASS.import(py, $module, $class)?.call((), Some(&keywords))
            }
        )+
    };
}

pub(crate) use write_dataclasses;
