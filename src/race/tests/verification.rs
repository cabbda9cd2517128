//! Hashes that are computed, in their order and under attack.

use super::*;

#[tokio::test]
async fn a_false_hash_is_refused_and_earns_a_growing_wait() {
    let bench = Bench::quick(RuleName::Step);
    for wait in [1, 2, 4] {
        assert_eq!(bench.submit("liar", FALSE_FROM).await.unwrap(), Err(Refusal::HashMismatch));
        let expected = Refusal::Struck { retry_after: Duration::from_secs(wait) };
        assert_eq!(bench.submit("liar", FALSE_FROM).await.unwrap(), Err(expected));
        bench.clock.advance(Duration::from_secs(wait));
    }
    // Long good behaviour is forgiveness.
    bench.clock.advance(Duration::from_secs(700));
    bench.race.tick();
    assert_eq!(bench.submit("liar", FALSE_FROM).await.unwrap(), Err(Refusal::HashMismatch));
    bench.clock.advance(Duration::from_secs(1));
    assert!(bench.submit("liar", 1).await.unwrap().is_ok());
}

/// Waits until the only thread is at a verification and `waiting` others wait.
async fn until_waiting(bench: &Bench, waiting: usize) {
    while bench.race.shared.verifier.waiting() != waiting {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_thread_takes_two_of_those_that_wait() {
    let bench = Bench::hashing_at_once(2, RuleName::Step, 1, 256);
    let first = bench.submit("a", FALSE_FROM);
    until_waiting(&bench, 0).await;
    let others = [bench.submit("b", FALSE_FROM), bench.submit("c", FALSE_FROM), bench.submit("d", FALSE_FROM)];
    // One verification for the first, which was alone, and one for the next two.
    bench.gate.let_pass(2);
    assert_eq!(first.await.unwrap(), Err(Refusal::HashMismatch));
    let [b, c, d] = others;
    assert_eq!(b.await.unwrap(), Err(Refusal::HashMismatch));
    assert_eq!(c.await.unwrap(), Err(Refusal::HashMismatch));
    until_waiting(&bench, 0).await;
    assert!(!d.is_finished());
    bench.gate.open();
    assert_eq!(d.await.unwrap(), Err(Refusal::HashMismatch));
}

#[tokio::test]
async fn what_is_verified_beside_a_panic_gets_its_verdict() {
    let bench = Bench::hashing_at_once(2, RuleName::Step, 1, 256);
    let first = bench.submit("a", FALSE_FROM);
    until_waiting(&bench, 0).await;
    let unlucky = bench.submit("unlucky", PANICS);
    let honest = bench.submit("honest", 1);
    bench.gate.open();
    assert_eq!(first.await.unwrap(), Err(Refusal::HashMismatch));
    assert_eq!(unlucky.await.unwrap(), Err(Refusal::VerifierFailed));
    assert!(honest.await.unwrap().is_ok());
}

#[tokio::test]
async fn a_panic_in_a_verification_frees_its_place_and_harms_nobody() {
    let bench = Bench::new(RuleName::Step, 1, 256);
    let panics = bench.submit("unlucky", PANICS);
    let honest = bench.submit("honest", 1);
    bench.gate.open();
    assert_eq!(panics.await.unwrap(), Err(Refusal::VerifierFailed));
    assert!(honest.await.unwrap().is_ok());
    assert!(bench.race.verifier_works().await);
}

#[tokio::test]
async fn one_submission_at_a_time_and_a_bounded_queue() {
    let bench = Bench::new(RuleName::Step, 1, 2);
    let first = bench.submit("a", 1);
    assert_eq!(bench.submit("a", 2).await.unwrap(), Err(Refusal::InFlight));
    // One may be with the thread already, two fit into the queue.
    let more: Vec<_> = ["b", "c", "d"].map(|session| bench.submit(session, 3)).into_iter().collect();
    bench.gate.open();
    assert!(first.await.unwrap().is_ok());
    let mut outcomes = Vec::new();
    for task in more {
        outcomes.push(task.await.unwrap());
    }
    assert!(outcomes.contains(&Err(Refusal::Busy)), "{outcomes:?}");
    assert!(outcomes.contains(&Err(Refusal::AlreadySolved)), "{outcomes:?}");
}

#[tokio::test]
async fn shares_never_stand_before_a_submission() {
    let bench = Bench::new(RuleName::Step, 1, 8);
    let challenge = Challenge::new(&bench.seed(), &"visitor-1".parse().unwrap(), &"ip=::1\n".parse().unwrap());
    let offer = |number, most_waiting| {
        let nonce = Nonce::new(SHARES_FROM + number).unwrap();
        bench.race.shared.verifier.offer_share(challenge.clone(), nonce, Hash::from_bytes(HASH), most_waiting)
    };
    // One share is with the thread for them; sixteen more wait.
    let mut running = offer(1, 1).unwrap();
    let first = loop {
        match offer(2, 1) {
            Some(share) => break share,
            None => tokio::task::yield_now().await,
        }
    };
    let mut waiting = vec![first];
    waiting.extend((20..70).filter_map(|number| offer(number, 16)));
    assert_eq!(waiting.len(), 16, "and no more");
    assert!(offer(99, 16).is_none());

    bench.gate.open();
    assert!(bench.submit("a", 1).await.unwrap().is_ok(), "beside the one that is running");
    assert!(running.try_recv().is_err(), "which still runs");
    bench.announced(2).await;

    // With all other threads taken, whoever is proven waits for that one only.
    bench.gate.let_pass(0);
    let taken = bench.submit("b", FALSE_FROM);
    bench.prove("c");
    let proven = bench.submit("c", 2);
    bench.shares.let_pass(1);
    assert_eq!(running.await.unwrap(), Some(true));
    bench.gate.open();
    assert_eq!(taken.await.unwrap(), Err(Refusal::HashMismatch));
    assert!(proven.await.unwrap().is_ok());
    assert!(waiting.iter_mut().all(|share| share.try_recv().is_err()), "all others still wait");
    bench.shares.open();
    for share in waiting {
        assert_eq!(share.await.unwrap(), Some(true));
    }
}

#[tokio::test]
async fn false_hashes_of_newcomers_keep_newcomers_out_and_nobody_who_has_shown_work() {
    let bench = Bench::new(RuleName::Step, 1, 256);
    bench.gate.open();
    for liar in 0..6 {
        let lie = bench.submit(&format!("liar-{liar}"), FALSE_FROM);
        assert_eq!(lie.await.unwrap(), Err(Refusal::HashMismatch));
    }
    for session in ["shared", "turned"] {
        bench.prove(session);
    }
    // A false hash takes back what was shown.
    assert_eq!(bench.submit("turned", FALSE_FROM).await.unwrap(), Err(Refusal::HashMismatch));
    bench.clock.advance(Duration::from_secs(1));

    bench.gate.let_pass(0);
    let newcomer = bench.submit("newcomer", FALSE_FROM);
    for session in ["another", "turned"] {
        assert_eq!(bench.submit(session, 1).await.unwrap(), Err(Refusal::Busy), "{session}");
    }
    let proven = bench.submit("shared", 1);
    bench.gate.open();
    assert_eq!(newcomer.await.unwrap(), Err(Refusal::HashMismatch), "whoever was let in is judged first");
    assert!(proven.await.unwrap().is_ok());
    bench.announced(2).await;
    assert!(bench.submit("another", 2).await.unwrap().is_ok(), "when there is room");
}

/// What becomes of submissions: how many were false, and how many too many for their
/// network.
async fn false_and_crowded(submissions: Vec<tokio::task::JoinHandle<Result<Victory, Refusal>>>) -> (usize, usize) {
    let (mut is_false, mut crowded) = (0, 0);
    for submission in submissions {
        match submission.await.unwrap() {
            Err(Refusal::HashMismatch) => is_false += 1,
            Err(Refusal::TooManyFromAddress { .. }) => crowded += 1,
            other => panic!("{other:?}"),
        }
    }
    (is_false, crowded)
}

#[tokio::test]
async fn one_network_cannot_keep_the_newcomers_of_others_out() {
    let bench = Bench::new(RuleName::Step, 1, 256);
    let elsewhere = IpAddr::from([198, 51, 100, 1]);
    let solution = || Solution { seed: bench.seed(), nonce: Nonce::new(1).unwrap(), hash: Hash::from_bytes(HASH) };
    // All that it can send at once: an eighth of the places is for others.
    let flood = (0..64).map(|number| bench.submit(&format!("liar-{number}"), FALSE_FROM)).collect();
    let stranger = bench.submit_from(elsewhere, "stranger", solution());
    bench.gate.open();
    assert_eq!(false_and_crowded(flood).await, (56, 8));
    assert!(stranger.await.unwrap().is_ok());
    bench.announced(2).await;
    // After that its newcomers wait, and others do not.
    assert_eq!(false_and_crowded(vec![bench.submit("one more", FALSE_FROM)]).await, (0, 1));
    assert!(bench.submit_from(elsewhere, "another", solution()).await.unwrap().is_ok());
    bench.announced(3).await;
    bench.clock.advance(Duration::from_secs(4));
    assert_eq!(false_and_crowded(vec![bench.submit("one more", FALSE_FROM)]).await, (1, 0));
}

#[tokio::test]
async fn one_network_cannot_take_up_the_queue_whatever_it_has_shown() {
    let bench = Bench::new(RuleName::Step, 1, 256);
    let proven: Vec<String> = (0..200).map(|number| format!("proven-{number}")).collect();
    proven.iter().for_each(|session| bench.prove(session));
    let crowd = proven.iter().map(|session| bench.submit(session, FALSE_FROM)).collect();
    let solution = Solution { seed: bench.seed(), nonce: Nonce::new(1).unwrap(), hash: Hash::from_bytes(HASH) };
    let stranger = bench.submit_from(IpAddr::from([198, 51, 100, 1]), "stranger", solution);
    bench.gate.open();
    assert_eq!(false_and_crowded(crowd).await, (128, 72));
    assert!(stranger.await.unwrap().is_ok());
}

#[tokio::test]
async fn a_share_is_right_or_false_or_unknown() {
    let bench = Bench::quick(RuleName::Step);
    let challenge = Challenge::new(&bench.seed(), &"visitor-1".parse().unwrap(), &"ip=::1\n".parse().unwrap());
    for (nonce, verdict) in [(1, Some(true)), (FALSE_FROM, Some(false)), (PANICS, None), (2, Some(true))] {
        let share = bench.race.shared.verifier.offer_share(
            challenge.clone(),
            Nonce::new(nonce).unwrap(),
            Hash::from_bytes(HASH),
            1,
        );
        assert_eq!(share.unwrap().await.unwrap(), verdict);
    }
}

#[tokio::test]
async fn a_verification_that_hangs_frees_its_place() {
    let bench = Bench::new(RuleName::Step, 2, 256);
    let hangs = bench.submit("a", 1);
    bench.clock.advance(state::VERIFICATION_DEADLINE);
    bench.race.tick();
    assert_eq!(hangs.await.unwrap(), Err(Refusal::VerifierFailed));
    bench.gate.open();
}

#[tokio::test]
async fn a_probe_waits_for_submissions_and_not_they_for_it() {
    let bench = Bench::new(RuleName::Step, 1, 256);
    let first = bench.submit("a", FALSE_FROM);
    until_waiting(&bench, 0).await;
    let mut probe = bench.race.shared.verifier.probe();
    let second = bench.submit("b", FALSE_FROM);
    bench.gate.let_pass(1);
    assert_eq!(first.await.unwrap(), Err(Refusal::HashMismatch));
    until_waiting(&bench, 0).await;
    assert!(probe.try_recv().is_err(), "it came before, and is served after");
    bench.gate.open();
    assert_eq!(second.await.unwrap(), Err(Refusal::HashMismatch));
    assert_eq!(probe.await, Ok(true));
}

#[tokio::test]
async fn however_often_health_is_asked_for_a_thread_is_probed_once_a_second() {
    let bench = Bench::quick(RuleName::Step);
    for expected in [1, 2] {
        let answers = futures::future::join_all((0..1000).map(|_| bench.race.verifier_works())).await;
        assert!(answers.into_iter().all(|works| works));
        assert_eq!(bench.race.shared.verifier.done(), expected);
        bench.clock.advance(Duration::from_secs(1));
    }
}

#[tokio::test]
async fn a_submission_that_waits_for_too_long_is_no_good_health() {
    let bench = Bench::new(RuleName::Step, 2, 256);
    assert_eq!(bench.race.oldest_waiting(), None);
    let waits = bench.submit("a", 1);
    bench.clock.advance(Duration::from_millis(1999));
    assert!(bench.race.verifier_works().await);
    bench.clock.advance(Duration::from_millis(1));
    assert_eq!(bench.race.oldest_waiting(), Some(Duration::from_secs(2)));
    assert!(!bench.race.verifier_works().await);
    bench.gate.open();
    assert!(waits.await.unwrap().is_ok());
    bench.announced(2).await;
    assert!(bench.race.verifier_works().await);
}
