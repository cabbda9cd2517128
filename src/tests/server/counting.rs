//! Who counts as a miner.
//!
//! The intervals are short, and every wait is for something to happen.

use crate::support::{Client, Socket, TestServer, status_and_code};
use serde_json::{Value, json};
use std::time::Duration;

/// Nobody wins; a miner counts for half a second unproven and for one and a half
/// with a proof; this machine is a proxy for whole networks.
const NOBODY_WINS: [(&str, &str); 3] =
    [("HASHPASS_DIFFICULTY", "6"), ("HASHPASS_PROOF_INTERVAL", "0.5"), ("HASHPASS_TRUSTED_PROXIES", "127.0.0.0/8")];

fn start() -> Value {
    json!({"type": "mining_start"})
}

async fn clock_runs(client: &Client) -> bool {
    client.puzzle().await["clock_running"] == true
}

/// Waits until the mining clock stands, and says what it shows.
async fn clock_stands(client: &Client) -> f64 {
    loop {
        let puzzle = client.puzzle().await;
        if puzzle["clock_running"] == false {
            return puzzle["mining_time"].as_f64().unwrap();
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn mining(client: &Client) -> Socket {
    let mut socket = client.socket().await;
    assert_eq!(socket.next_of("PUZZLE").await["proof_interval"], 0.5);
    assert_eq!(socket.say_and_hear(&start()).await["type"], "PONG");
    socket
}

#[tokio::test]
async fn who_proves_nothing_counts_for_a_short_while_once_per_session_and_network() {
    let server = TestServer::start(&NOBODY_WINS).await;
    let first = server.client_with_session_from("203.0.113.7").await;
    let mut socket = mining(&first).await;
    // To the moment, however late anybody looks.
    assert!(clock_stands(&first).await <= 0.5);
    for message in ["mining_stop", "mining_start"] {
        socket.say_and_hear(&json!({"type": message})).await;
    }
    assert!(!clock_runs(&first).await, "starting again renews nothing");

    let same_network = server.client_with_session_from("203.0.113.7").await;
    let _second = mining(&same_network).await;
    assert!(!clock_runs(&first).await, "a fresh session of the same network is not believed again");

    let other_network = server.client_with_session_from("203.0.113.8").await;
    let before = clock_stands(&first).await;
    let _third = mining(&other_network).await;
    while clock_stands(&first).await <= before {}
    let figures = socket.next_of("NETWORK_HASHRATE").await;
    assert_eq!(figures["online"], 3);
}

#[tokio::test]
async fn a_share_keeps_a_miner_counted_and_a_replay_does_not() {
    let server = TestServer::start(&NOBODY_WINS).await;
    let client = server.client_with_session_from("203.0.113.7").await;
    let puzzle = client.puzzle().await;
    let mut socket = mining(&client).await;
    let share = client.share(&puzzle, 0).await;
    assert_eq!(socket.say_and_hear(&share).await["type"], "PONG");
    // Longer than a probation and a little more than a proof.
    let mut replays = 0;
    let mining_time = loop {
        let puzzle = client.puzzle().await;
        if puzzle["clock_running"] == false {
            break puzzle["mining_time"].as_f64().unwrap();
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        if socket.say_and_hear(&share).await["code"] == "bad_share" {
            replays += 1;
        }
    };
    assert!(0.5 < mining_time, "proven for longer than on probation: {mining_time}");
    assert!(0 < replays, "a replay is refused once it is looked at");
    assert!(!clock_runs(&client).await);

    // Another hash proves it again, after the lapse too.
    let next = client.share(&puzzle, share["payload"]["nonce"].as_u64().unwrap() + 1).await;
    socket.say_and_hear(&next).await;
    while !clock_runs(&client).await {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    loop {
        let figures = socket.next_of("NETWORK_HASHRATE").await;
        assert!(figures["round"] == 1 && figures["mining_time"].is_number());
        if figures["active_miners"] == 0 && figures["clock_running"] == false {
            break;
        }
    }
}

#[tokio::test]
async fn a_false_share_ends_counting_and_strikes() {
    let server = TestServer::start(&NOBODY_WINS).await;
    let client = server.client_with_session_from("203.0.113.7").await;
    let puzzle = client.puzzle().await;
    let mut socket = mining(&client).await;
    let honest = client.share(&puzzle, 0).await;
    let mut lie = honest.clone();
    lie["payload"]["hash"] = json!("0".repeat(64));
    socket.say(&lie.to_string()).await;
    let error = socket.next_of("ERROR").await;
    assert_eq!(error["code"], "bad_share");
    assert!(!clock_runs(&client).await);
    assert_eq!(socket.say_and_hear(&honest).await["code"], "bad_share", "for good");
    assert!(!clock_runs(&client).await);
    // The same wait as after a false submission.
    let submission = json!({
        "visitorId": lie["payload"]["visitorId"], "nonce": 1, "submittedSeed": puzzle["seed"],
        "traceData": lie["payload"]["traceData"], "hash": "0".repeat(64)
    });
    assert_eq!(status_and_code(client.verify(&submission).await).await, (429, "too_many_submissions".into()));
}

#[tokio::test]
async fn shares_that_prove_nothing_are_told_or_ignored_and_the_connection_lives() {
    let server = TestServer::start(&NOBODY_WINS).await;
    let client = server.client_with_session_from("203.0.113.7").await;
    let puzzle = client.puzzle().await;
    let good = client.share(&puzzle, 0).await;
    let with = |field: &str, value: Value| {
        let mut share = good.clone();
        share["payload"][field] = value;
        share
    };
    let mut socket = client.socket().await;
    assert_eq!(socket.say_and_hear(&good).await["code"], "bad_share", "before mining_start");
    socket.next_of("PONG").await;
    socket.say_and_hear(&start()).await;
    for share in [
        with("nonce", json!("1")),
        with("round", json!(-1)),
        with("visitorId", json!("visitor-other")),
        with("traceData", json!("colo=DEV\nip=203.0.113.7\n")),
        with("hash", json!(format!("1{}", "0".repeat(63)))),
        json!({"type": "share"}),
    ] {
        assert_eq!(socket.say_and_hear(&share).await["code"], "bad_share", "{share}");
        socket.next_of("PONG").await;
    }
    for round in [0, 2] {
        assert_eq!(socket.say_and_hear(&with("round", json!(round))).await["type"], "PONG", "ignored");
    }
    assert!(clock_stands(&client).await <= 0.5, "nothing of that counts");
}

#[tokio::test]
async fn who_never_said_that_it_mines_cannot_move_the_difficulty_by_an_instant_or_an_idle_solve() {
    let server = TestServer::start(&[
        ("HASHPASS_DIFFICULTY", "2"),
        ("HASHPASS_TARGET_TIME_MIN", "0.1"),
        ("HASHPASS_TARGET_TIME_MAX", "0.3"),
    ])
    .await;
    let client = server.client_with_session().await;
    let solution = client.solve(&client.puzzle().await).await;
    // Idle for longer than the longest good solve.
    tokio::time::sleep(Duration::from_millis(400)).await;
    let won: Value = client.verify(&solution).await.json().await.unwrap();
    assert_eq!((&won["solve_time"], &won["new_difficulty"]), (&json!(0.3), &json!(2)));

    // Who counted is judged by the mining clock, and that one was fast.
    let mut socket = client.socket().await;
    let solution = client.solve(&client.puzzle().await).await;
    tokio::time::sleep(Duration::from_millis(400)).await;
    socket.say_and_hear(&start()).await;
    let won: Value = client.verify(&solution).await.json().await.unwrap();
    assert!(won["solve_time"].as_f64().unwrap() < 0.3, "{won}");
}

#[tokio::test]
async fn one_network_adds_no_more_to_the_figures_than_a_network_can() {
    let server = TestServer::start(&[("HASHPASS_DIFFICULTY", "6"), NOBODY_WINS[2]]).await;
    let client = server.client_with_session_from("203.0.113.7").await;
    let other = server.client_with_session_from("203.0.113.8").await;
    let mut sockets = [client.socket().await, client.socket().await, other.socket().await];
    for socket in &mut sockets {
        socket.say_and_hear(&start()).await;
    }
    for (socket, rate) in sockets.iter_mut().zip([9_000.0, 9_000.0, 5.5]) {
        socket.say_and_hear(&json!({"type": "hashrate", "payload": {"rate": rate}})).await;
    }
    loop {
        let figures = sockets[2].next_of("NETWORK_HASHRATE").await;
        let rate = figures["total_hashrate"].as_f64().unwrap();
        assert!(rate <= 10_005.5, "{figures}");
        if figures["active_miners"] == 2 && rate == 10_005.5 {
            break;
        }
    }
}
