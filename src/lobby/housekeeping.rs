//! The passing of time: idle sessions end, old things are deleted, in small steps.

use super::{
    Lobby,
    store::{Slot, Write},
};
use crate::{identity::session::ClientKey, race::SessionId};
use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

/// Between two rounds of cleaning.
const INTERVAL: Duration = Duration::from_secs(600);

/// Between two steps, so that others get their turn.
const BREATH: Duration = Duration::from_millis(5);

/// How many clients are written down together.
const TOGETHER: usize = 500;

impl Lobby {
    /// Cleans up every ten minutes until the lobby stops.
    pub async fn keep_house(self) {
        let mut stopping = self.shared.stopping.subscribe();
        loop {
            tokio::select! {
                _ = stopping.wait_for(|stopping| *stopping) => return,
                () = tokio::time::sleep(INTERVAL) => {}
            }
            self.end_idle_sessions().await;
            self.note_last_seen().await;
            self.delete_old_things().await;
        }
    }

    /// Ends the presence of sessions that are no more, and of clients.
    pub(super) async fn end_idle_sessions(&self) {
        let mut gone = self.shared.environment.sessions.sweep();
        let keys = self.client_keys();
        let living: HashSet<ClientKey> =
            self.shared.environment.sessions.idle_times(&keys).into_iter().map(|(key, _)| key).collect();
        {
            let state = self.lock();
            let lifeless = state.users.iter().filter(|(_, user)| !user.clients.keys().any(|key| living.contains(key)));
            gone.extend(lifeless.map(|(id, _)| id.clone()));
        }
        for id in gone {
            let Some(slot) = self.patient_slot().await else { return };
            let moment = self.moment();
            let mut state = self.lock();
            state.quit(moment, &id, "Idle for too long");
            slot.write(std::mem::take(&mut state.writes));
        }
        let Some(slot) = self.patient_slot().await else { return };
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
        for some in self.shared.environment.sessions.idle_times(&keys).chunks(TOGETHER) {
            let Some(slot) = self.patient_slot().await else { return };
            let seen_lately = some.iter().filter(|(_, idle)| *idle < 2 * INTERVAL);
            let write = |(key, idle): &(ClientKey, Duration)| {
                let session = owners.get(key)?.clone();
                Some(Write::SaveClient { key: *key, session, last_seen: now.saturating_sub(idle.as_secs()) })
            };
            slot.write(seen_lately.filter_map(write).collect());
            tokio::time::sleep(BREATH).await;
        }
    }

    /// Shortens histories and forgets what has had its time.
    pub(super) async fn delete_old_things(&self) {
        let channels: Vec<String> = self.lock().channels.values().map(super::state::Channel::target).collect();
        let conversations = self.shared.store.conversations().await.unwrap_or_default();
        let keep = self.shared.environment.history;
        let targets = channels.into_iter().chain(conversations).map(Some).chain([None]);
        for target in targets {
            let now = self.moment().seconds();
            // Steps are small; a target that needs more than these goes on next time.
            for _ in 0..200 {
                match self.shared.store.clean(now, target.clone(), keep).await {
                    Ok(true) => tokio::time::sleep(BREATH).await,
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
            let Some(slot) = self.patient_slot().await else { return };
            let write = |line: std::sync::Arc<super::envelope::Line>| Write::SaveQueued {
                client,
                seq: line.seq,
                envelope: line.json().to_owned(),
            };
            slot.write(mailbox.all().into_iter().map(write).collect());
        }
    }

    /// A place in the store's queue; waits for one, but not for ever.
    async fn patient_slot(&self) -> Option<Slot<'_>> {
        for _ in 0..100 {
            match self.shared.store.reserve() {
                Ok(slot) => return Some(slot),
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
        tracing::warn!("the lobby's housekeeping finds its store busy and goes on later");
        None
    }

    fn client_keys(&self) -> Vec<ClientKey> {
        self.lock().users.values().flat_map(|user| user.clients.keys().copied()).collect()
    }
}
