//! The one way to be let in: by a session that has passed the gate, by a token of the
//! human check that stands for one, or by opening a new session.
//!
//! A stamp is judged before a token is spent, and spent after it: a mistake in one
//! costs nothing of the other. What was counted or spent for a session that comes to
//! nothing is given back. What was given for a token is told once the ledger has both.

use super::{
    error::{GateError, StampDemand},
    limits::{AddressLimits, Exceeded},
    rule::GateRule,
    stamps::{NotTaken, Stamps},
    turnstile::Turnstile,
};
use crate::{
    identity::{
        nick::Nick,
        session::{NewSession, OpenError, Passed, Session, SessionId, TokenKey, TokenSession},
        sessions::Sessions,
    },
    ledger::Change,
};
use puzzle::stamp::{Rejection, StampHash};
use std::{net::IpAddr, sync::Arc};

/// The longest token that is looked at, in bytes; Cloudflare's have at most 2048.
const LONGEST_TOKEN: usize = 2048;

/// Lets people in.
#[derive(Debug)]
pub struct Admission {
    rule: GateRule,
    sessions: Arc<Sessions>,
    limits: Arc<AddressLimits>,
    turnstile: Turnstile,
    stamps: Stamps,
}

/// What a request shows to be let in.
#[derive(Clone, Copy, Debug)]
pub struct Credentials<'a> {
    /// A token of the human check.
    pub token: Option<&'a str>,
    /// A session stamp.
    pub stamp: Option<&'a str>,
    /// Where the request comes from.
    pub address: IpAddr,
}

/// Credentials whose stamp was found to be good and is not spent yet.
#[derive(Clone, Copy, Debug)]
pub struct Judged<'a> {
    credentials: Credentials<'a>,
    /// True if the human check must be passed.
    needs_human: bool,
    /// The stamp to be spent.
    stamp: Option<StampHash>,
}

/// A session that was opened.
#[derive(Clone, Debug)]
pub struct Opened {
    /// The session with its first client.
    pub new: NewSession,
    /// The session that had the nick before and was ended: nobody had come with its
    /// cookie, which has probably got lost on its way.
    pub replaced: Option<SessionId>,
}

impl Admission {
    /// The gate that `rule` describes.
    pub const fn new(
        rule: GateRule,
        sessions: Arc<Sessions>,
        limits: Arc<AddressLimits>,
        turnstile: Turnstile,
        stamps: Stamps,
    ) -> Self {
        Self { rule, sessions, limits, turnstile, stamps }
    }

    /// The human check.
    pub const fn turnstile(&self) -> &Turnstile {
        &self.turnstile
    }

    /// What a session must have passed for the race.
    pub const fn rule(&self) -> GateRule {
        self.rule
    }

    /// Session stamps: what they must be, and which are spent.
    pub const fn stamps(&self) -> &Stamps {
        &self.stamps
    }

    /// True if a new session costs a stamp: always by the rule, or while the server is
    /// under attack, in addition to the human check.
    pub fn asks_for_stamps(&self) -> bool {
        self.rule.asks_for_stamps() || self.stamps.is_raised()
    }

    /// The session with which a request takes part in the race: its own, or the one
    /// that `token` stands for, which is asked about if it has not been seen before.
    ///
    /// # Errors
    /// [`GateError`].
    pub async fn for_the_race(
        &self,
        own: Option<Session>,
        token: Option<&str>,
        address: IpAddr,
    ) -> Result<Session, GateError> {
        if let Some(session) = own.as_ref().filter(|session| self.rule.is_met_by(session.passed)) {
            return Ok(session.clone());
        }
        if self.rule.asks_for_stamps() {
            // A token alone stands for no stamp.
            let stamped = own.is_some_and(|session| session.passed.stamped);
            return Err(if stamped { GateError::MissingToken } else { self.stamp_demand(Rejection::Missing) });
        }
        let token = usable(token)?;
        if let Some(session) = self.sessions.by_token(&TokenKey::new(token, address)) {
            return Ok(session);
        }
        let TokenSession { session, is_new } = self.counted(address, self.turnstile.accept(token, address)).await?;
        if !is_new {
            self.limits.sessions.give_back(address);
        }
        Ok(session)
    }

