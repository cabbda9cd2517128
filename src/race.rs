//! The race: one state in memory, owned by this process, that decides who wins.
//!
//! A submission takes its place in the order of arrival, and the round's mining time as
//! one value with it, when it is parsed and its sender is known. Everything that costs
//! nothing is checked under the same short lock; the hash is verified outside it by
//! [`verifier`] threads; verdicts are committed in order of arrival ([`state`]).
//! A win counts when the [ledger](crate::ledger) has it, and not before: what follows
//! happens in a fixed order, in one task, the [herald](Herald).
//!
//! The lock is never held across an await or a hash. A client that hangs up still
//! wins if it came first: the verification belongs to no request. Time, randomness
//! and the hasher are parameters.

mod drop_news;
mod entries;
mod fingerprints;
mod hasher;
mod health;
mod herald;
mod miners;
#[cfg(all(test, feature = "model-check"))]
mod model;
mod resume;
mod settings;
mod shared;
mod shares;
mod state;
mod submission;
mod sync;
#[cfg(all(test, not(feature = "model-check")))]
mod tests;
mod verifier;
mod win;

pub use fingerprints::{FingerprintError, confirm_fingerprints};
pub use hasher::{HasherFactory, SolutionHasher, real_hashers};
pub use herald::{Herald, WinListener};
pub use resume::StartRaceError;
pub use settings::RaceSettings;
pub use shared::VerificationQuota;
pub use shares::{ShareError, ShareVerdict};
pub use state::{DropOrder, OrderError};
pub use submission::{Competitor, Refusal, Solution};
pub use win::{Announcement, Win, WithTurn, WithWin};

pub use crate::identity::session::SessionId;
use crate::{
    clock::Clock,
    gate::network::Network,
    ledger::{
        Ledger, Reply, StoreError, Transaction,
        rows::{ListedCode, RecordedWin, Recovered},
    },
};
use app::wire::{DropNews, RoundView, Share, Victory};
use health::{Health, LONGEST_WAIT};
use herald::Event;
use miners::{Miners, ShareRefusal};
use puzzle::{Challenge, RoundNumber, Seed, drop::Drop, proof::share_target};
use shared::Shared;
use state::{CodeSource, Quotas, Standing, State};
use std::{
    fmt,
    sync::{Arc, Weak},
    time::Duration,
};
use sync::{Mutex, lock};
use tokio::sync::{mpsc, oneshot, watch};
use verifier::Verifier;

/// So many wins of a session are told at once.
const MOST_WINS_AT_ONCE: usize = 1000;

/// What the race works with, beside what an operator decides.
#[derive(Clone)]
pub struct RaceSurroundings {
    /// How many verifications one address may ask for.
    pub quota: VerificationQuota,
    /// Where hashes come from.
    pub hashers: HasherFactory,
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
    /// Where seeds come from.
    pub seeds: Arc<dyn Fn() -> Seed + Send + Sync>,
    /// What remembers.
    pub ledger: Arc<dyn Ledger>,
    /// What is written down together with a win.
    pub with_win: WithWin,
    /// What is written down together with a new state of the drop.
    pub with_turn: WithTurn,
    /// The codes of the list that is handed out; derived ones if there is none.
    pub codes: Option<Vec<ListedCode>>,
    /// Told of each session that has shown work, by a share or a win.
    pub work_shown: Arc<dyn Fn(&SessionId) + Send + Sync>,
}

/// A cheap handle to the race.
#[derive(Clone)]
pub struct Race {
    shared: Arc<Shared>,
}

impl fmt::Debug for Race {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Race").finish_non_exhaustive()
    }
}

