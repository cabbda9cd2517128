//! What the race writes into the ledger, as the ledger keeps it.

use super::win::Win;
use crate::ledger::body::{Estimate, OpenReason, Opened, Won};
use puzzle::{
    Cost, Curve, Seed,
    rule::{self, RateEstimate, Rule},
};
use std::net::{IpAddr, Ipv6Addr};

/// The entry of a win, after which the rule has learnt `estimate`.
pub(super) fn won(win: &Win, estimate: Estimate) -> Won {
    let Win { competitor, solution, .. } = win;
    Won {
        session: competitor.session.to_string(),
        ticket: win.ticket,
        code: win.invite_code.clone(),
        visitor: competitor.visitor.clone(),
        address: competitor.address,
        network: network(competitor.address),
        trace: competitor.trace.clone(),
        seed: solution.seed,
        nonce: solution.nonce,
        hash: solution.hash,
        difficulty: win.difficulty,
        mining_time: win.mining_time,
        solve_time: win.solve_time,
        new_difficulty: win.new_difficulty,
        adjustment_reason: win.adjustment_reason.clone(),
        estimate,
        expires_at: win.expires_at,
        state: competitor.state.clone(),
    }
}

/// The entry of a round that begins.
pub(super) fn opened(rule: &Rule, seed: Seed, curve: Curve, cost: Cost, reason: OpenReason) -> Opened {
    Opened { seed, curve, estimate: estimate(rule), cost, rule: rule.name(), reason }
}

/// What the rule has learnt, as the ledger keeps it.
pub(super) fn estimate(rule: &Rule) -> Estimate {
    match rule.estimate() {
        rule::Estimate::Step(difficulty) => Estimate::Step { difficulty: difficulty.digits() },
        rule::Estimate::Rising(RateEstimate { solves, exposure, rate }) => Estimate::Rising { solves, exposure, rate },
    }
}

/// The network that limits of people go by: an IPv4 address, or a /64.
pub(super) fn network(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let network = u128::from(address) >> 64 << 64;
            format!("{}/64", Ipv6Addr::from(network))
        }
    }
}
