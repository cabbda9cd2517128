//! Attacks on live connections: frames, openings, shares that are none.

use super::{Crew, Shared, lock, requests::next_nonce};
use crate::{
    Result,
    client::Connection,
    wire::{FrameKind, Live},
};
use puzzle::Hash;
use std::{io, sync::Arc, time::Duration};

/// How long a connection that was closed is not opened anew.
const REOPENING_DELAY: Duration = Duration::from_millis(10);

/// How long somebody waits for the server to close.
const CLOSING_LIMIT: Duration = Duration::from_secs(5);

/// Between two looks at which round it is.
const ROUND_INTERVAL: Duration = Duration::from_millis(250);

/// What is sent in turn.
const FRAMES: &[(FrameKind, &str)] = &[
    (FrameKind::Text, r#"{"type":"ping"}"#),
    (FrameKind::Ping, ""),
    (FrameKind::Text, r#"{"type":"hashrate","payload":{"rate":7.5}}"#),
];

/// What a client hears when its share was computed and is false.
const FALSE_SHARE: &[u8] = b"does not have this hash";

pub(super) fn frames(crew: &mut Crew) {
    for _ in 0..crew.shared().force.sockets {
        let (shared, turns) = (crew.shared().clone(), crew.turns());
        crew.spawn(async move {
            let send_for_ever = async || -> Result<()> {
                let (mut live, _) = shared.live().await?;
                for (kind, payload) in FRAMES.iter().cycle() {
                    turns.take(1).await;
                    live.send_in_time(*kind, payload.as_bytes()).await?;
                    shared.note_done(1);
                    if !live.take_in(&mut |_| {})? {
                        break;
                    }
                }
                Ok(())
            };
            loop {
                let _ = send_for_ever().await;
                tokio::time::sleep(REOPENING_DELAY).await;
            }
        });
    }
}

pub(super) fn openings(crew: &mut Crew) {
    for _ in 0..crew.shared().force.sockets {
        let (shared, turns) = (crew.shared().clone(), crew.turns());
        crew.spawn(async move {
            loop {
                turns.take(1).await;
                let Ok((mut live, _)) = shared.live().await else {
                    tokio::time::sleep(REOPENING_DELAY).await;
                    continue;
                };
                shared.note_done(1);
                if live.send_in_time(FrameKind::Binary, b"not text").await.is_ok() {
                    let _ = tokio::time::timeout(CLOSING_LIMIT, live.listen(|_| {})).await;
                }
            }
        });
    }
}

pub(super) fn false_shares(crew: &mut Crew) {
    let shared = crew.shared().clone();
    crew.spawn(async move {
        loop {
            let _ = follow_round(&shared).await;
            tokio::time::sleep(ROUND_INTERVAL).await;
        }
    });
    for _ in 0..crew.shared().force.sockets {
        let (shared, turns) = (crew.shared().clone(), crew.turns());
        crew.spawn(async move {
            let share_for_ever = async || -> Result<()> {
                let (mut live, number) = shared.live().await?;
                live.send_in_time(FrameKind::Text, br#"{"type":"mining_start"}"#).await?;
                loop {
                    turns.take(1).await;
                    live.send_in_time(FrameKind::Text, false_share(&shared, number)?.as_bytes()).await?;
                    shared.note_done(1);
                    if !hear_verdicts(&shared, &mut live)? {
                        return Ok(());
                    }
                }
            };
            loop {
                let _ = share_for_ever().await;
                tokio::time::sleep(REOPENING_DELAY).await;
            }
        });
    }
}

/// Takes in what there is; false once the server has closed.
fn hear_verdicts(shared: &Shared, live: &mut Live) -> io::Result<bool> {
    live.take_in(&mut |text| {
        if text.windows(FALSE_SHARE.len()).any(|part| part == FALSE_SHARE) {
            shared.note_hashed();
        }
    })
}

/// A share of the session of this number, whose hash looks right.
fn false_share(shared: &Shared, number: usize) -> Result<String> {
    let (visitor, trace) = &shared.sessions[number];
    let round = lock(&shared.round).round;
    let share = serde_json::json!({"type": "share", "payload": {
        "round": round, "visitorId": visitor.id, "nonce": next_nonce(shared)?, "traceData": trace,
        "hash": Hash::from_bytes([0; 32])
    }});
    Ok(share.to_string())
}

/// Keeps knowing which round it is.
async fn follow_round(shared: &Arc<Shared>) -> Result<()> {
    let mut connection = Connection::open(shared.server).await?;
    loop {
        let round = shared.visitor(0).round(&mut connection).await?;
        *lock(&shared.round) = round;
        tokio::time::sleep(ROUND_INTERVAL).await;
    }
}
