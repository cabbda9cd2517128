//! What an address that asks for too much gets; and that other addresses do not
//! notice.

use crate::support::{Client, TestServer, status_and_code};
use axum::{Json, Router, extract::State, routing::post};
use futures::future::{join, join_all};
use serde_json::{Value, json};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::net::TcpListener;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

/// Everybody comes through a proxy, which names their addresses.
pub(super) const PROXY: (&str, &str) = ("HASHPASS_TRUSTED_PROXIES", "127.0.0.1");

/// The status, the code, and whether a retry is invited.
async fn outcome(response: reqwest::Response) -> (u16, String, bool) {
    let invited = response.headers().get("retry-after").is_some_and(|seconds| {
        let seconds: u64 = seconds.to_str().unwrap().parse().unwrap();
        0 < seconds && seconds <= 3600
    });
    if response.status() == 200 {
        return (200, String::new(), invited);
    }
    let (status, code) = status_and_code(response).await;
    (status, code, invited)
}

fn too_many(code: &str) -> (u16, String, bool) {
    (429, code.to_owned(), true)
}

async fn open_session(client: &Client, token: &str) -> (u16, String, bool) {
    outcome(client.post_raw("/api/session", &json!({"turnstileToken": token}).to_string()).await).await
}

#[tokio::test]
async fn an_address_opens_so_many_sessions_and_others_are_not_affected() {
    let server = TestServer::start(&[PROXY, ("HASHPASS_LIMIT_SESSIONS_PER_HOUR", "3")]).await;
    let here = server.client_from("192.0.2.1");
    for n in 0..3 {
        assert_eq!(open_session(&here, "").await.0, 403, "what is refused is not counted");
        assert_eq!(open_session(&here, "test").await.0, 200, "{n}");
    }
    assert_eq!(open_session(&here, "test").await, too_many("too_many_requests"));
    assert_eq!(open_session(&server.client_from("::ffff:192.0.2.1"), "test").await, too_many("too_many_requests"));
    // Tokens as Bearer open sessions too.
    let bearer = |address: &str, token: &str| server.client_from(address).with_bearer(token);
    assert_eq!(outcome(bearer("192.0.2.1", "a").get("/api/puzzle").await).await, too_many("too_many_requests"));
    for address in ["192.0.2.2", "2001:db8:0:1::1"] {
        assert_eq!(open_session(&server.client_from(address), "test").await.0, 200, "{address}");
    }
    // One implicit session, however often its token is shown, also at once.
    let again = bearer("192.0.2.3", "b");
    let answers = join_all((0..20).map(|_| again.get("/api/puzzle"))).await;
    let passed = answers.iter().filter(|answer| answer.status() == 200).count();
    assert!(1 <= passed, "{passed}");
    for _ in 0..20 {
        assert_eq!(again.get("/api/puzzle").await.status(), 200);
    }
    assert_eq!(open_session(&again, "test").await.0, 200);
    // All addresses of one /64 are one.
    for n in 2..=3 {
        assert_eq!(open_session(&server.client_from(&format!("2001:db8:0:1::{n}")), "test").await.0, 200);
    }
    let neighbour = server.client_from("2001:db8:0:1:ffff::1");
    assert_eq!(open_session(&neighbour, "test").await, too_many("too_many_requests"));
    assert_eq!(open_session(&server.client_from("2001:db8:0:2::1"), "test").await.0, 200);
}

