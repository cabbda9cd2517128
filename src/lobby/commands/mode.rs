//! MODE of channels.

use super::caller::{Caller, Outcome, argument};
use crate::{
    identity::{nick::Folded, session::SessionId},
    lobby::{
        modes::{self, AppliedChanges, Change},
        numeric,
        state::Rank,
        store::Write,
    },
};

impl Caller<'_> {
    pub(super) fn mode(&mut self, arguments: &[&str]) -> Outcome {
        let name = argument(arguments, 0, "MODE")?;
        if !name.starts_with('#') {
            return self.user_mode(name, &arguments[1..]);
        }
        let folded = self.visible_channel(name)?;
        if arguments.len() == 1 {
            self.show_modes(&folded);
            return Ok(());
        }
        let shown = self.name_as_created(&folded);
        self.operated_channel(name)?;
        let changes = modes::parse(&shown, &arguments[1..])?;
        // First everything that can be wrong is found, then everything is done at once.
        let mut members = Vec::new();
        for change in &changes {
            if let Change::Member(_, _, nick) = change {
                members.push(self.member(&folded, nick)?);
            }
        }
        let applied = self.apply(&folded, changes, members);
        if !applied.is_empty() {
            let event = self.event("MODE", &shown, &applied, &[]);
            self.state.tell_channel(&folded, &event);
        }
        Ok(())
    }

    /// Carries out changes that were found to be right. Gives back what has really
    /// changed, as the parameters of the MODE event.
    fn apply(&mut self, folded: &Folded, changes: Vec<Change>, members: Vec<(SessionId, String)>) -> Vec<String> {
        let Some(channel) = self.state.channels.get_mut(folded) else { return Vec::new() };
        let mut members = members.into_iter();
        let mut applied = AppliedChanges::default();
        for change in changes {
            match change {
                Change::Flag(letter, set) => {
                    if let Some(flag) = channel.modes.flag(letter)
                        && *flag != set
                    {
                        *flag = set;
                        applied.add(set, letter, None);
                    }
                }
                Change::Hashcash(bits) => {
                    let before = channel.modes.hashcash;
                    if before != bits {
                        channel.modes.hashcash = bits;
                        let shown = if bits.is_none() { before } else { bits };
                        applied.add(!bits.is_none(), 'H', Some(shown.to_string()));
                    }
                }
                Change::Member(letter, set, _) => {
                    let Some((id, nick)) = members.next() else { continue };
                    let Some(rank) = channel.members.get_mut(&id) else { continue };
                    let has = if letter == 'o' { &mut rank.operator } else { &mut rank.voice };
                    if *has != set {
                        *has = set;
                        let Rank { operator, voice, since } = *rank;
                        applied.add(set, letter, Some(nick));
                        let channel = channel.id;
                        self.state.writes.push(Write::SaveMember { channel, session: id, operator, voice, since });
                    }
                }
            }
        }
        self.state.writes.push(Write::SaveChannel(channel.row()));
        applied.into_params()
    }

    fn show_modes(&mut self, folded: &Folded) {
        let Some(channel) = self.state.channels.get(folded) else { return };
        let (name, created) = (channel.name.to_string(), channel.created_at.to_string());
        let modes = channel.modes.to_string();
        let params: Vec<&str> = std::iter::once(&*name).chain(modes.split(' ')).collect();
        self.reply(&numeric::CHANNELMODEIS.saying(&params, modes.clone()));
        self.reply(&numeric::CREATIONTIME.saying(&[&name, &created], created.clone()));
    }
}
