//! What happens as time passes: idle sessions end, and old things are deleted, in
//! small steps.

use super::{
    handle::Lobby,
    state::{Channel, State},
    store::{Slot, Write, Written},
};
use crate::identity::session::{ClientKey, SessionId};
use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

/// Between two clean-ups.
const CLEAN_UP_INTERVAL: Duration = Duration::from_secs(600);

/// How often it is looked whether something could not be written.
const REPAIR_INTERVAL: Duration = Duration::from_secs(5);

/// Between two steps of a clean-up, so that the store does others' work as well.
const PAUSE_BETWEEN_STEPS: Duration = Duration::from_millis(5);

/// How many steps of a clean-up one channel or conversation may take; what is left is
/// deleted the next time.
const MOST_STEPS_PER_TARGET: usize = 200;

/// How many clients are written down in one step.
const CLIENTS_PER_STEP: usize = 500;

/// How often a place in the store's queue is asked for before giving up, and how long
/// after a refusal it is asked for again.
const MOST_ATTEMPTS_TO_RESERVE: usize = 100;
const PAUSE_BETWEEN_ATTEMPTS: Duration = Duration::from_millis(50);

impl Lobby {
    /// Cleans up every ten minutes until the lobby stops.
    pub async fn clean_up_regularly(self) {
        let mut stopping = self.shared.stopping.subscribe();
        let mut cleaned = self.shared.clock.now();
        loop {
            tokio::select! {
                _ = stopping.wait_for(|stopping| *stopping) => return,
                () = tokio::time::sleep(REPAIR_INTERVAL) => {}
            }
            self.make_good().await;
            if self.shared.clock.now().saturating_sub(cleaned) < CLEAN_UP_INTERVAL {
                continue;
            }
            cleaned = self.shared.clock.now();
            self.end_idle_sessions().await;
            self.note_last_seen().await;
            self.delete_old_things().await;
        }
    }

    /// Takes sessions and clients that have ended out of the lobby.
    pub(super) async fn end_idle_sessions(&self) {
        let mut gone = self.shared.environment.sessions.sweep();
        let keys = self.client_keys();
        let living: HashSet<ClientKey> = self.idle_times(&keys).into_iter().map(|(key, _)| key).collect();
        {
            let state = self.lock();
            let ended = state.users.iter().filter(|(_, user)| !user.clients.keys().any(|key| living.contains(key)));
            gone.extend(ended.map(|(id, _)| id.clone()));
        }
        let mut underway = Vec::new();
        for id in gone {
            let Some(slot) = self.wait_for_slot().await else { return };
            let moment = self.moment();
            let mut state = self.lock();
            state.quit(moment, &id, "Idle for too long");
            underway.push(state.hand_over(slot));
        }
        let Some(slot) = self.wait_for_slot().await else { return };
        let keys: HashSet<ClientKey> = keys.into_iter().collect();
        underway.push(self.forget_clients(slot, &keys, &living));
        for written in underway {
            if written.stored().await.is_err() {
                tracing::warn!("sessions that have ended are not written down yet");
                return;
            }
        }
    }

    /// Takes the clients out that are among `keys` and not `living`.
    fn forget_clients(&self, slot: Slot<'_>, keys: &HashSet<ClientKey>, living: &HashSet<ClientKey>) -> Written {
        let mut state = self.lock();
        let State { users, writes, .. } = &mut *state;
        for user in users.values_mut() {
            user.clients.retain(|key, mailbox| {
                // A client that came while we looked is not among the keys.
                let stays = living.contains(key) || !keys.contains(key);
                if !stays {
                    mailbox.close();
                    writes.push(Write::DeleteClient(*key));
                }
                stays
            });
        }
        state.hand_over(slot)
    }

    /// Writes down when clients were last seen, so that idleness is counted over a
    /// restart as well.
    pub(super) async fn note_last_seen(&self) {
        let owners: HashMap<ClientKey, (SessionId, u64)> = {
            let state = self.lock();
            let clients = state.users.iter().flat_map(|(id, user)| {
                user.clients.iter().map(move |(key, mailbox)| (*key, (id.clone(), mailbox.since)))
            });
            clients.collect()
        };
        let keys: Vec<ClientKey> = owners.keys().copied().collect();
        let now = self.moment().seconds();
        for some in self.idle_times(&keys).chunks(CLIENTS_PER_STEP) {
            let Some(slot) = self.wait_for_slot().await else { return };
            self.save_clients(slot, some, &owners, now);
            tokio::time::sleep(PAUSE_BETWEEN_STEPS).await;
        }
    }

