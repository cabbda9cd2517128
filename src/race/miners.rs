//! Who counts as a miner, and until when.
//!
//! Saying `mining_start` is free, so saying it is believed once and for a short
//! while only. From then on a session counts by what it shows: shares
//! ([`puzzle::proof`]) that the server has computed itself, or a win. A session that
//! mines is
//!
//! | state | counts for | until |
//! |---|---|---|
//! | on probation | clock and figures | one interval after its first `mining_start` |
//! | proven | clock and figures | three intervals after its last share or win |
//! | trusted | figures | three intervals after a share that was not computed |
//! | lapsed | nothing | it proves itself |
//! | discredited | nothing | it is forgotten: a share of it was false |
//!
//! What must always hold: without a proof, a session counts for one interval at
//! most, and so do all sessions of one network together within sixty intervals (a wider
//! network has its multiple of that), in whatever order they start, stop, leave and come
//! back. A network whose sessions show false shares has only so many computed. One hash proves one session
//! once. Nothing in here waits for a tick: until when somebody mines is known in
//! advance, to the moment.
//!
//! A plain value without a clock and without locks; the caller says what time it
//! is. What it remembers is bounded: it is forgotten sixty intervals after a session has
//! left, or earlier if there is no room for one that comes; then those go first that have
//! left and have shown nothing, and last those that mine and are proven. That frees a discredited session too, which then stands where
//! a new one does.

use crate::{
    gate::{limits::Allowances, network::Network, table},
    identity::session::SessionId,
};
use puzzle::{Hash, RoundNumber, proof::ProofInterval};
use std::{
    collections::{BTreeMap, HashMap, HashSet, btree_map::Entry},
    time::Duration,
};

/// While more sessions than this hold a proof, the clock is safe and further
/// shares need not all be computed.
const ENOUGH_PROVEN: usize = 8;

/// How many shares may wait for the verifier while each is needed; at a twentieth
/// of a second each, the last one waits less than a second.
const MOST_WAITING: usize = 16;

/// How many sessions are remembered; at some 200 bytes, 13 MB.
const MOST_REMEMBERED: usize = 65_536;

/// How many false shares are computed within sixty intervals for the sessions of one
/// network that are not proven: what a hall full of broken miners needs to be noticed.
const FALSE_SHARES_OF_A_NETWORK: u32 = 16;

/// How many hashes of the round are remembered at least before the oldest are
/// forgotten. Whoever uses one of those again finds thousands of others proven.
const MOST_SPENT: usize = 16_384;

/// Why a share is not looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ShareRefusal {
    /// The session has not said that it mines.
    NotMining,
    /// A share of it was false.
    Discredited,
    /// The hash has proven something already.
    Spent,
    /// The last share is being computed, or was only just taken.
    TooSoon,
}

/// Everybody who mines or has mined of late.
#[derive(Debug)]
pub(super) struct Miners {
    interval: ProofInterval,
    sessions: HashMap<SessionId, Miner>,
    /// Sessions of each network that were put on probation.
    probations: Allowances,
    /// False shares of the sessions of each network.
    false_shares: Allowances,
    spent: Spent,
    /// Until when sessions that mine count for the clock, and how many until then.
    ends: BTreeMap<Duration, usize>,
}

#[derive(Debug)]
struct Miner {
    /// Of the connection on which it first said that it mines.
    network: Network,
    /// How many of its connections mine.
    mining: u32,
    /// Since when it has mined, or did when it last mined.
    since: Duration,
    /// When it stopped, if it does not mine.
    stopped: Option<Duration>,
    /// When it counted without proof; `None` if it never did.
    probation: Option<Span>,
    proof: Option<Span>,
    trusted_until: Duration,
    last_share: Option<Duration>,
    /// True while a share of it is with the verifier.
    checking: bool,
    discredited: bool,
}

/// What a session has shown: who has shown least is forgotten first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Standing {
    /// It has left, and has never proven anything.
    LeftUnproven,
    /// It has left.
    Left,
    /// It mines, it says, but is not believed.
    Lapsed,
    /// It is believed for the first time.
    OnProbation,
    Proven,
}

/// From a moment until before another.
#[derive(Clone, Copy, Debug)]
struct Span {
    from: Duration,
    until: Duration,
}

impl Span {
    fn contains(self, at: Duration) -> bool {
        self.from <= at && at < self.until
    }
}

impl Miners {
    /// Nobody mines yet.
    pub(super) fn new(interval: ProofInterval) -> Self {
        Self {
            interval,
            sessions: HashMap::new(),
            probations: Allowances::new(1, interval.memory()),
            false_shares: Allowances::new(FALSE_SHARES_OF_A_NETWORK, interval.memory()),
            spent: Spent::default(),
            ends: BTreeMap::new(),
        }
    }

