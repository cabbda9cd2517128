//! What was seen under one condition, and the table of all of them.

use super::{
    attackers::{Attack, Counts},
    honest::Outcome,
    newcomer::Arrival,
};
use crate::{
    report::{Cell, Column, Table},
    samples::Samples,
    server::CHEAP_STAMP_BITS,
};
use std::time::Duration;

const MIB: f64 = (1 << 20) as f64;

/// What was seen under one condition.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// From submission to code.
    pub latencies: Samples,
    /// Honest solutions that got no code within [`ANSWER_LIMIT`](super::honest::ANSWER_LIMIT).
    pub unanswered: usize,
    /// Times an honest client was told to try again.
    pub retries: usize,
    /// How long newcomers took until they mined.
    pub arrivals: Samples,
    /// Newcomers who gave up ([`PATIENCE`](super::newcomer::PATIENCE)).
    pub kept_out: usize,
    /// The most bits that a newcomer's stamp had to have.
    pub stamp_bits: u8,
    /// What the attackers did and were told.
    pub counts: Counts,
    /// For how long.
    pub lasted: Duration,
    /// The server's processor time in it.
    pub cpu: Duration,
    /// The most memory the server held, in bytes.
    pub peak: u64,
    /// What it held after the last block, in bytes.
    pub held: u64,
    /// How much more it held after each block than before, in bytes, all blocks together.
    pub kept: f64,
}

impl Seen {
    pub(super) fn note_outcome(&mut self, Outcome { latency, retries }: Outcome) {
        self.retries += retries;
        match latency {
            Some(latency) => self.latencies.add(latency),
            None => self.unanswered += 1,
        }
    }

    pub(super) fn note_arrival(&mut self, Arrival { took, stamp_bits }: Arrival) {
        self.stamp_bits = self.stamp_bits.max(stamp_bits);
        match took {
            Some(took) => self.arrivals.add(took),
            None => self.kept_out += 1,
        }
    }

    /// A line for whoever watches.
    pub(super) fn in_short(&self) -> String {
        let ms = |samples: &Samples, percent| samples.percentile_ms(percent).unwrap_or_default();
        format!(
            "so far: p50 {:.0} ms, p99 {:.0} ms; newcomers {:.0} ms at most; {:.0} MiB; {:.0}/s: {:?}",
            ms(&self.latencies, 50.0),
            ms(&self.latencies, 99.0),
            ms(&self.arrivals, 100.0),
            self.held as f64 / MIB,
            self.counts.absorbed as f64 / self.lasted.as_secs_f64(),
            self.counts.by_status,
        )
    }

    /// The server's processor time for each thing that attackers did, in microseconds: all of
    /// it but what a code costs while nothing is done. `None` if that leaves nothing.
    fn cpu_of_each(&self, idle: &Self) -> Option<f64> {
        let of_a_code = idle.cpu.as_secs_f64() / idle.latencies.count() as f64;
        let of_attack = self.cpu.as_secs_f64() - of_a_code * self.latencies.count() as f64;
        let each = of_attack * 1e6 / self.counts.absorbed as f64;
        (each.is_finite() && 0.0 < each).then_some(each)
    }
}

const COLUMNS: &[Column] = &[
    Column { name: "attack", unit: "", decimals: 0 },
    Column { name: "p50", unit: "ms", decimals: 0 },
    Column { name: "p99", unit: "ms", decimals: 0 },
    Column { name: "p50 to idle", unit: "", decimals: 2 },
    Column { name: "p99 to idle", unit: "", decimals: 2 },
    Column { name: "codes", unit: "", decimals: 0 },
    Column { name: "without a code", unit: "", decimals: 0 },
    Column { name: "tries refused", unit: "", decimals: 0 },
    Column { name: "newcomer mines p50", unit: "ms", decimals: 0 },
    Column { name: "longest", unit: "ms", decimals: 0 },
    Column { name: "kept out", unit: "", decimals: 0 },
    Column { name: "price of a session", unit: "bits more", decimals: 0 },
    Column { name: "attack", unit: "/s", decimals: 0 },
    Column { name: "of it hashed", unit: "/s", decimals: 1 },
    Column { name: "server's CPU each", unit: "µs", decimals: 0 },
    Column { name: "server's CPU", unit: "% of a core", decimals: 0 },
    Column { name: "memory kept", unit: "MiB", decimals: 1 },
    Column { name: "peak memory", unit: "MiB", decimals: 0 },
];

pub(super) fn name(attack: Option<Attack>) -> String {
    attack.map_or_else(|| "idle".to_owned(), Attack::name)
}

/// The first row is the idle one.
pub(super) fn table(rows: &[(Option<Attack>, Seen)]) -> Table {
    let mut table = Table::new("Honest clients, from submission to code", COLUMNS);
    let Some((_, idle)) = rows.first() else { return table };
    let at = |seen: &Seen, percent| seen.latencies.percentile_ms(percent);
    for (attack, seen) in rows {
        let ratio = |percent| Some(at(seen, percent)? / at(idle, percent)?);
        let of_attack = |value: Option<f64>| Cell::from(attack.and(value));
        let rate = |count: u64| of_attack(Some(count as f64 / seen.lasted.as_secs_f64()));
        let price = seen.stamp_bits.saturating_sub(CHEAP_STAMP_BITS);
        table.row(vec![
            name(*attack).as_str().into(),
            at(seen, 50.0).into(),
            at(seen, 99.0).into(),
            ratio(50.0).into(),
            ratio(99.0).into(),
            (seen.latencies.count() as f64).into(),
            (seen.unanswered as f64).into(),
            (seen.retries as f64).into(),
            seen.arrivals.percentile_ms(50.0).into(),
            seen.arrivals.percentile_ms(100.0).into(),
            (seen.kept_out as f64).into(),
            f64::from(price).into(),
            rate(seen.counts.absorbed),
            rate(seen.counts.hashed),
            of_attack(seen.cpu_of_each(idle)),
            (seen.cpu.as_secs_f64() / seen.lasted.as_secs_f64() * 100.0).into(),
            (seen.kept / MIB).into(),
            (seen.peak as f64 / MIB).into(),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_code_costs_is_not_counted_against_the_attack() {
        let seen = |cpu, codes, absorbed| Seen {
            cpu: Duration::from_millis(cpu),
            latencies: (0..codes).map(|_| Duration::from_millis(40)).collect(),
            counts: Counts { absorbed, ..Counts::default() },
            ..Seen::default()
        };
        let idle = seen(1_000, 10, 0);
        assert_eq!(seen(1_700, 5, 10_000).cpu_of_each(&idle), Some(120.0));
        assert_eq!(seen(400, 5, 10_000).cpu_of_each(&idle), None);
        assert_eq!(seen(500, 5, 0).cpu_of_each(&idle), None);
    }
}