#[tokio::test]
async fn two_hundred_networks_can_fill_the_table_of_sessions_and_keep_nobody_out() {
    // As the table of a server in earnest, but for its size; and no stamp is asked for
    // while it is full.
    let settings = [PROXY, ("HASHPASS_HASHCASH_BITS", "0")];
    let server = TestServer::start_with(&settings, |config| config.most_clients = 300).await;
    let winner = server.client_with_session_from("198.51.100.1").await;
    let solution = winner.solve(&winner.puzzle().await).await;
    assert_eq!(winner.verify(&solution).await.status(), 200);
    let networks = (0..201).map(|n| server.client_from(&format!("2001:db8:0:{n:x}::1"))).collect::<Vec<_>>();
    let flood = async || {
        let answers = join_all(networks.iter().map(|network| open_session(network, "test"))).await;
        assert!(answers.iter().all(|answer| answer.0 == 200), "{answers:?}");
    };
    flood().await;
    flood().await;
    let newcomer = server.client_from("203.0.113.1");
    let enter = async {
        let began = Instant::now();
        let newcomer = newcomer.try_with_session().await.unwrap();
        let puzzle = newcomer.puzzle().await;
        (newcomer, puzzle, began.elapsed())
    };
    let ((newcomer, puzzle, took), ()) = join(enter, flood()).await;
    // At the first try. It takes milliseconds; the rest is for a machine with much to do.
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert_eq!(newcomer.verify(&newcomer.solve(&puzzle).await).await.status(), 200);
    // Both have shown work, and stay whatever comes.
    flood().await;
    for client in [&winner, &newcomer] {
        let wins: Value = client.get("/api/wins").await.json().await.unwrap();
        assert_eq!(wins.as_array().unwrap().len(), 1);
    }
}

/// A human check that passes the token `good` and counts what it is asked.
async fn human_check() -> (String, Arc<AtomicUsize>) {
    async fn siteverify(State(asked): State<Arc<AtomicUsize>>, form: String) -> Json<Value> {
        // The server asks at its start, too, whether its key is known.
        if !form.contains("response=hashpass-probe") {
            asked.fetch_add(1, Ordering::SeqCst);
        }
        Json(json!({"success": form.contains("response=good"), "error-codes": ["invalid-input-response"]}))
    }
    let asked = Arc::new(AtomicUsize::new(0));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/siteverify", listener.local_addr().unwrap());
    let app = Router::new().route("/siteverify", post(siteverify)).with_state(asked.clone());
    tokio::spawn(async move { axum::serve(listener, app).await });
    (url, asked)
}

#[tokio::test]
async fn unknown_tokens_do_not_become_a_flood_of_calls_to_the_human_check() {
    let (url, asked) = human_check().await;
    let server = TestServer::start(&[
        PROXY,
        ("TURNSTILE_TEST_MODE", "false"),
        ("TURNSTILE_SITE_KEY", "site"),
        ("TURNSTILE_SECRET_KEY", "secret"),
        ("TURNSTILE_VERIFY_URL", &url),
        ("HASHPASS_LIMIT_FAILED_CHECKS_PER_MINUTE", "5"),
    ])
    .await;
    let here = server.client_from("192.0.2.1");
    // Checks that pass cost nothing.
    for n in 0..20 {
        assert_eq!(open_session(&here, &format!("good-{n}")).await.0, 200);
    }
    let forged = (0..30).map(|n| format!("forged-{n}")).collect::<Vec<_>>();
    let answers = join_all(forged.iter().map(|token| open_session(&here, token))).await;
    let failed = answers.iter().filter(|answer| **answer == (403, "turnstile_failed".into(), false)).count();
    assert_eq!(failed, 5, "{answers:?}");
    assert_eq!(answers.iter().filter(|answer| **answer == too_many("too_many_requests")).count(), 25);
    assert_eq!(asked.load(Ordering::SeqCst), 25);
    let bearer = server.client_from("192.0.2.1").with_bearer("forged");
    assert_eq!(outcome(bearer.get("/api/puzzle").await).await, too_many("too_many_requests"));
    let mut socket = server.client_from("192.0.2.1").socket_with_token("forged").await;
    assert_eq!(socket.next_json().await["code"], "too_many_requests");
    assert_eq!(socket.close_code().await, CloseCode::Policy);
    assert_eq!(asked.load(Ordering::SeqCst), 25, "nobody was asked");
    assert_eq!(open_session(&server.client_from("192.0.2.2"), "good").await.0, 200);
}

