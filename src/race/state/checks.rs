//! The checks of a submission that cost nothing.

use super::{Moment, State};
use crate::{
    gate::network::Network,
    race::submission::{Competitor, Refusal, Solution},
};
use std::time::Duration;

impl State {
    /// Makes the checks in the protocol's order; the round's mining time if all are passed.
    pub(super) fn check(
        &self,
        moment: Moment,
        competitor: &Competitor,
        proven: bool,
        solution: &Solution,
    ) -> Result<Duration, Refusal> {
        let (Moment { now, wall }, session) = (moment, &competitor.session);
        if self.stopping {
            return Err(Refusal::Stopping);
        }
        if let Some(refusal) = self.giving.closed(wall).or_else(|| self.giving.refused(competitor, wall)) {
            return Err(refusal);
        }
        if solution.seed != self.seed {
            return Err(Refusal::AlreadySolved);
        }
        let mining_time = self.clock.elapsed(now);
        if !solution.hash.is_below(&self.curve.target_at(mining_time)) {
            let valid_in = self.curve.rising().map(|_| {
                self.curve.valid_from(&solution.hash).map(|valid_from| valid_from.saturating_sub(mining_time))
            });
            return Err(Refusal::BelowDifficulty { valid_in });
        }
        if let Some(retry_after) = self.giving.rest_of_min_round(wall) {
            return Err(Refusal::TooSoonAfterWin { retry_after });
        }
        if self.ordered.is_some() {
            // An operator's word counts from the moment on that it is given.
            return Err(Refusal::Busy);
        }
        if self.arrivals.iter().any(|(_, entry)| entry.competitor.session == *session) {
            return Err(Refusal::InFlight);
        }
        if let Some(retry_after) = self.standing.must_wait(session, now) {
            return Err(Refusal::Struck { retry_after });
        }
        if !proven && self.newcomers.most() <= self.arrivals.iter().filter(|(_, entry)| !entry.proven).count() {
            return Err(Refusal::Busy);
        }
        self.check_network(competitor.address.into(), proven, now)?;
        Ok(mining_time)
    }

    /// Checks that one network does not take up what is there for all.
    fn check_network(&self, network: Network, proven: bool, now: Duration) -> Result<(), Refusal> {
        let mut of_it = (0, 0);
        for (_, entry) in self.arrivals.iter() {
            if Network::from(entry.competitor.address).widest() == network.widest() {
                of_it = (of_it.0 + 1, of_it.1 + usize::from(!entry.proven));
            }
        }
        let (all, newcomers) = of_it;
        let is_crowded = !proven && self.newcomers.most_of_a_network() <= newcomers;
        if is_crowded || self.most_of_a_network <= all {
            return Err(Refusal::TooManyFromAddress { retry_after: Duration::from_secs(1) });
        }
        match self.newcomers.must_wait(network, now) {
            Some(retry_after) if !proven => Err(Refusal::TooManyFromAddress { retry_after }),
            _ => Ok(()),
        }
    }
}
