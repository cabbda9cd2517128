//! Acknowledged means stored: what the database cannot take is refused to its sender
//! and reaches nobody, and what was acknowledged is there after a crash.

use super::*;
use crate::lobby::store::StoreError;

impl Bench {
    /// Lets the database grow no more, or grow again.
    async fn fill_the_disk(&self, full: bool) {
        let limit = move |connection: &rusqlite::Connection| {
            let pages: u32 = connection.query_row("PRAGMA page_count", [], |row| row.get(0))?;
            let most = if full { pages } else { 1_000_000 };
            connection.query_row(&format!("PRAGMA max_page_count = {most}"), [], |_| Ok(()))
        };
        self.store.call(limit).await.unwrap();
    }

    async fn try_to_say(&self, who: &Session, text: &str) -> Result<Answer, LobbyError> {
        self.clock.advance(Duration::from_secs(1));
        let message = format!(r##"{{"command":"PRIVMSG","to":"#a","body":["{text}"]}}"##);
        self.lobby.command(who, envelope(&message), HOME).await
    }
}

#[tokio::test]
async fn a_message_that_cannot_be_stored_is_refused_and_reaches_nobody() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(&Database::File(directory.path().join("lobby.db"))).unwrap();
    let bench = Bench::with_store(store).await;
    let (bob, eve) = (bench.person("bob").await, bench.person("eve").await);
    for who in [&bob, &eve] {
        bench.ok(who, r##"{"command":"JOIN","to":"#a"}"##).await;
    }
    bench.fill_the_disk(true).await;
    let long = "x".repeat(3000);
    let mut acknowledged = 0;
    for number in 0..40 {
        match bench.try_to_say(&bob, &format!("{number} {long}")).await {
            Ok(answer) => acknowledged += usize::from(answer.refused.is_none()),
            Err(error) => assert_eq!(error, LobbyError::Store(StoreError::Failed)),
        }
    }
    assert!(acknowledged < 5, "{acknowledged} of 40 were acknowledged although the disk is full");
    let heard = bench.heard(&eve).await.matches(&long).count();
    let kept = bench.lobby.history(Some(&eve), "#a", None, 200, HOME).await.unwrap().matches(&long).count();
    assert_eq!((heard, kept), (acknowledged, acknowledged));
    // Other changes are made good once there is room again.
    bench.clock.advance(Duration::from_secs(60));
    let left = bench.lobby.command(&eve, envelope(r##"{"command":"PART","to":"#a"}"##), HOME).await;
    let topic = envelope(&format!(r##"{{"command":"TOPIC","to":"#a","body":["{}"]}}"##, &long[..500]));
    let set = bench.lobby.command(&bob, topic, HOME).await;
    bench.fill_the_disk(false).await;
    bench.lobby.make_good().await;
    drop((left, set));
    bench.ok(&bob, r##"{"command":"PRIVMSG","to":"#a","body":["it goes on"]}"##).await;
    let in_memory: Vec<_> = bench.lobby.lock().channels.values().map(state::Channel::row).collect();
    let loaded = bench.store.load().await.unwrap();
    let mut stored: Vec<_> = loaded.channels.iter().map(|channel| channel.row.clone()).collect();
    stored.sort_by_key(|row| in_memory.iter().position(|other| other == row));
    assert_eq!(stored, in_memory);
    let members = loaded.channels.iter().find(|channel| channel.row.name == "#a").unwrap().members.len();
    assert_eq!(members, bench.lobby.lock().channels.values().find(|channel| channel.id != 1).unwrap().members.len());
}

#[tokio::test]
async fn what_was_acknowledged_is_in_the_queue_of_its_receiver_after_a_crash() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("lobby.db");
    let bench = Bench::with_store(Store::open(&Database::File(path.clone())).unwrap()).await;
    let (bob, eve) = (bench.person("bob").await, bench.person("eve").await);
    for who in [&bob, &eve] {
        bench.sessions.prove(&who.id);
    }
    bench.ok(&bob, r##"{"command":"JOIN","to":"#a"}"##).await;
    bench.ok(&bob, r##"{"command":"PRIVMSG","to":"#a","body":["before eve"]}"##).await;
    bench.ok(&eve, r##"{"command":"JOIN","to":"#a"}"##).await;
    bench.ok(&bob, r##"{"command":"PRIVMSG","to":"#a","body":["one"]}"##).await;
    let read = bench.lobby.state(&eve, HOME).await.unwrap().last_id;
    bench.ok(&bob, r##"{"command":"PRIVMSG","to":"#a","body":["two"]}"##).await;
    bench.ok(&bob, r##"{"command":"NOTICE","to":"eve","body":["three"]}"##).await;
    let after = crashed(directory.path());
    let bench = Bench::with_store(Store::open(&Database::File(after.path().join("lobby.db"))).unwrap()).await;
    let heard = bench.heard(&eve).await;
    assert!(!heard.contains("before eve"), "{heard}");
    let places: Vec<_> = ["one", "two", "three"].iter().map(|text| heard.find(&format!("[\"{text}\"]"))).collect();
    assert!(places.is_sorted() && places.iter().all(Option::is_some), "{heard}");
    let unread = bench.lobby.poll(&eve, read, Duration::ZERO, HOME).await.unwrap();
    assert_eq!(unread.events.len(), 2, "{}", unread.to_json());
    let _ = bob;
}

#[tokio::test]
async fn what_three_thousand_members_have_not_read_is_written_once() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("lobby.db");
    let bench = Bench::with_store(Store::open(&Database::File(path.clone())).unwrap()).await;
    let people: Vec<Session> = join_all((0..3000).map(async |n| bench.person(&format!("person{n}")).await)).await;
    for person in &people {
        let mailbox = bench.lobby.enter(person, HOME).await.unwrap();
        // Without the list of the members, which is read and not kept.
        let _ = bench.lobby.decide(person, &mailbox, |caller| caller.run(Immediate::Join, &["#a"]).is_ok()).unwrap();
        if bench.store.room() < 100 {
            bench.store.settled().await.unwrap();
        }
    }
    bench.store.settled().await.unwrap();
    let written =
        || std::fs::metadata(&path).unwrap().len() + std::fs::metadata(path.with_extension("db-wal")).unwrap().len();
    let before = written();
    let queued: usize = bench
        .lobby
        .lock()
        .users
        .values()
        .flat_map(|user| user.clients.values())
        .map(|mailbox| mailbox.all().len())
        .sum();
    bench.lobby.stop().await;
    let bytes = written() - before;
    assert!(bytes < 100_000_000, "{bytes} bytes for {queued} lines in the queues");
}

#[tokio::test]
async fn an_id_never_comes_back() {
    let directory = tempfile::tempdir().unwrap();
    let database = Database::File(directory.path().join("lobby.db"));
    let id = {
        let bench = Bench::with_store(Store::open(&database).unwrap()).await;
        let bob = bench.person("bob").await;
        bench.ok(&bob, r##"{"command":"JOIN","to":"#secret"}"##).await;
        bench.ok(&bob, r##"{"command":"PRIVMSG","to":"#secret","body":["plans"]}"##).await;
        let id = bench.lobby.lock().last_channel;
        bench.ok(&bob, r##"{"command":"PART","to":"#secret"}"##).await;
        bench.lobby.stop().await;
        id
    };
    let bench = Bench::with_store(Store::open(&database).unwrap()).await;
    let eve = bench.person("eve").await;
    bench.ok(&eve, r##"{"command":"JOIN","to":"#secret"}"##).await;
    assert!(id < bench.lobby.lock().last_channel);
    let history = bench.lobby.history(Some(&eve), "#secret", None, 50, HOME).await.unwrap();
    assert_eq!(history, r#"{"messages":[],"before":null}"#);
}

/// Copies the files as they are at this moment, which is what a crash leaves.
fn crashed(directory: &std::path::Path) -> tempfile::TempDir {
    let after = tempfile::tempdir().unwrap();
    for file in ["lobby.db", "lobby.db-wal"] {
        std::fs::copy(directory.join(file), after.path().join(file)).unwrap();
    }
    after
}

#[tokio::test]
async fn a_secret_channel_that_was_emptied_shows_nothing_to_the_next_after_a_crash() {
    let directory = tempfile::tempdir().unwrap();
    let bench = Bench::with_store(Store::open(&Database::File(directory.path().join("lobby.db"))).unwrap()).await;
    let (bob, eve) = (bench.person("bob").await, bench.person("eve").await);
    bench.ok(&bob, r##"{"command":"JOIN","to":"#plans"}"##).await;
    bench.ok(&bob, r##"{"command":"MODE","to":"#plans","params":["+s"]}"##).await;
    bench.ok(&bob, r##"{"command":"PRIVMSG","to":"#plans","body":["at midnight"]}"##).await;
    bench.ok(&bob, r##"{"command":"QUIT"}"##).await;
    // The clean-up has not been there yet: the old lines are in the file.
    let after = crashed(directory.path());
    let bench = Bench::with_store(Store::open(&Database::File(after.path().join("lobby.db"))).unwrap()).await;
    for name in ["#first", "#plans"] {
        bench.ok(&eve, &format!(r##"{{"command":"JOIN","to":"{name}"}}"##)).await;
        let history = bench.lobby.history(Some(&eve), name, None, 50, HOME).await.unwrap();
        assert_eq!(history, r#"{"messages":[],"before":null}"#, "{name}");
    }
    assert!(!bench.heard(&eve).await.contains("midnight"));
}

#[cfg(unix)]
#[test]
fn nobody_else_reads_the_files() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let deep = directory.path().join("deep");
    let path = deep.join("lobby.db");
    std::fs::create_dir(&deep).unwrap();
    // As an older version has left it.
    std::fs::write(&path, "").unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).unwrap();
    let new = directory.path().join("new/lobby.db");
    for path in [&path, &new] {
        let _store = Store::open(&Database::File(path.clone())).unwrap();
        for ending in ["db", "db-wal", "db-shm"] {
            let file = path.with_extension(ending);
            assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600, "{}", file.display());
        }
    }
    let mode = std::fs::metadata(new.parent().unwrap()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[tokio::test]
async fn the_owner_gets_in_while_ninety_networks_guess() {
    let bench = Bench::new().await;
    let bob = bench.person("bob").await;
    bench.ok(&bob, r#"{"command":"PASS","body":["correct horse"]}"#).await;
    for network in 0..30_u8 {
        let stranger = [198, 51, network, 1].into();
        let refused = bench.lobby.login("bob", "wrong horse".into(), stranger).await.unwrap_err();
        let is_slowed = matches!(refused, LobbyError::TooFast { .. });
        assert!(is_slowed || refused == LobbyError::WrongPassword, "{refused}");
        assert_eq!(is_slowed, 5 <= network, "{network}: {refused}");
    }
    // Not even the right one is tried for a stranger …
    let stranger = bench.lobby.login("bob", "correct horse".into(), [198, 51, 100, 1].into()).await;
    assert!(matches!(stranger, Err(LobbyError::TooFast { .. })));
    // … and it is for where bob has been before, by 24 bits.
    bench.lobby.login("bob", "correct horse".into(), [192, 0, 2, 77].into()).await.unwrap();
    // A nick that nobody has is told apart by nothing.
    for network in 0..7_u8 {
        let refused = bench.lobby.login("nobody", "x".into(), [203, 0, network, 1].into()).await.unwrap_err();
        assert_eq!(matches!(refused, LobbyError::TooFast { .. }), 5 <= network, "{network}: {refused}");
    }
}
