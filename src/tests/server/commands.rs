//! What the program does beside serving, and `hashpass ctl`: codes, keys, deliveries, the
//! list of codes.

use super::control::{run, told};
use crate::support::process::{ServerProcess, command};
use serde_json::{Value, json};
use std::{fs, time::Duration};

async fn drop_of(server: &ServerProcess) -> Value {
    server.client().get("/api/drop").await.json().await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_is_looked_up_with_the_server_or_in_its_ledger() {
    let directory = tempfile::tempdir().unwrap();
    let check = |arguments: &[&str]| told(&run(directory.path(), &[&["check-code"], arguments].concat()));
    let (code, said) = check(&["HASHPASS-0ZJJCX78FXAR"]);
    assert!(code == 2 && said.contains("there is no ledger"), "{said}");
    assert!(!directory.path().join("data").exists(), "looking makes nothing");

    let server = ServerProcess::start(directory.path(), &[]);
    let client = server.client().try_with_session().await.unwrap();
    let solution = client.solve(&client.puzzle().await).await;
    let won: Value = client.verify(&solution).await.json().await.unwrap();
    let won = won["invite_code"].as_str().unwrap();
    let typed = won.to_lowercase().replace("hashpass-", "").replace('0', "o").replace('1', "l");
    let known = |server_runs: bool| {
        for spelling in [won, &typed, &won.replace('-', " ")] {
            let (code, said) = check(&[spelling]);
            assert!(code == 0 && said.starts_with("valid: won in round 1 at "), "{server_runs} {spelling}: {said}");
        }
        let (code, said) = check(&["HASHPASS-0ZJJCX78FXAR"]);
        assert!(code == 1 && said.contains("nobody has won it"), "{said}");
        let (code, said) = check(&["--json", won]);
        let report: Value = serde_json::from_str(&said).unwrap();
        assert_eq!((code, &report["status"], &report["round"]), (0, &json!("valid"), &json!(1)));
    };
    known(true);
    // Killed: what was won stands in the write-ahead log alone.
    server.kill();
    known(false);
    let server = ServerProcess::start(directory.path(), &[]);
    known(true);
    let (status, log) = server.terminate();
    assert!(status.success(), "{log}");
    known(false);
}

#[test]
fn a_code_is_recomputed_in_any_spelling_for_any_visitor() {
    let directory = tempfile::tempdir().unwrap();
    let secret = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
    let check = |visitor: &[&str], code: &str| {
        let origin = ["--nonce", "42856", "--seed", "00112233445566778899aabbccddeeff", code];
        let arguments = [&["check-code"], visitor, &origin].concat();
        command(directory.path()).env("HASHPASS_HMAC_SECRET", secret).args(arguments).output().unwrap()
    };
    for code in ["HASHPASS-0ZJJCX78FXAR", "hashpass-ozjjcx78fxar", "0ZJJ CX78 FXAR"] {
        assert_eq!(told(&check(&["--visitor", "visitor-1"], code)), (0, "valid\n".to_owned()), "{code}");
    }
    assert_eq!(told(&check(&["--visitor", "visitor-2"], "HASHPASS-0ZJJCX78FXAR")).0, 1);
    // A visitor id may begin with a hyphen.
    for visitor in [&["--visitor", "-example1"] as &[&str], &["--visitor=-example1"]] {
        assert_eq!(told(&check(visitor, "HASHPASS-0ZJJCX78FXAR")), (1, "not valid\n".to_owned()), "{visitor:?}");
    }
    let (code, said) = told(&run(directory.path(), &["check-code", "--nonce", "1", "HASHPASS-0ZJJCX78FXAR"]));
    assert!(code == 2 && said.contains("--visitor"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines_that_are_put_at_the_end_of_the_list_are_handed_out_after_a_hang_up() {
    let directory = tempfile::tempdir().unwrap();
    let list = directory.path().join("codes.txt");
    fs::write(&list, "first\n").unwrap();
    let server = ServerProcess::start(directory.path(), &[("HASHPASS_CODES_FILE", "codes.txt")]);
    let client = server.client().try_with_session().await.unwrap();
    let win = async || -> String {
        let solution = client.solve(&client.puzzle().await).await;
        let won: Value = client.verify(&solution).await.json().await.unwrap();
        won["invite_code"].as_str().unwrap().to_owned()
    };
    assert_eq!(win().await, "first");
    let told = async |state: &str, left: u64| {
        for _ in 0..200 {
            let drop = drop_of(&server).await;
            if drop["state"] == state && drop["left"] == left {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{state} {left}: {}", drop_of(&server).await);
    };
    told("over", 0).await;
    // A wrong file changes nothing.
    fs::write(&list, "first\nSECRET\n\nSECRET\n").unwrap();
    server.signal("HUP");
    tokio::time::sleep(Duration::from_millis(500)).await;
    told("over", 0).await;
    fs::write(&list, "first\nsecond\nthird\n").unwrap();
    server.signal("HUP");
    told("open", 2).await;
    assert_eq!(win().await, "second");
    fs::write(&list, "first\nsecond\nthird\nfourth\n").unwrap();
    server.signal("HUP");
    told("open", 2).await;
    assert_eq!(win().await, "third");
    assert_eq!(win().await, "fourth");
    told("over", 0).await;
    let (_, log) = server.terminate();
    let why = "the list of codes stays as it is: HASHPASS_CODES_FILE codes.txt: line 3 is empty; line 4 is the same as line 2";
    assert!(log.contains(why) && !log.contains("SECRET"), "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deliveries_are_listed_resent_and_tried() {
    let directory = tempfile::tempdir().unwrap();
    let webhooks = |arguments: &[&str]| told(&run(directory.path(), &[&["webhooks"], arguments].concat()));
    let server = ServerProcess::start(directory.path(), &[]);
    assert_eq!(webhooks(&["list"]), (0, "Nothing waits for the webhook.\n".to_owned()));
    let (code, said) = webhooks(&["test"]);
    assert!(code == 1 && said.contains("WEBHOOK_URL is not set"), "{said}");
    let (code, said) = webhooks(&["resend", "7"]);
    assert!(code == 1 && said.contains("there is no delivery 7"), "{said}");
    server.kill();

    // A receiver that takes everything and keeps the bodies.
    let receiver = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", receiver.local_addr().unwrap());
    let (bodies, mut received) = tokio::sync::mpsc::unbounded_channel();
    let routes = axum::Router::new().fallback(axum::routing::post(move |body: String| {
        let _ = bodies.send(body);
        async { axum::http::StatusCode::NO_CONTENT }
    }));
    tokio::spawn(async move { axum::serve(receiver, routes).await.unwrap() });
    let server = ServerProcess::start(directory.path(), &[("WEBHOOK_URL", &url)]);
    let (code, said) = tokio::task::block_in_place(|| webhooks(&["test"]));
    assert!(code == 0 && said.contains("1  delivered  msg_"), "{code} {said}");
    let body: Value = serde_json::from_str(&received.recv().await.unwrap()).unwrap();
    assert_eq!(body, json!({"visitor_id": "hashpass-test", "invite_code": "TEST"}));
    let (code, said) = tokio::task::block_in_place(|| webhooks(&["resend", "1", "--why", "it got lost"]));
    assert!(code == 0 && said.contains("1  delivered"), "{code} {said}");
    assert_eq!(serde_json::from_str::<Value>(&received.recv().await.unwrap()).unwrap(), body);
    assert_eq!(webhooks(&["list"]), (0, "Nothing waits for the webhook.\n".to_owned()));
    let (_, said) = webhooks(&["list", "--all", "--json"]);
    let row: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((&row["id"], &row["state"], &row["tries"]), (&json!(1), &json!("delivered"), &json!(1)));
    assert!(!said.contains("TEST"), "what is delivered is not listed");
    server.kill();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_are_made_and_revoked_and_codes_exported() {
    let directory = tempfile::tempdir().unwrap();
    let keys = |arguments: &[&str]| told(&run(directory.path(), &[&["keys"], arguments].concat()));
    for without_server in [&["keys", "list"] as &[&str], &["codes", "export", "--format", "csv"]] {
        let (code, said) = told(&run(directory.path(), without_server));
        assert!(code == 2 && said.starts_with("hashpass: no server runs"), "{said}");
    }
    let server = ServerProcess::start(directory.path(), &[]);
    assert_eq!(keys(&["list"]), (0, "There are no keys.\n".to_owned()));
    let (code, key) = keys(&["create", "--name", "shop", "--scope", "codes:read,codes:redeem"]);
    assert!(code == 0 && key.starts_with("hpk_") && key.len() == 69, "{key}");
    for wrong in [
        &["create", "--name", "shop", "--scope", "codes:read"] as &[&str],
        &["create", "--name", "other", "--scope", "codes:everything"],
        &["create", "--name", "a b", "--scope", "codes:read"],
        &["revoke", "nobody"],
    ] {
        assert_eq!(keys(wrong).0, 1, "{wrong:?}");
    }
    assert_eq!(keys(&["create", "--name", "shop"]).0, 2, "a key has a scope");

    let client = server.client().try_with_session().await.unwrap();
    let solution = client.solve(&client.puzzle().await).await;
    let won: Value = client.verify(&solution).await.json().await.unwrap();
    let won = won["invite_code"].as_str().unwrap();
    let site = server.client().with_bearer(key.trim_end());
    let body = json!({"code": won, "redeemed_for": "=SUM(A1), \"x\""}).to_string();
    assert_eq!(site.post_raw("/api/codes/redeem", &body).await.status(), 200);
    let (code, said) = told(&run(directory.path(), &["check-code", won]));
    assert!(
        code == 1 && said.starts_with("not valid: redeemed: won in round 1 at ") && said.contains(" for "),
        "{said}"
    );

    let (code, csv) = told(&run(directory.path(), &["codes", "export", "--format", "csv"]));
    let lines: Vec<&str> = csv.split("\r\n").collect();
    assert_eq!((code, lines.len(), lines[0]), (0, 3, "code,status,round,won_at,expires_at,redeemed_at,redeemed_for"));
    assert!(lines[1].starts_with(&format!("{won},redeemed,1,")), "{csv}");
    assert!(lines[1].ends_with(",\"'=SUM(A1), \"\"x\"\"\""), "{csv}");
    let (_, lines) = told(&run(directory.path(), &["codes", "export", "--format", "jsonl"]));
    let row: Value = serde_json::from_str(&lines).unwrap();
    assert_eq!((&row["code"], &row["status"]), (&json!(won), &json!("redeemed")));

    let (code, said) = keys(&["revoke", "shop", "--why", "it was lost"]);
    assert!(code == 0 && said.contains("shop  codes:read codes:redeem") && said.contains("  revoked "), "{said}");
    assert!(!said.contains("hpk_"), "a key is shown once");
    assert_eq!(site.post_raw("/api/codes/check", &json!({"code": won}).to_string()).await.status(), 401);
    let (_, log) = server.terminate();
    assert!(!log.contains(won) && !log.contains("hpk_"), "{log}");
}
