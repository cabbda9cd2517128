//! The tables in memory, and what is read from them.

use crate::ledger::{
    body::{Body, DropChange, Won},
    callers::{ApiKeyRow, KeptAnswer},
    deliveries::{Delivery, DeliveryState, Due, Outbox},
    entry::Entry,
    error::Refused,
    progress::Progress,
    rows::{ClientRow, Fingerprints, ListedCode, RecordedWin, Recovered, SessionRow, SpentToken, StrikeRow, WinQuota},
    values::{DeliveryId, Digest, Seq, WallTime, WebhookId},
};
use puzzle::{RoundNumber, Ticket};
use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
    ops::Bound::{Excluded, Unbounded},
};

/// Everything.
#[derive(Debug)]
pub(super) struct Tables {
    /// How many entries are kept.
    pub(super) most_entries: usize,
    pub(super) progress: Progress,
    pub(super) entries: BTreeMap<Seq, Entry>,
    /// The entries of the wins.
    pub(super) wins: BTreeMap<RoundNumber, Seq>,
    /// The tickets of the wins.
    pub(super) tickets: BTreeMap<Ticket, ()>,
    /// What became of the codes of the wins.
    pub(super) fates: BTreeMap<RoundNumber, Fate>,
    /// The newest wins of the codes.
    pub(super) rounds_of_codes: BTreeMap<Digest, RoundNumber>,
    /// The keys of other servers by their names.
    pub(super) api_keys: BTreeMap<String, ApiKeyRow>,
    pub(super) answers: BTreeMap<Digest, KeptAnswer>,
    pub(super) deliveries: BTreeMap<DeliveryId, Delivery>,
    /// The webhook ids of those.
    pub(super) webhook_ids: BTreeMap<WebhookId, ()>,
    /// The newest delivery, whether it is still there or not.
    pub(super) last_delivery: DeliveryId,
    pub(super) sessions: BTreeMap<String, SessionRow>,
    pub(super) clients: BTreeMap<Digest, ClientRow>,
    /// The keys of those by their sessions.
    pub(super) clients_of: BTreeMap<(String, Digest), ()>,
    pub(super) tokens: BTreeMap<Digest, WallTime>,
    pub(super) strikes: BTreeMap<String, StrikeRow>,
    pub(super) cursors: BTreeMap<String, Seq>,
    pub(super) fingerprints: Option<Fingerprints>,
    /// The newest entry of the drop.
    pub(super) drop: Option<DropChange>,
    /// The list of codes by their positions, with the rounds that were won with them.
    pub(super) listed_codes: BTreeMap<u64, (String, Option<RoundNumber>)>,
    /// The positions of those.
    pub(super) positions: BTreeMap<String, u64>,
}

/// What became of the code of a win.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fate {
    pub(super) expires_at: Option<WallTime>,
    /// The entry that says that it was used.
    pub(super) redeemed: Option<Seq>,
    /// The entry that says that it was made worthless.
    pub(super) revoked: Option<Seq>,
    /// True if it has gone back into the supply.
    pub(super) returned: bool,
}

impl Fate {
    /// True if it has expired by `now` unused, and has not gone back.
    pub(super) fn is_returnable(&self, now: WallTime) -> bool {
        let is_unused = self.redeemed.is_none() && self.revoked.is_none() && !self.returned;
        is_unused && self.expires_at.is_some_and(|expires_at| expires_at <= now)
    }
}

impl Tables {
    pub(super) fn keeping(most_entries: usize) -> Self {
        Self {
            most_entries,
            progress: Progress::START,
            entries: BTreeMap::new(),
            wins: BTreeMap::new(),
            tickets: BTreeMap::new(),
            fates: BTreeMap::new(),
            rounds_of_codes: BTreeMap::new(),
            api_keys: BTreeMap::new(),
            answers: BTreeMap::new(),
            deliveries: BTreeMap::new(),
            webhook_ids: BTreeMap::new(),
            last_delivery: DeliveryId(0),
            sessions: BTreeMap::new(),
            clients: BTreeMap::new(),
            clients_of: BTreeMap::new(),
            tokens: BTreeMap::new(),
            strikes: BTreeMap::new(),
            cursors: BTreeMap::new(),
            fingerprints: None,
            drop: None,
            listed_codes: BTreeMap::new(),
            positions: BTreeMap::new(),
        }
    }

    pub(super) fn entries_after(&self, seq: Seq, limit: usize) -> Vec<Entry> {
        self.entries.range((Excluded(seq), Unbounded)).take(limit).map(|(_, entry)| entry.clone()).collect()
    }

    /// The clients of a session.
    pub(super) fn clients_of(&self, session: &str) -> Vec<Digest> {
        let theirs = self.clients_of.range((session.to_owned(), Digest::ZERO)..);
        theirs.take_while(|((owner, _), ())| owner == session).map(|((_, key), ())| *key).collect()
    }

    pub(super) fn cursor(&self, name: &str) -> Seq {
        self.cursors.get(name).copied().unwrap_or_default()
    }

