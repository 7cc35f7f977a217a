//! Why a node receives nothing: what it has asked, and what failed last.
//!
//! Fetches note the source that they ask and the failures that they meet; each note replaces the
//! last one.

use std::time::{Duration, Instant};

use crate::decides::silence::SILENT_AFTER;
use crate::error::{Error, Result};
use crate::model::{Source, Stall};
use crate::threads::{Mutex, locked};

/// How often it is looked whether the node is silent.
pub(crate) const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The most characters of a failure's words; they may quote a server's answer.
const MAX_WORDS: usize = 200;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Obstacles(Mutex<Noted>);

#[derive(Debug, Default)]
struct Noted {
    asked: Option<Source>,
    /// The last failure of the origin, and of any peer.
    failed: [Option<(Instant, Source, String)>; 2],
    silent_since: Option<Instant>,
}

impl Obstacles {
    /// A source is asked.
    pub(crate) fn asked(&self, source: &Source) {
        locked(&self.0).asked = Some(source.clone());
    }

    /// A request to a source failed.
    pub(crate) fn failed(&self, source: &Source, error: &Error) {
        let words = words_of(error);
        let place = usize::from(*source != Source::Origin);
        locked(&self.0).failed[place] = Some((Instant::now(), source.clone(), words));
    }

    /// Since when the node is silent; None if it is not.
    pub(crate) fn set_silent(&self, since: Option<Instant>) {
        locked(&self.0).silent_since = since;
    }

    /// Since when nothing comes, and why; None while bytes come, or if there is nothing to fetch.
    pub(crate) fn stall(&self) -> Option<Stall> {
        let noted = locked(&self.0);
        let since = noted.silent_since?;
        // A failure right before the last byte may be known only by its look.
        let is_recent = |at: &Instant| *at + LOOK_EVERY >= since;
        // Peers that wait for the origin fail too, but they are not the cause.
        let mut failed = noted.failed.iter().flatten();
        let (source, failure) = match failed.find(|(at, ..)| is_recent(at)) {
            Some((_, source, words)) => (source.clone(), words.clone()),
            None => (noted.asked.clone()?, String::new()),
        };
        Some(Stall {
            idle: since.elapsed(),
            source,
            failure,
        })
    }
}

/// How lookups fail, from the first failure until one is answered.
#[derive(Debug, Default)]
pub(crate) struct LookupFailures(Mutex<Option<(Instant, String)>>);

impl LookupFailures {
    /// A lookup was answered or failed.
    pub(crate) fn note<T>(&self, answer: &Result<T>) {
        let mut noted = locked(&self.0);
        *noted = answer.as_ref().err().map(|error| {
            let since = noted
                .as_ref()
                .map_or_else(Instant::now, |(since, _)| *since);
            (since, words_of(error))
        });
    }

    /// No lookup runs any more.
    pub(crate) fn clear(&self) {
        *locked(&self.0) = None;
    }

    /// Why lookups bring nothing, if they have failed for long enough to say so.
    pub(crate) fn stall(&self) -> Option<Stall> {
        let noted = locked(&self.0);
        let (since, failure) = noted.as_ref()?;
        let idle = since.elapsed();
        (idle >= SILENT_AFTER).then(|| Stall {
            idle,
            source: Source::Origin,
            failure: failure.clone(),
        })
    }
}

fn words_of(error: &Error) -> String {
    error.what.chars().take(MAX_WORDS).collect()
}
