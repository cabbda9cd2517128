//! Where the settings come from, and what is said at the start.

use crate::support::process::{ServerProcess, command};
use serde_json::Value;
use std::{fs, path::Path, process::Output, time::Duration};

/// Runs the server, which must not start.
fn refused(directory: &Path, settings: &[(&str, &str)], arguments: &[&str]) -> Output {
    let output = command(directory).envs(settings.iter().copied()).args(arguments).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    output
}

fn words(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn settings_come_from_the_named_file_or_that_of_the_working_directory_alone() {
    let outer = tempfile::tempdir().unwrap();
    let inner = outer.path().join("inner");
    fs::create_dir(&inner).unwrap();
    fs::write(outer.path().join(".env"), "HASHPASS_RETARGET=fair\n").unwrap();
    // The parent's is nobody's business.
    ServerProcess::start(&inner, &[]).kill();
    assert!(words(&refused(outer.path(), &[("HASHPASS_RETARGET", "")], &[])).contains("HASHPASS_RETARGET=\"fair\""));
    let other = outer.path().join("other.env");
    fs::write(&other, "\u{feff}HASHPASS_RULE=rising\nPORT=many # words\n").unwrap();
    let message = words(&refused(&inner, &[], &["--env-file", other.to_str().unwrap()]));
    assert!(message.contains("other.env line 2 has a # behind its value"), "{message}");
    fs::write(&other, "HASHPASS_RETAGET=rising\n").unwrap();
    let message = words(&refused(&inner, &[], &["serve", "--env-file", other.to_str().unwrap()]));
    assert!(message.contains("HASHPASS_RETAGET is not a setting; did you mean HASHPASS_RETARGET?"), "{message}");
    let message = words(&refused(&inner, &[], &["--env-file", "/nowhere.env"]));
    assert!(message.contains("/nowhere.env cannot be read"), "{message}");
}

#[test]
fn what_stops_the_start_is_said_in_the_format_of_the_log_and_before_anything_is_promised() {
    let directory = tempfile::tempdir().unwrap();
    for settings in [[("RUST_LOG", "nonsense")], [("HASHPASS_DATA_DIR", "/dev/null/data")]] {
        let text = words(&refused(directory.path(), &settings, &[]));
        assert!(text.contains(settings[0].1) && !text.contains("listening"), "{text}");
        let settings = [settings.as_slice(), &[("HASHPASS_LOG_FORMAT", "json")]].concat();
        let json = words(&refused(directory.path(), &settings, &[]));
        let lines: Vec<Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let last = lines.last().unwrap();
        assert_eq!(last["level"], "ERROR", "{json}");
        assert!(last["fields"]["message"].as_str().unwrap().contains(settings[0].1), "{json}");
    }
}

#[test]
fn another_key_of_the_codes_stops_the_start_until_it_is_accepted() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let key = |digits: &'static str| ("HASHPASS_HMAC_SECRET", digits);
    let (old, new) = ("5ec12e7005ec12e7005ec12e7005ec12", "e7005ec12e7005ec12e7005ec12e7005");
    ServerProcess::start(directory, &[key(old)]).kill();
    let json = words(&refused(directory, &[key(new), ("HASHPASS_LOG_FORMAT", "json")], &[]));
    let last: Value = serde_json::from_str(json.lines().last().unwrap()).unwrap();
    let sentence = last["fields"]["message"].as_str().unwrap();
    assert!(sentence.starts_with("HASHPASS_HMAC_SECRET is another key"), "{sentence}");
    assert!(sentence.contains("`hashpass serve --accept-change`") && !json.contains("listening"), "{json}");
    // One that would be made now is no better. Those who ask for a fresh one each time have
    // nothing to compare, nor has a ledger that is empty at every start.
    assert!(words(&refused(directory, &[key("")], &[])).contains("hmac-secret in HASHPASS_DATA_DIR"));
    for settings in [[key("random"), ("HASHPASS_STORE", "sqlite")], [key(new), ("HASHPASS_STORE", "memory")]] {
        ServerProcess::start(directory, &settings).kill();
    }
    ServerProcess::start(directory, &[key(old)]).kill();

    let (_, log) = ServerProcess::start_with(directory, &[key(new)], &["serve", "--accept-change"]).terminate();
    assert!(log.contains("the key of the invite codes is another one from now on"), "{log}");
    let (status, log) = ServerProcess::start(directory, &[key(new)]).terminate();
    assert!(status.success() && !log.contains("another"), "{log}");
    refused(directory, &[key(old)], &[]);
    assert!(![json, log].concat().contains(new));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_line_says_what_starts_and_only_we_are_heard() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join(".env"), "HASHPASS_TRUSTED_PROXIES=10.0.0.0/8,cloudflare\n").unwrap();
    let settings = [
        ("HASHPASS_LOG_FORMAT", "json"),
        ("RUST_LOG", "info"),
        ("HASHPASS_SERVICE_HOST", "10.0.0.1"),
        ("HASHPASS_PORT", "tcp://10.0.0.1:80"),
    ];
    let server = ServerProcess::start(directory.path(), &settings);
    let client = server.client().try_with_session().await.unwrap();
    let solution = client.solve(&client.puzzle().await).await;
    assert_eq!(client.verify(&solution).await.status(), 200);
    let (_, log) = server.terminate();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let ours = |line: &Value| line["target"].as_str().unwrap().starts_with("hashpass");
    assert!(lines.iter().all(ours), "{log}");
    let said = |message: &str| {
        let is_it = |line: &&Value| line["fields"]["message"].as_str().unwrap().starts_with(message);
        lines.iter().find(is_it).unwrap_or_else(|| panic!("{message}: {log}"))["fields"].clone()
    };
    let start = said("HashPass starts");
    for (field, value) in [
        ("version", env!("CARGO_PKG_VERSION")),
        ("gate", "turnstile"),
        ("rule", "step"),
        ("store", "sqlite"),
        ("data_directory", "./data"),
        ("env_file", ".env"),
        ("trusted_proxies", "10.0.0.0/8,cloudflare"),
    ] {
        assert_eq!(start[field], value, "{start}");
    }
    assert!(said("what Kubernetes says")["names"].as_str().unwrap().contains("HASHPASS_PORT"));
    assert_eq!(said("round won")["round"], 1, "numbers are numbers");
    said("TEST MODE");
}