impl Race {
    /// Takes the round up that `recovered`, what the ledger remembers, holds, or opens the
    /// first one, and starts the verifier's threads. The herald must be
    /// [run](Herald::run) for anybody to be answered.
    ///
    /// # Errors
    /// [`StartRaceError`].
    pub async fn start(
        settings: RaceSettings,
        surroundings: RaceSurroundings,
        mut recovered: Recovered,
    ) -> Result<(Self, Herald), StartRaceError> {
        let RaceSettings { verify_workers, verify_queue, proof_interval, .. } = settings;
        let RaceSurroundings { quota, hashers, clock, seeds, ledger, with_win, with_turn, codes, work_shown } =
            surroundings;
        let (secret, prefix) = (settings.secret.clone(), settings.code_prefix.clone());
        let codes = codes.map_or(CodeSource::Derived { secret, prefix }, |codes| CodeSource::Listed(codes.into()));
        let strikes = std::mem::take(&mut recovered.strikes);
        let standing = Standing::restored(strikes, clock.now(), clock.time_of_day().into());
        let resumed =
            resume::resume(ledger.as_ref(), recovered, &settings, codes, &with_turn, clock.time_of_day(), &*seeds)
                .await?;
        let mut state = State::new(resumed, standing, &settings, with_win, with_turn, clock.now());
        if state.giving().drop.rules().limit_people() {
            state.giving().quotas = Some(read_quotas(ledger.as_ref()).await?);
        }
        let announced = Arc::new(watch::Sender::new(state.announcement(None)));
        let (events, receiver) = mpsc::unbounded_channel();
        let verifier = Verifier::new(verify_queue, verify_workers);
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            miners: Mutex::new(Miners::new(proof_interval)),
            verifier,
            quota,
            announced: announced.clone(),
            events,
            noted_at: Mutex::new(clock.now()),
            strikes_noted_at: Mutex::new(clock.now()),
            clock,
            seeds,
            condition: ledger.condition(),
            ledger,
            work_shown,
            health: Health::default(),
        });
        shared.verifier.start(&hashers, &Arc::downgrade(&shared))?;
        let weak: Weak<Shared> = Arc::downgrade(&shared);
        let herald = Herald { events: receiver, rounds: weak, announced };
        Ok((Self { shared }, herald))
    }

    /// Takes part. Whether the caller waits for the answer or not, a submission
    /// that was admitted is verified and wins if it came first.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn submit(&self, competitor: &Competitor, solution: Solution) -> Result<Victory, Refusal> {
        let (answer, verdict) = oneshot::channel();
        let counted = lock(&self.shared.miners).counts(&competitor.session, self.shared.clock.now());
        self.shared.enter(competitor, counted, solution, answer);
        let verdict = verdict.await.unwrap_or(Err(Refusal::Stopping));
        if verdict == Err(Refusal::AlreadySolved) {
            self.wait_for_round_after(solution.seed).await;
        }
        verdict
    }

    /// Waits until another round than that of `seed` is announced: whoever is told
    /// that a round is over can then be told what the next one is.
    async fn wait_for_round_after(&self, seed: Seed) {
        let mut announced = self.shared.announced.subscribe();
        let _ = announced.wait_for(|announcement| announcement.seed != seed || !announcement.is_open()).await;
    }

    /// The announced round as it stands now.
    pub fn view(&self) -> RoundView {
        let announcement = *self.shared.announced.borrow();
        let (clock, now) = (lock(&self.shared.state).mining_clock(), self.shared.clock.now());
        announcement.view(clock.elapsed(now), clock.is_running(now))
    }

    /// The drop as everybody was told it last, at this moment.
    pub fn drop_news(&self) -> DropNews {
        let drop = self.shared.announced.borrow().drop;
        drop_news::drop_news(&drop, self.shared.clock.time_of_day().into())
    }

    /// Why nobody can win anything at this moment: the drop is not open.
    pub fn closed(&self) -> Option<Refusal> {
        let moment = self.shared.moment();
        lock(&self.shared.state).closed(moment.wall)
    }

    /// Carries out what an operator wants of the drop, once everybody who came before is
    /// judged. `who` wants it and `why` are kept in the ledger.
    ///
    /// # Errors
    /// [`OrderError`].
    pub async fn order(&self, order: DropOrder, who: String, why: String) -> Result<Drop, OrderError> {
        if matches!(order, DropOrder::Rules(rules) if rules.limit_people()) {
            self.read_quotas().await.map_err(|_| OrderError::StorageUnavailable)?;
        }
        let (answer, carried_out) = oneshot::channel();
        lock(&self.shared.state).order(order, who, why, answer, self.shared.moment());
        self.tick();
        carried_out.await.unwrap_or(Err(OrderError::Stopping))
    }

    /// Puts codes at the end of the list that is handed out. The ledger has them already.
    pub fn add_codes(&self, codes: Vec<ListedCode>) {
        self.shared.restock(|state| {
            let giving = state.giving();
            if let CodeSource::Listed(listed) = &mut giving.codes {
                listed.extend(codes);
            }
            giving.drop = giving.drop.with_listed(giving.codes.left());
        });
    }

    /// So many codes that were given out have expired and count as not given out. The
    /// ledger has taken them back already.
    pub fn take_back(&self, codes: u64) {
        self.shared.restock(|state| state.take_back(codes));
    }

    /// Reads who has won how much, unless it is known.
    async fn read_quotas(&self) -> Result<(), StoreError> {
        loop {
            let won_at = {
                let mut state = lock(&self.shared.state);
                let giving = state.giving();
                if giving.quotas.is_some() {
                    return Ok(());
                }
                giving.won_at
            };
            let quotas = read_quotas(self.shared.ledger.as_ref()).await?;
            let mut state = lock(&self.shared.state);
            let giving = state.giving();
            if giving.won_at == won_at {
                giving.quotas = Some(quotas);
                return Ok(());
            }
        }
    }

    /// The announcements, newest only.
    pub fn announcements(&self) -> watch::Receiver<Announcement> {
        self.shared.announced.subscribe()
    }

    /// One more connection of `session`, from `network`, mines.
    pub fn start_mining(&self, session: &SessionId, network: Network) {
        self.shared.change_miners(|miners, now| miners.start(session, network, now));
    }

    /// One connection of `session` mines no more.
    pub fn stop_mining(&self, session: &SessionId) {
        self.shared.change_miners(|miners, now| miners.stop(session, now));
    }

    /// Forgets miners who left long ago. To be called every few seconds.
    pub fn forget_miners(&self) {
        self.shared.change_miners(|miners, now| miners.forget(now));
    }

    /// For each session the network that it counts for in the figures, if it counts.
    pub fn networks_of_miners<'a>(&self, sessions: impl Iterator<Item = &'a SessionId>) -> Vec<Option<Network>> {
        let (miners, now) = (lock(&self.shared.miners), self.shared.clock.now());
        sessions.map(|session| miners.figures_in(session, now)).collect()
    }

    /// Runs the mining clock until a moment, as if somebody mined until then.
    #[cfg(all(test, not(feature = "model-check")))]
    pub(crate) fn run_clock_until(&self, until: Duration) {
        lock(&self.shared.state).run_clock_until(until, self.shared.clock.now());
    }

    /// Makes every check of a share that needs nobody's name. `None` if it is of a round
    /// that is over.
    ///
    /// # Errors
    /// [`ShareError::TooLarge`], [`ShareError::NotSpliceProof`].
    pub fn share_challenge(&self, share: &Share) -> Result<Option<Challenge>, ShareError> {
        // The round that is being played, which may not be announced yet.
        let (round, seed) = lock(&self.shared.state).round();
        if share.round != round || !self.shared.announced.borrow().is_open() {
            return Ok(None);
        }
        if !share.hash.is_below(&share_target()) {
            return Err(ShareError::TooLarge);
        }
        if !share.trace_data.is_splice_proof() {
            return Err(ShareError::NotSpliceProof);
        }
        Ok(Some(Challenge::new(&seed, &share.visitor_id, &share.trace_data)))
    }

    /// Takes in a share of `session` with its challenge. `None` if there is nothing to
    /// wait for: it came too soon, or there is no time to compute it.
    ///
    /// # Errors
    /// [`ShareError`].
    pub fn take_share(
        &self,
        session: &SessionId,
        share: &Share,
        challenge: Challenge,
    ) -> Result<Option<ShareVerdict>, ShareError> {
        let Share { round, nonce, hash, .. } = *share;
        let shared = &self.shared;
        let admitted = shared.change_miners(|miners, now| {
            miners.admit_share(session, round, hash, now).map(|most_waiting| (now, most_waiting))
        });
        let (arrived_at, most_waiting) = match admitted {
            Ok(admitted) => admitted,
            Err(ShareRefusal::TooSoon) => return Ok(None),
            Err(ShareRefusal::NotMining) => return Err(ShareError::NotMining),
            Err(ShareRefusal::Spent) => return Err(ShareError::Spent),
            Err(ShareRefusal::Discredited) => return Err(ShareError::Discredited),
        };
        let Some(answer) = shared.verifier.offer_share(challenge, nonce, hash, most_waiting) else {
            shared.change_miners(|miners, now| miners.drop_share(session, &hash, now));
            return Ok(None);
        };
        let (race, session) = (self.clone(), session.clone());
        Ok(Some(tokio::spawn(async move {
            let is_right = answer.await.ok().flatten();
            race.shared.share_computed(&session, &hash, arrived_at, is_right);
            (is_right == Some(false)).then_some(ShareError::FalseHash)
        })))
    }

    /// The newest wins of a session, newest first.
    pub fn wins_of(&self, session: &SessionId) -> Reply<Vec<RecordedWin>> {
        self.shared.ledger.wins_of(&session.0, RoundNumber(0), MOST_WINS_AT_ONCE)
    }

    /// True if the verifier's threads work and no submission waits for too long.
    pub async fn verifier_works(&self) -> bool {
        let shared = &self.shared;
        let works = shared.health.verifier_works(&shared.verifier, shared.clock.as_ref()).await;
        works && self.oldest_waiting().is_none_or(|age| age < LONGEST_WAIT)
    }

    /// For how long the oldest submission that has no verdict yet has been waiting.
    pub fn oldest_waiting(&self) -> Option<Duration> {
        let arrived_at = lock(&self.shared.state).oldest_pending()?;
        Some(self.shared.clock.now().saturating_sub(arrived_at))
    }

    /// True while wins can be written down.
    pub fn storage_works(&self) -> bool {
        self.shared.storage_works()
    }

    /// Lets time do its work: time-outs of rounds and of verifications. To be
    /// called a few times a second.
    pub fn tick(&self) {
        self.shared.decide(|state, moment, seeds| state.tick(moment, seeds));
        self.shared.note_round();
        self.shared.note_strikes();
    }

    /// Admits nothing any more and waits until everything admitted is answered.
    ///
    /// What was decided is durable then, and the last thing to be noted is how far the
    /// running round has come: [`Race::last_words`].
    pub async fn stop(&self) {
        lock(&self.shared.state).stop();
        while lock(&self.shared.state).pending() != 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.shared.verifier.close();
        let _ = self.shared.events.send(Event::Stopped);
    }

    /// What the ledger is to be closed with: how far the running round has come, and which
    /// sessions have to wait.
    pub fn last_words(&self) -> Transaction {
        let mut last = self.shared.snapshot();
        loop {
            let strikes = self.shared.take_strikes();
            if strikes.is_empty() {
                return last;
            }
            last.extend(strikes.changes().iter().cloned());
        }
    }
}

/// So many wins are read at once.
const WINS_AT_ONCE: usize = 1000;

/// Who has won how much.
async fn read_quotas(ledger: &dyn Ledger) -> Result<Quotas, StoreError> {
    let (mut quotas, mut round) = (Quotas::default(), RoundNumber(0));
    loop {
        let wins = ledger.wins_after(round, WINS_AT_ONCE).await?;
        let Some(last) = wins.last() else { return Ok(quotas) };
        round = last.round;
        for RecordedWin { at, won, .. } in wins {
            quotas.count(&won.session, &won.visitor, &won.network, at);
        }
    }
}
