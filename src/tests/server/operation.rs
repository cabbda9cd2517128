//! The server as its operator meets it: a process with settings, a log and an end.

use crate::support::process::{ServerProcess, command};
use hashpass::config::VARIABLES;
use serde_json::{Value, json};
use std::process::Output;

/// Starts the server with settings that it must refuse.
fn refused(settings: &[(&str, &str)]) -> Output {
    let directory = tempfile::tempdir().unwrap();
    command(directory.path()).envs(settings.iter().copied()).output().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_is_plain_and_gives_no_secret_away() {
    let directory = tempfile::tempdir().unwrap();
    let secrets = [
        ("HASHPASS_HMAC_SECRET", "5ec12e7005ec12e7005ec12e7005ec12"),
        ("WEBHOOK_TOKEN", "token-of-the-webhook"),
        // Nobody answers there, and that is logged.
        ("WEBHOOK_URL", "http://127.0.0.1:9/path-of-the-webhook"),
    ];
    let server = ServerProcess::start(directory.path(), &[secrets.as_slice(), &[("RUST_LOG", "debug")]].concat());
    let client = server.client().try_with_session().await.unwrap();
    let solution = client.solve(&client.puzzle().await).await;
    let code =
        client.verify(&solution).await.json::<Value>().await.unwrap()["invite_code"].as_str().unwrap().to_owned();
    // What strangers write must not get into the log as it is.
    let hostile = "\u{1b}[31m\nWARN hashpass: forged line";
    let response = client.post_raw("/api/session", &json!({"turnstileToken": hostile}).to_string()).await;
    assert_eq!(response.status(), 200);
    client.post_raw("/api/verify", &json!({"visitorId": hostile}).to_string()).await;
    let mut socket = client.socket_with_token("token-of-the-socket").await;
    socket.say(hostile).await;
    assert_eq!(socket.next_of("ERROR").await["code"], "unknown_message");
    let cookie = client.cookie().unwrap().split_once('=').unwrap().1.to_owned();

    let (status, log) = server.terminate();
    assert!(status.success(), "{status}\n{log}");
    assert!(log.contains("round won") && log.contains("stopped"), "{log}");
    assert!(!log.contains('\u{1b}'), "terminal codes in the log");
    assert!(!log.lines().any(|line| line.starts_with("WARN")), "a line of the log was forged");
    let secrets = secrets.map(|(_, value)| value);
    for secret in secrets.into_iter().chain([code.as_str(), &cookie, "path-of-the-webhook", "token-of-the-socket"]) {
        assert!(!log.contains(secret), "{secret} is in the log:\n{log}");
    }
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_live_connection_holds_a_few_kilobytes() {
    const SOCKETS: usize = 200;
    let directory = tempfile::tempdir().unwrap();
    let server = ServerProcess::start(directory.path(), &[]);
    let client = server.client().try_with_session().await.unwrap();
    let before = server.memory();
    let mut sockets = Vec::new();
    for _ in 0..SOCKETS {
        let mut socket = client.socket().await;
        // Whoever has said something has had everything made that a connection needs.
        socket.say("ping").await;
        socket.next_of("PONG").await;
        sockets.push(socket);
    }
    let each = server.memory().saturating_sub(before) / SOCKETS;
    assert!(each < 32 * 1024, "{each} bytes");
    // They are all open still.
    let mut last = sockets.pop().unwrap();
    last.say("ping").await;
    assert_eq!(last.next_of("PONG").await["online"], SOCKETS);
    server.kill();
}

#[test]
fn every_line_of_a_json_log_is_an_object() {
    let directory = tempfile::tempdir().unwrap();
    let server = ServerProcess::start(directory.path(), &[("HASHPASS_LOG_FORMAT", "json")]);
    let (_, log) = server.terminate();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(3 <= lines.len() && lines.iter().all(|line| line["level"].is_string()), "{log}");
}

#[test]
fn wrong_settings_stop_the_start_all_at_once() {
    let secret = "neither-hex-nor-shown";
    let output = refused(&[("PORT", "many"), ("HASHPASS_RETARGET", "fair"), ("HASHPASS_HMAC_SECRET", secret)]);
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{message}");
    for name in ["PORT=\"many\"", "HASHPASS_RETARGET=\"fair\"", "HASHPASS_HMAC_SECRET"] {
        assert!(message.contains(name), "{name} is missing:\n{message}");
    }
    assert!(!message.contains(secret), "{message}");
}

#[test]
fn a_data_directory_that_cannot_be_written_stops_the_start() {
    let output = refused(&[("HASHPASS_DATA_DIR", "/dev/null/data")]);
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{message}");
    assert!(message.contains("/dev/null/data"), "{message}");
}

#[test]
fn the_help_explains_every_setting() {
    let directory = tempfile::tempdir().unwrap();
    let output = command(directory.path()).arg("--help").output().unwrap();
    // Lines are broken to fit the terminal.
    let help = String::from_utf8(output.stdout).unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
    for variable in VARIABLES {
        assert!(help.contains(variable.name) && help.contains(variable.purpose), "{} is missing", variable.name);
    }
}
