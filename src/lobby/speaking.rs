//! PRIVMSG and NOTICE from their envelope to their answer, with the stamp that the
//! channel may ask for.

use super::{
    answer::Answer,
    commands::{Caller, Message, Payment, Remark, Speech, Spoken, stamp_refused},
    envelope::Envelope,
    error::LobbyError,
    event::Event,
    handle::{Lobby, Shared},
    mailbox::Mailbox,
    store::StampKind,
};
use crate::{gate::limits::Exceeded, identity::session::Session};
use puzzle::stamp::{Bits, Rejection, StampHash, Timestamp, channel};
use std::{net::IpAddr, sync::Arc};

/// With more than this part of the room for spent stamps taken, each network has a share.
const MANY_STAMPS: f64 = 0.5;

/// A stamp that was spent for a message, and how many bits the channel had asked for.
#[derive(Clone, Copy)]
struct Spent {
    hash: StampHash,
    bits: Bits,
}

impl Lobby {
    /// Says something. Whether it can be delivered is found out under the lock, and a
    /// stamp is spent without it; so it is tried again until nothing has changed
    /// meanwhile.
    pub(super) async fn speak(
        &self,
        session: &Session,
        mailbox: &Arc<Mailbox>,
        speech: Speech,
        envelope: &Envelope,
        address: IpAddr,
    ) -> Result<Answer, LobbyError> {
        let message = match Message::new(speech, envelope) {
            Ok(message) => message,
            Err(numeric) => return self.answer(session, mailbox, |_| Err(numeric)).await,
        };
        let mut spent: Option<Spent> = None;
        let refused = loop {
            let spent_bits = spent.map_or(Bits::NONE, |spent| spent.bits);
            let (spoken, replies) =
                match self.on_behalf_of(session, mailbox, |caller| caller.speak(&message, spent_bits)).await {
                    Ok(spoken) => spoken,
                    Err(error) => {
                        self.give_back(spent).await;
                        return Err(error);
                    }
                };
            match spoken {
                Ok(Spoken::Delivered(id)) => {
                    self.shared.environment.sessions.prove(&session.id);
                    return Ok(Answer { id: Some(id), replies, ..Answer::default() });
                }
                Ok(Spoken::NeedsStamp { bits, channel }) => {
                    let hash = match self.judge(&message, bits, &channel) {
                        Ok(hash) => hash,
                        Err(why) => break stamp_refused(&channel, bits, why),
                    };
                    // The channel may ask for more bits than it did, and the stamp have them.
                    let is_spent_for_it = spent.is_some_and(|spent| spent.hash == hash);
                    if !is_spent_for_it && !self.spend(hash, address).await? {
                        break stamp_refused(&channel, bits, Rejection::Spent);
                    }
                    spent = Some(Spent { hash, bits });
                }
                Err(numeric) => break numeric,
            }
        };
        // It became impossible while the stamp was being spent.
        self.give_back(spent).await;
        self.answer(session, mailbox, |_| Err(refused)).await
    }

    /// Spends the stamp that came with a command for the text that it brings to others,
    /// where one of their channels asks for it.
    pub(super) async fn pay(
        &self,
        session: &Session,
        mailbox: &Arc<Mailbox>,
        remark: Option<Remark>,
        envelope: &Envelope,
        address: IpAddr,
    ) -> Result<Result<Payment, Rejection>, LobbyError> {
        let arguments = envelope.arguments();
        let Some((remark, text)) = remark.and_then(|remark| Some((remark, remark.text(&arguments)?))) else {
            return Ok(Err(Rejection::Missing));
        };
        let Some(stamp) = envelope.stamp() else { return Ok(Err(Rejection::Missing)) };
        let demands = self.on_behalf_of(session, mailbox, |caller| caller.demands(remark, &arguments));
        let (demands, _) = demands.await?;
        let (now, body) = (self.moment().seconds(), [text.to_owned()]);
        let mut why = Rejection::Missing;
        for demand in demands {
            match channel::check(Some(&stamp), demand.bits, &demand.shown, &body, Timestamp(now)) {
                Ok(Some(hash)) if self.spend(hash, address).await? => {
                    return Ok(Ok(Payment { channel: demand.channel, bits: demand.bits, hash, used: false }));
                }
                Ok(Some(_)) => why = Rejection::Spent,
                Ok(None) => {}
                Err(rejection) => why = rejection,
            }
        }
        Ok(Err(why))
    }

    /// Does something on behalf of a client that may have paid for it, and gives the stamp
    /// back if that was not needed or not done.
    pub(super) async fn on_behalf_of_payer<T>(
        &self,
        session: &Session,
        mailbox: &Arc<Mailbox>,
        payment: Result<Payment, Rejection>,
        action: impl FnOnce(&mut Caller<'_>) -> T,
    ) -> Result<(T, Vec<Arc<Event>>), LobbyError> {
        let stamp = payment.as_ref().ok().map(|payment| payment.hash);
        let mut used = false;
        let done = self.on_behalf_of(session, mailbox, |caller| {
            caller.payment = payment;
            let outcome = action(caller);
            used = caller.payment.as_ref().is_ok_and(|payment| payment.used);
            outcome
        });
        let done = done.await;
        if let Some(hash) = stamp
            && !(used && done.is_ok())
        {
            self.shared.store.give_back(StampKind::Channel, hash).await;
        }
        done
    }

    /// Judges the stamp of a message.
    fn judge(&self, message: &Message<'_>, bits: Bits, channel: &str) -> Result<StampHash, Rejection> {
        let now = Timestamp(self.moment().seconds());
        let stamp = message.envelope.stamp();
        channel::check(stamp.as_deref(), bits, channel, &message.body, now)?.ok_or(Rejection::Missing)
    }

    /// Spends a stamp that was judged: true if it was not spent before. While many are
    /// remembered a network has a share of the rest, so that whoever mints stamps of few
    /// bits for a channel of its own fills the room for nobody else.
    async fn spend(&self, hash: StampHash, address: IpAddr) -> Result<bool, LobbyError> {
        let Shared { store, stamp_shares, .. } = &*self.shared;
        let taken = stamp_shares.take(address);
        if let Err(Exceeded { retry_after }) = taken
            && MANY_STAMPS < store.fullness(StampKind::Channel)
        {
            return Err(LobbyError::TooFast { retry_after });
        }
        let spending = store.spend(StampKind::Channel, hash, self.moment().seconds()).await;
        if taken.is_ok() && !matches!(spending, Ok(true)) {
            stamp_shares.give_back(address);
        }
        Ok(spending?)
    }

    async fn give_back(&self, spent: Option<Spent>) {
        if let Some(Spent { hash, .. }) = spent {
            self.shared.store.give_back(StampKind::Channel, hash).await;
        }
    }
}
