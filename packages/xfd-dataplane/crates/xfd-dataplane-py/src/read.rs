//! How one Python value becomes a value of the core.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use xfd_dataplane_core::error::Error;
use xfd_dataplane_core::model::{Secret, SecretBytes, Source};

/// Built from a Python value. The tables of `from_python.rs` implement it for dataclasses.
pub(crate) trait Read: Sized {
    /// Reads it.
    fn read(value: &Bound<'_, PyAny>) -> PyResult<Self>;
}

macro_rules! as_pyo3_does {
    ($($kind:ty),+) => {
        $(impl Read for $kind {
            fn read(value: &Bound<'_, PyAny>) -> PyResult<Self> {
                value.extract()
            }
        })+
    };
}

as_pyo3_does!(bool, i32, i64, u8, u32, u64, usize, f64, String);

impl Read for PathBuf {
    fn read(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        String::read(value).map(Self::from)
    }
}

impl Read for Arc<Path> {
    fn read(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        PathBuf::read(value).map(Self::from)
    }
}

impl Read for Secret {
    fn read(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        String::read(value).map(Self)
    }
}

impl Read for SecretBytes {
    fn read(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        Vec::read(value).map(|bytes| Self(bytes.into()))
    }
}

/// Objects that a list refuses go to Python, and never come back in a catalog.
impl Read for Box<Error> {
    fn read(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        Err(PyValueError::new_err(format!("This is no object: {value}")))
    }
}

/// Seconds.
impl Read for Duration {
    fn read(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        let seconds = f64::read(value)?;
        Self::try_from_secs_f64(seconds)
            .map_err(|error| PyValueError::new_err(format!("{seconds} s: {error}")))
    }
}

/// A peer's id; None is the origin.
impl Read for Source {
    fn read(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(Option::<String>::read(value)?.map_or(Self::Origin, Self::Peer))
    }
}

impl<T: Read> Read for Option<T> {
    fn read(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        if value.is_none() {
            Ok(None)
        } else {
            T::read(value).map(Some)
        }
    }
}

impl<T: Read> Read for Vec<T> {
    fn read(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        let mut read = Self::with_capacity(value.len().unwrap_or(0));
        for item in value.try_iter()? {
            read.push(T::read(&item?)?);
        }
        Ok(read)
    }
}

impl<A: Read, B: Read> Read for (A, B) {
    fn read(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        let (first, second): (Bound<'_, PyAny>, Bound<'_, PyAny>) = value.extract()?;
        Ok((A::read(&first)?, B::read(&second)?))
    }
}

/// The name of a field in Python: that of the core, unless another one is given.
macro_rules! python_name {
    ($rust:ident) => {
        stringify!($rust)
    };
    ($rust:ident $python:literal) => {
        $python
    };
}

/// Reads a struct literal's fields from the attributes of a Python value.
macro_rules! read_fields {
    ($value:expr, $built:ident $(:: $variant:ident)? {
        $($rust:ident $(= $python:literal)?),*
    } $(made { $($made:ident),+ })?) => {
        $built $(:: $variant)? {
            $($rust: crate::read::Read::read(&$value.getattr(pyo3::intern!(
                $value.py(),
                crate::read::python_name!($rust $($python)?)
            ))?)?,)*
            $($($made: Default::default(),)+)?
        }
    };
}

/// Structs of the core, each read from one dataclass. `unread` names the fields that the core does
/// not need, or that another function reads; `made` those of the core that another function fills.
macro_rules! read_dataclasses {
    (
        $visibility:vis const $table:ident;
        $($built:ident = $class:literal {
            $($rust:ident $(= $python:literal)?),* $(,)?
        } $(unread { $($unread:literal),+ })? $(made { $($made:ident),+ })?;)+
    ) => {
        $visibility const $table: &[(&str, &[&str])] = &[
            $(($class, &[
                $(crate::read::python_name!($rust $($python)?),)*
                $($($unread,)+)?
            ]),)+
        ];
        $(impl crate::read::Read for $built {
            fn read(value: &Bound<'_, PyAny>) -> PyResult<Self> {
                Ok(crate::read::read_fields!(
                    value,
                    $built { $($rust $(= $python)?),* } $(made { $($made),+ })?
                ))
            }
        })+
    };
}

/// Variants of an enum of the core, each read from one dataclass.
macro_rules! read_variants {
    (
        $visibility:vis const $table:ident;
        $kind:ident in $module:literal {
            $($variant:ident = $class:literal { $($rust:ident $(= $python:literal)?),* $(,)? })+
        }
    ) => {
        $visibility const $table: &[(&str, &[&str])] = &[
            $((
                concat!($module, ".", $class),
                &[$(crate::read::python_name!($rust $($python)?),)*],
            ),)+
        ];
        impl crate::read::Read for $kind {
            fn read(value: &Bound<'_, PyAny>) -> PyResult<Self> {
                let class = value.get_type().name()?;
                match class.to_str()? {
                    $($class => Ok(crate::read::read_fields!(
                        value,
                        $kind::$variant { $($rust $(= $python)?),* }
                    )),)+
                    other => Err(pyo3::exceptions::PyTypeError::new_err(format!(
                        "{other} is none of {}",
                        stringify!($($class),+)
                    ))),
                }
            }
        }
    };
}

/// Enums of the core, each read from the values of a string enum (or literal) of Python.
macro_rules! read_enums {
    (
        $visibility:vis const $table:ident;
        $($kind:ident = $class:literal { $($value:literal => $variant:ident),+ $(,)? }
            $(unread { $($unread:literal),+ })?;)+
    ) => {
        $visibility const $table: &[(&str, &[&str])] = &[
            $(($class, &[$($value,)+ $($($unread,)+)?]),)+
        ];
        $(impl crate::read::Read for $kind {
            fn read(value: &Bound<'_, PyAny>) -> PyResult<Self> {
                let text = String::read(value)?;
                match text.as_str() {
                    $($value => Ok(Self::$variant),)+
                    other => Err(pyo3::exceptions::PyValueError::new_err(format!(
                        "{other:?} is none of {}",
                        stringify!($($value),+)
                    ))),
                }
            }
        })+
    };
}

pub(crate) use {python_name, read_dataclasses, read_enums, read_fields, read_variants};
