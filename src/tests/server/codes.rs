//! Codes as other servers check, use and revoke them.

use crate::support::{Client, TestServer, process::ServerProcess, status_and_code};
use futures::executor::block_on;
use hashpass::{
    clock::SystemClock,
    ledger::{self, Ledger, LedgerSettings, Store, Transaction},
    prize::keys::{self, Scopes},
};
use serde_json::{Value, json};
use std::{collections::HashMap, path::Path, sync::Arc, time::Duration};

/// Keys by the names of their only scopes, and one with all of them: `all`.
pub(super) type Keys = HashMap<&'static str, String>;

const SCOPES: [&str; 4] = ["codes:read", "codes:redeem", "codes:revoke", "codes:identity"];

/// Several codes are won by one client within a test.
const EASY: (&str, &str) = ("HASHPASS_MAX_DIFFICULTY", "1");

/// Does something with a ledger that no server uses.
fn with_ledger<T>(settings: &LedgerSettings, work: impl AsyncFnOnce(&dyn Ledger) -> T) -> T {
    let (directory, ledger) = ledger::open(settings, Arc::new(SystemClock::default())).unwrap();
    let outcome = block_on(work(&*ledger));
    block_on(ledger.close(Transaction::new())).unwrap();
    drop((directory, ledger));
    outcome
}

fn settings_of(directory: &Path) -> LedgerSettings {
    LedgerSettings { directory: directory.to_owned(), store: Store::Sqlite }
}

pub(super) fn make_keys(settings: &LedgerSettings) -> Keys {
    with_ledger(settings, async |ledger| {
        let mut made = Keys::new();
        let all = SCOPES
            .map(|scope| (scope, vec![scope]))
            .into_iter()
            .chain([("all", SCOPES.to_vec()), ("gone", SCOPES.to_vec())]);
        for (name, scopes) in all {
            let scopes = Scopes::named(scopes).unwrap();
            let name_of_key = name.replace(':', "-");
            let secret = keys::create(ledger, &name_of_key, &scopes, "root".into(), "a test".into()).await.unwrap();
            made.insert(name, secret.reveal().to_owned());
        }
        keys::revoke(ledger, "gone", "root".into(), "a test".into()).await.unwrap();
        made
    })
}

/// A server with keys.
async fn server_with(settings: &[(&str, &str)]) -> (TestServer, Keys) {
    let mut keys = Keys::new();
    let server = TestServer::start_with(settings, |config| keys = make_keys(&config.ledger)).await;
    (server, keys)
}

/// Wins a code.
async fn win(client: &Client) -> String {
    let solution = client.solve(&client.puzzle().await).await;
    let won: Value = client.verify(&solution).await.json().await.unwrap();
    won["invite_code"].as_str().unwrap().to_owned()
}

async fn answer(response: reqwest::Response) -> (u16, Value) {
    (response.status().as_u16(), response.json().await.unwrap())
}

async fn post(client: &Client, path: &str, body: Value) -> (u16, Value) {
    answer(client.post_raw(path, &body.to_string()).await).await
}

/// The same under an idempotency key.
async fn post_under(client: &Client, key: &str, path: &str, body: &Value) -> reqwest::Response {
    let request = client.http.post(client.url(path)).header("idempotency-key", key).bearer_auth(client.bearer());
    request.header("content-type", "application/json").body(body.to_string()).send().await.unwrap()
}

