//! Keeps the data plane's log events until Python takes them.
//!
//! A thread that logs holds a short lock and copies the fields. It never waits for Python, and calls
//! nothing of it: events go into a ring, and [`drain`] takes them out. A full ring drops its oldest
//! event and counts it. An event below the level that [`keep_from`] sets costs one read of an
//! atomic. No event is kept before that is called.
//!
//! A process has one ring, as `tracing` has one default subscriber. All events with their levels and
//! fields are listed in `xfd_ray.telemetry.log_events`; a test compares that table with the macros.

use std::collections::VecDeque;
use std::fmt::{Debug, Write as _};
use std::sync::Once;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use crate::threads::{Mutex, MutexGuard, locked};

/// The most events in the ring.
const CAPACITY: usize = 4096;

/// The most bytes of one field's text; error texts may quote a server's answer.
const TEXT_BYTES: usize = 2048;

/// The name of the event that counts the dropped ones.
pub const DROPPED: &str = "log_events_dropped";

/// One log event.
#[derive(Clone, Debug, PartialEq)]
pub struct LogEvent {
    /// Its level: error, warning, info or debug.
    pub level: &'static str,
    /// Its name; one of a fixed list.
    pub name: String,
    /// Its time, in seconds since 1970.
    pub at: f64,
    /// Names and values of its fields.
    pub fields: Vec<(&'static str, Value)>,
}

/// A field's value.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the names say it all")]
pub enum Value {
    Bool(bool),
    Int(i64),
    Unsigned(u64),
    Float(f64),
    Text(String),
}

struct Ring {
    events: VecDeque<LogEvent>,
    dropped: u64,
}

static RING: Mutex<Ring> = Mutex::new(Ring {
    events: VecDeque::new(),
    dropped: 0,
});

/// 0 keeps nothing, 1 errors, 2 warnings too, 3 infos too, 4 debug events too.
static KEPT: AtomicU8 = AtomicU8::new(0);

static SUBSCRIBED: Once = Once::new();

/// Keeps events of this level and more severe ones: `error`, `warning`, `info` or `debug`. Any
/// other name keeps none.
pub fn keep_from(level: &str) {
    SUBSCRIBED.call_once(|| {
        // Fails only if a program in Rust has set a subscriber of its own.
        tracing::subscriber::set_global_default(RingSubscriber).ok();
    });
    let kept = match level {
        "error" => 1,
        "warning" => 2,
        "info" => 3,
        "debug" => 4,
        _ => 0,
    };
    if KEPT.swap(kept, Ordering::SeqCst) != kept {
        tracing::callsite::rebuild_interest_cache();
    }
}

/// Takes the events since the last call, oldest first; the last one counts dropped events, if any.
#[must_use]
pub fn drain() -> Vec<LogEvent> {
    let (events, dropped) = {
        let mut ring = ring();
        (
            std::mem::take(&mut ring.events),
            std::mem::take(&mut ring.dropped),
        )
    };
    let mut events: Vec<LogEvent> = events.into();
    if dropped > 0 {
        events.push(LogEvent {
            level: "warning",
            name: DROPPED.to_owned(),
            at: now(),
            fields: vec![("count", Value::Unsigned(dropped))],
        });
    }
    events
}

fn ring() -> MutexGuard<'static, Ring> {
    locked(&RING)
}

fn now() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0.0, |since| since.as_secs_f64())
}

struct RingSubscriber;

