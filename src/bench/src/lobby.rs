//! The lobby under load: how long a line takes to reach a thousand who wait for it,
//! whether talk, or anything that twenty thousand do, keeps the race from judging a
//! solution, and what stamps cost that are worth nothing.
//!
//! Clients wait by long polls, which is the dearest way to listen: every answer is
//! a request. Each is a visitor with a session, an address and TCP connections of
//! its own. The server runs with production's settings and limits, except for test
//! mode and, where solutions are handed in, for a low difficulty, so that they are
//! found quickly; a hash costs what it does in production.

mod chatters;
mod honest;
mod members;
mod stamps;

use crate::{
    BenchError, Result,
    attack::Sample,
    report::{Cell, Column, Report, Table},
    samples::Samples,
    server::{EASY_ROUNDS, ServerProcess},
};
use chatters::Chatters;
use std::{
    path::Path,
    time::{Duration, Instant},
};

/// All clients come from neighbouring addresses of this machine, whose requests would be
/// one network's.
const ONE_MACHINE: &[(&str, &str)] = &[("HASHPASS_LIMIT_REQUESTS_PER_SECOND", "0")];

/// How many wait for messages …
const LISTENERS: u32 = 1_000;

/// … of which so many are said a second, by all of them in turn.
const PER_SECOND: u32 = 50;

/// How long they talk before it is measured.
const WARM_UP: Duration = Duration::from_secs(3);

/// How long the last lines may take to arrive.
const REST: Duration = Duration::from_secs(3);

/// How many chatters an honest submission is handed in beside.
const BESIDE: u32 = 500;

/// Stamps that are worth nothing.
const WORTHLESS: u32 = 100_000;

/// Copies of a stamp that was spent.
const COPIES: u32 = 20_000;

/// How the load is made.
#[derive(Clone, Debug, clap::Args)]
pub struct LobbyLoad {
    /// For how many seconds people talk while deliveries are measured.
    #[arg(long, default_value_t = 30)]
    pub seconds: u32,
    /// Solutions that are handed in beside silence, and as many beside talk.
    #[arg(long, default_value_t = 20)]
    pub submissions: u32,
    /// Members of the lobby beside whom honest clients win; 0 leaves that out.
    #[arg(long, default_value_t = 20_000)]
    pub members: usize,
    /// What is measured beside them how often.
    #[command(flatten)]
    pub sample: Sample,
}

/// Measures deliveries, submissions beside talk and beside a full lobby, and worthless
/// stamps.
///
/// # Errors
/// [`BenchError`] if something could not be measured.
pub async fn measure(binary: &Path, load: &LobbyLoad) -> Result<Report> {
    let mut report = Report::new("lobby");
    if 0 < load.members {
        members::measure(binary, load.members, &load.sample, &mut report).await?;
    }
    report.table(delivery(binary, load.seconds).await?);
    let (table, note) = beside_talk(binary, load.submissions).await?;
    report.table(table);
    report.note(note);
    report.table(worthless_stamps(binary).await?);
    report.note(
        "A delivery counts from before the line is posted until the other client has read the answer to its long \
         poll. The clients share the server's cores.",
    );
    Ok(report)
}

async fn delivery(binary: &Path, seconds: u32) -> Result<Table> {
    let server = ServerProcess::start(binary, ONE_MACHINE)?;
    let chatters = Chatters::enter(server.address(), LISTENERS, PER_SECOND).await?;
    chatters.talk(true);
    tokio::time::sleep(WARM_UP).await;
    chatters.begin_to_measure();
    let (began, cpu) = (Instant::now(), server.cpu_time()?);
    tokio::time::sleep(Duration::from_secs(seconds.into())).await;
    let (took, cpu) = (began.elapsed().as_secs_f64(), server.cpu_time()? - cpu);
    let answers = chatters.answers();
    chatters.talk(false);
    tokio::time::sleep(REST).await;
    let heard = chatters.heard()?;

    let mut table = Table::new(
        "A line on its way to everybody",
        &[
            Column { name: "who wait", unit: "", decimals: 0 },
            Column { name: "lines", unit: "/s", decimals: 1 },
            Column { name: "deliveries", unit: "/s", decimals: 0 },
            Column { name: "answers", unit: "/s", decimals: 0 },
            Column { name: "p50", unit: "ms", decimals: 0 },
            Column { name: "p95", unit: "ms", decimals: 0 },
            Column { name: "p99", unit: "ms", decimals: 0 },
            Column { name: "longest", unit: "ms", decimals: 0 },
            Column { name: "never arrived", unit: "", decimals: 0 },
            Column { name: "server's CPU", unit: "% of a core", decimals: 0 },
        ],
    );
    let lines = heard.lines as f64 / took;
    let mut row: Vec<Cell> = vec![
        f64::from(LISTENERS).into(),
        lines.into(),
        (lines * f64::from(LISTENERS)).into(),
        (answers as f64 / took).into(),
    ];
    row.extend([50.0, 95.0, 99.0, 100.0].map(|percent| Cell::from(heard.delays.percentile_ms(percent))));
    row.extend([(heard.missing as f64).into(), (cpu.as_secs_f64() / took * 100.0).into()]);
    table.row(row);
    Ok(table)
}

