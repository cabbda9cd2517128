//! The life of codes, the keys of other servers and what they were answered, in memory.

use super::{
    apply::Undo,
    tables::{Fate, Tables},
};
use crate::ledger::{
    body::{Body, Redeemed, Revoked, Won},
    callers::{ApiKeyRow, KeptAnswer, NewAnswer, NewKey},
    codes::{CodeRecord, CodeStatus, CodeTimes},
    entry::Entry,
    error::Refused,
    values::{Digest, Seq, WallTime},
};
use puzzle::RoundNumber;
use std::ops::Bound::{Excluded, Unbounded};

fn digest_of(won: &Won) -> Digest {
    Digest::of(&[won.code.as_str().as_bytes()])
}

/// Changes.
impl Tables {
    /// Takes note of the code of a win.
    pub(super) fn put_code(&mut self, undo: &mut Vec<Undo>, round: RoundNumber, won: &Won) {
        let fate = Fate { expires_at: won.expires_at, redeemed: None, revoked: None, returned: false };
        self.put(undo, |tables| &mut tables.fates, round, Some(fate));
        self.put(undo, |tables| &mut tables.rounds_of_codes, digest_of(won), Some(round));
    }

    /// Forgets the code of a win that is forgotten.
    pub(super) fn forget_code(&mut self, round: RoundNumber, won: &Won) {
        self.fates.remove(&round);
        let digest = digest_of(won);
        if self.rounds_of_codes.get(&digest) == Some(&round) {
            self.rounds_of_codes.remove(&digest);
        }
    }

    pub(super) fn redeem(&mut self, undo: &mut Vec<Undo>, redeemed: &Redeemed) -> Result<(), Refused> {
        let (round, fate) = self.valid_code(&redeemed.code_digest)?;
        let seq = self.append_about(undo, round, &Body::Redeemed(redeemed.clone()))?;
        self.put(undo, |tables| &mut tables.fates, round, Some(Fate { redeemed: Some(seq), ..fate }));
        Ok(())
    }

    pub(super) fn revoke(&mut self, undo: &mut Vec<Undo>, revoked: &Revoked) -> Result<(), Refused> {
        let (round, fate) = self.valid_code(&revoked.code_digest)?;
        let seq = self.append_about(undo, round, &Body::Revoked(revoked.clone()))?;
        self.put(undo, |tables| &mut tables.fates, round, Some(Fate { revoked: Some(seq), ..fate }));
        Ok(())
    }

    fn append_about(&mut self, undo: &mut Vec<Undo>, round: RoundNumber, body: &Body) -> Result<Seq, Refused> {
        let entry = self.progress.append(round, body)?;
        let seq = entry.seq;
        self.put(undo, |tables| &mut tables.entries, seq, Some(entry));
        Ok(seq)
    }

    /// The win of a code that is valid.
    fn valid_code(&self, code: &Digest) -> Result<(RoundNumber, Fate), Refused> {
        let round = *self.rounds_of_codes.get(code).ok_or(Refused::CodeUnknown)?;
        let fate = *self.fates.get(&round).ok_or(Refused::CodeUnknown)?;
        let time = |seq: Option<Seq>| self.entries.get(&seq?).map(|entry| entry.at);
        let times =
            CodeTimes { redeemed: time(fate.redeemed), revoked: time(fate.revoked), expires_at: fate.expires_at };
        match times.end(self.progress.at) {
            Some(end) => Err(Refused::CodeEnded(end)),
            None => Ok((round, fate)),
        }
    }

    pub(super) fn return_codes(&mut self, undo: &mut Vec<Undo>, rounds: &[RoundNumber]) -> Result<(), Refused> {
        for round in rounds {
            let fate = self.fates.get(round).copied().filter(|fate| fate.is_returnable(self.progress.at));
            let fate = fate.ok_or(Refused::NotReturnable { round: *round })?;
            self.put(undo, |tables| &mut tables.fates, *round, Some(Fate { returned: true, ..fate }));
            self.progress.returned += 1;
        }
        Ok(())
    }

