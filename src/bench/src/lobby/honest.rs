//! Somebody who takes part in the race while others talk.

use super::chatters::Chatters;
use crate::{
    BenchError, Result,
    client::{Connection, Visitor},
    samples::Samples,
};
use puzzle::PuzzleHasher;
use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

/// How long talk, or silence, is under way before a solution is handed in.
const LEAD: Duration = Duration::from_millis(1500);

/// From sending to code, in silence and beside talk.
#[derive(Debug, Default)]
pub(super) struct ByTurns {
    pub(super) silent: Samples,
    pub(super) loud: Samples,
}

/// Hands in `count` solutions while the chatters are silent and as many while they
/// talk, in turn.
pub(super) async fn submit_by_turns(host: SocketAddr, chatters: &Chatters, count: u32) -> Result<ByTurns> {
    let chatters = chatters.clone();
    // A thread of its own: what it measures must not wait for the chatters' turn in
    // this one.
    let honest = tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(submit(host, &chatters, count))
    });
    honest.await.map_err(|error| BenchError::Answer(error.to_string()))?
}

async fn submit(host: SocketAddr, chatters: &Chatters, count: u32) -> Result<ByTurns> {
    let mut connection = Connection::open(host).await?;
    let miner = Visitor::new(host, None)?.pass_check(&mut connection).await?;
    let round = miner.round(&mut connection).await?;
    let mut hasher = PuzzleHasher::new(round.cost).map_err(|error| BenchError::Answer(error.to_string()))?;
    let mut by_turns = ByTurns::default();
    for turn in 0..2 * count {
        let is_loud = turn % 2 == 1;
        let round = miner.round(&mut connection).await?;
        let trace = miner.trace(&mut connection).await?;
        // Found in silence always: what is measured is the handing in.
        let (nonce, hash) = round.mine_from(&mut hasher, &miner.id, &trace, 0)?;
        chatters.talk(is_loud);
        tokio::time::sleep(LEAD).await;
        let request = miner.post("/api/verify", miner.submission(&round.seed, &trace, nonce, &hash));
        let began = Instant::now();
        connection.send(request).await?.ok()?;
        let took = began.elapsed();
        chatters.talk(false);
        if is_loud { by_turns.loud.add(took) } else { by_turns.silent.add(took) }
    }
    Ok(by_turns)
}
