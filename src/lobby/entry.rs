//! Coming in: opening a session, and entering the lobby with it.

use super::{
    commands::{Caller, Immediate},
    error::LobbyError,
    handle::Lobby,
    mailbox::{Mailbox, Reader},
    state::{Moment, State, User},
    store::Write,
};
use crate::{
    gate::stamps::NotTaken,
    identity::{
        nick::Nick,
        session::{ClientKey, NewSession, OpenError, Passed, Session},
    },
    lock::lock,
    race::SessionId,
};
use puzzle::stamp::StampHash;
use std::{collections::BTreeSet, sync::Arc, time::Duration};

/// A session that was opened or entered.
#[derive(Clone, Debug)]
pub struct Opened {
    /// Names it without granting it.
    pub id: SessionId,
    /// Its nick.
    pub nick: Nick,
    /// The cookie's value, if a client was added; else the request has it already.
    pub token: Option<String>,
}

impl Lobby {
    /// Opens a session, or enters the lobby with the one that the request has.
    ///
    /// A stamp is needed unless none is asked for or the request's session has
    /// passed a gate before. It is spent only if everything else is in order.
    ///
    /// # Errors
    /// [`LobbyError`].
    pub async fn open_session(
        &self,
        present: Option<Session>,
        nick: Option<&str>,
        stamp: Option<&str>,
    ) -> Result<Opened, LobbyError> {
        let nick: Option<Nick> = nick.map(str::parse).transpose()?;
        if let Some(session) = present {
            if !session.passed.any()
                && !self.is_inside(&session)
                && let Some(hash) = self.shared.stamps.judge(stamp).map_err(LobbyError::Stamp)?
            {
                self.spend(hash).await?;
                self.shared.environment.sessions.upgrade(&session.id, Passed { human: false, stamped: true });
            }
            return self.enter_as(session, nick);
        }
        let hash = self.shared.stamps.judge(stamp).map_err(LobbyError::Stamp)?;
        if let Some(nick) = &nick {
            self.check_nick(nick)?;
        }
        if !self.lock().has_room() {
            return Err(LobbyError::Full);
        }
        // Before the spending, so that a refusal leaves the stamp as it was.
        self.take_from_ceiling()?;
        let opened = self.open_spending(nick, hash).await;
        if opened.is_err() {
            lock(&self.shared.ceiling).put_back();
        }
        opened
    }

    async fn open_spending(&self, nick: Option<Nick>, hash: Option<StampHash>) -> Result<Opened, LobbyError> {
        if let Some(hash) = hash {
            self.spend(hash).await?;
        }
        let opened = self.open_new(nick, Passed { human: false, stamped: hash.is_some() });
        if let (Err(_), Some(hash)) = (&opened, hash) {
            self.shared.stamps.give_back(hash).await;
        }
        opened
    }

    fn open_new(&self, nick: Option<Nick>, passed: Passed) -> Result<Opened, LobbyError> {
        if let Some(nick) = &nick {
            self.free_unclaimed_nick(nick)?;
        }
        let sessions = &self.shared.environment.sessions;
        match sessions.open(nick, passed) {
            Ok(NewSession { session, token }) => match self.enter(&session) {
                Ok(_) => Ok(Opened { id: session.id, nick: session.nick, token: Some(token) }),
                Err(error) => {
                    sessions.close_client(&session.client);
                    Err(error)
                }
            },
            Err(OpenError::NickTaken) => Err(LobbyError::NickTaken { retry_after: None }),
            Err(OpenError::TooMany | OpenError::Ended) => Err(LobbyError::Full),
        }
    }

    /// Whether a new session may have the nick.
    fn check_nick(&self, nick: &Nick) -> Result<(), LobbyError> {
        let sessions = &self.shared.environment.sessions;
        match sessions.unclaimed_for(nick) {
            Some(Duration::ZERO) => Ok(()),
            None if !sessions.is_nick_taken(nick) => Ok(()),
            retry_after => Err(LobbyError::NickTaken { retry_after }),
        }
    }

