//! Changes of the tables in memory, each of which can be taken back: a transaction
//! that is refused in its middle leaves nothing behind.

use super::tables::Tables;
use crate::ledger::{
    body::Body,
    deliveries::{Delivery, DeliveryState},
    error::Refused,
    progress::storable,
    rows::SpentToken,
    transaction::{Change, Committed, FORGET_AT_ONCE, Transaction},
    values::{DeliveryId, Digest, WallTime},
};
use std::collections::BTreeMap;

/// What takes a change back.
pub(super) type Undo = Box<dyn FnOnce(&mut Tables)>;

/// Which table.
pub(super) type Table<K, V> = fn(&mut Tables) -> &mut BTreeMap<K, V>;

impl Tables {
    /// Makes all changes of a transaction, or none.
    pub(super) fn commit(&mut self, transaction: &Transaction, now: WallTime) -> Result<Committed, Refused> {
        let (progress, last_delivery) = (self.progress, self.last_delivery);
        let (fingerprints, drop) = (self.fingerprints.clone(), self.drop.clone());
        let mut undo = Vec::new();
        self.progress.begin(now);
        for change in transaction.changes() {
            if let Err(refused) = self.apply(change, &mut undo) {
                undo.into_iter().rev().for_each(|undo| undo(self));
                (self.progress, self.last_delivery) = (progress, last_delivery);
                (self.fingerprints, self.drop) = (fingerprints, drop);
                return Err(refused);
            }
        }
        let committed = Committed { at: self.progress.at, head: self.progress.head };
        if transaction.is_empty() {
            self.progress = progress;
        }
        self.forget();
        Ok(committed)
    }

    /// Writes a row, or takes it away if there is no value.
    pub(super) fn put<K, V>(&mut self, undo: &mut Vec<Undo>, table: Table<K, V>, key: K, value: Option<V>)
    where
        K: Ord + Clone + 'static,
        V: 'static,
    {
        let rows = table(self);
        let before = match value {
            Some(value) => rows.insert(key.clone(), value),
            None => rows.remove(&key),
        };
        undo.push(Box::new(move |tables| {
            match before {
                Some(before) => table(tables).insert(key, before),
                None => table(tables).remove(&key),
            };
        }));
    }

    /// Takes the first rows away that come before a moment, in the order of their times.
    pub(super) fn forget_rows<K, V>(
        &mut self,
        undo: &mut Vec<Undo>,
        table: Table<K, V>,
        before: WallTime,
        time: impl Fn(&V) -> WallTime,
    ) where
        K: Ord + Clone + 'static,
        V: 'static,
    {
        for key in first_before(table(self), before, time) {
            self.put(undo, table, key, None);
        }
    }

