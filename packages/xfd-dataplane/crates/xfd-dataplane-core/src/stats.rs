//! The counters of a node and of each swarm: relaxed atomics, read as one `Counters` value.
//!
//! `xfd_api.reports.NodeCounters` has the same fields, and `xfd_api.metrics` the names under which
//! they are exported. Tests compare all three.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::{Kind, Result};

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {
        /// `xfd_api.reports.NodeCounters`, live.
        #[derive(Debug, Default)]
        pub struct Stats {
            $($(#[$doc])* pub $name: Counter,)+
        }

        /// `xfd_api.reports.NodeCounters` at one moment.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Counters {
            $($(#[$doc])* pub $name: u64,)+
        }

        impl Stats {
            /// The present values; other threads may count between two of them.
            #[must_use]
            pub fn read(&self) -> Counters {
                Counters { $($name: self.$name.get(),)+ }
            }
        }

        impl Counters {
            /// Name and value of each counter, in the order of the Python class.
            #[must_use]
            pub fn entries(&self) -> Vec<(&'static str, u64)> {
                vec![$((stringify!($name), self.$name),)+]
            }
        }

        impl std::ops::AddAssign for Counters {
            fn add_assign(&mut self, other: Self) {
                $(self.$name += other.$name;)+
            }
        }
    };
}

counters! {
    /// Bytes of bodies read from origins.
    origin_bytes,
    /// Requests that origins answered, lookups included; a list counts as one.
    origin_answers,
    /// Requests that origins refused for the number of requests.
    origin_throttles,
    /// Requests that origins refused for the credentials, or that had none.
    origin_denials,
    /// Requests for what origins do not have.
    origin_not_found,
    /// Requests that origins did not answer in time.
    origin_timeouts,
    /// Requests without a connection, or whose connection broke before the answer.
    origin_unreachable,
    /// Requests that failed in any other way.
    origin_failures,
    /// Bytes of bodies received from peers.
    peer_bytes,
    /// Bytes of bodies sent to peers.
    served_bytes,
    /// Bytes of objects that were valid in the cache.
    cached_bytes,
    /// Bytes written to part files.
    written_bytes,
    /// Chunks fetched from origins.
    chunks_from_origin,
    /// Chunks fetched from peers.
    chunks_from_peers,
    /// Chunks sent whole to peers.
    chunks_served,
    /// Objects that were fetched and have landed.
    objects_landed,
    /// Objects found valid in the cache.
    objects_cached,
    /// Requests that were sent again.
    retries,
    /// Chunks or objects that differed from their checksum.
    verification_failures,
    /// Chunks being read from origins.
    active_origin,
    /// Chunks being received from peers.
    active_peer,
    /// Chunks being served.
    active_served,
    /// Archives being unpacked.
    active_unpacks,
    /// Objects whose bytes on the disk are being compared with their checksums.
    active_verifications,
    /// Objects or trees that are being synced and get their names.
    active_landings,
    /// Requests that wait for the reset of their origin's rate limit.
    active_resets,
    /// Archive entries unpacked.
    unpacked_entries,
    /// Bytes unpacked from archives.
    unpacked_bytes,
}

/// One counter.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds to it.
    pub fn add(&self, amount: u64) {
        self.0.fetch_add(amount, Ordering::Relaxed);
    }

    /// Its value.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Counts one more while the guard lives.
    #[must_use]
    pub fn active(&self) -> Active<'_> {
        self.add(1);
        Active(self)
    }
}

/// Subtracts one from a counter when it is dropped.
#[derive(Debug)]
pub struct Active<'a>(&'a Counter);

impl Drop for Active<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Counts one more upload while it lives.
#[derive(Debug)]
pub struct Uploading(Arc<Stats>);

impl Stats {
    /// Counts a request to an origin that has ended, by its outcome: each one once.
    pub(crate) fn count_answer<T>(&self, answer: &Result<T>) {
        let counter = match answer.as_ref().map_err(|error| error.kind) {
            Ok(_) => &self.origin_answers,
            Err(Kind::OriginThrottled) => &self.origin_throttles,
            Err(Kind::AccessDenied | Kind::Credentials) => &self.origin_denials,
            Err(Kind::ObjectNotFound) => &self.origin_not_found,
            Err(Kind::OriginTimeout) => &self.origin_timeouts,
            Err(Kind::OriginUnreachable) => &self.origin_unreachable,
            Err(_) => &self.origin_failures,
        };
        counter.add(1);
    }

    /// Counts one more upload.
    #[must_use]
    pub fn uploading(self: &Arc<Self>) -> Uploading {
        self.active_served.add(1);
        Uploading(Arc::clone(self))
    }
}

impl Uploading {
    /// The counters it counts in.
    #[must_use]
    pub fn stats(&self) -> &Stats {
        &self.0
    }
}

impl Drop for Uploading {
    fn drop(&mut self) {
        self.0.active_served.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    #[test]
    fn each_request_counts_once_by_its_outcome() {
        for (kind, counted) in [
            (None, "origin_answers"),
            (Some(Kind::OriginThrottled), "origin_throttles"),
            (Some(Kind::AccessDenied), "origin_denials"),
            (Some(Kind::Credentials), "origin_denials"),
            (Some(Kind::ObjectNotFound), "origin_not_found"),
            (Some(Kind::OriginTimeout), "origin_timeouts"),
            (Some(Kind::OriginUnreachable), "origin_unreachable"),
            (Some(Kind::OriginAnswer), "origin_failures"),
            (Some(Kind::ObjectChanged), "origin_failures"),
            (Some(Kind::ChecksumMismatch), "origin_failures"),
            (Some(Kind::Internal), "origin_failures"),
        ] {
            let stats = Stats::default();
            stats.count_answer(&kind.map_or(Ok(()), |kind| Err(Error::new(kind, "so"))));
            let counts = stats.read().entries();
            let not_zero: Vec<_> = counts.iter().filter(|(_, value)| *value != 0).collect();
            assert_eq!(not_zero, [&(counted, 1)], "{kind:?}");
        }
    }
}
