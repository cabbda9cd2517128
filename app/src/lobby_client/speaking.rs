//! What the visitor writes: understood, stamped where that is needed, sent one
//! after the other, and shown from the first moment on.

use super::{
    client::LobbyClient,
    event::{Effect, StampFor},
    outgoing::Outgoing,
    slash::{Meaning, understand},
};
use crate::{
    error::{ApiError, ErrorCode},
    scene::{
        Command, MintEvent,
        lobby::{Access, Progress, Said},
    },
    wire::lobby::{LobbyAnswer, LobbyEvent, LobbyRequest},
};
use serde_json::{Value, json};
use std::time::Duration;

/// How often a message is stamped anew because its channel asks for more bits.
const MOST_STAMPS: u32 = 5;

/// How many commands may wait.
const MOST_WAITING: usize = 50;

/// How many messages may wait for their answers.
const MOST_MARKS: usize = 200;

/// Replies that only end or repeat something.
const NUMERICS_NOT_SHOWN: [&str; 9] = ["312", "315", "318", "321", "323", "329", "333", "366", "375"];

impl LobbyClient {
    pub(super) fn say(&mut self, text: &str) {
        let here = self.tabs[self.active].name.clone();
        match understand(text) {
            Meaning::Nothing => {}
            Meaning::Mine => self.effects.push(Effect::Race(Command::Start)),
            Meaning::Stop => self.effects.push(Effect::Race(Command::Stop)),
            Meaning::Rate => self.note(Said::Rate(self.rate)),
            Meaning::Help => self.note(Said::Help),
            Meaning::Unknown(name) => self.note(Said::UnknownCommand(name)),
            Meaning::Incomplete(name) => self.note(Said::Incomplete(name)),
            _ if self.access != Access::Inside => {}
            Meaning::Say(text) => self.speak(&here, Said::Message(text.clone()), text),
            Meaning::Act(text) => {
                let body = format!("\u{1}ACTION {text}\u{1}");
                self.speak(&here, Said::Action(text), body);
            }
            Meaning::Whisper(nick, text) => {
                self.talk_to(&nick);
                self.speak(&nick, Said::Message(text.clone()), text);
            }
            Meaning::Talk(nick) => self.talk_to(&nick),
            Meaning::Command(command, to, params, text) => {
                self.speaking.select_next = command == "JOIN";
                let body = text.into_iter().collect();
                self.command(LobbyRequest { command: command.into(), to, params, body, meta: Value::Null });
            }
            Meaning::Here(command, params, text) => {
                let body = text.into_iter().collect();
                self.command(LobbyRequest { command: command.into(), to: Some(here), params, body, meta: Value::Null });
            }
            Meaning::Quit => {
                let joined: Vec<String> =
                    self.tabs.iter().filter(|tab| tab.joined).map(|tab| tab.name.clone()).collect();
                self.command(LobbyRequest {
                    command: "PART".into(),
                    to: Some(joined.join(",")),
                    ..LobbyRequest::default()
                });
                self.speaking.leaves = true;
            }
        }
    }

    fn talk_to(&mut self, nick: &str) {
        let is_new = !self.tabs.iter().any(|tab| tab.name.eq_ignore_ascii_case(nick));
        self.active = self.open(nick);
        self.look();
        if is_new && !nick.starts_with('#') {
            self.effects.push(Effect::FetchHistory(nick.to_owned()));
        }
    }

    /// Shows a message and has it stamped or sent.
    fn speak(&mut self, to: &str, said: Said, body: String) {
        let at = self.open(to);
        let (to, bits) = (self.tabs[at].name.clone(), self.tabs[at].bits);
        let progress = if bits == 0 { Progress::Sending } else { Progress::Proving(bits) };
        let key = self.note_in(at, said, progress);
        // 53 random bits: two pages of one session do not take each other's lines.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let mark = format!("{:x}", (self.random() * 9e15) as u64);
        self.speaking.marks.push_back((format!("{mark}-{key}"), key));
        if MOST_MARKS < self.speaking.marks.len() {
            self.speaking.marks.pop_front();
        }
        let meta = json!({"line": format!("{mark}-{key}")});
        let request = LobbyRequest {
            command: "PRIVMSG".into(),
            to: Some(to.clone()),
            body: vec![body],
            meta,
            ..LobbyRequest::default()
        };
        let outgoing = Outgoing { request, tab: to, line: Some(key), stamps: 0 };
        self.stamp_or_send(outgoing, bits);
    }

    fn stamp_or_send(&mut self, mut outgoing: Outgoing, bits: u8) {
        let (Some(key), true) = (outgoing.line, 0 < bits) else { return self.queue(outgoing) };
        outgoing.stamps += 1;
        let body = outgoing.request.body.clone();
        let purpose = StampFor::Message(outgoing.tab.clone(), body);
        self.set_progress(&outgoing.tab.clone(), key, Progress::Proving(bits));
        self.speaking.unstamped.push(outgoing);
        self.effects.push(Effect::Mint { search: key + 1, bits, purpose });
    }

    pub(super) fn message_stamp(&mut self, key: u64, event: MintEvent) {
        let Some(at) = self.speaking.unstamped.iter().position(|outgoing| outgoing.line == Some(key)) else { return };
        match event {
            MintEvent::Progress(proof) => self.mint_rate = proof.rate(),
            MintEvent::Found(stamp, proof) => {
                self.mint_rate = proof.rate();
                let mut outgoing = self.speaking.unstamped.remove(at);
                if let Some(meta) = outgoing.request.meta.as_object_mut() {
                    meta.insert("hashcash".into(), stamp.into());
                }
                self.set_progress(&outgoing.tab.clone(), key, Progress::Sending);
                self.queue(outgoing);
            }
            MintEvent::Failed => {
                let outgoing = self.speaking.unstamped.remove(at);
                self.set_progress(&outgoing.tab, key, Progress::Failed(String::new()));
            }
        }
    }

