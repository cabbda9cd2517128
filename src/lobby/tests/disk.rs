//! The disk is the race's first of all: what the lobby writes is bounded, and old history
//! goes before anything else.

use super::*;
use crate::lobby::store::{Bounds, StoreError, Write};
use std::{
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
};

/// A budget in which there is room for some five hundred long messages.
const SMALL: u64 = 4 << 20;

/// A disk with as much free space as is set.
#[derive(Clone, Default)]
struct Disk {
    free: Arc<AtomicU64>,
    clock: Arc<ManualClock>,
}

impl Disk {
    fn new() -> Self {
        let disk = Self::default();
        disk.set_free(1 << 40);
        disk
    }

    fn set_free(&self, bytes: u64) {
        self.free.store(bytes, Ordering::SeqCst);
        // It is looked once a second.
        self.clock.advance(Duration::from_secs(1));
    }

    fn open(&self, path: &Path, bytes: u64) -> Store {
        let free = self.free.clone();
        let bounds =
            Bounds { bytes, free_space: Arc::new(move |_| Ok(free.load(Ordering::SeqCst))), clock: self.clock.clone() };
        Store::open_within(&Database::File(path.to_owned()), bounds).unwrap()
    }
}

/// What the database and its log take up.
fn size(path: &Path) -> u64 {
    [path.to_owned(), path.with_extension("db-wal")]
        .iter()
        .filter_map(|file| std::fs::metadata(file).ok())
        .map(|file| file.len())
        .sum()
}

/// Writes messages of 3,000 bytes into a channel, twenty in a commit.
async fn write(store: &Store, numbers: std::ops::Range<u64>, then: impl Fn()) {
    let numbers: Vec<u64> = numbers.collect();
    for some in numbers.chunks(20) {
        let writes = some.iter().map(|seq| Write::SaveMessage {
            seq: *seq,
            target: format!("c{}", 2 + seq % 3),
            envelope: "x".repeat(3000),
            pair: None,
        });
        store.reserve().unwrap().write(writes.collect(), |_| {}).stored().await.unwrap();
        then();
    }
}

#[tokio::test]
async fn the_oldest_history_makes_room_and_the_file_never_exceeds_its_budget() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("lobby.db");
    let store = Disk::new().open(&path, SMALL);
    write(&store, 1..2001, || assert!(size(&path) <= SMALL, "{}", size(&path))).await;
    let mut kept = Vec::new();
    for target in ["c2", "c3", "c4"] {
        let messages = store.history(target.to_owned(), u64::MAX, 5000).await.unwrap();
        kept.extend(messages.into_iter().map(|(seq, _)| seq));
    }
    kept.sort_unstable();
    assert!((100..700).contains(&kept.len()), "{} are kept", kept.len());
    assert_eq!(kept, (2001 - kept.len() as u64..2001).collect::<Vec<_>>(), "the newest of all");
    // New lines go through.
    let bench = Bench::with_store(store).await;
    let bob = bench.person("bob").await;
    bench.ok(&bob, r##"{"command":"JOIN","to":"#a"}"##).await;
    bench.ok(&bob, r##"{"command":"PRIVMSG","to":"#a","body":["it goes on"]}"##).await;
    assert!(bench.lobby.history(Some(&bob), "#a", None, 50, HOME).await.unwrap().contains("it goes on"));
}

#[tokio::test]
async fn the_log_stays_within_the_budget_where_another_process_keeps_it_from_being_moved() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("lobby.db");
    let store = Disk::new().open(&path, SMALL);
    write(&store, 1..101, || {}).await;
    // A copy is being made, say.
    let reader = rusqlite::Connection::open(&path).unwrap();
    reader.execute_batch("BEGIN").unwrap();
    let count = || reader.query_row("SELECT count(*) FROM messages", [], |row| row.get::<_, u64>(0)).unwrap();
    assert_eq!(count(), 100);
    let line = |seq| Write::SaveMessage { seq, target: "c2".into(), envelope: "x".repeat(3000), pair: None };
    let mut stored = 0;
    for seq in 101..1101 {
        stored += u64::from(store.reserve().unwrap().write(vec![line(seq)], |_| {}).stored().await.is_ok());
        assert!(size(&path) <= SMALL, "{}", size(&path));
    }
    assert!((1..900).contains(&stored), "{stored} were stored");
    // There is room for the stamps of the race's gate, and that is bounded too.
    let mut stamps = 0;
    for number in 0..400 {
        let stamp = StampHash::of(&number.to_string());
        stamps += usize::from(store.spend(StampKind::Session, stamp, 1000).await == Ok(true));
        assert!(size(&path) <= SMALL, "{}", size(&path));
    }
    assert!((20..400).contains(&stamps), "{stamps} were spent");
    assert_eq!(count(), 100, "it reads on undisturbed");
    assert_eq!(store.history("c2".into(), u64::MAX, 1).await.map(|lines| lines.len()), Ok(1), "and so do we");
    reader.execute_batch("ROLLBACK").unwrap();
    assert_eq!(store.reserve().unwrap().write(vec![line(2000)], |_| {}).stored().await, Ok(()));
}

