//! Workers: how many, how fast, and broken ones.

use super::story::*;

#[test]
fn the_rate_is_reported_every_two_seconds_while_mining() {
    let mut story = Story::mining(round(1, 6.0));
    let reports = |effect: &Effect| matches!(effect, Effect::Send(ClientMessage::Hashrate { .. }));
    for _ in 0..5 {
        story.wait(2.0);
        story.tell(Event::Heard(ServerMessage::Pong { online: 3 }));
    }
    assert_eq!(story.count(reports), 5);
    story.tell(Event::Command(Command::Stop));
    assert_eq!(story.count(says(ClientMessage::MiningStop)), 1);
    assert_eq!(story.count(stops), 1);
    story.wait(10.0);
    assert_eq!(story.count(reports), 0);
    assert_eq!(story.client.scene(story.now).local_rate, 0.0);
}

#[test]
fn workers_follow_the_visitor_and_the_memory() {
    let mut story = Story::mining(round(1, 6.0));
    story.tell(Event::Command(Command::UseWorkers(9)));
    let sets = |workers| move |effect: &Effect| matches!(effect, Effect::SetWorkers(n) if *n == workers);
    let remembers = |workers| move |effect: &Effect| matches!(effect, Effect::RememberWorkers(n) if *n == workers);
    assert_eq!((story.count(sets(4)), story.count(remembers(4))), (1, 1), "no more than the device has");
    story.tell(Event::Pool(PoolEvent::Fewer { workers: 3 }));
    assert_eq!((story.count(sets(3)), story.count(remembers(3))), (0, 1));
    assert_eq!(story.client.scene(story.now).workers, 3);
}

#[test]
fn a_broken_miner_is_told_and_can_be_started_again() {
    for (failure, told) in [
        (PoolFailure::LoadFailed, Failure::MinerNotLoaded),
        (PoolFailure::SelfTestFailed, Failure::MinerFaulty),
        (PoolFailure::OutOfMemory, Failure::OutOfMemory),
        (PoolFailure::Stalled, Failure::MinerStalled),
    ] {
        let mut story = Story::mining(round(1, 6.0));
        story.tell(Event::Pool(PoolEvent::Failed(failure)));
        assert_eq!(story.phase(), Phase::Failed(told));
        assert!(story.client.scene(story.now).can_start);
        story.tell(Event::Command(Command::Start));
        assert_eq!((story.phase(), story.count(starts)), (Phase::Starting, 1));
    }
}
