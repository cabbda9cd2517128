//! Rounds that end and begin, and the clock by which a hash wins.

use super::story::*;

#[test]
fn a_round_that_somebody_else_wins_is_left_at_once() {
    let mut story = Story::mining(round(1, 4.0));
    story.tell(found(1, hash(0x00, 0x80)));
    story.tell(reset(round(2, 4.0)));
    let jobs = story.replaced_jobs();
    assert_eq!(jobs.len(), 1);
    assert_eq!(jobs[0].round, RoundNumber(2));
    assert_eq!(story.client.scene(story.now).best, None);
    story.tell(found(1, hash(0x00, 0x00)));
    assert!(story.submissions().is_empty(), "a hash of the round before");
    assert_eq!(story.phase(), Phase::Mining);
}

#[test]
fn a_next_round_that_is_not_announced_is_asked_for() {
    let mut story = Story::mining(round(1, 2.0));
    story.tell(found(1, hash(0, 1)));
    story.answer(1, Ok(victory(1)));
    let asks = |effect: &Effect| matches!(effect, Effect::FetchPuzzle);
    story.wait(2.0);
    assert_eq!(story.count(asks), 1);
    story.tell(Event::PuzzleFetched(Err(error(ErrorCode::Unreachable))));
    story.wait(4.0);
    assert_eq!(story.count(asks), 1);
    story.tell(Event::PuzzleFetched(Ok(Puzzle { round: round(2, 2.0), expected_hashes: 256.0 })));
    assert_eq!(story.replaced_jobs().len(), 1);
    story.wait(30.0);
    assert_eq!(story.count(asks), 0);
}

#[test]
fn the_best_hash_waits_for_the_rising_target() {
    let mut story = Story::mining(rising_round_of_others(1));
    // A sixteenth of the reference target: valid after a quarter of the time.
    story.tell(found(1, hash(0x00, 0x10)));
    assert!(story.submissions().is_empty());
    story.wait(14.9);
    assert!(story.submissions().is_empty());
    story.wait(0.2);
    assert_eq!(story.submissions().len(), 1);
}

#[test]
fn the_clock_of_a_round_stands_still_while_nobody_mines() {
    let mut story = Story::mining(rising_round(1));
    story.tell(found(1, hash(0x00, 0x10)));
    story.wait(10.0);
    story.tell(Event::Command(Command::Stop));
    story.tell(figures(0, 10.0));
    for _ in 0..60 {
        story.wait(2.0);
        story.tell(figures(0, 10.0));
    }
    assert!(story.submissions().is_empty());
    assert_eq!(story.phase(), Phase::Idle);
    // Others go on: the work done still counts.
    for mining_time in [10.0, 12.0, 14.0, 16.0] {
        story.tell(figures(3, mining_time));
        story.wait(2.0);
    }
    assert_eq!(story.submissions().len(), 1);
}

#[test]
fn a_clock_that_this_page_sets_going_promises_nothing_until_the_server_says_so() {
    let mut story = Story::mining(rising_round(1));
    story.tell(found(1, hash(0x00, 0x10)));
    // It seems to be time, but the server heard late of this page, or does not count it.
    story.wait(15.1);
    assert!(story.client.scene(story.now).clock_running);
    assert!(story.submissions().is_empty());
    story.tell(figures(1, 14.5));
    story.wait(0.4);
    assert!(story.submissions().is_empty());
    story.wait(0.2);
    assert_eq!(story.submissions().len(), 1);
}

#[test]
fn a_new_round_promises_only_what_the_server_says_of_its_clock() {
    for (clock_running, submissions) in [(false, 0), (true, 1)] {
        let mut story = Story::mining(rising_round_of_others(1));
        story.tell(reset(RoundView { clock_running, ..rising_round(2) }));
        story.tell(found(2, hash(0x00, 0x10)));
        story.wait(15.1);
        assert_eq!(story.submissions().len(), submissions, "{clock_running}");
    }
}

#[test]
fn when_the_only_miner_leaves_the_clock_stands_at_once() {
    let leave: [fn(&mut Story); 2] =
        [|story| story.tell(Event::Command(Command::Stop)), |story| story.tell(Event::SocketClosed)];
    for (case, leave) in leave.into_iter().enumerate() {
        for (miners, submissions) in [(1, 0), (2, 1)] {
            let mut story = Story::mining(rising_round(1));
            story.tell(found(1, hash(0x00, 0x10)));
            story.tell(figures(miners, 14.0));
            leave(&mut story);
            story.wait(1.9);
            assert_eq!(story.submissions().len(), submissions, "{case}, {miners} miners");
        }
    }
}

#[test]
fn the_clock_is_the_servers_even_while_this_page_mines() {
    let mut story = Story::mining(rising_round(1));
    story.wait(10.0);
    // Whoever has not proven its work yet does not move the clock alone.
    let figures = |mining_time, clock_running| {
        let (total_hashrate, active_miners, online, timestamp) = (0.0, 0, 1, 0.0);
        let round = RoundNumber(1);
        let message = ServerMessage::NetworkHashrate {
            total_hashrate,
            active_miners,
            online,
            timestamp,
            round,
            mining_time,
            clock_running,
        };
        Event::Heard(message)
    };
    story.tell(figures(4.0, false));
    story.wait(2.0);
    let scene = story.client.scene(story.now);
    assert_eq!((scene.mining_time, scene.clock_running), (Duration::from_secs(4), false));
    story.tell(figures(4.0, true));
    story.wait(2.0);
    assert_eq!(story.client.scene(story.now).mining_time, Duration::from_secs(6));
}

#[test]
fn the_scene_is_honest_about_the_best_hash() {
    let mut story = Story::mining(rising_round(1));
    story.tell(found(1, hash(0x00, 0x10)));
    story.wait(5.0);
    let scene = story.client.scene(story.now);
    let best = scene.best.unwrap();
    assert_eq!((best.digits, best.rarity), (3.0, 4096.0));
    assert!((best.wins_in.unwrap().as_secs_f64() - 10.0).abs() < 0.1, "{best:?}");
    assert_eq!(scene.mining_time, Duration::from_secs(5));
}