#[tokio::test]
async fn a_conversation_of_which_nothing_is_left_is_forgotten() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("lobby.db");
    let bench = Bench::with_store(Disk::new().open(&path, SMALL)).await;
    let (bob, eve) = (bench.person("bob").await, bench.person("eve").await);
    bench.ok(&bob, r#"{"command":"PRIVMSG","to":"eve","body":["hello"]}"#).await;
    assert_eq!(bench.store.conversations().await.unwrap().len(), 1);
    let newest = bench.lobby.lock().last_seq;
    write(&bench.store, newest + 1..newest + 1001, || {}).await;
    assert!(bench.store.conversations().await.unwrap().is_empty());
    // They may begin a new one.
    bench.lobby.lock().last_seq = newest + 1001;
    bench.ok(&eve, r#"{"command":"PRIVMSG","to":"bob","body":["hello again"]}"#).await;
    assert!(bench.lobby.history(Some(&bob), "eve", None, 50, HOME).await.unwrap().contains("hello again"));
}

#[tokio::test]
async fn a_larger_file_is_cut_and_compacted_when_its_budget_shrinks() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("lobby.db");
    let disk = Disk::new();
    let store = disk.open(&path, 10 * SMALL);
    write(&store, 1..2001, || {}).await;
    drop(store);
    let reopened = async || {
        let store = disk.open(&path, SMALL);
        let newest = store.history("c4".to_owned(), u64::MAX, 1).await.unwrap();
        assert_eq!(newest.last().map(|(seq, _)| *seq), Some(2000));
        let oldest = store.history("c3".to_owned(), 100, 1).await.unwrap();
        assert!(oldest.is_empty());
        assert!(size(&path) <= SMALL, "{}", size(&path));
    };
    reopened().await;
    reopened().await;
}

