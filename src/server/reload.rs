//! What a running server takes over when its settings are read again.
//!
//! Nobody loses anything by it: what was counted against a limit stays counted, and who
//! holds more places than there are now gives them up as in a full house.

use super::new_codes::NewCodes;
use crate::{
    config::Config,
    connections::ConnectionSettings,
    gate::{
        LimitSettings,
        limits::{AddressLimits, Places},
    },
    lobby::Lobby,
};
use std::sync::Arc;
use tokio::sync::watch;

/// The settings that take effect without a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reloadable {
    limits: LimitSettings,
    connections: ConnectionSettings,
    motd: String,
}

impl From<&Config> for Reloadable {
    fn from(config: &Config) -> Self {
        Self { limits: config.limits, connections: config.connections, motd: config.lobby.motd.clone() }
    }
}

/// Where they take effect.
pub(super) struct Reloading {
    pub(super) limits: Arc<AddressLimits>,
    pub(super) connections: Arc<Places>,
    pub(super) lobby: Option<Lobby>,
    /// The list of codes, which is read again at the same time.
    pub(super) codes: Option<NewCodes>,
}

impl Reloading {
    /// Takes over whatever is read, until nobody reads any more.
    pub(super) async fn run(mut self, mut settings: watch::Receiver<Reloadable>) {
        while settings.changed().await.is_ok() {
            let Reloadable { limits, connections, motd } = settings.borrow_and_update().clone();
            self.limits.set(limits);
            self.connections.set_limits(connections.per_peer, connections.in_all);
            if let Some(lobby) = &self.lobby {
                lobby.set_motd(motd);
            }
            if let Some(codes) = &mut self.codes {
                codes.pick_up().await;
            }
        }
    }
}