#[tokio::test]
async fn a_code_is_checked_redeemed_once_and_told_of() {
    let (server, keys) = server_with(&[]).await;
    let code = win(&server.client_with_session().await).await;
    let site = server.client_with_bearer(&keys["all"]);
    let (status, valid) = post(&site, "/api/codes/check", json!({"code": code})).await;
    let expected = json!({
        "status": "valid", "round": 1, "won_at": valid["won_at"], "expires_at": null, "redeemed_at": null,
        "redeemed_for": null, "winner": valid["winner"]
    });
    assert_eq!((status, &valid), (200, &expected));
    assert!(valid["winner"]["visitor_id"].as_str().unwrap().starts_with("visitor-"), "{valid}");
    assert_eq!(valid["winner"]["address"], "127.0.0.1");

    let typed = code.to_lowercase().replace('-', " ").replace('0', "o").replace('1', "l");
    let (status, used) = post(&site, "/api/codes/redeem", json!({"code": typed, "redeemed_for": "order 7"})).await;
    assert_eq!((status, &used["status"], &used["redeemed_for"]), (200, &json!("redeemed"), &json!("order 7")));
    let (status, again) = post(&site, "/api/codes/redeem", json!({"code": code})).await;
    assert_eq!((status, &again["code"]), (409, &json!("already_redeemed")));
    assert_eq!(again["redeemed_at"], used["redeemed_at"], "with when");
    assert_eq!(post(&site, "/api/codes/check", json!({"code": code})).await, (200, used));
    let (status, refused) = post(&site, "/api/codes/revoke", json!({"code": code})).await;
    assert_eq!((status, &refused["code"]), (409, &json!("already_redeemed")));

    let reader = server.client_with_bearer(&keys["codes:read"]);
    let (_, told) = post(&reader, "/api/codes/check", json!({"code": code})).await;
    assert_eq!(told["status"], "redeemed");
    assert!(told.get("redeemed_for").is_none() && told.get("winner").is_none(), "{told}");
}

#[tokio::test]
async fn what_nobody_won_is_unknown_and_what_cannot_be_a_code_is_malformed() {
    let (server, keys) = server_with(&[]).await;
    let site = server.client_with_bearer(&keys["all"]);
    let unknown = json!({"code": "HASHPASS-0ZJJCX78FXAR"});
    let (status, told) = post(&site, "/api/codes/check", unknown.clone()).await;
    assert_eq!((status, &told["status"], &told["round"]), (200, &json!("unknown"), &Value::Null));
    for path in ["/api/codes/redeem", "/api/codes/revoke"] {
        assert_eq!(
            status_and_code(site.post_raw(path, &unknown.to_string()).await).await,
            (404, "unknown_code".into())
        );
    }
    for path in ["/api/codes/check", "/api/codes/redeem", "/api/codes/revoke"] {
        for body in [
            json!({}),
            json!({"code": ""}),
            json!({"code": "a\tb"}),
            json!({"code": "x".repeat(201)}),
            json!({"code": 5}),
        ] {
            let refused = status_and_code(site.post_raw(path, &body.to_string()).await).await;
            assert_eq!(refused, (400, "malformed".into()), "{path} {body}");
        }
        assert_eq!(status_and_code(site.post_raw(path, "{").await).await, (400, "malformed".into()));
        let large = json!({"code": "x".repeat(9000)}).to_string();
        assert_eq!(status_and_code(site.post_raw(path, &large).await).await, (413, "body_too_large".into()));
        let form = site.http.post(site.url(path)).bearer_auth(&keys["all"]).body("code=x").send().await.unwrap();
        assert_eq!(status_and_code(form).await, (415, "unsupported_media_type".into()));
    }
    for wrong in ["x".repeat(201), "a\nb".to_owned()] {
        for (path, field) in [("/api/codes/redeem", "redeemed_for"), ("/api/codes/revoke", "reason")] {
            let (status, refused) = post(&site, path, json!({"code": "A", field: wrong})).await;
            assert!(status == 400 && refused["detail"].as_str().unwrap().contains(field), "{refused}");
        }
    }
    for query in ["limit=0", "limit=1001", "limit=many", "after=-1", "status=used"] {
        let refused = status_and_code(site.get(&format!("/api/codes?{query}")).await).await;
        assert_eq!(refused, (400, "malformed".into()), "{query}");
    }
}

