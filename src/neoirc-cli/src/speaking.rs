//! Speaking: commands sent until they are answered, and stamps where channels ask
//! for them.
//!
//! A connection can break after the server has acted and before it has told us. A
//! message is not sent again then before we have looked whether it was said: it
//! carries a random `tag` in its `meta`, and a speaker is told their own words too.

use crate::{
    api::Batch,
    back_off::Patience,
    call_error::CallError,
    envelope::{Answer, Envelope},
    failure::Failure,
    jar::Place,
    minting::now,
    session::{MOST_STAMPS, Session, bits_within},
};
use puzzle::stamp::channel;
use serde_json::Value;
use std::time::{Duration, Instant};

/// The user is told how a search goes when it has taken this long, and each time that
/// it has taken as long again.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(3);

/// What became of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It was carried out.
    Done,
    /// The lobby refused, and said so among the messages as well.
    Refused,
    /// It was not even looked into, or no good stamp could be had: why, in one
    /// sentence that the user has not seen.
    Rejected(String),
}

enum Sent {
    Answered(Answer),
    Rejected(String),
}

impl Session {
    /// Sends a command, with a stamp if it needs one.
    ///
    /// # Errors
    /// [`Failure`] if the session has ended or the server does not come back.
    pub(crate) async fn send(&self, mut envelope: Envelope) -> Result<Outcome, Failure> {
        let channel = envelope.channel().map(str::to_owned);
        let mut stamps = 0;
        loop {
            if let Some(channel) = &channel
                && 0 < self.bits_of(channel)
                && !(stamps == 0 && envelope.meta.contains_key("hashcash"))
            {
                stamps += 1;
                match self.stamp(channel, &envelope.lines()).await? {
                    Ok(stamp) => envelope.meta.insert("hashcash".into(), stamp.into()),
                    Err(why) => return Ok(Outcome::Rejected(why)),
                };
            }
            let answer = match self.send_patiently(&mut envelope).await? {
                Sent::Answered(answer) => answer,
                Sent::Rejected(why) => return Ok(Outcome::Rejected(why)),
            };
            if answer.is_ok() {
                return Ok(Outcome::Done);
            }
            match (answer.demanded_bits(), &channel) {
                (Some(bits), Some(channel)) if stamps < MOST_STAMPS => {
                    self.note_bits(channel, bits);
                    envelope.meta.remove("hashcash");
                }
                (Some(_), _) => return Ok(Outcome::Rejected(answer.message)),
                (None, _) => return Ok(Outcome::Refused),
            }
        }
    }

    /// Mints a stamp for a message. The inner error is a sentence.
    async fn stamp(&self, channel: &str, lines: &[String]) -> Result<Result<String, String>, Failure> {
        let bits = match bits_within(self.bits_of(channel), self.limits) {
            Ok(bits) => bits,
            Err(why) => return Ok(Err(why)),
        };
        let mut told = Instant::now();
        let prefix = channel::prefix(bits, channel, lines, now());
        let stamp = self.mint.mint(&prefix, |progress| {
            if self.screen.is_terminal() && PROGRESS_INTERVAL <= told.elapsed() {
                told = Instant::now();
                // If nobody reads it any more, listening ends for the same reason.
                let _ = self.screen.notice(&format!("{progress} (Ctrl-C cancels)"));
            }
        });
        Ok(stamp.await.map_err(|error| format!("{error}: the message was not sent")))
    }

    /// Sends until there is an answer, or until the user would not wait any longer.
    async fn send_patiently(&self, envelope: &mut Envelope) -> Result<Sent, Failure> {
        let mut patience = Patience::of(self.limits.patience);
        let tag = envelope.is_message().then(|| tag(envelope));
        let mark = self.place()?;
        let mut may_be_done = false;
        loop {
            let error = match &tag {
                Some(tag) if may_be_done => match self.was_said(&mark, tag).await {
                    Ok(true) => return Ok(Sent::Answered(Answer::done())),
                    Ok(false) => {
                        may_be_done = false;
                        continue;
                    }
                    Err(error) => error,
                },
                _ => match self.api.send(&self.place()?.cookie, envelope).await {
                    Ok(answer) => return Ok(Sent::Answered(answer)),
                    Err(error) => {
                        may_be_done = error.is_ambiguous();
                        error
                    }
                },
            };
            if error.is_ended() {
                return Err(Failure::ended());
            }
            match error.try_again_after() {
                Some(at_least) if patience.wait(at_least).await => {}
                Some(_) => return Err(Failure::unreachable(format!("a line was not delivered: {error}"))),
                None => return Ok(Sent::Rejected(error.to_string())),
            }
        }
    }

    /// Looks for a message among those that came after `mark`.
    async fn was_said(&self, mark: &Place, tag: &Value) -> Result<bool, CallError> {
        let mut after = mark.last_id;
        loop {
            let Batch { messages, last_id } = self.api.poll(&mark.cookie, after, false).await?;
            if messages.iter().any(|event| event.meta.get("tag") == Some(tag)) {
                return Ok(true);
            }
            if messages.is_empty() || last_id <= after {
                return Ok(false);
            }
            after = last_id;
        }
    }
}

/// The message's tag; one is added if it has none.
fn tag(envelope: &mut Envelope) -> Value {
    envelope.meta.entry("tag").or_insert_with(|| format!("{:016x}", rand::random::<u64>()).into()).clone()
}
