//! The client itself: passes every event on to the part that it is for, and what one
//! part says to the others that it concerns.

use super::{
    entry::{Entry, Verdict},
    event::{Effect, Event},
    identity::Identity,
    link::{Link, LinkAction},
    prizes::Prizes,
    proving::Proving,
    round::Round,
    solving::{Remedy, Solving},
    turn::Turn,
    workers::{self, Change, Workers},
};
use crate::{
    error::ApiError,
    mining::PoolEvent,
    scene::{Command, Failure, Note},
    wire::{ClientMessage, PageState, RoundView, Victory, Win},
};
use miner::Job;
use puzzle::RoundNumber;
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
    random: fn() -> f64,
    pub(super) entry: Entry,
    pub(super) identity: Identity,
    pub(super) link: Link,
    pub(super) round: Round,
    pub(super) workers: Workers,
    pub(super) solving: Solving,
    pub(super) proving: Proving,
    pub(super) prizes: Prizes,
    /// Why nothing goes on until the visitor does something.
    pub(super) failure: Option<Failure>,
}

impl RaceClient {
    /// A client on a page rendered from `page`, opened on `device`.
    pub fn new(page: &PageState, device: Device) -> Self {
        Self {
            random: device.random,
            entry: Entry::new(page),
            identity: Identity::default(),
            link: Link::default(),
            round: Round::rendered(page),
            workers: Workers::new(device.workers, device.most_workers),
            solving: Solving::default(),
            proving: Proving::default(),
            prizes: Prizes::default(),
            failure: None,
        }
    }

    /// Hears `event` at `now` and says what is to be done about it.
    pub fn handle(&mut self, event: Event, now: Duration) -> Vec<Effect> {
        let mut turn = Turn::new(now, self.random);
        self.hear(event, &mut turn);
        self.do_what_is_due(&mut turn);
        self.keep_the_workers_in_step(&mut turn);
        turn.into_effects()
    }

    /// When to come back with [`Event::Moment`], if nothing happens before.
    pub fn deadline(&self, now: Duration) -> Option<Duration> {
        let deadlines = [
            self.entry.deadline(),
            self.identity.deadline(),
            self.link.deadline(now),
            self.round.deadline(),
            self.workers.deadline(),
            self.submission_due(now),
            self.share_due(),
            self.prizes.deadline(),
        ];
        deadlines.into_iter().flatten().min()
    }

    fn hear(&mut self, event: Event, turn: &mut Turn) {
        match event {
            Event::Begin { had_session } => {
                self.entry.begin(had_session, turn);
                self.identity.begin(turn);
            }
            Event::Moment => {}
            Event::Command(command) => self.obey(command, turn),
            Event::BackOnline => self.link.stop_waiting(turn.now),
            Event::Check(event) => self.entry.check_did(event, turn),
            Event::Stamp(event) => self.entry.stamp_did(event, turn),
            Event::Entered(result) => {
                let verdict = self.entry.entered(result, turn);
                self.accept(verdict, turn);
            }
            Event::WinsFetched(result) => self.wins_fetched(result, turn),
            Event::Identified { visitor, at_random } => self.identity.identified(visitor, at_random, turn),
            Event::TraceFetched(trace) => {
                if self.identity.trace_fetched(trace, turn) {
                    self.start_over();
                }
            }
            Event::PuzzleFetched(result) => {
                if let Some(round) = self.round.fetched(result, turn.now) {
                    self.adopt(round, turn.now);
                }
            }
            Event::SocketOpened => {
                self.link.opened(turn.now);
                if self.workers.have_work() {
                    self.link.send(ClientMessage::MiningStart, turn);
                }
            }
            Event::SocketClosed => self.socket_closed(turn),
            Event::Heard(message) => self.heard(message, turn),
            Event::Pool(event) => self.pool_did(event, turn),
            Event::Answered { round, result } => self.answered(round, result, turn),
        }
    }

