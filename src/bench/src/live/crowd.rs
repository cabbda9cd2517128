//! Everybody who is connected, and when each of them read of the newest round.

use crate::{
    BenchError, Result,
    wire::{Live, Wire, address},
};
use futures::{StreamExt, TryStreamExt};
use std::{
    net::SocketAddr,
    ops::Range,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{sync::Notify, task::JoinSet};

/// How many connect at the same time.
const AT_ONCE: usize = 64;

/// The receive buffer of a client that never reads: the system's smallest.
const SMALLEST_BUFFER: u32 = 2048;

/// Between two reports of a rate, as the page makes them.
const REPORT: Duration = Duration::from_secs(2);

/// What a client does beside being connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    /// It listens and answers pings.
    Listens,
    /// It also says that it mines, and how fast.
    Mines,
    /// It does nothing whatever, and reads nothing.
    NeverReads,
}

/// Clients of one server. They leave when this is dropped.
#[derive(Debug)]
pub(super) struct Crowd {
    host: SocketAddr,
    board: Arc<Board>,
    clients: Mutex<JoinSet<()>>,
}

/// Where the clients note what they have heard.
#[derive(Debug, Default)]
struct Board {
    round: Mutex<Round>,
    all_heard: Notify,
    /// How many of those who listen have lost their connection.
    lost: AtomicU32,
}

#[derive(Debug, Default)]
struct Round {
    number: u64,
    expected: usize,
    heard: Vec<Instant>,
}

impl Crowd {
    pub(super) fn new(host: SocketAddr) -> Self {
        Self { host, board: Arc::default(), clients: Mutex::default() }
    }

    /// Connects the clients of these numbers, each with a session of its own.
    pub(super) async fn join(&self, numbers: Range<u32>, manner: Manner) -> Result<()> {
        let join = |number| self.join_one(number, manner);
        futures::stream::iter(numbers.map(join)).buffer_unordered(AT_ONCE).try_collect::<()>().await
    }

    async fn join_one(&self, number: u32, manner: Manner) -> Result<()> {
        let buffer = (manner == Manner::NeverReads).then_some(SMALLEST_BUFFER);
        let mut wire = Wire::open_with(self.host, address(number), buffer).await?;
        let cookie = wire.session().await?;
        let live = wire.into_live(&cookie).await?;
        let board = self.board.clone();
        let client = async move {
            match manner {
                Manner::Listens => board.listen(live).await,
                Manner::Mines => board.mine(live, number).await,
                Manner::NeverReads => {
                    std::future::pending::<()>().await;
                    drop(live);
                }
            }
        };
        self.clients.lock().unwrap_or_else(PoisonError::into_inner).spawn(client);
        Ok(())
    }

    /// From now on `expected` clients are to hear of this round.
    pub(super) fn expect_round(&self, number: u64, expected: u32) {
        let expected = expected as usize;
        *self.board.lock() = Round { number, expected, heard: Vec::with_capacity(expected) };
    }

    /// When each of them heard of it, once all have.
    pub(super) async fn everybody_heard(&self) -> Vec<Instant> {
        loop {
            let all_heard = self.board.all_heard.notified();
            {
                let mut round = self.board.lock();
                if round.expected <= round.heard.len() {
                    return std::mem::take(&mut round.heard);
                }
            }
            all_heard.await;
        }
    }

    /// How many have heard of it so far.
    pub(super) fn heard(&self) -> usize {
        self.board.lock().heard.len()
    }

    /// Fails if one of the `present` has lost its connection.
    pub(super) fn check(&self, present: u32) -> Result<()> {
        match self.board.lost.load(Ordering::Relaxed) {
            0 => Ok(()),
            lost => Err(BenchError::Answer(format!("{lost} of {present} connections were lost"))),
        }
    }
}

impl Board {
    async fn listen(&self, mut live: Live) {
        // However it ends: it was not to end.
        let _ = live.listen(|text| self.hear(text)).await;
        self.lost.fetch_add(1, Ordering::Relaxed);
    }

    async fn mine(&self, mut live: Live, number: u32) {
        let mut hear = |text: &[u8]| self.hear(text);
        // Nobody says the same at the same moment.
        let begin = tokio::time::Instant::now() + REPORT * (number % 1000) / 1000;
        let mut report = tokio::time::interval_at(begin, REPORT);
        let mut said = live.say(r#"{"type":"mining_start"}"#);
        while said.is_ok() {
            said = tokio::select! {
                ready = live.readable() => match ready.and_then(|()| live.take_in(&mut hear)) {
                    Ok(true) => Ok(()),
                    _ => break,
                },
                _ = report.tick() => live.say(r#"{"type":"hashrate","payload":{"rate":7.5}}"#),
            };
        }
        self.lost.fetch_add(1, Ordering::Relaxed);
    }

    fn hear(&self, text: &[u8]) {
        let Some(number) = round_of_reset(text) else { return };
        let now = Instant::now();
        let mut round = self.lock();
        if round.number == number {
            round.heard.push(now);
            if round.heard.len() == round.expected {
                self.all_heard.notify_one();
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Round> {
        self.round.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Which round a message announces, if it is a reset.
fn round_of_reset(text: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(text.strip_prefix(br#"{"type":"PUZZLE_RESET""#)?).ok()?;
    let (_, number) = text.split_once(r#""round":"#)?;
    number.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_resets_tell_of_a_round() {
        assert_eq!(round_of_reset(br#"{"type":"PUZZLE_RESET","round":18,"seed":"00"}"#), Some(18));
        assert_eq!(round_of_reset(br#"{"type":"PUZZLE","round":18,"seed":"00"}"#), None);
        assert_eq!(round_of_reset(br#"{"type":"PUZZLE_RESET","seed":"00"}"#), None);
    }

    #[tokio::test]
    async fn everybody_has_heard_when_the_last_one_has() {
        let crowd = Crowd::new(([127, 0, 0, 1], 1).into());
        crowd.expect_round(2, 2);
        for text in [r#"{"type":"PUZZLE_RESET","round":1}"#, r#"{"type":"PUZZLE_RESET","round":2}"#] {
            crowd.board.hear(text.as_bytes());
        }
        let mut all = Box::pin(crowd.everybody_heard());
        assert!(futures::poll!(all.as_mut()).is_pending());
        crowd.board.hear(br#"{"type":"PUZZLE_RESET","round":2}"#);
        assert_eq!(all.await.len(), 2);
    }
}
