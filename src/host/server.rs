//! The parts of the server put together, and its life from start to stop.

use crate::host::{
    clock::{Clock, SystemClock},
    config::{Config, GateConfig, WebhookConfig},
    gate::{session::Sessions, turnstile::Turnstile},
    live::Live,
    prize::{
        Keeper,
        audit::{AuditError, AuditLog, AuditSettings},
        https_client::ClientError,
        webhook::{Webhook, WebhookSettings},
    },
    race::{Race, RaceSettings, real_hashers},
    router,
};
use puzzle::{Seed, rule::Rule};
use rand::Rng;
use std::{future::Future, net::SocketAddr, sync::Arc, time::Duration};
use tokio::net::TcpListener;

/// How long the server waits for answers, records and deliveries when it stops.
const GRACE: Duration = Duration::from_secs(10);

/// What every request can reach. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Server {
    /// The race.
    pub race: Race,
    /// Everybody who is connected.
    pub live: Live,
    /// Who has passed the check.
    pub sessions: Arc<Sessions>,
    /// The rules of the gate.
    pub gate: Arc<GateConfig>,
    /// The human check.
    pub turnstile: Arc<Turnstile>,
    /// What becomes of wins.
    pub prizes: Arc<Keeper>,
}

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
    /// No client for calls to other servers can be made.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The socket failed.
    #[error("the listening socket failed: {0}")]
    Socket(#[from] std::io::Error),
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
    let audit = AuditLog::open(&config.data_dir, clock.clone(), AuditSettings::default())?;
    let webhook = match config.webhook {
        Some(WebhookConfig { url, token }) => Webhook::start(WebhookSettings::new(url, token))?,
        None => Webhook::none(),
    };
    let prizes = Arc::new(Keeper::new(audit, webhook));
    let (workers, memory_kib) = (config.race.verify_workers, config.race.cost.memory_cost);
    let settings = RaceSettings {
        rule: Rule::new(config.race.rule, config.race.start, config.race.pace),
        cost: config.race.cost,
        secret: config.race.secret,
        verify_workers: workers,
        verify_queue: config.race.verify_queue,
        hashers: real_hashers(config.race.cost),
        clock: clock.clone(),
        seeds: Arc::new(random_seed),
    };
    let (race, herald) =
        Race::start(settings).map_err(|source| StartError::Verifier { workers, memory_kib, source })?;
    let herald = tokio::spawn(herald.run(prizes.clone()));
    let live = Live::new(race.clone(), clock.clone());
    let figures = tokio::spawn(live.clone().run());
    let sessions = Arc::new(Sessions::new(clock));
    let server = Server {
        race: race.clone(),
        live: live.clone(),
        turnstile: Arc::new(Turnstile::new(config.gate.turnstile.clone(), sessions.clone())?),
        sessions,
        gate: Arc::new(config.gate),
        prizes: prizes.clone(),
    };

    let service = router::router(server).into_make_service_with_connect_info::<SocketAddr>();
    let stop = {
        let (race, live) = (race.clone(), live.clone());
        async move {
            shutdown.await;
            tracing::info!("stopping: verifying what was admitted, then closing");
            if tokio::time::timeout(GRACE, race.stop()).await.is_err() {
                tracing::warn!("some verifications did not end in time");
            }
            live.stop();
        }
    };
    let listener = axum::serve::ListenerExt::tap_io(listener, |stream: &mut tokio::net::TcpStream| {
        // A reset is one small packet and must not wait for more.
        let _ = stream.set_nodelay(true);
    });
    axum::serve(listener, service).with_graceful_shutdown(stop).await?;
    let _ = figures.await;
    let _ = tokio::time::timeout(GRACE, herald).await;
    prizes.shut_down(GRACE).await;
    tracing::info!("stopped");
    Ok(())
}

fn random_seed() -> Seed {
    let mut bytes = [0; 16];
    rand::rng().fill_bytes(&mut bytes);
    Seed::from_bytes(bytes)
}
