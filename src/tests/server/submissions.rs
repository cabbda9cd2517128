//! Handing in solutions: who wins, and what everybody else is told.

use crate::support::{TestServer, status_and_code};
use futures::future::join_all;
use serde_json::{Value, json};

#[tokio::test]
async fn a_client_written_from_the_protocol_wins_a_code_and_a_replay_gets_409() {
    let server = TestServer::start(&[("HASHPASS_HMAC_SECRET", "000102030405060708090a0b0c0d0e0f")]).await;
    let client = server.client_with_session().await;
    let puzzle = client.puzzle().await;
    assert_eq!(puzzle["round"], 1);
    assert_eq!(puzzle["difficulty"], 1);
    assert_eq!(puzzle["expected_hashes"], 16);
    assert_eq!(puzzle["target"], format!("1{}", "0".repeat(63)));

    let solution = client.solve(&puzzle).await;
    let won = client.verify(&solution).await;
    assert_eq!(won.status(), 200);
    let won: Value = won.json().await.unwrap();
    let code = won["invite_code"].as_str().unwrap().to_owned();
    assert!(code.starts_with("HASHPASS-") && code.len() == 21, "{code}");
    assert_eq!((&won["round"], &won["difficulty"]), (&json!(1), &json!(1)));
    assert!(won["solve_time"].is_number() && won["new_difficulty"].is_number());

    // The code can be recomputed from what is public and the secret.
    let recomputed = puzzle::invite_code::InviteCode::derive(
        &puzzle::invite_code::CodeSecret::from_bytes((0..16).collect::<Vec<u8>>()),
        &solution["visitorId"].as_str().unwrap().parse().unwrap(),
        puzzle::Nonce::new(solution["nonce"].as_u64().unwrap()).unwrap(),
        &solution["submittedSeed"].as_str().unwrap().parse().unwrap(),
    );
    assert_eq!(recomputed.as_str(), code);

    let replay = client.verify(&solution).await;
    assert_eq!(replay.status(), 409);
    let replay: Value = replay.json().await.unwrap();
    assert_eq!(replay["code"], "puzzle_already_solved");
    assert_eq!(replay["detail"], "Puzzle already solved by someone else");
    assert_eq!(replay["round"], 2);
    assert_eq!(replay["seed"], client.puzzle().await["seed"]);
    assert_ne!(replay["seed"], puzzle["seed"]);

    // The code outlives a lost answer, for its own session only.
    let wins: Value = client.get("/api/wins").await.json().await.unwrap();
    assert_eq!((&wins[0]["round"], &wins[0]["invite_code"]), (&json!(1), &json!(code)));
    let other = server.client_with_session().await;
    assert_eq!(other.get("/api/wins").await.json::<Value>().await.unwrap(), json!([]));

    // And it is in the audit log, as soon as that has read it.
    let log = loop {
        let log = std::fs::read(server.data_dir().join("verify.json")).unwrap();
        let log: Value = serde_json::from_slice(&log).unwrap();
        if log != json!([]) {
            break log;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    };
    assert_eq!(log[0]["invite_code"], code);
    assert_eq!(log[0]["real_ip"], "127.0.0.1");
    assert_eq!(log[0].as_object().unwrap().len(), 13);
}

#[tokio::test]
async fn of_fifty_valid_solutions_posted_at_once_one_wins_and_49_get_409() {
    let server = TestServer::start(&[("HASHPASS_VERIFY_WORKERS", "3")]).await;
    let clients = join_all((0..50).map(|_| server.client_with_session())).await;
    let puzzle = clients[0].puzzle().await;
    let solutions = join_all(clients.iter().map(|client| client.solve(&puzzle))).await;
    let attempts = clients.iter().zip(&solutions).map(|(client, solution)| async {
        let response = client.verify(solution).await;
        let status = response.status().as_u16();
        (status, response.json::<Value>().await.unwrap())
    });
    let outcomes = join_all(attempts).await;
    assert_eq!(outcomes.iter().filter(|(status, _)| *status == 200).count(), 1, "{outcomes:?}");
    assert_eq!(outcomes.iter().filter(|(status, _)| *status == 409).count(), 49, "{outcomes:?}");
    for (_, loser) in outcomes.iter().filter(|(status, _)| *status == 409) {
        assert_eq!((&loser["code"], &loser["round"]), (&json!("puzzle_already_solved"), &json!(2)));
        assert_ne!(loser["seed"], puzzle["seed"], "a loser must be told the new seed");
    }
}

#[tokio::test]
async fn bad_submissions_get_the_documented_status_and_code() {
    let server = TestServer::start(&[]).await;
    let client = server.client_with_session().await;
    let puzzle = client.puzzle().await;
    let good = client.solve(&puzzle).await;
    let with = |field: &str, value: Value| {
        let mut body = good.clone();
        body[field] = value;
        body
    };
    let table = [
        (with("visitorId", json!("short")), 400, "malformed", "visitorId"),
        (with("visitorId", json!("<script>alert(1)</script>")), 400, "malformed", "visitorId"),
        (with("visitorId", json!(5)), 400, "malformed", "visitorId"),
        (with("nonce", json!(-1)), 400, "malformed", "nonce"),
        (with("nonce", json!(1.5)), 400, "malformed", "nonce"),
        (with("nonce", json!("1")), 400, "malformed", "nonce"),
        (with("nonce", json!(9_007_199_254_740_992_u64)), 400, "malformed", "nonce"),
        (with("submittedSeed", json!("AB".repeat(16))), 400, "malformed", "seed"),
        (with("submittedSeed", json!("ab")), 400, "malformed", "seed"),
        (with("traceData", json!("")), 400, "malformed", "traceData"),
        (with("traceData", json!("é".repeat(1025))), 400, "malformed", "traceData"),
        (with("hash", json!("zz")), 400, "malformed", "hash"),
        (with("hash", Value::Null), 400, "malformed", "hash"),
        (with("traceData", json!("fl=1\nip=127.0.0.2\n")), 403, "identity_mismatch", "Identity mismatch"),
        (with("traceData", json!("fl=1\nip=127.0.0.11\n")), 403, "identity_mismatch", ""),
        (with("traceData", json!("fl=1\nip=127.0.0.1\nip=127.0.0.1\n")), 403, "identity_mismatch", ""),
        (with("traceData", json!("nothing here")), 403, "identity_mismatch", ""),
        (with("submittedSeed", json!("0".repeat(32))), 409, "puzzle_already_solved", "someone else"),
        (with("hash", json!("f".repeat(64))), 400, "below_difficulty", ""),
        (with("hash", json!(puzzle["target"])), 400, "below_difficulty", ""),
    ];
    for (body, status, code, part) in table {
        let response = client.verify(&body).await;
        assert_eq!(response.headers()["content-type"], "application/json", "{body}");
        assert_eq!(response.headers()["cache-control"], "no-store");
        let got_status = response.status().as_u16();
        let error: Value = response.json().await.unwrap();
        assert_eq!((got_status, &error["code"]), (status, &json!(code)), "{body} -> {error}");
        assert!(error["detail"].as_str().unwrap().contains(part), "{error}");
    }
    for raw in ["", "{", "[]", "null", "\"text\"", "{\"visitorId\":\"visitor-1\"}", "\u{0}"] {
        let response = client.post_raw("/api/verify", raw).await;
        assert_eq!(status_and_code(response).await, (400, "malformed".into()), "{raw:?}");
    }

    // A false hash is the only lie that costs us anything, and the liar waits.
    let response = client.verify(&with("hash", json!("0".repeat(64)))).await;
    assert_eq!(status_and_code(response).await, (400, "hash_mismatch".into()));
    let response = client.verify(&good).await;
    assert!(response.headers().contains_key("retry-after"));
    assert_eq!(status_and_code(response).await, (429, "too_many_submissions".into()));

    // The visitor id of the session is fixed by now; nothing above was lost.
    let response = client.verify(&with("visitorId", json!("visitor-other"))).await;
    assert_eq!(status_and_code(response).await, (403, "visitor_mismatch".into()));
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    assert_eq!(client.verify(&good).await.status(), 200);
}

#[tokio::test]
async fn missing_fields_are_named() {
    let server = TestServer::start(&[]).await;
    let client = server.client_with_session().await;
    let good = client.solve(&client.puzzle().await).await;
    for field in ["visitorId", "nonce", "submittedSeed", "traceData", "hash"] {
        let mut body = good.clone();
        body.as_object_mut().unwrap().remove(field);
        let error: Value = client.verify(&body).await.json().await.unwrap();
        assert_eq!(error["code"], "malformed");
        assert!(error["detail"].as_str().unwrap().contains(field), "{error}");
    }
}

#[tokio::test]
async fn the_full_queue_answers_503_with_retry_after() {
    // A quarter of a second per hash, one thread, one place to wait.
    let server = TestServer::start(&[
        ("HASHPASS_VERIFY_WORKERS", "1"),
        ("HASHPASS_VERIFY_QUEUE", "1"),
        ("HASHPASS_ARGON2_MEMORY_COST", "65536"),
        ("HASHPASS_ARGON2_TIME_COST", "3"),
    ])
    .await;
    let clients = join_all((0..8).map(|_| server.client_with_session())).await;
    let puzzle = clients[0].puzzle().await;
    let lie = json!({
        "visitorId": "visitor-1", "nonce": 1, "submittedSeed": puzzle["seed"],
        "traceData": "ip=127.0.0.1\n", "hash": "0".repeat(64)
    });
    let outcomes = join_all(clients.iter().map(|client| async {
        let response = client.verify(&lie).await;
        let retry = response.headers().contains_key("retry-after");
        let (status, code) = status_and_code(response).await;
        (status, code, retry)
    }))
    .await;
    let busy = (503, "verification_busy".to_owned(), true);
    assert!(outcomes.contains(&busy), "{outcomes:?}");
    assert!(outcomes.contains(&(400, "hash_mismatch".to_owned(), false)), "{outcomes:?}");
}

#[tokio::test]
async fn a_session_may_have_one_submission_in_flight() {
    let server = TestServer::start(&[
        ("HASHPASS_VERIFY_WORKERS", "1"),
        ("HASHPASS_ARGON2_MEMORY_COST", "65536"),
        ("HASHPASS_ARGON2_TIME_COST", "3"),
    ])
    .await;
    let client = server.client_with_session().await;
    let lie = json!({
        "visitorId": "visitor-1", "nonce": 1, "submittedSeed": client.puzzle().await["seed"],
        "traceData": "ip=127.0.0.1\n", "hash": "0".repeat(64)
    });
    let outcomes = join_all((0..4).map(|_| async { status_and_code(client.verify(&lie).await).await })).await;
    assert_eq!(outcomes.iter().filter(|(status, _)| *status == 429).count(), 3, "{outcomes:?}");
}
