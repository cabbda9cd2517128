use super::*;

#[tokio::test]
async fn of_many_at_once_one_spends_a_stamp_and_it_stays_spent() {
    let directory = tempfile::tempdir().unwrap();
    let database = Database::File(directory.path().join("deep/lobby.db"));
    let stamp = StampHash::of("1:8:261121:hashpass::abc");
    {
        let store = Store::open(&database).unwrap();
        let attempts = (0..50).map(|_| store.spend(StampKind::Session, stamp, 1000));
        let spent = futures::future::join_all(attempts).await;
        assert_eq!(spent.iter().filter(|spent| **spent == Ok(true)).count(), 1);
        assert!(spent.iter().all(Result::is_ok));
        // The two kinds are kept apart.
        assert_eq!(store.spend(StampKind::Channel, stamp, 1000).await, Ok(true));
    }
    let store = Store::open(&database).unwrap();
    assert_eq!(store.spend(StampKind::Session, stamp, 1000).await, Ok(false));
    store.give_back(StampKind::Session, stamp).await;
    assert_eq!(store.spend(StampKind::Session, stamp, 1000).await, Ok(true));
}

#[tokio::test]
async fn a_copy_of_a_spent_stamp_is_refused_without_the_database_until_it_is_given_back() {
    let store = Store::open(&Database::Memory).unwrap();
    let (spent, other) = (StampHash::of("spent"), StampHash::of("other"));
    assert_eq!(store.spend(StampKind::Session, spent, 1000).await, Ok(true));
    // The store is busy until it is let go on.
    let (go_on, held) = std::sync::mpsc::channel::<()>();
    let mut busy = Box::pin(store.call(move |_| Ok(held.recv().ok())));
    assert!(futures::poll!(busy.as_mut()).is_pending());
    for _ in 0..1000 {
        assert_eq!(store.spend(StampKind::Session, spent, 1000).await, Ok(false));
    }
    let mut unknown = Box::pin(store.spend(StampKind::Session, other, 1000));
    assert!(futures::poll!(unknown.as_mut()).is_pending(), "what is not known goes to the database");
    let mut given_back = Box::pin(store.give_back(StampKind::Session, spent));
    assert!(futures::poll!(given_back.as_mut()).is_pending());
    go_on.send(()).unwrap();
    assert_eq!(unknown.await, Ok(true));
    given_back.await;
    assert_eq!(store.spend(StampKind::Session, spent, 1000).await, Ok(true));
}

#[tokio::test]
async fn stamps_are_forgotten_only_when_they_cannot_come_again() {
    let store = Store::open(&Database::Memory).unwrap();
    let stamp = StampHash::of("x");
    let (start, day) = (2_000_000_000, 86_400);
    for kind in [StampKind::Session, StampKind::Channel] {
        assert_eq!(store.spend(kind, stamp, start).await, Ok(true));
    }
    let spent = async |kind| store.spend(kind, stamp, start).await == Ok(false);
    store.clean(start + 3 * day, None, 50).await.unwrap();
    assert!(spent(StampKind::Session).await && spent(StampKind::Channel).await);
    store.clean(start + 4 * day, None, 50).await.unwrap();
    assert!(!spent(StampKind::Session).await && spent(StampKind::Channel).await);
    store.clean(start + 365 * day, None, 50).await.unwrap();
    assert!(spent(StampKind::Channel).await);
    store.clean(start + 367 * day, None, 50).await.unwrap();
    assert!(!spent(StampKind::Channel).await);
}

#[tokio::test]
async fn histories_are_paged_and_shortened_in_small_steps() {
    let store = Store::open(&Database::Memory).unwrap();
    for seq in 1..=1200_u64 {
        let write = Write::SaveMessage { seq, target: "c7".into(), envelope: format!("{seq}"), pair: None };
        store.reserve().unwrap().write(vec![write], |_| {}).without_waiting();
    }
    let page = store.history("c7".into(), u64::MAX, 3).await.unwrap();
    assert_eq!(page.iter().map(|(seq, _)| *seq).collect::<Vec<_>>(), [1198, 1199, 1200]);
    let page = store.history("c7".into(), 3, 50).await.unwrap();
    assert_eq!(page, [(1, "1".to_owned()), (2, "2".to_owned())]);
    assert!(store.history("c8".into(), u64::MAX, 3).await.unwrap().is_empty());

    assert_eq!(store.clean(0, Some("c7".into()), 100).await, Ok(true), "500 at a time");
    assert_eq!(store.clean(0, Some("c7".into()), 100).await, Ok(true));
    assert_eq!(store.clean(0, Some("c7".into()), 100).await, Ok(false));
    let page = store.history("c7".into(), u64::MAX, 5000).await.unwrap();
    assert_eq!((page.len(), page[0].0), (100, 1101));

    // With its channel the rest goes.
    store.reserve().unwrap().write(vec![Write::DeleteChannel(7)], |_| {}).without_waiting();
    while store.clean(0, None, 100).await.unwrap() {}
    assert!(store.history("c7".into(), u64::MAX, 5).await.unwrap().is_empty());
}

#[test]
fn the_schema_has_the_documented_tables_and_a_newer_one_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("lobby.db");
    drop(Store::open(&Database::File(path.clone())).unwrap());
    let connection = Connection::open(&path).unwrap();
    for table in ["sessions", "clients", "channels", "members", "messages", "queues", "spent_hashcash"] {
        assert!(has_table(&connection, table), "{table}");
    }
    let default: u8 = {
        connection.execute("INSERT INTO channels (id, name, modes, created_at) VALUES (9, '#a', 'n', 0)", []).unwrap();
        connection.query_row("SELECT hashcash_bits FROM channels WHERE id = 9", [], |row| row.get(0)).unwrap()
    };
    assert_eq!(default, 0);
    connection.pragma_update(None, "user_version", 99).unwrap();
    let error = Store::open(&Database::File(path)).unwrap_err();
    assert!(matches!(error, OpenStoreError::NewerVersion { found: 99, .. }), "{error}");
}