    fn obey(&mut self, command: Command, turn: &mut Turn) {
        match command {
            Command::Start if self.can_start() => {
                self.failure = None;
                self.solving.forgive();
                self.workers.start(turn);
                self.link.stop_waiting(turn.now);
            }
            Command::Stop if self.workers.are_wanted() => {
                self.workers.stop();
                self.prizes.end_celebration();
                let best_kept = self.solving.can_win_with(&self.round.curve());
                turn.write(Note::Stopped { best_kept });
            }
            Command::Start | Command::Stop => {}
            Command::UseWorkers(count) => self.workers.resize(count, turn),
            Command::RetryCheck => self.entry.retry_check(turn),
            Command::RedrawCheck => self.entry.redraw_check(turn),
            Command::CancelProof => self.entry.cancel_stamp(turn),
            Command::RetryProof => self.entry.retry_stamp(turn),
        }
    }

    fn pool_did(&mut self, event: PoolEvent, turn: &mut Turn) {
        match event {
            PoolEvent::Workers { .. } => {}
            PoolEvent::Progress { round, hashes, best, lowest } => {
                // The job may be one message behind the round.
                if self.workers.progressed(round, hashes, turn.now) && self.round.is_on(round) {
                    self.solving.keep_if_better(best, turn);
                    self.proving.keep_if_lower(lowest);
                }
            }
            PoolEvent::Fewer { workers } => self.workers.reduced_to(workers, turn),
            PoolEvent::Failed(why) => self.fail(workers::failure(why)),
        }
    }

    fn wins_fetched(&mut self, result: Result<Vec<Win>, ApiError>, turn: &mut Turn) {
        let (wins, refusal) = match result {
            Ok(wins) => (wins, None),
            Err(error) => (Vec::new(), Some(error)),
        };
        let verdict = self.entry.wins_answered(refusal, turn);
        self.accept(verdict, turn);
        for round in self.prizes.recall(wins) {
            if self.solving.may_have_won(round) {
                self.celebrate(round, turn);
            }
        }
    }

    fn answered(&mut self, round: RoundNumber, result: Result<Victory, ApiError>, turn: &mut Turn) {
        let (remedy, failure) = match result {
            Ok(victory) => {
                let won = victory.round;
                self.solving.accepted();
                self.prizes.add(victory);
                return self.celebrate(won, turn);
            }
            Err(error) => self.solving.refused(round, error, turn),
        };
        match remedy {
            Remedy::Nothing => {}
            Remedy::NextRound => self.end_round(round, turn.now),
            Remedy::SetClock(hash, missing) => self.round.learn_the_clock(&hash, missing, turn.now),
            Remedy::ReadTrace => {
                self.identity.distrust_trace(turn);
                self.start_over();
            }
            Remedy::RenewSession => self.renew_session(turn),
        }
        if let Some(failure) = failure {
            self.fail(failure);
        }
    }

    fn accept(&mut self, verdict: Option<Verdict>, turn: &mut Turn) {
        match verdict {
            Some(Verdict::Admitted) => {
                self.proving.begin_session();
                self.link.open(turn.now);
                turn.ask(Effect::OpenSocket);
                turn.ask(Effect::PrepareMiner(self.round.view().cost));
            }
            Some(Verdict::TurnedAway(failure)) => self.fail(failure),
            None => {}
        }
    }

    /// The server does not know the session any more. The live connection belongs to
    /// it and goes with it.
    pub(super) fn renew_session(&mut self, turn: &mut Turn) {
        if self.entry.may_take_part() {
            self.link.close(turn.now);
            turn.ask(Effect::DropSocket);
            let verdict = self.entry.renew(turn);
            self.accept(verdict, turn);
        }
    }

    fn socket_closed(&mut self, turn: &mut Turn) {
        if self.workers.have_work() {
            self.round.left(turn.now);
        }
        let wait = self.link.closed(turn.now, turn.random());
        turn.write(Note::Disconnected { retry_in: wait.as_secs_f64() });
    }

