//! Room for newcomers: the lobby is full for nobody.
//!
//! When there are as many people or channels as there can be, those go that have shown
//! least: people without words and password before all others, channels in which nobody
//! ever spoke before those in which it is long ago. Whoever has to go keeps its session,
//! and comes in again with its next call.

use super::{
    event::Draft,
    state::{Channel, LOBBY_ID, Moment, State, User},
    store::Write,
};
use crate::identity::{nick::Folded, session::SessionId};
use std::time::Duration;

/// How many people go at once: looking for them costs a look at everybody, and each that
/// goes is told of to all who share a channel.
const PEOPLE_AT_ONCE: usize = 32;

/// How many channels go at once.
const CHANNELS_AT_ONCE: usize = 32;

/// A channel in which nobody has spoken for so long frees its name when names are short.
const SILENCE: Duration = Duration::from_secs(3600);

/// What somebody has shown: the least goes first.
fn rank_of_user(user: &User) -> (bool, bool, Duration) {
    (user.password.is_some(), user.has_spoken, user.last_spoke)
}

/// The same of a channel.
fn rank_of_channel(channel: &Channel, now: Duration) -> (bool, bool, Duration) {
    let is_lively = channel.has_words && now.saturating_sub(channel.last_words) < SILENCE;
    (is_lively, channel.has_words, channel.last_words)
}

/// The keys of the few rows of the least rank.
fn least<K, R: Ord>(rows: impl Iterator<Item = (R, K)>, most: usize) -> Vec<K> {
    let mut rows: Vec<(R, K)> = rows.collect();
    if most < rows.len() {
        rows.select_nth_unstable_by(most, |(one, _), (other, _)| one.cmp(other));
        rows.truncate(most);
    }
    rows.into_iter().map(|(_, key)| key).collect()
}

impl State {
    /// Makes sure that somebody new may come in.
    pub(super) fn make_room(&mut self, moment: Moment) {
        if self.has_room() {
            return;
        }
        let users = self.users.iter().map(|(id, user)| (rank_of_user(user), id.clone()));
        for id in least::<SessionId, _>(users, PEOPLE_AT_ONCE) {
            self.quit(moment, &id, "Made room for others");
        }
    }

    /// Makes sure that a new channel may be made.
    pub(super) fn make_room_for_channel(&mut self, moment: Moment) {
        if self.has_room_for_channel() {
            return;
        }
        let channels = self.channels.iter().filter(|(_, channel)| channel.id != LOBBY_ID);
        let ranked = channels.map(|(name, channel)| (rank_of_channel(channel, moment.now), name.clone()));
        for name in least(ranked, CHANNELS_AT_ONCE) {
            self.close_channel(moment, &name);
        }
    }

    /// Takes everybody out of a channel; each is told of their own leaving.
    fn close_channel(&mut self, moment: Moment, name: &Folded) {
        let Some(channel) = self.channels.get(name) else { return };
        let (shown, members) = (channel.name.to_string(), channel.members.keys().cloned().collect::<Vec<_>>());
        let body = ["Made room for other channels".to_owned()];
        for member in members {
            if let Some(nick) = self.users.get(&member).map(|user| user.nick.to_string()) {
                let draft = Draft { command: "PART", from: &nick, to: &shown, body: &body, ..Draft::default() };
                let (_, event) = self.event(moment, &draft);
                self.tell(&member, &event);
            }
            self.leave(&member, name);
        }
        // The last who leaves ends a channel; one in which nobody is has no last.
        if let Some(channel) = self.channels.remove(name) {
            self.writes.push(Write::DeleteChannel(channel.id));
        }
    }
}
