//! Jobs, nonces and batches while all goes well.

use super::fake_page::*;

#[test]
fn a_prepared_worker_mines_at_once() {
    let mut page = FakePage::new();
    page.act(|crew| crew.prepare(Cost::DEFAULT, Duration::ZERO));
    assert_eq!(page.alive.len(), 1);
    page.all_ready();
    assert_eq!(page.asked, [(page.alive[0], Request::Prepare { cost: Cost::DEFAULT })]);
    page.reply(page.alive[0], Reply::Prepared { cost: Cost::DEFAULT });
    assert!(page.asked.is_empty());
    assert!(!page.crew.is_waiting());

    page.start(1, 1);
    assert_eq!(page.alive.len(), 1);
    assert_eq!(page.answer(9), 1000);
    assert_eq!(page.answer(9), 1001);
    assert_eq!(page.reports(), [workers(1), workers(1), progress(1, Some((9, 1000))), progress(1, None)]);
}

#[test]
fn every_worker_has_its_nonces_and_the_best_hash_is_reported_once() {
    let mut page = FakePage::new();
    page.start(1, 3);
    page.all_ready();
    page.reports();
    let tried: Vec<u64> = [5, 7, 3, 3, 2].into_iter().map(|height| page.answer(height)).collect();
    assert_eq!(tried, [1000, 1001, 1002, 1003, 1004]);
    assert_eq!(
        page.reports(),
        [
            progress(1, Some((5, 1000))),
            progress(1, None),
            progress(1, Some((3, 1002))),
            progress(1, None),
            progress(1, Some((2, 1004)))
        ]
    );
}

#[test]
fn every_batch_tells_its_lowest_hash() {
    let mut page = FakePage::new();
    page.start(1, 1);
    page.all_ready();
    for height in [2, 7, 5] {
        page.answer(height);
    }
    assert_eq!(page.lowest(), [(hash(2), nonce(1000)), (hash(7), nonce(1001)), (hash(5), nonce(1002))]);
}

#[test]
fn a_new_job_takes_effect_with_the_next_request_and_the_old_batch_counts_for_nothing() {
    let mut page = FakePage::new();
    page.start(1, 2);
    page.all_ready();
    page.answer(5);
    page.reports();
    page.act(|crew| crew.replace_job(job(2), nonce(7), Duration::ZERO));
    page.answer(1);
    page.answer(1);
    assert_eq!(page.reports(), []);
    assert_eq!(page.answer(8), 8);
    assert_eq!(page.answer(9), 7);
    assert_eq!(page.reports(), [progress(2, Some((8, 8))), progress(2, None)]);
}

#[test]
fn the_same_job_again_disturbs_nobody() {
    let mut page = FakePage::new();
    page.start(1, 1);
    page.all_ready();
    page.reports();
    page.act(|crew| crew.replace_job(job(1), nonce(7), Duration::ZERO));
    assert_eq!(page.answer(5), 1000);
    assert_eq!(page.reports(), [progress(1, Some((5, 1000)))]);
}

#[test]
fn after_a_stop_nobody_is_asked_and_nothing_is_reported() {
    let mut page = FakePage::new();
    page.start(1, 2);
    page.all_ready();
    page.reports();
    page.act(Crew::stop);
    page.act(Crew::stop);
    page.answer(1);
    page.answer(1);
    assert!(page.asked.is_empty());
    assert_eq!(page.reports(), []);
    assert_eq!(page.alive.len(), 2);
    page.act(|crew| crew.replace_job(job(2), nonce(7), Duration::ZERO));
    assert!(page.asked.is_empty());
}

#[test]
fn starting_the_same_job_again_goes_on_where_it_stopped() {
    let mut page = FakePage::new();
    page.start(1, 1);
    page.all_ready();
    page.answer(5);
    page.act(Crew::stop);
    page.answer(1);
    page.reports();
    page.start(1, 1);
    let kept =
        PoolEvent::Progress { round: RoundNumber(1), hashes: 0, best: Some((hash(5), nonce(1000))), lowest: None };
    assert_eq!(page.reports(), [workers(1), kept]);
    assert_eq!(page.answer(6), 1002);
    assert_eq!(page.reports(), [progress(1, None)]);
}

