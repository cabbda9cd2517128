//! A file of the first version is opened, and everything in it is as it was.

use super::*;
use crate::identity::session::{ClientKey, SessionId};
use rusqlite::{Connection, params};
use std::path::Path;

/// As the first version made it.
const SCHEMA_1: &str = include_str!("../store/schema_1.sql");

/// The number of an event, in microseconds: some minutes before the bench's clock.
const FIRST: u64 = 1_799_999_500_000_000;

fn somebody(nick: &str, number: u8) -> Session {
    Session {
        id: SessionId(format!("{number:032x}")),
        nick: nick.parse().unwrap(),
        passed: Passed { human: true, stamped: false },
        client: ClientKey([number; 32]),
    }
}

fn line(command: &str, from: &str, to: &str, text: &str) -> String {
    format!(
        r#"{{"id":"7d0c1f5e-0000-4000-8000-000000000000","command":"{command}","from":"{from}","to":"{to}","params":[],"body":["{text}"],"ts":"2027-01-15T08:00:00.000Z","meta":{{}}}}"#
    )
}

/// What a server of the first version left when it stopped.
fn write_version_1(path: &Path, [bob, eve]: [&Session; 2], password: &str) {
    let connection = Connection::open(path).unwrap();
    connection.pragma_update(None, "journal_mode", "WAL").unwrap();
    connection.execute_batch(SCHEMA_1).unwrap();
    connection.pragma_update(None, "user_version", 1).unwrap();
    let run = |sql: &str, values: &[&dyn rusqlite::ToSql]| assert_eq!(connection.execute(sql, values).unwrap(), 1);
    for (who, password) in [(bob, Some(password)), (eve, None)] {
        let nick = who.nick.as_str();
        run("INSERT INTO sessions VALUES (?1, ?2, ?3, 1, 0, 1799990000)", params![who.id.0, nick, password]);
        run("INSERT INTO clients VALUES (?1, ?2, 1799999900)", params![who.client.0, who.id.0]);
    }
    run("INSERT INTO channels VALUES (1, '#lobby', NULL, NULL, NULL, 'nt', 0, 1799990000)", &[]);
    run("INSERT INTO channels VALUES (5, '#Tea', 'green', 'bob', 1799990100, 'mns', 9, 1799990000)", &[]);
    run("INSERT INTO members VALUES (5, ?1, 1, 0)", params![bob.id.0]);
    run("INSERT INTO members VALUES (5, ?1, 0, 1)", params![eve.id.0]);
    let talk = format!("d{}:{}", bob.id, eve.id);
    run("INSERT INTO conversations VALUES (?1, ?2, ?3)", params![talk, bob.id.0, eve.id.0]);
    for (number, target, envelope) in [
        (0, "c5", line("PRIVMSG", "bob", "#Tea", "first")),
        (1, "c9", line("PRIVMSG", "bob", "#gone", "of a channel that is gone")),
        (2, &*talk, line("PRIVMSG", "bob", "eve", "in private")),
        (3, "c1", line("NOTICE", "hashpass", "#lobby", "a miner won")),
        (4, "c5", line("PRIVMSG", "eve", "#Tea", "second")),
    ] {
        run("INSERT INTO messages VALUES (?1, ?2, ?3)", params![FIRST + number, target, envelope]);
    }
    run("INSERT INTO garbage VALUES ('c9')", &[]);
    for (number, envelope) in [
        (2, line("PRIVMSG", "bob", "eve", "in private")),
        (4, line("PRIVMSG", "eve", "#Tea", "second")),
        (5, line("TOPIC", "bob", "#Tea", "green")),
    ] {
        run("INSERT INTO queues VALUES (?1, ?2, ?3)", params![eve.client.0, FIRST + number, envelope]);
    }
    let stamp = StampHash::of("spent");
    for table in ["spent_hashcash", "spent_session_stamps"] {
        run(&format!("INSERT INTO {table} VALUES (?1, 1799990000)"), params![stamp.as_bytes()]);
    }
}

#[tokio::test]
async fn a_file_of_the_first_version_is_opened_and_read_as_before() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("lobby.db");
    let (bob, eve) = (somebody("bob", 1), somebody("Eve", 2));
    let password = Bench::new().await.lobby.shared.passwords.hash("correct horse".to_owned()).await.unwrap();
    write_version_1(&path, [&bob, &eve], &password);

    let database = Database::File(path);
    let bench = Bench::with_store(Store::open(&database).unwrap()).await;
    let state = bench.lobby.state(&bob, HOME).await.unwrap();
    assert_eq!((&*state.nick, state.has_password, state.channels.len()), ("bob", true, 1));
    let tea = &state.channels[0];
    assert_eq!((&*tea.name, &*tea.modes, &*tea.topic, tea.prefix), ("#Tea", "+mnsH 9", "green", Some("@")));
    assert_eq!(bench.lobby.state(&eve, HOME).await.unwrap().channels[0].prefix, Some("+"));
    bench.lobby.login("BOB", "correct horse".to_owned(), HOME).await.unwrap();
    // The queue as it was, and nothing twice.
    let unread = bench.lobby.poll(&eve, 0, Duration::ZERO, HOME).await.unwrap();
    assert_eq!(unread.events.iter().map(|event| event.seq - FIRST).collect::<Vec<_>>(), [2, 4, 5]);
    assert!(unread.events[2].json().contains("TOPIC"));
    // The histories.
    for (target, lines) in [("#tea", &["first", "second"][..]), ("eve", &["in private"]), ("#lobby", &["a miner won"])]
    {
        let history = bench.lobby.history(Some(&bob), target, None, 50, HOME).await.unwrap();
        assert_eq!(history.matches("\"command\"").count(), lines.len(), "{history}");
        assert!(lines.iter().all(|line| history.contains(line)), "{history}");
    }
    assert_eq!(bench.lobby.recent().len(), 1);
    for kind in [StampKind::Session, StampKind::Channel] {
        assert_eq!(bench.store.spend(kind, StampHash::of("spent"), 1_800_000_000).await, Ok(false));
    }
    // The number of a channel that was deleted does not come back either.
    bench.ok(&eve, r##"{"command":"JOIN","to":"#gone"}"##).await;
    assert_eq!(bench.lobby.lock().last_channel, 10);
    let history = bench.lobby.history(Some(&eve), "#gone", None, 50, HOME).await.unwrap();
    assert_eq!(history, r#"{"messages":[],"before":null}"#);
    bench.lobby.stop().await;
    drop(bench);
    // And it is the same once more, from the version of today.
    let bench = Bench::with_store(Store::open(&database).unwrap()).await;
    let unread = bench.lobby.poll(&eve, 0, Duration::ZERO, HOME).await.unwrap();
    assert_eq!(unread.events.iter().take(3).map(|event| event.seq - FIRST).collect::<Vec<_>>(), [2, 4, 5]);
    assert_eq!(bench.lobby.state(&eve, HOME).await.unwrap().channels.len(), 2);
}
