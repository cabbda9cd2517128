//! What an operator does while the server runs: the control socket in the data directory.
//!
//! | module | is |
//! |---|---|
//! | [`protocol`] | what is asked and answered, a JSON object a line |
//! | [`operator`] | what carries it out, with one act at a time |
//! | [`control`] | the socket, where the server listens |
//! | [`client`] | the other end, for the command line |
//!
//! Whoever may open the socket is an operator: it belongs to the user that the server runs
//! as, and nobody else but root can. Who it was is asked of the system and kept in the
//! ledger with everything that was changed. Nothing here can be reached by network.

pub mod client;
#[cfg(unix)]
pub mod control;
pub mod operator;
pub mod protocol;

/// The socket's name in the data directory.
pub const SOCKET: &str = "control.sock";
