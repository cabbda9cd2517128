//! The lobby as a whole without HTTP, with a clock that stands still.

use super::{
    commands::Immediate,
    envelope::Envelope,
    polling::LONGEST_HOLD,
    store::{Database, StampKind, Store},
    *,
};
use crate::{
    clock::{Clock, ManualClock},
    gate::{
        GateRule, LimitSettings,
        admission::{Admission, Credentials},
        error::GateError,
        limits::AddressLimits,
        stamps::Stamps,
        turnstile::Turnstile,
    },
    https_client::ProxySettings,
    identity::{
        session::{IDLE_LIMIT, Passed, Session},
        sessions::Sessions,
    },
};
use futures::future::join_all;
use puzzle::stamp::{Bits, Minter, StampHash, Timestamp, channel};
use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    time::Duration,
};

/// Where everybody is.
const HOME: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

struct Bench {
    clock: Arc<ManualClock>,
    sessions: Arc<Sessions>,
    store: Store,
    lobby: Lobby,
}

impl Bench {
    async fn new() -> Self {
        Self::with_store(Store::open(&Database::Memory).unwrap()).await
    }

    async fn with_store(store: Store) -> Self {
        Self::with_bits(store, Bits::NONE).await
    }

    /// A lobby that asks for session stamps of so many bits.
    async fn with_bits(store: Store, bits: Bits) -> Self {
        let clock = Arc::new(ManualClock::default());
        clock.advance(Duration::from_secs(1_800_000_000));
        let sessions = Arc::new(Sessions::new(clock.clone()));
        let settings = LobbySettings {
            database: Database::Memory,
            hashcash_bits: bits,
            server_name: "hashpass".into(),
            motd: "hello".into(),
            history: 100,
            max_bytes: 1 << 30,
            sessions_per_hour: 600,
            cors_origins: Vec::new(),
        };
        let stamps = Stamps::new(store.clone(), bits, "hashpass".into(), clock.clone());
        let turnstile = Turnstile::new(None, sessions.clone(), &ProxySettings::default()).unwrap();
        let limits = Arc::new(AddressLimits::new(LimitSettings::NONE, &(clock.clone() as Arc<dyn Clock>)));
        let admission = Admission::new(GateRule::Hashcash, sessions.clone(), limits, turnstile, stamps);
        let loaded = store.load().await.unwrap();
        let (lobby, _) =
            Lobby::open(&settings, store.clone(), loaded, Arc::new(admission), sessions.clone(), clock.clone());
        Self { clock, sessions, store, lobby }
    }

    async fn person(&self, nick: &str) -> Session {
        let passed = Passed { human: true, stamped: false };
        let session = self.sessions.open(Some(nick.parse().unwrap()), passed).unwrap().session;
        self.lobby.enter(&session, HOME).await.unwrap();
        session
    }

    /// Sends a command, without haste.
    async fn say(&self, who: &Session, json: &str) -> Answer {
        self.clock.advance(Duration::from_secs(1));
        self.lobby.command(who, envelope(json), HOME).await.unwrap()
    }

    async fn ok(&self, who: &Session, json: &str) {
        let answer = self.say(who, json).await;
        assert_eq!(answer.refused, None, "{json}");
    }

    async fn heard(&self, who: &Session) -> String {
        self.lobby.poll(who, 0, Duration::ZERO, HOME).await.unwrap().to_json()
    }
}

fn credentials(stamp: Option<&str>) -> Credentials<'_> {
    Credentials { token: None, stamp, address: [192, 0, 2, 1].into() }
}

fn envelope(json: &str) -> Envelope {
    serde_json::from_str(json).unwrap()
}

mod costs;
mod crowds;
mod disk;
mod migration;
mod remarks;
mod seats;
mod storage;