#[test]
fn where_no_human_is_asked_for_there_is_no_test_mode() {
    let directory = tempfile::tempdir().unwrap();
    let server = ServerProcess::start(directory.path(), &[("HASHPASS_GATE", "hashcash")]);
    let (_, log) = server.terminate();
    assert!(!log.contains("TEST MODE"), "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hang_up_reloads_what_it_can_and_ends_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join(".env");
    let server = ServerProcess::start(directory.path(), &[]);
    for settings in ["RUST_LOG=debug\n", "RUST_LOG=nonsense\n"] {
        fs::write(&file, settings).unwrap();
        server.signal("HUP");
        // Signals of one kind that come at once are one.
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    for signal in ["USR1", "USR2"] {
        server.signal(signal);
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(server.client().get("/api/health").await.status(), 200);
    let (status, log) = server.terminate();
    assert!(status.success(), "{status}");
    assert!(log.contains("the settings were read again") && log.contains("filter=debug"), "{log}");
    assert!(log.contains("the settings stay as they are") && log.contains("RUST_LOG=\"nonsense\""), "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hang_up_changes_limits_and_the_message_of_the_day() {
    let directory = tempfile::tempdir().unwrap();
    let server = ServerProcess::start(directory.path(), &[]);
    let client = server.client();
    let opened = async || {
        let mut opened = 0;
        for _ in 0..5 {
            let response = client.post_raw("/api/session", r#"{"turnstileToken":"test"}"#).await;
            opened += usize::from(response.status() == 200);
        }
        opened
    };
    assert_eq!(opened().await, 5);
    for (limit, motd, expected) in [("2", "Few are let in.", 0..=2), ("0", "All are.", 5..=5)] {
        let settings = format!("HASHPASS_LIMIT_SESSIONS_PER_HOUR={limit}\nHASHPASS_LOBBY_MOTD={motd}\n");
        fs::write(directory.path().join(".env"), settings).unwrap();
        server.signal("HUP");
        while client.get("/api/v1/server").await.json::<Value>().await.unwrap()["motd"] != motd {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let opened = opened().await;
        assert!(expected.contains(&opened), "{opened} with a limit of {limit}");
    }
    server.kill();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_that_is_not_set_up_is_told_of_once_with_the_remedy() {
    let directory = tempfile::tempdir().unwrap();
    let server = ServerProcess::start(directory.path(), &[]);
    let client = server.client();
    for _ in 0..3 {
        let forwarded = client.http.get(client.url("/api/health")).header("x-forwarded-for", "203.0.113.7");
        assert_eq!(forwarded.send().await.unwrap().status(), 200);
        let page = client.http.post(client.url("/api/session")).header("origin", "https://race.test");
        let page = page.header("content-type", "application/json").body(r#"{"turnstileToken":"test"}"#);
        assert_eq!(page.send().await.unwrap().status(), 403);
    }
    let (_, log) = server.terminate();
    for remedy in ["add its address to HASHPASS_TRUSTED_PROXIES", "proxy_set_header Host $http_host"] {
        assert_eq!(log.matches(remedy).count(), 1, "{remedy}: {log}");
    }
}
