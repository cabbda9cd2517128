//! What the tests commit.

use crate::ledger::{
    Body, Change, Digest, Transaction, WallTime,
    body::{Estimate, Expired, OpenReason, Opened, Won},
    deliveries::NewDelivery,
    rows::{ClientRow, SessionRow, SpentToken},
    values::WebhookId,
};
use puzzle::{
    Cost, Curve, Hash, Nonce, RoundNumber, Seed, Ticket,
    curve::RisingCurve,
    invite_code::{CodeSecret, InviteCode},
    rule::RuleName,
    target::Target,
};
use std::time::Duration;

/// Numbers that have no short form in decimal: they must come back as they were.
pub(super) const ESTIMATE: Estimate =
    Estimate::Rising { solves: 2.0 / 3.0, exposure: 0.1 + 0.2, rate: 12_345.678_901_234_567 };

pub(super) fn seed(round: u64) -> Seed {
    Seed::from_bytes(u128::from(round).to_be_bytes())
}

pub(super) fn opened(round: u64) -> Body {
    let reason = if round == 1 { OpenReason::First } else { OpenReason::Solved };
    let curve = Curve::Rising(RisingCurve {
        reference_time: 60.0,
        reference_target: Target::from_fraction(1.0 / 4096.0),
        power: 2.0,
        easiest: Target::from_fraction(1.0 / 16.0),
        hardest: Target::from_fraction(1e-7),
    });
    let cost = Cost { memory_cost: 64, time_cost: 1, parallelism: 1 };
    Body::Opened(Opened { seed: seed(round), curve, estimate: ESTIMATE, cost, rule: RuleName::Rising, reason })
}

pub(super) fn code(round: u64) -> InviteCode {
    let secret = CodeSecret::from_bytes(*b"0123456789abcdef");
    InviteCode::derive(&secret, &"visitor-1".parse().unwrap(), Nonce::new(round).unwrap(), &seed(round))
}

pub(super) fn won(round: u64, ticket: u64, session: &str) -> Body {
    won_until(round, ticket, session, None)
}

/// The same with a code that is worth nothing from a moment on.
pub(super) fn won_until(round: u64, ticket: u64, session: &str, expires_at: Option<WallTime>) -> Body {
    Body::Won(Box::new(Won {
        session: session.to_owned(),
        ticket: Ticket(ticket),
        code: code(round),
        visitor: "visitor-1".parse().unwrap(),
        address: "2001:db8::1".parse().unwrap(),
        network: "2001:db8::/64".to_owned(),
        trace: "fl=0f0\nip=2001:db8::1\nts=1\nuag=\"é\\\"\n".parse().unwrap(),
        seed: seed(round),
        nonce: Nonce::new(round).unwrap(),
        hash: Hash::from_bytes([7; 32]),
        difficulty: 3.1,
        mining_time: Duration::new(61, 123_456_789),
        solve_time: Duration::new(61, 123_456_789),
        new_difficulty: 3.2,
        adjustment_reason: "Perfect timing (61.1s within 30-120s)".to_owned(),
        estimate: ESTIMATE,
        expires_at,
        state: None,
    }))
}

pub(super) fn expired() -> Body {
    let reason = "No solution within 120s of mining".to_owned();
    Body::Expired(Expired {
        reason,
        mining_time: Duration::from_secs(120),
        estimate: Estimate::Step { difficulty: 2.0 },
    })
}

pub(super) fn delivery(id: u64, receiver: &str) -> NewDelivery {
    NewDelivery {
        webhook_id: WebhookId::from_random(u128::from(id).to_be_bytes()),
        receiver: receiver.to_owned(),
        round: Some(RoundNumber(id)),
        body: format!(r#"{{"visitor_id":"visitor-1","invite_code":"{id}"}}"#),
    }
}

/// The first round.
pub(super) fn opening() -> Transaction {
    Transaction::new().append(RoundNumber(1), opened(1))
}

/// A win as the race commits it: the win, the next round, what is to be delivered. The
/// ticket has the round's number.
pub(super) fn win(round: u64, session: &str) -> Transaction {
    Transaction::new()
        .append(RoundNumber(round), won(round, round, session))
        .append(RoundNumber(round + 1), opened(round + 1))
        .with(Change::Deliver(delivery(round, "webhook")))
}

pub(super) fn session(id: &str) -> SessionRow {
    SessionRow { id: id.to_owned(), nick: Some(format!("nick_of_{id}")), human: true, stamped: false, visitor: None }
}

pub(super) fn client(key: u8, session: &str, expires_at: u64) -> ClientRow {
    let expires_at = WallTime::from_milliseconds(expires_at);
    ClientRow { key: Digest::from_bytes([key; 32]), session: session.to_owned(), expires_at, renews: true }
}

pub(super) fn token(number: u64, expires_at: u64) -> SpentToken {
    let token = Digest::of(&[&number.to_be_bytes()]);
    SpentToken { token, expires_at: WallTime::from_milliseconds(expires_at) }
}
