//! Stamps that are worth nothing, as many and as quickly as the server takes them.
//!
//! That they cost the store nothing is seen from outside: its thread does not wake
//! up once, and its files stay as they are.

use crate::{
    BenchError, Result,
    server::ServerProcess,
    stamp::{self, StampDemand},
    wire::{Wire, address},
};
use futures::{StreamExt, TryStreamExt};
use procfs::process::Process;
use puzzle::stamp::{Rejection, Timestamp, session};
use serde::Deserialize;
use std::{
    fs,
    net::SocketAddr,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

/// How many send at the same time.
const SENDERS: u32 = 32;

/// The server's name and what it asks for, by default.
const RESOURCE: &str = "hashpass";
const BITS: u8 = 20;

/// The name of the store's thread.
const STORE_THREAD: &str = "lobby-store";

/// What a flood of stamps came to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flood {
    pub(super) refused: u32,
    pub(super) took: Duration,
    /// Of the server's processors.
    pub(super) cpu: Duration,
    pub(super) wake_ups: u64,
    pub(super) files_changed: bool,
}

/// Sends stamps of every kind that is refused for what it is.
pub(super) async fn worthless(server: &ServerProcess, count: u32) -> Result<Flood> {
    flood(server, count, Arc::new(worthless_stamp)).await
}

/// Buys a session with a good stamp and sends copies of that.
pub(super) async fn copies(server: &ServerProcess, count: u32) -> Result<Flood> {
    let stamp = StampDemand { hashcash_bits: BITS, resource: RESOURCE.to_owned() }.mint(0)?;
    let mut wire = Wire::open(server.address(), address(SENDERS)).await?;
    let request = wire.post("/api/v1/session", &header(&stamp), "{}");
    wire.exchange(&request).await?.expect(201)?;
    flood(server, count, Arc::new(move |_| Ok((Some(stamp.clone()), Rejection::Spent)))).await
}

/// The stamp of each number, and why it must be refused.
type Stamps = Arc<dyn Fn(u32) -> Result<(Option<String>, Rejection)> + Send + Sync>;

async fn flood(server: &ServerProcess, count: u32, stamps: Stamps) -> Result<Flood> {
    let (host, next) = (server.address(), Arc::new(AtomicU32::new(0)));
    // What was written before is on disk, and the store's thread at rest.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (files, wake_ups, cpu) = (files_of(server.directory())?, wake_ups(server)?, server.cpu_time()?);
    let began = Instant::now();
    let senders = (0..SENDERS).map(|sender| send(host, sender, next.clone(), count, stamps.clone()));
    let refused: Vec<u32> = futures::stream::iter(senders).buffer_unordered(SENDERS as usize).try_collect().await?;
    let took = began.elapsed();
    let cpu = server.cpu_time()? - cpu;
    // What was only queued would be written now.
    tokio::time::sleep(Duration::from_secs(1)).await;
    Ok(Flood {
        refused: refused.iter().sum(),
        took,
        cpu,
        wake_ups: self::wake_ups(server)? - wake_ups,
        files_changed: files != files_of(server.directory())?,
    })
}

async fn send(host: SocketAddr, sender: u32, next: Arc<AtomicU32>, count: u32, stamps: Stamps) -> Result<u32> {
    #[derive(Deserialize)]
    struct Refusal {
        reason: String,
    }
    let mut wire = Wire::open(host, address(sender)).await?;
    let mut refused = 0;
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if count <= number {
            return Ok(refused);
        }
        let (stamp, why) = stamps(number)?;
        let header = stamp.as_deref().map(header).unwrap_or_default();
        let request = wire.post("/api/v1/session", &header, "{}");
        let reply = wire.exchange(&request).await?.expect(402)?;
        let Refusal { reason } = serde_json::from_slice(reply.body)?;
        if reason != why.reason() {
            return Err(BenchError::Answer(format!("{stamp:?} is refused for {reason}, not for {}", why.reason())));
        }
        refused += 1;
    }
}

fn header(stamp: &str) -> String {
    format!("x-hashcash: {stamp}\r\n")
}

/// One of every kind in turn, no two alike; and why it is refused.
fn worthless_stamp(number: u32) -> Result<(Option<String>, Rejection)> {
    const DAY: u64 = 24 * 3600;
    let now = stamp::now().0;
    // Forty bits are claimed where a proof is looked for: no counter has them by chance.
    let prefix = |bits, resource, at| -> Result<String> {
        Ok(session::prefix(stamp::bits(bits)?, resource, Timestamp(at)).as_str().to_owned())
    };
    let stamp = match number % 9 {
        0 => None,
        1 => Some(format!("nonsense{number}")),
        2 => Some(prefix(40, RESOURCE, now)?.replacen('1', "2", 1) + &number.to_string()),
        3 => Some(prefix(BITS - 1, RESOURCE, now)? + &number.to_string()),
        4 => Some(prefix(40, "elsewhere", now)? + &number.to_string()),
        5 => Some(prefix(40, RESOURCE, now - 4 * DAY)? + &number.to_string()),
        6 => Some(prefix(40, RESOURCE, now + 2 * DAY)? + &number.to_string()),
        7 => Some(prefix(40, RESOURCE, now)?.replace("::", ":binding:") + &number.to_string()),
        _ => Some(prefix(40, RESOURCE, now)? + &number.to_string()),
    };
    // The same judgement as the server's, to be sure that each is what it should be.
    match session::check(stamp.as_deref(), stamp::bits(BITS)?, RESOURCE, Timestamp(now)) {
        Err(why) => Ok((stamp, why)),
        Ok(_) => Err(BenchError::Answer(format!("{stamp:?} is worth something"))),
    }
}

/// How often the store's thread has waited for work; each job ends such a wait.
fn wake_ups(server: &ServerProcess) -> Result<u64> {
    let process = Process::new(i32::try_from(server.id()).unwrap_or(i32::MAX))?;
    for task in process.tasks()? {
        let task = task?;
        if task.stat()?.comm == STORE_THREAD {
            return Ok(task.status()?.voluntary_ctxt_switches.unwrap_or_default());
        }
    }
    Err(BenchError::Answer(format!("the server has no thread {STORE_THREAD}")))
}

/// The database's files with their sizes and when they were written last.
fn files_of(directory: &Path) -> Result<Vec<(String, u64, SystemTime)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory.join("data"))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with("lobby.db") {
            let metadata = entry.metadata()?;
            files.push((name, metadata.len(), metadata.modified()?));
        }
    }
    if files.is_empty() {
        return Err(BenchError::Answer("the lobby has no database".to_owned()));
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn worthless_stamps_are_of_every_kind_and_never_good() {
        let stamps: Vec<_> = (0..900).map(|number| worthless_stamp(number).unwrap()).collect();
        let reasons: HashSet<&str> = stamps.iter().map(|(_, why)| why.reason()).collect();
        assert_eq!(reasons.len(), 9, "{reasons:?}");
        let texts: HashSet<_> = stamps.iter().filter_map(|(stamp, _)| stamp.as_ref()).collect();
        assert_eq!(texts.len(), 800, "no two alike");
    }
}
