//! What happens as time passes: idle sessions end, and old things are deleted, in
//! small steps.

use super::{
    event::Event,
    handle::Lobby,
    state::Channel,
    store::{Slot, Write},
};
use crate::identity::session::{ClientKey, SessionId};
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

/// Between two clean-ups.
const CLEAN_UP_INTERVAL: Duration = Duration::from_secs(600);

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
        loop {
            tokio::select! {
                _ = stopping.wait_for(|stopping| *stopping) => return,
                () = tokio::time::sleep(CLEAN_UP_INTERVAL) => {}
            }
            self.end_idle_sessions().await;
            self.note_last_seen().await;
            self.delete_old_things().await;
        }
    }

    /// Takes sessions and clients that have ended out of the lobby.
    pub(super) async fn end_idle_sessions(&self) {
        let mut gone = self.shared.environment.sessions.sweep();
        let keys = self.client_keys();
        let living: HashSet<ClientKey> =
            self.shared.environment.sessions.idle_times(&keys).into_iter().map(|(key, _)| key).collect();
        {
            let state = self.lock();
            let ended = state.users.iter().filter(|(_, user)| !user.clients.keys().any(|key| living.contains(key)));
            gone.extend(ended.map(|(id, _)| id.clone()));
        }
        for id in gone {
            let Some(slot) = self.wait_for_slot().await else { return };
            let moment = self.moment();
            let mut state = self.lock();
            state.quit(moment, &id, "Idle for too long");
            slot.write(std::mem::take(&mut state.writes));
        }
        let Some(slot) = self.wait_for_slot().await else { return };
        let keys: HashSet<ClientKey> = keys.into_iter().collect();
        let mut state = self.lock();
        let mut writes = Vec::new();
        for user in state.users.values_mut() {
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
        slot.write(writes);
    }

    /// Writes down when clients were last seen, so that idleness is counted over a
    /// restart as well.
    pub(super) async fn note_last_seen(&self) {
        let owners: HashMap<ClientKey, SessionId> = {
            let state = self.lock();
            let keys = state.users.iter().flat_map(|(id, user)| user.clients.keys().map(move |key| (*key, id.clone())));
            keys.collect()
        };
        let keys: Vec<ClientKey> = owners.keys().copied().collect();
        let now = self.moment().seconds();
        for some in self.shared.environment.sessions.idle_times(&keys).chunks(CLIENTS_PER_STEP) {
            let Some(slot) = self.wait_for_slot().await else { return };
            let seen_lately = some.iter().filter(|(_, idle)| *idle < 2 * CLEAN_UP_INTERVAL);
            let write = |(key, idle): &(ClientKey, Duration)| {
                let session = owners.get(key)?.clone();
                Some(Write::SaveClient { key: *key, session, last_seen: now.saturating_sub(idle.as_secs()) })
            };
            slot.write(seen_lately.filter_map(write).collect());
            tokio::time::sleep(PAUSE_BETWEEN_STEPS).await;
        }
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
        for (client, mailbox) in queues {
            let Some(slot) = self.wait_for_slot().await else { return };
            let write =
                |event: Arc<Event>| Write::SaveQueued { client, seq: event.seq, envelope: event.json().to_owned() };
            slot.write(mailbox.all().into_iter().map(write).collect());
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

    fn client_keys(&self) -> Vec<ClientKey> {
        self.lock().users.values().flat_map(|user| user.clients.keys().copied()).collect()
    }
}
