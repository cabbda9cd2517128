//! Commands about people: their names, whether they are there, and who they are.

use super::caller::{Caller, Outcome, argument, no_such_nick, shortened};
use crate::{
    identity::{
        nick::{Folded, Nick},
        session::OpenError,
    },
    lobby::{event::Draft, numeric},
};

/// The longest away message, in bytes.
const LONGEST_AWAY: usize = 256;

/// How many people one WHO lists.
const MOST_WHO: usize = 500;

impl Caller<'_> {
    pub(super) fn nick(&mut self, arguments: &[&str]) -> Outcome {
        let wanted = arguments.first().copied().unwrap_or_default();
        if wanted.is_empty() {
            return Err(numeric::NONICKNAMEGIVEN.about(&[]));
        }
        let nick: Nick = wanted.parse().map_err(|_| numeric::ERRONEOUSNICKNAME.about(&[&shortened(wanted)]))?;
        let old = self.my_nick();
        if old == nick.as_str() {
            return Ok(());
        }
        // Everybody in a channel reads a new nick: it is no way to speak there.
        self.may_tell_all()?;
        self.environment.sessions.rename(&self.me, &nick).map_err(|error| match error {
            OpenError::NickTaken => numeric::NICKNAMEINUSE.about(&[nick.as_str()]),
            OpenError::TooMany | OpenError::Ended => {
                numeric::ERRONEOUSNICKNAME.saying(&[nick.as_str()], "Session ended")
            }
        })?;
        self.state.nicks.remove(&Folded::of(&old));
        self.state.nicks.insert(nick.folded(), self.me.clone());
        if let Some(user) = self.state.users.get_mut(&self.me) {
            user.nick = nick.clone();
        }
        self.state.save_user(&self.me);
        let params = [nick.to_string()];
        let draft = Draft { command: "NICK", from: &old, to: nick.as_str(), params: &params, ..Draft::default() };
        let (_, event) = self.state.event(self.moment, &draft);
        self.state.tell_peers(&self.me.clone(), &event);
        Ok(())
    }

    pub(super) fn away(&mut self, arguments: &[&str]) -> Outcome {
        let text = arguments.first().copied().unwrap_or_default();
        let end = text.floor_char_boundary(LONGEST_AWAY);
        let message = (!text.is_empty()).then(|| text[..end].to_owned());
        let reply = if message.is_some() { numeric::NOWAWAY } else { numeric::UNAWAY };
        if let Some(user) = self.state.users.get_mut(&self.me) {
            user.away = message;
        }
        self.reply(&reply.about(&[]));
        Ok(())
    }

    /// `MODE nick [±w]`: `w` allows to announce wins with the nick.
    pub(super) fn user_mode(&mut self, nick: &str, changes: &[&str]) -> Outcome {
        match self.state.by_nick(nick) {
            None => return Err(no_such_nick(nick)),
            Some((id, _)) if *id != self.me => return Err(numeric::USERSDONTMATCH.about(&[])),
            Some(_) => {}
        }
        let letters = changes.first().copied().unwrap_or_default();
        if letters.chars().any(|letter| !"+-w".contains(letter)) {
            return Err(numeric::UMODEUNKNOWNFLAG.about(&[]));
        }
        let Some(user) = self.state.users.get_mut(&self.me) else { return Ok(()) };
        let mut set = true;
        for letter in letters.chars() {
            match letter {
                'w' => user.announces_wins = set,
                sign => set = sign == '+',
            }
        }
        let modes = if user.announces_wins { "+w" } else { "+" };
        self.reply(&numeric::UMODEIS.saying(&[modes], modes));
        Ok(())
    }

    pub(super) fn who(&mut self, arguments: &[&str]) -> Outcome {
        let mask = argument(arguments, 0, "WHO")?;
        let server = self.environment.server_name.clone();
        let mut rows = Vec::new();
        let row = |channel: &str, nick: &str, away: bool, prefix: &str| {
            let flags = format!("{}{prefix}", if away { "G" } else { "H" });
            numeric::WHOREPLY.saying(&[channel, nick, &server, &server, nick, &flags], format!("0 {nick}"))
        };
        if mask.starts_with('#') {
            if let Ok(folded) = self.visible_channel(mask)
                && let Some(channel) = self.state.channels.get(&folded)
            {
                for (id, rank) in channel.foremost(MOST_WHO) {
                    if let Some(user) = self.state.users.get(id) {
                        rows.push(row(channel.name.as_str(), user.nick.as_str(), user.away.is_some(), rank.prefix()));
                    }
                }
            }
        } else if let Some((_, user)) = self.state.by_nick(mask) {
            rows.push(row("*", user.nick.as_str(), user.away.is_some(), ""));
        }
        self.charge_for_list(rows.len());
        rows.sort_by(|one, other| one.params.cmp(&other.params));
        for row in rows {
            self.reply(&row);
        }
        self.reply(&numeric::ENDOFWHO.about(&[&shortened(mask)]));
        Ok(())
    }

    pub(super) fn whois(&mut self, arguments: &[&str]) -> Outcome {
        let nick = arguments.first().copied().unwrap_or_default();
        if nick.is_empty() {
            return Err(numeric::NONICKNAMEGIVEN.about(&[]));
        }
        let Some((id, user)) = self.state.by_nick(nick) else {
            return Err(no_such_nick(nick));
        };
        let shown = user.nick.to_string();
        let channels: Vec<String> = user
            .channels
            .iter()
            .filter_map(|name| self.state.channels.get(name))
            .filter(|channel| !channel.modes.secret || channel.members.contains_key(&self.me))
            .filter_map(|channel| Some(format!("{}{}", channel.members.get(id)?.prefix(), channel.name)))
            .collect();
        let idle = self.moment.now.saturating_sub(user.last_spoke).as_secs().to_string();
        let (away, since) = (user.away.clone(), user.created_at.to_string());
        let server = self.environment.server_name.clone();
        self.reply(&numeric::WHOISUSER.saying(&[&shown, &shown, &server, "*"], shown.clone()));
        if !channels.is_empty() {
            self.reply(&numeric::WHOISCHANNELS.saying(&[&shown], channels.join(" ")));
        }
        self.reply(&numeric::WHOISSERVER.saying(&[&shown, &server], "HashPass lobby"));
        if let Some(away) = away {
            self.reply(&numeric::AWAY.saying(&[&shown], away));
        }
        self.reply(&numeric::WHOISIDLE.about(&[&shown, &idle, &since]));
        self.reply(&numeric::ENDOFWHOIS.about(&[&shown]));
        Ok(())
    }
}