    /// One more connection of `session` mines.
    pub(super) fn start(&mut self, session: &SessionId, network: Network, now: Duration) {
        if !self.sessions.contains_key(session) {
            self.make_room(now);
            self.sessions.insert(session.clone(), Miner::new(network, now));
        }
        let may_have_probation = self.probations.check(network, now).is_ok();
        let until = now + self.interval.probation();
        let granted = self.alter(session, |miner| {
            miner.mining += 1;
            if miner.stopped.take().is_some() {
                miner.since = now;
            }
            let granted = may_have_probation && miner.probation.is_none() && !miner.discredited;
            if granted {
                miner.probation = Some(Span { from: now, until });
            }
            granted
        });
        if granted == Some(true) {
            let _ = self.probations.take(network, now);
        }
    }

    /// If there is no room for one more session, those go that have shown least. Many at
    /// once, so that one who comes need not look at all of them.
    fn make_room(&mut self, now: Duration) {
        if self.sessions.len() < MOST_REMEMBERED {
            return;
        }
        self.forget(now);
        let surplus = (self.sessions.len() + table::share_to_go(MOST_REMEMBERED)).saturating_sub(MOST_REMEMBERED);
        if surplus == 0 {
            return;
        }
        let mut order: Vec<_> =
            self.sessions.iter().map(|(session, miner)| (miner.standing(now), miner.since, session)).collect();
        let _ = order.select_nth_unstable(surplus - 1);
        let to_go: Vec<SessionId> = order.into_iter().take(surplus).map(|(.., session)| session.clone()).collect();
        for session in to_go {
            // Whoever goes stops counting first, so that the clock knows of it.
            self.alter(&session, |miner| miner.stopped = miner.stopped.or(Some(now)));
            self.sessions.remove(&session);
        }
    }

    /// One connection of `session` mines no more.
    pub(super) fn stop(&mut self, session: &SessionId, now: Duration) {
        self.alter(session, |miner| {
            miner.mining = miner.mining.saturating_sub(1);
            if miner.mining == 0 {
                miner.stopped.get_or_insert(now);
            }
        });
    }

    /// Until when the mining clock may run, if nothing more is heard of anybody.
    pub(super) fn clock_until(&self) -> Duration {
        self.ends.last_key_value().map_or(Duration::ZERO, |(end, _)| *end)
    }

    /// Changes what is known of a session, and with it until when it counts.
    fn alter<T>(&mut self, session: &SessionId, change: impl FnOnce(&mut Miner) -> T) -> Option<T> {
        let miner = self.sessions.get_mut(session)?;
        let before = miner.clock_until();
        let outcome = change(miner);
        let after = miner.clock_until();
        if before != after {
            if let Entry::Occupied(mut end) = self.ends.entry(before) {
                *end.get_mut() -= 1;
                if *end.get() == 0 {
                    end.remove();
                }
            }
            if !after.is_zero() {
                *self.ends.entry(after).or_default() += 1;
            }
        }
        Some(outcome)
    }

    /// True if the mining clock ran for `session` at the moment `at`, which may lie
    /// in the near past.
    pub(super) fn counts(&self, session: &SessionId, at: Duration) -> bool {
        self.sessions.get(session).is_some_and(|miner| miner.counts(at))
    }

    /// The network that `session` counts for in the figures, if it counts there.
    pub(super) fn figures_in(&self, session: &SessionId, now: Duration) -> Option<Network> {
        let miner = self.sessions.get(session)?;
        let trusted = miner.mines() && now < miner.trusted_until;
        (miner.counts(now) || trusted).then_some(miner.network)
    }

    /// Takes a share in, of which everything but the hash itself has been checked,
    /// and says how many others it may wait behind. What becomes of it must be told
    /// by [`Miners::prove`], [`Miners::discredit`] or [`Miners::drop_share`].
    ///
    /// # Errors
    /// [`ShareRefusal`].
    pub(super) fn admit_share(
        &mut self,
        session: &SessionId,
        round: RoundNumber,
        hash: Hash,
        now: Duration,
    ) -> Result<usize, ShareRefusal> {
        let miner = self.sessions.get_mut(session).filter(|miner| miner.mines()).ok_or(ShareRefusal::NotMining)?;
        if miner.discredited {
            return Err(ShareRefusal::Discredited);
        }
        // Sessions are had for little; the time that their lies cost is their network's.
        if !miner.is_proven(now) && self.false_shares.check(miner.network, now).is_err() {
            return Err(ShareRefusal::TooSoon);
        }
        let shortest = self.interval.shortest();
        if miner.checking || miner.last_share.is_some_and(|last| now < last + shortest) {
            return Err(ShareRefusal::TooSoon);
        }
        if !self.spent.spend(round, hash) {
            return Err(ShareRefusal::Spent);
        }
        miner.checking = true;
        Ok(if self.enough_are_proven(now) { 1 } else { MOST_WAITING })
    }