#[tokio::test]
async fn every_call_asks_for_its_scope_and_a_good_key() {
    let (server, keys) = server_with(&[]).await;
    let unknown = json!({"code": "HASHPASS-0ZJJCX78FXAR"}).to_string();
    let calls = [
        ("/api/codes/check", "codes:read", 200),
        ("/api/codes/redeem", "codes:redeem", 404),
        ("/api/codes/revoke", "codes:revoke", 404),
        ("/api/codes", "codes:read", 200),
    ];
    let call = async |client: &Client, path: &str| match path {
        "/api/codes" => client.get(path).await,
        _ => client.post_raw(path, &unknown).await,
    };
    for (path, needed, status) in calls {
        for scope in SCOPES {
            let response = call(&server.client_with_bearer(&keys[scope]), path).await;
            if scope == needed {
                assert_eq!(response.status(), status, "{path} {scope}");
            } else {
                assert_eq!(status_and_code(response).await, (403, "missing_scope".into()), "{path} {scope}");
            }
        }
        let mut told = Vec::new();
        let strangers = [keys["gone"].clone(), format!("hpk_{}", "0".repeat(64)), "test".to_owned()];
        let strangers = strangers.map(|key| server.client_with_bearer(&key));
        // No cookie counts here, whatever it is good for elsewhere.
        for stranger in strangers.iter().chain([&server.client(), &server.client_with_session().await]) {
            let response = call(stranger, path).await;
            assert_eq!(response.headers()["www-authenticate"], "Bearer");
            assert_eq!(response.headers()["cache-control"], "no-store");
            assert!(!response.headers().contains_key("access-control-allow-origin"));
            told.push(answer(response).await);
        }
        assert!(told.iter().all(|answer| *answer == told[0]), "nobody learns which keys there were: {told:?}");
        assert_eq!((told[0].0, &told[0].1["code"]), (401, &json!("invalid_key")));
    }
    let all = server.client_with_bearer(&keys["all"]);
    assert_eq!(status_and_code(all.get("/api/codes/check").await).await, (405, "method_not_allowed".into()));
    assert_eq!(status_and_code(all.get("/api/codes/nothing").await).await, (404, "not_found".into()));
    let preflight = all.http.request(reqwest::Method::OPTIONS, all.url("/api/codes/check"));
    let preflight = preflight.header("origin", "https://elsewhere.test").send().await.unwrap();
    assert!(!preflight.status().is_success() && !preflight.headers().contains_key("access-control-allow-origin"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_hundred_sites_that_redeem_at_once_one_does() {
    let (server, keys) = server_with(&[]).await;
    let code = win(&server.client_with_session().await).await;
    let site = Arc::new(server.client_with_bearer(&keys["codes:redeem"]));
    let body = json!({"code": code});
    let tries: Vec<_> = (0..200)
        .map(|_| {
            let (site, body) = (site.clone(), body.to_string());
            tokio::spawn(async move { site.post_raw("/api/codes/redeem", &body).await.status().as_u16() })
        })
        .collect();
    let mut statuses = Vec::new();
    for one in tries {
        statuses.push(one.await.unwrap());
    }
    let count = |wanted| statuses.iter().filter(|status| **status == wanted).count();
    assert_eq!((count(200), count(409)), (1, 199));
    // That was what may come at once.
    let mut refused = site.post_raw("/api/codes/redeem", &body.to_string()).await;
    for _ in 0..300 {
        if refused.status() == 429 {
            break;
        }
        refused = site.post_raw("/api/codes/redeem", &body.to_string()).await;
    }
    assert!(refused.headers().contains_key("retry-after"));
    assert_eq!(status_and_code(refused).await, (429, "too_many_requests".into()));
}

#[tokio::test]
async fn codes_are_listed_page_by_page() {
    let (server, keys) = server_with(&[EASY]).await;
    let winner = server.client_with_session().await;
    let mut codes = Vec::new();
    for _ in 0..5 {
        codes.push(win(&winner).await);
    }
    let site = server.client_with_bearer(&keys["all"]);
    assert_eq!(post(&site, "/api/codes/redeem", json!({"code": codes[1]})).await.0, 200);
    let (status, revoked) = post(&site, "/api/codes/revoke", json!({"code": codes[3], "reason": "fraud"})).await;
    assert_eq!((status, &revoked["status"]), (200, &json!("revoked")));
    let (status, refused) = post(&site, "/api/codes/redeem", json!({"code": codes[3]})).await;
    assert_eq!((status, &refused["code"]), (410, &json!("revoked")));
    assert!(refused["revoked_at"].is_string(), "{refused}");
    for (query, expected, next) in [
        ("", vec![0, 1, 2, 3, 4], Value::Null),
        ("?limit=2", vec![0, 1], json!(2)),
        ("?limit=2&after=2", vec![2, 3], json!(4)),
        ("?limit=2&after=4", vec![4], Value::Null),
        ("?status=valid", vec![0, 2, 4], Value::Null),
        ("?status=redeemed", vec![1], Value::Null),
        ("?status=revoked", vec![3], Value::Null),
        ("?status=expired", vec![], Value::Null),
    ] {
        let (_, told) = answer(site.get(&format!("/api/codes{query}")).await).await;
        let listed: Vec<_> =
            told["codes"].as_array().unwrap().iter().map(|code| code["code"].as_str().unwrap()).collect();
        assert_eq!(listed, expected.iter().map(|at| codes[*at].as_str()).collect::<Vec<_>>(), "{query}");
        assert_eq!(told["next"], next, "{query}");
    }
}

#[tokio::test]
async fn a_request_that_is_sent_again_gets_the_same_answer() {
    let (server, keys) = server_with(&[EASY]).await;
    let winner = server.client_with_session().await;
    let (first, second) = (win(&winner).await, win(&winner).await);
    let site = server.client_with_bearer(&keys["all"]);
    let (redeem, body) = ("/api/codes/redeem", json!({"code": first, "redeemed_for": "order 7"}));
    let done = answer(post_under(&site, "k1", redeem, &body).await).await;
    assert_eq!(done.0, 200);
    assert_eq!(answer(post_under(&site, "k1", redeem, &body).await).await, done);
    for (path, other) in [
        (redeem, json!({"code": first})),
        (redeem, json!({"code": first, "redeemed_for": "order 8"})),
        (redeem, json!({"code": second, "redeemed_for": "order 7"})),
        ("/api/codes/revoke", body.clone()),
    ] {
        let refused = status_and_code(post_under(&site, "k1", path, &other).await).await;
        assert_eq!(refused, (422, "idempotency_key_reused".into()), "{path} {other}");
    }
    let other_key = server.client_with_bearer(&keys["codes:redeem"]);
    let refused = status_and_code(post_under(&other_key, "k1", redeem, &body).await).await;
    assert_eq!(refused, (409, "already_redeemed".into()), "the name belongs to the API key");
    assert_eq!(post(&site, "/api/codes/check", json!({"code": second})).await.1["status"], "valid");
    for wrong in ["", &"x".repeat(256)] {
        let refused = status_and_code(post_under(&site, wrong, redeem, &body).await).await;
        assert_eq!(refused, (400, "malformed".into()), "{wrong}");
    }
}

/// A server as a process, in a directory with keys.
fn process(directory: &Path, settings: &[(&str, &str)]) -> ServerProcess {
    ServerProcess::start(directory, &[&[("RUST_LOG", "trace")], settings].concat())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_crash_what_was_redeemed_is_redeemed_and_the_log_holds_no_code() {
    let directory = tempfile::tempdir().unwrap();
    let keys = make_keys(&settings_of(&directory.path().join("data")));
    let server = process(directory.path(), &[]);
    let winner = server.client().try_with_session().await.unwrap();
    let mut codes = Vec::new();
    for _ in 0..20 {
        codes.push(win(&winner).await);
    }
    let last = win(&winner).await;
    let site = Arc::new(server.client().with_bearer(&keys["all"]));
    let answers: Vec<_> = codes
        .iter()
        .map(|code| {
            let (site, body, code) = (site.clone(), json!({"code": code}), code.clone());
            tokio::spawn(async move {
                let request = site.http.post(site.url("/api/codes/redeem")).bearer_auth(site.bearer());
                let request = request.header("content-type", "application/json").header("idempotency-key", &code);
                let response = request.body(body.to_string()).send().await.ok()?;
                Some((response.status().as_u16(), response.json::<Value>().await.ok()?))
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(8)).await;
    server.kill();
    let mut told = Vec::new();
    for answer in answers {
        told.push(answer.await.unwrap());
    }

    let server = process(directory.path(), &[]);
    let site = server.client().with_bearer(&keys["all"]);
    for (code, told) in codes.iter().zip(told) {
        let again = answer(post_under(&site, code, "/api/codes/redeem", &json!({"code": code})).await).await;
        assert_eq!(again.0, 200, "{again:?}");
        if let Some(told) = told {
            assert_eq!(again, told, "the same answer as before the crash");
        }
        let other =
            status_and_code(post_under(&site, "another", "/api/codes/redeem", &json!({"code": code})).await).await;
        assert!(other.0 == 409 || other.0 == 422, "{other:?}");
    }
    // Whether the crash came before or after all of them: this one is used by the second server.
    assert_eq!(post(&site, "/api/codes/redeem", json!({"code": last})).await.0, 200);
    assert_eq!(answer(site.get("/api/codes?status=valid").await).await.1["codes"], json!([]));
    let (_, log) = server.terminate();
    assert!(log.contains("code redeemed"), "{log}");
    for secret in codes.iter().chain([&last]).chain(keys.values()) {
        assert!(!log.contains(secret.as_str()), "the log holds a secret");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_that_expired_unused_is_given_out_anew_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let keys = make_keys(&settings_of(&directory.path().join("data")));
    let settings = [("HASHPASS_SUPPLY", "1"), ("HASHPASS_CODE_TTL", "1.5"), ("HASHPASS_CODE_RECLAIM", "true")];
    let server = process(directory.path(), &settings);
    let code = win(&server.client().try_with_session().await.unwrap()).await;
    let site = server.client().with_bearer(&keys["all"]);
    assert!(post(&site, "/api/codes/check", json!({"code": code})).await.1["expires_at"].is_string());
    let drop_of = async |client: &Client| answer(client.get("/api/drop").await).await.1;
    assert_eq!(drop_of(&site).await["reason"], "sold_out");
    tokio::time::sleep(Duration::from_millis(1600)).await;
    let (status, refused) = post(&site, "/api/codes/redeem", json!({"code": code})).await;
    assert_eq!((status, &refused["code"]), (410, &json!("expired")));
    server.kill();

    let server = process(directory.path(), &settings);
    let client = server.client().try_with_session().await.unwrap();
    while drop_of(&client).await["state"] != "open" {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(drop_of(&client).await["left"], 1);
    assert_ne!(win(&client).await, code, "a string is given out once");
    let site = server.client().with_bearer(&keys["all"]);
    assert_eq!(post(&site, "/api/codes/check", json!({"code": code})).await.1["status"], "expired");
    server.kill();
}

/// The first block of code of a language in the section of the manual that tells of all this.
fn example(language: &str) -> String {
    let text = include_str!("../../../app/docs/integrating.md");
    let section = text.split_once("\n## Use a code once\n").unwrap().1.split("\n## ").next().unwrap();
    let (_, block) = section.split_once(&format!("```{language}\n")).unwrap();
    block.split_once("```").unwrap().0.to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_manuals_program_redeems_codes() {
    let (server, keys) = server_with(&[]).await;
    let code = win(&server.client_with_session().await).await;
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().join("redeem.mjs");
    let calls = "for (const [code, order] of JSON.parse(process.env.CALLS)) console.log(await redeem(code, order));";
    std::fs::write(&program, example("js") + calls).unwrap();
    let url = server.client().url("");
    let calls = json!([[code, 7], [code.to_lowercase(), 8], ["HASHPASS-000000000000", 9], ["", 10], [code, 7]]);
    let mut node = std::process::Command::new("node");
    node.arg(&program).envs([("SERVER", &*url), ("KEY", &keys["codes:redeem"]), ("CALLS", &calls.to_string())]);
    let output = tokio::task::block_in_place(|| node.output()).unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<_> = said.lines().collect();
    assert_eq!(lines.len(), 5, "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(lines[0] == "Welcome!" && lines[4] == lines[0], "the same call again: {said}");
    assert!(lines[1].starts_with("This code was used at 20"), "{said}");
    assert!(lines[2..4].iter().all(|line| line.starts_with("This is not one of our codes")), "{said}");
}