    fn apply(&mut self, change: &Change, undo: &mut Vec<Undo>) -> Result<(), Refused> {
        match change {
            Change::Append { round, body } => {
                let entry = self.progress.append(*round, body)?;
                if let Body::Won(won) = body {
                    if self.tickets.contains_key(&won.ticket) {
                        return Err(Refused::TicketUsed);
                    }
                    self.put(undo, |tables| &mut tables.tickets, won.ticket, Some(()));
                    self.put(undo, |tables| &mut tables.wins, *round, Some(entry.seq));
                    self.put_code(undo, *round, won);
                }
                if let Body::Drop(change) = body {
                    self.drop = Some(change.clone());
                }
                self.put(undo, |tables| &mut tables.entries, entry.seq, Some(entry));
            }
            Change::RequireQuota(quota) => self.check_quota(quota)?,
            Change::AddCodes(codes) => {
                for code in codes {
                    if !self.positions.contains_key(code) {
                        let position = self.listed_codes.last_key_value().map_or(0, |(last, _)| *last) + 1;
                        self.put(undo, |tables| &mut tables.positions, code.clone(), Some(position));
                        self.put(undo, |tables| &mut tables.listed_codes, position, Some((code.clone(), None)));
                    }
                }
            }
            Change::TakeCode { code, round } => {
                let position = self.positions.get(code).copied().ok_or(Refused::CodeTaken)?;
                if self.listed_codes.get(&position).is_none_or(|(_, round)| round.is_some()) {
                    return Err(Refused::CodeTaken);
                }
                let taken = Some((code.clone(), Some(*round)));
                self.put(undo, |tables| &mut tables.listed_codes, position, taken);
            }
            Change::Redeem(redeemed) => self.redeem(undo, redeemed)?,
            Change::Revoke(revoked) => self.revoke(undo, revoked)?,
            Change::ReturnCodes(rounds) => self.return_codes(undo, rounds)?,
            Change::CreateKey(key) => self.create_key(undo, key)?,
            Change::NoteKeyUse(digest) => self.note_key_use(undo, digest),
            Change::RevokeKey(name) => self.revoke_key(undo, name)?,
            Change::KeepAnswer(answer) => self.keep_answer(undo, answer)?,
            Change::ForgetAnswers(before) => {
                self.forget_rows(undo, |tables| &mut tables.answers, *before, |kept| kept.at);
            }
            Change::Snapshot { round, mining_time } => self.progress.note(*round, *mining_time),
            Change::Deliver(new) => {
                if self.webhook_ids.contains_key(&new.webhook_id) {
                    return Err(Refused::WebhookIdUsed);
                }
                self.put(undo, |tables| &mut tables.webhook_ids, new.webhook_id.clone(), Some(()));
                self.last_delivery = DeliveryId(self.last_delivery.0 + 1);
                let delivery = Delivery::new(self.last_delivery, new.clone(), self.progress.at);
                self.put_delivery(undo, delivery);
            }
            Change::DeliveryTried { id, outcome } => {
                let mut delivery = self.deliveries.get(id).cloned().ok_or(Refused::UnknownDelivery(*id))?;
                if delivery.state != DeliveryState::Waiting {
                    return Err(Refused::NotWaiting(*id));
                }
                delivery.tried(self.progress.at, outcome);
                self.put_delivery(undo, delivery);
            }
            Change::ResendDelivery(id) => {
                let mut delivery = self.deliveries.get(id).cloned().ok_or(Refused::UnknownDelivery(*id))?;
                delivery.resend(self.progress.at);
                self.put_delivery(undo, delivery);
            }
            Change::HurryDeliveries { receiver, at } => {
                let waits = |delivery: &&Delivery| {
                    delivery.state == DeliveryState::Waiting
                        && *at < delivery.next_try_at
                        && receiver.as_ref().is_none_or(|receiver| *receiver == delivery.receiver)
                };
                let hurried: Vec<Delivery> = self.deliveries.values().filter(waits).cloned().collect();
                for delivery in hurried {
                    self.put_delivery(undo, Delivery { next_try_at: *at, ..delivery });
                }
            }
            Change::ForgetDelivered(before) => {
                let taken = self
                    .deliveries
                    .values()
                    .filter(|delivery| delivery.state == DeliveryState::Delivered && delivery.created_at < *before);
                let taken: Vec<_> =
                    taken.take(FORGET_AT_ONCE).map(|delivery| (delivery.id, delivery.webhook_id.clone())).collect();
                for (id, webhook_id) in taken {
                    self.put(undo, |tables| &mut tables.deliveries, id, None);
                    self.put(undo, |tables| &mut tables.webhook_ids, webhook_id, None);
                }
            }
            Change::PutSession(session) => {
                self.put(undo, |tables| &mut tables.sessions, session.id.clone(), Some(session.clone()));
            }
            Change::PutClient(client) => {
                if !self.sessions.contains_key(&client.session) {
                    return Err(Refused::UnknownSession);
                }
                if let Some(before) = self.clients.get(&client.key) {
                    let index = (before.session.clone(), before.key);
                    self.put(undo, |tables| &mut tables.clients_of, index, None);
                }
                self.put(undo, |tables| &mut tables.clients_of, (client.session.clone(), client.key), Some(()));
                self.put(undo, |tables| &mut tables.clients, client.key, Some(client.clone()));
            }
            Change::RenewClients(clients) => {
                for (key, expires_at) in clients {
                    if let Some(mut client) = self.clients.get(key).cloned() {
                        client.expires_at = *expires_at;
                        self.put(undo, |tables| &mut tables.clients, *key, Some(client));
                    }
                }
            }
            Change::RemoveClient(key) => self.remove_client(undo, *key),
            Change::RemoveSession(id) => {
                for key in self.clients_of(id) {
                    self.remove_client(undo, key);
                }
                self.put(undo, |tables| &mut tables.sessions, id.clone(), None);
            }
            Change::ForgetClients(before) => {
                for key in first_before(&self.clients, *before, |client| client.expires_at) {
                    self.remove_client(undo, key);
                }
            }
            Change::SpendToken(SpentToken { token, expires_at }) => {
                if self.tokens.contains_key(token) {
                    return Err(Refused::TokenSpent);
                }
                self.put(undo, |tables| &mut tables.tokens, *token, Some(*expires_at));
            }
            Change::ForgetTokens(before) => {
                self.forget_rows(undo, |tables| &mut tables.tokens, *before, |expires_at| *expires_at);
            }
            Change::PutStrike(strike) => {
                self.put(undo, |tables| &mut tables.strikes, strike.session.clone(), Some(strike.clone()));
            }
            Change::RemoveStrike(session) => {
                self.put(undo, |tables| &mut tables.strikes, session.clone(), None);
            }
            Change::ForgetStrikes(before) => {
                self.forget_rows(undo, |tables| &mut tables.strikes, *before, |strike| strike.until);
            }
            Change::RaiseCounter { counter, to } => {
                let value = self.progress.counters.of(*counter);
                *value = storable(*to)?.max(*value);
            }
            Change::SetFingerprints(fingerprints) => self.fingerprints = Some(fingerprints.clone()),
            Change::MoveCursor { name, from, to } => {
                self.progress.may_move(name, self.cursor(name), *from, *to)?;
                self.put(undo, |tables| &mut tables.cursors, name.clone(), Some(*to));
            }
        }
        Ok(())
    }

