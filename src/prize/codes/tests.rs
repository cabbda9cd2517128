use super::*;
use crate::{
    captured_log::CapturedLog,
    clock::ManualClock,
    ledger::{
        Body, DeliveryId, MemoryLedger, Seq,
        body::{Estimate, OpenReason, Opened, Won},
    },
    prize::{keys::Scopes, webhook::WebhookFormat},
};
use puzzle::{Cost, Curve, Hash, Nonce, Seed, Ticket, invite_code::InviteCode, rule::RuleName, target::Target};
use std::sync::Mutex;

struct Fixture {
    ledger: Arc<dyn Ledger>,
    clock: Arc<ManualClock>,
    codes: Codes,
}

/// A ledger in which each of `won` was won, with the second from which on it is worth
/// nothing.
async fn fixture(reclaims: bool, won: &[(&str, Option<u64>)]) -> Fixture {
    let clock = Arc::new(ManualClock::default());
    let ledger: Arc<dyn Ledger> = Arc::new(MemoryLedger::new(clock.clone()));
    let prefix = CodePrefix::new("Loot-").unwrap();
    let codes = Codes::new(ledger.clone(), clock.clone(), CodeSettings { prefix, reclaims }, Some(receiver()));
    for (round, (code, second)) in (1..).zip(won) {
        let opened = Transaction::new().append(RoundNumber(round), opened());
        ledger.commit(opened.append(RoundNumber(round), win(round, code, *second))).await.unwrap();
    }
    Fixture { ledger, clock, codes }
}

/// A receiver that is told of more than wins.
fn receiver() -> WebhookSettings {
    let settings = WebhookSettings::new("https://receiver.test/".parse().unwrap(), None);
    WebhookSettings { format: WebhookFormat::Event, ..settings }
}

fn opened() -> Body {
    Body::Opened(Opened {
        seed: Seed::from_bytes([1; 16]),
        curve: Curve::Fixed(Target::from_fraction(0.5)),
        estimate: Estimate::Step { difficulty: 1.0 },
        cost: Cost::DEFAULT,
        rule: RuleName::Step,
        reason: OpenReason::Solved,
    })
}

fn win(round: u64, code: &str, second: Option<u64>) -> Body {
    Body::Won(Box::new(Won {
        session: "session".to_owned(),
        ticket: Ticket(round),
        code: InviteCode::listed(code).unwrap(),
        visitor: "visitor-1".parse().unwrap(),
        address: "203.0.113.45".parse().unwrap(),
        network: "203.0.113.45".to_owned(),
        trace: "ip=203.0.113.45\n".parse().unwrap(),
        seed: Seed::from_bytes([1; 16]),
        nonce: Nonce::new(1).unwrap(),
        hash: Hash::from_bytes([0; 32]),
        difficulty: 1.0,
        mining_time: Duration::from_secs(60),
        solve_time: Duration::from_secs(60),
        new_difficulty: 1.0,
        adjustment_reason: "Perfect timing".to_owned(),
        estimate: Estimate::Step { difficulty: 1.0 },
        expires_at: second.map(|second| WallTime::from_milliseconds(1000 * second)),
        state: None,
    }))
}

fn caller(name: &str) -> Caller {
    let scopes = Scopes::named(["codes:redeem", "codes:revoke"]).unwrap();
    Caller { name: name.to_owned(), scopes, digest: Digest::of(&[name.as_bytes()]) }
}

fn typed(code: &str) -> TypedCode {
    TypedCode::new(code).unwrap()
}

fn remark(text: &str) -> Option<Remark> {
    Some(Remark::new(text.to_owned()).unwrap())
}

fn key(text: &str) -> IdempotencyKey {
    IdempotencyKey::new(text).unwrap()
}

/// What a call came to, in words that can be compared.
fn told(outcome: &Result<CodeRecord, CodeError>) -> String {
    match outcome {
        Ok(CodeRecord { redeemed: Some((at, redeemed)), .. }) => {
            format!("redeemed at {at} for {:?}", redeemed.redeemed_for)
        }
        Ok(CodeRecord { revoked: Some((at, _)), .. }) => format!("revoked at {at}"),
        Ok(_) => "valid".to_owned(),
        Err(error) => error.to_string(),
    }
}

impl Fixture {
    async fn redeem(&self, name: &str, code: &str, remarked: &str, under: Option<&str>) -> String {
        let key = under.map(key);
        told(&self.codes.redeem(&caller(name), &typed(code), remark(remarked), key.as_ref()).await)
    }

