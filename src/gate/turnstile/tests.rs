//! The check against a siteverify of our own, on a port of its own.

use super::*;
use crate::{captured_log::CapturedLog, clock::ManualClock, ledger::MemoryLedger};
use axum::{Form, Json, Router, http::StatusCode, response::IntoResponse, routing::post};
use serde_json::json;
use std::{collections::HashSet, future::pending};
use tokio::{net::TcpListener, sync::Notify};

const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
const THERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

/// How it answers.
#[derive(Clone, Copy, PartialEq)]
enum Manner {
    /// Every token is good once.
    Usual,
    /// Only when it is let go.
    Waits,
    Never,
    Refuses(&'static str),
    Says(u16, &'static str),
}

/// Somebody who stands in for Cloudflare.
struct SiteVerifier {
    manner: Manner,
    go: Notify,
    forms: Mutex<Vec<HashMap<String, String>>>,
    spent: Mutex<HashSet<String>>,
}

impl SiteVerifier {
    async fn answer(&self, form: HashMap<String, String>) -> axum::response::Response {
        let token = form["response"].clone();
        self.forms.lock().unwrap().push(form);
        match self.manner {
            Manner::Never => return pending().await,
            Manner::Waits => self.go.notified().await,
            Manner::Refuses(code) => return Json(json!({"success": false, "error-codes": [code]})).into_response(),
            Manner::Says(status, body) => return (StatusCode::from_u16(status).unwrap(), body).into_response(),
            Manner::Usual => {}
        }
        if self.spent.lock().unwrap().insert(token) {
            let answer = json!({"success": true, "hostname": "race.example", "error-codes": [], "action": "any"});
            Json(answer).into_response()
        } else {
            Json(json!({"success": false, "error-codes": ["timeout-or-duplicate"]})).into_response()
        }
    }

    fn asked(&self) -> usize {
        self.forms.lock().unwrap().len()
    }

    async fn is_asked(&self, times: usize) {
        while self.asked() < times {
            tokio::task::yield_now().await;
        }
    }
}

struct Setting {
    turnstile: Arc<Turnstile>,
    sessions: Arc<Sessions>,
    verifier: Arc<SiteVerifier>,
}

fn nothing_spent() -> Arc<SpentTokens> {
    let clock = Arc::new(ManualClock::default());
    Arc::new(SpentTokens::new(Arc::new(MemoryLedger::new(clock.clone())), Vec::new(), clock))
}

fn check(verify_url: String, hostnames: &[&str], time_limit: Duration) -> (Arc<Turnstile>, Arc<Sessions>) {
    let settings = TurnstileSettings {
        site_key: "site".into(),
        secret: "top-secret".into(),
        verify_url,
        script_url: "https://check.example/api.js".parse().unwrap(),
        hostnames: hostnames.iter().map(|name| (*name).to_owned()).collect(),
    };
    let sessions = Arc::new(Sessions::new(Arc::new(ManualClock::default())));
    let settings = Some((settings, nothing_spent()));
    let turnstile =
        Turnstile::with_time_limit(settings, sessions.clone(), &ProxySettings::default(), time_limit).unwrap();
    (Arc::new(turnstile), sessions)
}

async fn setting(manner: Manner, hostnames: &[&str], time_limit: Duration) -> Setting {
    let verifier =
        Arc::new(SiteVerifier { manner, go: Notify::new(), forms: Mutex::default(), spent: Mutex::default() });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/siteverify", listener.local_addr().unwrap());
    let shared = verifier.clone();
    let answer = post(async move |Form(form): Form<HashMap<String, String>>| shared.answer(form).await);
    tokio::spawn(axum::serve(listener, Router::new().route("/siteverify", answer)).into_future());
    let (turnstile, sessions) = check(url, hostnames, time_limit);
    Setting { turnstile, sessions, verifier }
}

async fn usual(manner: Manner) -> Setting {
    setting(manner, &[], TIME_LIMIT).await
}

fn codes(error: &GateError) -> Vec<&str> {
    match error {
        GateError::HumanCheckFailed { error_codes } => error_codes.iter().map(String::as_str).collect(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_good_token_passes_and_cloudflare_gets_what_it_asks_for() {
    let Setting { turnstile, verifier, .. } = usual(Manner::Usual).await;
    assert_eq!(turnstile.spend("token-1", HERE).await, Ok(()));
    let form = verifier.forms.lock().unwrap()[0].clone();
    let expected = [("secret", "top-secret"), ("response", "token-1"), ("remoteip", "192.0.2.1")];
    assert_eq!(form, expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
}

#[tokio::test]
async fn a_token_is_spent_once() {
    let Setting { turnstile, .. } = usual(Manner::Usual).await;
    assert_eq!(turnstile.spend("token-1", HERE).await, Ok(()));
    assert_eq!(codes(&turnstile.spend("token-1", HERE).await.unwrap_err()), ["timeout-or-duplicate"]);
    assert_eq!(codes(&turnstile.accept("token-1", HERE).await.unwrap_err()), ["timeout-or-duplicate"]);
}

#[tokio::test]
async fn an_accepted_token_is_remembered_and_cannot_become_another_session() {
    let Setting { turnstile, verifier, .. } = usual(Manner::Usual).await;
    let first = turnstile.accept("token-1", HERE).await.unwrap();
    assert!(first.is_new);
    for _ in 0..3 {
        let again = TokenSession { session: first.session.clone(), is_new: false };
        assert_eq!(turnstile.accept("token-1", HERE).await, Ok(again));
    }
    assert_eq!(verifier.asked(), 1);
    assert_eq!(codes(&turnstile.spend("token-1", HERE).await.unwrap_err()), ["timeout-or-duplicate"]);
}

#[tokio::test]
async fn a_token_of_one_address_says_nothing_for_another() {
    let Setting { turnstile, verifier, .. } = usual(Manner::Usual).await;
    turnstile.accept("token-1", HERE).await.unwrap();
    assert_eq!(codes(&turnstile.accept("token-1", THERE).await.unwrap_err()), ["timeout-or-duplicate"]);
    assert_eq!(verifier.asked(), 2, "another address is asked for anew");
}

#[tokio::test]
async fn calls_side_by_side_share_one_question() {
    let Setting { turnstile, verifier, sessions } = usual(Manner::Waits).await;
    let call = || {
        let turnstile = turnstile.clone();
        tokio::spawn(async move { turnstile.accept("token-1", HERE).await })
    };
    let calls = [call(), call(), call()];
    verifier.is_asked(1).await;
    // Such a call may not have one more session for the same token.
    assert_eq!(codes(&turnstile.spend("token-1", HERE).await.unwrap_err()), ["timeout-or-duplicate"]);
    verifier.go.notify_one();
    let mut new = 0;
    for call in calls {
        let accepted = call.await.unwrap().unwrap();
        assert_eq!(Some(accepted.session), sessions.by_token(&TokenKey::new("token-1", HERE)));
        new += u32::from(accepted.is_new);
    }
    assert_eq!((verifier.asked(), new), (1, 1), "one question, one new session");
}

#[tokio::test]
async fn two_sessions_cannot_be_had_for_one_token_at_the_same_time() {
    let Setting { turnstile, verifier, .. } = usual(Manner::Waits).await;
    let first = {
        let turnstile = turnstile.clone();
        tokio::spawn(async move { turnstile.spend("token-1", HERE).await })
    };
    verifier.is_asked(1).await;
    assert_eq!(codes(&turnstile.spend("token-1", HERE).await.unwrap_err()), ["timeout-or-duplicate"]);
    assert_eq!(codes(&turnstile.accept("token-1", HERE).await.unwrap_err()), ["timeout-or-duplicate"]);
    verifier.go.notify_one();
    assert_eq!(first.await.unwrap(), Ok(()));
    assert_eq!(verifier.asked(), 1);
}

#[tokio::test]
async fn a_caller_who_hangs_up_leaves_nothing_behind() {
    let Setting { turnstile, verifier, sessions } = usual(Manner::Waits).await;
    let Mode::Production { asking, .. } = &turnstile.mode else { unreachable!() };
    let call = {
        let turnstile = turnstile.clone();
        tokio::spawn(async move { turnstile.accept("token-1", HERE).await })
    };
    verifier.is_asked(1).await;
    call.abort();
    assert!(call.await.unwrap_err().is_cancelled());
    verifier.go.notify_one();
    while !asking.lock().is_empty() {
        tokio::task::yield_now().await;
    }
    // The answer was not lost with the caller.
    assert!(sessions.by_token(&TokenKey::new("token-1", HERE)).is_some());
    assert!(turnstile.accept("token-1", HERE).await.is_ok());
    assert_eq!(verifier.asked(), 1);
}

#[tokio::test]
async fn questions_are_bounded_and_nobody_has_all_of_them() {
    let Setting { turnstile, .. } = usual(Manner::Never).await;
    let Mode::Production { asking, .. } = &turnstile.mode else { unreachable!() };
    let ask = |number: usize, address: IpAddr| {
        let turnstile = turnstile.clone();
        tokio::spawn(async move { turnstile.spend(&number.to_string(), address).await })
    };
    let site = |network: u16| IpAddr::from([0x2001, 0xdb8, 1, network, 0, 0, 0, 1]);
    let mut calls = Vec::new();
    for (first, network) in [(0, 0x1000), (1000, 0x2000), (2000, 0x3000), (3000, 0x4000)] {
        calls.extend((first..first + MOST_QUESTIONS_OF_A_NETWORK).map(|number| ask(number, site(network))));
    }
    while asking.lock().len() < MOST_QUESTIONS {
        tokio::task::yield_now().await;
    }
    for error in [turnstile.spend("a", site(0x1000)).await, turnstile.accept("b", site(0x1000)).await.map(drop)] {
        assert_eq!(error.unwrap_err(), GateError::TooManyChecksOfAddress { retry_after: TIME_LIMIT });
    }
    // Somebody from elsewhere is asked about at once, in the place of one of these.
    let newcomer = ask(9000, HERE);
    while asking.lock().contains_key(&TokenKey::new("0", site(0x1000))) {
        tokio::task::yield_now().await;
    }
    assert!(asking.lock().contains_key(&TokenKey::new("9000", HERE)) && !newcomer.is_finished());
    assert_eq!(calls.remove(0).await.unwrap(), Err(GateError::HumanCheckUnavailable));
    assert_eq!(asking.lock().len(), MOST_QUESTIONS);
}

#[tokio::test]
async fn a_token_stays_spent_whatever_cloudflare_says() {
    // It has forgotten that it has taken the token before.
    let forgetful = Manner::Says(200, r#"{"success":true}"#);
    let Setting { turnstile, .. } = usual(forgetful).await;
    turnstile.accept("token-1", HERE).await.unwrap();
    for address in [HERE, THERE] {
        assert_eq!(codes(&turnstile.note_spent("token-1", Vec::new()).await.unwrap_err()), ["timeout-or-duplicate"]);
        let elsewhere = turnstile.accept("token-1", address).await;
        assert_eq!(elsewhere.is_ok(), address == HERE, "where it stands for a session");
    }
    assert_eq!(turnstile.note_spent("token-2", Vec::new()).await, Ok(()));
    assert!(turnstile.accept("token-2", HERE).await.is_err());
}

#[tokio::test]
async fn a_secret_that_cloudflare_does_not_know_is_told_before_anybody_comes() {
    let (log, _guard) = CapturedLog::start();
    for manner in [Manner::Refuses("invalid-input-response"), Manner::Usual] {
        let Setting { turnstile, verifier, .. } = usual(manner).await;
        let watching = tokio::spawn(turnstile.watch_secret());
        verifier.is_asked(1).await;
        let Mode::Production { cloudflare, .. } = &turnstile.mode else { unreachable!() };
        while !cloudflare.has_answered() {
            tokio::task::yield_now().await;
        }
        assert!(turnstile.knows_secret());
        let form = verifier.forms.lock().unwrap()[0].clone();
        assert!(form["secret"] == "top-secret" && !form.contains_key("remoteip"), "{form:?}");
        watching.abort();
    }
    assert!(!log.text().contains("TURNSTILE_SECRET_KEY"), "all is well");
    let Setting { turnstile, .. } = usual(Manner::Refuses("invalid-input-secret")).await;
    let watching = tokio::spawn(turnstile.watch_secret());
    while turnstile.knows_secret() {
        tokio::task::yield_now().await;
    }
    watching.abort();
    let text = log.text();
    assert!(text.contains("does not know TURNSTILE_SECRET_KEY") && text.contains("dashboard"), "{text}");
    assert!(!text.contains("top-secret"), "{text}");
}

#[tokio::test]
async fn a_human_check_that_is_down_at_the_start_is_warned_of_once() {
    let (log, _guard) = CapturedLog::start();
    let Setting { turnstile, .. } = setting(Manner::Never, &[], Duration::from_millis(50)).await;
    let watching = tokio::spawn(turnstile.watch_secret());
    while !log.text().contains("nobody new can take part until the human check answers") {
        tokio::task::yield_now().await;
    }
    assert!(turnstile.knows_secret(), "nothing is known of it");
    watching.abort();
}

#[tokio::test]
async fn cloudflares_codes_are_passed_on() {
    for code in ["timeout-or-duplicate", "invalid-input-response", "bad-request", "invalid-input-secret"] {
        let Setting { turnstile, .. } = usual(Manner::Refuses(code)).await;
        assert_eq!(codes(&turnstile.spend("token-1", HERE).await.unwrap_err()), [code]);
        assert_eq!(codes(&turnstile.accept("token-1", HERE).await.unwrap_err()), [code]);
    }
}

#[tokio::test]
async fn a_token_solved_on_another_host_is_refused() {
    let Setting { turnstile, sessions, .. } = setting(Manner::Usual, &["other.example"], TIME_LIMIT).await;
    assert_eq!(codes(&turnstile.spend("token-1", HERE).await.unwrap_err()), ["hostname-mismatch"]);
    assert_eq!(codes(&turnstile.accept("token-2", HERE).await.unwrap_err()), ["hostname-mismatch"]);
    assert_eq!(sessions.by_token(&TokenKey::new("token-2", HERE)), None);
    let Setting { turnstile, .. } = setting(Manner::Usual, &["other.example", "race.example"], TIME_LIMIT).await;
    assert_eq!(turnstile.spend("token-1", HERE).await, Ok(()));
    // Whoever does not say where has not said that it was here.
    let silent = Manner::Says(200, r#"{"success":true}"#);
    let Setting { turnstile, .. } = setting(silent, &["race.example"], TIME_LIMIT).await;
    assert_eq!(codes(&turnstile.spend("token-1", HERE).await.unwrap_err()), ["hostname-mismatch"]);
    let Setting { turnstile, .. } = setting(silent, &[], TIME_LIMIT).await;
    assert_eq!(turnstile.spend("token-1", HERE).await, Ok(()));
}

#[tokio::test]
async fn whatever_is_no_answer_lets_nobody_in() {
    for manner in [
        Manner::Never,
        Manner::Says(500, r#"{"success":true}"#),
        Manner::Says(302, r#"{"success":true}"#),
        Manner::Says(200, "<h1>Hello</h1>"),
        Manner::Says(200, r#"{"hostname":"race.example"}"#),
        Manner::Says(200, r#"{"success":"true"}"#),
        Manner::Says(200, ""),
        Manner::Refuses("internal-error"),
    ] {
        let Setting { turnstile, sessions, .. } = setting(manner, &[], Duration::from_millis(200)).await;
        let refused = [turnstile.spend("token-1", HERE).await, turnstile.accept("token-2", HERE).await.map(drop)];
        for error in refused.map(Result::unwrap_err) {
            assert_eq!(error, GateError::HumanCheckUnavailable);
        }
        assert_eq!(sessions.by_token(&TokenKey::new("token-2", HERE)), None);
    }
}

#[tokio::test]
async fn a_siteverify_that_is_down_lets_nobody_in() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let (turnstile, _) = check(url, &[], TIME_LIMIT);
    assert_eq!(turnstile.spend("token-1", HERE).await.unwrap_err(), GateError::HumanCheckUnavailable);
    assert_eq!(turnstile.accept("token-1", HERE).await.unwrap_err(), GateError::HumanCheckUnavailable);
}

#[tokio::test]
async fn in_test_mode_every_token_passes_as_often_as_it_likes() {
    let sessions = Arc::new(Sessions::new(Arc::new(ManualClock::default())));
    let turnstile = Turnstile::new(None, sessions, &ProxySettings::default()).unwrap();
    for _ in 0..2 {
        assert_eq!(turnstile.spend("test", HERE).await, Ok(()));
        assert!(turnstile.accept("test", HERE).await.is_ok());
    }
}

#[tokio::test]
async fn neither_token_nor_secret_comes_into_the_log() {
    let (log, _guard) = CapturedLog::start();
    for manner in [Manner::Usual, Manner::Refuses("invalid-input-secret"), Manner::Says(500, "no"), Manner::Never] {
        let Setting { turnstile, .. } = setting(manner, &["other.example"], Duration::from_millis(100)).await;
        let _ = turnstile.spend("token-of-a-visitor", HERE).await;
        let _ = turnstile.accept("another-token-of-a-visitor", HERE).await;
    }
    let (turnstile, _) = check("http://127.0.0.1:1/".into(), &[], TIME_LIMIT);
    let _ = turnstile.spend("token-of-a-visitor", HERE).await;
    let text = log.text();
    for line in ["cannot be asked", "did not answer in time", "TURNSTILE_SECRET_KEY", "TURNSTILE_HOSTNAMES"] {
        assert!(text.contains(line), "{line} is missing in: {text}");
    }
    assert!(text.contains("Connection refused"), "the cause is missing in: {text}");
    assert!(!text.contains("token-of-a-visitor") && !text.contains("top-secret"), "{text}");
}
