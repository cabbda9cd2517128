//! How the difficulty moves between rounds.
//!
//! Two rules: `step` follows single solve times digit by digit and gives a round
//! up after a while; `rising` estimates the network's rate over many rounds and
//! lets the target of each round rise until somebody clears it. Both judge a
//! round by its mining time against a band, and say so in words.
//!
//! Mining time is what the miners that count made of it, so a winner who never
//! counted could make a round look as short as it likes: an hour of hidden work
//! would be a solve in no time. Such a round is judged by its age instead, up to
//! the longest solve that still passes for good ([`Rule::solve_time`]). The age is
//! the most that the winner can have worked, so `step` never raises the difficulty
//! by it unless the round really was that young; and the bound keeps an idle night
//! from lowering it. For the estimate of `rising` both times matter: the tries
//! were made during the judged time, but each had to clear the target that the
//! mining clock had reached. A longer time with the same target is more exposure
//! and so a lower estimate: a hidden winner can no more make the next target
//! unreachable than one who counted, and to win at an early clock it must clear
//! the low target of that moment, which takes the work.

use crate::{
    curve::{Curve, RisingCurve},
    target::{Difficulty, Target},
};
use std::time::Duration;

/// Γ(4/3)³: how many wins the work of one reference time is worth at the reference
/// target, for the expected solve time to be the reference time.
///
/// Best hashes are kept, so by mining time t all rate · t hashes count against the
/// target of that moment, and a round is still unsolved with probability
/// exp(−rate · t · target(t)). With target(t) = reference · (t/T)² that is a Weibull
/// distribution of shape 3, whose mean is T when rate · reference · T = Γ(4/3)³.
const WINS_AT_REFERENCE: f64 = 0.712_073;

/// The most that one round may add to the exposure, in rounds as long as the estimate
/// expects them. Whoever withholds a round for a day must not make the next ones easy:
/// with this bound no single round moves the expected solve time of those after it
/// beyond a factor of two, and an honest network that shrinks to a twelfth is still
/// followed at once.
const MOST_EXPOSURE: f64 = 12.0;

/// What the operator asks of the rounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    /// The difficulty never falls below this.
    pub easiest: Difficulty,
    /// The difficulty never grows above this.
    pub hardest: Difficulty,
    /// A solve in less mining time is too fast.
    pub shortest: Duration,
    /// A solve in more mining time is too slow.
    pub longest: Duration,
}

/// Which rule governs the rounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleName {
    /// ±1 digit by the last solve time, with a time-out.
    Step,
    /// A target that rises inside the round, from an estimate of the network's rate.
    Rising,
}

/// How a round ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Somebody who counted as a miner won after this much mining time.
    Solved(Duration),
    /// Somebody won who did not count as a miner.
    SolvedUncounted {
        /// The mining time of those who counted, which the target went by.
        mining_time: Duration,
        /// How long the round had been open.
        age: Duration,
    },
    /// Nobody won within [`Rule::time_out`].
    TimedOut,
}

/// A rule with what it has learnt from the rounds so far.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    pace: Pace,
    kind: Estimate,
}

/// What a rule has learnt: all that it needs to go on after a restart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Estimate {
    /// Of `step`: the difficulty of the next round.
    Step(Difficulty),
    /// Of `rising`: how fast the network hashes.
    Rising(RateEstimate),
}

/// Solves over exposure, both with weights e^(−age/8) in rounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RateEstimate {
    /// The rounds that were won.
    pub solves: f64,
    /// Time × target of those rounds, in seconds × the fraction of hashes below it.
    pub exposure: f64,
    /// Hashes per second.
    pub rate: f64,
}

impl Rule {
    /// The rule at the start, when only the configured difficulty is known.
    pub fn new(name: RuleName, start: Difficulty, pace: Pace) -> Self {
        let start = start.step(0.0, pace.easiest, pace.hardest);
        let kind = match name {
            RuleName::Step => Estimate::Step(start),
            RuleName::Rising => {
                // As if one solve had been seen at the rate for which the start
                // difficulty is right: the first real rounds soon outweigh it.
                let rate = WINS_AT_REFERENCE / (Target::from(start).fraction() * reference_time(&pace));
                Estimate::Rising(RateEstimate { solves: 1.0, exposure: 1.0 / rate, rate })
            }
        };
        Self { pace, kind }
    }

    /// The rule as it was after the rounds that `estimate` was learnt from, within what
    /// `pace` allows now. `None` if the numbers are none that a rule can have.
    pub fn resumed(estimate: Estimate, pace: Pace) -> Option<Self> {
        let kind = match estimate {
            Estimate::Step(difficulty) => Estimate::Step(difficulty.step(0.0, pace.easiest, pace.hardest)),
            Estimate::Rising(RateEstimate { solves, exposure, rate }) => {
                let usable = |number: f64| number.is_normal() && 0.0 < number;
                if ![solves, exposure, rate].into_iter().all(usable) {
                    return None;
                }
                estimate
            }
        };
        Some(Self { pace, kind })
    }

    /// What the rule has learnt so far.
    pub const fn estimate(&self) -> Estimate {
        self.kind
    }

    /// The rule's name.
    pub const fn name(&self) -> RuleName {
        match self.kind {
            Estimate::Step(_) => RuleName::Step,
            Estimate::Rising(_) => RuleName::Rising,
        }
    }