#[tokio::test]
async fn the_idle_leave_their_channels_and_their_nick() {
    let bench = Bench::new().await;
    let (idle, lively) = (bench.person("idle").await, bench.person("lively").await);
    for who in [&idle, &lively] {
        bench.ok(who, r##"{"command":"JOIN","to":"#a"}"##).await;
        bench.sessions.prove(&who.id);
    }
    for _ in 0..2 {
        bench.clock.advance(IDLE_LIMIT / 2);
        // A call finds its session by the cookie, which is what counts as use.
        bench.sessions.touch(&lively.client);
    }
    bench.lobby.end_idle_sessions().await;
    assert!(bench.heard(&lively).await.contains("Idle for too long"));
    assert_eq!(bench.lobby.poll(&idle, 0, Duration::ZERO, HOME).await.unwrap_err(), LobbyError::Ended);
    assert!(!bench.sessions.is_nick_taken(&"idle".parse().unwrap()));
    let members = bench.lobby.members(&lively, "#a", HOME).await.unwrap();
    assert_eq!(members.iter().map(|member| &*member.nick).collect::<Vec<_>>(), ["lively"]);
}

#[tokio::test]
async fn a_session_whose_cookie_got_lost_gives_its_nick_to_the_next_who_asks() {
    let bench = Bench::new().await;
    let open = async |nick: &str| bench.lobby.open_session(None, Some(nick), credentials(None)).await;
    let lost = open("bob").await.unwrap();
    let early = open("BOB").await.unwrap_err();
    assert_eq!(early, LobbyError::NickTaken { retry_after: Some(Duration::from_secs(10)) });
    bench.clock.advance(Duration::from_secs(10));
    let found = open("BOB").await.unwrap();
    assert_ne!(found.id, lost.id);
    let bob = bench.sessions.by_cookie(&found.token.unwrap()).unwrap();
    assert_eq!(bench.lobby.state(&bob, HOME).await.unwrap().nick, "BOB");
    assert_eq!(bench.lobby.server().users, 1, "the lost one is gone");
    // A session that has been used keeps the nick.
    bench.clock.advance(Duration::from_secs(3600));
    assert_eq!(open("bob").await.unwrap_err(), LobbyError::NickTaken { retry_after: None });
    assert!(bench.lobby.poll(&bob, 0, Duration::ZERO, HOME).await.is_ok());
}

#[tokio::test]
async fn an_empty_channel_is_no_more_and_its_words_are_not_inherited() {
    let bench = Bench::new().await;
    let (first, second) = (bench.person("first").await, bench.person("second").await);
    bench.ok(&first, r##"{"command":"JOIN","to":"#a"}"##).await;
    bench.ok(&first, r##"{"command":"PRIVMSG","to":"#a","body":["secret plans"]}"##).await;
    bench.ok(&first, r##"{"command":"PART","to":"#a"}"##).await;
    bench.ok(&second, r##"{"command":"JOIN","to":"#a"}"##).await;
    let history = bench.lobby.history(Some(&second), "#a", None, 50, HOME).await.unwrap();
    assert_eq!(history, r#"{"messages":[],"before":null}"#);
    assert_eq!(bench.lobby.channels(&second, HOME).await.unwrap().len(), 2, "#lobby always exists");
    bench.lobby.delete_old_things().await;
    let kept = bench.store.history("c2".into(), u64::MAX, 50).await.unwrap();
    assert!(kept.is_empty(), "{kept:?}");
}

#[tokio::test]
async fn a_stamp_comes_back_when_the_channel_closes_while_it_is_spent() {
    let bench = Bench::new().await;
    let (op, other) = (bench.person("op").await, bench.person("other").await);
    bench.ok(&op, r##"{"command":"JOIN","to":"#a"}"##).await;
    bench.ok(&other, r##"{"command":"JOIN","to":"#a"}"##).await;
    bench.ok(&op, r##"{"command":"MODE","to":"#a","params":["+H","4"]}"##).await;
    bench.clock.advance(Duration::from_secs(60));
    let now = Timestamp(bench.lobby.moment().seconds());
    let mut minter = Minter::new(&channel::prefix(Bits::new(4).unwrap(), "#a", &["hi".to_owned()], now), 1);
    let stamp = std::iter::repeat_with(|| minter.advance(64)).flatten().next().unwrap();
    let message =
        envelope(&format!(r##"{{"command":"PRIVMSG","to":"#a","body":["hi"],"meta":{{"hashcash":"{stamp}"}}}}"##));
    // The store is busy until it is let go on.
    let (go_on, held) = std::sync::mpsc::channel::<()>();
    let mut busy = Box::pin(bench.store.call(move |_| Ok(held.recv().ok())));
    assert!(futures::poll!(busy.as_mut()).is_pending());
    // The message runs until the store is asked; then more bits are asked for.
    let mut speaking = Box::pin(bench.lobby.command(&other, message, HOME));
    assert!(futures::poll!(speaking.as_mut()).is_pending());
    let raise = envelope(r##"{"command":"MODE","to":"#a","params":["+H","9"]}"##);
    let mut raising = Box::pin(bench.lobby.command(&op, raise, HOME));
    assert!(futures::poll!(raising.as_mut()).is_pending());
    go_on.send(()).unwrap();
    assert!(raising.await.unwrap().refused.is_none());
    let refused = speaking.await.unwrap().refused.unwrap();
    assert_eq!((refused.code, &refused.meta["reason"]), ("404", &serde_json::json!("insufficient_bits")));
    let hash = StampHash::of(&stamp);
    assert_eq!(bench.store.spend(StampKind::Channel, hash, now.0).await, Ok(true), "it was given back");
}

#[tokio::test]
async fn a_stamp_that_is_worth_nothing_never_reaches_the_store() {
    const DAY: u64 = 24 * 3600;
    let bench = Bench::with_bits(Store::open(&Database::Memory).unwrap(), Bits::new(4).unwrap()).await;
    let op = bench.person("op").await;
    bench.ok(&op, r##"{"command":"JOIN","to":"#a"}"##).await;
    bench.ok(&op, r##"{"command":"MODE","to":"#a","params":["+H","4"]}"##).await;
    bench.store.settled().await.unwrap();
    let now = bench.lobby.moment().seconds();
    let session =
        |bits, resource, at| puzzle::stamp::session::prefix(Bits::new(bits).unwrap(), resource, Timestamp(at));
    let text = |prefix: puzzle::stamp::Prefix| format!("{}x", prefix.as_str());
    let sessions = [
        (None, "missing"),
        (Some("nonsense".to_owned()), "fields"),
        (Some(text(session(40, "hashpass", now)).replacen('1', "2", 1)), "version"),
        (Some(text(session(3, "hashpass", now))), "insufficient_bits"),
        (Some(text(session(40, "elsewhere", now))), "resource"),
        (Some(text(session(40, "hashpass", now - 4 * DAY))), "expired"),
        (Some(text(session(40, "hashpass", now + 2 * DAY))), "future"),
        (Some(text(session(40, "hashpass", now))), "proof"),
    ];
    let body = ["hi".to_owned()];
    let channel = |channel: &str, at| text(channel::prefix(Bits::new(40).unwrap(), channel, &body, Timestamp(at)));
    let channels = [
        (String::new(), "fields"),
        (channel("#b", now), "channel"),
        (channel("#a", now - 4 * DAY), "expired"),
        (channel("#a", now).replace(":40:", ":3:"), "insufficient_bits"),
        (channel("#a", now), "proof"),
    ];

    // Its thread is held, so that every job would stay in its queue.
    let (go_on, held) = std::sync::mpsc::channel::<()>();
    let (started, starts) = tokio::sync::oneshot::channel::<()>();
    let busy = tokio::spawn({
        let store = bench.store.clone();
        async move {
            let hold = move |_: &_| {
                let _ = started.send(());
                Ok(held.recv().ok())
            };
            store.call(hold).await
        }
    });
    starts.await.unwrap();
    let room = bench.store.room();
    for (stamp, why) in &sessions {
        let Err(LobbyError::Gate(GateError::StampRequired(demand))) =
            bench.lobby.open_session(None, None, credentials(stamp.as_deref())).await
        else {
            panic!("{stamp:?} was not refused");
        };
        assert_eq!(demand.reason.reason(), *why, "{stamp:?}");
    }
    for (stamp, why) in &channels {
        let message = format!(r##"{{"command":"PRIVMSG","to":"#a","body":["hi"],"meta":{{"hashcash":"{stamp}"}}}}"##);
        let refused = bench.say(&op, &message).await.refused.unwrap();
        assert_eq!((refused.code, &refused.meta["reason"]), ("404", &serde_json::json!(why)), "{stamp}");
    }
    assert_eq!(bench.store.room(), room, "the store was asked");
    go_on.send(()).unwrap();
    busy.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_thousand_who_wait_hear_a_message_once() {
    let bench = Bench::new().await;
    let people: Vec<Session> = join_all((0..1000).map(async |n| bench.person(&format!("person{n}")).await)).await;
    for person in &people {
        let mailbox = bench.lobby.enter(person, HOME).await.unwrap();
        let joined = bench.lobby.on_behalf_of(person, &mailbox, |caller| caller.run(Immediate::Join, &["#a"]).is_ok());
        assert!(joined.await.unwrap().0);
    }
    let states = join_all(people.iter().map(|person| bench.lobby.state(person, HOME))).await;
    let last = states.into_iter().map(|state| state.unwrap().last_id).max().unwrap();
    let waiting = people.iter().map(|person| bench.lobby.poll(person, last, Duration::from_secs(30), HOME));
    let speaking = async {
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
        bench.ok(&people[0], r##"{"command":"PRIVMSG","to":"#a","body":["hello all"]}"##).await;
    };
    let (heard, ()) = tokio::join!(join_all(waiting), speaking);
    for batch in heard {
        let json = batch.unwrap().to_json();
        assert_eq!(json.matches("hello all").count(), 1, "{json}");
    }
}

#[tokio::test]
async fn a_crowd_that_waits_is_answered_in_turn_and_a_few_at_once() {
    let bench = Bench::new().await;
    let turns = |count| -> Vec<Duration> { (0..count).map(|_| bench.lobby.hold_of_answer()).collect() };
    assert!(turns(20).iter().all(Duration::is_zero));
    let crowd = turns(2000);
    assert!(crowd.is_sorted());
    assert!(crowd[799] <= Duration::from_millis(100), "8,000 a second: {:?}", crowd[799]);
    assert_eq!(crowd[1999], LONGEST_HOLD);
    // However many there were: they hold nobody up who comes later.
    bench.clock.advance(2 * LONGEST_HOLD);
    assert!(turns(20).iter().all(Duration::is_zero));
}

#[tokio::test]
async fn whoever_logs_in_for_ever_loses_the_idlest_client() {
    let bench = Bench::new().await;
    let bob = bench.person("bob").await;
    bench.ok(&bob, r#"{"command":"PASS","body":["correct horse"]}"#).await;
    for _ in 0..20 {
        bench.clock.advance(Duration::from_secs(10));
        bench.lobby.login("bob", "correct horse".into(), [192, 0, 2, 1].into()).await.unwrap();
    }
    assert_eq!(bench.lobby.lock().users[&bob.id].clients.len(), 16);
    assert_eq!(bench.lobby.poll(&bob, 0, Duration::ZERO, HOME).await.unwrap_err(), LobbyError::Ended);
}

#[tokio::test]
async fn idleness_is_counted_over_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let database = Database::File(directory.path().join("lobby.db"));
    let bench = Bench::with_store(Store::open(&database).unwrap()).await;
    let bob = bench.person("bob").await;
    bench.ok(&bob, r##"{"command":"JOIN","to":"#a"}"##).await;
    bench.sessions.prove(&bob.id);
    bench.clock.advance(Duration::from_secs(3600));
    bench.sessions.touch(&bob.client);
    bench.lobby.note_last_seen().await;
    bench.lobby.stop().await;
    // The clock of a new bench starts anew, before that hour.
    let bench = Bench::with_store(Store::open(&database).unwrap()).await;
    assert!(bench.lobby.lock().users.contains_key(&bob.id));
    bench.clock.advance(IDLE_LIMIT + Duration::from_secs(1));
    bench.lobby.end_idle_sessions().await;
    assert!(bench.lobby.lock().users.is_empty());
    bench.lobby.stop().await;
    let bench = Bench::with_store(Store::open(&database).unwrap()).await;
    assert!(bench.lobby.lock().users.is_empty(), "whoever has ended does not come back");
    assert_eq!(bench.lobby.lock().channels.len(), 1);
}

#[tokio::test]
async fn words_and_a_password_keep_a_session_that_would_else_be_forgotten_in_minutes() {
    let bench = Bench::new().await;
    let (silent, talker, owner) =
        (bench.person("silent").await, bench.person("talker").await, bench.person("owner").await);
    bench.ok(&talker, r##"{"command":"PRIVMSG","to":"silent","body":["hello"]}"##).await;
    bench.ok(&owner, r#"{"command":"PASS","body":["correct horse"]}"#).await;
    let proven = [&silent, &talker, &owner].map(|who| bench.sessions.is_proven(&who.id));
    assert_eq!(proven, [false, true, true]);
    // Somebody else may have the nick of a session that was forgotten, at once.
    bench.clock.advance(crate::identity::session::UNPROVEN_LIMIT);
    bench.sessions.sweep();
    let next = bench.person("Silent").await;
    assert_eq!(bench.lobby.state(&next, HOME).await.unwrap().nick, "Silent");
    assert_eq!(bench.lobby.server().users, 3);
}
