//! Honest clients win while others do their worst.
//!
//! An honest client mines, and when it has a solution the clock runs from its
//! submission to its code, refusals and further tries included. It does nothing
//! else meanwhile: what it mined before costs the server nothing of that time.
//! Conditions take turns in blocks, so that a machine's moods fall on all alike.
//!
//! The server has production's settings but for three: the lowest difficulty, so
//! that a solution takes sixteen hashes; test mode; and a trusted proxy on this
//! machine, so that clients can come from many addresses.

pub mod attackers;
pub mod honest;

use crate::{
    Result,
    report::{Cell, Column, Report, Table},
    samples::Samples,
    server::{EASY_ROUNDS, ServerProcess, TRUSTED_PROXY},
};
use attackers::{Attack, Attackers, Counts, Force, Stranger};
use honest::Honest;
use std::{
    path::Path,
    time::{Duration, Instant},
};

/// How long an attack lasts before the first honest client submits.
const WARM_UP: Duration = Duration::from_secs(2);

/// How long the server is given to get over an attack.
const RECOVERY: Duration = Duration::from_secs(30);

/// How large the attack is.
#[derive(Clone, Debug, clap::Args)]
pub struct AttackSize {
    /// Codes to be won idle and under each attack.
    #[arg(long, default_value_t = 100)]
    pub codes: usize,
    /// In how many blocks of each.
    #[arg(long, default_value_t = 5)]
    pub blocks: usize,
    /// Honest clients, which take turns.
    #[arg(long, default_value_t = 4)]
    pub honest: usize,
    /// Sessions of the attackers who have many.
    #[arg(long, default_value_t = 4000)]
    pub sessions: usize,
    /// Only attacks whose name contains this.
    #[arg(long, default_value = "")]
    pub only: String,
}

/// What was seen under one condition.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// From submission to code.
    pub latencies: Samples,
    /// Honest solutions that got no code within [`honest::ANSWER_LIMIT`].
    pub unanswered: usize,
    /// Times an honest client was told to try again.
    pub retries: usize,
    /// What the attackers did and were told.
    pub counts: Counts,
    /// For how long they did it.
    pub attacked: Duration,
    /// The most memory the server held, in bytes.
    pub peak: u64,
}

/// Attacks the server in `binary` and measures what honest clients notice.
///
/// # Errors
/// [`BenchError`](crate::BenchError).
pub async fn measure(binary: &Path, size: &AttackSize) -> Result<Report> {
    let mut report = Report::new("attack");
    let server = ServerProcess::start(binary, &[EASY_ROUNDS, TRUSTED_PROXY].concat())?;
    let stranger = Stranger::new(server.address(), Force::full(size.sessions)).await?;
    let mut honest = Vec::new();
    for number in 0..size.honest {
        honest.push(Honest::new(server.address(), number).await?);
    }
    let attacks: Vec<Option<Attack>> = std::iter::once(None)
        .chain(Attack::ALL.iter().copied().filter(|attack| attack.name().contains(&size.only)).map(Some))
        .collect();
    let mut seen = vec![Seen::default(); attacks.len()];
    for block in 1..=size.blocks {
        for (attack, seen) in attacks.iter().zip(&mut seen) {
            eprintln!("block {block} of {}: {}", size.blocks, name(*attack));
            play(&server, &stranger, &mut honest, *attack, size.codes / size.blocks, seen).await?;
        }
    }
    for honest in honest {
        honest.leave();
    }
    report.table(table(&attacks, &seen));
    for note in attacks.iter().flatten().map(|attack| format!("- {}: {}", attack.name(), attack.explained())) {
        report.note(note);
    }
    Ok(report)
}

/// Plays one block: an attack, if there is one, and `codes` honest wins meanwhile.
///
/// # Errors
/// [`BenchError`](crate::BenchError).
pub async fn play(
    server: &ServerProcess,
    stranger: &Stranger,
    honest: &mut [Honest],
    attack: Option<Attack>,
    codes: usize,
    seen: &mut Seen,
) -> Result<()> {
    server.reset_peak()?;
    let began = Instant::now();
    let attackers: Option<Attackers> = attack.map(|attack| stranger.attack(attack));
    if attackers.is_some() {
        tokio::time::sleep(WARM_UP).await;
    }
    for honest in honest.iter_mut() {
        honest.show_share().await?;
    }
    for turn in 0..codes {
        let count = honest.len();
        let outcome = honest[turn % count].win().await?;
        seen.retries += outcome.retries;
        match outcome.latency {
            Some(latency) => seen.latencies.add(latency),
            None => seen.unanswered += 1,
        }
    }
    if let Some(attackers) = attackers {
        seen.attacked += began.elapsed();
        seen.counts.add(attackers.end().await);
        wait_until_quiet(server).await?;
    }
    seen.peak = seen.peak.max(server.memory()?.peak);
    Ok(())
}

/// Waits until the server has nothing left to do, or for [`RECOVERY`].
async fn wait_until_quiet(server: &ServerProcess) -> Result<()> {
    const LOOK: Duration = Duration::from_millis(500);
    let end = Instant::now() + RECOVERY;
    while Instant::now() < end {
        let before = server.cpu_time()?;
        tokio::time::sleep(LOOK).await;
        if server.cpu_time()? - before < LOOK / 20 {
            break;
        }
    }
    Ok(())
}

fn name(attack: Option<Attack>) -> &'static str {
    attack.map_or("idle", Attack::name)
}

fn table(attacks: &[Option<Attack>], seen: &[Seen]) -> Table {
    let mut table = Table::new(
        "Honest clients, from submission to code",
        &[
            Column { name: "attack", unit: "", decimals: 0 },
            Column { name: "p50", unit: "ms", decimals: 0 },
            Column { name: "p99", unit: "ms", decimals: 0 },
            Column { name: "p50 to idle", unit: "", decimals: 2 },
            Column { name: "p99 to idle", unit: "", decimals: 2 },
            Column { name: "codes", unit: "", decimals: 0 },
            Column { name: "without a code", unit: "", decimals: 0 },
            Column { name: "tries refused", unit: "", decimals: 0 },
            Column { name: "bogus", unit: "/s", decimals: 0 },
            Column { name: "of it hashed", unit: "/s", decimals: 1 },
            Column { name: "peak memory", unit: "MiB", decimals: 0 },
        ],
    );
    let at = |seen: &Seen, percent| seen.latencies.percentile_ms(percent);
    for (attack, now) in attacks.iter().zip(seen) {
        let ratio = |percent| Some(at(now, percent)? / at(&seen[0], percent)?);
        let rate = |count: u64| match attack {
            Some(_) => Cell::Number(count as f64 / now.attacked.as_secs_f64()),
            None => Cell::Absent,
        };
        table.row(vec![
            name(*attack).into(),
            at(now, 50.0).into(),
            at(now, 99.0).into(),
            ratio(50.0).into(),
            ratio(99.0).into(),
            (now.latencies.count() as f64).into(),
            (now.unanswered as f64).into(),
            (now.retries as f64).into(),
            rate(now.counts.absorbed),
            rate(now.counts.hashed),
            (now.peak as f64 / f64::from(1 << 20)).into(),
        ]);
    }
    table
}
