//! A session with a server: got, kept, and given up.

use crate::{
    api::{Api, Opened, ServerView, StateView},
    back_off::Patience,
    call_error::{CallError, Refusal},
    envelope::Event,
    failure::Failure,
    jar::{Cookie, Jar, Place},
    lock::lock,
    minting::{Mint, now},
    terminal::Screen,
};
use puzzle::stamp::{Bits, Prefix, session};
use std::{
    collections::HashMap,
    io::{IsTerminal, Write},
    sync::{Mutex, MutexGuard},
    time::Duration,
};
use tokio::sync::Notify;

/// How many stamps are minted for one call at most: the server may ask for a better one
/// each time.
pub(crate) const MOST_STAMPS: u32 = 5;

/// What a user accepts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// The most bits of a stamp that is minted.
    pub(crate) max_bits: u8,
    /// How long a server that does not answer is tried.
    pub(crate) patience: Duration,
}

/// Who comes in.
#[derive(Clone, Debug, Default)]
pub(crate) struct Identity {
    pub(crate) nick: Option<String>,
    /// With it the nick's session is entered, without it a new one opened.
    pub(crate) password: Option<String>,
}

/// An open session.
pub(crate) struct Session {
    pub(crate) api: Api,
    pub(crate) screen: Screen,
    pub(crate) mint: Mint,
    pub(crate) limits: Limits,
    jar: Mutex<Jar>,
    /// Notified when another session takes the place of this one.
    pub(crate) moved: Notify,
    /// Bits of a message's stamp by channel in lower case, as far as known.
    bits: Mutex<HashMap<String, u8>>,
}

/// The bits that are asked for, if the user accepts so many.
///
/// # Errors
/// Why not, in one sentence.
pub(crate) fn bits_within(bits: u8, limits: Limits) -> Result<Bits, String> {
    if limits.max_bits < bits {
        let most = limits.max_bits;
        return Err(format!("a proof of {bits} bits is asked for, and --max-bits allows {most}"));
    }
    Bits::new(bits).map_err(|error| error.to_string())
}

/// Mints with progress on standard error, if that is a terminal.
///
/// # Errors
/// If it was cancelled.
pub(crate) async fn mint_with_progress(mint: &Mint, prefix: &Prefix) -> Result<String, Failure> {
    let is_terminal = std::io::stderr().is_terminal();
    let say = |text: &str| {
        if is_terminal {
            // To the line's beginning, the text, and the rest of the line cleared.
            let _ = write!(std::io::stderr(), "\r{text}\u{1b}[K");
        }
    };
    let stamp = mint.mint(prefix, |progress| say(&format!("Computing {progress}"))).await;
    say("");
    stamp.map_err(|error| Failure::not_admitted(error.to_string()))
}

/// Goes on with the session of the jar, or enters the one of a nick, or opens one.
/// Returns the session's state.
///
/// # Errors
/// [`Failure`].
pub(crate) async fn enter(
    api: &Api,
    jar: &mut Jar,
    mint: &Mint,
    limits: Limits,
    identity: &Identity,
) -> Result<StateView, Failure> {
    // That there is a lobby is found out before anything is done for it.
    let view = describe(api).await?;
    if let Some(place) = jar.place() {
        match api.state(&place.cookie).await {
            Ok(state) => return Ok(state),
            Err(error) if error.is_ended() => jar.empty(),
            Err(error) => return Err(Failure::unreachable(error.to_string())),
        }
    }
    let Opened { nick, cookie } = match &identity.password {
        Some(password) => login(api, identity.nick.as_deref().unwrap_or_default(), password, limits).await?,
        None => open(api, mint, limits, identity.nick.as_deref(), view.hashcash_bits, view.name).await?,
    };
    jar.keep(Place { cookie, last_id: 0 })?;
    Ok(StateView { nick, channels: Vec::new() })
}

/// What the server says of its lobby.
///
/// # Errors
/// [`Failure`] if there is none.
pub(crate) async fn describe(api: &Api) -> Result<ServerView, Failure> {
    api.describe().await.map_err(|error| match error {
        CallError::Refused(Refusal { status: 404, .. }) => {
            Failure::unreachable(format!("{} has no lobby", api.server()))
        }
        error => Failure::unreachable(error.to_string()),
    })
}

