//! The page's side of the race, without a browser: hears [`Event`]s, keeps the
//! state and answers with [`Effect`]s.
//!
//! Nothing in here waits, measures time or touches the network. The caller says
//! what time it is (since the page was opened, on a monotonic clock), carries out
//! the effects, and comes back with [`Event::Moment`] at [`RaceClient::deadline`].
//! So every story of a race, with all its lost connections, changed addresses and
//! late answers, is a plain test. `browser` is the caller.
//!
//! Two rules keep it from ever being stuck. What the page is doing, its
//! [`Phase`], is computed from the state and never stored. And whether the
//! workers should run, and on what, is computed after every event and compared
//! with what they do: no path can forget to start them again.

mod back_off;
mod clock;
mod entry;
mod event;
mod human_check;
mod link;
mod odds;
mod proving;
mod rounds;
mod session_proof;
mod solving;
#[cfg(test)]
mod tests;

pub(crate) use back_off::BackOff;
pub(crate) use entry::{is_temporary, wait_for};
pub use event::{Effect, Event};
pub use human_check::CheckEvent;

use crate::{
    mining::RateMeter,
    scene::{Best, Command, Failure, HumanCheck, Note, Pause, Phase, Prize, Scene, typical_round},
    wire::{ClientMessage, Figures, Gate, PageState, RoundView},
};
use clock::RoundClock;
use entry::Entry;
use human_check::Check;
use link::{Link, LinkAction};
use miner::Job;
use proving::Proving;
use puzzle::{RoundNumber, Target};
use solving::Solving;
use std::time::Duration;

/// What the page knows of the device when it opens.
#[derive(Clone, Copy, Debug)]
pub struct Device {
    /// How many workers to begin with.
    pub workers: usize,
    /// How many the visitor may choose.
    pub most_workers: usize,
    /// Evenly distributed random numbers in 0 … 1.
    pub random: fn() -> f64,
}

/// The page's side of the race.
#[derive(Debug)]
pub struct RaceClient {
    device: Device,
    test_mode: bool,
    /// What a session must pass.
    gate: Gate,
    /// The human check.
    check: Check,
    /// Session, visitor and trace.
    entry: Entry,
    /// The live connection.
    link: Link,
    /// The round as it was last heard of.
    round: RoundView,
    /// Its mining clock.
    clock: RoundClock,
    /// True once the round was told by the live connection, not by the page.
    round_is_fresh: bool,
    /// True once the round is known to be over, though the next one is not known yet.
    round_is_over: bool,
    /// When to ask for the next round, if nobody tells it before.
    next_round_at: Option<Duration>,
    figures: Figures,
    /// True while the visitor wants to mine.
    wanted: bool,
    workers: usize,
    /// True if the workers rest although the visitor wants to mine.
    paused: bool,
    /// What the workers do; `None` while they rest.
    mining: Option<Work>,
    meter: RateMeter,
    /// When to report the hash rate.
    report_at: Duration,
    /// The best hash and its way to the server.
    solving: Solving,
    /// What shows the server that this page mines.
    proving: Proving,
    /// Newest first.
    prizes: Vec<Prize>,
    /// The last win, and until when the page is in the mood for it.
    just_won: Option<(RoundNumber, Duration)>,
    failure: Option<Failure>,
    effects: Vec<Effect>,
}

/// What the workers do.
#[derive(Debug)]
struct Work {
    job: Job,
    /// True once the first batch came back.
    running: bool,
}

impl RaceClient {
    /// How often to report the hash rate.
    const REPORT: Duration = Duration::from_secs(2);

    /// A client on a page rendered from `page`, opened on `device`.
    pub fn new(page: &PageState, device: Device) -> Self {
        Self {
            device,
            test_mode: page.turnstile.test_mode,
            gate: page.gate.clone(),
            check: Check::default(),
            entry: Entry::default(),
            link: Link::default(),
            round: page.round.clone(),
            clock: RoundClock::heard(page.round.mining_time, page.round.clock_running, Duration::ZERO),
            round_is_fresh: false,
            round_is_over: false,
            next_round_at: None,
            figures: page.figures,
            wanted: false,
            workers: device.workers.clamp(1, device.most_workers),
            paused: false,
            mining: None,
            meter: RateMeter::default(),
            report_at: Duration::ZERO,
            solving: Solving::default(),
            proving: Proving::default(),
            prizes: Vec::new(),
            just_won: None,
            failure: None,
            effects: Vec::new(),
        }
    }

