//! Coming in: opening a session, and entering the lobby with it.

use super::{
    commands::{Caller, Immediate},
    error::LobbyError,
    handle::Lobby,
    mailbox::{Mailbox, Reader},
    state::{Moment, State, User},
    store::{Write, Written},
};
use crate::{
    gate::{
        admission::{self, Credentials, Judged},
        limits::Exceeded,
    },
    identity::{
        nick::Nick,
        session::{ClientKey, NewSession, Session, SessionId},
    },
    lock::lock,
};
use puzzle::stamp::Rejection;
use std::{collections::BTreeSet, net::IpAddr, sync::Arc, time::Duration};

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
        credentials: Credentials<'_>,
    ) -> Result<Opened, LobbyError> {
        let Credentials { token, stamp, address } = credentials;
        let (nick, token, stamp) = (nick.map(str::to_owned), token.map(str::to_owned), stamp.map(str::to_owned));
        let lobby = self.clone();
        self.shared
            .runtime
            .run(async move {
                let credentials = Credentials { token: token.as_deref(), stamp: stamp.as_deref(), address };
                lobby.open_or_enter(present, nick.as_deref(), credentials).await
            })
            .await
    }

    async fn open_or_enter(
        &self,
        present: Option<Session>,
        nick: Option<&str>,
        credentials: Credentials<'_>,
    ) -> Result<Opened, LobbyError> {
        let nick: Option<Nick> = nick.map(str::parse).transpose()?;
        let admission = &self.shared.admission;
        if let Some(session) = present {
            if !session.passed.any() && !self.is_inside(&session) {
                let judged = admission.judge_for_the_lobby(credentials)?;
                admission.complete(&session, judged).await?;
            }
            return self.enter_as(session, nick, credentials.address).await;
        }
        let judged = admission.judge_for_the_lobby(credentials)?;
        if let Some(nick) = &nick {
            self.check_nick(nick)?;
        }
        // Before the spending, so that a refusal leaves the stamp as it was.
        self.take_from_ceiling(credentials.address)?;
        let opened = self.open_new(nick, judged, credentials.address).await;
        if opened.is_err() {
            lock(&self.shared.ceiling).put_back();
            self.shared.shares.give_back(credentials.address);
        }
        opened
    }

    async fn open_new(&self, nick: Option<Nick>, judged: Judged<'_>, address: IpAddr) -> Result<Opened, LobbyError> {
        let admission = &self.shared.admission;
        let admission::Opened { new: NewSession { session, token }, replaced } = admission.open(nick, judged).await?;
        let entered = async {
            if let Some(id) = replaced {
                self.end_replaced(&id)?;
            }
            self.enter(&session, address).await
        };
        match entered.await {
            Ok(_) => Ok(Opened { id: session.id, nick: session.nick, token: Some(token) }),
            Err(error) => {
                admission.take_back(&session, judged).await;
                Err(error)
            }
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

    /// Takes a session out of the lobby whose nick a new one was given.
    fn end_replaced(&self, id: &SessionId) -> Result<(), LobbyError> {
        let slot = self.shared.store.reserve()?;
        let moment = self.moment();
        let mut state = self.lock();
        state.quit(moment, id, "Never came");
        // The newcomer's entry is written after it, and waited for.
        state.hand_over(slot).without_waiting();
        Ok(())
    }

    /// Takes a session from the ceiling, and from the share that one network has of it.
    fn take_from_ceiling(&self, address: IpAddr) -> Result<(), LobbyError> {
        let too_many = |Exceeded { retry_after }| LobbyError::Ceiling { retry_after };
        self.shared.shares.take(address).map_err(too_many)?;
        self.take_from_all().inspect_err(|_| self.shared.shares.give_back(address))
    }

    fn take_from_all(&self) -> Result<(), LobbyError> {
        let per_hour = f64::from(self.shared.environment.sessions_per_hour);
        let mut ceiling = lock(&self.shared.ceiling);
        ceiling
            .take(per_hour / 3600.0, per_hour, self.shared.clock.now())
            .map_err(|retry_after| LobbyError::Ceiling { retry_after })
    }

    async fn enter_as(&self, session: Session, nick: Option<Nick>, address: IpAddr) -> Result<Opened, LobbyError> {
        let mailbox = self.enter(&session, address).await?;
        let Some(nick) = nick else {
            return Ok(Opened { id: session.id, nick: session.nick, token: None });
        };
        let rename = |caller: &mut Caller<'_>| caller.run(Immediate::Nick, &[nick.as_str()]).is_ok();
        let (is_renamed, _) = self.on_behalf_of(&session, &mailbox, rename).await?;
        if !is_renamed {
            return Err(LobbyError::NickTaken { retry_after: None });
        }
        Ok(Opened { id: session.id, nick, token: None })
    }

    pub(super) fn is_inside(&self, session: &Session) -> bool {
        self.lock().users.contains_key(&session.id)
    }

    /// Makes sure that a session is in the lobby, and finds its client's queue. The
    /// first time it is greeted.
    pub(super) async fn enter(&self, session: &Session, address: IpAddr) -> Result<Arc<Mailbox>, LobbyError> {
        if let Some(mailbox) = self.mailbox_inside(session, address) {
            return Ok(mailbox);
        }
        let _place = self.begin(address)?;
        let (mailbox, written) = self.admit(session, address)?;
        written.stored().await?;
        Ok(mailbox)
    }

    /// The queue of a client that is inside already. Of those who were here before the
    /// start it is known from now on from where they come.
    fn mailbox_inside(&self, session: &Session, address: IpAddr) -> Option<Arc<Mailbox>> {
        let mut state = self.lock();
        let user = state.users.get_mut(&session.id)?;
        user.network.get_or_insert_with(|| address.into());
        user.clients.get(&session.client).cloned()
    }

    fn admit(&self, session: &Session, address: IpAddr) -> Result<(Arc<Mailbox>, Written), LobbyError> {
        let slot = self.shared.store.reserve()?;
        let moment = self.moment();
        let mut guard = self.lock();
        let state = &mut *guard;
        // Another call of the same client may have come in meanwhile.
        if let Some(mailbox) = state.users.get(&session.id).and_then(|user| user.clients.get(&session.client)) {
            return Ok((mailbox.clone(), Written::nothing()));
        }
        if !self.shared.environment.sessions.is_alive(&session.client) {
            return Err(LobbyError::Ended);
        }
        if !state.users.contains_key(&session.id) {
            state.make_room(moment);
            // Whoever had the nick before has lost its session: nobody else can have it.
            let before = state.nicks.get(&session.nick.folded()).filter(|before| **before != session.id).cloned();
            if let Some(before) = before {
                state.quit(moment, &before, "Idle for too long");
            }
            state.nicks.insert(session.nick.folded(), session.id.clone());
            let user = User::new(session.nick.clone(), session.passed, moment.seconds(), moment.now);
            state.users.insert(session.id.clone(), User { network: Some(address.into()), ..user });
            state.save_user(&session.id);
        }
        let mailbox = self.add_client(state, moment, &session.id, session.client);
        let written = state.hand_over(slot);
        Ok((mailbox, written))
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
        let since = state.last_seq;
        let mailbox = Arc::new(Mailbox::since(since));
        let mut channels = BTreeSet::new();
        if let Some(user) = state.users.get_mut(id) {
            user.clients.insert(client, mailbox.clone());
            channels.clone_from(&user.channels);
        }
        state.writes.push(Write::SaveClient { key: client, session: id.clone(), last_seen: moment.seconds(), since });
        let mut caller = Caller {
            cost: 0.0,
            state,
            environment: &self.shared.environment,
            moment,
            me: id.clone(),
            mailbox: mailbox.clone(),
            replies: Vec::new(),
            payment: Err(Rejection::Missing),
        };
        caller.welcome();
        for channel in channels {
            caller.show_joined(&channel);
        }
        for arrived in state.expected.remove(&client).into_iter().flatten() {
            // A connection that has just gone needs nothing.
            let _ = arrived.send(Reader::of_what_comes_after(mailbox.clone(), state.last_seq));
        }
        mailbox
    }
}