    async fn revoke(&self, name: &str, code: &str, under: Option<&str>) -> String {
        let key = under.map(key);
        told(&self.codes.revoke(&caller(name), &typed(code), Remark::default(), key.as_ref()).await)
    }
}

#[tokio::test]
async fn a_code_is_found_as_it_stands_or_as_it_was_typed_off() {
    let listed = "hashpass-0zjjcx78fxa1";
    let won = ["HASHPASS-0ZJJCX78FXA1", "Loot-0ZJJCX78FXA2", listed, "free ticket", "O0", "00"];
    let it = fixture(false, &won.map(|code| (code, None))).await;
    for (text, found) in [
        ("HASHPASS-0ZJJCX78FXA1", Some(won[0])),
        ("HASHPASS 0ZJJ CX78 FXAL", Some(won[0])),
        ("0zjjcx78fxai", Some(won[0])),
        ("loot-ozjjcx78fxa2", Some(won[1])),
        ("ozjjcx78fxa2", Some(won[1])),
        // A code of a list counts as it stands before anything is read into it.
        (listed, Some(listed)),
        ("free ticket", Some("free ticket")),
        ("Free ticket", None),
        ("freeticket", None),
        ("O0", Some("O0")),
        ("00", Some("00")),
        ("OO", None),
        ("HASHPASS-0ZJJCX78FXA9", None),
        ("other-0ZJJCX78FXA1", None),
    ] {
        let record = it.codes.find(&typed(text)).await.unwrap();
        assert_eq!(record.as_ref().map(|record| record.win.won.code.as_str()), found, "{text}");
    }
    for malformed in ["", "a\tb", "a\n", &"x".repeat(201)] {
        assert!(TypedCode::new(malformed).is_err(), "{malformed:?}");
    }
    assert!(!format!("{:?}", typed(listed)).contains(listed));
}

#[test]
fn remarks_and_idempotency_keys_have_rules() {
    for (text, is_one) in [
        ("", true),
        ("order 7 – é", true),
        (&"x".repeat(200), true),
        (&"x".repeat(201), false),
        ("a\nb", false),
        ("\u{85}", false),
    ] {
        assert_eq!(Remark::new(text.to_owned()).is_ok(), is_one, "{text:?}");
    }
    for (text, is_one) in [
        ("", false),
        ("a b~", true),
        (&"x".repeat(255), true),
        (&"x".repeat(256), false),
        ("é", false),
        ("a\tb", false),
    ] {
        assert_eq!(IdempotencyKey::new(text).is_some(), is_one, "{text:?}");
    }
}

#[tokio::test]
async fn of_two_hundred_who_redeem_at_once_one_does() {
    let it = fixture(false, &[("A", None)]).await;
    let (shop, code) = (caller("shop"), typed("A"));
    let tries = (0..200).map(|_| it.codes.redeem(&shop, &code, None, None));
    let outcomes = futures::future::join_all(tries).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    let deliveries = it.ledger.deliveries_after(DeliveryId(0), None, 9).await.unwrap();
    assert_eq!(deliveries.len(), 1, "and whoever is to be told of it is told once");
    assert!(deliveries[0].body.contains("code.redeemed"), "{}", deliveries[0].body);
    let refused = "the code is redeemed at 1970-01-01T00:00:00.000Z";
    assert_eq!(outcomes.iter().filter(|outcome| told(outcome) == refused).count(), 199);
}

