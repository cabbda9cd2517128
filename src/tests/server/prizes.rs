//! What follows from a win when the receiver is away and the server is killed.

use crate::support::{TestServer, process::ServerProcess, receiver::Receiver};
use axum::http::StatusCode;
use serde_json::{Value, json};
use std::{
    io::Write,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

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

/// What the libraries of Standard Webhooks say of deliveries, in the order given: each
/// reads lines with a secret, the headers and a body, and answers `true` or `false`.
///
/// They are brought by `./x test`. Where one of them is not there nothing can be said.
fn verdicts(lines: &str) -> Vec<(&'static str, Vec<bool>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (python, end2end) = (root.join("target/webhooks/python/bin/python"), root.join("end2end"));
    let mut commands = Vec::new();
    if python.exists() {
        let mut command = Command::new(python);
        command.args(["-c", PYTHON]);
        commands.push(("PyPI", command));
    }
    if end2end.join("node_modules/standardwebhooks").exists() {
        let mut command = Command::new("node");
        command.args(["--input-type=module", "--eval", JAVASCRIPT]).current_dir(end2end);
        commands.push(("npm", command));
    }
    if commands.len() < 2 {
        eprintln!("not every library of Standard Webhooks is there: run ./x test");
    }
    let run = |mut command: Command| {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap().lines().map(|line| line.parse().unwrap()).collect()
    };
    commands.into_iter().map(|(name, command)| (name, run(command))).collect()
}

const PYTHON: &str = r#"
import json, sys
from standardwebhooks.webhooks import Webhook, WebhookVerificationError
for line in sys.stdin:
    secret, headers, body = json.loads(line)
    try:
        Webhook(secret).verify(body, headers)
        print("true")
    except WebhookVerificationError:
        print("false")
"#;

const JAVASCRIPT: &str = r#"
import { createInterface } from "node:readline";
import { Webhook, WebhookVerificationError } from "standardwebhooks";
for await (const line of createInterface({ input: process.stdin })) {
  const [secret, headers, body] = JSON.parse(line);
  try {
    new Webhook(secret).verify(body, headers);
    console.log("true");
  } catch (error) {
    if (!(error instanceof WebhookVerificationError)) throw error;
    console.log("false");
  }
}
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_official_libraries_take_what_is_ours_and_nothing_else() {
    let (new, old) = ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX");
    let other = "whsec_//////////////////////////////////8=";
    let receiver = Receiver::start(StatusCode::NO_CONTENT).await;
    let secrets = format!("{new} {old}");
    let server = TestServer::start(&[
        ("WEBHOOK_URL", &receiver.url),
        ("WEBHOOK_FORMAT", "event"),
        ("WEBHOOK_SIGNING_SECRET", &secrets),
        ("HASHPASS_SUPPLY", "1"),
        ("HASHPASS_CODE_TTL", "3600"),
        ("HASHPASS_RETURN_URLS", "https://example.org/"),
        ("HASHPASS_STATE_SECRET", "a-secret-of-thirty-two-characters"),
    ])
    .await;
    let client = server.client_with_session().await;
    // As a site that has sent its visitor here: the state is signed.
    let taken = json!({
        "return_to": "https://example.org/", "state": "order-7",
        "state_sig": "e45c437a53b3744003944a7bc18f141c30b012d30790f8c3f9e023c46e3ea5c4"
    });
    let taken = client.post_raw("/api/return", &taken.to_string()).await;
    let client = client.with_cookie(taken.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap());
    let solution = client.solve(&client.puzzle().await).await;
    let won: Value = client.verify(&solution).await.json().await.unwrap();
    let wins: Value = client.get("/api/wins").await.json().await.unwrap();

    // The drop begins, its only code is won, and it is over: three events, in this order.
    let requests = loop {
        let requests = receiver.requests();
        if 3 <= requests.len() {
            break requests;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    let events: Vec<Value> = requests.iter().map(|(_, body, _)| serde_json::from_str(body).unwrap()).collect();
    assert_eq!(events.iter().map(|event| &event["type"]).collect::<Vec<_>>(), ["drop.opened", "code.won", "drop.over"]);
    let at = &wins[0]["at"];
    let expires_at = &events[1]["data"]["expires_at"];
    let [won_at, dies_at] = [at, expires_at].map(|time| time.as_str().unwrap().parse::<jiff::Timestamp>().unwrap());
    assert!((3590..=3600).contains(&dies_at.duration_since(won_at).as_secs()), "{won_at} {dies_at}");
    let data = json!({
        "code": won["invite_code"], "round": 1, "won_at": at, "visitor_id": solution["visitorId"],
        "expires_at": expires_at, "state": "order-7"
    });
    assert_eq!((&events[1]["timestamp"], &events[1]["data"]), (at, &data), "the time is that of the ledger");
    assert_eq!((&events[2]["data"]["reason"], &events[2]["data"]["left"]), (&json!("sold_out"), &json!(0)));

    let mut lines = String::new();
    let mut expected = Vec::new();
    for (headers, body, _) in &requests {
        let header = |name: &str| headers[name].to_str().unwrap().to_owned();
        let signed = |secret: &str, id: &str, second: &str, body: &str| {
            let headers = json!({ "webhook-id": id, "webhook-timestamp": second, "webhook-signature": header("webhook-signature") });
            json!([secret, headers, body]).to_string() + "\n"
        };
        let (id, second) = (header("webhook-id"), header("webhook-timestamp"));
        let later = (second.parse::<u64>().unwrap() + 1).to_string();
        for (line, is_ours) in [
            (signed(new, &id, &second, body), true),
            (signed(old, &id, &second, body), true),
            (signed(other, &id, &second, body), false),
            (signed(new, "msg_another", &second, body), false),
            (signed(new, &id, &later, body), false),
            (signed(new, &id, &second, &body.replace("drop", "crop").replace("code", "mode")), false),
        ] {
            lines += &line;
            expected.push(is_ours);
        }
    }
    let verdicts = tokio::task::block_in_place(|| verdicts(&lines));
    for (library, verdicts) in verdicts {
        assert_eq!(verdicts, expected, "the library of {library}");
    }
}
