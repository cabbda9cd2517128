//! What an operator decides about the race.

use puzzle::{
    Cost, Difficulty,
    drop::DropRules,
    invite_code::{CodePrefix, CodeSecret},
    proof::ProofInterval,
    rule::{Pace, RuleName},
};
use std::time::Duration;

/// What an operator decides about the race.
#[derive(Clone, Debug)]
pub struct RaceSettings {
    /// `HASHPASS_DIFFICULTY`: of the first round, within what the pace allows.
    pub start: Difficulty,
    /// `HASHPASS_MIN_DIFFICULTY` and `HASHPASS_MAX_DIFFICULTY`, from 1 to 6 leading
    /// zero hex digits; `HASHPASS_TARGET_TIME_MIN` and `HASHPASS_TARGET_TIME_MAX`, in
    /// seconds of mining time. The lower one is not above, and the shorter one is
    /// below, the other.
    pub pace: Pace,
    /// `HASHPASS_RETARGET`: how the difficulty moves. The rule `Step` needs
    /// difficulties that are whole numbers.
    pub rule: RuleName,
    /// `HASHPASS_ARGON2_TIME_COST`, `HASHPASS_ARGON2_MEMORY_COST` in KiB and
    /// `HASHPASS_ARGON2_PARALLELISM`: what a hash costs.
    pub cost: Cost,
    /// `HASHPASS_VERIFY_WORKERS`, from 1 to 1024: how many verifications run side by
    /// side, beside the one that is kept for sessions which have shown work.
    pub verify_workers: usize,
    /// `HASHPASS_VERIFY_QUEUE`, from 1 to 100,000: how many submissions may wait for
    /// verification.
    pub verify_queue: usize,
    /// `HASHPASS_PROOF_INTERVAL`, from 0.1 to 3600 seconds: how often a miner shows
    /// work.
    pub proof_interval: ProofInterval,
    /// `HASHPASS_HMAC_SECRET`, of 16 bytes or more: what codes are derived with.
    pub secret: CodeSecret,
    /// `HASHPASS_CODE_PREFIX`: what stands before a derived code.
    pub code_prefix: CodePrefix,
    /// `HASHPASS_CODE_TTL`: for how long a code can be redeemed after the win; for ever if
    /// there is no such time.
    pub code_life: Option<Duration>,
    /// `HASHPASS_SUPPLY`, `HASHPASS_OPENS_AT`, `HASHPASS_CLOSES_AT`,
    /// `HASHPASS_WINS_PER_PERSON`, `HASHPASS_WIN_COOLDOWN`, `HASHPASS_WINS_PER_NETWORK` and
    /// `HASHPASS_MIN_ROUND`: how much is given out, when, and to whom.
    pub drop: DropRules,
}

#[cfg(test)]
impl RaceSettings {
    /// Settings for tests: three digits at first, from one to six, and rounds of half a
    /// minute to two.
    pub(super) fn for_tests(rule: RuleName, verify_workers: usize, verify_queue: usize) -> Self {
        let [start, easiest, hardest] =
            [3.0, 1.0, 6.0].map(|digits| Difficulty::new(digits).expect("it is from one to six"));
        let pace = Pace { easiest, hardest, shortest: Duration::from_secs(30), longest: Duration::from_secs(120) };
        Self {
            start,
            pace,
            rule,
            cost: Cost { memory_cost: 8, time_cost: 1, parallelism: 1 },
            verify_workers,
            verify_queue,
            proof_interval: ProofInterval::DEFAULT,
            secret: CodeSecret::from_bytes([7; 32]),
            code_prefix: CodePrefix::default(),
            code_life: None,
            drop: DropRules::default(),
        }
    }
}