    /// The curve of the next round.
    pub fn curve(&self) -> Curve {
        match &self.kind {
            Estimate::Step(difficulty) => Curve::Fixed((*difficulty).into()),
            Estimate::Rising(estimate) => {
                let reference_time = reference_time(&self.pace);
                let (easiest, hardest) = (Target::from(self.pace.easiest), Target::from(self.pace.hardest));
                let fraction = WINS_AT_REFERENCE / (estimate.rate * reference_time);
                Curve::Rising(RisingCurve {
                    reference_time,
                    reference_target: Target::from_fraction(fraction).min(easiest).max(hardest),
                    power: 2.0,
                    easiest,
                    hardest,
                })
            }
        }
    }

    /// The difficulty that the next round is known by: its fixed one, or that of
    /// its reference target.
    pub fn difficulty(&self) -> f64 {
        match self.curve() {
            Curve::Fixed(target) => target.difficulty(),
            Curve::Rising(curve) => curve.reference_target.difficulty(),
        }
    }

    /// The network's rate in hashes per second as far as the rule knows it: its
    /// estimate, or what the fixed difficulty would be right for.
    pub fn assumed_rate(&self) -> f64 {
        match &self.kind {
            Estimate::Step(difficulty) => Target::from(*difficulty).expected_hashes() / reference_time(&self.pace),
            Estimate::Rising(estimate) => estimate.rate,
        }
    }

    /// The mining time after which an unsolved round is given up, if ever.
    pub fn time_out(&self) -> Option<Duration> {
        match self.kind {
            Estimate::Step(_) => Some(self.pace.longest),
            Estimate::Rising(_) => None,
        }
    }

    /// The time that a solved round is judged by: its mining time, but for a winner
    /// who did not count at least the round's age, up to the longest good solve.
    /// `None` if nobody solved it.
    pub fn solve_time(&self, outcome: Outcome) -> Option<Duration> {
        match outcome {
            Outcome::Solved(mining_time) => Some(mining_time),
            Outcome::SolvedUncounted { mining_time, age } => Some(mining_time.max(age.min(self.pace.longest))),
            Outcome::TimedOut => None,
        }
    }

    /// Learns from a round that was played on [`Rule::curve`], and says in words
    /// how it was judged.
    pub fn after_round(&mut self, outcome: Outcome) -> String {
        let curve = self.curve();
        let Pace { easiest, hardest, shortest, longest } = self.pace;
        let solve_time = self.solve_time(outcome);
        let steps = match solve_time {
            Some(time) if time < shortest => 1.0,
            Some(time) if time <= longest => 0.0,
            _ => -1.0,
        };
        let at_bound = match &mut self.kind {
            Estimate::Step(difficulty) => {
                let next = difficulty.step(steps, easiest, hardest);
                let stuck = steps != 0.0 && next == *difficulty;
                *difficulty = next;
                stuck
            }
            Estimate::Rising(estimate) => {
                if let (Some(worked), Some(clock)) = (solve_time, outcome.mining_time()) {
                    estimate.learn(exposure(worked, curve.target_at(clock)));
                }
                false
            }
        };
        let (shortest, longest) = (shortest.as_secs_f64(), longest.as_secs_f64());
        match solve_time {
            _ if at_bound && 0.0 < steps => format!("Already at max difficulty ({})", hardest.digits()),
            _ if at_bound => format!("Already at min difficulty ({})", easiest.digits()),
            None => format!("No solution within {longest}s of mining"),
            Some(time) => {
                let time = time.as_secs_f64();
                if 0.0 < steps {
                    format!("Solved too fast ({time:.1}s < {shortest}s)")
                } else if steps < 0.0 {
                    format!("Solved too slow ({time:.1}s > {longest}s)")
                } else {
                    format!("Perfect timing ({time:.1}s within {shortest}-{longest}s)")
                }
            }
        }
    }
}

impl Outcome {
    /// Where the mining clock stood when somebody won.
    const fn mining_time(self) -> Option<Duration> {
        match self {
            Self::Solved(mining_time) | Self::SolvedUncounted { mining_time, .. } => Some(mining_time),
            Self::TimedOut => None,
        }
    }
}

impl RateEstimate {
    fn learn(&mut self, exposure: f64) {
        let fade = (-1.0f64 / 8.0).exp();
        let most = MOST_EXPOSURE / self.rate;
        self.solves = self.solves * fade + 1.0;
        self.exposure = self.exposure * fade + exposure.min(most);
        self.rate = (self.solves / self.exposure).clamp(self.rate / 8.0, self.rate * 8.0);
    }
}

/// The geometric middle of the band, in seconds.
fn reference_time(pace: &Pace) -> f64 {
    (pace.shortest.as_secs_f64() * pace.longest.as_secs_f64()).sqrt()
}

/// Time × target at its end, in seconds × the fraction of hashes below the target: how
/// many wins a rate of one hash per second would have been worth by then. Its
/// expectation times the rate is one solve, whatever the curve.
fn exposure(worked: Duration, target: Target) -> f64 {
    // A solve in no measurable time still counts as an instant.
    worked.as_secs_f64().max(1e-3) * target.fraction()
}

#[cfg(test)]
mod tests;
