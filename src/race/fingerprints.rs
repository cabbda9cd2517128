//! Whether the race is set up as it was when the ledger was written last.
//!
//! Another cost of a hash or another rule ends the running round, which the
//! [start](super::Race::start) sees to. Another key of the invite codes ends more: whoever
//! holds it takes every code that was given before for a forgery. So that is never done in
//! silence: it is refused, or accepted by an operator and then said in the ledger's chain.
//!
//! What is kept of the key is an HMAC with it, as every code in the same ledger is one; it
//! gives nothing away that they do not.

use super::settings::RaceSettings;
use crate::ledger::{
    Body, Change, CommitError, Digest, Ledger, Transaction,
    body::OperatorAction,
    rows::{Fingerprints, Recovered},
};
use puzzle::{
    RoundNumber,
    rule::{Pace, RuleName},
};

/// Why the race is not started with these settings.
#[derive(Debug, thiserror::Error)]
pub enum FingerprintError {
    /// Codes that were given before cannot be checked with this key.
    #[error("the key of the invite codes is not the one that the ledger was written with")]
    OtherSecret,
    /// What the ledger is written with from now on cannot be noted in it.
    #[error("the settings that the ledger goes by cannot be written down: {0}")]
    Commit(#[from] CommitError),
}

/// Compares the settings with those that `recovered` names, and notes them if they are
/// others. `accepts_change` lets another key pass.
///
/// # Errors
/// [`FingerprintError`].
pub async fn confirm_fingerprints(
    ledger: &dyn Ledger,
    recovered: &Recovered,
    settings: &RaceSettings,
    accepts_change: bool,
) -> Result<(), FingerprintError> {
    let now = fingerprints(settings);
    let mut transaction = Transaction::new();
    match &recovered.fingerprints {
        Some(before) if *before == now => return Ok(()),
        Some(before) if before.secret != now.secret => {
            if !accepts_change {
                return Err(FingerprintError::OtherSecret);
            }
            let round = recovered.round.as_ref().map_or(RoundNumber(0), |newest| newest.round);
            transaction = transaction.append(round, Body::Operator(change_of_key(before, &now)));
            tracing::warn!(
                "the key of the invite codes is another one from now on, as --accept-change says: codes that were \
                 given before cannot be checked with it"
            );
        }
        _ => {}
    }
    ledger.commit(transaction.with(Change::SetFingerprints(now))).await?;
    Ok(())
}

fn change_of_key(before: &Fingerprints, now: &Fingerprints) -> OperatorAction {
    OperatorAction {
        who: "the operator of the server".to_owned(),
        what: "fingerprint of the key of the invite codes".to_owned(),
        before: before.secret.to_string(),
        after: now.secret.to_string(),
        why: "serve --accept-change".to_owned(),
    }
}

fn fingerprints(settings: &RaceSettings) -> Fingerprints {
    let RaceSettings { cost, pace: Pace { easiest, hardest, shortest, longest }, .. } = settings;
    let rule = match settings.rule {
        RuleName::Step => "step",
        RuleName::Rising => "rising",
    };
    Fingerprints {
        secret: Digest::from_bytes(settings.secret.fingerprint()),
        cost: format!("{} KiB, {} passes, {} lanes", cost.memory_cost, cost.time_cost, cost.parallelism),
        rule: format!(
            "{rule}, {} to {} digits, {} to {} s",
            easiest.digits(),
            hardest.digits(),
            shortest.as_secs_f64(),
            longest.as_secs_f64()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        clock::ManualClock,
        ledger::{Entry, MemoryLedger, Seq},
    };
    use puzzle::{Cost, invite_code::CodeSecret};
    use std::sync::Arc;

    fn settings(key: u8) -> RaceSettings {
        RaceSettings { secret: CodeSecret::from_bytes([key; 32]), ..RaceSettings::for_tests(RuleName::Rising, 1, 1) }
    }

    async fn start(
        ledger: &MemoryLedger,
        settings: &RaceSettings,
        accepts_change: bool,
    ) -> Result<(), FingerprintError> {
        let recovered = ledger.recover().await.unwrap();
        confirm_fingerprints(ledger, &recovered, settings, accepts_change).await
    }

    async fn entries(ledger: &MemoryLedger) -> Vec<Entry> {
        ledger.entries_after(Seq(0), 10).await.unwrap()
    }

    #[tokio::test]
    async fn another_key_is_refused_until_it_is_accepted_and_the_chain_says_so() {
        let ledger = MemoryLedger::new(Arc::new(ManualClock::default()));
        for _ in 0..2 {
            start(&ledger, &settings(1), false).await.unwrap();
        }
        for _ in 0..2 {
            let refused = start(&ledger, &settings(2), false).await;
            assert!(matches!(refused, Err(FingerprintError::OtherSecret)), "{refused:?}");
        }
        assert!(entries(&ledger).await.is_empty());
        start(&ledger, &settings(2), true).await.unwrap();
        let entries = entries(&ledger).await;
        let [Body::Operator(action)] = entries.iter().map(|entry| &entry.body).collect::<Vec<_>>()[..] else {
            panic!("{entries:?}")
        };
        let prints = [1, 2].map(|key| Digest::from_bytes(settings(key).secret.fingerprint()).to_string());
        assert_eq!([&action.before, &action.after], [&prints[0], &prints[1]]);
        // It is the ledger's own now, and the old one is another.
        start(&ledger, &settings(2), false).await.unwrap();
        assert!(start(&ledger, &settings(1), false).await.is_err());
    }

    #[tokio::test]
    async fn another_cost_or_pace_needs_nobodys_consent() {
        let ledger = MemoryLedger::new(Arc::new(ManualClock::default()));
        start(&ledger, &settings(1), false).await.unwrap();
        let cost = Cost { memory_cost: 64, time_cost: 2, parallelism: 1 };
        start(&ledger, &RaceSettings { cost, ..settings(1) }, false).await.unwrap();
        let known = ledger.recover().await.unwrap().fingerprints.unwrap();
        assert_eq!((&*known.cost, &*known.rule), ("64 KiB, 2 passes, 1 lanes", "rising, 1 to 6 digits, 30 to 120 s"));
        assert!(entries(&ledger).await.is_empty());
    }
}
