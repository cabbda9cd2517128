//! What operators and members do in their channel: topic, KICK and INVITE, and how a
//! channel is shown.

use super::caller::{Caller, Outcome, argument, no_such_channel, no_such_nick, not_on_channel};
use crate::{
    identity::nick::Folded,
    lobby::{numeric, state::MOST_INVITED, store::Write},
};

/// The longest topic, in bytes.
const LONGEST_TOPIC: usize = 512;

/// How many nicks are listed of one channel.
const MOST_NAMES: usize = 500;

/// How many nicks one 353 lists.
const NAMES_PER_REPLY: usize = 100;

impl Caller<'_> {
    pub(super) fn topic(&mut self, arguments: &[&str]) -> Outcome {
        let name = argument(arguments, 0, "TOPIC")?;
        let folded = self.visible_channel(name)?;
        let Some(text) = arguments.get(1) else {
            self.show_topic(&folded, true);
            return Ok(());
        };
        let rank = self.my_rank(&folded).ok_or_else(|| not_on_channel(name))?;
        let is_locked = self.state.channels.get(&folded).is_some_and(|channel| channel.modes.topic_locked);
        if is_locked && !rank.operator {
            return Err(numeric::CHANOPRIVSNEEDED.about(&[&self.name_as_created(&folded)]));
        }
        // Operators could take +H away for it anyway.
        if !rank.operator {
            self.may_tell(&folded)?;
        }
        let (nick, at) = (self.my_nick(), self.moment.seconds());
        let Some(channel) = self.state.channels.get_mut(&folded) else { return Err(no_such_channel(name)) };
        let end = text.floor_char_boundary(LONGEST_TOPIC);
        let text = text[..end].to_owned();
        channel.topic = (!text.is_empty()).then(|| (text.clone(), nick, at));
        self.state.writes.push(Write::SaveChannel(channel.row()));
        let shown = channel.name.to_string();
        let event = self.event("TOPIC", &shown, &[], &[text]);
        self.state.tell_channel(&folded, &event);
        Ok(())
    }

    pub(super) fn kick(&mut self, arguments: &[&str]) -> Outcome {
        let (name, nick) = (argument(arguments, 0, "KICK")?, argument(arguments, 1, "KICK")?);
        let folded = self.operated_channel(name)?;
        let (id, shown_nick) = self.member(&folded, nick)?;
        let reason = match arguments.get(2) {
            Some(reason) => self.reason(&folded, reason),
            None => self.my_nick(),
        };
        let shown = self.name_as_created(&folded);
        let event = self.event("KICK", &shown, &[shown_nick], &[reason]);
        self.state.tell_channel(&folded, &event);
        self.state.leave(&id, &folded);
        Ok(())
    }

    /// `INVITE nick #channel`, in either order.
    pub(super) fn invite(&mut self, arguments: &[&str]) -> Outcome {
        let (first, second) = (argument(arguments, 0, "INVITE")?, argument(arguments, 1, "INVITE")?);
        let (nick, name) = if first.starts_with('#') { (second, first) } else { (first, second) };
        let Some((id, shown_nick)) = self.state.by_nick(nick).map(|(id, user)| (id.clone(), user.nick.to_string()))
        else {
            return Err(no_such_nick(nick));
        };
        let folded = self.joined_channel(name)?;
        let rank = self.my_rank(&folded).unwrap_or_default();
        let Some(channel) = self.state.channels.get_mut(&folded) else { return Err(no_such_channel(name)) };
        if channel.modes.invite_only && !rank.operator {
            return Err(numeric::CHANOPRIVSNEEDED.about(&[channel.name.as_str()]));
        }
        if channel.members.contains_key(&id) {
            return Err(numeric::USERONCHANNEL.about(&[&shown_nick, channel.name.as_str()]));
        }
        if MOST_INVITED <= channel.invited.len() {
            channel.invited.clear();
        }
        channel.invited.insert(id.clone());
        let shown = channel.name.to_string();
        let event = self.event("INVITE", &shown_nick, std::slice::from_ref(&shown), &[]);
        self.state.tell(&id, &event);
        self.reply(&numeric::INVITING.saying(&[&shown_nick, &shown], "Invited"));
        Ok(())
    }

    /// 332 and 333, or 331 if there is no topic and somebody asked for it.
    pub(super) fn show_topic(&mut self, folded: &Folded, asked: bool) {
        let Some(channel) = self.state.channels.get(folded) else { return };
        let name = channel.name.to_string();
        match channel.topic.clone() {
            Some((text, by, at)) => {
                let at = at.to_string();
                self.reply(&numeric::TOPIC.saying(&[&name], text));
                self.reply(&numeric::TOPICWHOTIME.saying(&[&name, &by, &at], format!("Topic set by {by}")));
            }
            None if asked => self.reply(&numeric::NOTOPIC.about(&[&name])),
            None => {}
        }
    }

    /// 353 and 366.
    pub(super) fn show_names(&mut self, folded: &Folded) {
        let Some(channel) = self.state.channels.get(folded) else { return };
        let (name, kind) = (channel.name.to_string(), if channel.modes.secret { "@" } else { "=" });
        let mut nicks: Vec<String> = channel
            .foremost(MOST_NAMES)
            .filter_map(|(id, rank)| Some(format!("{}{}", rank.prefix(), self.state.users.get(id)?.nick)))
            .collect();
        self.charge_for_list(nicks.len());
        nicks.sort_unstable_by_key(|nick| nick.trim_start_matches(['@', '+']).to_ascii_lowercase());
        for some in nicks.chunks(NAMES_PER_REPLY) {
            self.reply(&numeric::NAMREPLY.saying(&[kind, &name], some.join(" ")));
        }
        self.reply(&numeric::ENDOFNAMES.about(&[&name]));
    }
}
