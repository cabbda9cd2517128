//! The drop as outside clients meet it: what is told, what is refused, and when.

use crate::support::{Client, TestServer, process::ServerProcess};
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

/// A moment so many seconds from now, as a setting.
fn from_now(seconds: i64) -> String {
    Timestamp::now().checked_add(seconds.seconds()).unwrap().to_string()
}

async fn drop_of(server: &TestServer) -> Value {
    let response = server.client().get("/api/drop").await;
    assert_eq!(response.status(), 200, "it is open to all");
    response.json().await.unwrap()
}

/// The status, the header `Retry-After` and the body of what the puzzle is asked for.
async fn refused(response: reqwest::Response) -> (u16, Option<u64>, Value) {
    let wait = response.headers().get("retry-after").map(|wait| wait.to_str().unwrap().parse().unwrap());
    (response.status().as_u16(), wait, response.json().await.unwrap())
}

#[tokio::test]
async fn without_settings_the_drop_is_open_and_has_no_end() {
    let server = TestServer::start(&[]).await;
    let told = drop_of(&server).await;
    let expected = json!({
        "state": "open", "reason": null, "supply": null, "left": null, "opens_at": null, "closes_at": null,
        "now": told["now"], "rules": []
    });
    assert_eq!(told, expected);
}

#[tokio::test]
async fn before_it_opens_nobody_learns_of_a_seed_and_then_everybody_does() {
    let opens_at = from_now(3);
    let server = TestServer::start(&[("HASHPASS_OPENS_AT", &opens_at)]).await;
    let told = drop_of(&server).await;
    assert_eq!((&told["state"], &told["reason"]), (&json!("scheduled"), &Value::Null));
    let client = server.client_with_session().await;
    let (status, wait, error) = refused(client.get("/api/puzzle").await).await;
    assert_eq!((status, &error["code"], &error["opens_at"]), (503, &json!("drop_scheduled"), &told["opens_at"]));
    assert!(wait.is_some_and(|wait| (1..=3).contains(&wait)), "{wait:?}");
    let submission = json!({
        "visitorId": "visitor-1", "nonce": 1, "submittedSeed": "00".repeat(16), "traceData": "ip=203.0.113.9\n",
        "hash": "00".repeat(32)
    });
    let (status, _, error) = refused(client.verify(&submission).await).await;
    assert_eq!((status, &error["code"]), (503, &json!("drop_scheduled")), "the drop comes before the identity");
    let health: Value = server.client().get("/api/health").await.json().await.unwrap();
    assert_eq!((&health["status"], &health["current_seed"]), (&json!("ok"), &Value::Null));

    let (mut one, mut other) = (client.socket().await, client.socket().await);
    for socket in [&mut one, &mut other] {
        let puzzle = socket.next_of("PUZZLE").await;
        for name in ["seed", "target", "curve"] {
            assert_eq!(puzzle.get(name), Some(&Value::Null), "{name}");
        }
        assert_eq!(puzzle["drop"]["state"], "scheduled");
    }
    let (first, second) = (one.next_of("PUZZLE_RESET").await, other.next_of("PUZZLE_RESET").await);
    assert_eq!((&first["reason"], &first["seed"]), (&json!("opened"), &second["seed"]));
    assert_eq!(one.next_of("DROP").await["state"], "open");
    assert_eq!(client.puzzle().await["seed"], first["seed"]);
}

#[tokio::test]
async fn the_last_code_ends_it_and_wins_are_told_all_the_same() {
    let server = TestServer::start(&[("HASHPASS_SUPPLY", "2")]).await;
    let client = server.client_with_session().await;
    let mut socket = client.socket().await;
    assert_eq!(socket.next_of("PUZZLE").await["drop"]["left"], 2);
    for left in [1, 0] {
        let solution = client.solve(&client.puzzle().await).await;
        assert_eq!(client.verify(&solution).await.status(), 200);
        assert_eq!(socket.next_of("DROP").await["left"], left);
    }
    let told = drop_of(&server).await;
    assert_eq!((&told["state"], &told["reason"], &told["left"]), (&json!("over"), &json!("sold_out"), &json!(0)));
    let (status, wait, error) = refused(client.get("/api/puzzle").await).await;
    assert_eq!((status, &error["code"], &error["opens_at"]), (503, &json!("drop_over"), &Value::Null));
    assert!(wait.is_some());
    let wins: Value = client.get("/api/wins").await.json().await.unwrap();
    assert_eq!(wins.as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_person_who_has_won_enough_is_told_so() {
    let server =
        TestServer::start(&[("HASHPASS_WINS_PER_PERSON", "1"), ("HASHPASS_TRUSTED_PROXIES", "127.0.0.0/8")]).await;
    let winner = server.client_with_session_from("203.0.113.7").await;
    let solution = winner.solve(&winner.puzzle().await).await;
    assert_eq!(winner.verify(&solution).await.status(), 200);
    let again = winner.solve(&winner.puzzle().await).await;
    let (status, wait, error) = refused(winner.verify(&again).await).await;
    assert_eq!(
        (status, &error["code"], &error["quota"], &error["until"], wait),
        (403, &json!("quota_reached"), &json!("person"), &Value::Null, None)
    );
    // Who loses the cookie is the same person still: the device and the network are known.
    let without_cookie = server.client_with_session_from("203.0.113.7").await.on_the_device_of(&winner);
    let third = without_cookie.solve(&without_cookie.puzzle().await).await;
    assert_eq!(refused(without_cookie.verify(&third).await).await.2["quota"], "person");
    // The same device id elsewhere is somebody else: identical phones are.
    let elsewhere = server.client_with_session_from("198.51.100.7").await.on_the_device_of(&winner);
    let fourth = elsewhere.solve(&elsewhere.puzzle().await).await;
    assert_eq!(elsewhere.verify(&fourth).await.status(), 200);
}

#[tokio::test]
async fn codes_of_a_list_are_handed_out_as_they_stand() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("codes.txt");
    std::fs::write(&path, "invite one\r\ninvite two\n").unwrap();
    let server = TestServer::start(&[("HASHPASS_CODES_FILE", path.to_str().unwrap())]).await;
    let client = server.client_with_session().await;
    for code in ["invite one", "invite two"] {
        let solution = client.solve(&client.puzzle().await).await;
        let won: Value = client.verify(&solution).await.json().await.unwrap();
        assert_eq!(won["invite_code"], code);
    }
    assert_eq!(drop_of(&server).await["reason"], "sold_out");
}

/// How many programs race, and for how many codes; `HASHPASS_TEST_DROP_CLIENTS` and
/// `HASHPASS_TEST_DROP_SUPPLY` ask for other numbers.
const CLIENTS: usize = 12;
const SUPPLY: usize = 24;

/// After so many codes the server is killed.
const CODES_BEFORE_A_KILL: usize = 7;

fn asked(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |number| number.parse().unwrap())
}

