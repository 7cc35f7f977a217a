//! Entries that an archive has and its tree does not.

/// Names that are kept; of the rest only the number.
const MAX_NAMES: usize = 100;

/// Longest name that is kept whole, in bytes.
const MAX_NAME_BYTES: usize = 256;

/// What was left out, to be reported.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct LeftOut {
    /// The first hundred names, as text.
    pub names: Vec<String>,
    /// How many entries there are in all.
    pub count: u64,
}

impl LeftOut {
    /// Whether nothing was.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub(super) fn add(&mut self, path: &[u8]) {
        self.count += 1;
        if self.names.len() < MAX_NAMES {
            let start = &path[..path.len().min(MAX_NAME_BYTES)];
            let mut name = String::from_utf8_lossy(start).into_owned();
            if start.len() < path.len() {
                name.push('…');
            }
            self.names.push(name);
        }
    }
}
