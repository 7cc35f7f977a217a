//! What threads share behind locks, in one order after another.

use xfd_dataplane_models::models::store::{Disturbance, nothing_is_lost_by};
use xfd_dataplane_models::models::{finds_a_race, node, server};

#[test]
fn writers_of_the_same_chunks_land_all() {
    nothing_is_lost_by(Disturbance::None);
}

#[test]
fn a_chunk_that_is_bad_is_written_again() {
    nothing_is_lost_by(Disturbance::BadChunk);
}

#[test]
fn an_object_that_was_given_up_can_be_had_later() {
    nothing_is_lost_by(Disturbance::Fail);
}

#[test]
fn an_object_that_was_released_can_be_had_later() {
    nothing_is_lost_by(Disturbance::Release);
}

#[test]
fn a_second_call_for_the_same_disturbs_nobody() {
    nothing_is_lost_by(Disturbance::Extend);
}

#[test]
fn a_swarm_that_ends_leaves_what_the_next_one_believes() {
    nothing_is_lost_by(Disturbance::Leave);
}

#[test]
fn each_order_gets_its_slot_back() {
    node::each_order_gets_its_slot_back();
}

#[test]
fn a_closed_group_has_no_tasks() {
    node::a_closed_group_has_no_tasks();
}

#[test]
fn every_place_is_given_back() {
    server::every_place_is_given_back();
}

#[test]
fn every_share_is_given_back() {
    server::every_share_is_given_back();
}

#[test]
fn a_race_is_found() {
    assert!(finds_a_race());
}
