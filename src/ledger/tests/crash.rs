//! A process that commits without end and is killed, or ends itself at a fault point:
//! everything that it was told is durable is there, nothing is there in part.

use super::{
    QUICK, child,
    samples::{opening, token, win},
};
use crate::{
    clock::SystemClock,
    ledger::{
        Change, DataDirectory, DeliveryId, Head, Ledger, Seq, SqliteLedger, Transaction, rows::RoundState, verify_chain,
    },
};
use puzzle::RoundNumber;
use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
};

/// How often a process is killed.
const KILLS: usize = 25;

/// When the tokens of the tests expire: never.
const NEVER: u64 = u64::MAX;

/// What a child was told is durable.
#[derive(Debug, Default)]
struct Acknowledged {
    /// Rounds with the chains after their wins.
    wins: Vec<(u64, String)>,
    /// The numbers of spent tokens.
    tokens: BTreeSet<u64>,
}

fn open(directory: &Path) -> SqliteLedger {
    let directory = DataDirectory::open(directory).unwrap();
    SqliteLedger::open(&directory, Arc::new(SystemClock::default()), QUICK).unwrap()
}

/// The child: wins round after round, with tokens that are spent at the same time, and
/// says what it was told.
#[tokio::test]
async fn child_that_commits_without_end() {
    let Some(directory) = child::directory() else { return };
    let ledger = open(&directory);
    let mut round = match ledger.recover().await.unwrap().round {
        Some(round) => round.round.0,
        None => {
            ledger.commit(opening()).await.unwrap();
            1
        }
    };
    let mut output = std::io::stdout().lock();
    loop {
        let spend = |number| ledger.commit(Transaction::new().with(Change::SpendToken(token(number, NEVER))));
        let tokens = [4 * round, 4 * round + 1];
        let (before, won, after) =
            (spend(tokens[0]), ledger.commit(win(round, &format!("session {}", round % 7))), spend(tokens[1]));
        let (before, won, after) = futures::join!(before, won, after);
        writeln!(output, "won {round} {}", won.unwrap().head.chain).unwrap();
        // After a crash they may have been spent before.
        for (outcome, token) in [(before, tokens[0]), (after, tokens[1])] {
            if outcome.is_ok() {
                writeln!(output, "spent {token}").unwrap();
            }
        }
        output.flush().unwrap();
        round += 1;
    }
}

fn start(directory: &Path, configure: impl FnOnce(&mut Command)) -> Child {
    let mut command = child::command("crash::child_that_commits_without_end", directory);
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    configure(&mut command);
    command.spawn().unwrap()
}

impl Acknowledged {
    /// Takes note of one line of a child.
    fn read(&mut self, line: &str) {
        match line.split(' ').collect::<Vec<_>>()[..] {
            ["won", round, chain] if chain.len() == 64 => self.wins.push((round.parse().unwrap(), chain.to_owned())),
            ["spent", token] => {
                self.tokens.insert(token.parse().unwrap());
            }
            _ => {}
        }
    }

    /// Everything is there, and nothing in part.
    async fn check(&self, directory: &Path) {
        let ledger = open(directory);
        let head = verify_chain(&ledger, Head::START).await.unwrap();
        let recovered = ledger.recover().await.unwrap();
        assert_eq!(recovered.head, head);
        let Some(round) = recovered.round else {
            assert_eq!((head, self.wins.len()), (Head::START, 0));
            return;
        };
        // The win, the next round and the delivery are one.
        let won = round.round.0 - 1;
        assert_eq!(head.seq, Seq(2 * won + 1));
        assert!(matches!(round.state, RoundState::Running { .. }));
        let wins = ledger.wins_after(RoundNumber(0), usize::MAX).await.unwrap();
        assert!(wins.iter().map(|win| win.round.0).eq(1..=won));
        let deliveries = ledger.deliveries_after(DeliveryId(0), None, usize::MAX).await.unwrap();
        assert!(deliveries.iter().map(|delivery| delivery.round.unwrap().0).eq(1..=won));
        let entries = ledger.entries_after(Seq(0), usize::MAX).await.unwrap();
        for (round, chain) in &self.wins {
            let index = usize::try_from(2 * round).unwrap();
            assert_eq!(entries[index].chain.to_string(), *chain, "round {round}");
        }
        let spent: BTreeSet<_> = recovered.tokens.into_iter().map(|spent| spent.token).collect();
        for number in &self.tokens {
            assert!(spent.contains(&token(*number, NEVER).token), "token {number}");
        }
        ledger.close(Transaction::new()).await.unwrap();
    }
}

#[tokio::test]
async fn nothing_is_lost_when_the_process_is_killed() {
    let directory = tempfile::tempdir().unwrap();
    let mut acknowledged = Acknowledged::default();
    for kill in 0..KILLS {
        let mut child = start(directory.path(), |_| {});
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let wanted = acknowledged.wins.len() + 1 + kill % 7;
        while acknowledged.wins.len() < wanted {
            acknowledged.read(&lines.next().unwrap().unwrap());
        }
        child.kill().unwrap();
        // What it had said before it died counts, too; a line may be cut short.
        let left: Vec<String> = lines.map_while(Result::ok).collect();
        left.iter().for_each(|line| acknowledged.read(line));
        child.wait().unwrap();
        acknowledged.check(directory.path()).await;
    }
}

#[tokio::test]
async fn nothing_is_lost_at_any_fault_point() {
    let points = ["before_begin", "after_change", "before_commit", "after_commit", "after_answer", "after_checkpoint"];
    let directory = tempfile::tempdir().unwrap();
    let mut acknowledged = Acknowledged::default();
    for point in points {
        let times: &[u32] = if point == "after_checkpoint" { &[1] } else { &[1, 2, 9] };
        for time in times {
            let child = start(directory.path(), |command| {
                command.env("FAULT_POINT", format!("ledger.{point}:{time}"));
            });
            let output = child.wait_with_output().unwrap();
            assert!(!output.status.success(), "{point}: it should have ended itself");
            String::from_utf8_lossy(&output.stdout).lines().for_each(|line| acknowledged.read(line));
            acknowledged.check(directory.path()).await;
        }
    }
    assert!(1 < acknowledged.wins.len());
}
