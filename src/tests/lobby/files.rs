//! What is kept is kept from others, whatever the umask.

#![cfg(unix)]

use crate::support::{lobby::cookie_of, process::ServerProcess};
use serde_json::json;
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

/// A directory and everything in it, each with its rights.
fn rights(directory: &Path) -> Vec<(PathBuf, u32)> {
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    let mut found = vec![(directory.to_owned(), mode(directory))];
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(rights(&path));
        } else {
            let mode = mode(&path);
            found.push((path, mode));
        }
    }
    found
}

#[tokio::test]
async fn nobody_else_reads_what_is_kept_whatever_the_umask() {
    for umask in ["000", "022", "131", "777"] {
        let directory = tempfile::tempdir().unwrap();
        let server = ServerProcess::start_under_umask(directory.path(), &[("NEOIRC_HASHCASH_BITS", "0")], umask);
        // Everything that there can be: a win, its record, and words in the lobby.
        let racer = server.client().try_with_session().await.unwrap();
        let solution = racer.solve(&racer.puzzle().await).await;
        assert_eq!(racer.verify(&solution).await.status(), 200, "{umask}");
        let response = server.client().ask_for_lobby_session(&json!({"nick": "bob"}), "").await;
        let bob = server.client().as_person(cookie_of(&response), "bob");
        bob.join("#a").await;
        bob.ok(json!({"command": "PRIVMSG", "to": "#a", "body": ["hello"]})).await;
        let data = directory.path().join("data");
        while !data.join("verify.json").exists() {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        let check = || {
            let found = rights(&data);
            for name in ["hashpass.db", "lobby.db", "verify.json"] {
                assert!(found.iter().any(|(path, _)| path.ends_with(name)), "{umask}: there is no {name}");
            }
            for (path, mode) in found {
                let expected = if path.is_dir() { 0o700 } else { 0o600 };
                assert_eq!(mode, expected, "{umask}: {} has {mode:o}", path.display());
            }
        };
        check();
        assert!(server.terminate().0.success());
        check();
    }
}
