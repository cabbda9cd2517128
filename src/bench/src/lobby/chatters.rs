//! People in `#lobby` who wait for what is said there, and say something in turn.

use crate::{
    BenchError, Result,
    samples::Samples,
    wire::{Wire, address},
};
use futures::{StreamExt, TryStreamExt};
use serde::Deserialize;
use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::sync::Mutex as AsyncMutex;

/// How many enter at the same time.
const AT_ONCE: usize = 32;

/// What every line begins with; then come the microseconds since [`Shared::began`].
const MARK: &str = "said at ";

/// People in the lobby.
#[derive(Clone, Debug)]
pub(super) struct Chatters {
    shared: Arc<Shared>,
    people: Arc<[Person]>,
}

#[derive(Debug)]
struct Person {
    cookie: String,
    number: u32,
    /// The connection on which this person speaks.
    speaking: Arc<AsyncMutex<Wire>>,
}

#[derive(Debug)]
struct Shared {
    host: SocketAddr,
    began: Instant,
    talks: AtomicBool,
    /// Lines said earlier than this, in microseconds, are not measured.
    measured_from: AtomicU64,
    /// How many lines were taken by the server.
    lines: AtomicU64,
    answers: AtomicU64,
    lost: AtomicU32,
    delays: Mutex<Samples>,
}

/// What was heard since the measurement began.
#[derive(Clone, Debug)]
pub(super) struct Heard {
    /// How many lines were said.
    pub(super) lines: u64,
    /// How long each took to each who waited.
    pub(super) delays: Samples,
    /// How many did not arrive.
    pub(super) missing: u64,
}

