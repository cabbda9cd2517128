//! What everybody who is in the lobby can do, whichever way they are connected.

use super::{
    Lobby, LobbyError, MOST_POLLERS,
    commands::{Act, Command, Message, Proof, Spoken, short, stamp_refused},
    envelope::{Envelope, Line},
    mailbox::Mailbox,
    numeric::{self, Numeric},
    store::StampKind,
};
use crate::{gate::limits::Bucket, identity::session::Session, lock::lock};
use puzzle::stamp::{Bits, Rejection, StampHash, Timestamp, channel};
use std::{
    fmt::Write,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use uuid::Uuid;

/// Commands per second of a client in the long run, and at once. More are delayed …
const COMMANDS_PER_SECOND: f64 = 2.0;
const BURST: f64 = 10.0;

/// … and refused when the delay would be longer than this.
const LONGEST_DELAY: Duration = Duration::from_secs(20);

/// Long polls that were woken are answered at this rate, one after the other, and so
/// many at once before that. So a line that a thousand wait for is no burst of a
/// thousand answers, and while much is said each answer carries more of it …
pub(super) const ANSWERS_PER_SECOND: f64 = 8_000.0;
pub(super) const ANSWERS_AT_ONCE: f64 = 20.0;

/// … but none waits longer than this, however many there are.
pub(super) const LONGEST_LINGER: Duration = Duration::from_millis(125);

/// The fewest characters of a password.
const SHORTEST_PASSWORD: usize = 8;

/// The longest password, in bytes.
const LONGEST_PASSWORD: usize = 512;

/// What a command came to.
#[derive(Debug, Default)]
pub struct Answer {
    /// Why nothing was done.
    pub refused: Option<Numeric>,
    /// The message that was delivered.
    pub id: Option<Uuid>,
    /// What was replied, in order; it is in the caller's queue as well.
    pub replies: Vec<Arc<Line>>,
    /// True if the session has ended.
    pub ended: bool,
}

impl Answer {
    /// As JSON: `{"status":"ok",…}` or `{"status":"error","numeric":…}`.
    pub fn to_json(&self) -> String {
        let mut fields = serde_json::Map::new();
        match &self.refused {
            None => {
                fields.insert("status".into(), "ok".into());
            }
            Some(Numeric { code, params, text, meta }) => {
                fields.insert("status".into(), "error".into());
                fields.insert("numeric".into(), (*code).into());
                fields.insert("params".into(), params.clone().into());
                fields.insert("message".into(), text.clone().into());
                fields.insert("meta".into(), meta.clone().into());
            }
        }
        if let Some(id) = self.id {
            fields.insert("id".into(), id.to_string().into());
        }
        let mut json = serde_json::Value::Object(fields).to_string();
        // The replies are serialised already.
        json.pop();
        let _ = write!(json, ",\"replies\":{}}}", array(&self.replies));
        json
    }
}

/// Messages out of a queue.
#[derive(Debug)]
pub struct Batch {
    /// The messages, oldest first.
    pub lines: Vec<Arc<Line>>,
    /// After which to go on.
    pub last_id: u64,
}

impl Batch {
    /// As JSON: `{"messages":[…],"last_id":n}`.
    pub fn to_json(&self) -> String {
        format!("{{\"messages\":{},\"last_id\":{}}}", array(&self.lines), self.last_id)
    }
}

fn array(lines: &[Arc<Line>]) -> String {
    let mut json = String::with_capacity(2 + lines.iter().map(|line| line.json().len() + 1).sum::<usize>());
    json.push('[');
    for (at, line) in lines.iter().enumerate() {
        if at != 0 {
            json.push(',');
        }
        json.push_str(line.json());
    }
    json.push(']');
    json
}

impl Lobby {
    /// Carries out a command. A client that sends too many is slowed down.
    ///
    /// # Errors
    /// [`LobbyError`] where no command was carried out; errors of commands are in
    /// the answer.
    pub async fn command(&self, session: &Session, envelope: &Envelope) -> Result<Answer, LobbyError> {
        envelope.check()?;
        let mailbox = self.enter(session)?;
        self.pace(&mailbox).await?;
        let arguments = envelope.arguments();
        match Command::named(&envelope.command) {
            Some(Command::Privmsg) => self.speak(session, &mailbox, "PRIVMSG", envelope).await,
            Some(Command::Notice) => self.speak(session, &mailbox, "NOTICE", envelope).await,
            Some(Command::Pass) => self.set_password(session, &mailbox, arguments.first().copied()).await,
            Some(Command::Quit) => {
                self.quit(session, arguments.first().copied().unwrap_or("Quit"))?;
                Ok(Answer { ended: true, ..Answer::default() })
            }
            Some(command) => self.answer(session, &mailbox, |act| act.run(command, &arguments)),
            None => {
                let unknown = numeric::UNKNOWNCOMMAND.about(&[&short(&envelope.command)]);
                self.answer(session, &mailbox, |_| Err(unknown))
            }
        }
    }

    /// Waits for the client's turn.
    async fn pace(&self, mailbox: &Mailbox) -> Result<(), LobbyError> {
        let now = self.shared.clock.now();
        let delay = {
            let mut pace = lock(&mailbox.pace);
            let bucket = pace.get_or_insert_with(|| Bucket::full(BURST, now));
            bucket.take_with_debt(COMMANDS_PER_SECOND, BURST, LONGEST_DELAY, now)
        };
        let delay = delay.map_err(|retry_after| LobbyError::TooFast { retry_after })?;
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        Ok(())
    }

    /// Does something with the state on somebody's behalf, then hands what must be
    /// written to the store.
    pub(super) fn act<T>(
        &self,
        session: &Session,
        mailbox: &Arc<Mailbox>,
        deed: impl FnOnce(&mut Act<'_>) -> T,
    ) -> Result<(T, Vec<Arc<Line>>), LobbyError> {
        let slot = self.shared.store.reserve()?;
        let moment = self.moment();
        let mut guard = self.lock();
        let state = &mut *guard;
        if !state.users.contains_key(&session.id) {
            return Err(LobbyError::Ended);
        }
        let mut act = Act {
            state,
            environment: &self.shared.environment,
            moment,
            me: session.id.clone(),
            mailbox: mailbox.clone(),
            replies: Vec::new(),
        };
        let outcome = deed(&mut act);
        let replies = act.replies;
        slot.write(std::mem::take(&mut guard.writes));
        Ok((outcome, replies))
    }

    /// The same for something that can be refused: the refusal goes to the caller's
    /// queue and into the answer.
    fn answer(
        &self,
        session: &Session,
        mailbox: &Arc<Mailbox>,
        deed: impl FnOnce(&mut Act<'_>) -> Result<(), Numeric>,
    ) -> Result<Answer, LobbyError> {
        let (refused, replies) = self.act(session, mailbox, |act| {
            let refused = deed(act).err();
            if let Some(numeric) = &refused {
                act.reply(numeric);
            }
            refused
        })?;
        Ok(Answer { refused, replies, ..Answer::default() })
    }

    async fn speak(
        &self,
        session: &Session,
        mailbox: &Arc<Mailbox>,
        command: &'static str,
        envelope: &Envelope,
    ) -> Result<Answer, LobbyError> {
        let message = match Message::new(command, envelope) {
            Ok(message) => message,
            Err(numeric) => return self.answer(session, mailbox, |_| Err(numeric)),
        };
        let mut spent: Option<(StampHash, Proof)> = None;
        let refused = loop {
            let proof = spent.map(|(_, proof)| proof);
            let (spoken, replies) = match self.act(session, mailbox, |act| act.speak(&message, proof)) {
                Ok(spoken) => spoken,
                Err(error) => {
                    self.take_back(spent).await;
                    return Err(error);
                }
            };
            match spoken {
                Ok(Spoken::Delivered(id)) => {
                    self.shared.environment.sessions.prove(&session.id);
                    return Ok(Answer { id: Some(id), replies, ..Answer::default() });
                }
                Ok(Spoken::NeedsProof { bits, channel }) => {
                    match self.prove(&message, bits, &channel, spent.map(|(hash, _)| hash)).await? {
                        Ok(hash) => spent = Some((hash, Proof(bits))),
                        Err(why) => break stamp_refused(&channel, bits, why),
                    }
                }
                Err(numeric) => break numeric,
            }
        };
        // It became impossible while the stamp was being spent.
        self.take_back(spent).await;
        self.answer(session, mailbox, |_| Err(refused))
    }

    /// Judges the message's stamp and spends it unless that was done before.
    async fn prove(
        &self,
        message: &Message<'_>,
        bits: Bits,
        channel: &str,
        spent: Option<StampHash>,
    ) -> Result<Result<StampHash, Rejection>, LobbyError> {
        let now = self.moment().seconds();
        let stamp = message.envelope.stamp();
        let hash = match channel::check(stamp.as_deref(), bits, channel, &message.body, Timestamp(now)) {
            Ok(Some(hash)) => hash,
            Ok(None) => return Ok(Err(Rejection::Missing)),
            Err(why) => return Ok(Err(why)),
        };
        if spent == Some(hash) || self.shared.store.spend(StampKind::Channel, hash, now).await? {
            Ok(Ok(hash))
        } else {
            Ok(Err(Rejection::Spent))
        }
    }

    async fn take_back(&self, spent: Option<(StampHash, Proof)>) {
        if let Some((hash, _)) = spent {
            self.shared.store.give_back(StampKind::Channel, hash).await;
        }
    }

    async fn set_password(
        &self,
        session: &Session,
        mailbox: &Arc<Mailbox>,
        password: Option<&str>,
    ) -> Result<Answer, LobbyError> {
        let password = password.unwrap_or_default();
        if password.chars().count() < SHORTEST_PASSWORD || LONGEST_PASSWORD < password.len() {
            let text = "A password has 8 characters or more, and at most 512 bytes";
            return self.answer(session, mailbox, |_| Err(numeric::NEEDMOREPARAMS.saying(&["PASS"], text)));
        }
        let hash = self.shared.passwords.hash(password.to_owned()).await?;
        let answer = self.answer(session, mailbox, |act| {
            if let Some(user) = act.state.users.get_mut(&act.me) {
                user.password = Some(hash);
            }
            let me = act.me.clone();
            act.state.save_user(&me);
            Ok(())
        })?;
        self.shared.environment.sessions.prove(&session.id);
        // Whoever is told that it is set must find it set after a crash.
        self.shared.store.settled().await?;
        Ok(answer)
    }

    /// The messages after number `after`; waits up to `timeout` for the first.
    ///
    /// # Errors
    /// [`LobbyError::Ended`], [`LobbyError::TooFast`] with too many polls at once,
    /// and those of entering.
    pub async fn poll(&self, session: &Session, after: u64, timeout: Duration) -> Result<Batch, LobbyError> {
        let mailbox = self.enter(session)?;
        let found = |lines: Vec<Arc<Line>>| {
            let last_id = lines.last().map_or(after, |line| line.seq);
            Batch { lines, last_id }
        };
        let now = mailbox.after(after).map_err(|_| LobbyError::Ended)?;
        if !now.is_empty() || timeout.is_zero() {
            return Ok(found(now));
        }
        let retry_after = Duration::from_secs(1);
        let _place = mailbox.wait().ok_or(LobbyError::TooFast { retry_after })?;
        let others = Poller::new(&self.shared.waiting);
        if MOST_POLLERS <= others.before {
            return Err(LobbyError::Full);
        }
        let mut stopping = self.shared.stopping.subscribe();
        let wait = async {
            loop {
                let bell = mailbox.bell.notified();
                let mut bell = std::pin::pin!(bell);
                bell.as_mut().enable();
                match mailbox.after(after) {
                    Ok(lines) if lines.is_empty() => bell.await,
                    _ => break,
                }
            }
            let turn = self.turn_to_answer();
            if !turn.is_zero() {
                tokio::time::sleep(turn).await;
            }
        };
        tokio::select! {
            () = wait => {}
            () = tokio::time::sleep(timeout) => {}
            _ = stopping.wait_for(|stopping| *stopping) => {}
        }
        mailbox.after(after).map(found).map_err(|_| LobbyError::Ended)
    }

    /// How long a long poll that was woken waits for its turn.
    pub(super) fn turn_to_answer(&self) -> Duration {
        let mut answers = lock(&self.shared.answers);
        let now = self.shared.clock.now();
        answers.take_with_debt(ANSWERS_PER_SECOND, ANSWERS_AT_ONCE, LONGEST_LINGER, now).unwrap_or(LONGEST_LINGER)
    }
}

/// Counts a long poll for as long as it waits.
struct Poller<'a> {
    count: &'a std::sync::atomic::AtomicUsize,
    before: usize,
}

impl<'a> Poller<'a> {
    fn new(count: &'a std::sync::atomic::AtomicUsize) -> Self {
        Self { before: count.fetch_add(1, Ordering::Relaxed), count }
    }
}

impl Drop for Poller<'_> {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::Relaxed);
    }
}
