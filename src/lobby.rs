//! The lobby: IRC's semantics, for people who wait for a code together.
//!
//! | module | holds |
//! |---|---|
//! | [`channel_name`], [`modes`], [`numeric`], [`envelope`], `event` | the words of the protocol, read, checked and written |
//! | `state`, `mailbox`, `delivery` | who is here, which channels there are, and what each client is told, and when |
//! | `commands` | what each command does to that |
//! | `dispatch`, `speaking`, `answer` | a command from its envelope to its answer |
//! | `making_room` | who goes when there are too many |
//! | `entry`, `clients`, `polling`, `seat`, `view` | coming, going, hearing and looking |
//! | `opening`, `restore`, `runtime`, [`store`] | how the lobby starts, and what survives a restart |
//! | `announcer`, `housekeeping` | what is told of the race, and what happens as time passes |
//! | `handle`, [`settings`], `error`, `passwords`, `guesses` | what all of them use |
//!
//! The lobby knows nothing of HTTP. It decides in memory, and tells nobody that something
//! is done before it is stored; the race never waits for it, and runs on when its
//! database cannot be opened. Nobody waits for a slow reader: events go into bounded
//! queues, one a client. It never tells an address, a fingerprint, a code or a nonce.

mod announcer;
mod answer;
pub mod channel_name;
mod clients;
mod commands;
mod delivery;
mod dispatch;
mod entry;
pub mod envelope;
mod error;
mod event;
mod guesses;
mod handle;
mod housekeeping;
mod mailbox;
mod making_room;
pub mod modes;
pub mod numeric;
mod opening;
mod passwords;
mod polling;
mod restore;
mod runtime;
mod seat;
pub mod settings;
mod speaking;
mod state;
pub mod store;
mod view;

pub use announcer::Announcer;
pub use answer::{Answer, Batch};
pub use entry::Opened;
pub use error::LobbyError;
pub use event::Event;
pub use handle::Lobby;
pub use seat::Seat;
pub use settings::LobbySettings;
pub use state::LOBBY;
pub use view::{ChannelView, MemberView, ServerView, StateView};

#[cfg(test)]
mod tests;
