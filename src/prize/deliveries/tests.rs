//! Against a real receiver on this machine that can be told to misbehave. The ledger's
//! time is set by hand, so that days pass at once; only the test of a restart waits.

mod fixture;
mod receiver;

use super::*;
use crate::{
    captured_log::CapturedLog,
    clock::SystemClock,
    https_client::client_trusting,
    ledger::{
        Body, Change, DataDirectory, DeliveryId, SqliteLedger, Transaction, WallTime,
        body::{Estimate, OpenReason, Opened},
        deliveries::{DeliveryState, TryOutcome},
        sqlite::SqliteSettings,
    },
    prize::webhook::{CodeWon, SigningSecrets, WebhookFormat, told_of_win},
};
use fixture::{Fixture, LONG, code, now, visitor, wait_of};
use puzzle::{Cost, Curve, RoundNumber, Seed, rule::RuleName, target::Target};
use receiver::{Reply, TestReceiver, start_tls_receiver};
use std::path::Path;
use tokio::net::TcpListener;

#[tokio::test]
async fn a_delivery_is_exactly_what_the_protocol_says() {
    let receiver = TestReceiver::start([]).await;
    let token = Some("s3cret-token".parse().unwrap());
    let it = Fixture::new(WebhookSettings { token, ..receiver.settings() });
    it.win(1).await;
    let _deliveries = it.start();
    let seen = &receiver.seen(1).await[0];
    assert_eq!(seen.body, format!(r#"{{"visitor_id":"visitor-1","invite_code":"{}"}}"#, code(1).as_str()));
    assert_eq!(seen.header("content-type"), Some("application/json"));
    assert_eq!(seen.header("authorization"), Some("Bearer s3cret-token"));
    assert_eq!(seen.header("webhook-id"), Some(it.delivery(1).await.webhook_id.as_str()));
    for (name, value) in &seen.headers {
        assert!(!value.to_str().unwrap().contains(&code(1).as_str()[9..]), "{name} holds the code");
    }
}

#[tokio::test]
async fn every_try_is_signed_anew_under_the_same_id_and_says_the_same() {
    let receiver = TestReceiver::start([Reply::Status(500)]).await;
    let secrets: SigningSecrets = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".parse().unwrap();
    let settings =
        WebhookSettings { format: WebhookFormat::Event, signing: Some(secrets.clone()), ..receiver.settings() };
    let it = Fixture::new(settings);
    it.win(1).await;
    let deliveries = it.start();
    it.tried(1, 1).await;
    it.advance(&deliveries, 10);
    it.taken(1).await;
    let delivery = it.delivery(1).await;
    let seen = receiver.seen(2).await;
    assert_eq!(seen[0].body, seen[1].body);
    assert!(seen[0].body.contains(&format!(r#""won_at":"{}""#, delivery.created_at)), "{}", seen[0].body);
    for (seen, timestamp) in seen.iter().zip([1000, 1010]) {
        assert_eq!(seen.header("webhook-timestamp"), Some(timestamp.to_string().as_str()));
        let signature = secrets.sign(delivery.webhook_id.as_str(), timestamp, &seen.body).unwrap();
        assert_eq!(seen.headers.get("webhook-signature"), Some(&signature));
        assert!(seen.headers.values().all(|value| !value.to_str().unwrap().contains(&code(1).as_str()[9..])));
    }
}

#[tokio::test]
async fn without_a_token_no_authorization_is_sent() {
    let receiver = TestReceiver::start([]).await;
    let it = Fixture::new(receiver.settings());
    it.win(1).await;
    let _deliveries = it.start();
    let seen = &receiver.seen(1).await[0];
    assert_eq!((seen.header("authorization"), seen.header("webhook-signature")), (None, None));
    assert_eq!(seen.header("webhook-timestamp"), Some("1000"));
}

#[tokio::test]
async fn a_token_goes_before_a_password_in_the_address() {
    let receiver = TestReceiver::start([]).await;
    let url = format!("http://user:password@{}/", receiver.address);
    for (token, expected) in [(None, "Basic dXNlcjpwYXNzd29yZA=="), (Some("token".parse().unwrap()), "Bearer token")] {
        let it = Fixture::new(WebhookSettings { url: url.parse().unwrap(), token, ..receiver.settings() });
        it.win(1).await;
        let _deliveries = it.start();
        it.taken(1).await;
        let seen = receiver.seen(1).await;
        let sent: Vec<_> = seen.last().unwrap().headers.get_all("authorization").iter().collect();
        assert_eq!(sent, [expected]);
    }
}

#[tokio::test]
async fn every_kind_of_success_is_success_and_order_is_kept() {
    let receiver = TestReceiver::start([200, 201, 202, 204].map(Reply::Status)).await;
    let it = Fixture::new(receiver.settings());
    it.win(1).await;
    let deliveries = it.start();
    it.taken(1).await;
    for number in 2..=4 {
        it.win(number).await;
    }
    deliveries.wake();
    it.taken(4).await;
    assert_eq!(receiver.codes(4).await, [1, 2, 3, 4].map(code));
    assert_eq!(it.delivery(2).await.last_answer.as_deref(), Some("the receiver answered 201 Created"));
}

#[tokio::test]
async fn what_fails_is_tried_again_with_the_same_id_before_the_next_prize() {
    let receiver = TestReceiver::start([500, 503].map(Reply::Status)).await;
    let it = Fixture::new(receiver.settings());
    it.win(1).await;
    it.win(2).await;
    let deliveries = it.start();
    for tries in 1..=2 {
        it.tried(1, tries).await;
        it.advance(&deliveries, 10);
    }
    it.taken(2).await;
    assert_eq!(receiver.codes(4).await, [1, 1, 1, 2].map(code));
    let ids = receiver.ids(4).await;
    assert!(ids[0] == ids[1] && ids[1] == ids[2] && ids[2] != ids[3], "{ids:?}");
}

#[tokio::test]
async fn a_retry_after_is_obeyed() {
    let receiver =
        TestReceiver::start([Reply::RetryAfter(429, "7"), Reply::RetryAfter(503, "Thu, 01 Jan 1970 01:00:00 GMT")])
            .await;
    let it = Fixture::new(receiver.settings());
    it.win(1).await;
    let deliveries = it.start();
    assert_eq!(wait_of(&it.tried(1, 1).await, &it), Duration::from_secs(7));
    it.advance(&deliveries, 6);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(receiver.seen(1).await.len(), 1, "it came before its time");
    it.advance(&deliveries, 1);
    // 1000 s at the start of the test, and 7 s since.
    assert_eq!(wait_of(&it.tried(1, 2).await, &it), Duration::from_secs(3600 - 1007));
    it.advance(&deliveries, 3600);
    it.taken(1).await;
}

#[tokio::test]
async fn a_redirect_parks_a_delivery_at_once_and_is_not_followed() {
    let (captured, _guard) = CapturedLog::start();
    let other = TestReceiver::start([]).await;
    let receiver = TestReceiver::start([Reply::Redirect(format!("http://{}/", other.address))]).await;
    let it = Fixture::new(receiver.settings());
    it.win(1).await;
    it.win(2).await;
    let deliveries = it.start();
    it.taken(2).await;
    let parked = it.delivery(1).await;
    assert_eq!((parked.state, parked.tries), (DeliveryState::Parked, 1));
    let why = "the receiver answered 307 Temporary Redirect; \
               the receiver redirects: give its new address in the configuration";
    assert_eq!(parked.last_answer.as_deref(), Some(why));
    deliveries.shut_down(LONG).await;
    assert!(other.seen.borrow().is_empty());
    let said = captured.text();
    assert!(said.contains("ERROR") && said.contains("redirects") && said.contains(&code(1).digest()), "{said}");
}

#[tokio::test]
async fn a_receiver_that_is_gone_for_a_day_is_not_asked_any_more() {
    let receiver = TestReceiver::start(vec![Reply::Status(410); 99]).await;
    let it = Fixture::new(receiver.settings());
    it.win(1).await;
    let deliveries = it.start();
    let mut tries = 1;
    let parked = loop {
        let delivery = it.delivery_when(1, |delivery| delivery.tries == tries).await;
        if delivery.state == DeliveryState::Parked {
            break delivery;
        }
        let wait = wait_of(&delivery, &it);
        it.advance(&deliveries, wait.as_secs() + 1);
        tries += 1;
    };
    let failed_for = now(&it).since(parked.failing_since.unwrap());
    assert!((24 * 3600..24 * 3600 + 60).contains(&failed_for.as_secs()), "{failed_for:?}");
    assert!((10..40).contains(&tries), "{tries}");
    it.win(2).await;
    deliveries.wake();
    it.tried(2, 1).await;
    deliveries.shut_down(LONG).await;
    assert_eq!(deliveries.outbox().parked, 1);
}

#[tokio::test]
async fn a_receiver_that_hangs_is_tried_again() {
    let receiver = TestReceiver::start([Reply::Never]).await;
    let it = Fixture::new(WebhookSettings { time_limit: Duration::from_millis(300), ..receiver.settings() });
    it.win(1).await;
    let deliveries = it.start();
    let failed = it.tried(1, 1).await;
    assert_eq!(failed.last_answer.as_deref(), Some("the receiver did not answer in time"));
    it.advance(&deliveries, 10);
    it.taken(1).await;
}

#[tokio::test]
async fn a_receiver_that_is_slow_keeps_the_order() {
    let slow = Reply::Slow(Duration::from_millis(100));
    let receiver = TestReceiver::start(vec![slow; 3]).await;
    let it = Fixture::new(receiver.settings());
    for number in 1..=3 {
        it.win(number).await;
    }
    let _deliveries = it.start();
    it.taken(3).await;
    assert_eq!(receiver.codes(3).await, [1, 2, 3].map(code));
}

#[tokio::test]
async fn when_the_receiver_is_back_everything_that_waits_is_tried_at_once() {
    let receiver = TestReceiver::start(vec![Reply::Status(500); 99]).await;
    let it = Fixture::new(receiver.settings());
    it.win(1).await;
    it.win(2).await;
    let deliveries = it.start();
    // Once the first one has failed for ten minutes the second one is tried, too.
    for tries in 1..=5 {
        it.tried(1, tries).await;
        it.advance(&deliveries, 400);
    }
    let planned = it.tried(1, 6).await.next_try_at;
    it.delivery_when(2, |delivery| 2 <= delivery.tries).await;
    receiver.forgive();
    it.advance(&deliveries, 100);
    it.taken(2).await;
    it.taken(1).await;
    assert!(now(&it) < planned);
}

#[tokio::test]
async fn a_receiver_that_cannot_be_reached_is_named_by_nothing_but_the_cause() {
    let (captured, _guard) = CapturedLog::start();
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let url = format!("http://user:p4ssword@{closed}/s3cret-path?key=s3cret").parse().unwrap();
    let it = Fixture::new(WebhookSettings::new(url, Some("s3cret-token".parse().unwrap())));
    it.win(1).await;
    let deliveries = it.start();
    let failed = it.tried(1, 1).await;
    deliveries.shut_down(LONG).await;
    let said = captured.text();
    assert_eq!(said.matches("cannot be reached").count(), 1, "{said}");
    assert!(said.contains(&code(1).digest()), "{said}");
    let said = said + &failed.last_answer.unwrap();
    for secret in ["s3cret", "p4ssword", &code(1).as_str()[9..]] {
        assert!(!said.contains(secret), "{secret}: {said}");
    }
}

#[tokio::test]
async fn the_end_waits_for_the_try_under_way_and_leaves_the_rest() {
    let receiver = TestReceiver::start([Reply::Slow(Duration::from_millis(200))]).await;
    let it = Fixture::new(receiver.settings());
    it.win(1).await;
    it.win(2).await;
    let deliveries = it.start();
    receiver.seen(1).await;
    deliveries.shut_down(LONG).await;
    assert_eq!(it.delivery(1).await.state, DeliveryState::Delivered);
    assert_eq!((it.delivery(2).await.state, it.delivery(2).await.tries), (DeliveryState::Waiting, 0));
    assert_eq!(receiver.seen(1).await.len(), 1);
    let _again = it.start();
    it.taken(2).await;
}

#[tokio::test]
async fn the_end_does_not_wait_for_a_receiver_that_hangs() {
    let receiver = TestReceiver::start([Reply::Never]).await;
    let it = Fixture::new(receiver.settings());
    it.win(1).await;
    let deliveries = it.start();
    receiver.seen(1).await;
    deliveries.shut_down(Duration::from_millis(1)).await;
    let _again = it.start();
    it.taken(1).await;
    let ids = receiver.ids(2).await;
    assert_eq!(ids[0], ids[1]);
}

#[tokio::test]
async fn without_a_receiver_everything_goes_on_waiting() {
    let (captured, _guard) = CapturedLog::start();
    let receiver = TestReceiver::start([]).await;
    let it = Fixture::new(receiver.settings());
    it.win(1).await;
    let proxies = ProxySettings::default();
    let deliveries = Deliveries::start(it.ledger.clone(), None, &proxies, it.clock.clone()).unwrap();
    deliveries.outbox.clone().wait_for(|outbox| outbox.waiting == 1).await.unwrap();
    deliveries.shut_down(LONG).await;
    assert!(captured.text().contains("there is no WEBHOOK_URL"), "{}", captured.text());
    let _deliveries = it.start();
    it.taken(1).await;
}

fn open(directory: &Path) -> SqliteLedger {
    let directory = DataDirectory::open(directory).unwrap();
    let probe_every = Duration::from_millis(20);
    let settings = SqliteSettings { probe_every, ..SqliteSettings::default() };
    SqliteLedger::open(&directory, Arc::new(SystemClock::default()), settings).unwrap()
}

/// A win as the race commits it: the first round is opened with it.
async fn real_win(ledger: &SqliteLedger, settings: &WebhookSettings) {
    let opened = Body::Opened(Opened {
        seed: Seed::from_bytes([1; 16]),
        curve: Curve::Fixed(Target::from_fraction(0.5)),
        estimate: Estimate::Step { difficulty: 1.0 },
        cost: Cost::DEFAULT,
        rule: RuleName::Step,
        reason: OpenReason::First,
    });
    let new = told_of_win(
        settings,
        &CodeWon { code: &code(1), round: RoundNumber(1), visitor: &visitor(), expires_at: None, state: None },
    );
    let transaction = Transaction::new().append(RoundNumber(1), opened).with(Change::Deliver(new));
    ledger.commit(transaction).await.unwrap();
}

#[tokio::test]
async fn a_prize_that_was_refused_for_minutes_is_delivered_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let receiver = TestReceiver::start(vec![Reply::Status(500); 2]).await;
    let settings = receiver.settings();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    let start = |ledger: &SqliteLedger| {
        let ledger: Arc<dyn Ledger> = Arc::new(ledger.clone());
        Deliveries::start(ledger, Some(settings.clone()), &ProxySettings::default(), clock.clone()).unwrap()
    };
    {
        let ledger = open(directory.path());
        real_win(&ledger, &settings).await;
        let deliveries = start(&ledger);
        receiver.seen(2).await;
        // Killed: nobody says good-bye, and an answer may be lost.
        let task = lock(&deliveries.task).take().unwrap();
        task.abort();
        let _ = task.await;
        ledger.close(Transaction::new()).await.unwrap();
    }
    let ledger = open(directory.path());
    // As if it had failed for long.
    let at = WallTime::from(clock.time_of_day()).after(Duration::from_secs(6 * 3600));
    let outcome = TryOutcome::Failed { answer: "500".to_owned(), next_try_at: at };
    ledger.commit(Transaction::new().with(Change::DeliveryTried { id: DeliveryId(1), outcome })).await.unwrap();
    let deliveries = start(&ledger);
    let ids = receiver.ids(3).await;
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    deliveries.shut_down(LONG).await;
    let delivered = ledger.delivery(DeliveryId(1)).await.unwrap().unwrap();
    assert_eq!(delivered.state, DeliveryState::Delivered);
}

#[tokio::test]
async fn https_works_for_those_who_are_trusted_and_for_nobody_else() {
    let (address, trusted, mut requests) = start_tls_receiver().await;
    let url = format!("https://localhost:{}/hook", address.port()).parse().unwrap();
    let it = Fixture::new(WebhookSettings::new(url, None));
    it.win(1).await;
    let stranger = it.start();
    let refused = it.tried(1, 1).await.last_answer.unwrap();
    assert!(refused.contains("invalid peer certificate"), "{refused}");
    stranger.shut_down(LONG).await;

    let client = client_trusting(trusted, &ProxySettings::default(), LONG).unwrap();
    let receiver = Receiver::new(client, it.settings.clone());
    let deliveries = Deliveries::start_with(it.ledger.clone(), Some(receiver), it.clock.clone());
    it.advance(&deliveries, 10);
    it.taken(1).await;
    let request = requests.recv().await.unwrap();
    assert!(request.starts_with("POST /hook HTTP/1.1\r\n"), "{request}");
    assert!(request.contains(code(1).as_str()), "{request}");
}
