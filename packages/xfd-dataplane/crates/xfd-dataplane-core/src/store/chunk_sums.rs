//! Sums of an object's bytes in each of its chunks. Nearly all objects of a large catalog have one
//! chunk, for which a map takes ten times the memory.

use std::collections::BTreeMap;

use super::checks::Sums;

/// Sums by the offset of their chunk, for the chunks of which they are known.
#[derive(Clone, Debug, Default)]
pub(crate) enum ChunkSums {
    #[default]
    Unknown,
    One(u64, Sums),
    Many(BTreeMap<u64, Sums>),
}

impl ChunkSums {
    pub(crate) fn is_empty(&self) -> bool {
        self.values().next().is_none()
    }

    pub(crate) fn get(&self, offset: u64) -> Option<&Sums> {
        match self {
            Self::One(at, sums) => (*at == offset).then_some(sums),
            Self::Unknown => None,
            Self::Many(sums) => sums.get(&offset),
        }
    }

    pub(crate) fn insert(&mut self, offset: u64, sums: Sums) {
        match self {
            Self::Unknown => *self = Self::One(offset, sums),
            Self::One(at, known) if *at == offset => *known = sums,
            Self::One(at, known) => {
                *self = Self::Many(BTreeMap::from([(*at, *known), (offset, sums)]))
            }
            Self::Many(all) => drop(all.insert(offset, sums)),
        }
    }

    pub(crate) fn remove(&mut self, offset: u64) {
        match self {
            Self::One(at, _) if *at == offset => *self = Self::Unknown,
            Self::Unknown | Self::One(..) => {}
            Self::Many(all) => drop(all.remove(&offset)),
        }
    }

    /// In the order of their offsets.
    pub(crate) fn values(&self) -> impl Iterator<Item = &Sums> {
        let (one, many) = match self {
            Self::Unknown => (None, None),
            Self::One(_, sums) => (Some(sums), None),
            Self::Many(all) => (None, Some(all.values())),
        };
        one.into_iter().chain(many.into_iter().flatten())
    }
}

impl FromIterator<(u64, Sums)> for ChunkSums {
    fn from_iter<I: IntoIterator<Item = (u64, Sums)>>(sums: I) -> Self {
        let mut all = Self::default();
        for (offset, sums) in sums {
            all.insert(offset, sums);
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_kept_by_offset_however_many_there_are() {
        let sums = |crc| Sums {
            length: 5,
            crc,
            second: None,
        };
        let mut all = ChunkSums::default();
        for (offset, crc) in [(10, 1), (10, 2), (0, 3), (5, 4)] {
            all.insert(offset, sums(crc));
        }
        let crcs = |all: &ChunkSums| Vec::from_iter(all.values().map(|sums| sums.crc));
        assert_eq!(crcs(&all), [3, 4, 2]);
        assert_eq!(all.get(5), Some(&sums(4)));
        assert_eq!(all.get(6), None);
        for offset in [0, 5, 6, 10] {
            all.remove(offset);
        }
        assert!(all.is_empty());
        let mut one = ChunkSums::from_iter([(7, sums(1))]);
        one.remove(6);
        assert_eq!((crcs(&one), one.get(7)), (vec![1], Some(&sums(1))));
        one.remove(7);
        assert!(one.is_empty());
    }
}