    /// Hears `event` at `now` and says what is to be done about it.
    pub fn handle(&mut self, event: Event, now: Duration) -> Vec<Effect> {
        match event {
            Event::Begin { had_session } => self.begin(had_session, now),
            Event::Moment => {}
            Event::Command(command) => self.obey(command, now),
            Event::BackOnline => self.link.hurry(now),
            Event::Check(event) => self.check_did(event, now),
            Event::Stamp(event) => self.stamp_did(event, now),
            Event::Entered(result) => self.entered(result, now),
            Event::WinsFetched(result) => self.wins_fetched(result, now),
            Event::Identified { visitor, at_random } => self.identified(visitor, at_random),
            Event::TraceFetched(trace) => self.trace_fetched(trace, now),
            Event::PuzzleFetched(result) => self.puzzle_fetched(result, now),
            Event::SocketOpened => self.socket_opened(now),
            Event::SocketClosed => self.socket_closed(now),
            Event::Heard(message) => self.heard(message, now),
            Event::Pool(event) => self.pool_did(event, now),
            Event::Answered { round, result } => self.answered(round, result, now),
        }
        self.do_what_is_due(now);
        self.keep_the_workers_in_step(now);
        std::mem::take(&mut self.effects)
    }

    /// When to come back with [`Event::Moment`], if nothing happens before.
    pub fn deadline(&self, now: Duration) -> Option<Duration> {
        let deadlines = [
            self.check.deadline(),
            self.entry.deadline(),
            self.link.deadline(now),
            self.next_round_at,
            self.mining.is_some().then_some(self.report_at),
            self.submission_due(now),
            self.share_due(),
            self.just_won.map(|(_, until)| until),
        ];
        deadlines.into_iter().flatten().min()
    }

    /// What the page is doing at `now`.
    pub fn phase(&self, now: Duration) -> Phase {
        if let Some(failure) = &self.failure {
            return Phase::Failed(failure.clone());
        }
        let needs_visitor = self.human_check().needs_the_visitor();
        if let Some(unready) = self.entry.unready() {
            return if needs_visitor { Phase::Paused(Pause::HumanCheck) } else { unready };
        }
        if self.solving.in_flight.is_some() {
            return Phase::Submitting;
        }
        match (&self.just_won, &self.mining) {
            (Some((round, until)), _) if now < *until => Phase::Won(*round),
            _ if !self.wanted => Phase::Idle,
            _ if self.link.is_lost(now) && needs_visitor => Phase::Paused(Pause::HumanCheck),
            _ if self.link.is_lost(now) => Phase::Paused(Pause::ConnectionLost),
            (_, Some(Work { running: true, .. })) => Phase::Mining,
            _ => Phase::Starting,
        }
    }

    /// The page as it is to be shown at `now`.
    pub fn scene(&self, now: Duration) -> Scene {
        let curve = self.round.target_curve();
        let mining_time = self.clock.elapsed(now);
        let best_hash = self.solving.best.map(|(hash, _)| hash);
        let local_rate = self.local_rate(now);
        Scene {
            phase: self.phase(now),
            connection: self.link.view(now),
            is_stale: self.link.is_stale(now),
            test_mode: self.test_mode,
            asks_for_humans: self.gate.asks_for_humans,
            human_check: self.human_check(),
            proof: self.entry.proof,
            can_start: self.can_start(),
            can_stop: self.wanted,
            round: self.round.round,
            target: curve.target_at(mining_time),
            hardest: curve.rising().map_or(self.round.target, |curve| curve.hardest),
            typical_round: typical_round(&curve),
            memory_mib: self.round.cost.memory_cost / 1024,
            mining_time,
            clock_running: self.clock.is_running(now),
            figures: self.figures,
            local_rate,
            workers: self.workers,
            most_workers: self.device.most_workers,
            visitor: self.entry.visitor.clone(),
            visitor_is_random: self.entry.visitor_is_random,
            best: best_hash.map(|hash| Best {
                digits: Target::from_fraction(hash.fraction()).difficulty(),
                rarity: 1.0 / hash.fraction(),
                wins_in: curve.valid_from(&hash).map(|moment| moment.saturating_sub(mining_time)),
            }),
            half_win_within: (0.0 < local_rate)
                .then(|| odds::half_win_within(&curve, mining_time, local_rate, best_hash.as_ref()))
                .flatten(),
            share_of_rounds: odds::share_of_rounds(local_rate, self.figures.total_hashrate),
            prizes: self.prizes.clone(),
        }
    }

    /// Hashes per second of this page.
    pub fn local_rate(&self, now: Duration) -> f64 {
        let running = matches!(self.mining, Some(Work { running: true, .. }));
        if running { self.meter.rate(now) } else { 0.0 }
    }

    /// True while there is a session to act with.
    pub fn may_take_part(&self) -> bool {
        self.entry.may_take_part()
    }

    /// True while the live connection stands and the server has told the whole state.
    pub fn is_live(&self) -> bool {
        self.link.is_informed()
    }