#[test]
fn starting_while_starting_leaves_one_generation_of_workers() {
    let mut page = FakePage::new();
    for workers in [4, 1, 3, 2] {
        page.start(1, workers);
        page.act(Crew::stop);
        page.start(2, workers);
    }
    assert_eq!(page.alive.len(), 2);
    page.all_ready();
    page.start(3, 2);
    assert_eq!(page.asked.len(), 2);
    page.answer(1);
    page.answer(1);
    assert_eq!(page.asked.len(), 2);
    assert!(page.asked.iter().all(|(_, request)| matches!(request, Request::Mine { job, .. } if *job == self::job(3))));
}

#[test]
fn the_number_of_workers_follows_the_page() {
    let mut page = FakePage::new();
    page.start(1, 1);
    page.all_ready();
    page.act(|crew| crew.set_workers(3, Duration::ZERO));
    assert_eq!(page.alive.len(), 3);
    page.reply(page.alive[1], Reply::Ready);
    page.reply(page.alive[2], Reply::Ready);
    assert_eq!(page.asked.len(), 3);
    page.act(|crew| crew.set_workers(0, Duration::ZERO));
    assert_eq!(page.alive.len(), 1);
    assert_eq!(page.reports(), [workers(0), workers(1), workers(2), workers(3), workers(1)]);
    page.answer(5);
    assert_eq!(page.asked.len(), 1);
}

#[test]
fn no_nonce_is_tried_twice_while_workers_come_and_go() {
    let mut page = FakePage::new();
    page.start(1, 2);
    page.all_ready();
    let mut tried = std::collections::HashSet::new();
    for workers in [4, 1, 3, 2] {
        page.act(|crew| crew.set_workers(workers, Duration::ZERO));
        for id in page.alive.clone() {
            if page.asked.iter().all(|(asked, _)| *asked != id) {
                page.reply(id, Reply::Ready);
            }
        }
        for _ in 0..9 {
            assert!(tried.insert(page.answer(9)));
        }
    }
}

#[test]
fn another_cost_starts_with_a_single_hash_again() {
    let mut page = FakePage::new();
    page.hash_time = Duration::from_millis(10);
    page.start(1, 1);
    page.all_ready();
    page.answer(9);
    let count = |page: &FakePage| match &page.asked[0].1 {
        Request::Mint { .. } => panic!("the crew mints no stamps"),
        Request::Mine { batch, .. } => batch.count,
        Request::Prepare { .. } => 0,
    };
    assert!(1 < count(&page));
    let dearer = Job { cost: Cost { time_cost: 9, ..Cost::DEFAULT }, ..job(2) };
    page.act(|crew| crew.replace_job(dearer, nonce(7), Duration::ZERO));
    page.answer(9);
    assert_eq!(count(&page), 1);
}

#[test]
fn every_start_stop_and_new_job_is_a_new_generation_and_nothing_else_is() {
    let mut page = FakePage::new();
    let mut last = page.crew.generation();
    let mut is_new = |page: &FakePage| std::mem::replace(&mut last, page.crew.generation()) != page.crew.generation();
    page.act(|crew| crew.prepare(Cost::DEFAULT, Duration::ZERO));
    page.act(|crew| crew.replace_job(job(1), nonce(7), Duration::ZERO));
    assert!(!is_new(&page), "nothing is mined");
    page.start(1, 1);
    assert!(is_new(&page));
    page.all_ready();
    page.act(|crew| crew.set_workers(3, Duration::ZERO));
    page.act(|crew| crew.replace_job(job(1), nonce(7), Duration::ZERO));
    assert!(!is_new(&page), "the same job goes on");
    page.act(|crew| crew.replace_job(job(2), nonce(7), Duration::ZERO));
    assert!(is_new(&page));
    page.act(Crew::stop);
    assert!(is_new(&page));
    page.start(2, 1);
    assert!(is_new(&page));
}
