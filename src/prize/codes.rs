//! What becomes of codes after they were won: other servers ask how one stands, use it
//! once, or make it worthless.
//!
//! Everything is decided by the [ledger](crate::ledger) in one transaction, so that of any
//! number of calls at once one uses the code, and a crash leaves it used or not used.
//! What was decided under an idempotency key is kept in the same transaction, and for a
//! day the same call gets the same answer, whatever has happened since. A copy of a call
//! that is under way comes behind it in the ledger, and so waits for it.

mod answers;
mod values;

pub use answers::IdempotencyKey;
pub use values::{CodeError, InvalidRemark, NotDone, Remark, TypedCode};

use super::{
    keys::Caller,
    webhook::{CodeRedeemed, WebhookSettings, told_of_redemption},
};
use crate::{
    clock::Clock,
    ledger::{
        Change, CodeRecord, CodeStatus, CommitError, Digest, Ledger, Refused, StoreError, Transaction, WallTime,
        body::{Redeemed, Revoked},
        callers::ANSWER_LIFE,
        transaction::FORGET_AT_ONCE,
    },
};
use answers::Request;
use puzzle::{RoundNumber, invite_code::CodePrefix};
use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

/// The most codes that are listed at once.
pub const MOST_LISTED_AT_ONCE: usize = 1000;

/// Between two looks at what has expired.
const CLEANING_INTERVAL: Duration = Duration::from_secs(60);

/// What an operator decides about codes that were won.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CodeSettings {
    /// `HASHPASS_CODE_PREFIX`: what stands before a derived code.
    pub prefix: CodePrefix,
    /// `HASHPASS_CODE_RECLAIM`: whether a code that expired unused counts as not given out.
    pub reclaims: bool,
}

/// What is to be done to a code.
#[derive(Clone, Debug)]
enum Deed {
    Redeem(Option<Remark>),
    Revoke(Remark),
}

impl Deed {
    fn change(&self, code_digest: Digest, caller: &Caller) -> Change {
        let key = caller.name.clone();
        match self {
            Self::Redeem(remark) => {
                let redeemed_for = remark.clone().map(|Remark(text)| text);
                Change::Redeem(Redeemed { code_digest, key, redeemed_for })
            }
            Self::Revoke(Remark(reason)) => Change::Revoke(Revoked { code_digest, key, reason: reason.clone() }),
        }
    }

    /// The parts that tell one request from another.
    fn parts(&self) -> [&str; 3] {
        match self {
            Self::Redeem(None) => ["redeem", "", ""],
            Self::Redeem(Some(Remark(text))) => ["redeem", "for", text],
            Self::Revoke(Remark(text)) => ["revoke", "why", text],
        }
    }

    const fn past(&self) -> &'static str {
        match self {
            Self::Redeem(_) => "redeemed",
            Self::Revoke(_) => "revoked",
        }
    }
}

/// The codes that were won. A cheap handle.
#[derive(Clone)]
pub struct Codes {
    ledger: Arc<dyn Ledger>,
    clock: Arc<dyn Clock>,
    settings: CodeSettings,
    /// Who is told of uses, if anybody is.
    webhook: Option<WebhookSettings>,
}

