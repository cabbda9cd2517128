//! The control socket, opened and listened to.

use crate::{admin::operator::Operator, ledger::DataDirectory};
use tokio::task::JoinHandle;

/// Listens to operators until the task is aborted. Without a socket the server serves all
/// the same, and the log says why there is none.
#[cfg(unix)]
pub(super) fn listen_to_operators(directory: &DataDirectory, operator: Operator) -> Option<JoinHandle<()>> {
    use crate::admin::control::ControlSocket;
    let socket = ControlSocket::open(directory)
        .inspect_err(|error| tracing::error!(%error, "there is no control socket: hashpass ctl does not work"))
        .ok()?;
    Some(tokio::spawn(socket.run(std::sync::Arc::new(operator))))
}

/// There are no such sockets here.
#[cfg(not(unix))]
pub(super) fn listen_to_operators(_: &DataDirectory, _: Operator) -> Option<JoinHandle<()>> {
    None
}
