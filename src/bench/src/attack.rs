//! Honest clients win while others do their worst.
//!
//! An honest client mines, and when it has a solution the clock runs from its
//! submission to its code, refusals and further tries included. It does nothing
//! else meanwhile: what it mined before costs the server nothing of that time.
//! Now and then somebody comes who was never there, and another clock runs until they
//! mine. Conditions take turns in blocks, so that a machine's moods fall on all alike.
//!
//! The server has production's settings but for four: the lowest difficulty, so
//! that a solution takes sixteen hashes; test mode; a stamp for every session that costs
//! next to nothing; and a trusted proxy on this machine, so that clients can come from
//! many addresses.

pub mod attackers;
pub mod honest;
pub mod newcomer;
mod seen;

pub use seen::Seen;

use crate::{
    Result,
    report::Report,
    server::{CHEAP_STAMPS, EASY_ROUNDS, ServerProcess, TRUSTED_PROXY},
};
use attackers::{Attack, Attackers, Force, Stranger, kinds::KINDS};
use honest::Honest;
use std::{
    path::Path,
    time::{Duration, Instant},
};

/// How long the server is given to get over an attack.
const RECOVERY: Duration = Duration::from_secs(30);

/// After so many codes somebody comes who was never there.
const CODES_TO_A_NEWCOMER: usize = 4;

/// How large the attack is.
#[derive(Clone, Debug, clap::Args)]
pub struct AttackSize {
    /// What is measured how often.
    #[command(flatten)]
    pub sample: Sample,
    /// Sessions of the attackers who have many.
    #[arg(long, default_value_t = 4000)]
    pub sessions: usize,
}

/// What is measured how often.
#[derive(Clone, Debug, clap::Args)]
pub struct Sample {
    /// Codes to be won idle and under each attack.
    #[arg(long, default_value_t = 100)]
    pub codes: usize,
    /// In how many blocks of each.
    #[arg(long, default_value_t = 5)]
    pub blocks: usize,
    /// Honest clients, which take turns.
    #[arg(long, default_value_t = 4)]
    pub honest: usize,
    /// Only attacks whose name contains this.
    #[arg(long, default_value = "")]
    pub only: String,
}

/// Attacks the server in `binary` and measures what honest clients notice.
///
/// # Errors
/// [`BenchError`](crate::BenchError).
pub async fn measure(binary: &Path, size: &AttackSize) -> Result<Report> {
    let mut report = Report::new("attack");
    let server = ServerProcess::start(binary, &[EASY_ROUNDS, CHEAP_STAMPS, TRUSTED_PROXY].concat())?;
    let stranger = Stranger::new(server.address(), Force::full(size.sessions)).await?;
    compare(&server, &stranger, Attack::each_of(KINDS), &size.sample, &mut report).await?;
    Ok(report)
}

/// Measures what honest clients notice while nothing is done and under each attack, in
/// turn, and adds it to the report.
///
/// # Errors
/// [`BenchError`](crate::BenchError).
pub async fn compare(
    server: &ServerProcess,
    stranger: &Stranger,
    attacks: impl Iterator<Item = Attack>,
    sample: &Sample,
    report: &mut Report,
) -> Result<()> {
    let mut honest = Vec::new();
    for number in 0..sample.honest {
        honest.push(Honest::new(server.address(), number).await?);
    }
    let attacks = attacks.filter(|attack| attack.name().contains(&sample.only)).map(Some);
    let mut rows: Vec<(Option<Attack>, Seen)> =
        std::iter::once(None).chain(attacks).map(|attack| (attack, Seen::default())).collect();
    for block in 1..=sample.blocks {
        for (attack, seen) in &mut rows {
            eprintln!("block {block} of {}: {}", sample.blocks, seen::name(*attack));
            play(server, stranger, &mut honest, *attack, sample.codes / sample.blocks, seen).await?;
            eprintln!("  {}", seen.in_short());
        }
    }
    for honest in honest {
        honest.leave();
    }
    report.table(seen::table(&rows));
    let mut told = Vec::new();
    for kind in rows.iter().filter_map(|(attack, _)| Some(attack.as_ref()?.kind)) {
        if !told.contains(&kind.name) {
            report.note(format!("- {}: {}", kind.name, kind.explained));
            told.push(kind.name);
        }
    }
    Ok(())
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
    let (held, cpu) = (server.memory()?.resident, server.cpu_time()?);
    let began = Instant::now();
    let attackers: Option<Attackers> = attack.map(|attack| stranger.attack(attack));
    if attackers.is_some() {
        tokio::time::sleep(stranger.force().warm_up).await;
    }
    for honest in honest.iter_mut() {
        honest.show_share().await?;
    }
    for turn in 0..codes {
        if turn.is_multiple_of(CODES_TO_A_NEWCOMER) {
            seen.note_arrival(newcomer::arrive(server.address()).await?);
        }
        let count = honest.len();
        seen.note_outcome(honest[turn % count].win().await?);
    }
    seen.lasted += began.elapsed();
    seen.cpu += server.cpu_time()? - cpu;
    if let Some(attackers) = attackers {
        seen.counts.add(attackers.end().await);
        wait_until_quiet(server).await?;
    }
    let memory = server.memory()?;
    seen.peak = seen.peak.max(memory.peak);
    seen.held = memory.resident;
    seen.kept += memory.resident as f64 - held as f64;
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