#[tokio::test]
async fn the_same_request_under_the_same_key_gets_the_same_answer_for_a_day() {
    let it = fixture(false, &[("A", None), ("B", None), ("C", None)]).await;
    let done = it.redeem("shop", "A", "order 7", Some("k1")).await;
    assert_eq!(done, r#"redeemed at 1970-01-01T00:00:00.000Z for Some("order 7")"#);
    let unknown = it.redeem("shop", "X", "", Some("k2")).await;
    assert_eq!(unknown, "nobody has won this code");
    let too_late = it.redeem("shop", "A", "order 8", Some("k3")).await;
    assert_eq!(too_late, "the code is redeemed at 1970-01-01T00:00:00.000Z");
    let revoked = it.revoke("shop", "B", Some("k4")).await;
    assert_eq!(revoked, "revoked at 1970-01-01T00:00:00.000Z");
    // Somebody wins the code that nobody had won.
    let opened = Transaction::new().append(RoundNumber(4), opened()).append(RoundNumber(4), win(4, "X", None));
    it.ledger.commit(opened).await.unwrap();
    it.clock.advance(ANSWER_LIFE - Duration::from_millis(1));
    for _ in 0..2 {
        assert_eq!(it.redeem("shop", "A", "order 7", Some("k1")).await, done);
        assert_eq!(it.redeem("shop", "X", "", Some("k2")).await, unknown, "also what was refused");
        assert_eq!(it.redeem("shop", "A", "order 8", Some("k3")).await, too_late);
        assert_eq!(it.revoke("shop", "B", Some("k4")).await, revoked);
        it.codes.clean_up(&|_| {}).await.unwrap();
    }
    let reused = "this idempotency key came with another request less than a day ago";
    for (name, code, remarked, under, expected) in [
        ("shop", "A", "order 9", "k1", reused),
        ("shop", "C", "order 7", "k1", reused),
        ("shop", "Aorder", " 7", "k1", reused),
        // The name belongs to the API key: another one may have the same.
        ("desk", "A", "order 7", "k1", too_late.as_str()),
    ] {
        assert_eq!(it.redeem(name, code, remarked, Some(under)).await, expected, "{name} {code} {remarked}");
    }
    assert_eq!(it.revoke("shop", "A", Some("k1")).await, reused, "another call is another request");
    // Without a key nothing is kept: the answer is how things stand.
    assert_eq!(it.redeem("shop", "A", "order 7", None).await, too_late);
    it.clock.advance(Duration::from_millis(1));
    assert_eq!(it.redeem("shop", "X", "", Some("k2")).await, r#"redeemed at 1970-01-02T00:00:00.000Z for Some("")"#);
}

#[tokio::test]
async fn copies_of_a_request_that_is_under_way_get_its_answer() {
    let it = fixture(false, &[("A", None)]).await;
    for (code, under, expected) in
        [("A", "k1", "redeemed at 1970-01-01T00:00:00.000Z for None"), ("X", "k2", "nobody has won this code")]
    {
        let (shop, code, under) = (caller("shop"), typed(code), key(under));
        let copies = (0..50).map(|_| it.codes.redeem(&shop, &code, None, Some(&under)));
        let outcomes = futures::future::join_all(copies).await;
        assert!(outcomes.iter().all(|outcome| told(outcome) == expected), "{outcomes:?}");
    }
    let redeemed = it.ledger.entries_after(Seq(0), 99).await.unwrap();
    assert_eq!(redeemed.iter().filter(|entry| matches!(entry.body, Body::Redeemed(_))).count(), 1);
}

#[tokio::test]
async fn codes_that_expired_unused_are_taken_back_if_that_is_wanted() {
    for reclaims in [true, false] {
        let won = [("A", Some(10)), ("B", Some(10)), ("C", Some(10)), ("D", Some(20)), ("E", None)];
        let it = fixture(reclaims, &won).await;
        it.redeem("shop", "B", "", None).await;
        it.revoke("shop", "C", None).await;
        let taken_back = Mutex::new(Vec::new());
        let note = |count| taken_back.lock().unwrap().push(count);
        for wait in [9, 1, 0, 10, 1000] {
            it.clock.advance(Duration::from_secs(wait));
            it.codes.clean_up(&note).await.unwrap();
        }
        let expected: &[u64] = if reclaims { &[1, 1] } else { &[] };
        assert_eq!(*taken_back.lock().unwrap(), expected);
        assert_eq!(it.ledger.recover().await.unwrap().returned, expected.len() as u64);
        assert_eq!(it.redeem("shop", "A", "", None).await, "the code is expired at 1970-01-01T00:00:10.000Z");
    }
}

#[tokio::test]
async fn the_log_names_a_code_by_its_digest() {
    let it = fixture(false, &[("SECRET-CODE", None), ("SECRET-OTHER", None)]).await;
    let (log, _guard) = CapturedLog::start();
    it.redeem("shop", "SECRET-CODE", "SECRET-ORDER", Some("SECRET-KEY")).await;
    it.revoke("shop", "SECRET-OTHER", None).await;
    it.redeem("shop", "SECRET-NOTHING", "", None).await;
    let text = log.text();
    assert!(text.contains("code redeemed") && text.contains("code revoked") && text.contains("key=\"shop\""), "{text}");
    assert!(text.contains(&InviteCode::listed("SECRET-CODE").unwrap().digest()), "{text}");
    assert!(!text.contains("SECRET"), "{text}");
}
