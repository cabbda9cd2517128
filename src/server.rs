//! The parts of the server put together, and its life from start to stop.

use crate::{
    clock::{Clock, SystemClock},
    config::{Config, Database, LobbyConfig},
    connections,
    edge::{context::Rooms, router::router},
    gate::{admission::Admission, limits::AddressLimits, stamps::Stamps, turnstile::Turnstile},
    https_client::ClientError,
    identity::sessions::Sessions,
    live::{Live, polling::Pollers},
    lobby::{
        Announcing, Lobby,
        store::{OpenStoreError, Store},
    },
    prize::{
        Keeper,
        audit::{AuditError, AuditLog},
        webhook::Webhook,
    },
    race::{Prizes, Race, RaceSurroundings, Win, real_hashers},
};
use futures::future::BoxFuture;
use puzzle::Seed;
use rand::Rng;
use std::{future::Future, sync::Arc, time::Duration};
use tokio::net::TcpListener;

/// How long the server waits for answers, records and deliveries when it stops.
const GRACE: Duration = Duration::from_secs(10);

/// Why the server could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Not enough memory for the verifier's arenas, or an Argon2 cost it refuses.
    #[error("cannot start {workers} verification workers with {memory_kib} KiB each: {source}")]
    Verifier {
        /// How many were asked for.
        workers: usize,
        /// The memory of each.
        memory_kib: u32,
        /// What is wrong.
        source: puzzle::hashing::HashingError,
    },
    /// The audit log cannot be opened.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// Stamps are asked for, and not even memory can hold those that are spent.
    #[error("spent stamps cannot be kept: {0}")]
    Stamps(#[from] OpenStoreError),
    /// No client for calls to other servers can be made.
    #[error(transparent)]
    Client(#[from] ClientError),
}

/// Serves `listener` until `shutdown` is done, then stops in good order: nobody
/// new is let in, what was admitted is verified and answered, records and
/// deliveries are finished or logged.
///
/// # Errors
/// [`StartError`].
pub async fn run(
    config: Config,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), StartError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    let audit = AuditLog::open(config.audit, clock.clone())?;
    let webhook = match config.webhook {
        Some(settings) => Webhook::start(settings)?,
        None => Webhook::none(),
    };
    let prizes = Arc::new(Keeper::new(audit, webhook));
    let limits = Arc::new(AddressLimits::new(config.limits, &clock));
    let (workers, memory_kib) = (config.race.verify_workers, config.race.cost.memory_cost);
    let proof_interval = config.race.proof_interval;
    let surroundings = RaceSurroundings {
        quota: {
            let limits = limits.clone();
            Arc::new(move |address| limits.submissions.take(address).map_err(|exceeded| exceeded.retry_after))
        },
        hashers: real_hashers(config.race.cost),
        clock: clock.clone(),
        seeds: Arc::new(random_seed),
    };
    let (race, herald) = Race::start(config.race, surroundings).map_err(|source| StartError::Verifier {
        workers,
        memory_kib,
        source,
    })?;
    let sessions = Arc::new(Sessions::new(clock.clone()));
    let (lobby, stamps) = open_lobby(&config.lobby, sessions.clone(), clock.clone()).await?;
    let live = Live::new(race.clone(), sessions.clone(), proof_interval, clock);
    let crier = lobby.as_ref().map(|(lobby, _)| lobby.clone());
    let herald = tokio::spawn(herald.run(Arc::new(Heralded { prizes: prizes.clone(), lobby: crier })));
    let lobby = lobby.map(|(lobby, announcing)| {
        tokio::spawn(announcing.run(lobby.clone(), live.resets()));
        tokio::spawn(lobby.clone().keep_house());
        lobby
    });
    let figures = tokio::spawn(live.clone().run());
    let proxies = config.gate.trusted_proxies.clone();
    let turnstile = Turnstile::new(config.gate.turnstile.clone(), sessions.clone())?;
    let admission = Admission::new(config.gate.rule, sessions.clone(), limits.clone(), turnstile, stamps);
    let rooms = Rooms {
        race: race.clone(),
        pollers: Pollers::new(live.clone()),
        live: live.clone(),
        sessions,
        limits: limits.clone(),
        admission: Arc::new(admission),
        gate: Arc::new(config.gate),
        prizes: prizes.clone(),
        lobby: lobby.clone(),
        cors_origins: config.lobby.cors_origins.into(),
        edge: Arc::new(config.edge),
        advice: Arc::default(),
    };

    let stop = {
        let (race, live) = (race.clone(), live.clone());
        async move {
            shutdown.await;
            tracing::info!("stopping: verifying what was admitted, then closing");
            if tokio::time::timeout(GRACE, race.stop()).await.is_err() {
                tracing::warn!("some verifications did not end in time");
            }
            live.stop();
            if let Some(lobby) = lobby
                && tokio::time::timeout(GRACE, lobby.stop()).await.is_err()
            {
                tracing::warn!("the lobby did not write everything down in time");
            }
        }
    };
    // Only now, when every room is open, is it true.
    if let Ok(address) = listener.local_addr() {
        tracing::info!(%address, "listening on http://{address}");
    }
    connections::serve(listener, router(rooms), config.connections, &proxies, stop).await;
    // Their last message tells them that we restart: let it out.
    if tokio::time::timeout(GRACE, limits.sockets.all_given_up()).await.is_err() {
        tracing::warn!("some live connections did not end in time");
    }
    let _ = figures.await;
    let _ = tokio::time::timeout(GRACE, herald).await;
    prizes.shut_down(GRACE).await;
    tracing::info!("stopped");
    Ok(())
}

/// The lobby, if its database can be used, and the stamps, which the gate may need
/// all the same: then those that are spent are known until the next start.
async fn open_lobby(
    config: &LobbyConfig,
    sessions: Arc<Sessions>,
    clock: Arc<dyn Clock>,
) -> Result<(Option<(Lobby, Announcing)>, Stamps), OpenStoreError> {
    let stamps = |store| Stamps::new(store, config.hashcash_bits, config.server_name.clone(), clock.clone());
    match Store::open(&config.database) {
        Ok(store) => match Lobby::open(config, store.clone(), stamps(store.clone()), sessions, clock.clone()).await {
            Ok(lobby) => return Ok((Some(lobby), stamps(store))),
            Err(error) => tracing::error!(%error, "the lobby is closed: its database cannot be read"),
        },
        Err(error) => tracing::error!(%error, "the lobby is closed"),
    }
    Ok((None, stamps(Store::open(&Database::Memory)?)))
}

/// Prizes, and the lobby that hears of them last.
struct Heralded {
    prizes: Arc<Keeper>,
    lobby: Option<Lobby>,
}

impl Prizes for Heralded {
    fn record(&self, win: &Win) -> BoxFuture<'static, ()> {
        self.prizes.record(win)
    }

    fn deliver(&self, win: &Win) {
        self.prizes.deliver(win);
        if let Some(lobby) = &self.lobby {
            lobby.note_win(&win.competitor.session);
        }
    }
}

fn random_seed() -> Seed {
    let mut bytes = [0; 16];
    rand::rng().fill_bytes(&mut bytes);
    Seed::from_bytes(bytes)
}
