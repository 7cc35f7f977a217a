//! Which order is next, as stories.

use super::{OrderKey, Queue, QueuedOrder, Step};
use crate::model::Source;

fn order(id: u64, source: Option<&str>, priority: i32) -> QueuedOrder {
    QueuedOrder {
        key: (0, id),
        chunk: 0,
        source: source.map_or(Source::Origin, |name| Source::Peer(name.into())),
        priority,
        arrival: None,
    }
}

fn started(queue: &mut Queue) -> Vec<u64> {
    std::iter::from_fn(|| queue.next_step())
        .map(|step| match step {
            Step::Start(order) => order.key.1,
            Step::Resume(key) => key.1 + 1000,
        })
        .collect()
}

fn key(id: u64) -> OrderKey {
    (0, id)
}

#[test]
fn priority_goes_before_arrival_and_slots_bound_both() {
    let mut queue = Queue::new(2);
    for (id, priority) in [(1, 5), (2, 0), (3, 5), (4, 0)] {
        queue.push(order(id, None, priority));
    }
    assert_eq!(started(&mut queue), [2, 4]);
    queue.done(key(2));
    assert_eq!(started(&mut queue), [1]);
}

#[test]
fn an_order_queued_again_keeps_its_turn() {
    let mut queue = Queue::new(1);
    queue.push(order(1, None, 0));
    queue.push(order(2, None, 0));
    let Some(Step::Start(first)) = queue.next_step() else {
        panic!("nothing starts");
    };
    queue.done(first.key);
    queue.push(first);
    assert_eq!(started(&mut queue), [1]);
}

#[test]
fn a_peer_that_lets_us_wait_does_not_stop_the_others() {
    let mut queue = Queue::new(2);
    for id in 0..10 {
        queue.push(order(id, Some("slow"), 0));
    }
    queue.push(order(50, None, 1));
    queue.push(order(51, Some("quick"), 1));
    assert_eq!(started(&mut queue), [0, 1]);
    queue.waits(key(0));
    queue.waits(key(1));
    // Two wait for it, as many as there are slots: no more go there.
    assert_eq!(started(&mut queue), [50, 51]);
}

#[test]
fn a_waiting_order_gets_its_slot_before_any_new_one() {
    let mut queue = Queue::new(1);
    queue.push(order(1, Some("a"), 9));
    queue.push(order(2, None, 9));
    queue.push(order(3, None, 0));
    assert_eq!(started(&mut queue), [3]);
    queue.done(key(3));
    assert_eq!(started(&mut queue), [1]);
    queue.waits(key(1));
    assert_eq!(started(&mut queue), [2]);
    assert!(!queue.arrives(key(1)));
    queue.push(order(4, None, 0));
    queue.done(key(2));
    assert_eq!(started(&mut queue), [1001]);
    assert_eq!(queue.running, 1);
}

#[test]
fn what_ends_in_any_state_gives_its_room_back() {
    let mut queue = Queue::new(1);
    queue.push(order(1, Some("a"), 0));
    started(&mut queue);
    queue.waits(key(1));
    queue.push(order(2, None, 0));
    started(&mut queue);
    assert!(!queue.arrives(key(1)));
    queue.done(key(1));
    queue.done(key(2));
    assert_eq!(queue.running, 0);
    queue.push(order(3, Some("a"), 0));
    queue.push(order(4, None, 0));
    assert!(queue.cancel(key(3)));
    assert!(!queue.cancel(key(3)));
    assert_eq!(started(&mut queue), [4]);
}

#[test]
fn leaving_forgets_one_swarm_alone() {
    let mut queue = Queue::new(4);
    queue.push(order(1, None, 0));
    queue.push(QueuedOrder {
        key: (7, 2),
        ..order(0, None, 0)
    });
    queue.cancel_swarm(0);
    assert_eq!(started(&mut queue), [2]);
}

fn chunk(number: u32) -> QueuedOrder {
    QueuedOrder {
        chunk: number,
        ..order(u64::from(number), None, 5)
    }
}

fn start(queue: &mut Queue) -> QueuedOrder {
    match queue.next_step() {
        Some(Step::Start(entry)) => entry,
        other => panic!("{other:?} instead of a start"),
    }
}

fn following(queue: &mut Queue, first: &QueuedOrder, most: usize) -> Vec<u32> {
    let taken = queue.take_following(first, most);
    taken.into_iter().map(|entry| entry.chunk).collect()
}

#[test]
fn successors_are_taken_along_as_far_as_there_is_enough_for_all_slots() {
    let mut queue = Queue::new(2);
    (0..8).for_each(|number| queue.push(chunk(number)));
    let first = start(&mut queue);
    assert_eq!(following(&mut queue, &first, 100), [1, 2]);
    let second = start(&mut queue);
    assert_eq!(second.chunk, 3);
    assert_eq!(following(&mut queue, &second, 100), [4]);
    queue.done(first.key);
    let third = start(&mut queue);
    assert_eq!(
        (third.chunk, following(&mut queue, &third, 100)),
        (5, vec![])
    );
}

#[test]
fn only_neighbours_that_may_go_along_do() {
    let mut queue = Queue::new(1);
    for number in [0, 1, 2, 3, 4, 7, 8] {
        queue.push(chunk(number));
    }
    let first = start(&mut queue);
    assert_eq!(following(&mut queue, &first, 2), [1]);
    assert_eq!(following(&mut queue, &chunk(1), 3), [2, 3]);
    assert_eq!(following(&mut queue, &chunk(3), 100), [4]);
    assert_eq!(following(&mut queue, &chunk(4), 100), [0; 0]);
    let other_swarm = QueuedOrder {
        key: (9, 6),
        ..chunk(6)
    };
    assert_eq!(following(&mut queue, &other_swarm, 100), [0; 0]);
}

#[test]
fn a_slot_is_handed_on_unless_another_order_is_more_urgent() {
    let mut queue = Queue::new(1);
    (0..4).for_each(|number| queue.push(chunk(number)));
    let first = start(&mut queue);
    let mut rest = queue.take_following(&first, 100);
    let second = rest.pop_front().unwrap();
    assert!(queue.follow(first.key, &second));
    assert_eq!((queue.running, queue.next_step()), (1, None));
    queue.push(order(50, None, 0));
    let third = chunk(2);
    assert!(!queue.follow(second.key, &third));
    queue.done(second.key);
    assert_eq!(start(&mut queue).key, key(50));
}
