//! Everything that somebody can do to a server: one row of the report each, at a steady
//! pace and without a pause.

use super::{
    Crew, live,
    requests::{self, ask, ask_slowly},
    sockets,
};

/// Something that can be done to a server.
#[derive(Clone, Copy)]
pub struct Kind {
    /// What it is called in the report.
    pub name: &'static str,
    /// What it is.
    pub explained: &'static str,
    /// Sets those to work who do it.
    pub(crate) begin: fn(&mut Crew),
}

/// How fast something is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// So much a second as [`Force::pace`](super::Force::pace) says.
    Steady,
    /// As soon as what was done before is answered.
    WithoutPause,
}

/// One row of the report: a kind of attack at a pace.
#[derive(Clone, Copy)]
pub struct Attack {
    /// What is done.
    pub kind: &'static Kind,
    /// How fast.
    pub pace: Pace,
}

impl Attack {
    /// Every kind at both paces.
    pub fn each_of(kinds: &'static [Kind]) -> impl Iterator<Item = Self> {
        kinds.iter().flat_map(|kind| [Pace::Steady, Pace::WithoutPause].map(|pace| Self { kind, pace }))
    }

    /// What it is called in the report.
    pub fn name(self) -> String {
        let pace = match self.pace {
            Pace::Steady => "1,000/s",
            Pace::WithoutPause => "without a pause",
        };
        format!("{}, {pace}", self.kind.name)
    }
}

impl std::fmt::Debug for Attack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name())
    }
}

/// The members of a channel ask who is in it.
pub const NAMES: Kind = Kind {
    name: "NAMES",
    explained: "in a channel of all the sessions, at most 4,000, every one in turn asks who is there.",
    begin: |crew| ask_slowly(crew, requests::names),
};

/// The members of a channel talk.
pub const CHAT: Kind = Kind {
    name: "chat",
    explained: "in a channel of all the sessions, at most 4,000, every one in turn says a line to all others.",
    begin: |crew| ask_slowly(crew, requests::line),
};

/// All that is done to the race.
pub const KINDS: &[Kind] = &[
    Kind {
        name: "weak hashes",
        explained: "claims that are not below the target, from 20 sessions of one address; refused without a hash.",
        begin: |crew| ask(crew, requests::weak_hash),
    },
    Kind {
        name: "false hashes of one address",
        explained: "claims below the target whose nonce does not have them, from 20 sessions of one address; each one \
                    that is looked at costs the server a hash and its session a wait.",
        begin: |crew| ask(crew, requests::false_hash_of_one_address),
    },
    Kind {
        name: "false hashes of many",
        explained: "the same from all the sessions there are, 20 of an address, each used in turn: the worst that the \
                    limits of sessions and addresses let pass.",
        begin: |crew| ask(crew, requests::false_hash),
    },
    Kind {
        name: "false shares",
        explained: "shares whose nonce does not have their hash, on 400 live connections, each from an address of its \
                    own.",
        begin: live::false_shares,
    },
    Kind {
        name: "health",
        explained: "`GET /api/health` from 200 addresses.",
        begin: |crew| ask(crew, requests::health),
    },
    Kind {
        name: "page",
        explained: "`GET /` from 200 addresses: rendered, and compressed for each.",
        begin: |crew| ask(crew, requests::page),
    },
    Kind {
        name: "puzzle",
        explained: "`GET /api/puzzle` from all the sessions.",
        begin: |crew| ask(crew, requests::puzzle),
    },
    Kind {
        name: "sessions with stamps",
        explained: "`POST /api/session` from 200 addresses with a token that passes and a fresh stamp that costs next \
                    to nothing to make; each opens a session.",
        begin: |crew| ask(crew, requests::session_with_stamp),
    },
    Kind {
        name: "sessions without stamps",
        explained: "the same without the stamp that is asked for; each is refused.",
        begin: |crew| ask(crew, requests::session_without_stamp),
    },
    Kind {
        name: "frames",
        explained: "messages, rates and pings in turn on 400 live connections, each from an address of its own. Without \
                    a pause each is closed for it and opened anew.",
        begin: live::frames,
    },
    Kind {
        name: "openings",
        explained: "live connections that are opened, send a binary frame and are closed for it, 400 at a time.",
        begin: live::openings,
    },
    NAMES,
    CHAT,
    Kind {
        name: "huge bodies",
        explained: "submissions that announce 16 MiB and send 64 KiB, each on a connection of its own.",
        begin: sockets::huge_bodies,
    },
    Kind {
        name: "half-open connections",
        explained: "1,000 connections whose head never ends and 1,000 whose body never comes, opened anew as soon as \
                    the server cuts them.",
        begin: sockets::half_open,
    },
    Kind {
        name: "stalled readers",
        explained: "1,000 live connections that read nothing and 1,000 connections that ask for fifty pages each and \
                    read none of them, opened anew every 30 seconds; each page counts.",
        begin: sockets::stalled,
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_kind_is_a_row_at_both_paces() {
        let names: HashSet<String> = Attack::each_of(KINDS).map(Attack::name).collect();
        assert_eq!(names.len(), 2 * KINDS.len());
        assert!(names.contains("NAMES, 1,000/s") && names.contains("chat, without a pause"), "{names:?}");
    }
}