    fn put_delivery(&mut self, undo: &mut Vec<Undo>, delivery: Delivery) {
        self.put(undo, |tables| &mut tables.deliveries, delivery.id, Some(delivery));
    }

    /// Forgets a client, and with the last one its session.
    fn remove_client(&mut self, undo: &mut Vec<Undo>, key: Digest) {
        let Some(session) = self.clients.get(&key).map(|client| client.session.clone()) else { return };
        self.put(undo, |tables| &mut tables.clients, key, None);
        self.put(undo, |tables| &mut tables.clients_of, (session.clone(), key), None);
        if self.clients_of(&session).is_empty() {
            self.put(undo, |tables| &mut tables.sessions, session, None);
        }
    }

    /// Lets the oldest entries go that are too many, but for those of the newest round.
    fn forget(&mut self) {
        while self.most_entries < self.entries.len() {
            let Some((seq, entry)) = self.entries.pop_first() else { break };
            if seq == self.progress.opened {
                self.entries.insert(seq, entry);
                break;
            }
            if let Body::Won(won) = &entry.body {
                self.tickets.remove(&won.ticket);
                self.wins.remove(&entry.round);
                self.forget_code(entry.round, won);
            }
        }
    }
}

/// The keys of the first rows that come before a moment, in the order of their times.
fn first_before<K: Ord + Clone, V>(rows: &BTreeMap<K, V>, before: WallTime, time: impl Fn(&V) -> WallTime) -> Vec<K> {
    let mut old: Vec<(WallTime, &K)> =
        rows.iter().map(|(key, row)| (time(row), key)).filter(|(time, _)| *time < before).collect();
    old.sort();
    old.into_iter().take(FORGET_AT_ONCE).map(|(_, key)| key.clone()).collect()
}