    fn human_check(&self) -> HumanCheck {
        self.check.view(self.entry.may_take_part())
    }

    fn obey(&mut self, command: Command, now: Duration) {
        match command {
            Command::Start if self.can_start() => {
                self.failure = None;
                self.wanted = true;
                self.solving.forgive();
                self.write(Note::Started { workers: self.workers });
                self.link.hurry(now);
            }
            Command::Stop if self.wanted => {
                self.wanted = false;
                self.paused = false;
                self.just_won = None;
                let best_kept = self.solving.can_win_with(&self.round.target_curve());
                self.write(Note::Stopped { best_kept });
            }
            Command::UseWorkers(workers) => {
                let workers = workers.clamp(1, self.device.most_workers);
                if workers != self.workers {
                    self.workers = workers;
                    self.effects.push(Effect::RememberWorkers(workers));
                    if self.mining.is_some() {
                        self.effects.push(Effect::SetWorkers(workers));
                    }
                }
            }
            Command::RetryCheck if self.human_check().needs_the_visitor() => self.show_check(now),
            Command::RedrawCheck => self.redraw_check(now),
            Command::CancelProof => self.cancel_proof(),
            Command::RetryProof => self.retry_proof(),
            Command::Start | Command::Stop | Command::RetryCheck => {}
        }
    }

    fn can_start(&self) -> bool {
        !self.wanted && self.entry.unready().is_none() && self.failure.as_ref().is_none_or(Failure::may_be_retried)
    }

    /// Gives up until the visitor does something.
    fn fail(&mut self, failure: Failure) {
        self.failure = Some(failure);
        self.wanted = false;
    }

    fn write(&mut self, note: Note) {
        self.effects.push(Effect::Write(note));
    }

    fn random(&self) -> f64 {
        (self.device.random)()
    }

    fn do_what_is_due(&mut self, now: Duration) {
        self.check_when_due(now);
        self.enter_when_due(now);
        while let Some(action) = self.link.due(now) {
            match action {
                LinkAction::Open => self.effects.push(Effect::OpenSocket),
                LinkAction::Ping => self.effects.push(Effect::Send(ClientMessage::Ping)),
                LinkAction::Drop => {
                    self.effects.push(Effect::DropSocket);
                    self.socket_closed(now);
                }
            }
        }
        if self.next_round_at.is_some_and(|at| at <= now) {
            self.next_round_at = None;
            self.effects.push(Effect::FetchPuzzle);
        }
        if self.just_won.is_some_and(|(_, until)| until <= now) {
            self.just_won = None;
        }
        if self.mining.is_some() && self.report_at <= now {
            self.report_at = now + Self::REPORT;
            let rate = self.meter.rate(now);
            if self.link.is_open() {
                self.effects.push(Effect::Send(ClientMessage::Hashrate { rate }));
            }
        }
        self.submit_when_due(now);
        self.prove_when_due(now);
    }

    /// What was found is worth nothing any more: another round, another address.
    fn start_over(&mut self) {
        self.solving.start_over();
        self.proving.start_over();
    }

    /// What the workers should be doing at `now`.
    fn job_wanted(&self, now: Duration) -> Option<Job> {
        if !self.wanted || !self.round_is_fresh || self.link.is_lost(now) || self.entry.lacks_trace() {
            return None;
        }
        let (visitor, trace) = (self.entry.visitor.clone()?, self.entry.trace.clone()?);
        Some(Job { round: self.round.round, seed: self.round.seed, visitor, trace, cost: self.round.cost })
    }

    fn keep_the_workers_in_step(&mut self, now: Duration) {
        let wanted = self.job_wanted(now);
        match (&mut self.mining, wanted) {
            (None, Some(job)) => {
                self.mining = Some(Work { job: job.clone(), running: false });
                self.report_at = now + Self::REPORT;
                self.clock.joined(now);
                if std::mem::take(&mut self.paused) {
                    self.write(Note::Resumed);
                }
                self.effects.push(Effect::StartMiner { job, workers: self.workers });
                if self.link.is_open() {
                    self.effects.push(Effect::Send(ClientMessage::MiningStart));
                }
            }
            (Some(work), Some(job)) if work.job != job => {
                work.job = job.clone();
                self.effects.push(Effect::ReplaceJob(job));
            }
            (Some(_), None) => {
                self.stand_back(now);
                self.mining = None;
                self.meter = RateMeter::default();
                self.effects.push(Effect::StopMiner);
                if self.link.is_open() {
                    self.effects.push(Effect::Send(ClientMessage::MiningStop));
                }
                self.paused = self.wanted;
                if self.paused {
                    self.write(Note::Paused);
                }
            }
            (None, None) | (Some(_), Some(_)) => {}
        }
    }
}
