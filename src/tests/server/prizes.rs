//! What follows from a win when the receiver is away and the server is killed.

use crate::support::{process::ServerProcess, receiver::Receiver};
use axum::http::StatusCode;
use serde_json::{Value, json};
use std::{path::Path, time::Duration};

/// The records of the audit log, once there are so many.
async fn records(data: &Path, count: usize) -> Vec<Value> {
    loop {
        let records = std::fs::read(data.join("data/verify.json")).unwrap();
        let records: Vec<Value> = serde_json::from_slice(&records).expect("always valid JSON");
        if count <= records.len() {
            return records;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_prize_that_nobody_took_is_delivered_after_a_restart_and_recorded_once() {
    let data = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(StatusCode::INTERNAL_SERVER_ERROR).await;
    let settings = [("WEBHOOK_URL", receiver.url.as_str()), ("WEBHOOK_TOKEN", "token")];
    let server = ServerProcess::start(data.path(), &settings);
    let client = server.client().try_with_session().await.unwrap();
    let solution = client.solve(&client.puzzle().await).await;
    let won: Value = client.verify(&solution).await.json().await.unwrap();
    let code = won["invite_code"].as_str().unwrap();
    receiver.requests_with(StatusCode::INTERNAL_SERVER_ERROR).await;
    server.kill();

    receiver.answer_with(StatusCode::NO_CONTENT);
    let server = ServerProcess::start(data.path(), &settings);
    let requests = receiver.requests_with(StatusCode::NO_CONTENT).await;
    let id = &requests[0].0["webhook-id"];
    for (headers, body, _) in &requests {
        assert_eq!(*body, format!(r#"{{"visitor_id":{},"invite_code":"{code}"}}"#, solution["visitorId"]));
        assert_eq!(headers["webhook-id"], id);
        assert_eq!(headers["authorization"], "Bearer token");
        assert!(headers.values().all(|value| !value.to_str().unwrap().contains(&code[9..])));
    }
    let records = records(data.path(), 1).await;
    assert_eq!(records.len(), 1);
    assert_eq!((&records[0]["invite_code"], &records[0]["round"]), (&json!(code), &json!(1)));
    let (status, log) = server.terminate();
    assert!(status.success() && !log.contains(&code[9..]), "{log}");
}
