//! The origins that a node talks to, each connected at its first use and kept.

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::BoxFuture;
use tokio::sync::OnceCell;

use crate::error::Result;
use crate::model::StoreConfig;
use crate::source::Origin;

/// Makes origins from their descriptions.
pub trait Connect: Send + Sync {
    /// The origin of a description.
    fn connect<'a>(&'a self, config: &'a StoreConfig) -> BoxFuture<'a, Result<Arc<dyn Origin>>>;
}

type Cell = Arc<OnceCell<Arc<Connected>>>;

pub(crate) struct Origins {
    connect: Arc<dyn Connect>,
    cells: Mutex<Vec<(StoreConfig, Cell)>>,
}

/// An origin, and how fast it may be asked.
pub(crate) struct Connected {
    pub(crate) origin: Arc<dyn Origin>,
}

impl Origins {
    pub(crate) fn new(connect: Arc<dyn Connect>) -> Self {
        Self {
            connect,
            cells: Mutex::default(),
        }
    }

    /// The origin that a description names; equal descriptions share one.
    pub(crate) async fn of(&self, config: &StoreConfig) -> Result<Arc<Connected>> {
        let cell = self.cell(config);
        cell.get_or_try_init(|| async {
            let origin = self.connect.connect(config).await?;
            Ok(Arc::new(Connected { origin }))
        })
        .await
        .cloned()
    }

    fn cell(&self, config: &StoreConfig) -> Cell {
        let mut cells = self.cells.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, cell)) = cells.iter().find(|(known, _)| known == config) {
            return Arc::clone(cell);
        }
        let cell = Cell::default();
        cells.push((config.clone(), Arc::clone(&cell)));
        cell
    }
}
