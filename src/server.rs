//! The parts of the server put together, and its life from start to stop.

mod control;
mod new_codes;
mod pricing;
mod reload;
mod start_error;

pub use reload::Reloadable;
pub use start_error::StartError;

use crate::{
    admin::operator::Operator,
    clock::{Clock, SystemClock},
    config::{Config, Problems, SecretSource, changed_rules},
    connections,
    edge::{context::Rooms, router::router},
    gate::{
        admission::Admission,
        limits::AddressLimits,
        price::Price,
        stamps::Stamps,
        turnstile::{SpentTokens, Turnstile},
    },
    identity::sessions::Sessions,
    ledger::{self, Change, Ledger, Recovered, secret::load_or_create_secret},
    live::{Live, polling::Pollers},
    lobby::{
        Lobby, LobbySettings,
        store::{Bounds, Database, Loaded, Store},
    },
    prize::{
        self,
        code_list::{import_codes, read_code_list},
        codes::Codes,
        keys::Doorkeeper,
        webhook::{CodeWon, told_of_drop, told_of_win},
    },
    race::{
        FingerprintError, Race, RaceSurroundings, Win, WinListener, WithTurn, WithWin, confirm_fingerprints,
        real_hashers,
    },
};
use control::listen_to_operators;
use new_codes::NewCodes;
use pricing::{Gauges, set_price};
use puzzle::{Seed, invite_code::CodeSecret};
use rand::Rng;
use reload::Reloading;
use std::{future::Future, mem, sync::Arc, time::Duration};
use tokio::{net::TcpListener, sync::watch};

/// The file in the data directory that holds the key of the invite codes where the operator
/// gives none.
const SECRET_FILE: &str = "hmac-secret";

// Processes are looked at from outside as Linux lets us.
#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests;

/// How long the server waits for answers, records and deliveries when it stops.
const STOP_LIMIT: Duration = Duration::from_secs(10);

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
    let (_, never) = watch::channel(Reloadable::from(&config));
    run_reloading(config, listener, never, shutdown).await
}

