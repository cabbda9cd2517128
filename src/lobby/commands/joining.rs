//! JOIN and PART: coming into a channel and leaving it.

use super::caller::{Caller, Outcome, argument, no_such_channel};
use crate::{
    identity::nick::Folded,
    lobby::{
        channel_name::ChannelName,
        numeric,
        state::{Channel, MOST_CHANNELS_OF_A_USER, Rank},
        store::Write,
    },
};

/// How many channels one JOIN or PART may name.
const MOST_TARGETS: usize = 10;

impl Caller<'_> {
    pub(super) fn join(&mut self, arguments: &[&str]) -> Outcome {
        for name in targets(argument(arguments, 0, "JOIN")?) {
            self.join_one(name)?;
        }
        Ok(())
    }

    fn join_one(&mut self, name: &str) -> Outcome {
        let name: ChannelName = name.parse().map_err(|_| no_such_channel(name))?;
        let folded = name.folded();
        let mine = self.state.users.get(&self.me).map_or(0, |user| user.channels.len());
        if self.my_rank(&folded).is_some() {
            return Ok(());
        }
        if MOST_CHANNELS_OF_A_USER <= mine {
            return Err(numeric::TOOMANYCHANNELS.about(&[name.as_str()]));
        }
        if !self.state.channels.contains_key(&folded) {
            self.state.make_room_for_channel(self.moment);
        }
        let has_room = self.state.has_room_for_channel();
        let since = self.state.last_seq;
        let rank = match self.state.channels.get_mut(&folded) {
            Some(channel) if channel.modes.invite_only && !channel.invited.contains(&self.me) => {
                return Err(numeric::INVITEONLYCHAN.about(&[channel.name.as_str()]));
            }
            Some(channel) => {
                channel.invited.remove(&self.me);
                Rank { since, ..Rank::default() }
            }
            None if !has_room => {
                return Err(numeric::UNAVAILRESOURCE.about(&[name.as_str()]));
            }
            None => {
                self.create(name);
                Rank { operator: true, voice: false, since }
            }
        };
        if let Some(channel) = self.state.channels.get_mut(&folded) {
            channel.members.insert(self.me.clone(), rank);
            let Rank { operator, voice, since } = rank;
            self.state.writes.push(Write::SaveMember {
                channel: channel.id,
                session: self.me.clone(),
                operator,
                voice,
                since,
            });
        }
        if let Some(user) = self.state.users.get_mut(&self.me) {
            user.channels.insert(folded.clone());
        }
        let shown = self.name_as_created(&folded);
        let event = self.event("JOIN", &shown, &[], &[]);
        self.state.tell_channel(&folded, &event);
        self.show_topic(&folded, false);
        self.show_names(&folded);
        Ok(())
    }

    /// Tells a new client of a channel that its session is in.
    pub(in super::super) fn show_joined(&mut self, folded: &Folded) {
        let shown = self.name_as_created(folded);
        let event = self.event("JOIN", &shown, &[], &[]);
        self.state.deliveries.push(self.mailbox.clone(), event);
        self.show_topic(folded, false);
        self.show_names(folded);
    }

    fn create(&mut self, name: ChannelName) {
        self.state.last_channel += 1;
        let channel = Channel::new(self.state.last_channel, name, self.moment);
        self.state.writes.push(Write::SaveChannel(channel.row()));
        self.state.channels.insert(channel.name.folded(), channel);
    }

    pub(super) fn part(&mut self, arguments: &[&str]) -> Outcome {
        for name in targets(argument(arguments, 0, "PART")?) {
            let folded = self.joined_channel(name)?;
            let shown = self.name_as_created(&folded);
            let reason: Vec<String> = arguments.get(1).map(|reason| self.reason(&folded, reason)).into_iter().collect();
            let event = self.event("PART", &shown, &[], &reason);
            self.state.tell_channel(&folded, &event);
            let me = self.me.clone();
            self.state.leave(&me, &folded);
        }
        Ok(())
    }
}

fn targets(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').filter(|name| !name.is_empty()).take(MOST_TARGETS)
}
