//! A server that ends at every fault point while codes are won, and is killed again as
//! soon as it has found everything.

use super::{
    process::ServerProcess,
    proof::{AllGiven, Receiver, Remembered, are_found_by_their_winners, are_recorded_once},
};
use crate::ledger::fault::POINTS;
use std::{collections::BTreeSet, os::unix::process::ExitStatusExt, path::Path, time::Duration};
use tokio::task::JoinSet;

/// Clients that win at the same time.
const WINNERS: usize = 3;

/// After so many codes they let a server come to its fault point by itself.
const ENOUGH: usize = 12;

/// Within how much time a server comes to any fault point: deliveries begin after up to
/// five seconds, and so does the audit log's look at its file.
const PATIENCE: Duration = Duration::from_secs(30);

/// The signal of a process that ends itself.
const ABORTED: i32 = 6;

/// At which of the first so many passes of a point the process ends: as many as there
/// are for certain.
fn most_passes(point: &str) -> usize {
    match point {
        "ledger.after_checkpoint" => 1,
        _ if point.starts_with("ledger.") => 10,
        _ => 3,
    }
}

/// A drop whose server is ended again and again.
struct Trial<'a> {
    directory: &'a Path,
    webhook: String,
    given: AllGiven,
    /// How many of the codes were asked for after a restart.
    found: usize,
    remembered: Remembered,
}

impl Trial<'_> {
    fn start(&self, fault: Option<&str>) -> ServerProcess {
        ServerProcess::start(self.directory, &self.webhook, fault)
    }

    /// Clients that win until so many codes are given or the server has ended.
    fn winners(&self, server: &ServerProcess, count: usize) -> JoinSet<()> {
        (0..WINNERS).map(|_| self.given.clone().win_until(server.address(), count)).collect()
    }

    /// Has a server end itself at `fault` while codes are won.
    async fn end_at(&self, fault: &str) {
        let server = self.start(Some(fault));
        let winners = self.winners(&server, self.given.count() + ENOUGH);
        let status = server.end_by_itself(PATIENCE).await.expect("it comes to its fault point");
        assert_eq!(status.signal(), Some(ABORTED), "{status}");
        winners.join_all().await;
    }

    /// Starts a server that must have everything, and kills it while `more` codes are won.
    async fn find_everything(&mut self, more: usize) {
        let server = self.start(None);
        let before = self.found;
        let new = self.given.after(before);
        are_found_by_their_winners(server.address(), &new).await;
        self.found += new.len();
        are_recorded_once(self.directory, &new.into_iter().map(|given| given.code).collect()).await;
        let wanted = self.given.count() + more;
        let winners = self.winners(&server, wanted);
        while self.given.count() < wanted {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        server.kill();
        winners.join_all().await;
        self.remembered.read_on(self.directory, &self.given.after(before)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_code_that_was_given_out_is_lost_at_any_fault_point() {
    let crashes = std::env::var("HASHPASS_TEST_CRASHES").map_or(POINTS.len(), |number| number.parse().unwrap());
    let directory = tempfile::tempdir().unwrap();
    let (receiver, webhook) = Receiver::start().await;
    let (given, remembered) = (AllGiven::default(), Remembered::new());
    let mut trial = Trial { directory: directory.path(), webhook, given, found: 0, remembered };
    for crash in 0..crashes {
        let (point, turn) = (POINTS[crash % POINTS.len()], crash / POINTS.len());
        let fault = format!("{point}:{}", 1 + turn % most_passes(point));
        // Shown if the test fails.
        eprintln!("{crash}: {fault}, {} codes given", trial.given.count());
        trial.end_at(&fault).await;
        trial.find_everything(crash % 5).await;
    }

    let server = trial.start(None);
    let codes = trial.remembered.codes();
    let recorded = are_recorded_once(directory.path(), &codes.values().cloned().collect::<BTreeSet<_>>()).await;
    assert_eq!(recorded, codes, "what was won and nothing else");
    receiver.was_told_of(&trial.remembered.webhook_ids).await;
    are_found_by_their_winners(server.address(), &trial.given.after(0)).await;
    assert!(crashes < trial.given.count());
}