    /// Judges what is shown for the race's gate, of which `had` has been passed before.
    ///
    /// # Errors
    /// [`GateError::StampRequired`].
    pub fn judge_for_the_race<'a>(&self, had: Passed, credentials: Credentials<'a>) -> Result<Judged<'a>, GateError> {
        let needs_human = self.rule.asks_for_humans() && !had.human;
        let needs_stamp = self.asks_for_stamps() && !had.stamped;
        let stamp = if needs_stamp { self.judge_stamp(credentials.stamp)? } else { None };
        Ok(Judged { credentials, needs_human, stamp })
    }

    /// Judges what is shown for the lobby, which asks for a stamp and nothing else.
    ///
    /// # Errors
    /// [`GateError::StampRequired`].
    pub fn judge_for_the_lobby<'a>(&self, credentials: Credentials<'a>) -> Result<Judged<'a>, GateError> {
        Ok(Judged { credentials, needs_human: false, stamp: self.judge_stamp(credentials.stamp)? })
    }

    fn judge_stamp(&self, stamp: Option<&str>) -> Result<Option<StampHash>, GateError> {
        self.stamps.judge(stamp).map_err(|why| self.stamp_demand(why))
    }

    /// Completes a session that has not passed everything yet. What was judged is spent.
    ///
    /// # Errors
    /// [`GateError`].
    pub async fn complete(&self, session: &Session, judged: Judged<'_>) -> Result<(), GateError> {
        let passed = self.spend(judged).await?;
        let completed = self.sessions.changes_of_passing(&session.id, passed);
        if let Err(error) = self.note_spent(judged, completed).await {
            self.give_back(judged).await;
            return Err(error);
        }
        self.sessions.upgrade(&session.id, passed);
        Ok(())
    }

    /// Opens a session, with `nick` or a friendly one. What was judged is spent.
    ///
    /// # Errors
    /// [`GateError`].
    pub async fn open(&self, nick: Option<Nick>, judged: Judged<'_>) -> Result<Opened, GateError> {
        let passed = self.spend(judged).await?;
        // Only now that everything is paid: nobody loses a fresh nick to somebody who
        // pays nothing.
        let replaced = nick.as_ref().and_then(|nick| self.sessions.end_unclaimed(nick));
        match self.sessions.open(nick, passed) {
            Ok(new) => match self.note_spent(judged, self.sessions.changes_of(&new.session.id)).await {
                Ok(()) => Ok(Opened { new, replaced }),
                Err(error) => {
                    self.take_back(&new.session, judged).await;
                    Err(error)
                }
            },
            Err(error) => {
                self.give_back(judged).await;
                Err(match error {
                    OpenError::NickTaken => GateError::NickTaken,
                    OpenError::TooMany | OpenError::Ended => GateError::TooManySessions,
                })
            }
        }
    }

    /// Ends a session that was opened just now and came to nothing. What was counted and
    /// spent for it is given back.
    pub async fn take_back(&self, session: &Session, judged: Judged<'_>) {
        self.sessions.close_client(&session.client);
        self.give_back(judged).await;
    }

    /// Counts a session, and spends what was judged for it.
    async fn spend(&self, Judged { credentials, needs_human, stamp }: Judged<'_>) -> Result<Passed, GateError> {
        let address = credentials.address;
        if needs_human {
            let token = usable(credentials.token)?;
            self.counted(address, self.turnstile.spend(token, address)).await?;
        } else {
            self.count_session(address)?;
        }
        if let Some(hash) = stamp
            && let Err(error) = self.stamps.spend(hash).await
        {
            self.limits.sessions.give_back(address);
            return Err(self.not_taken(error));
        }
        Ok(Passed { human: needs_human, stamped: stamp.is_some() })
    }

    /// Has the ledger know that a token is spent, and `given`, what was given for it.
    async fn note_spent(&self, judged: Judged<'_>, given: Vec<Change>) -> Result<(), GateError> {
        match judged.credentials.token {
            Some(token) if judged.needs_human => self.turnstile.note_spent(token, given).await,
            _ => Ok(()),
        }
    }

    /// Gives back what was counted and spent, except a token: that is worth nothing once
    /// it was asked about.
    async fn give_back(&self, Judged { credentials, stamp, .. }: Judged<'_>) {
        if let Some(hash) = stamp {
            self.stamps.give_back(hash).await;
        }
        self.limits.sessions.give_back(credentials.address);
    }

    /// Asks the human check, for a new session.
    ///
    /// The session and the check are counted before anybody is asked, so that
    /// calls made at once cannot exceed a limit; a check that passes, and a
    /// session that comes to nothing, are taken back.
    async fn counted<T>(
        &self,
        address: IpAddr,
        check: impl Future<Output = Result<T, GateError>>,
    ) -> Result<T, GateError> {
        let AddressLimits { sessions, checks, .. } = &*self.limits;
        self.count_session(address)?;
        let checked = match checks.take(address) {
            Err(Exceeded { retry_after }) => Err(GateError::TooManyChecksOfAddress { retry_after }),
            Ok(()) => check.await.inspect(|_| checks.give_back(address)),
        };
        checked.inspect_err(|_| sessions.give_back(address))
    }

    /// Counts a new session of `address`; one that comes to nothing is to be given back to
    /// the limit.
    ///
    /// # Errors
    /// [`GateError::TooManySessionsOfAddress`].
    fn count_session(&self, address: IpAddr) -> Result<(), GateError> {
        let too_many = |Exceeded { retry_after }| GateError::TooManySessionsOfAddress { retry_after };
        self.limits.sessions.take(address).map_err(too_many)
    }

    fn stamp_demand(&self, reason: Rejection) -> GateError {
        let (bits, resource) = (self.stamps.bits(), self.stamps.resource().to_owned());
        GateError::StampRequired(Box::new(StampDemand { bits, resource, reason }))
    }

    fn not_taken(&self, error: NotTaken) -> GateError {
        match error {
            NotTaken::Rejected(why) => self.stamp_demand(why),
            NotTaken::NotSpent(error) => GateError::StampNotSpent(error),
        }
    }
}