    fn recorded(&self, seq: Seq) -> Option<(&Entry, &Won)> {
        let entry = self.entries.get(&seq)?;
        if let Body::Won(won) = &entry.body { Some((entry, won)) } else { None }
    }

    fn recorded_win(&self, seq: Seq) -> Option<RecordedWin> {
        let (Entry { seq, at, round, .. }, won) = self.recorded(seq)?;
        Some(RecordedWin { seq: *seq, at: *at, round: *round, won: won.clone() })
    }

    pub(super) fn win(&self, round: RoundNumber) -> Option<RecordedWin> {
        self.recorded_win(*self.wins.get(&round)?)
    }

    /// The newest wins in rounds after `round` that are `wanted`, newest first.
    pub(super) fn newest_wins(
        &self,
        round: RoundNumber,
        limit: usize,
        wanted: impl Fn(&Won) -> bool,
    ) -> Vec<RecordedWin> {
        let newest_first = self.wins.range((Excluded(round), Unbounded)).rev();
        let wanted = newest_first.filter(|(_, seq)| self.recorded(**seq).is_some_and(|(_, won)| wanted(won)));
        wanted.take(limit).filter_map(|(_, seq)| self.recorded_win(*seq)).collect()
    }

    pub(super) fn wins_after(&self, round: RoundNumber, limit: usize) -> Vec<RecordedWin> {
        let after = self.wins.range((Excluded(round), Unbounded));
        after.take(limit).filter_map(|(_, seq)| self.recorded_win(*seq)).collect()
    }

    /// Checks a quota against the wins that are kept.
    pub(super) fn check_quota(&self, quota: &WinQuota) -> Result<(), Refused> {
        let wins = || self.wins.values().filter_map(|seq| self.recorded(*seq));
        let of_person =
            |won: &Won| won.session == quota.session || (won.network == quota.network && won.visitor == quota.visitor);
        let person = wins().filter(|(_, won)| of_person(won));
        let last = person.clone().map(|(entry, _)| entry.at).next_back();
        let network = wins().filter(|(_, won)| won.network == quota.network).count() as u64;
        let allowed = quota.check(person.count() as u64, last, network, self.progress.at);
        allowed.map_err(|(quota, until)| Refused::QuotaReached { quota, until })
    }

    pub(super) fn codes_left(&self, position: u64) -> Vec<ListedCode> {
        let behind = self.listed_codes.range((Excluded(position), Unbounded));
        let left = behind.filter(|(_, (_, round))| round.is_none());
        left.map(|(position, (code, _))| ListedCode { position: *position, code: code.clone() }).collect()
    }

    pub(super) fn due(&self, now: WallTime, limit: usize) -> Due {
        let waiting = || self.deliveries.values().filter(|delivery| delivery.state == DeliveryState::Waiting);
        let receivers: BTreeSet<&String> = waiting().map(|delivery| &delivery.receiver).collect();
        let mut due = Due::default();
        for receiver in receivers {
            let theirs = waiting().filter(|delivery| delivery.receiver == *receiver);
            let Ok(()) = due.add_receiver(theirs.cloned().map(Ok::<_, Infallible>), now, limit);
        }
        due.cut(limit)
    }

    pub(super) fn outbox(&self) -> Outbox {
        let those = |state| self.deliveries.values().filter(move |delivery| delivery.state == state);
        Outbox {
            waiting: those(DeliveryState::Waiting).count() as u64,
            parked: those(DeliveryState::Parked).count() as u64,
            oldest: those(DeliveryState::Waiting).next().map(|delivery| delivery.created_at),
        }
    }

    pub(super) fn deliveries_after(&self, id: DeliveryId, state: Option<DeliveryState>, limit: usize) -> Vec<Delivery> {
        let after = self.deliveries.range((Excluded(id), Unbounded)).map(|(_, delivery)| delivery);
        after.filter(|delivery| state.is_none_or(|state| delivery.state == state)).take(limit).cloned().collect()
    }

    pub(super) fn recover(&self, now: WallTime) -> Recovered {
        let now = now.max(self.progress.at);
        let entry = |seq: Seq| self.entries.get(&seq).cloned();
        let tokens = self.tokens.iter().filter(|(_, expires_at)| now <= **expires_at);
        Recovered {
            head: self.progress.head,
            round: entry(self.progress.opened)
                .and_then(|opening| self.progress.newest_round(opening, self.progress.ended.and_then(entry))),
            counters: self.progress.counters,
            drop: self.drop.clone(),
            wins: self.progress.wins,
            returned: self.progress.returned,
            won_at: self.progress.won_at,
            fingerprints: self.fingerprints.clone(),
            sessions: self.sessions.values().cloned().collect(),
            clients: self.clients.values().filter(|client| now <= client.expires_at).cloned().collect(),
            tokens: tokens.map(|(token, expires_at)| SpentToken { token: *token, expires_at: *expires_at }).collect(),
            strikes: self.strikes.values().cloned().collect(),
        }
    }
}
