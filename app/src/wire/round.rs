//! A round, and what is handed in and won in it.

use crate::read::{Read, deserialize_by_reading, field, read_fields};
use puzzle::{
    Cost, Curve, Hash, Nonce, RoundNumber, Seed, Target, TraceData, VisitorId, curve::RisingCurve,
    invite_code::InviteCode,
};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

/// One round as it stands at a moment: everything a miner needs.
#[derive(Clone, Debug, PartialEq)]
pub struct RoundView {
    /// Which round; it only grows.
    pub round: RoundNumber,
    /// What is searched for; nothing while the drop is not open: then the round is over,
    /// and nobody knows the next one's seed.
    pub search: Option<Search>,
    /// The difficulty at this moment, in leading zero hex digits.
    pub difficulty: f64,
    /// `memory_cost` (KiB), `time_cost` and `parallelism` of Argon2id.
    pub cost: Cost,
    /// Seconds of this round during which somebody mined.
    pub mining_time: f64,
    /// True while somebody mines, so that `mining_time` goes on.
    pub clock_running: bool,
}

/// What is searched for in a round.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Search {
    /// The random part of its puzzle.
    pub seed: Seed,
    /// The target at this moment.
    pub target: Target,
    /// How the target goes on rising; nothing when it stays as it is.
    pub curve: Option<RisingCurve>,
}

impl Search {
    /// The curve of the round.
    pub fn target_curve(&self) -> Curve {
        self.curve.map_or(Curve::Fixed(self.target), Curve::Rising)
    }
}

impl RoundView {
    /// The random part of the puzzle, while there is one.
    pub fn seed(&self) -> Option<Seed> {
        self.search.map(|search| search.seed)
    }

    /// How the target moves. While there is nothing to search for: what is known of the
    /// next round's difficulty.
    pub fn target_curve(&self) -> Curve {
        // As a constant, the base would bring `exp2` into the browser's program beside `pow`.
        let expected = || Target::from_fraction(std::hint::black_box(16_f64).powf(-self.difficulty));
        self.search.map_or_else(|| Curve::Fixed(expected()), |search| search.target_curve())
    }
}

/// A round as it travels. `seed`, `target` and `curve` are `null` while there is nothing to
/// search for; a target that stays as it is has no `curve`.
#[derive(Serialize)]
struct RoundFields<'a> {
    round: RoundNumber,
    seed: Option<&'a Seed>,
    #[serde(serialize_with = "shortest_number")]
    difficulty: f64,
    target: Option<&'a Target>,
    #[serde(flatten)]
    cost: Cost,
    mining_time: f64,
    clock_running: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    curve: Option<Option<&'a RisingCurve>>,
}

impl Serialize for RoundView {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let search = self.search.as_ref();
        let fields = RoundFields {
            round: self.round,
            seed: search.map(|search| &search.seed),
            difficulty: self.difficulty,
            target: search.map(|search| &search.target),
            cost: self.cost,
            mining_time: self.mining_time,
            clock_running: self.clock_running,
            curve: match search {
                None => Some(None),
                Some(search) => search.curve.as_ref().map(Some),
            },
        };
        fields.serialize(serializer)
    }
}

/// The answer of `GET /api/puzzle`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Puzzle {
    /// The round.
    #[serde(flatten)]
    pub round: RoundView,
    /// How many hashes a win costs on average at the present target.
    #[serde(serialize_with = "shortest_number")]
    pub expected_hashes: f64,
}

/// The body of `POST /api/verify`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Submission {
    /// Who mined.
    pub visitor_id: VisitorId,
    /// What they found.
    pub nonce: Nonce,
    /// The seed they mined on.
    pub submitted_seed: Seed,
    /// The trace they mined with.
    pub trace_data: TraceData,
    /// The hash they claim.
    pub hash: Hash,
}

/// The answer to the winner.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Victory {
    /// The prize.
    pub invite_code: InviteCode,
    /// The round that was won.
    pub round: RoundNumber,
    /// Its mining time in seconds.
    pub solve_time: f64,
    /// Its difficulty.
    #[serde(serialize_with = "shortest_number")]
    pub difficulty: f64,
    /// The next round's difficulty.
    #[serde(serialize_with = "shortest_number")]
    pub new_difficulty: f64,
}

/// One of the session's own wins, in `GET /api/wins`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Win {
    /// The round that was won.
    pub round: RoundNumber,
    /// The prize.
    pub invite_code: InviteCode,
    /// When, RFC 3339 in UTC.
    pub at: String,
}

/// Writes whole numbers without a fraction: `3`, not `3.0`. For serde's
/// `serialize_with`.
///
/// # Errors
/// The serializer's.
pub fn shortest_number<S: Serializer>(number: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    // Below 2^53 a whole double is an integer exactly.
    #[allow(clippy::cast_possible_truncation)]
    if number.fract() == 0.0 && number.abs() < 9e15 {
        serializer.serialize_i64(*number as i64)
    } else {
        serializer.serialize_f64(*number)
    }
}

read_fields! {
    Victory { invite_code, round, solve_time, difficulty, new_difficulty }
    Win { round, invite_code, at }
}
deserialize_by_reading!(Puzzle, RoundView);

impl Read for RoundView {
    fn read(value: &Value) -> Option<Self> {
        let search = match (field(value, "seed")?, field(value, "target")?) {
            (Some(seed), Some(target)) => Some(Search { seed, target, curve: field(value, "curve")? }),
            _ => None,
        };
        Some(Self {
            round: field(value, "round")?,
            search,
            difficulty: field(value, "difficulty")?,
            cost: Cost {
                memory_cost: field(value, "memory_cost")?,
                time_cost: field(value, "time_cost")?,
                parallelism: field(value, "parallelism")?,
            },
            mining_time: field(value, "mining_time")?,
            clock_running: field(value, "clock_running")?,
        })
    }
}

impl Read for Puzzle {
    fn read(value: &Value) -> Option<Self> {
        Some(Self { round: RoundView::read(value)?, expected_hashes: field(value, "expected_hashes")? })
    }
}