    fn save_clients(
        &self,
        slot: Slot<'_>,
        idle: &[(ClientKey, Duration)],
        owners: &HashMap<ClientKey, (SessionId, u64)>,
        now: u64,
    ) {
        let mut state = self.lock();
        let seen_lately = idle.iter().filter(|(_, idle)| *idle < 2 * CLEAN_UP_INTERVAL);
        let write = |(key, idle): &(ClientKey, Duration)| {
            let (session, since) = owners.get(key)?.clone();
            // It may have ended meanwhile.
            state.users.get(&session)?.clients.get(key)?;
            Some(Write::SaveClient { key: *key, session, last_seen: now.saturating_sub(idle.as_secs()), since })
        };
        let writes: Vec<Write> = seen_lately.filter_map(write).collect();
        state.writes.extend(writes);
        state.hand_over(slot).without_waiting();
    }

    /// Shortens histories and deletes what is too old.
    pub(super) async fn delete_old_things(&self) {
        let channels: Vec<String> = self.lock().channels.values().map(Channel::target).collect();
        let conversations = self.shared.store.conversations().await.unwrap_or_default();
        let keep = self.shared.environment.history;
        let targets = channels.into_iter().chain(conversations).map(Some).chain([None]);
        for target in targets {
            let now = self.moment().seconds();
            for _ in 0..MOST_STEPS_PER_TARGET {
                match self.shared.store.clean(now, target.clone(), keep).await {
                    Ok(true) => tokio::time::sleep(PAUSE_BETWEEN_STEPS).await,
                    Ok(false) => break,
                    Err(_) => return,
                }
            }
        }
    }

    /// Writes down what clients have in their queues, for the next start.
    pub(super) async fn save_queues(&self) {
        let queues: Vec<_> = {
            let state = self.lock();
            let clients = state.users.values().flat_map(|user| &user.clients);
            clients.map(|(key, mailbox)| (*key, mailbox.clone())).collect()
        };
        // Most lines stand in many queues, and are written once.
        let mut written: HashSet<u64> = HashSet::new();
        for some in queues.chunks(CLIENTS_PER_STEP) {
            let Some(slot) = self.wait_for_slot().await else { return };
            let mut writes = Vec::new();
            for (client, mailbox) in some {
                let events = mailbox.all();
                let lines = events.iter().filter(|event| written.insert(event.seq));
                writes.extend(lines.map(|event| Write::SaveLine { seq: event.seq, envelope: event.json().to_owned() }));
                let numbers = events.iter().map(|event| event.seq).collect();
                writes.push(Write::SaveQueue { client: *client, numbers });
            }
            slot.write(writes, |_| {}).without_waiting();
        }
    }

    /// Writes down how everything is, after something could not be written: from then on
    /// memory and database are the same again.
    pub(super) async fn make_good(&self) {
        if !self.shared.store.must_be_told_everything().await {
            return;
        }
        let Some(slot) = self.wait_for_slot().await else { return };
        let now = self.moment().seconds();
        let written = {
            let mut state = self.lock();
            let writes = state.everything(now);
            state.writes.extend(writes);
            state.hand_over(slot)
        };
        if written.stored().await.is_ok() {
            tracing::info!("the lobby's database can be written again, and has what it missed");
        }
    }

    /// A place in the store's queue; waits for one, but not for ever.
    async fn wait_for_slot(&self) -> Option<Slot<'_>> {
        for _ in 0..MOST_ATTEMPTS_TO_RESERVE {
            match self.shared.store.reserve() {
                Ok(slot) => return Some(slot),
                Err(_) => tokio::time::sleep(PAUSE_BETWEEN_ATTEMPTS).await,
            }
        }
        tracing::warn!("the lobby's store is busy: its clean-up goes on at the next one");
        None
    }

    /// For how long each of the clients has been idle; those that are gone are left out.
    /// The race asks for its sessions as well: so it is some at a time, and never all of
    /// them under one lock.
    fn idle_times(&self, keys: &[ClientKey]) -> Vec<(ClientKey, Duration)> {
        let sessions = &self.shared.environment.sessions;
        keys.chunks(CLIENTS_PER_STEP).flat_map(|some| sessions.idle_times(some)).collect()
    }

    fn client_keys(&self) -> Vec<ClientKey> {
        self.lock().users.values().flat_map(|user| user.clients.keys().copied()).collect()
    }
}
