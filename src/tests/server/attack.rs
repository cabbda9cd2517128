//! The attacks of `./x bench attack` in short, on a server whose hashes are cheap:
//! honest clients get their codes, and what the server holds does not grow.

#![cfg(target_os = "linux")]

use hashpass_bench::{
    attack::{
        Seen,
        attackers::{Attack, Force, Stranger, kinds::KINDS},
        honest::Honest,
        play,
    },
    server::{CHEAP_HASHES, CHEAP_STAMPS, EASY_ROUNDS, ServerProcess, TRUSTED_PROXY, raise_open_files},
};
use std::{path::Path, time::Duration};

/// What is freed is given back, so that what is held is what is needed.
const GIVE_MEMORY_BACK: &[(&str, &str)] =
    &[("MALLOC_ARENA_MAX", "1"), ("MALLOC_MMAP_THRESHOLD_", "65536"), ("MALLOC_TRIM_THRESHOLD_", "65536")];

/// Small enough for any machine, and for the limits of open files of most.
const FORCE: Force =
    Force { sessions: 100, pace: 300, connections: 64, held: 150, sockets: 50, warm_up: Duration::from_millis(300) };

/// Codes won during each attack.
const CODES: usize = 4;

/// How much more the server may hold after the attacks' last time than after their
/// first, in bytes: holes between what is in use vary by so much.
const SLACK: u64 = 16 << 20;

/// Waits until the server has closed all files that it opened for the attackers.
async fn all_are_gone(server: &ServerProcess, open_before: usize) {
    while open_before < server.open_files().unwrap() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn attacks_leave_nothing_behind_and_keep_no_honest_client_from_its_code() {
    raise_open_files().unwrap();
    let settings = [EASY_ROUNDS, CHEAP_HASHES, CHEAP_STAMPS, TRUSTED_PROXY, GIVE_MEMORY_BACK].concat();
    let server = ServerProcess::start(Path::new(env!("CARGO_BIN_EXE_hashpass")), &settings).unwrap();
    let stranger = Stranger::new(server.address(), FORCE).await.unwrap();
    let mut honest = vec![Honest::new(server.address(), 0).await.unwrap()];
    play(&server, &stranger, &mut honest, None, CODES, &mut Seen::default()).await.unwrap();
    let open = server.open_files().unwrap();

    let mut held = Vec::new();
    for _ in 0..3 {
        for attack in Attack::each_of(KINDS) {
            let mut seen = Seen::default();
            play(&server, &stranger, &mut honest, Some(attack), CODES, &mut seen).await.unwrap();
            assert_eq!((seen.latencies.count(), seen.unanswered), (CODES, 0), "{attack:?}");
            assert_ne!(seen.counts.absorbed, 0, "{attack:?} was no attack");
            all_are_gone(&server, open).await;
        }
        held.push(server.memory().unwrap().resident);
    }
    assert!(held[2] <= held[0] + SLACK, "bytes held after each time: {held:?}");
}
