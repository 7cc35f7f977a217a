//! Derives the ledger's invariants again from all that it keeps.

use super::{ChunkState, Ledger, ObjectState};
use crate::model::ChunkIndex;

impl Ledger {
    /// Re-derives the invariants of this module.
    ///
    /// # Errors
    /// The first one that is broken, as a sentence.
    pub fn check(&self) -> Result<(), String> {
        for (index, chunk) in &self.chunks {
            for object in &chunk.objects {
                let named = self.objects.get(object).map(|entry| &entry.chunks);
                if !named.is_some_and(|chunks| chunks.contains(index)) {
                    return Err(format!("object {object} does not name chunk {index}"));
                }
            }
            if let ChunkState::Held { crc, .. } = chunk.state {
                if matches!((crc, chunk.pinned), (Some(is), Some(should)) if is != should) {
                    return Err(format!("chunk {index} is held against its pin"));
                }
                if chunk.expected {
                    return Err(format!("chunk {index} is held and still expected"));
                }
            }
        }
        for (index, object) in &self.objects {
            let is_held =
                |chunk: &&ChunkIndex| matches!(self.chunk(**chunk), Some(ChunkState::Held { .. }));
            let held = object.chunks.iter().filter(is_held).count();
            if object.chunks.len() - held != object.missing {
                return Err(format!("object {index} miscounts its missing chunks"));
            }
            if object.state == ObjectState::Landed && held != 0 && object.missing != 0 {
                return Err(format!("object {index} landed with some chunks missing"));
            }
        }
        Ok(())
    }
}
