//! A command from its envelope to its answer, whichever way its sender is connected.

use super::{
    answer::Answer,
    commands::{Caller, Command, Remark, shortened},
    envelope::Envelope,
    error::LobbyError,
    event::Event,
    handle::Lobby,
    mailbox::Mailbox,
    numeric::{self, Numeric},
    store::Written,
};
use crate::{gate::limits::Bucket, identity::session::Session, lock::lock};
use puzzle::stamp::Rejection;
use std::{net::IpAddr, sync::Arc, time::Duration};

/// Commands per second of a client in the long run, and at once. More are delayed …
pub(super) const COMMANDS_PER_SECOND: f64 = 2.0;
const COMMANDS_AT_ONCE: f64 = 10.0;

/// … and refused when the delay would be longer than this.
const LONGEST_DELAY: Duration = Duration::from_secs(20);

/// The fewest characters of a password.
const SHORTEST_PASSWORD: usize = 8;

/// The longest password, in bytes.
const LONGEST_PASSWORD: usize = 512;

/// What an action came to, and what answers its caller.
type Outcome<T> = (T, Vec<Arc<Event>>);

impl Lobby {
    /// Carries out a command. A client that sends too many is slowed down.
    ///
    /// # Errors
    /// [`LobbyError`] where no command was carried out; errors of commands are in
    /// the answer.
    pub async fn command(&self, session: &Session, envelope: Envelope, address: IpAddr) -> Result<Answer, LobbyError> {
        let (lobby, session) = (self.clone(), session.clone());
        self.shared.runtime.run(async move { lobby.carry_out(&session, &envelope, address).await }).await
    }

    async fn carry_out(&self, session: &Session, envelope: &Envelope, address: IpAddr) -> Result<Answer, LobbyError> {
        envelope.check()?;
        let mailbox = self.enter(session, address).await?;
        self.wait_for_turn(&mailbox).await?;
        let _place = self.begin(address)?;
        let arguments = envelope.arguments();
        match Command::named(&envelope.command) {
            Some(Command::Immediate(command)) => {
                let payment = self.pay(session, &mailbox, command.remark(), envelope, address).await?;
                let run = |caller: &mut Caller<'_>| {
                    let refused = caller.run(command, &arguments).err();
                    if let Some(numeric) = &refused {
                        caller.reply(numeric);
                    }
                    refused
                };
                let (refused, replies) = self.on_behalf_of_payer(session, &mailbox, payment, run).await?;
                Ok(Answer { refused, replies, ..Answer::default() })
            }
            Some(Command::Speech(speech)) => self.speak(session, &mailbox, speech, envelope, address).await,
            Some(Command::Pass) => self.set_password(session, &mailbox, arguments.first().copied(), address).await,
            Some(Command::Quit) => {
                let payment = self.pay(session, &mailbox, Some(Remark::Quit), envelope, address).await?;
                let quit = |caller: &mut Caller<'_>| caller.quit(arguments.first().copied());
                self.on_behalf_of_payer(session, &mailbox, payment, quit).await?;
                self.shared.environment.sessions.close_client(&session.client);
                Ok(Answer { ended: true, ..Answer::default() })
            }
            None => {
                let unknown = numeric::UNKNOWNCOMMAND.about(&[&shortened(&envelope.command)]);
                self.answer(session, &mailbox, |_| Err(unknown)).await
            }
        }
    }

    /// Waits until the client may send another command.
    pub(super) async fn wait_for_turn(&self, mailbox: &Mailbox) -> Result<(), LobbyError> {
        let now = self.shared.clock.now();
        let delay = {
            let mut pace = lock(&mailbox.pace);
            let bucket = pace.get_or_insert_with(|| Bucket::full(COMMANDS_AT_ONCE, now));
            bucket.take_with_debt(COMMANDS_PER_SECOND, COMMANDS_AT_ONCE, LONGEST_DELAY, now)
        };
        let delay = delay.map_err(|retry_after| LobbyError::TooFast { retry_after })?;
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        Ok(())
    }

    /// Does something with the state on a client's behalf, and waits until that is
    /// stored. Gives back what came of it, and what was replied.
    pub(super) async fn on_behalf_of<T>(
        &self,
        session: &Session,
        mailbox: &Arc<Mailbox>,
        action: impl FnOnce(&mut Caller<'_>) -> T,
    ) -> Result<Outcome<T>, LobbyError> {
        let (done, written) = self.decide(session, mailbox, action)?;
        written.stored().await?;
        Ok(done)
    }

    /// The same without the waiting.
    pub(super) fn decide<T>(
        &self,
        session: &Session,
        mailbox: &Arc<Mailbox>,
        action: impl FnOnce(&mut Caller<'_>) -> T,
    ) -> Result<(Outcome<T>, Written), LobbyError> {
        let slot = self.shared.store.reserve()?;
        let moment = self.moment();
        let mut guard = self.lock();
        let state = &mut *guard;
        if !state.users.contains_key(&session.id) {
            return Err(LobbyError::Ended);
        }
        let mut caller = Caller {
            cost: 0.0,
            state,
            environment: &self.shared.environment,
            moment,
            me: session.id.clone(),
            mailbox: mailbox.clone(),
            replies: Vec::new(),
            payment: Err(Rejection::Missing),
        };
        let outcome = action(&mut caller);
        let (replies, cost) = (caller.replies, caller.cost);
        mailbox.charge(cost);
        let written = guard.hand_over(slot);
        Ok(((outcome, replies), written))
    }

    /// Does something that can be refused: the refusal goes to the caller's
    /// queue and into the answer.
    pub(super) async fn answer(
        &self,
        session: &Session,
        mailbox: &Arc<Mailbox>,
        action: impl FnOnce(&mut Caller<'_>) -> Result<(), Numeric>,
    ) -> Result<Answer, LobbyError> {
        let done = self.on_behalf_of(session, mailbox, |caller| {
            let refused = action(caller).err();
            if let Some(numeric) = &refused {
                caller.reply(numeric);
            }
            refused
        });
        let (refused, replies) = done.await?;
        Ok(Answer { refused, replies, ..Answer::default() })
    }

    async fn set_password(
        &self,
        session: &Session,
        mailbox: &Arc<Mailbox>,
        password: Option<&str>,
        address: IpAddr,
    ) -> Result<Answer, LobbyError> {
        let password = password.unwrap_or_default();
        if password.chars().count() < SHORTEST_PASSWORD || LONGEST_PASSWORD < password.len() {
            let text = "A password has 8 characters or more, and at most 512 bytes";
            return self.answer(session, mailbox, |_| Err(numeric::NEEDMOREPARAMS.saying(&["PASS"], text))).await;
        }
        self.shared.guesses.take_for_known(address, self.shared.clock.now())?;
        let hash = self.shared.passwords.hash(password.to_owned()).await?;
        let set = self.answer(session, mailbox, |caller| {
            if let Some(user) = caller.state.users.get_mut(&caller.me) {
                user.password = Some(hash);
            }
            caller.state.save_user(&caller.me.clone());
            caller.state.know_network(&caller.me, address);
            Ok(())
        });
        let answer = set.await?;
        self.shared.environment.sessions.prove(&session.id);
        Ok(answer)
    }
}
