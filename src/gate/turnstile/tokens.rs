//! Tokens of the human check that are spent.
//!
//! A token becomes one session and no second one, also across a restart and whatever
//! Cloudflare says: it is written into the ledger, as a digest, together with the session
//! that is given for it and before anybody is told of that session.
//!
//! A ledger that cannot be written, or is slow, keeps nobody out. What is spent then is
//! remembered in memory, and written down as soon as it can be; Cloudflare, which spends
//! tokens too, stands in for the time between.

use crate::{
    clock::Clock,
    gate::table::insert_within,
    identity::session::TOKEN_LIFETIME,
    ledger::{
        Change, CommitError, Digest, Ledger, Refused, Transaction, WallTime, rows::SpentToken,
        transaction::FORGET_AT_ONCE,
    },
    lock::lock,
};
use futures::future::join_all;
use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::sync::Semaphore;

/// How many tokens are remembered, at some 60 bytes each, 4 MB; those that expire first
/// make room.
const MOST_TOKENS: usize = 65_536;

/// How many are written down at once: a small part of what may wait for the ledger, so
/// that no flood of newcomers keeps a win from it.
const MOST_AT_ONCE: usize = 64;

/// How long a newcomer waits for the ledger.
const PATIENCE: Duration = Duration::from_secs(1);

/// Between two tries to write down what could not be written.
const WRITE_INTERVAL: Duration = Duration::from_secs(1);

/// Between two looks for tokens that have expired.
const FORGET_INTERVAL: Duration = Duration::from_secs(60);

/// The token is spent already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct AlreadySpent;

/// The tokens that are spent.
pub struct SpentTokens {
    table: Mutex<Table>,
    ledger: Arc<dyn Ledger>,
    clock: Arc<dyn Clock>,
    writing: Semaphore,
}

#[derive(Debug)]
struct Table {
    tokens: HashMap<Digest, Row>,
    /// How many were spent since the expired ones were forgotten last.
    spent: usize,
    /// False if the ledger holds none that could expire.
    may_hold_expired: bool,
}

#[derive(Clone, Copy, Debug)]
struct Row {
    expires_at: WallTime,
    /// True if the ledger has it.
    written: bool,
}

impl fmt::Debug for SpentTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SpentTokens(…)")
    }
}

impl SpentTokens {
    /// Those that the ledger remembers. [`SpentTokens::keep`] must run for the rest.
    pub fn new(ledger: Arc<dyn Ledger>, recovered: Vec<SpentToken>, clock: Arc<dyn Clock>) -> Self {
        let mut tokens = HashMap::new();
        for SpentToken { token, expires_at } in recovered {
            insert_within(&mut tokens, MOST_TOKENS, token, Row { expires_at, written: true }, |row| row.expires_at);
        }
        let table = Table { tokens, spent: 0, may_hold_expired: true };
        Self { table: Mutex::new(table), ledger, clock, writing: Semaphore::new(MOST_AT_ONCE) }
    }

    /// Spends a token; `given` is what the ledger has to know of the session that is given
    /// for it. Of many calls at once exactly one succeeds.
    ///
    /// # Errors
    /// [`AlreadySpent`].
    pub(super) async fn spend(&self, token: &str, given: Vec<Change>) -> Result<(), AlreadySpent> {
        let token = Digest::of(&[b"hashpass: spent token of the human check:", token.as_bytes()]);
        let spent = SpentToken { token, expires_at: self.now().after(TOKEN_LIFETIME) };
        {
            let mut table = lock(&self.table);
            if table.tokens.contains_key(&token) {
                return Err(AlreadySpent);
            }
            let row = Row { expires_at: spent.expires_at, written: false };
            insert_within(&mut table.tokens, MOST_TOKENS, token, row, |row| row.expires_at);
            table.spent += 1;
            table.may_hold_expired = true;
        }
        let Ok(_permit) = self.writing.try_acquire() else { return Ok(()) };
        let mut transaction = Transaction::new().with(Change::SpendToken(spent));
        transaction.extend(given);
        // A transaction that was handed over is committed even if nobody waits any more.
        match tokio::time::timeout(PATIENCE, self.ledger.commit(transaction)).await {
            Ok(Ok(_)) => self.note_written(&token),
            Ok(Err(CommitError::Refused(Refused::TokenSpent))) => return Err(AlreadySpent),
            // The ledger says in the log what is wrong.
            Ok(Err(_)) | Err(_) => {}
        }
        Ok(())
    }

    /// Writes down what could not be written before and forgets what has expired, until it
    /// is aborted.
    pub async fn keep(self: Arc<Self>) {
        let mut every = tokio::time::interval(WRITE_INTERVAL);
        let mut forgot_at = None;
        loop {
            every.tick().await;
            self.write_down().await;
            let now = self.clock.now();
            if forgot_at.is_none_or(|at| at + FORGET_INTERVAL <= now) {
                forgot_at = Some(now);
                self.forget().await;
            }
        }
    }

    async fn write_down(&self) {
        let unwritten: Vec<SpentToken> = {
            let table = lock(&self.table);
            let unwritten = table.tokens.iter().filter(|(_, row)| !row.written).take(MOST_AT_ONCE);
            unwritten.map(|(token, row)| SpentToken { token: *token, expires_at: row.expires_at }).collect()
        };
        // One transaction each, as one that is there after all is refused.
        let writing = unwritten.into_iter().map(|spent| async move {
            let committed = self.ledger.commit(Transaction::new().with(Change::SpendToken(spent))).await;
            if matches!(committed, Ok(_) | Err(CommitError::Refused(_))) {
                self.note_written(&spent.token);
            }
        });
        join_all(writing).await;
    }