/// A token that is worth asking about.
fn usable(token: Option<&str>) -> Result<&str, GateError> {
    token.filter(|token| !token.is_empty() && token.len() <= LONGEST_TOKEN).ok_or(GateError::MissingToken)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::https_client::ProxySettings;
    use crate::{
        clock::{Clock, ManualClock},
        gate::{
            LimitSettings,
            price::{Pressure, Price},
            stamps::tests::Forgetful,
        },
    };
    use puzzle::stamp::Bits;
    use std::time::Duration;

    #[tokio::test]
    async fn under_attack_a_new_session_costs_a_stamp_beside_the_human_check() {
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::default());
        let price = Arc::new(Price::default());
        let sessions = Arc::new(Sessions::new(clock.clone()));
        let stamps = Stamps::new(Forgetful, Bits::new(20).unwrap(), "hashpass".into(), clock.clone());
        let gate = Admission::new(
            GateRule::Turnstile,
            sessions.clone(),
            Arc::new(AddressLimits::new(LimitSettings::NONE, &clock)),
            Turnstile::new(None, sessions, &ProxySettings::default()).unwrap(),
            stamps.at_price(price.clone()),
        );
        let address = IpAddr::from([192, 0, 2, 1]);
        let credentials = Credentials { token: Some("token"), stamp: None, address };
        let open = async || {
            let judged = gate.judge_for_the_race(Passed::default(), credentials)?;
            gate.open(None, judged).await
        };
        let before = open().await.expect("a token is enough").new;

        let observe = |fullest_table, second| {
            let oldest_submission = Duration::ZERO;
            price.observe(Pressure { fullest_table, oldest_submission }, Duration::from_secs(second));
        };
        observe(0.9, 10);
        let Err(GateError::StampRequired(demand)) = open().await else { panic!("it is not enough now") };
        assert_eq!((demand.bits.get(), demand.reason), (21, Rejection::Missing));
        // Whoever is in pays nothing, and stays in.
        let own = Some(before.session.clone());
        assert_eq!(gate.for_the_race(own, None, address).await.unwrap().id, before.session.id);
        observe(0.0, 20);
        assert!(open().await.is_ok());
    }
}