#[tokio::test]
async fn with_little_space_left_nothing_is_written_but_the_stamps_of_the_gate() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("lobby.db");
    let disk = Disk::new();
    let bench = Bench::with_store(disk.open(&path, SMALL)).await;
    let (bob, eve) = (bench.person("bob").await, bench.person("eve").await);
    for who in [&bob, &eve] {
        bench.ok(who, r##"{"command":"JOIN","to":"#a"}"##).await;
    }
    bench.ok(&bob, r##"{"command":"PRIVMSG","to":"#a","body":["before"]}"##).await;
    let refused = async |who: &Session, json: &str| {
        bench.clock.advance(Duration::from_secs(1));
        bench.lobby.command(who, envelope(json), HOME).await.err() == Some(LobbyError::Store(StoreError::Failed))
    };
    disk.set_free((256 << 20) - 1);
    let before = size(&path);
    for number in 0..50 {
        let message = format!(r##"{{"command":"PRIVMSG","to":"#a","body":["{number} {}"]}}"##, "x".repeat(3000));
        assert!(refused(&bob, &message).await, "{number}");
    }
    assert!(refused(&bob, r##"{"command":"TOPIC","to":"#a","body":["tea"]}"##).await);
    bench.lobby.make_good().await;
    assert_eq!(size(&path), before, "not a byte");
    // What is there can be read, and nobody has heard what was refused.
    assert!(bench.lobby.history(Some(&eve), "#a", None, 50, HOME).await.unwrap().contains("before"));
    assert!(!bench.heard(&eve).await.contains("xxx"));
    // The race's gate may need it.
    let stamp = StampHash::of("a stamp");
    assert_eq!(bench.store.spend(StampKind::Channel, stamp, 1000).await, Err(StoreError::Failed));
    assert_eq!(bench.store.spend(StampKind::Session, stamp, 1000).await, Ok(true));
    assert_eq!(bench.store.spend(StampKind::Session, stamp, 1000).await, Ok(false));
    // It goes on by itself, and what was decided meanwhile is made good.
    disk.set_free(256 << 20);
    bench.ok(&bob, r##"{"command":"PRIVMSG","to":"#a","body":["after"]}"##).await;
    bench.lobby.make_good().await;
    let loaded = bench.store.load().await.unwrap();
    let topics: Vec<_> = loaded.channels.iter().filter_map(|channel| channel.row.topic.clone()).collect();
    assert_eq!(topics.len(), 1);
    assert_eq!(topics[0].0, "tea");
}

#[tokio::test]
async fn a_start_with_little_space_left_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("lobby.db");
    let disk = Disk::new();
    let bench = Bench::with_store(disk.open(&path, SMALL)).await;
    let (bob, eve) = (bench.person("bob").await, bench.person("eve").await);
    bench.sessions.prove(&eve.id);
    bench.ok(&bob, r#"{"command":"PRIVMSG","to":"eve","body":["unread"]}"#).await;
    bench.lobby.stop().await;
    disk.set_free(0);
    for _ in 0..2 {
        let bench = Bench::with_store(disk.open(&path, SMALL)).await;
        assert!(bench.heard(&eve).await.contains("unread"));
    }
    disk.set_free(1 << 40);
    let bench = Bench::with_store(disk.open(&path, SMALL)).await;
    assert!(bench.heard(&eve).await.contains("unread"));
}

/// A budget in which some seven hundred stamps of each kind may be remembered.
const TINY: u64 = 1 << 20;

/// Spends new stamps until there is no room for more; how many those were.
async fn spend_all(store: &Store, kind: StampKind, now: u64, name: &str) -> usize {
    for number in 0..10_000 {
        match store.spend(kind, StampHash::of(&format!("{name}{number}")), now).await {
            Ok(is_new) => assert!(is_new, "{number}"),
            Err(error) => {
                assert_eq!(error, StoreError::Busy);
                return number;
            }
        }
    }
    panic!("there is no bound")
}

#[tokio::test]
async fn spent_stamps_are_bounded_and_none_that_could_come_again_is_forgotten() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("lobby.db");
    let disk = Disk::new();
    let store = disk.open(&path, TINY);
    let (now, life) = (2_000_000_000, puzzle::stamp::LONGEST_LIFE.as_secs());
    let most = spend_all(&store, StampKind::Channel, now, "a").await;
    assert!((500..1000).contains(&most), "{most}");
    assert!((store.fullness(StampKind::Channel) - 1.0).abs() < 0.01);
    // The gate has a room of its own.
    assert_eq!(store.spend(StampKind::Session, StampHash::of("a0"), now).await, Ok(true));
    // Neither a restart nor the clean-up makes one of them good again.
    drop(store);
    let store = disk.open(&path, TINY);
    store.clean(now + life, None, 50).await.unwrap();
    for number in 0..most {
        let again = store.spend(StampKind::Channel, StampHash::of(&format!("a{number}")), now + life).await;
        assert_eq!(again, Ok(false), "{number}");
    }
    assert_eq!(store.spend(StampKind::Channel, StampHash::of("one more"), now + life).await, Err(StoreError::Busy));
    // From here on the date of all of them is refused: they make room before their year
    // is over.
    let later = spend_all(&store, StampKind::Channel, now + life + 1, "b").await;
    assert!((500..1000).contains(&later), "{later}");
    assert!(size(&path) <= TINY, "{}", size(&path));
    // One that is given back makes room too.
    store.give_back(StampKind::Channel, StampHash::of("b7")).await;
    assert_eq!(store.spend(StampKind::Channel, StampHash::of("b7"), now + life + 1).await, Ok(true));
}

#[tokio::test]
async fn while_many_stamps_are_spent_a_network_has_a_share_of_the_rest() {
    let directory = tempfile::tempdir().unwrap();
    let bench = Bench::with_store(Disk::new().open(&directory.path().join("lobby.db"), TINY)).await;
    let bob = bench.person("bob").await;
    bench.ok(&bob, r##"{"command":"JOIN","to":"#a"}"##).await;
    bench.ok(&bob, r##"{"command":"MODE","to":"#a","params":["+H","1"]}"##).await;
    let say = async |number: usize, address: IpAddr| {
        bench.clock.advance(Duration::from_secs(1));
        let (now, text) = (Timestamp(bench.lobby.moment().seconds()), number.to_string());
        let mut minter =
            Minter::new(&channel::prefix(Bits::new(1).unwrap(), "#a", std::slice::from_ref(&text), now), 1);
        let stamp = std::iter::repeat_with(|| minter.advance(64)).flatten().next().unwrap();
        let message =
            format!(r##"{{"command":"PRIVMSG","to":"#a","body":["{text}"],"meta":{{"hashcash":"{stamp}"}}}}"##);
        let answer = bench.lobby.command(&bob, envelope(&message), address).await?;
        assert_eq!(answer.refused, None);
        Ok::<(), LobbyError>(())
    };
    for number in 0..20 {
        assert!(say(number, HOME).await.is_ok(), "while there is room, nobody counts: {number}");
    }
    for number in 0..400 {
        bench.store.spend(StampKind::Channel, StampHash::of(&number.to_string()), 1).await.unwrap();
    }
    let refused = say(20, HOME).await.unwrap_err();
    assert!(matches!(refused, LobbyError::TooFast { .. }), "{refused}");
    let elsewhere = [203, 0, 113, 7].into();
    for number in 21..31 {
        assert!(say(number, elsewhere).await.is_ok(), "{number}");
    }
    assert!(say(31, elsewhere).await.is_err());
    bench.clock.advance(Duration::from_secs(3600));
    assert!(say(32, HOME).await.is_ok());
}