    fn enough_are_proven(&self, now: Duration) -> bool {
        let proven = self.sessions.values().filter(|miner| miner.is_proven(now));
        proven.take(ENOUGH_PROVEN + 1).count() == ENOUGH_PROVEN + 1
    }

    /// The share that arrived `at` was right.
    pub(super) fn prove(&mut self, session: &SessionId, at: Duration) {
        if let Some(miner) = self.sessions.get_mut(session) {
            miner.checking = false;
            miner.last_share = Some(at);
        }
        self.believe(session, at);
    }

    /// The session has won, with a solution that arrived `at`.
    pub(super) fn believe(&mut self, session: &SessionId, at: Duration) {
        let until = at + self.interval.proof_lifetime();
        self.alter(session, |miner| {
            miner.proof = Some(match miner.proof {
                Some(earlier) if at <= earlier.until => Span { until: until.max(earlier.until), ..earlier },
                _ => Span { from: at, until },
            });
        });
    }

    /// A share of `session` was false.
    pub(super) fn discredit(&mut self, session: &SessionId, now: Duration) {
        let network = self.alter(session, |miner| {
            miner.checking = false;
            miner.discredited = true;
            miner.network
        });
        if let Some(network) = network {
            let _ = self.false_shares.take(network, now);
        }
    }

    /// The share was not computed, for want of time. If enough others are proven
    /// it is taken on trust, for the figures; else it may be sent again.
    pub(super) fn drop_share(&mut self, session: &SessionId, hash: &Hash, now: Duration) {
        let trusted = self.enough_are_proven(now);
        if !trusted {
            self.spent.give_back(hash);
        }
        let Some(miner) = self.sessions.get_mut(session) else { return };
        miner.checking = false;
        if trusted {
            miner.last_share = Some(now);
            miner.trusted_until = now + self.interval.proof_lifetime();
        }
    }

    /// Forgets whoever left long ago. To be called now and then.
    pub(super) fn forget(&mut self, now: Duration) {
        let memory = self.interval.memory();
        self.sessions.retain(|_, miner| miner.stopped.is_none_or(|stopped| now < stopped + memory));
        self.probations.forget_the_whole(now);
        self.false_shares.forget_the_whole(now);
    }
}

impl Miner {
    fn new(network: Network, now: Duration) -> Self {
        Self {
            network,
            mining: 0,
            since: now,
            stopped: None,
            probation: None,
            proof: None,
            trusted_until: Duration::ZERO,
            last_share: None,
            checking: false,
            discredited: false,
        }
    }

    fn mines(&self) -> bool {
        self.stopped.is_none()
    }

    fn counts(&self, at: Duration) -> bool {
        let mined = self.since <= at && self.stopped.is_none_or(|stopped| at < stopped);
        let believed = [self.probation, self.proof].into_iter().flatten().any(|span| span.contains(at));
        mined && believed && !self.discredited
    }

    fn standing(&self, now: Duration) -> Standing {
        if !self.mines() {
            let has_proof = self.proof.is_some() && !self.discredited;
            if has_proof { Standing::Left } else { Standing::LeftUnproven }
        } else if self.is_proven(now) {
            Standing::Proven
        } else if self.counts(now) {
            Standing::OnProbation
        } else {
            Standing::Lapsed
        }
    }

    fn is_proven(&self, now: Duration) -> bool {
        self.mines() && !self.discredited && self.proof.is_some_and(|proof| proof.contains(now))
    }

    fn clock_until(&self) -> Duration {
        let spans = [self.probation, self.proof].into_iter().flatten();
        if self.mines() && !self.discredited {
            spans.map(|span| span.until).max().unwrap_or_default()
        } else {
            Duration::ZERO
        }
    }
}

/// The hashes that have proven something in this round, in two generations: when
/// the younger is full, the older is forgotten.
#[derive(Debug, Default)]
struct Spent {
    round: Option<RoundNumber>,
    younger: HashSet<Hash>,
    older: HashSet<Hash>,
}

impl Spent {
    /// False if the hash is spent already. Those of another round are forgotten:
    /// the caller looks at none of an old round.
    fn spend(&mut self, round: RoundNumber, hash: Hash) -> bool {
        if self.round != Some(round) {
            *self = Self { round: Some(round), ..Self::default() };
        }
        if self.older.contains(&hash) || !self.younger.insert(hash) {
            return false;
        }
        if MOST_SPENT <= self.younger.len() {
            self.older = std::mem::take(&mut self.younger);
        }
        true
    }

    fn give_back(&mut self, hash: &Hash) {
        let _ = self.younger.remove(hash) || self.older.remove(hash);
    }
}

#[cfg(test)]
mod tests;
