//! The control socket, wired to what operators reach through it.

use crate::{
    ledger::{DataDirectory, Ledger},
    prize::{Prizes, webhook::WebhookFormat},
    race::Race,
};
use puzzle::invite_code::CodePrefix;
use std::sync::Arc;
use tokio::task::JoinHandle;

/// What the control socket has to know of the settings.
pub(super) struct Controls {
    pub(super) code_prefix: CodePrefix,
    pub(super) webhook: Option<WebhookFormat>,
}

/// Listens to operators until the task is aborted. Without a socket the server serves all
/// the same, and the log says why there is none.
#[cfg(unix)]
pub(super) fn listen_to_operators(
    directory: &DataDirectory,
    controls: Controls,
    race: &Race,
    prizes: &Prizes,
    ledger: &Arc<dyn Ledger>,
) -> Option<JoinHandle<()>> {
    use crate::{
        admin::{control::ControlSocket, operator::Operator},
        config::{Problems, changed_rules},
    };
    let socket = ControlSocket::open(directory)
        .inspect_err(|error| tracing::error!(%error, "there is no control socket: hashpass ctl does not work"))
        .ok()?;
    let Controls { code_prefix, webhook } = controls;
    let operator = Operator {
        race: race.clone(),
        prizes: prizes.clone(),
        ledger: Arc::clone(ledger),
        change_rules: Arc::new(|current, given| {
            changed_rules(current, given)
                .map_err(|Problems(problems)| problems.iter().map(ToString::to_string).collect())
        }),
        code_prefix,
        webhook,
        acting: tokio::sync::Mutex::default(),
    };
    Some(tokio::spawn(socket.run(Arc::new(operator))))
}

/// There are no such sockets here.
#[cfg(not(unix))]
pub(super) fn listen_to_operators(
    _: &DataDirectory,
    _: Controls,
    _: &Race,
    _: &Prizes,
    _: &Arc<dyn Ledger>,
) -> Option<JoinHandle<()>> {
    None
}