#[tokio::test]
async fn an_address_has_so_many_sockets_and_a_place_that_is_given_up_is_free() {
    let server = TestServer::start(&[PROXY, ("HASHPASS_LIMIT_SOCKETS_PER_ADDRESS", "2")]).await;
    let here = server.client_from("192.0.2.1").try_with_session().await.unwrap();
    let there = server.client_from("192.0.2.2").try_with_session().await.unwrap();
    let mut open = vec![here.socket().await, here.socket().await];
    for socket in &mut open {
        socket.next_of("PUZZLE").await;
    }
    let mut refused = here.socket().await;
    let told = refused.next_json().await;
    assert_eq!((&told["type"], &told["code"]), (&json!("REJECTED"), &json!("too_many_requests")));
    assert!(told["retry_after"].is_u64(), "{told}");
    assert_eq!(refused.close_code().await, CloseCode::Policy);
    there.socket().await.next_of("PUZZLE").await;
    open.pop();
    while here.socket().await.next_json().await["type"] != "PUZZLE" {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn in_a_full_house_the_network_that_holds_most_sockets_gives_one_up() {
    let server = TestServer::start(&[PROXY, ("HASHPASS_LIMIT_SOCKETS", "3")]).await;
    let session = async |address: &str| server.client_from(address).try_with_session().await.unwrap();
    let (one, many, newcomer) =
        (session("192.0.2.1").await, session("198.51.100.1").await, session("203.0.113.1").await);
    let mut first = one.socket().await;
    first.next_of("PUZZLE").await;
    let mut crowd = [many.socket().await, many.socket().await];
    for socket in &mut crowd {
        socket.next_of("PUZZLE").await;
    }
    newcomer.socket().await.next_of("PUZZLE").await;
    let [mut oldest, mut other] = crowd;
    assert_eq!(oldest.close_code().await, CloseCode::Again, "of its places the one unused for longest");
    for socket in [&mut first, &mut other] {
        socket.say("ping").await;
        socket.next_of("PONG").await;
    }
}

#[tokio::test]
async fn who_polls_gives_a_place_up_as_who_is_connected_does() {
    let server = TestServer::start(&[PROXY, ("HASHPASS_LIMIT_SOCKETS", "2")]).await;
    let many = server.client_from("198.51.100.1").try_with_session().await.unwrap();
    let newcomer = server.client_from("203.0.113.1").try_with_session().await.unwrap();
    let begin = async |client: &Client| {
        let told: Value = client.get("/api/events").await.json().await.unwrap();
        assert_eq!(told["messages"][0]["type"], "PUZZLE");
        told["last_id"].as_str().unwrap().to_owned()
    };
    let ping = async |client: &Client, last_id: &str| {
        client.post_raw(&format!("/api/events?after={last_id}"), r#"{"type":"ping"}"#).await.status()
    };
    let (first, second) = (begin(&many).await, begin(&many).await);
    let third = begin(&newcomer).await;
    while ping(&many, &first).await != 404 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!((ping(&many, &second).await.as_u16(), ping(&newcomer, &third).await.as_u16()), (200, 200));
}

#[tokio::test]
async fn an_address_makes_so_many_requests_and_others_are_not_affected() {
    let server = TestServer::start(&[PROXY, ("HASHPASS_LIMIT_REQUESTS_PER_SECOND", "1")]).await;
    let here = server.client_from("2001:db8:0:1::1");
    let paths = ["/", "/api/health", "/docs", "/no-such-file", "/api/v1/server"];
    let answers = join_all(paths.iter().cycle().take(40).map(|path| here.get(path))).await;
    let refused: Vec<_> = answers.into_iter().filter(|answer| answer.status() == 429).collect();
    assert!((25..=30).contains(&refused.len()), "ten seconds' worth come at once: {}", refused.len());
    for answer in refused {
        assert!(answer.headers().contains_key("content-security-policy"));
        assert_eq!(outcome(answer).await, too_many("too_many_requests"));
    }
    assert_eq!(server.client_from("2001:db8:0:2::1").get("/api/health").await.status(), 200);
    // All networks of one /48 have sixteen times as much together.
    let site = (0..200).map(|n| server.client_from(&format!("2001:db8:1:{:x}::1", n << 8))).collect::<Vec<_>>();
    let answers = join_all(site.iter().flat_map(|client| (0..2).map(|_| client.get("/api/turnstile/config")))).await;
    let granted = answers.iter().filter(|answer| answer.status() == 200).count();
    assert!((160..400).contains(&granted), "{granted}");
    assert_eq!(server.client_from("2001:db8:2::1").get("/api/health").await.status(), 200);
}

#[tokio::test]
async fn an_address_has_so_many_verifications_and_every_cheaper_answer_stays_what_it_was() {
    let server = TestServer::start(&[PROXY, ("HASHPASS_LIMIT_SUBMISSIONS_PER_MINUTE", "2")]).await;
    let session = async |address: &str| server.client_from(address).try_with_session().await.unwrap();
    let client = session("192.0.2.1").await;
    for round in 1..=2 {
        let solution = client.solve(&client.puzzle().await).await;
        // None of these is counted.
        for (field, value, status) in [
            ("traceData", "ip=192.0.2.9\n", 403),
            ("hash", &"f".repeat(64), 400),
            ("submittedSeed", &"0".repeat(32), 409),
        ] {
            let mut wrong = solution.clone();
            wrong[field] = json!(value);
            assert_eq!(client.verify(&wrong).await.status(), status, "{field}");
        }
        let won: Value = client.verify(&solution).await.json().await.unwrap();
        assert_eq!(won["round"], round);
    }
    let neighbour = session("192.0.2.1").await;
    let puzzle = neighbour.puzzle().await;
    let solution = neighbour.solve(&puzzle).await;
    assert_eq!(outcome(neighbour.verify(&solution).await).await, too_many("too_many_submissions"));
    for (field, value, status, code) in [
        ("visitorId", "short", 400, "malformed"),
        ("traceData", "ip=192.0.2.9\n", 403, "identity_mismatch"),
        ("visitorId", "somebody-else", 403, "visitor_mismatch"),
        ("submittedSeed", &"0".repeat(32), 409, "puzzle_already_solved"),
        ("hash", &"f".repeat(64), 400, "below_difficulty"),
    ] {
        let mut wrong = solution.clone();
        wrong[field] = json!(value);
        assert_eq!(outcome(neighbour.verify(&wrong).await).await, (status, code.into(), false), "{field}");
    }
    // The refusal is not held against the session, and nobody else is concerned.
    assert_eq!(outcome(neighbour.verify(&solution).await).await, too_many("too_many_submissions"));
    let stranger = session("192.0.2.2").await;
    let solution = stranger.solve(&puzzle).await;
    assert_eq!(stranger.verify(&solution).await.status(), 200);
}

#[tokio::test]
async fn zero_switches_a_limit_off() {
    let off = [
        "HASHPASS_LIMIT_REQUESTS_PER_SECOND",
        "HASHPASS_LIMIT_SESSIONS_PER_HOUR",
        "HASHPASS_LIMIT_FAILED_CHECKS_PER_MINUTE",
        "HASHPASS_LIMIT_SUBMISSIONS_PER_MINUTE",
        "HASHPASS_LIMIT_SOCKETS_PER_ADDRESS",
        "HASHPASS_LIMIT_SOCKETS",
        "HASHPASS_LIMIT_CONNECTIONS_PER_PEER",
        "HASHPASS_LIMIT_CONNECTIONS",
    ];
    let server = TestServer::start(&off.map(|name| (name, "0"))).await;
    let client = server.client_with_session().await;
    for _ in 0..3 {
        assert_eq!(open_session(&client, "test").await.0, 200);
        let solution = client.solve(&client.puzzle().await).await;
        assert_eq!(client.verify(&solution).await.status(), 200);
    }
    let mut sockets = join_all((0..3).map(|_| client.socket())).await;
    for socket in &mut sockets {
        socket.next_of("PUZZLE").await;
    }
}
