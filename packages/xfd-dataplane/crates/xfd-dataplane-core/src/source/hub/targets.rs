//! Where the hub serves files: one question per file for all readers of a node.
//!
//! ```text
//!   (none) ── first reader ──► Asking ── answer ──► Known ── failed, or ended ──► (none)
//!      ▲                         │
//!      └── error, or dropped ────┘   who waited gets the error, or asks in its place
//! ```

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::watch;

use super::super::web::Place;
use crate::error::{Error, Result};
use crate::threads::{Mutex, MutexGuard, locked};

/// Most files whose address is kept. Small files are read once, and large ones for a while.
const MAX_KEPT: usize = 1024;

/// An address, and until when it is used.
pub(super) struct Target {
    pub place: Place,
    pub until: Instant,
}

type Reply = Result<Arc<Target>>;

enum Entry {
    Asking(watch::Receiver<Option<Reply>>),
    Known(Arc<Target>),
}

/// See the module.
#[derive(Default)]
pub(super) struct Targets(Mutex<HashMap<String, Entry>>);

/// What a reader does next.
pub(super) enum Turn<'a> {
    Go(Arc<Target>),
    /// None where nobody is to learn the answer.
    Ask(Option<Asking<'a>>),
}

impl Targets {
    /// The address of a file, or the task to ask for it.
    ///
    /// # Errors
    /// That of another reader, who has just asked.
    pub(super) async fn of(&self, name: &str) -> Result<Turn<'_>> {
        loop {
            let mut reply = {
                let mut entries = self.entries();
                match entries.get(name) {
                    Some(Entry::Known(target)) if Instant::now() < target.until => {
                        return Ok(Turn::Go(Arc::clone(target)));
                    }
                    Some(Entry::Asking(reply)) => reply.clone(),
                    Some(Entry::Known(_)) | None => {
                        make_room(&mut entries);
                        let (sender, reply) = watch::channel(None);
                        entries.insert(name.to_owned(), Entry::Asking(reply));
                        return Ok(Turn::Ask(Some(Asking {
                            targets: self,
                            name: name.to_owned(),
                            reply: sender,
                        })));
                    }
                }
            };
            // Without a reply, the one who asked is gone: another one asks.
            if let Ok(reply) = reply.wait_for(Option::is_some).await
                && let Some(reply) = reply.clone()
            {
                return reply.map(Turn::Go);
            }
        }
    }

    /// An address failed. One that was found since is kept.
    pub(super) fn forget(&self, name: &str, target: &Arc<Target>) {
        let mut entries = self.entries();
        if matches!(entries.get(name), Some(Entry::Known(known)) if Arc::ptr_eq(known, target)) {
            entries.remove(name);
        }
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<String, Entry>> {
        locked(&self.0)
    }
}

/// Gives up the address that ends first, if there are too many.
fn make_room(entries: &mut HashMap<String, Entry>) {
    if entries.len() < MAX_KEPT {
        return;
    }
    let known = entries.iter().filter_map(|(name, entry)| match entry {
        Entry::Known(target) => Some((target.until, name)),
        Entry::Asking(_) => None,
    });
    if let Some(name) = known.min().map(|(_, name)| name.clone()) {
        entries.remove(&name);
    }
}

/// The task to ask for an address, while others wait for the answer.
pub(super) struct Asking<'a> {
    targets: &'a Targets,
    name: String,
    reply: watch::Sender<Option<Reply>>,
}

impl Asking<'_> {
    pub(super) fn found(self, target: &Arc<Target>) {
        let known = Entry::Known(Arc::clone(target));
        self.targets.entries().insert(self.name.clone(), known);
        self.reply.send_replace(Some(Ok(Arc::clone(target))));
    }

    pub(super) fn failed(self, error: &Error) {
        self.targets.entries().remove(&self.name);
        self.reply.send_replace(Some(Err(error.clone())));
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        let mut entries = self.targets.entries();
        if self.reply.borrow().is_none()
            && matches!(entries.get(&self.name), Some(Entry::Asking(_)))
        {
            entries.remove(&self.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::future::join_all;
    use url::Url;

    use super::*;
    use crate::error::Kind;

    fn target(seconds: u64) -> Arc<Target> {
        Arc::new(Target {
            place: Place {
                url: Url::parse("https://host/x").unwrap(),
                is_own: false,
            },
            until: Instant::now() + Duration::from_secs(seconds),
        })
    }

    async fn asks<'a>(targets: &'a Targets, name: &str) -> Option<Asking<'a>> {
        match targets.of(name).await.unwrap() {
            Turn::Go(_) => None,
            Turn::Ask(asking) => asking,
        }
    }

    #[tokio::test]
    async fn one_reader_asks_and_all_go_where_it_was_sent() {
        let targets = Targets::default();
        let asking = asks(&targets, "a").await.unwrap();
        let waiting = join_all((0..5).map(|_| targets.of("a")));
        let answer = async {
            tokio::task::yield_now().await;
            asking.found(&target(60));
        };
        let (turns, ()) = tokio::join!(waiting, answer);
        assert!(
            turns
                .into_iter()
                .all(|turn| matches!(turn, Ok(Turn::Go(_))))
        );
        assert!(asks(&targets, "b").await.is_some());
    }

    #[tokio::test]
    async fn who_waits_gets_the_error_and_the_next_one_asks() {
        let targets = Targets::default();
        let asking = asks(&targets, "a").await.unwrap();
        let answer = async {
            tokio::task::yield_now().await;
            asking.failed(&Error::new(Kind::OriginThrottled, "slow down"));
        };
        let (turn, ()) = tokio::join!(targets.of("a"), answer);
        assert!(turn.is_err_and(|error| error.kind == Kind::OriginThrottled));
        assert!(asks(&targets, "a").await.is_some());
    }

    #[tokio::test]
    async fn another_one_asks_in_place_of_one_who_gave_up() {
        let targets = Targets::default();
        let asking = asks(&targets, "a").await.unwrap();
        let drop_it = async {
            tokio::task::yield_now().await;
            drop(asking);
        };
        let (asking, ()) = tokio::join!(asks(&targets, "a"), drop_it);
        asking.unwrap().found(&target(60));
        assert!(asks(&targets, "a").await.is_none());
    }

    #[tokio::test]
    async fn an_address_is_used_until_it_ends_or_fails() {
        let targets = Targets::default();
        asks(&targets, "ended").await.unwrap().found(&target(0));
        assert!(asks(&targets, "ended").await.is_some());
        let (old, new) = (target(60), target(60));
        asks(&targets, "a").await.unwrap().found(&old);
        targets.forget("a", &old);
        asks(&targets, "a").await.unwrap().found(&new);
        targets.forget("a", &old);
        assert!(asks(&targets, "a").await.is_none());
    }

    #[tokio::test]
    async fn no_more_than_so_many_are_kept() {
        let targets = Targets::default();
        for number in 0..=MAX_KEPT as u64 {
            let asking = asks(&targets, &number.to_string()).await.unwrap();
            asking.found(&target(1000 + number));
        }
        assert_eq!(targets.entries().len(), MAX_KEPT);
        assert!(asks(&targets, "0").await.is_some(), "it ended first");
        assert!(asks(&targets, "2").await.is_none());
    }
}