async fn open(
    api: &Api,
    mint: &Mint,
    limits: Limits,
    nick: Option<&str>,
    mut bits: u8,
    mut resource: String,
) -> Result<Opened, Failure> {
    let mut patience = Patience::of(limits.patience);
    let mut stamp = None;
    let mut stamps = 0;
    let mut was_lost = false;
    loop {
        if 0 < bits && stamp.is_none() {
            stamps += 1;
            let bits = bits_within(bits, limits).map_err(Failure::not_admitted)?;
            stamp = Some(mint_with_progress(mint, &session::prefix(bits, &resource, now())).await?);
        }
        let error = match api.open(nick, stamp.as_deref()).await {
            Ok(opened) => return Ok(opened),
            Err(error) => error,
        };
        if let CallError::Refused(Refusal { status: 402, hashcash_bits: Some(demanded), resource: name, .. }) = &error
            && stamps < MOST_STAMPS
        {
            // The bits were raised meanwhile, or the stamp is too old by now.
            (bits, stamp) = (*demanded, None);
            resource = name.clone().unwrap_or(resource);
            continue;
        }
        // Our own session may have the nick, of which only the cookie got lost: the
        // server says for how long it keeps the nick for the owner of that cookie.
        let own_nick = if was_lost { error.retry_after() } else { None };
        wait_or_fail(&error, error.try_again_after().or(own_nick), &mut patience).await?;
        if error.is_ambiguous() {
            // It may be spent.
            stamp = None;
            was_lost = true;
        }
    }
}

async fn login(api: &Api, nick: &str, password: &str, limits: Limits) -> Result<Opened, Failure> {
    let mut patience = Patience::of(limits.patience);
    loop {
        match api.login(nick, password).await {
            Ok(opened) => return Ok(opened),
            Err(error) => wait_or_fail(&error, error.try_again_after(), &mut patience).await?,
        }
    }
}

async fn wait_or_fail(error: &CallError, wait: Option<Duration>, patience: &mut Patience) -> Result<(), Failure> {
    match wait {
        Some(at_least) if patience.wait(at_least).await => Ok(()),
        Some(_) => Err(Failure::unreachable(error.to_string())),
        None => Err(Failure::not_admitted(error.to_string())),
    }
}

impl Session {
    /// The session that was entered, with everything around it.
    pub(crate) fn new(api: Api, jar: Jar, screen: Screen, mint: Mint, limits: Limits, state: &StateView) -> Self {
        let (jar, moved, bits) = (Mutex::new(jar), Notify::new(), Mutex::default());
        let session = Self { api, screen, mint, limits, jar, moved, bits };
        for channel in &state.channels {
            session.note_bits(&channel.name, channel.hashcash_bits);
        }
        session
    }

    /// The cookie, and how far its messages were shown.
    ///
    /// # Errors
    /// [`Failure`] once the session was ended.
    pub(crate) fn place(&self) -> Result<Place, Failure> {
        self.jar().place().ok_or_else(Failure::ended)
    }

    /// Notes that all messages up to `last_id` were shown.
    ///
    /// # Errors
    /// [`Failure`] if the jar cannot be written.
    pub(crate) fn shown(&self, cookie: &Cookie, last_id: u64) -> Result<(), Failure> {
        let mut jar = self.jar();
        if jar.place().is_some_and(|place| place.cookie == *cookie) {
            jar.keep(Place { cookie: cookie.clone(), last_id })?;
        }
        Ok(())
    }

    /// Goes on in the session of a nick; leaves the one before.
    ///
    /// # Errors
    /// The server's reason, as a text; or [`Failure`].
    pub(crate) async fn login(&self, nick: &str, password: &str) -> Result<Result<String, String>, Failure> {
        let Opened { nick, cookie } = match self.api.login(nick, password).await {
            Ok(opened) => opened,
            Err(error) => return Ok(Err(error.to_string())),
        };
        let before = self.place()?;
        self.jar().keep(Place { cookie, last_id: 0 })?;
        lock(&self.bits).clear();
        self.moved.notify_waiters();
        // The new one is open whatever becomes of the old one, which expires.
        let _ = self.api.logout(&before.cookie).await;
        Ok(Ok(nick))
    }

    /// Forgets a session that was ended.
    pub(crate) fn forget(&self) {
        self.jar().empty();
    }

    /// The bits of a message's stamp in a channel, as far as known.
    pub(crate) fn bits_of(&self, channel: &str) -> u8 {
        let bits = lock(&self.bits);
        bits.get(&channel.to_ascii_lowercase()).copied().unwrap_or(0)
    }

    /// Notes the bits of a message's stamp in a channel.
    pub(crate) fn note_bits(&self, channel: &str, bits: u8) {
        let mut all = lock(&self.bits);
        if bits == 0 {
            all.remove(&channel.to_ascii_lowercase());
        } else {
            all.insert(channel.to_ascii_lowercase(), bits);
        }
    }

    /// Learns from what happened. When the modes of a channel change, what was known
    /// of its stamps may be wrong: the next message will find out.
    pub(crate) fn observe(&self, event: &Event) {
        if event.command == "MODE" && event.param(0).contains('H') {
            self.note_bits(&event.to, 0);
        }
    }

    fn jar(&self) -> MutexGuard<'_, Jar> {
        lock(&self.jar)
    }
}
