//! What the page shows at a moment, and what its visitor may ask for: plain
//! values without any text, made on the server for the first sight of the page
//! and in the browser ever after.

mod drop;
pub mod human_check;
pub mod lobby;
pub mod note;
pub mod phase;
pub mod proof;
mod server_words;

pub use drop::DropScene;
pub use human_check::{CheckFailure, HumanCheck};
pub use note::{Log, LogLine, Note};
pub use phase::{Failure, Pause, Phase};
pub use proof::{MintEvent, Proof, SessionProof};
pub use server_words::ServerWords;

use crate::wire::{Figures, PageState};
use puzzle::{Curve, RoundNumber, Target, VisitorId, invite_code::InviteCode};
use std::time::Duration;

/// The page at a moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Scene {
    /// What it is doing.
    pub phase: Phase,
    /// The live connection.
    pub connection: Connection,
    /// True if round and network are only known from before the connection broke.
    pub is_stale: bool,
    /// True if nobody is asked whether they are human.
    pub test_mode: bool,
    /// True if the gate has a human check.
    pub asks_for_humans: bool,
    /// The human check.
    pub human_check: HumanCheck,
    /// The proof of work for a session.
    pub proof: SessionProof,
    /// True if Start may be pressed.
    pub can_start: bool,
    /// True if Stop may be pressed.
    pub can_stop: bool,
    /// The round.
    pub round: RoundNumber,
    /// Its target now.
    pub target: Target,
    /// The lowest target that this round may have.
    pub hardest: Target,
    /// How long a round is meant to last, if its target rises with the mining time.
    pub typical_round: Option<Duration>,
    /// How much memory a hash of it takes, in MiB.
    pub memory_mib: u32,
    /// Its mining time.
    pub mining_time: Duration,
    /// True while somebody mines.
    pub clock_running: bool,
    /// The network.
    pub figures: Figures,
    /// What is given out.
    pub drop: DropScene,
    /// Hashes per second of this page.
    pub local_rate: f64,
    /// Workers asked for.
    pub workers: usize,
    /// How many there may be; 0 until it is known.
    pub most_workers: usize,
    /// The visitor id, once it is known.
    pub visitor: Option<VisitorId>,
    /// True if it is a random one.
    pub visitor_is_random: bool,
    /// The best hash of this round.
    pub best: Option<Best>,
    /// Half of visitors like this one would win within this time, if alone.
    pub half_win_within: Option<Duration>,
    /// The part of rounds that this page wins in the long run.
    pub part_of_rounds: Option<f64>,
    /// The codes won, newest first.
    pub prizes: Vec<Prize>,
}

/// What the page shows of the live connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connection {
    /// Not wanted yet.
    Closed,
    /// On its way.
    Connecting,
    /// It stands.
    Open,
    /// It broke; the next attempt comes in so many seconds.
    Waiting {
        /// Whole seconds, rounded up.
        seconds: u64,
    },
}

impl Connection {
    /// One word in the page's markup, for the style and for tests.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Connecting => "connecting",
            Self::Open => "open",
            Self::Waiting { .. } => "waiting",
        }
    }
}

/// What the visitor asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Start mining.
    Start,
    /// Stop mining.
    Stop,
    /// Mine with so many workers.
    UseWorkers(usize),
    /// Try the human check again.
    RetryCheck,
    /// Show the human check in the page's colours and language as they are now.
    RedrawCheck,
    /// Stop computing proof of work for a session.
    CancelProof,
    /// Compute it after all.
    RetryProof,
}

/// What the visitor asks for, anywhere on the page.
#[derive(Clone, Debug, PartialEq)]
pub enum Wish {
    /// Of the race.
    Race(Command),
    /// Of the lobby.
    Lobby(lobby::LobbyCommand),
}

/// The best hash of this round.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Best {
    /// How rare it is, in leading zero hex digits.
    pub digits: f64,
    /// One in so many hashes is as good.
    pub rarity: f64,
    /// In how much mining time it wins; `None` if the target never rises so far.
    pub wins_in: Option<Duration>,
}

/// A code won.
#[derive(Clone, Debug, PartialEq)]
pub struct Prize {
    /// In which round.
    pub round: RoundNumber,
    /// The code.
    pub invite_code: InviteCode,
}

impl Scene {
    /// The page as the server renders it: nothing is known of the visitor yet.
    pub fn rendered(page: &PageState) -> Self {
        let curve = page.round.target_curve();
        let mining_time = Duration::try_from_secs_f64(page.round.mining_time).unwrap_or_default();
        // Where the check will be, its room is kept from the first moment on.
        let may_need_check = page.gate.asks_for_humans && !page.turnstile.test_mode && !page.has_session;
        let may_need_proof = page.gate.asks_for_stamps && !page.has_session;
        Self {
            phase: Phase::Checking,
            connection: Connection::Closed,
            is_stale: false,
            test_mode: page.turnstile.test_mode,
            asks_for_humans: page.gate.asks_for_humans,
            human_check: if may_need_check { HumanCheck::Loading } else { HumanCheck::Hidden },
            proof: if may_need_proof { SessionProof::Waiting } else { SessionProof::Hidden },
            can_start: false,
            can_stop: false,
            round: page.round.round,
            target: curve.target_at(mining_time),
            hardest: curve.rising().map_or_else(|| curve.target_at(Duration::ZERO), |curve| curve.hardest),
            typical_round: typical_round(&curve),
            memory_mib: page.round.cost.memory_cost / 1024,
            mining_time,
            clock_running: page.round.clock_running,
            figures: page.figures,
            drop: DropScene::new(&page.drop, Duration::ZERO),
            local_rate: 0.0,
            workers: 1,
            most_workers: 0,
            visitor: None,
            visitor_is_random: false,
            best: None,
            half_win_within: None,
            part_of_rounds: None,
            prizes: Vec::new(),
        }
    }
}

/// How long rounds with this curve are meant to last. A fixed target has no
/// memory, so its rounds have no typical length.
pub(crate) fn typical_round(curve: &Curve) -> Option<Duration> {
    Duration::try_from_secs_f64(curve.rising()?.reference_time).ok()
}