impl Chatters {
    /// So many people enter `#lobby` and wait for what is said.
    /// Nobody talks yet; when they do, somebody says a line `per_second` times a second.
    pub(super) async fn enter(host: SocketAddr, people: u32, per_second: u32) -> Result<Self> {
        let enter = futures::stream::iter((0..people).map(|number| Person::enter(host, number)));
        let people: Vec<Person> = enter.buffer_unordered(AT_ONCE).try_collect().await?;
        let shared = Arc::new(Shared {
            host,
            began: Instant::now(),
            talks: AtomicBool::new(false),
            measured_from: AtomicU64::new(u64::MAX),
            lines: AtomicU64::new(0),
            answers: AtomicU64::new(0),
            lost: AtomicU32::new(0),
            delays: Mutex::default(),
        });
        for person in &people {
            let last = person.newest(host).await?;
            let (shared, cookie, source) = (shared.clone(), person.cookie.clone(), address(person.number));
            tokio::spawn(async move {
                let error = match Wire::open(host, source).await {
                    Ok(wire) => shared.wait(wire, &cookie, last).await,
                    Err(error) => Err(error),
                };
                // Nobody leaves on purpose.
                if error.is_err() {
                    shared.lost.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let chatters = Self { shared, people: people.into() };
        tokio::spawn(chatters.clone().take_turns(per_second));
        Ok(chatters)
    }

    /// Whether they talk from now on.
    pub(super) fn talk(&self, talks: bool) {
        self.shared.talks.store(talks, Ordering::Relaxed);
    }

    /// One after the other says a line, while they talk.
    async fn take_turns(self, per_second: u32) {
        let mut beat = tokio::time::interval(Duration::from_secs(1) / per_second);
        for person in self.people.iter().cycle() {
            beat.tick().await;
            while !self.shared.talks.load(Ordering::Relaxed) {
                beat.tick().await;
            }
            let (shared, cookie, wire) = (self.shared.clone(), person.cookie.clone(), person.speaking.clone());
            let source = address(person.number);
            tokio::spawn(async move {
                let mut wire = wire.lock().await;
                if shared.say(&mut wire, &cookie).await.is_ok() {
                    return;
                }
                // The server closes what has rested for long.
                let again = async {
                    *wire = Wire::open(shared.host, source).await?;
                    shared.say(&mut wire, &cookie).await
                };
                if again.await.is_err() {
                    shared.lost.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    }

    /// What was said before counts no more.
    pub(super) fn begin_to_measure(&self) {
        let shared = &self.shared;
        shared.measured_from.store(shared.now(), Ordering::Relaxed);
        shared.lines.store(0, Ordering::Relaxed);
        shared.answers.store(0, Ordering::Relaxed);
        *shared.lock() = Samples::default();
    }

    /// How many long polls were answered since then.
    pub(super) fn answers(&self) -> u64 {
        self.shared.answers.load(Ordering::Relaxed)
    }

    /// What was heard since then. To be asked when all has had time to arrive.
    ///
    /// # Errors
    /// [`BenchError::Answer`] if somebody was refused or cut off.
    pub(super) fn heard(&self) -> Result<Heard> {
        match self.shared.lost.load(Ordering::Relaxed) {
            0 => {}
            lost => return Err(BenchError::Answer(format!("{lost} calls of chatters failed"))),
        }
        let lines = self.shared.lines.load(Ordering::Relaxed);
        let delays = self.shared.lock().clone();
        let missing = (lines * self.people.len() as u64).saturating_sub(delays.count() as u64);
        Ok(Heard { lines, delays, missing })
    }
}

impl Person {
    async fn enter(host: SocketAddr, number: u32) -> Result<Self> {
        let mut wire = Wire::open(host, address(number)).await?;
        let cookie = wire.session().await?;
        let join = wire.post("/api/v1/messages", &cookie, r##"{"command":"JOIN","to":"#lobby"}"##);
        wire.exchange(&join).await?.expect(200)?;
        Ok(Self { cookie, number, speaking: Arc::new(AsyncMutex::new(wire)) })
    }

    /// The number of the newest event in this person's queue.
    async fn newest(&self, host: SocketAddr) -> Result<u64> {
        #[derive(Deserialize)]
        struct State {
            last_id: u64,
        }
        let mut wire = Wire::open(host, address(self.number)).await?;
        let request = wire.get("/api/v1/state", &self.cookie);
        let reply = wire.exchange(&request).await?.expect(200)?;
        Ok(serde_json::from_slice::<State>(reply.body)?.last_id)
    }
}

impl Shared {
    async fn wait(&self, mut wire: Wire, cookie: &str, mut last: u64) -> Result<()> {
        loop {
            let request = wire.get(&format!("/api/v1/messages?after={last}&timeout=30"), cookie);
            let reply = wire.exchange(&request).await?.expect(200)?;
            let now = self.now();
            self.answers.fetch_add(1, Ordering::Relaxed);
            let body = std::str::from_utf8(reply.body).map_err(|error| BenchError::Answer(error.to_string()))?;
            last = last_id(body).ok_or_else(|| BenchError::Answer("no last_id".to_owned()))?;
            let measured_from = self.measured_from.load(Ordering::Relaxed);
            let delays = times(body).filter(|said| measured_from <= *said).map(|said| now.saturating_sub(said));
            self.lock().extend(delays.map(Duration::from_micros));
        }
    }

    async fn say(&self, wire: &mut Wire, cookie: &str) -> Result<()> {
        let now = self.now();
        let line = format!("{MARK}{now} by somebody who has nothing else to do but to wait for a code");
        let json = format!(r##"{{"command":"PRIVMSG","to":"#lobby","body":["{line}"]}}"##);
        let request = wire.post("/api/v1/messages", cookie, &json);
        let reply = wire.exchange(&request).await?.expect(200)?;
        if !reply.body.starts_with(b"{") || !contains(reply.body, br#""status":"ok""#) {
            return Err(BenchError::Answer(String::from_utf8_lossy(reply.body).into_owned()));
        }
        if self.measured_from.load(Ordering::Relaxed) <= now {
            self.lines.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Microseconds since the beginning.
    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    fn lock(&self) -> MutexGuard<'_, Samples> {
        self.delays.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// The number after which to go on, as an answer says last.
pub(super) fn last_id(body: &str) -> Option<u64> {
    let (_, number) = body.rsplit_once(r#""last_id":"#)?;
    number.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// When the lines in an answer were said.
fn times(body: &str) -> impl Iterator<Item = u64> {
    body.split(MARK).skip(1).filter_map(|rest| rest.split(' ').next()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_tells_when_its_lines_were_said_and_where_to_go_on() {
        let body =
            r#"{"messages":[{"body":["said at 17 by"]},{"body":["said at 4 by"]},{"body":["hello"]}],"last_id":9}"#;
        assert_eq!((times(body).collect::<Vec<_>>(), last_id(body)), (vec![17, 4], Some(9)));
        assert_eq!(last_id(r#"{"messages":[]}"#), None);
    }
}
