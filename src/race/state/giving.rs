//! What is given out: the drop, the codes, and whom they are refused to.

use super::quotas::Quotas;
use crate::{
    ledger::{
        Change, WallTime,
        body::DropChange,
        rows::{ListedCode, WinQuota},
    },
    race::{
        entries::network,
        submission::{Competitor, Refusal, Solution},
    },
};
use puzzle::{
    RoundNumber,
    drop::{Drop, DropRules},
    invite_code::{CodePrefix, CodeSecret, InviteCode},
};
use std::{collections::VecDeque, time::Duration};

/// Where codes come from.
#[derive(Debug)]
pub(crate) enum CodeSource {
    /// They are derived from what is won with.
    Derived {
        /// The key.
        secret: CodeSecret,
        /// What stands before them.
        prefix: CodePrefix,
    },
    /// They are those of a list, in order.
    Listed(VecDeque<ListedCode>),
}

/// What is given out, and to whom it is not.
#[derive(Debug)]
pub(crate) struct Giving {
    pub(crate) drop: Drop,
    /// What the environment said of the rules.
    pub(crate) environment: DropRules,
    pub(crate) codes: CodeSource,
    /// For how long a code can be redeemed after the win.
    pub(crate) code_life: Option<Duration>,
    /// When somebody won last.
    pub(crate) won_at: Option<WallTime>,
    /// Who has won how much; nothing as long as no rule has asked for it.
    pub(crate) quotas: Option<Quotas>,
}

impl CodeSource {
    /// How many codes of a list are left.
    pub(crate) fn left(&self) -> Option<u64> {
        match self {
            Self::Derived { .. } => None,
            Self::Listed(codes) => Some(codes.len() as u64),
        }
    }
}

impl Giving {
    /// Why nobody wins at `now`, whoever it is.
    pub(super) fn closed(&self, now: WallTime) -> Option<Refusal> {
        let moment = since_1970(now);
        (!self.drop.takes_wins_at(moment)).then(|| {
            let due = self.drop.due(moment).filter(|step| !step.to.is_open());
            let state = due.map_or(self.drop.state(), |step| step.to);
            let opens_at = self.drop.rules().opens_at.filter(|at| moment < *at).map(wall_time);
            Refusal::DropNotOpen { state, opens_at, now }
        })
    }

    /// Why `competitor` does not win at `now`, whatever they hand in.
    pub(super) fn refused(&self, competitor: &Competitor, now: WallTime) -> Option<Refusal> {
        let quota = self.quota_of(competitor)?;
        let refused = self.quotas.as_ref()?.check(&quota, now).err();
        refused.map(|(quota, until)| Refusal::QuotaReached { quota, until })
    }

    /// How long after `now` nobody wins, because somebody has just won.
    pub(super) fn rest_of_min_round(&self, now: WallTime) -> Option<Duration> {
        let until = self.won_at?.after(self.drop.rules().min_round);
        Some(until.since(now)).filter(|rest| !rest.is_zero())
    }

    /// How much `competitor` may win, if that is limited.
    pub(super) fn quota_of(&self, competitor: &Competitor) -> Option<WinQuota> {
        let rules = self.drop.rules();
        rules.limit_people().then(|| WinQuota {
            session: competitor.session.to_string(),
            visitor: competitor.visitor.clone(),
            network: network(competitor.address),
            wins_per_person: rules.wins_per_person,
            win_cooldown: rules.win_cooldown,
            wins_per_network: rules.wins_per_network,
        })
    }

    /// The code that is won, and what takes it from the list in the transaction of the
    /// win. `None` if there is none; the drop is not open then.
    pub(super) fn code_for(
        &self,
        competitor: &Competitor,
        solution: &Solution,
        round: RoundNumber,
    ) -> Option<(InviteCode, Option<Change>)> {
        match &self.codes {
            CodeSource::Derived { secret, prefix } => {
                let Solution { nonce, seed, .. } = solution;
                Some((InviteCode::derive_with_prefix(prefix, secret, &competitor.visitor, *nonce, seed), None))
            }
            CodeSource::Listed(codes) => {
                let next = codes.front()?;
                let code = InviteCode::listed(&next.code).ok()?;
                Some((code, Some(Change::TakeCode { code: next.code.clone(), round })))
            }
        }
    }

    /// From when on a code that is won at `now` is worth nothing.
    pub(super) fn expires_at(&self, now: WallTime) -> Option<WallTime> {
        self.code_life.map(|life| now.after(life))
    }

    /// A win is durable since `at`.
    pub(super) fn won(&mut self, winner: &Competitor, at: WallTime) {
        self.won_at = Some(at);
        if let CodeSource::Listed(codes) = &mut self.codes {
            codes.pop_front();
        }
        // Also before the rules hold that asked for it: they wait for those who came before.
        if let Some(quotas) = &mut self.quotas {
            quotas.count(&winner.session.to_string(), &winner.visitor, &network(winner.address), at);
        }
    }

    /// The entry that says that the drop is `drop` now.
    pub(crate) fn entry(&self, drop: &Drop, reason: String) -> DropChange {
        DropChange {
            state: drop.state(),
            reason,
            supply: drop.supply(),
            won: drop.given(),
            rules: *drop.rules(),
            environment: self.environment,
        }
    }
}

/// A time of day as the drop counts it.
pub(crate) const fn since_1970(time: WallTime) -> Duration {
    Duration::from_millis(time.milliseconds())
}

/// The time of day that lies so long after 1970.
pub(crate) fn wall_time(since_1970: Duration) -> WallTime {
    WallTime::default().after(since_1970)
}