/// The same, taking over the settings that `reloads` brings.
///
/// # Errors
/// [`StartError`].
pub async fn run_reloading(
    mut config: Config,
    listener: TcpListener,
    reloads: watch::Receiver<Reloadable>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), StartError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    let (directory, ledger) = ledger::open(&config.ledger, clock.clone())?;
    if config.ledger.store == ledger::Store::Memory {
        tracing::warn!("HASHPASS_STORE=memory: wins, rounds and sessions are forgotten when the server stops");
    }
    if config.secret_source == SecretSource::Kept {
        config.race.secret = CodeSecret::from_bytes(load_or_create_secret(&directory, SECRET_FILE)?);
    }
    let mut recovered = ledger.recover().await?;
    // Before anything is started that would go on with what the ledger holds.
    confirm_secret(&config, ledger.as_ref(), &recovered).await?;
    let prizes = prize::open(ledger.clone(), config.audit, config.webhook.clone(), &config.proxies, clock.clone())?;
    let limits = Arc::new(AddressLimits::new(config.limits, &clock));
    let sessions = Arc::new(Sessions::with_room_for(config.most_clients, clock.clone()));
    let codes = match &config.codes_file {
        Some(path) => {
            import_codes(ledger.as_ref(), read_code_list(path)?).await?;
            Some(ledger.codes_left(0).await?)
        }
        None => None,
    };
    let won_codes = Codes::new(ledger.clone(), clock.clone(), config.codes, config.webhook.clone());
    let doorkeeper = Doorkeeper::new(ledger.clone(), clock.clone());
    // Of a list that is used up whatever is left later is new.
    let last_code = codes.as_ref().and_then(|codes| codes.last()).map_or(0, |code| code.position);
    let webhook_format = config.webhook.as_ref().map(|webhook| webhook.format);
    sessions.restore_kept(mem::take(&mut recovered.sessions), mem::take(&mut recovered.clients));
    let keeping = tokio::spawn(sessions.clone().keep(ledger.clone()));
    let tokens = Arc::new(SpentTokens::new(ledger.clone(), mem::take(&mut recovered.tokens), clock.clone()));
    let keeping_tokens = tokio::spawn(tokens.clone().keep());
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
        ledger: ledger.clone(),
        codes,
        with_win: {
            let (webhook, sessions) = (config.webhook.clone(), sessions.clone());
            WithWin(Arc::new(move |win| {
                // Its session too: the winner's cookie finds the code after a crash.
                let mut changes = sessions.changes_of(&win.competitor.session);
                if let Some(webhook) = &webhook {
                    let (code, competitor) = (&win.invite_code, &win.competitor);
                    let (visitor, state) = (&competitor.visitor, competitor.state.as_deref());
                    let (round, expires_at) = (win.round, win.expires_at);
                    let won = CodeWon { code, round, visitor, expires_at, state };
                    changes.push(Change::Deliver(told_of_win(webhook, &won)));
                }
                changes
            }))
        },
        with_turn: WithTurn(Arc::new(move |drop| {
            let delivery = config.webhook.as_ref().and_then(|webhook| told_of_drop(webhook, drop));
            delivery.map(Change::Deliver).into_iter().collect()
        })),
        work_shown: {
            let sessions = sessions.clone();
            Arc::new(move |session| sessions.prove(session))
        },
    };
    let started = Race::start(config.race, surroundings, recovered).await;
    let (race, herald) = started.map_err(|source| StartError::Race { workers, memory_kib, source })?;
    let lobby_store = open_lobby_store(&config.lobby).await;
    // The gate may ask for stamps although the lobby is closed: then those that are spent
    // are known until the next start.
    let spent_stamps = match &lobby_store {
        Some((store, _)) => store.clone(),
        None => Store::open(&Database::Memory)?,
    };
    let LobbySettings { hashcash_bits, server_name, .. } = &config.lobby;
    let price = Arc::new(Price::default());
    let gauges =
        Gauges { race: race.clone(), sessions: sessions.clone(), limits: limits.clone(), stamps: spent_stamps.clone() };
    let stamps = Stamps::new(spent_stamps, *hashcash_bits, server_name.clone(), clock.clone()).at_price(price.clone());
    let pricing = tokio::spawn(set_price(price, gauges, clock.clone()));
    let turnstile = config.gate.turnstile.clone().map(|settings| (settings, tokens));
    let turnstile = Turnstile::new(turnstile, sessions.clone(), &config.proxies)?;
    // In the background: the start neither waits for others nor fails when they do.
    let watching_secret = tokio::spawn(turnstile.watch_secret());
    let admission = Arc::new(Admission::new(config.gate.rule, sessions.clone(), limits.clone(), turnstile, stamps));
    let lobby = lobby_store.map(|(store, loaded)| {
        Lobby::open(&config.lobby, store, loaded, admission.clone(), sessions.clone(), clock.clone())
    });
    let live = Live::new(race.clone(), sessions.clone(), proof_interval, clock);
    let listening_lobby = lobby.as_ref().map(|(lobby, _)| lobby.clone());
    let herald = tokio::spawn(herald.run(Arc::new(Listeners { prizes: prizes.clone(), lobby: listening_lobby })));
    let lobby = lobby.map(|(lobby, announcer)| {
        if let Err(error) = lobby.start_runtime() {
            tracing::warn!(%error, "the lobby has no thread of its own: it works among the others");
        }
        lobby.spawn(announcer.run(lobby.clone(), live.announced()));
        lobby.spawn(lobby.clone().clean_up_regularly());
        lobby
    });
    let figures = tokio::spawn(live.clone().run());
    let cleaning = {
        let race = race.clone();
        tokio::spawn(won_codes.clone().clean_up_regularly(move |codes| race.take_back(codes)))
    };
    let proxies = config.gate.trusted_proxies.clone();
    let places = connections::places(config.connections);
    let new_codes = config.codes_file.map(|path| {
        let (ledger, race) = (ledger.clone(), race.clone());
        NewCodes { path, ledger, race, last: last_code }
    });
    let (limited, connected) = (limits.clone(), places.clone());
    let reloading = Reloading { limits: limited, connections: connected, lobby: lobby.clone(), codes: new_codes };
    let reloading = tokio::spawn(reloading.run(reloads));
    let rooms = Rooms {
        race: race.clone(),
        pollers: Pollers::new(live.clone(), config.edge.poll_life),
        live: live.clone(),
        sessions: sessions.clone(),
        limits: limits.clone(),
        admission,
        gate: Arc::new(config.gate),
        prizes: prizes.clone(),
        codes: won_codes,
        doorkeeper,
        lobby: lobby.clone(),
        cors_origins: config.lobby.cors_origins.into(),
        edge: Arc::new(config.edge),
        advice: Arc::default(),
    };

    let listening_to_operators = listen_to_operators(
        &directory,
        Operator {
            race: race.clone(),
            prizes: prizes.clone(),
            ledger: ledger.clone(),
            codes: rooms.codes.clone(),
            change_rules: Arc::new(|current, given| {
                changed_rules(current, given)
                    .map_err(|Problems(problems)| problems.iter().map(ToString::to_string).collect())
            }),
            webhook: webhook_format,
            acting: tokio::sync::Mutex::default(),
        },
    );
    let stop = {
        let (race, live) = (race.clone(), live.clone());
        async move {
            shutdown.await;
            tracing::info!("stopping: verifying what was admitted, then closing");
            if tokio::time::timeout(STOP_LIMIT, race.stop()).await.is_err() {
                tracing::warn!("some verifications did not end in time");
            }
            live.stop();
            if let Some(lobby) = lobby
                && tokio::time::timeout(STOP_LIMIT, lobby.stop()).await.is_err()
            {
                tracing::warn!("the lobby did not write everything down in time");
            }
        }
    };
    // Only now, when every room is open, is it true.
    if let Ok(address) = listener.local_addr() {
        tracing::info!(%address, "listening on http://{address}");
    }
    connections::serve(listener, router(rooms), config.connections, places, &proxies, stop).await;
    // Their last message tells them that we restart: let it out.
    if tokio::time::timeout(STOP_LIMIT, limits.sockets.all_given_up()).await.is_err() {
        tracing::warn!("some live connections did not end in time");
    }
    for task in [&pricing, &watching_secret, &reloading, &keeping_tokens, &cleaning] {
        task.abort();
    }
    if let Some(listening) = listening_to_operators {
        listening.abort();
        // The socket's file goes with the task.
        let _ = listening.await;
    }
    let _ = figures.await;
    let _ = tokio::time::timeout(STOP_LIMIT, herald).await;
    prizes.shut_down(STOP_LIMIT).await;
    keeping.abort();
    let mut last_words = race.last_words();
    last_words.extend(sessions.last_changes().changes().iter().cloned());
    if let Err(error) = ledger.close(last_words).await {
        tracing::warn!(%error, "how far the running round has come is not written down");
    }
    drop(directory);
    tracing::info!("stopped");
    Ok(())
}

