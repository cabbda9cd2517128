//! Measured durations and their percentiles.
//!
//! Every sample is kept: a few hundred thousand of them are a few megabytes, and
//! percentiles are then exact.

use std::time::Duration;

/// Durations, in no order.
#[derive(Clone, Debug, Default)]
pub struct Samples {
    durations: Vec<Duration>,
}

impl Samples {
    /// Adds one.
    pub fn add(&mut self, duration: Duration) {
        self.durations.push(duration);
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.durations.len()
    }

    /// The smallest duration that at least `percent` percent (0 to 100) of all do
    /// not exceed, by nearest rank; `None` if there are none.
    pub fn percentile(&self, percent: f64) -> Option<Duration> {
        let mut sorted = self.durations.clone();
        sorted.sort_unstable();
        let rank = (percent / 100.0 * sorted.len() as f64).ceil() as usize;
        sorted.get(rank.saturating_sub(1).min(sorted.len().checked_sub(1)?)).copied()
    }

    /// The same in milliseconds.
    pub fn percentile_ms(&self, percent: f64) -> Option<f64> {
        self.percentile(percent).map(|duration| duration.as_secs_f64() * 1e3)
    }
}

impl Extend<Duration> for Samples {
    fn extend<I: IntoIterator<Item = Duration>>(&mut self, durations: I) {
        self.durations.extend(durations);
    }
}

impl FromIterator<Duration> for Samples {
    fn from_iter<I: IntoIterator<Item = Duration>>(durations: I) -> Self {
        Self { durations: durations.into_iter().collect() }
    }
}

impl IntoIterator for Samples {
    type Item = Duration;
    type IntoIter = std::vec::IntoIter<Duration>;

    fn into_iter(self) -> Self::IntoIter {
        self.durations.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn milliseconds(values: impl IntoIterator<Item = u64>) -> Samples {
        values.into_iter().map(Duration::from_millis).collect()
    }

    #[test]
    fn percentiles_are_samples_by_nearest_rank() {
        let hundred = milliseconds((1..=100).rev());
        for (percent, expected) in [(0.0, 1.0), (1.0, 1.0), (50.0, 50.0), (99.0, 99.0), (99.1, 100.0), (100.0, 100.0)] {
            assert_eq!(hundred.percentile_ms(percent), Some(expected), "{percent}");
        }
        assert_eq!(milliseconds([7]).percentile_ms(99.0), Some(7.0));
        assert_eq!(milliseconds([]).percentile_ms(50.0), None);
    }
}