    /// Sends a command when its turn comes.
    pub(super) fn command(&mut self, request: LobbyRequest) {
        let tab = self.tabs[self.active].name.clone();
        self.queue(Outgoing { request, tab, line: None, stamps: 0 });
    }

    fn queue(&mut self, outgoing: Outgoing) {
        if self.speaking.waiting.len() < MOST_WAITING {
            self.speaking.waiting.push_back(outgoing);
        } else if let Some(key) = outgoing.line {
            self.set_progress(&outgoing.tab, key, Progress::Failed(String::new()));
        }
    }

    /// Sends what is next, if nothing is under way. What failed without an answer is
    /// sent again only once it is certain that it did not arrive.
    pub(super) fn speak_on(&mut self, now: Duration) {
        let speaking = &mut self.speaking;
        if self.access != Access::Inside || speaking.in_flight.is_some() {
            return;
        }
        if let Some(at) = speaking.send_at {
            if now < at || !self.reading.is_current() {
                return;
            }
            self.speaking.send_at = None;
        }
        while let Some(outgoing) = self.speaking.waiting.pop_front() {
            let arrived = outgoing.line.is_some_and(|key| {
                self.tab_mut(&outgoing.tab).and_then(|tab| tab.progress(key).cloned()) == Some(Progress::Delivered)
            });
            if !arrived {
                self.effects.push(Effect::Send(outgoing.request.clone()));
                self.speaking.in_flight = Some(outgoing);
                return;
            }
        }
    }

    pub(super) fn answered(&mut self, result: Result<LobbyAnswer, ApiError>, now: Duration) {
        let Some(outgoing) = self.speaking.in_flight.take() else { return };
        let answer = match result {
            Ok(answer) => answer,
            Err(error) if error.code == ErrorCode::NotLoggedIn => return self.thrown_out(),
            Err(error) if error.code.is_temporary() || error.code == ErrorCode::LobbyBusy => {
                let wait = self.speaking.back_off.failed(error.asked_wait(), self.random());
                self.speaking.send_at = Some(now + wait);
                self.speaking.waiting.push_front(outgoing);
                self.reading.doubt();
                return;
            }
            Err(error) => {
                match outgoing.line {
                    Some(key) => self.set_progress(&outgoing.tab, key, Progress::Failed(error.detail.into())),
                    None => self.note(Said::Refusal(error.detail.into())),
                }
                return;
            }
        };
        self.speaking.back_off.succeeded();
        match outgoing.line {
            Some(key) => self.message_answered(outgoing, key, answer),
            None => self.command_answered(&outgoing, answer),
        }
    }

    fn message_answered(&mut self, outgoing: Outgoing, key: u64, answer: LobbyAnswer) {
        if answer.numeric.is_none() {
            self.set_progress(&outgoing.tab, key, Progress::Delivered);
            self.show_replies(&outgoing.tab, answer.replies);
            return;
        }
        let bits = answer.meta.get("hashcash_bits").and_then(Value::as_u64).and_then(|bits| u8::try_from(bits).ok());
        match bits {
            Some(bits) if outgoing.stamps < MOST_STAMPS => {
                if let Some(tab) = self.tab_mut(&outgoing.tab) {
                    tab.bits = bits;
                }
                self.stamp_or_send(outgoing, bits);
            }
            _ => self.set_progress(&outgoing.tab, key, Progress::Failed(answer.message)),
        }
    }

    fn command_answered(&mut self, outgoing: &Outgoing, answer: LobbyAnswer) {
        let joins = outgoing.request.command == "JOIN";
        if joins && answer.numeric.is_some() {
            self.speaking.select_next = false;
        }
        let errors_only = |event: &LobbyEvent| !joins || "400" <= event.command.as_str();
        self.show_replies(&outgoing.tab, answer.replies.into_iter().filter(errors_only).collect());
        let left = std::mem::take(&mut self.speaking.leaves) && outgoing.request.command == "PART";
        if left {
            self.thrown_out();
            self.tabs.truncate(1);
            self.active = 0;
        }
    }

    fn show_replies(&mut self, tab: &str, replies: Vec<LobbyEvent>) {
        let at = self.tabs.iter().position(|known| known.name.eq_ignore_ascii_case(tab)).unwrap_or(0);
        for reply in replies {
            let is_numeric = reply.command.len() == 3 && reply.command.bytes().all(|c| c.is_ascii_digit());
            if !is_numeric || NUMERICS_NOT_SHOWN.contains(&reply.command.as_str()) {
                continue;
            }
            let about = reply.params.iter().filter(|word| word.len() != 1 || word.as_str() != "=");
            let about = about.cloned().collect::<Vec<_>>().join(" ");
            let text = reply.body.join(" ");
            let text = match (about.is_empty() || text.starts_with(&about), text.is_empty()) {
                (true, _) => text,
                (_, true) => about,
                _ => format!("{about}: {text}"),
            };
            let said = if "400" <= reply.command.as_str() { Said::Refusal(text) } else { Said::Reply(text) };
            self.note_in(at, said, Progress::Delivered);
        }
    }

    fn set_progress(&mut self, tab: &str, key: u64, progress: Progress) {
        if let Some(tab) = self.tab_mut(tab) {
            tab.change(key, |line| line.progress = progress);
        }
    }
}