    pub(super) fn adopt(&mut self, round: RoundView, now: Duration) {
        if self.round.adopt(round, self.workers.have_work(), now) {
            self.start_over();
        }
    }

    /// Tells of a win whose code is among the prizes, and goes on.
    fn celebrate(&mut self, round: RoundNumber, turn: &mut Turn) {
        self.solving.won();
        self.prizes.celebrate(round, turn);
        self.end_round(round, turn.now);
    }

    fn end_round(&mut self, round: RoundNumber, now: Duration) {
        if self.round.number() == round {
            self.solving.start_over();
            self.round.await_next(now);
        }
    }

    /// What was found is worth nothing any more: another round, another address.
    pub(super) fn start_over(&mut self) {
        self.solving.start_over();
        self.proving.start_over();
    }

    /// Gives up until the visitor does something.
    fn fail(&mut self, failure: Failure) {
        self.failure = Some(failure);
        self.workers.give_up();
    }

    /// True while the server would take what is mined now.
    fn is_heard(&self) -> bool {
        !self.round.is_over() && !self.identity.trace_is_stale() && self.entry.may_take_part()
    }

    /// When the best hash is to be handed in, as far as can be told now. It is
    /// kept and handed in even if the visitor stops mining meanwhile.
    fn submission_due(&self, now: Duration) -> Option<Duration> {
        let may_submit = self.is_heard() && self.failure.is_none();
        may_submit.then(|| self.solving.due(&self.round, now)).flatten()
    }

    /// When a share is to be sent, as far as can be told now.
    fn share_due(&self) -> Option<Duration> {
        let may_prove =
            self.is_heard() && self.workers.are_running() && self.link.is_informed() && self.round.is_fresh();
        may_prove.then(|| self.proving.due()).flatten()
    }

    fn do_what_is_due(&mut self, turn: &mut Turn) {
        self.entry.when_due(turn);
        self.identity.when_due(turn);
        while let Some(action) = self.link.due(turn.now) {
            match action {
                LinkAction::Open => turn.ask(Effect::OpenSocket),
                LinkAction::Ping => turn.ask(Effect::Send(ClientMessage::Ping)),
                LinkAction::Drop => {
                    turn.ask(Effect::DropSocket);
                    self.socket_closed(turn);
                }
            }
        }
        self.round.when_due(turn);
        self.prizes.when_due(turn.now);
        if let Some(rate) = self.workers.due_report(turn.now) {
            self.link.send(ClientMessage::Hashrate { rate }, turn);
        }
        if self.submission_due(turn.now).is_some_and(|due| due <= turn.now)
            && let Some((visitor, trace)) = self.identity.known()
        {
            self.solving.submit(&self.round, visitor, trace, turn);
        }
        if self.share_due().is_some_and(|due| due <= turn.now)
            && let Some((visitor, trace)) = self.identity.known()
            && let Some(share) = self.proving.take(self.round.number(), visitor, trace, turn)
        {
            turn.ask(Effect::Send(share));
        }
    }

    fn keep_the_workers_in_step(&mut self, turn: &mut Turn) {
        match self.workers.keep_in_step(self.job(turn.now), turn) {
            Some(Change::Began) => {
                self.round.joined(turn.now);
                self.link.send(ClientMessage::MiningStart, turn);
            }
            Some(Change::Ended) => {
                self.round.left(turn.now);
                self.link.send(ClientMessage::MiningStop, turn);
            }
            None => {}
        }
    }

    /// What the workers should be doing at `now`.
    fn job(&self, now: Duration) -> Option<Job> {
        let may_mine = self.workers.are_wanted()
            && self.round.is_fresh()
            && !self.link.is_lost(now)
            && !self.identity.lacks_trace();
        let (visitor, trace) = self.identity.known().filter(|_| may_mine)?;
        let RoundView { round, cost, .. } = *self.round.view();
        let seed = self.round.seed()?;
        Some(Job { round, seed, visitor, trace, cost })
    }
}
