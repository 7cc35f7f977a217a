//! The models, each as a function that a test calls.

pub mod node;
mod scene;
pub mod server;
pub mod store;

use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::{Config, Runner};

use crate::threads::{Mutex, locked};

/// Orders that each model is tried in, unless `XFD_ORDERS` says how many.
const ORDERS: usize = 400;

/// The orders are the same in each run, unless `XFD_SEED` is another one.
const SEED: u64 = 21;

/// The threads of a model that may overtake each other at a time: few of them find most races.
const DEPTH: usize = 3;

/// Runs a model in one order of its threads after another: half of them random, in the other half
/// a thread goes on until one that is more urgent can.
///
/// # Panics
/// As the model does, or if all of its threads wait. The seed of the order is printed.
fn in_orders(model: impl Fn() + Send + Sync + 'static) {
    let (count, seed) = (number("XFD_ORDERS", ORDERS), number("XFD_SEED", SEED));
    let model = std::sync::Arc::new(model);
    let mut config = Config::new();
    config.stack_size = 1 << 20;
    let again = model.clone();
    let random = RandomScheduler::new_from_seed(seed, count.div_ceil(2));
    Runner::new(random, config.clone()).run(move || again());
    let urgent = PctScheduler::new_from_seed(seed, DEPTH, count.div_ceil(2));
    Runner::new(urgent, config).run(move || model());
}

/// Whether a race that is there is found: of two threads that look and then write, one may overtake
/// the other in between.
pub fn finds_a_race() -> bool {
    let found = std::panic::catch_unwind(|| {
        in_orders(|| {
            let count = std::sync::Arc::new(Mutex::new(0));
            let one = count.clone();
            let other = shuttle::thread::spawn(move || count_one(&one));
            count_one(&count);
            other.join().expect("a thread");
            assert_eq!(*locked(&count), 2);
        });
    });
    found.is_err()
}

fn count_one(count: &Mutex<u32>) {
    let seen = *locked(count);
    *locked(count) = seen + 1;
}

fn number<T: std::str::FromStr>(name: &str, default: T) -> T {
    std::env::var(name)
        .ok()
        .and_then(|it| it.parse().ok())
        .unwrap_or(default)
}