    /// Frees a nick whose session was opened and never used: its cookie got lost on
    /// the way. Called only once the stamp of who asks is spent, so that nobody loses
    /// a fresh nick to somebody who pays nothing.
    fn free_unclaimed_nick(&self, nick: &Nick) -> Result<(), LobbyError> {
        let slot = self.shared.store.reserve()?;
        let moment = self.moment();
        let mut state = self.lock();
        if let Some(id) = self.shared.environment.sessions.end_unclaimed(nick) {
            state.quit(moment, &id, "Never came");
            slot.write(std::mem::take(&mut state.writes));
        }
        Ok(())
    }

    async fn spend(&self, hash: StampHash) -> Result<(), LobbyError> {
        self.shared.stamps.spend(hash).await.map_err(|error| match error {
            NotTaken::Rejected(why) => LobbyError::Stamp(why),
            NotTaken::NotSpent(error) => LobbyError::Store(error.into()),
        })
    }

    fn take_from_ceiling(&self) -> Result<(), LobbyError> {
        let per_hour = f64::from(self.shared.environment.sessions_per_hour);
        let mut ceiling = lock(&self.shared.ceiling);
        ceiling
            .take(per_hour / 3600.0, per_hour, self.shared.clock.now())
            .map_err(|retry_after| LobbyError::Ceiling { retry_after })
    }

    fn enter_as(&self, session: Session, nick: Option<Nick>) -> Result<Opened, LobbyError> {
        let mailbox = self.enter(&session)?;
        let Some(nick) = nick else {
            return Ok(Opened { id: session.id, nick: session.nick, token: None });
        };
        let rename = |caller: &mut Caller<'_>| caller.run(Immediate::Nick, &[nick.as_str()]).is_ok();
        let (is_renamed, _) = self.on_behalf_of(&session, &mailbox, rename)?;
        if !is_renamed {
            return Err(LobbyError::NickTaken { retry_after: None });
        }
        Ok(Opened { id: session.id, nick, token: None })
    }

    fn is_inside(&self, session: &Session) -> bool {
        self.lock().users.contains_key(&session.id)
    }

    /// Makes sure that a session is in the lobby, and finds its client's queue. The
    /// first time it is greeted.
    pub(super) fn enter(&self, session: &Session) -> Result<Arc<Mailbox>, LobbyError> {
        if let Some(mailbox) = self.lock().users.get(&session.id).and_then(|user| user.clients.get(&session.client)) {
            return Ok(mailbox.clone());
        }
        let slot = self.shared.store.reserve()?;
        let moment = self.moment();
        let mut guard = self.lock();
        let state = &mut *guard;
        if !self.shared.environment.sessions.is_alive(&session.client) {
            return Err(LobbyError::Ended);
        }
        if !state.users.contains_key(&session.id) {
            if !state.has_room() {
                return Err(LobbyError::Full);
            }
            state.nicks.insert(session.nick.folded(), session.id.clone());
            let user = User::new(session.nick.clone(), session.passed, moment.seconds(), moment.now);
            state.users.insert(session.id.clone(), user);
            state.save_user(&session.id);
        }
        let mailbox = self.add_client(state, moment, &session.id, session.client);
        slot.write(std::mem::take(&mut state.writes));
        Ok(mailbox)
    }

    /// Gives a client its queue, with the greeting and with the channels that its
    /// session is already in.
    pub(super) fn add_client(
        &self,
        state: &mut State,
        moment: Moment,
        id: &SessionId,
        client: ClientKey,
    ) -> Arc<Mailbox> {
        let mailbox = Arc::new(Mailbox::default());
        let mut channels = BTreeSet::new();
        if let Some(user) = state.users.get_mut(id) {
            user.clients.insert(client, mailbox.clone());
            channels.clone_from(&user.channels);
        }
        state.writes.push(Write::SaveClient { key: client, session: id.clone(), last_seen: moment.seconds() });
        let mut caller = Caller {
            state,
            environment: &self.shared.environment,
            moment,
            me: id.clone(),
            mailbox: mailbox.clone(),
            replies: Vec::new(),
        };
        caller.welcome();
        for channel in channels {
            caller.show_joined(&channel);
        }
        for arrived in state.expected.remove(&client).into_iter().flatten() {
            // A connection that has just gone needs nothing.
            let _ = arrived.send(Reader::of_what_comes(mailbox.clone()));
        }
        mailbox
    }
}