impl Subscriber for RingSubscriber {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let level = rank(*metadata.level());
        metadata.is_event()
            && level <= KEPT.load(Ordering::Relaxed)
            && metadata.target().starts_with("xfd_dataplane")
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(match KEPT.load(Ordering::Relaxed) {
            0 => LevelFilter::OFF,
            1 => LevelFilter::ERROR,
            2 => LevelFilter::WARN,
            3 => LevelFilter::INFO,
            _ => LevelFilter::DEBUG,
        })
    }

    fn event(&self, event: &Event<'_>) {
        let mut visited = Visited::default();
        event.record(&mut visited);
        let event = LogEvent {
            level: match *event.metadata().level() {
                Level::ERROR => "error",
                Level::WARN => "warning",
                Level::INFO => "info",
                _ => "debug",
            },
            name: visited.name,
            at: now(),
            fields: visited.fields,
        };
        let mut ring = ring();
        if ring.events.len() >= CAPACITY {
            ring.events.pop_front();
            ring.dropped += 1;
        }
        ring.events.push_back(event);
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// The least value of `KEPT` that keeps the level; trace events are never kept.
fn rank(level: Level) -> u8 {
    match level {
        Level::ERROR => 1,
        Level::WARN => 2,
        Level::INFO => 3,
        Level::DEBUG => 4,
        Level::TRACE => u8::MAX,
    }
}

#[derive(Default)]
struct Visited {
    name: String,
    fields: Vec<(&'static str, Value)>,
}

impl Visited {
    fn text(&mut self, field: &Field, mut text: String) {
        if text.len() > TEXT_BYTES {
            let end = (0..=TEXT_BYTES).rev().find(|at| text.is_char_boundary(*at));
            text.truncate(end.unwrap_or(0));
            text.push('…');
        }
        match field.name() {
            "message" => self.name = text,
            name => self.fields.push((name, Value::Text(text))),
        }
    }
}

impl Visit for Visited {
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.fields.push((field.name(), Value::Bool(value)));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.fields.push((field.name(), Value::Int(value)));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.fields.push((field.name(), Value::Unsigned(value)));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.fields.push((field.name(), Value::Float(value)));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field, value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let mut text = String::new();
        write!(text, "{value:?}").ok();
        self.text(field, text);
    }
}

#[cfg(test)]
mod tests {
    use super::{CAPACITY, DROPPED, LogEvent, TEXT_BYTES, Value, drain, keep_from};

    fn names(events: &[LogEvent]) -> Vec<&str> {
        events.iter().map(|event| event.name.as_str()).collect()
    }

    /// One test, because the process has one ring; other tests may log meanwhile.
    #[test]
    fn events_from_the_level_on_are_kept_until_they_are_taken_or_dropped() {
        tracing::error!("log_test_before");
        keep_from("info");
        let _earlier = drain();
        tracing::warn!(count = 3_u64, is_so = true, error = %"bad\n", "log_test_warned");
        tracing::debug!("log_test_detail");
        tracing::info!(target: "hyper", "log_test_foreign");
        let mut events = drain();
        events.retain(|event| event.name.starts_with("log_test"));
        assert_eq!(names(&events), ["log_test_warned"]);
        assert_eq!(events[0].level, "warning");
        assert!(events[0].at > 1.7e9);
        let fields = [
            ("count", Value::Unsigned(3)),
            ("is_so", Value::Bool(true)),
            ("error", Value::Text("bad\n".into())),
        ];
        assert_eq!(events[0].fields, fields);

        keep_from("debug");
        tracing::debug!(long = "ü".repeat(TEXT_BYTES), "log_test_long");
        tracing::trace!("log_test_trace");
        let events = drain();
        let long = events.iter().find(|event| event.name == "log_test_long");
        let Some(Value::Text(text)) = long.map(|event| &event.fields[0].1) else {
            panic!("{events:?}");
        };
        assert!(text.len() <= TEXT_BYTES + 3 && text.ends_with('…'));
        assert!(!names(&events).contains(&"log_test_trace"));

        for _ in 0..CAPACITY + 10 {
            tracing::info!("log_test_many");
        }
        let events = drain();
        assert_eq!(events.len(), CAPACITY + 1);
        assert_eq!(events[CAPACITY].name, DROPPED);
        assert!(matches!(
            events[CAPACITY].fields[0].1,
            Value::Unsigned(10..)
        ));
        assert!(drain().iter().all(|event| event.name != DROPPED));

        keep_from("none");
        tracing::error!("log_test_after");
        assert!(!names(&drain()).contains(&"log_test_after"));
    }
}