/// Makes sure that the key of the invite codes is the ledger's, unless it is a fresh one at
/// every start, or the ledger is.
async fn confirm_secret(config: &Config, ledger: &dyn Ledger, recovered: &Recovered) -> Result<(), StartError> {
    let place = match config.secret_source {
        _ if config.ledger.store == ledger::Store::Memory => return Ok(()),
        SecretSource::Fresh => return Ok(()),
        SecretSource::Given => "HASHPASS_HMAC_SECRET",
        SecretSource::Kept => "the file hmac-secret in HASHPASS_DATA_DIR",
    };
    confirm_fingerprints(ledger, recovered, &config.race, config.accepts_change).await.map_err(|error| match error {
        FingerprintError::OtherSecret => StartError::OtherSecret { place },
        FingerprintError::Commit(_) => StartError::Fingerprints(error),
    })
}

/// The lobby's store and what it holds, if its database can be used.
async fn open_lobby_store(settings: &LobbySettings) -> Option<(Store, Loaded)> {
    let store = Store::open_within(&settings.database, Bounds::of(settings.max_bytes))
        .inspect_err(|error| tracing::error!(%error, "the lobby is closed"))
        .ok()?;
    let loaded = store
        .load()
        .await
        .inspect_err(|error| tracing::error!(%error, "the lobby is closed: its database cannot be read"))
        .ok()?;
    Some((store, loaded))
}

/// Whoever hears of wins: prizes, and then the lobby.
struct Listeners {
    prizes: prize::Prizes,
    lobby: Option<Lobby>,
}

impl WinListener for Listeners {
    fn won(&self, win: &Win) {
        self.prizes.wake();
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