impl fmt::Debug for Codes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Codes").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Codes {
    /// The codes of a ledger. `webhook` is told when one is used, if it is told of that.
    pub fn new(
        ledger: Arc<dyn Ledger>,
        clock: Arc<dyn Clock>,
        settings: CodeSettings,
        webhook: Option<WebhookSettings>,
    ) -> Self {
        Self { ledger, clock, settings, webhook }
    }

    /// What time it is for the codes.
    pub fn now(&self) -> WallTime {
        self.clock.time_of_day().into()
    }

    /// The code as it stands in the ledger: exactly that one, or else the derived one that
    /// it was typed off from.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn find(&self, typed: &TypedCode) -> Result<Option<CodeRecord>, StoreError> {
        for code in typed.meant(&self.settings.prefix) {
            let found = self.ledger.code(code).await?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// The codes that were won in rounds after `round`, in order, at most `limit` and at
    /// most [`MOST_LISTED_AT_ONCE`]; only those with this status, if one is given.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list(
        &self,
        round: RoundNumber,
        status: Option<CodeStatus>,
        limit: usize,
    ) -> Result<Vec<CodeRecord>, StoreError> {
        self.ledger.codes_after(round, status, self.now(), limit.min(MOST_LISTED_AT_ONCE)).await
    }

    /// Uses a code, once: of any number who try, one does.
    ///
    /// # Errors
    /// [`CodeError`].
    pub async fn redeem(
        &self,
        caller: &Caller,
        code: &TypedCode,
        redeemed_for: Option<Remark>,
        key: Option<&IdempotencyKey>,
    ) -> Result<CodeRecord, CodeError> {
        self.settle(caller, code, &Deed::Redeem(redeemed_for), key).await
    }

    /// Makes a code worthless that nobody has used.
    ///
    /// # Errors
    /// [`CodeError`].
    pub async fn revoke(
        &self,
        caller: &Caller,
        code: &TypedCode,
        reason: Remark,
        key: Option<&IdempotencyKey>,
    ) -> Result<CodeRecord, CodeError> {
        self.settle(caller, code, &Deed::Revoke(reason), key).await
    }

    async fn settle(
        &self,
        caller: &Caller,
        code: &TypedCode,
        deed: &Deed,
        key: Option<&IdempotencyKey>,
    ) -> Result<CodeRecord, CodeError> {
        let request = key.map(|key| Request::new(caller, key, code, &deed.parts()));
        loop {
            if let Some(request) = &request
                && let Some(answer) = self.given_before(request, code).await?
            {
                return answer;
            }
            let found = self.find(code).await?;
            let outcome = match &found {
                Some(record) => self.commit(caller, record, deed, request.as_ref()).await,
                None => Err(Refused::CodeUnknown.into()),
            };
            let not_done = match outcome {
                Ok(()) => return self.find(code).await?.ok_or(NotDone::Unknown.into()),
                Err(CommitError::Store(error)) => return Err(error.into()),
                Err(CommitError::Refused(Refused::CodeUnknown)) => NotDone::Unknown,
                Err(CommitError::Refused(Refused::CodeEnded(end))) => NotDone::Ended(end),
                // A copy of this request was faster: its answer is there by now.
                Err(CommitError::Refused(Refused::AnswerKept)) => continue,
                Err(CommitError::Refused(refused)) => return Err(CodeError::Refused(refused)),
            };
            let Some(request) = &request else { return Err(not_done.into()) };
            match self.ledger.commit(Transaction::new().with(request.refused(not_done))).await {
                Ok(_) => return Err(not_done.into()),
                Err(CommitError::Refused(Refused::AnswerKept)) => {}
                Err(CommitError::Refused(refused)) => return Err(CodeError::Refused(refused)),
                Err(CommitError::Store(error)) => return Err(error.into()),
            }
        }
    }

    /// Does it, and keeps that it was done.
    async fn commit(
        &self,
        caller: &Caller,
        record: &CodeRecord,
        deed: &Deed,
        request: Option<&Request>,
    ) -> Result<(), CommitError> {
        let code = &record.win.won.code;
        let mut transaction = Transaction::new();
        transaction.extend(request.map(Request::done));
        let change = deed.change(Digest::of(&[code.as_str().as_bytes()]), caller);
        transaction = transaction.with(change);
        transaction.extend(self.delivery(record, deed));
        self.ledger.commit(transaction).await?;
        let (round, key) = (record.win.round.0, &caller.name);
        tracing::info!(round, key, code_digest = code.digest(), "code {}", deed.past());
        Ok(())
    }

    /// What the webhook has to be told of it.
    fn delivery(&self, record: &CodeRecord, deed: &Deed) -> Option<Change> {
        let (Some(webhook), Deed::Redeem(remark)) = (&self.webhook, deed) else { return None };
        let redeemed_for = remark.as_ref().map(|Remark(text)| text.as_str());
        let (code, round) = (&record.win.won.code, record.win.round);
        told_of_redemption(webhook, &CodeRedeemed { code, round, redeemed_for }).map(Change::Deliver)
    }

    /// The answer that this request, or another one under its name, was given before.
    async fn given_before(
        &self,
        request: &Request,
        code: &TypedCode,
    ) -> Result<Option<Result<CodeRecord, CodeError>>, StoreError> {
        let Some(kept) = self.ledger.kept_answer(request.name()).await?.filter(|kept| kept.holds(self.now())) else {
            return Ok(None);
        };
        Ok(Some(match request.answer(&kept) {
            // What has ended a code stays what it was, so that the answer does.
            Ok(()) => self.find(code).await?.ok_or(NotDone::Unknown.into()),
            Err(error) => Err(error),
        }))
    }

    /// Once a minute, until it is aborted: [`Codes::clean_up`], after which `taken_back`
    /// hears how many codes count as not given out any more.
    pub async fn clean_up_regularly(self, taken_back: impl Fn(u64) + Send) {
        let mut every = tokio::time::interval(CLEANING_INTERVAL);
        loop {
            every.tick().await;
            match self.clean_up(&taken_back).await {
                Ok(()) => {}
                // It is refused when another instance was faster; the rest is for the next time.
                Err(error) => tracing::warn!(%error, "expired codes wait to be looked after"),
            }
        }
    }

    /// Takes codes back that have expired unused, if the operator wants that, and forgets
    /// answers that hold no more.
    ///
    /// # Errors
    /// [`CommitError`]. What was taken back before is told.
    pub async fn clean_up(&self, taken_back: &(impl Fn(u64) + Send)) -> Result<(), CommitError> {
        if self.settings.reclaims {
            self.take_back_expired(taken_back).await?;
        }
        let day_ago = self.clock.time_of_day().checked_sub(ANSWER_LIFE).unwrap_or(SystemTime::UNIX_EPOCH);
        let day_ago = WallTime::from(day_ago);
        self.ledger.commit(Transaction::new().with(Change::ForgetAnswers(day_ago))).await?;
        Ok(())
    }

    async fn take_back_expired(&self, taken_back: &(impl Fn(u64) + Send)) -> Result<(), CommitError> {
        loop {
            let rounds = self.ledger.returnable_codes(self.now(), FORGET_AT_ONCE).await?;
            let count = rounds.len();
            if count == 0 {
                return Ok(());
            }
            self.ledger.commit(Transaction::new().with(Change::ReturnCodes(rounds))).await?;
            tracing::info!(count, "codes expired unused and count as not given out");
            taken_back(count as u64);
        }
    }
}

#[cfg(test)]
mod tests;