    pub(super) fn create_key(&mut self, undo: &mut Vec<Undo>, key: &NewKey) -> Result<(), Refused> {
        let is_used = self.api_keys.values().any(|known| known.key.name == key.name || known.key.digest == key.digest);
        if is_used {
            return Err(Refused::KeyNameUsed(key.name.clone()));
        }
        let row = ApiKeyRow { key: key.clone(), created_at: self.progress.at, last_used_at: None, revoked_at: None };
        self.put(undo, |tables| &mut tables.api_keys, key.name.clone(), Some(row));
        Ok(())
    }

    pub(super) fn note_key_use(&mut self, undo: &mut Vec<Undo>, digest: &Digest) {
        if let Some(row) = self.api_keys.values().find(|row| row.key.digest == *digest).cloned() {
            let used = ApiKeyRow { last_used_at: Some(self.progress.at), ..row };
            self.put(undo, |tables| &mut tables.api_keys, used.key.name.clone(), Some(used));
        }
    }

    pub(super) fn revoke_key(&mut self, undo: &mut Vec<Undo>, name: &str) -> Result<(), Refused> {
        let row = self.api_keys.get(name).filter(|row| row.revoked_at.is_none()).cloned();
        let row = row.ok_or_else(|| Refused::UnknownKey(name.to_owned()))?;
        let revoked = ApiKeyRow { revoked_at: Some(self.progress.at), ..row };
        self.put(undo, |tables| &mut tables.api_keys, name.to_owned(), Some(revoked));
        Ok(())
    }

    pub(super) fn keep_answer(&mut self, undo: &mut Vec<Undo>, answer: &NewAnswer) -> Result<(), Refused> {
        let at = self.progress.at;
        if self.answers.get(&answer.name).is_some_and(|kept| kept.holds(at)) {
            return Err(Refused::AnswerKept);
        }
        let kept = KeptAnswer { answer: answer.clone(), at };
        self.put(undo, |tables| &mut tables.answers, answer.name, Some(kept));
        Ok(())
    }
}

/// Questions.
impl Tables {
    pub(super) fn code(&self, code: &Digest) -> Option<CodeRecord> {
        self.record(*self.rounds_of_codes.get(code)?)
    }

    pub(super) fn codes_after(
        &self,
        round: RoundNumber,
        status: Option<CodeStatus>,
        now: WallTime,
        limit: usize,
    ) -> Vec<CodeRecord> {
        let after = self.fates.range((Excluded(round), Unbounded)).filter_map(|(round, _)| self.record(*round));
        after.filter(|record| status.is_none_or(|status| record.status(now) == status)).take(limit).collect()
    }

    pub(super) fn returnable_codes(&self, now: WallTime, limit: usize) -> Vec<RoundNumber> {
        let returnable = self.fates.iter().filter(|(_, fate)| fate.is_returnable(now));
        let mut rounds: Vec<_> = returnable.map(|(round, fate)| (fate.expires_at, *round)).collect();
        rounds.sort();
        rounds.into_iter().take(limit).map(|(_, round)| round).collect()
    }

    pub(super) fn active_key(&self, digest: &Digest) -> Option<ApiKeyRow> {
        let of_digest = self.api_keys.values().find(|row| row.key.digest == *digest);
        of_digest.filter(|row| row.revoked_at.is_none()).cloned()
    }

    fn record(&self, round: RoundNumber) -> Option<CodeRecord> {
        let fate = self.fates.get(&round)?;
        let entry = |seq: Option<Seq>| self.entries.get(&seq?);
        let redeemed = match entry(fate.redeemed) {
            Some(Entry { at, body: Body::Redeemed(redeemed), .. }) => Some((*at, redeemed.clone())),
            _ => None,
        };
        let revoked = match entry(fate.revoked) {
            Some(Entry { at, body: Body::Revoked(revoked), .. }) => Some((*at, revoked.clone())),
            _ => None,
        };
        Some(CodeRecord { win: self.win(round)?, redeemed, revoked, returned: fate.returned })
    }
}