/// Solutions that are handed in while nobody talks and while many do, in turn.
async fn beside_talk(binary: &Path, submissions: u32) -> Result<(Table, String)> {
    let server = ServerProcess::start(binary, &[EASY_ROUNDS, ONE_MACHINE].concat())?;
    let chatters = Chatters::enter(server.address(), BESIDE, PER_SECOND).await?;
    chatters.begin_to_measure();
    let honest::ByTurns { silent, loud } = honest::submit_by_turns(server.address(), &chatters, submissions).await?;
    tokio::time::sleep(REST).await;
    let heard = chatters.heard()?;

    let mut table = Table::new(
        "From a solution's sending to its code, beside chatters",
        &[
            Column { name: "in the lobby", unit: "", decimals: 0 },
            Column { name: "submissions", unit: "", decimals: 0 },
            Column { name: "p50", unit: "ms", decimals: 0 },
            Column { name: "p90", unit: "ms", decimals: 0 },
            Column { name: "longest", unit: "ms", decimals: 0 },
        ],
    );
    let mut row = |what: String, samples: &Samples| {
        let percentiles = [50.0, 90.0, 100.0].map(|percent| Cell::from(samples.percentile_ms(percent)));
        table.row([vec![what.as_str().into(), (samples.count() as f64).into()], percentiles.to_vec()].concat());
    };
    row(format!("{BESIDE}, silent"), &silent);
    row(format!("{BESIDE}, {PER_SECOND} lines a second"), &loud);
    let ratio = match (silent.percentile_ms(50.0), loud.percentile_ms(50.0)) {
        (Some(silent), Some(loud)) => loud / silent,
        _ => return Err(BenchError::Answer("nothing was submitted".to_owned())),
    };
    let p95 = heard.delays.percentile_ms(95.0).unwrap_or_default();
    let note = format!(
        "Beside talk a submission takes {ratio:.2} times as long (medians, taken in turn; 64 MiB and three passes \
         a hash). Meanwhile 95 % of the lines arrived within {p95:.0} ms."
    );
    Ok((table, note))
}

async fn worthless_stamps(binary: &Path) -> Result<Table> {
    let server = ServerProcess::start(binary, ONE_MACHINE)?;
    let mut table = Table::new(
        "Session stamps that are refused",
        &[
            Column { name: "stamps", unit: "", decimals: 0 },
            Column { name: "refused", unit: "", decimals: 0 },
            Column { name: "refused", unit: "/s", decimals: 0 },
            Column { name: "server's CPU each", unit: "µs", decimals: 1 },
            Column { name: "CPU at 100,000 a minute", unit: "% of a core", decimals: 1 },
            Column { name: "wake-ups of the store's thread", unit: "", decimals: 0 },
            Column { name: "database", unit: "", decimals: 0 },
        ],
    );
    let floods = [
        ("worthless in themselves", stamps::worthless(&server, WORTHLESS).await?),
        ("copies of a spent one", stamps::copies(&server, COPIES).await?),
    ];
    for (what, flood) in floods {
        let each = flood.cpu.as_secs_f64() / f64::from(flood.refused);
        table.row(vec![
            what.into(),
            f64::from(flood.refused).into(),
            (f64::from(flood.refused) / flood.took.as_secs_f64()).into(),
            (each * 1e6).into(),
            (each * 100_000.0 / 60.0 * 100.0).into(),
            (flood.wake_ups as f64).into(),
            if flood.files_changed { "written" } else { "unchanged" }.into(),
        ]);
    }
    Ok(table)
}
