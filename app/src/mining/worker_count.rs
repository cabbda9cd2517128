//! How many workers a device should run.
//!
//! Each worker takes a core and 64 MiB or more. Several of them crash phones, and a
//! computer that mines on every core hardly answers its user. So the suggestion is
//! modest, and what the visitor or the device's memory decided before counts for more.

/// How many workers to suggest on a device that reports `cores` logical cores
/// (0 if it does not say): one on a phone, half the cores elsewhere, never none.
pub fn suggested_workers(cores: usize, is_phone: bool) -> usize {
    if is_phone { 1 } else { (cores / 2).max(1) }
}

/// The remembered number if there is one and the device has the cores for it,
/// otherwise the suggestion.
pub fn chosen_workers(remembered: Option<usize>, cores: usize, is_phone: bool) -> usize {
    match remembered {
        Some(workers) if 0 < workers => workers.min(cores.max(1)),
        _ => suggested_workers(cores, is_phone),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_the_cores_but_one_on_phones() {
        for (cores, workers) in [(0, 1), (1, 1), (2, 1), (3, 1), (4, 2), (5, 2), (7, 3), (8, 4), (64, 32)] {
            assert_eq!(suggested_workers(cores, false), workers, "{cores}");
            assert_eq!(suggested_workers(cores, true), 1, "{cores}");
        }
    }

    #[test]
    fn what_is_remembered_comes_first() {
        assert_eq!(chosen_workers(Some(3), 8, false), 3);
        assert_eq!(chosen_workers(Some(2), 8, true), 2);
        assert_eq!(chosen_workers(Some(12), 8, false), 8);
        assert_eq!(chosen_workers(Some(2), 0, false), 1);
        assert_eq!(chosen_workers(Some(0), 8, false), 4);
        assert_eq!(chosen_workers(None, 8, false), 4);
    }
}
