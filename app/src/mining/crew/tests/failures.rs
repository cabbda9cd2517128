//! Workers that do not load, fall silent, get no memory or compute wrong hashes.

use super::fake_page::*;

#[test]
fn a_worker_that_does_not_load_is_replaced_once_and_then_reported() {
    let mut page = FakePage::new();
    page.start(1, 1);
    let first = page.alive[0];
    page.seconds(READY_SECONDS - 1);
    assert_eq!(page.alive, [first]);
    page.seconds(1);
    let second = page.alive[0];
    assert_ne!(first, second);
    page.seconds(READY_SECONDS);
    assert!(page.alive.is_empty());
    assert!(!page.crew.is_waiting());
    assert_eq!(page.reports(), [workers(0), PoolEvent::Failed(PoolFailure::LoadFailed)]);

    page.start(1, 1);
    page.all_ready();
    page.answer(5);
    assert_eq!(page.reports(), [workers(0), workers(1), progress(1, Some((5, 1000)))]);
}

#[test]
fn a_file_that_is_not_to_be_had_is_reported_within_seconds() {
    let mut page = FakePage::new();
    page.start(1, 2);
    for _ in 0..2 {
        for id in page.alive.clone() {
            page.act(|crew| crew.load_failed(id));
        }
        page.seconds(LOAD_FAILURE_SECONDS);
    }
    assert_eq!(page.reports(), [workers(0), PoolEvent::Failed(PoolFailure::LoadFailed)]);
}

#[test]
fn a_worker_that_came_out_of_a_cache_is_kept() {
    let mut page = FakePage::new();
    page.start(1, 1);
    let id = page.alive[0];
    page.act(|crew| crew.load_failed(id));
    page.reply(id, Reply::Ready);
    page.act(|crew| crew.load_failed(id));
    page.seconds(BATCH_SECONDS - 1);
    assert_eq!(page.alive, [id]);
}

#[test]
fn a_silent_worker_is_replaced_once_and_its_place_is_taken() {
    let mut page = FakePage::new();
    page.start(1, 2);
    page.all_ready();
    let [busy, silent] = page.alive[..] else { panic!() };
    for _ in 0..BATCH_SECONDS {
        let at = page.asked.iter().position(|(id, _)| *id == busy).unwrap();
        page.asked.swap(0, at);
        page.answer(200);
        page.seconds(1);
    }
    assert!(page.alive.contains(&busy) && !page.alive.contains(&silent));
    let stand_in = page.alive[1];
    page.reply(stand_in, Reply::Ready);
    page.reports();

    page.seconds(BATCH_SECONDS);
    // The busy one has now been silent too, and is replaced; the stand-in is not.
    assert!(!page.alive.contains(&stand_in));
    assert_eq!(page.alive.len(), 1);
    assert_eq!(page.reports(), [workers(1), workers(0)]);
    page.seconds(READY_SECONDS);
    assert_eq!(page.reports(), [PoolEvent::Failed(PoolFailure::LoadFailed)]);
}

#[test]
fn a_replaced_worker_is_not_listened_to() {
    let mut page = FakePage::new();
    page.start(1, 1);
    let late = page.alive[0];
    page.seconds(READY_SECONDS);
    page.reports();
    page.reply(late, Reply::Ready);
    assert!(page.asked.is_empty());
    assert_eq!(page.reports(), []);
}

#[test]
fn who_gets_no_memory_goes_and_the_others_go_on() {
    let mut page = FakePage::new();
    page.start(1, 3);
    page.all_ready();
    page.reports();
    page.reply(page.alive[2], Reply::Failed(Failure::OutOfMemory));
    assert_eq!(page.reports(), [workers(2), PoolEvent::Fewer { workers: 2 }]);
    page.reply(page.alive[1], Reply::Failed(Failure::OutOfMemory));
    assert_eq!(page.reports(), [workers(1), PoolEvent::Fewer { workers: 1 }]);
    page.reply(page.alive[0], Reply::Failed(Failure::OutOfMemory));
    assert_eq!(page.reports(), [workers(0), PoolEvent::Failed(PoolFailure::OutOfMemory)]);
    assert!(page.alive.is_empty());
}

#[test]
fn a_failed_self_test_is_final() {
    let mut page = FakePage::new();
    page.start(1, 1);
    page.reply(page.alive[0], Reply::Failed(Failure::SelfTest));
    assert!(page.alive.is_empty());
    assert_eq!(page.reports(), [workers(0), PoolEvent::Failed(PoolFailure::SelfTestFailed)]);
}

#[test]
fn what_fails_in_preparation_is_tried_again_at_the_start() {
    let mut page = FakePage::new();
    page.act(|crew| crew.prepare(Cost::DEFAULT, Duration::ZERO));
    page.all_ready();
    page.reply(page.alive[0], Reply::Failed(Failure::OutOfMemory));
    assert!(page.alive.is_empty());
    assert_eq!(page.reports(), [workers(1), workers(0)]);
    page.start(1, 1);
    assert_eq!(page.alive.len(), 1);
}
