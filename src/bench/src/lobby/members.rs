//! Twenty thousand in the lobby, and whether anything that they do there keeps the race
//! from judging a solution.
//!
//! They are attackers like those of [`attack`], and honest clients win
//! meanwhile. Long polls are answered over connections of their own, from an address each.

use crate::{
    Result,
    attack::{
        self, Sample,
        attackers::{
            Attack, Crew, Force, Kind, MEMBERS_OF_A_CHANNEL, Shared, Stranger, Turns,
            kinds::{CHAT, NAMES},
            requests,
        },
    },
    client::Connection,
    report::Report,
    server::{CHEAP_STAMPS, EASY_ROUNDS, ServerProcess, TRUSTED_PROXY},
    wire::{Wire, address},
};
use std::{path::Path, sync::Arc, time::Duration};

/// So many of each channel wait by long polls where that is what they do: two in five, as
/// each needs a descriptor of this process and of the server's.
const WAITING_OF_A_CHANNEL: usize = MEMBERS_OF_A_CHANNEL * 2 / 5;

/// How long somebody whose poll was refused waits.
const RETRY_DELAY: Duration = Duration::from_millis(500);

/// How long they have to begin to wait, before anybody honest is measured.
const WARM_UP: Duration = Duration::from_secs(8);

const KINDS: &[Kind] = &[
    NAMES,
    Kind {
        name: "WHO",
        explained: "in channels of 4,000, every one in turn asks who is there, and whether they are away.",
        begin: |crew| requests::ask_slowly(crew, requests::who),
    },
    CHAT,
    Kind {
        name: "long polls",
        explained: "of each channel 1,600 wait for messages by long polls, and one after the other says a line that \
                    all of them are told; each poll that is answered counts.",
        begin: wait_for_lines,
    },
];

/// Measures honest clients beside so many members of the lobby.
pub(super) async fn measure(binary: &Path, members: usize, sample: &Sample, report: &mut Report) -> Result<()> {
    let server = ServerProcess::start(binary, &[EASY_ROUNDS, CHEAP_STAMPS, TRUSTED_PROXY].concat())?;
    let force = Force { warm_up: WARM_UP, ..Force::full(members) };
    let stranger = Stranger::new(server.address(), force).await?;
    attack::compare(&server, &stranger, Attack::each_of(KINDS), sample, report).await
}

/// Has many wait, and one after the other speak.
fn wait_for_lines(crew: &mut Crew) {
    let shared = crew.shared().clone();
    let members = shared.force.sessions;
    let waits = |number: &usize| number % MEMBERS_OF_A_CHANNEL < WAITING_OF_A_CHANNEL;
    for number in (0..members).filter(waits) {
        let shared = shared.clone();
        crew.spawn(async move {
            let mut last = None;
            loop {
                let _ = wait(&shared, number, &mut last).await;
                tokio::time::sleep(RETRY_DELAY).await;
            }
        });
    }
    let turns = crew.turns();
    crew.spawn(async move {
        loop {
            let _ = speak(&shared, &turns).await;
            tokio::time::sleep(RETRY_DELAY).await;
        }
    });
}

/// One member's long polls, after the newest message that it knows of.
async fn wait(shared: &Arc<Shared>, number: usize, last: &mut Option<u64>) -> Result<()> {
    let mut wire = Wire::open(shared.server, address(number as u32)).await?;
    let cookie = format!("cookie: {}\r\n", shared.visitor(number).cookie().unwrap_or_default());
    loop {
        let request = match *last {
            Some(last) => wire.get(&format!("/api/v1/messages?after={last}&timeout=30"), &cookie),
            None => wire.get("/api/v1/state", &cookie),
        };
        let reply = wire.exchange(&request).await?.expect(200)?;
        let body = std::str::from_utf8(reply.body).unwrap_or_default();
        let known = last.is_some();
        *last = super::chatters::last_id(body).or(*last);
        if known {
            shared.note_done(1);
        }
    }
}

/// Says a line in every channel in turn; it counts as much as polls are answered for it.
async fn speak(shared: &Shared, turns: &Turns) -> Result<()> {
    let mut connection = Connection::open(shared.server).await?;
    loop {
        turns.take(WAITING_OF_A_CHANNEL.min(shared.force.sessions)).await;
        let turn = shared.next_turn() * (MEMBERS_OF_A_CHANNEL + 1);
        connection.send(requests::line(shared, turn)?).await?;
    }
}
