//! Attacks by requests: each is made when its turn comes, and its answer is read.

use super::{Crew, SESSIONS_OF_AN_ADDRESS, Shared, channel_of, lock};
use crate::{BenchError, Result, client::Connection, stamp::StampDemand};
use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Request,
    header::{self, HeaderValue},
};
use puzzle::{Hash, Nonce};
use std::{sync::atomic::Ordering, time::Duration};

/// A request, ready to be sent.
type Question = Request<Full<Bytes>>;

/// How long a connection that was closed is not opened anew.
const REOPENING_DELAY: Duration = Duration::from_millis(10);

/// Asks on many connections while the pace is kept, as some answers may take long; without
/// a pause on as many as the machine can keep busy.
pub(super) fn ask(crew: &mut Crew, question: fn(&Shared, usize) -> Result<Question>) {
    let most = crew.shared().force.connections;
    ask_on(crew, if crew.is_paced() { most } else { most / 8 }, question);
}

/// Asks on many connections at any pace: most of them wait for an answer that is held back.
pub(crate) fn ask_slowly(crew: &mut Crew, question: fn(&Shared, usize) -> Result<Question>) {
    ask_on(crew, crew.shared().force.connections, question);
}

fn ask_on(crew: &mut Crew, connections: usize, question: fn(&Shared, usize) -> Result<Question>) {
    for _ in 0..connections {
        let (shared, turns) = (crew.shared().clone(), crew.turns());
        crew.spawn(async move {
            let ask_for_ever = async || -> Result<()> {
                let mut connection = Connection::open(shared.server).await?;
                loop {
                    turns.take(1).await;
                    let answer = connection.send(question(&shared, shared.next_turn())?).await?;
                    shared.note(answer.status.as_u16(), &answer.body);
                }
            };
            // A connection that the server closed is opened anew.
            loop {
                let _ = ask_for_ever().await;
                tokio::time::sleep(REOPENING_DELAY).await;
            }
        });
    }
}

/// A submission by the session of this number.
fn submission(shared: &Shared, number: usize, hash: [u8; 32]) -> Result<Question> {
    let (visitor, trace) = &shared.sessions[number];
    let seed = lock(&shared.round).seed;
    let nonce = next_nonce(shared)?;
    let body = visitor.submission(&seed, trace, nonce, &Hash::from_bytes(hash));
    Ok(visitor.post("/api/verify", body))
}

/// A nonce that nobody has used.
pub(super) fn next_nonce(shared: &Shared) -> Result<Nonce> {
    let nonce = shared.nonce.fetch_add(1, Ordering::Relaxed);
    Nonce::new(nonce).map_err(|error| BenchError::Answer(error.to_string()))
}

pub(super) fn weak_hash(shared: &Shared, turn: usize) -> Result<Question> {
    submission(shared, shared.number(turn % SESSIONS_OF_AN_ADDRESS), [0xff; 32])
}

pub(super) fn false_hash_of_one_address(shared: &Shared, turn: usize) -> Result<Question> {
    submission(shared, shared.number(turn % SESSIONS_OF_AN_ADDRESS), [0; 32])
}

pub(super) fn false_hash(shared: &Shared, turn: usize) -> Result<Question> {
    submission(shared, shared.number(turn), [0; 32])
}

pub(super) fn health(shared: &Shared, turn: usize) -> Result<Question> {
    Ok(shared.visitor(shared.number(turn)).get("/api/health"))
}

pub(super) fn page(shared: &Shared, turn: usize) -> Result<Question> {
    let mut request = shared.visitor(shared.number(turn)).get("/");
    request.headers_mut().insert(header::ACCEPT_ENCODING, HeaderValue::from_static("br"));
    Ok(request)
}

pub(super) fn puzzle(shared: &Shared, turn: usize) -> Result<Question> {
    Ok(shared.visitor(shared.number(turn)).get("/api/puzzle"))
}

pub(super) fn session_with_stamp(shared: &Shared, turn: usize) -> Result<Question> {
    let price: Option<StampDemand> = lock(&shared.price).clone();
    let stamp = price.map(|price| price.mint(turn as u64)).transpose()?;
    Ok(shared.visitor(shared.number(turn)).without_session().session_request(stamp.as_deref()))
}

pub(super) fn session_without_stamp(shared: &Shared, turn: usize) -> Result<Question> {
    Ok(shared.visitor(shared.number(turn)).without_session().session_request(None))
}

pub(super) fn names(shared: &Shared, turn: usize) -> Result<Question> {
    Ok(list(shared, turn, "NAMES"))
}

pub(crate) fn who(shared: &Shared, turn: usize) -> Result<Question> {
    Ok(list(shared, turn, "WHO"))
}

fn list(shared: &Shared, turn: usize, command: &str) -> Question {
    let number = shared.number(turn);
    let command = format!(r#"{{"command":"{command}","to":"{}"}}"#, channel_of(number));
    shared.visitor(number).post("/api/v1/messages", command)
}

pub(crate) fn line(shared: &Shared, turn: usize) -> Result<Question> {
    let number = shared.number(turn);
    let line =
        format!(r#"{{"command":"PRIVMSG","to":"{}","body":["line {turn} of those who talk"]}}"#, channel_of(number));
    Ok(shared.visitor(number).post("/api/v1/messages", line))
}
