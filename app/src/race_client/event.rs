//! What the client hears and what it asks for.

use crate::{
    error::ApiError,
    mining::PoolEvent,
    scene::{Command, MintEvent, Note},
    wire::{ClientMessage, Puzzle, ServerMessage, SessionView, Submission, Victory, Win},
};
use miner::Job;
use puzzle::{Cost, RoundNumber, TraceData, VisitorId};

/// What the client hears.
#[derive(Debug)]
pub enum Event {
    /// The page is there.
    Begin {
        /// True if this browser had a session before: its cookie may still be good.
        had_session: bool,
    },
    /// Time has passed.
    Moment,
    /// The visitor did something.
    Command(Command),
    /// The device is back on the network.
    BackOnline,
    /// The human check did something.
    Check(CheckEvent),
    /// The search for a session stamp did something.
    Stamp(MintEvent),
    /// The answer to [`Effect::Enter`].
    Entered(Result<SessionView, ApiError>),
    /// The answer to [`Effect::FetchWins`].
    WinsFetched(Result<Vec<Win>, ApiError>),
    /// The answer to [`Effect::IdentifyVisitor`].
    Identified {
        /// The visitor id.
        visitor: VisitorId,
        /// True if it is a random one, because the fingerprint failed.
        at_random: bool,
    },
    /// The answer to [`Effect::FetchTrace`]; `None` if there is none to be had.
    TraceFetched(Option<TraceData>),
    /// The answer to [`Effect::FetchPuzzle`].
    PuzzleFetched(Result<Puzzle, ApiError>),
    /// The live connection stands.
    SocketOpened,
    /// The live connection broke or could not be made.
    SocketClosed,
    /// The server said something.
    Heard(ServerMessage),
    /// The workers did something.
    Pool(PoolEvent),
    /// The answer to [`Effect::Submit`].
    Answered {
        /// The round of the submission.
        round: RoundNumber,
        /// What the server said.
        result: Result<Victory, ApiError>,
    },
}

/// What the widget of the human check does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckEvent {
    /// It is on the page.
    Shown,
    /// Its script could not be loaded.
    NotLoaded,
    /// A human is here: a token for a session.
    Passed(String),
    /// The token has expired; the widget makes another one by itself.
    Expired,
    /// It waits for the visitor.
    Interactive,
    /// The visitor has answered, or was too slow; the widget goes on by itself.
    Continues,
    /// It gave up, with a code of Cloudflare's. It may try again by itself.
    Failed(String),
    /// It does not know this browser.
    Unsupported,
}

/// What the client asks its surroundings for.
#[derive(Debug)]
pub enum Effect {
    /// Show the human check, in the place of a present one.
    ShowCheck,
    /// Have the human check that is shown begin anew.
    ResetCheck,
    /// Make a session.
    Enter {
        /// What the human check gave, where one is asked for.
        token: Option<String>,
        /// A session stamp, where one is asked for.
        stamp: Option<String>,
        /// True if the session that the page had was refused.
        renew: bool,
    },
    /// Search for a session stamp.
    MintStamp {
        /// Of so many bits.
        bits: u8,
        /// Made out to this server.
        resource: String,
    },
    /// Give up the search.
    CancelStamp,
    /// Remember that this browser has a session.
    RememberSession,
    /// Ask for the session's wins.
    FetchWins,
    /// Find the visitor id.
    IdentifyVisitor,
    /// Read the trace.
    FetchTrace,
    /// Ask for the current puzzle.
    FetchPuzzle,
    /// Open the live connection, dropping a present one.
    OpenSocket,
    /// Drop the live connection.
    DropSocket,
    /// Say something on it.
    Send(ClientMessage),
    /// Load a worker and its memory already.
    PrepareMiner(Cost),
    /// Mine.
    StartMiner {
        /// What.
        job: Job,
        /// With so many workers.
        workers: usize,
    },
    /// Go on with another job at once.
    ReplaceJob(Job),
    /// Go on with so many workers.
    SetWorkers(usize),
    /// Stop mining.
    StopMiner,
    /// Remember the number of workers.
    RememberWorkers(usize),
    /// Hand in a solution.
    Submit {
        /// Of this round.
        round: RoundNumber,
        /// The solution.
        submission: Submission,
    },
    /// Write into the log panel.
    Write(Note),
}
