//! The examples of the manual, run as they are printed.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may end where it finds a surprise")]

mod support;

use serde_json::Value;
use std::{fs, path::Path};
use support::Lobby;
use tokio::process::Command;

/// The lines of the shell examples for the lobby.
fn examples() -> Vec<String> {
    let manual = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../app/docs/lobby.md")).unwrap();
    let section = manual.split_once("\n## From a shell\n").expect("a section for a shell").1;
    let block = section.split_once("```sh\n").expect("a block of examples").1.split_once("```").unwrap().0;
    block.lines().map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_examples_of_the_manual_run_as_they_are_printed() {
    let lobby = Lobby::start().await;
    let directory = tempfile::tempdir().unwrap();
    let programs = Path::new(env!("CARGO_BIN_EXE_neoirc-cli")).parent().unwrap();
    let path = std::env::join_paths(
        [programs.to_owned()].into_iter().chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
    );
    let path = path.unwrap();
    let examples = examples();
    assert!(10 < examples.len(), "{examples:?}");
    for example in examples {
        let mut shell = Command::new("bash");
        shell.args(["-euo", "pipefail", "-c", &example]).current_dir(directory.path());
        let output = shell.env("S", lobby.url()).env("PATH", &path).output().await.unwrap();
        let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        assert!(output.status.success(), "{example}\n{out}\n{err}");
        let answer: Value = serde_json::from_str(&out).unwrap_or_else(|error| panic!("{example}\n{out}\n{error}"));
        assert_ne!(answer["status"], "error", "{example}\n{out}");
        if example.contains("messages?after=0") || example.contains("history") {
            assert!(out.contains("hello"), "{example}\n{out}");
        }
    }
}
