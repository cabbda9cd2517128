//! The drop as outside clients meet it: what is told, what is refused, and when.

use crate::support::TestServer;
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

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
