//! Commands about channels: who is in, what it is about, what its modes are.

use super::{Act, Outcome, argument, short};
use crate::{
    identity::nick::Folded,
    lobby::{
        channel_name::ChannelName,
        modes::{self, Change, ChannelModes, Told},
        numeric::{self, Numeric},
        state::{Channel, MOST_CHANNELS_OF_A_USER, MOST_INVITED, Rank},
        store::Write,
    },
    race::SessionId,
};
use std::collections::{HashMap, HashSet};

/// The longest topic, in bytes.
const LONGEST_TOPIC: usize = 512;

/// How many nicks one 353 lists.
const NAMES_PER_REPLY: usize = 100;

/// How many channels one JOIN or PART may name.
const MOST_TARGETS: usize = 10;

impl Act<'_> {
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
        let has_room = self.state.has_room_for_channel();
        let rank = match self.state.channels.get_mut(&folded) {
            Some(channel) if channel.modes.invite_only && !channel.invited.contains(&self.me) => {
                return Err(numeric::INVITEONLYCHAN.about(&[channel.name.as_str()]));
            }
            Some(channel) => {
                channel.invited.remove(&self.me);
                Rank::default()
            }
            None if !has_room => {
                return Err(numeric::UNAVAILRESOURCE.about(&[name.as_str()]));
            }
            None => {
                self.create(name);
                Rank { operator: true, voice: false }
            }
        };
        if let Some(channel) = self.state.channels.get_mut(&folded) {
            channel.members.insert(self.me.clone(), rank);
            let Rank { operator, voice } = rank;
            self.state.writes.push(Write::SaveMember {
                channel: channel.id,
                session: self.me.clone(),
                operator,
                voice,
            });
        }
        if let Some(user) = self.state.users.get_mut(&self.me) {
            user.channels.insert(folded.clone());
        }
        let shown = self.shown(&folded);
        let line = self.mine("JOIN", &shown, &[], &[]);
        self.state.tell_channel(&folded, &line);
        self.show_topic(&folded, false);
        self.show_names(&folded);
        Ok(())
    }

    /// Tells a new client of a channel that its session is in.
    pub(in super::super) fn show_joined(&mut self, folded: &Folded) {
        let shown = self.shown(folded);
        let line = self.mine("JOIN", &shown, &[], &[]);
        self.mailbox.push(line, &self.state.weight);
        self.show_topic(folded, false);
        self.show_names(folded);
    }

    fn create(&mut self, name: ChannelName) {
        self.state.last_channel += 1;
        let channel = Channel {
            id: self.state.last_channel,
            name,
            topic: None,
            modes: ChannelModes::initial(),
            created_at: self.moment.seconds(),
            members: HashMap::new(),
            invited: HashSet::new(),
        };
        self.state.writes.push(Write::SaveChannel(channel.row()));
        self.state.channels.insert(channel.name.folded(), channel);
    }

    pub(super) fn part(&mut self, arguments: &[&str]) -> Outcome {
        let reason: Vec<String> = arguments.get(1).map(|reason| (*reason).to_owned()).into_iter().collect();
        for name in targets(argument(arguments, 0, "PART")?) {
            let folded = self.joined(name)?;
            let shown = self.shown(&folded);
            let line = self.mine("PART", &shown, &[], &reason);
            self.state.tell_channel(&folded, &line);
            let me = self.me.clone();
            self.state.leave(&me, &folded);
        }
        Ok(())
    }

    pub(super) fn topic(&mut self, arguments: &[&str]) -> Outcome {
        let name = argument(arguments, 0, "TOPIC")?;
        let folded = self.visible(name)?;
        let Some(text) = arguments.get(1) else {
            self.show_topic(&folded, true);
            return Ok(());
        };
        let rank = self.my_rank(&folded).ok_or_else(|| not_on_channel(name))?;
        let (nick, at) = (self.my_nick(), self.moment.seconds());
        let Some(channel) = self.state.channels.get_mut(&folded) else { return Err(no_such_channel(name)) };
        if channel.modes.topic_locked && !rank.operator {
            return Err(numeric::CHANOPRIVSNEEDED.about(&[channel.name.as_str()]));
        }
        let end = text.floor_char_boundary(LONGEST_TOPIC);
        let text = text[..end].to_owned();
        channel.topic = (!text.is_empty()).then(|| (text.clone(), nick, at));
        self.state.writes.push(Write::SaveChannel(channel.row()));
        let shown = channel.name.to_string();
        let line = self.mine("TOPIC", &shown, &[], &[text]);
        self.state.tell_channel(&folded, &line);
        Ok(())
    }

    pub(super) fn kick(&mut self, arguments: &[&str]) -> Outcome {
        let (name, nick) = (argument(arguments, 0, "KICK")?, argument(arguments, 1, "KICK")?);
        let folded = self.commanded(name)?;
        let (id, shown_nick) = self.member(&folded, nick)?;
        let reason = arguments.get(2).map_or_else(|| self.my_nick(), |reason| (*reason).to_owned());
        let shown = self.shown(&folded);
        let line = self.mine("KICK", &shown, &[shown_nick], &[reason]);
        self.state.tell_channel(&folded, &line);
        self.state.leave(&id, &folded);
        Ok(())
    }

    /// `INVITE nick #channel`, in either order.
    pub(super) fn invite(&mut self, arguments: &[&str]) -> Outcome {
        let (first, second) = (argument(arguments, 0, "INVITE")?, argument(arguments, 1, "INVITE")?);
        let (nick, name) = if first.starts_with('#') { (second, first) } else { (first, second) };
        let Some((id, shown_nick)) = self.state.by_nick(nick).map(|(id, user)| (id.clone(), user.nick.to_string()))
        else {
            return Err(numeric::NOSUCHNICK.about(&[&short(nick)]));
        };
        let folded = self.joined(name)?;
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
        let line = self.mine("INVITE", &shown_nick, std::slice::from_ref(&shown), &[]);
        self.state.tell(&id, &line);
        self.reply(&numeric::INVITING.saying(&[&shown_nick, &shown], "Invited"));
        Ok(())
    }

    pub(super) fn mode(&mut self, arguments: &[&str]) -> Outcome {
        let name = argument(arguments, 0, "MODE")?;
        if !name.starts_with('#') {
            return self.user_mode(name, &arguments[1..]);
        }
        let folded = self.visible(name)?;
        if arguments.len() == 1 {
            self.show_modes(&folded);
            return Ok(());
        }
        let shown = self.shown(&folded);
        let changes = {
            self.commanded(name)?;
            modes::parse(&shown, &arguments[1..])?
        };
        // First everything that can be wrong, then everything at once.
        let mut members = Vec::new();
        for change in &changes {
            if let Change::Member(_, _, nick) = change {
                members.push(self.member(&folded, nick)?);
            }
        }
        let told = self.apply(&folded, changes, members);
        if !told.is_empty() {
            let line = self.mine("MODE", &shown, &told, &[]);
            self.state.tell_channel(&folded, &line);
        }
        Ok(())
    }

    /// Does what was found to be right, and says what has really changed.
    fn apply(&mut self, folded: &Folded, changes: Vec<Change>, members: Vec<(SessionId, String)>) -> Vec<String> {
        let Some(channel) = self.state.channels.get_mut(folded) else { return Vec::new() };
        let mut members = members.into_iter();
        let mut told = Told::default();
        for change in changes {
            match change {
                Change::Flag(letter, set) => {
                    if let Some(flag) = channel.modes.flag(letter)
                        && *flag != set
                    {
                        *flag = set;
                        told.add(set, letter, None);
                    }
                }
                Change::Hashcash(bits) => {
                    let before = channel.modes.hashcash;
                    if before != bits {
                        channel.modes.hashcash = bits;
                        let shown = if bits.is_none() { before } else { bits };
                        told.add(!bits.is_none(), 'H', Some(shown.to_string()));
                    }
                }
                Change::Member(letter, set, _) => {
                    let Some((id, nick)) = members.next() else { continue };
                    let Some(rank) = channel.members.get_mut(&id) else { continue };
                    let has = if letter == 'o' { &mut rank.operator } else { &mut rank.voice };
                    if *has != set {
                        *has = set;
                        let Rank { operator, voice } = *rank;
                        told.add(set, letter, Some(nick));
                        self.state.writes.push(Write::SaveMember { channel: channel.id, session: id, operator, voice });
                    }
                }
            }
        }
        self.state.writes.push(Write::SaveChannel(channel.row()));
        told.into_params()
    }

    fn show_modes(&mut self, folded: &Folded) {
        let Some(channel) = self.state.channels.get(folded) else { return };
        let (name, created) = (channel.name.to_string(), channel.created_at.to_string());
        let modes = channel.modes.to_string();
        let params: Vec<&str> = std::iter::once(&*name).chain(modes.split(' ')).collect();
        self.reply(&numeric::CHANNELMODEIS.saying(&params, modes.clone()));
        self.reply(&numeric::CREATIONTIME.saying(&[&name, &created], created.clone()));
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
            .members
            .iter()
            .filter_map(|(id, rank)| Some(format!("{}{}", rank.prefix(), self.state.users.get(id)?.nick)))
            .collect();
        nicks.sort_unstable_by_key(|nick| nick.trim_start_matches(['@', '+']).to_ascii_lowercase());
        for some in nicks.chunks(NAMES_PER_REPLY) {
            self.reply(&numeric::NAMREPLY.saying(&[kind, &name], some.join(" ")));
        }
        self.reply(&numeric::ENDOFNAMES.about(&[&name]));
    }

    /// A channel that the caller may know of.
    pub(super) fn visible(&self, name: &str) -> Result<Folded, Numeric> {
        let folded = Folded::of(name);
        match self.state.channels.get(&folded) {
            Some(channel) if !channel.modes.secret || channel.members.contains_key(&self.me) => Ok(folded),
            _ => Err(no_such_channel(name)),
        }
    }

    /// A channel that the caller has joined.
    fn joined(&self, name: &str) -> Result<Folded, Numeric> {
        let folded = self.visible(name)?;
        if self.my_rank(&folded).is_some() { Ok(folded) } else { Err(not_on_channel(name)) }
    }

    /// A channel in which the caller is operator.
    fn commanded(&self, name: &str) -> Result<Folded, Numeric> {
        let folded = self.visible(name)?;
        match self.my_rank(&folded) {
            Some(Rank { operator: true, .. }) => Ok(folded),
            _ => Err(numeric::CHANOPRIVSNEEDED.about(&[&self.shown(&folded)])),
        }
    }

    /// A member by nick: the session and the nick as it is written.
    fn member(&self, channel: &Folded, nick: &str) -> Result<(SessionId, String), Numeric> {
        let (id, user) = self.state.by_nick(nick).ok_or_else(|| numeric::NOSUCHNICK.about(&[&short(nick)]))?;
        let is_member = self.state.channels.get(channel).is_some_and(|channel| channel.members.contains_key(id));
        if is_member {
            Ok((id.clone(), user.nick.to_string()))
        } else {
            Err(numeric::USERNOTINCHANNEL.about(&[user.nick.as_str(), &self.shown(channel)]))
        }
    }

    /// The channel's name as its creator wrote it.
    fn shown(&self, folded: &Folded) -> String {
        self.state.channels.get(folded).map(|channel| channel.name.to_string()).unwrap_or_default()
    }
}

fn targets(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').filter(|name| !name.is_empty()).take(MOST_TARGETS)
}

pub(super) fn no_such_channel(name: &str) -> Numeric {
    numeric::NOSUCHCHANNEL.about(&[&short(name)])
}

fn not_on_channel(name: &str) -> Numeric {
    numeric::NOTONCHANNEL.about(&[&short(name)])
}