/// Wins until the drop is over or the server is gone; notes the cookie, and every code.
async fn win_until_the_end(address: SocketAddr, cookies: Shared<String>, codes: Shared<String>) {
    let Ok(client) = Client::at(address).try_with_session().await else { return };
    cookies.lock().unwrap().insert(client.cookie().unwrap().to_owned());
    let Ok(trace) = client.try_get("/cdn-cgi/trace").await else { return };
    let Ok(trace) = trace.text().await else { return };
    loop {
        let Ok(response) = client.try_get("/api/puzzle").await else { return };
        let is_open = response.status() == 200;
        let Ok(puzzle) = response.json::<Value>().await else { return };
        if !is_open {
            assert_eq!(puzzle["code"], "drop_over");
            return;
        }
        let solution = client.solve_with_trace(&puzzle, &trace);
        let Ok(response) = client.try_verify(&solution).await else { return };
        let Ok(answer) = response.json::<Value>().await else { return };
        if let Some(code) = answer["invite_code"].as_str() {
            assert!(codes.lock().unwrap().insert(code.to_owned()), "a code was given out twice");
        }
    }
}

type Shared<T> = Arc<Mutex<BTreeSet<T>>>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exactly_the_supply_goes_out_however_many_race_and_however_often_the_server_is_killed() {
    let (clients, supply) = (asked("HASHPASS_TEST_DROP_CLIENTS", CLIENTS), asked("HASHPASS_TEST_DROP_SUPPLY", SUPPLY));
    let data = tempfile::tempdir().unwrap();
    let supply_text = supply.to_string();
    let settings = [("HASHPASS_SUPPLY", supply_text.as_str())];
    let (cookies, codes) = (Shared::default(), Shared::default());
    let mut kill_at = CODES_BEFORE_A_KILL;
    let server = loop {
        let server = ServerProcess::start(data.path(), &settings);
        let racing = (0..clients).map(|_| win_until_the_end(server.address(), cookies.clone(), codes.clone()));
        let racing: Vec<_> = racing.map(tokio::spawn).collect();
        let are_done = || racing.iter().all(tokio::task::JoinHandle::is_finished);
        while codes.lock().unwrap().len() < kill_at && !are_done() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        if are_done() {
            futures::future::try_join_all(racing).await.unwrap();
            break server;
        }
        server.kill();
        futures::future::try_join_all(racing).await.unwrap();
        kill_at = codes.lock().unwrap().len() + CODES_BEFORE_A_KILL;
    };
    let client = server.client();
    let told: Value = client.get("/api/drop").await.json().await.unwrap();
    assert_eq!((&told["state"], &told["reason"], &told["left"]), (&json!("over"), &json!("sold_out"), &json!(0)));
    // Whoever won finds the code, also one whose answer the kill has swallowed.
    let mut found = BTreeSet::new();
    let cookies: Vec<String> = cookies.lock().unwrap().iter().cloned().collect();
    for cookie in cookies {
        let request = client.http.get(client.url("/api/wins")).header("cookie", cookie);
        let wins: Value = request.send().await.unwrap().json().await.unwrap();
        // A session that never showed work need not have survived.
        let codes = wins.as_array().into_iter().flatten().map(|win| win["invite_code"].as_str().unwrap().to_owned());
        found.extend(codes);
    }
    assert_eq!(found.len(), supply, "exactly the supply");
    assert!(codes.lock().unwrap().is_subset(&found), "nothing that was given out is lost");
    server.kill();
}
