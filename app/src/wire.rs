//! The JSON that browser and server exchange. Field for field the protocol: an
//! outside client may rely on every name in here.
//!
//! | module | holds |
//! |---|---|
//! | `round` | a round, a submission, a win |
//! | `drop` | what is given out, when, and what is left |
//! | `session` | what a session needs, and what it is |
//! | `live` | the messages on the WebSocket |
//! | `page` | what the page is rendered from |
//! | `site` | who gives codes out, and where winners came from |
//! | [`lobby`] | the lobby's part, as far as the page needs it |

mod drop;
mod live;
pub mod lobby;
mod page;
mod round;
mod session;
mod site;
#[cfg(test)]
mod tests;

pub use drop::{DropLimits, DropNews, DropState, DropView, OverReason};
pub use live::{ClientMessage, Figures, LARGEST_FRAME, ResetReason, ServerMessage, Share};
pub use page::{PageState, View};
pub use round::{Puzzle, RoundView, Search, Submission, Victory, Win, shortest_number};
pub use session::{Gate, SessionRequest, SessionView, TurnstileConfig};
pub use site::{ReturnRequest, ReturnTaken, Site, WayBack};
