//! Who comes first: the order of arrival, and the human check before it.

use crate::support::{TestServer, status_and_code};
use axum::{Json, Router, extract::State, routing::post};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::{net::TcpListener, sync::watch};

/// How far a check of the token `slow` has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slow {
    NotAsked,
    Asked,
    MayAnswer,
}

/// A human check that passes every token, and `slow` when it is told to.
async fn human_check() -> (String, watch::Sender<Slow>) {
    async fn siteverify(State(slow): State<watch::Sender<Slow>>, form: String) -> Json<Value> {
        if form.contains("response=slow") {
            slow.send_replace(Slow::Asked);
            slow.subscribe().wait_for(|slow| *slow == Slow::MayAnswer).await.unwrap();
        }
        Json(json!({"success": true}))
    }
    let slow = watch::Sender::new(Slow::NotAsked);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/siteverify", listener.local_addr().unwrap());
    let app = Router::new().route("/siteverify", post(siteverify)).with_state(slow.clone());
    tokio::spawn(async move { axum::serve(listener, app).await });
    (url, slow)
}

#[tokio::test]
async fn a_slow_human_check_buys_no_early_place() {
    let (url, check) = human_check().await;
    let server = TestServer::start(&[
        ("TURNSTILE_TEST_MODE", "false"),
        ("TURNSTILE_SITE_KEY", "site"),
        ("TURNSTILE_SECRET_KEY", "secret"),
        ("TURNSTILE_VERIFY_URL", &url),
    ])
    .await;
    let quick = server.client_with_session().await;
    let puzzle = quick.puzzle().await;
    let trace = quick.get("/cdn-cgi/trace").await.text().await.unwrap();
    let slow = server.client_with_bearer("slow");
    let solution = slow.solve_with_trace(&puzzle, &trace);
    let handing_in = tokio::spawn(async move { slow.verify(&solution).await });
    check.subscribe().wait_for(|check| *check == Slow::Asked).await.unwrap();
    // Its submission is here, and nobody knows yet whose it is.
    let solution = quick.solve_with_trace(&puzzle, &trace);
    let won = tokio::time::timeout(Duration::from_secs(10), quick.verify(&solution)).await;
    assert_eq!(won.expect("nobody waits for the check of another").status(), 200);
    check.send_replace(Slow::MayAnswer);
    assert_eq!(status_and_code(handing_in.await.unwrap()).await, (409, "puzzle_already_solved".into()));
}