    fn note_written(&self, token: &Digest) {
        if let Some(row) = lock(&self.table).tokens.get_mut(token) {
            row.written = true;
        }
    }

    /// Forgets what has expired: at least as many rows as came since the last time, so that
    /// they do not pile up, and a bounded number in each transaction.
    async fn forget(&self) {
        let now = self.now();
        let transactions = {
            let mut table = lock(&self.table);
            table.tokens.retain(|_, row| now <= row.expires_at);
            let transactions = if table.may_hold_expired { 1 + table.spent / FORGET_AT_ONCE } else { 0 };
            table.spent = 0;
            table.may_hold_expired = !table.tokens.is_empty();
            transactions
        };
        for _ in 0..transactions {
            if self.ledger.commit(Transaction::new().with(Change::ForgetTokens(now))).await.is_err() {
                lock(&self.table).may_hold_expired = true;
                return;
            }
        }
    }

    fn now(&self) -> WallTime {
        self.clock.time_of_day().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        clock::ManualClock,
        ledger::{MemoryLedger, rows::ClientRow, rows::SessionRow},
    };

    struct Setting {
        clock: Arc<ManualClock>,
        ledger: Arc<MemoryLedger>,
        tokens: SpentTokens,
    }

    async fn restarted(clock: &Arc<ManualClock>, ledger: &Arc<MemoryLedger>) -> SpentTokens {
        let recovered = ledger.recover().await.unwrap().tokens;
        SpentTokens::new(ledger.clone(), recovered, clock.clone())
    }

    async fn setting() -> Setting {
        let clock = Arc::new(ManualClock::default());
        let ledger = Arc::new(MemoryLedger::new(clock.clone()));
        let tokens = restarted(&clock, &ledger).await;
        Setting { clock, ledger, tokens }
    }

    fn session() -> Vec<Change> {
        let row = SessionRow { id: "s".into(), nick: None, human: true, stamped: false, visitor: None };
        let key = Digest::from_bytes([1; 32]);
        let expires_at = WallTime::from_milliseconds(9_000_000);
        let client = ClientRow { key, session: "s".into(), expires_at, renews: false };
        vec![Change::PutSession(row), Change::PutClient(client)]
    }

    #[tokio::test]
    async fn a_token_is_spent_with_its_session_and_stays_spent_after_a_restart() {
        let Setting { clock, ledger, tokens } = setting().await;
        assert_eq!(tokens.spend("token", session()).await, Ok(()));
        assert_eq!(tokens.spend("token", Vec::new()).await, Err(AlreadySpent));
        let recovered = ledger.recover().await.unwrap();
        assert_eq!((recovered.tokens.len(), recovered.sessions.len(), recovered.clients.len()), (1, 1, 1));

        let after = restarted(&clock, &ledger).await;
        assert_eq!(after.spend("token", session()).await, Err(AlreadySpent));
        assert_eq!(after.spend("another", Vec::new()).await, Ok(()));
        // What another instance has written since is the ledger's to tell.
        assert_eq!(tokens.spend("another", Vec::new()).await, Err(AlreadySpent));
    }

    #[tokio::test]
    async fn what_has_expired_is_forgotten_however_much_it_is() {
        let Setting { clock, ledger, tokens } = setting().await;
        for number in 0..2500 {
            assert_eq!(tokens.spend(&number.to_string(), Vec::new()).await, Ok(()));
        }
        clock.advance(TOKEN_LIFETIME + Duration::from_millis(1));
        tokens.spend("late", Vec::new()).await.unwrap();
        tokens.forget().await;
        let left = lock(&tokens.table).tokens.len();
        // `recover` tells only of those that have not expired.
        let first = Digest::of(&[b"hashpass: spent token of the human check:", b"0"]);
        let again = SpentToken { token: first, expires_at: WallTime::from_milliseconds(u64::MAX >> 1) };
        let committed = ledger.commit(Transaction::new().with(Change::SpendToken(again))).await;
        assert!(left == 1 && committed.is_ok(), "{left} {committed:?}");
    }

    #[tokio::test]
    async fn a_ledger_that_cannot_be_written_keeps_nobody_out_and_a_token_is_spent_all_the_same() {
        let Setting { clock, ledger, tokens } = setting().await;
        // Nobody may write at the moment.
        let all = tokens.writing.acquire_many(MOST_AT_ONCE as u32).await.unwrap();
        assert_eq!(tokens.spend("token", Vec::new()).await, Ok(()));
        assert_eq!(tokens.spend("token", Vec::new()).await, Err(AlreadySpent));
        assert!(ledger.recover().await.unwrap().tokens.is_empty());
        drop(all);
        for _ in 0..2 {
            tokens.write_down().await;
            assert_eq!(ledger.recover().await.unwrap().tokens.len(), 1);
        }
        assert_eq!(restarted(&clock, &ledger).await.spend("token", Vec::new()).await, Err(AlreadySpent));

        ledger.close(Transaction::new()).await.unwrap();
        assert_eq!(tokens.spend("later", Vec::new()).await, Ok(()));
        assert_eq!(tokens.spend("later", Vec::new()).await, Err(AlreadySpent));
    }

    #[tokio::test]
    async fn a_full_table_forgets_those_that_expire_first() {
        let Setting { clock, ledger, .. } = setting().await;
        let spent = |number: u64| SpentToken {
            token: Digest::of(&[&number.to_be_bytes()]),
            expires_at: WallTime::from_milliseconds(1000 + number),
        };
        let recovered = (0..100_000).map(spent).collect();
        let tokens = SpentTokens::new(ledger, recovered, clock);
        let table = lock(&tokens.table);
        assert!(table.tokens.len() <= MOST_TOKENS && table.tokens.contains_key(&spent(99_999).token));
        assert!(!table.tokens.contains_key(&spent(0).token));
    }
}
