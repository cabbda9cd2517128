//! The clients of a session: how another one logs in, and how they leave.

use super::{
    entry::Opened,
    error::LobbyError,
    guesses::wide_network,
    handle::Lobby,
    state::State,
    store::{Write, Written},
};
use crate::{
    gate::limits::Exceeded,
    identity::session::{ClientKey, MOST_CLIENTS_OF_A_SESSION, NewSession, OpenError, Session, SessionId},
};
use std::net::IpAddr;

impl Lobby {
    /// Adds a client to the session of a nick, for somebody who knows its password.
    ///
    /// # Errors
    /// [`LobbyError::WrongPassword`], [`LobbyError::TooFast`] and those of a busy
    /// lobby.
    pub async fn login(&self, nick: &str, password: String, address: IpAddr) -> Result<Opened, LobbyError> {
        let (lobby, nick) = (self.clone(), nick.to_owned());
        self.shared.runtime.run(async move { lobby.try_to_log_in(&nick, password, address).await }).await
    }

    async fn try_to_log_in(&self, nick: &str, password: String, address: IpAddr) -> Result<Opened, LobbyError> {
        let too_fast = |Exceeded { retry_after }| LobbyError::TooFast { retry_after };
        self.shared.logins.take(address).map_err(too_fast)?;
        let network = wide_network(address);
        let (known, hash, from) = match self.lock().by_nick(nick) {
            Some((id, user)) => {
                let from = user.networks.contains(&network).then_some(network);
                (Some(id.clone()), user.password.clone(), from)
            }
            None => (None, None, None),
        };
        let guess = self.shared.guesses.begin(nick, from, address, self.shared.clock.now())?;
        let right = self.shared.passwords.matches(password, hash).await?;
        let Some(id) = known.filter(|_| right) else { return Err(LobbyError::WrongPassword) };
        self.shared.guesses.was_right(guess);
        let (opened, written) = self.log_in(id, address)?;
        written.stored().await?;
        Ok(opened)
    }

    /// Adds a client to a session whose password is known.
    fn log_in(&self, id: SessionId, address: IpAddr) -> Result<(Opened, Written), LobbyError> {
        let slot = self.shared.store.reserve()?;
        let moment = self.moment();
        let mut guard = self.lock();
        let state = &mut *guard;
        if !state.users.contains_key(&id) {
            return Err(LobbyError::WrongPassword);
        }
        self.make_room_for_client(state, &id);
        let NewSession { session, token } =
            self.shared.environment.sessions.add_client(&id).map_err(|error| match error {
                OpenError::TooMany => LobbyError::Full,
                OpenError::NickTaken | OpenError::Ended => LobbyError::WrongPassword,
            })?;
        self.add_client(state, moment, &id, session.client);
        state.know_network(&id, address);
        let written = state.hand_over(slot);
        Ok((Opened { id, nick: session.nick, token: Some(token) }, written))
    }

    /// Makes room for another client: a session that has as many as it may loses the one
    /// that has been idle longest. So nobody who never logs out is locked out.
    fn make_room_for_client(&self, state: &mut State, id: &SessionId) {
        let sessions = &self.shared.environment.sessions;
        let Some(user) = state.users.get_mut(id) else { return };
        if user.clients.len() < MOST_CLIENTS_OF_A_SESSION {
            return;
        }
        let clients: Vec<ClientKey> = user.clients.keys().copied().collect();
        let idlest = sessions.idle_times(&clients).into_iter().max_by_key(|(_, idle)| *idle);
        if let Some((client, _)) = idlest {
            sessions.close_client(&client);
            if let Some(mailbox) = user.clients.remove(&client) {
                mailbox.close();
            }
            state.writes.push(Write::DeleteClient(client));
        }
    }

    /// Ends one client; with the last one the session quits. Its cookie is worthless
    /// from then on.
    ///
    /// # Errors
    /// Those of the store: while it is busy nothing has happened; when it fails the
    /// client has ended, and that will be written down later.
    pub async fn logout(&self, session: &Session) -> Result<(), LobbyError> {
        let (lobby, session) = (self.clone(), session.clone());
        self.shared.runtime.run(async move { Ok(lobby.end_client(&session)?.stored().await?) }).await
    }

    fn end_client(&self, session: &Session) -> Result<Written, LobbyError> {
        let slot = self.shared.store.reserve()?;
        let moment = self.moment();
        let mut state = self.lock();
        if self.shared.environment.sessions.close_client(&session.client) {
            state.quit(moment, &session.id, "Logged out");
        } else if let Some(user) = state.users.get_mut(&session.id)
            && let Some(mailbox) = user.clients.remove(&session.client)
        {
            mailbox.close();
            state.writes.push(Write::DeleteClient(session.client));
        }
        Ok(state.hand_over(slot))
    }
}
