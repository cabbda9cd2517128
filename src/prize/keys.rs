//! The keys that other servers show: made once, shown once, and kept as digests.
//!
//! A key is `hpk_` and 64 hexadecimal digits from 32 random bytes. The ledger has its
//! SHA-256, what it is good for, and when it was made, used and revoked; so nobody can
//! read a key out of a copy of the ledger. Operators make and revoke keys, from the
//! command line or elsewhere, and each time the ledger says who did it and why.

use crate::{
    clock::Clock,
    gate::limits::Bucket,
    ledger::{
        Body, Change, CommitError, Digest, Ledger, Refused, StoreError, Transaction,
        body::OperatorAction,
        callers::{ApiKeyRow, NewKey},
    },
    lock::lock,
};
use puzzle::RoundNumber;
use rand::Rng;
use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

/// What every key begins with.
const PREFIX: &str = "hpk_";

/// The longest name of a key, in bytes.
const LONGEST_NAME: usize = 64;

/// How many calls a second a key may make …
const CALLS_PER_SECOND: f64 = 100.0;

/// … and how many at once.
const CALLS_AT_ONCE: f64 = 200.0;

/// So often the ledger is told that a key is in use.
const NOTE_INTERVAL: Duration = Duration::from_secs(60);

/// What a key is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// `codes:read`: to see how codes stand.
    Read,
    /// `codes:redeem`: to use codes, and to see for what they were used.
    Redeem,
    /// `codes:revoke`: to make codes worthless.
    Revoke,
    /// `codes:identity`: to see who won codes.
    Identity,
}

impl Scope {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Read, Self::Redeem, Self::Revoke, Self::Identity];

    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "codes:read",
            Self::Redeem => "codes:redeem",
            Self::Revoke => "codes:revoke",
            Self::Identity => "codes:identity",
        }
    }
}

/// Several scopes, each once, in the order of [`Scope::ALL`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scopes(Vec<Scope>);

/// The words are no scopes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidScopes {
    /// There is none.
    #[error("a key needs a scope: one or more of {all}", all = Scopes::all_in_words())]
    None,
    /// There is no such scope.
    #[error("there is no scope {0:?}: take some of {all}", all = Scopes::all_in_words())]
    Unknown(String),
}

impl Scopes {
    /// The scopes that words name.
    ///
    /// # Errors
    /// [`InvalidScopes`].
    pub fn named<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, InvalidScopes> {
        let mut scopes = Vec::new();
        for name in names {
            let scope = Scope::ALL.into_iter().find(|scope| scope.name() == name);
            scopes.push(scope.ok_or_else(|| InvalidScopes::Unknown(name.to_owned()))?);
        }
        scopes.sort();
        scopes.dedup();
        if scopes.is_empty() { Err(InvalidScopes::None) } else { Ok(Self(scopes)) }
    }

    /// True if this is one of them.
    pub fn contain(&self, scope: Scope) -> bool {
        self.0.contains(&scope)
    }

    /// As the ledger has them. What it says of scopes that are not known here, because a
    /// newer version wrote it, is good for nothing here.
    fn stored(text: &str) -> Self {
        let is_named = |scope: &Scope| text.split(' ').any(|name| name == scope.name());
        Self(Scope::ALL.into_iter().filter(is_named).collect())
    }

    fn all_in_words() -> String {
        Scope::ALL.map(Scope::name).join(", ")
    }
}

/// The words, with spaces between them.
impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, scope) in self.0.iter().enumerate() {
            write!(f, "{}{}", if number == 0 { "" } else { " " }, scope.name())?;
        }
        Ok(())
    }
}

/// A key that was just made. It is told once, and its debug form does not show it.
pub struct NewSecret(String);

impl NewSecret {
    /// The characters, for whoever is to use the key.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for NewSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NewSecret(…)")
    }
}

/// Why an operator's wish is not granted.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The name cannot be one.
    #[error("a key's name has 1 to {LONGEST_NAME} letters, digits, dots, hyphens and underscores")]
    BadName,
    /// A key had this name before, or none has it that could be revoked.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The ledger cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<CommitError> for KeyError {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Refused(refused) => Self::Refused(refused),
            CommitError::Store(error) => Self::Store(error),
        }
    }
}

/// Makes a key. `who` wants it and `why` are kept in the ledger.
///
/// # Errors
/// [`KeyError`].
pub async fn create(
    ledger: &dyn Ledger,
    name: &str,
    scopes: &Scopes,
    who: String,
    why: String,
) -> Result<NewSecret, KeyError> {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if name.is_empty() || LONGEST_NAME < name.len() || !name.bytes().all(is_name) {
        return Err(KeyError::BadName);
    }
    let mut bytes = [0; 32];
    rand::rng().fill_bytes(&mut bytes);
    // A digest is written as the digits that are wanted here.
    let secret = format!("{PREFIX}{}", Digest::from_bytes(bytes));
    let key = NewKey { name: name.to_owned(), digest: digest_of(&secret), scopes: scopes.to_string() };
    let action = OperatorAction {
        who,
        what: format!("create the API key {name}"),
        before: String::new(),
        after: key.scopes.clone(),
        why,
    };
    let transaction = Transaction::new().with(Change::CreateKey(key)).append(RoundNumber(0), Body::Operator(action));
    ledger.commit(transaction).await?;
    Ok(NewSecret(secret))
}

/// Makes a key good for nothing, from this moment on. `who` wants it and `why` are kept in
/// the ledger.
///
/// # Errors
/// [`KeyError`].
pub async fn revoke(ledger: &dyn Ledger, name: &str, who: String, why: String) -> Result<(), KeyError> {
    let action = OperatorAction {
        who,
        what: format!("revoke the API key {name}"),
        before: "active".to_owned(),
        after: "revoked".to_owned(),
        why,
    };
    let transaction =
        Transaction::new().with(Change::RevokeKey(name.to_owned())).append(RoundNumber(0), Body::Operator(action));
    ledger.commit(transaction).await?;
    Ok(())
}

/// All keys, revoked ones too, in the order of their names.
///
/// # Errors
/// [`StoreError`].
pub async fn list(ledger: &dyn Ledger) -> Result<Vec<ApiKeyRow>, StoreError> {
    ledger.api_keys().await
}

fn digest_of(secret: &str) -> Digest {
    Digest::of(&[secret.as_bytes()])
}

/// Another server that has shown a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// What operators call the key.
    pub name: String,
    /// What it is good for.
    pub scopes: Scopes,
    /// SHA-256 of the key.
    pub(super) digest: Digest,
}

/// Why a server is not let in.
#[derive(Clone, Debug, thiserror::Error)]
pub enum NotAdmitted {
    /// The key is unknown or revoked: nobody is told which.
    #[error("no such API key, or it was revoked")]
    InvalidKey,
    /// The key is used more often than a key may be.
    #[error("an API key is good for {CALLS_PER_SECOND} calls a second, {CALLS_AT_ONCE} at once")]
    TooMany {
        /// When one more call will be allowed.
        retry_after: Duration,
    },
    /// The ledger cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Lets other servers in by their keys. A cheap handle.
#[derive(Clone)]
pub struct Doorkeeper {
    ledger: Arc<dyn Ledger>,
    clock: Arc<dyn Clock>,
    /// How much each key has used; one for each good key that was shown, so that it cannot
    /// be filled from outside.
    uses: Arc<Mutex<HashMap<Digest, Uses>>>,
}

/// How a key is used.
#[derive(Debug)]
struct Uses {
    bucket: Bucket,
    /// When the ledger was told last.
    noted_at: Option<Duration>,
}

impl fmt::Debug for Doorkeeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Doorkeeper").finish_non_exhaustive()
    }
}

impl Doorkeeper {
    /// Nobody has called yet.
    pub fn new(ledger: Arc<dyn Ledger>, clock: Arc<dyn Clock>) -> Self {
        Self { ledger, clock, uses: Arc::default() }
    }

    /// Who shows this key. It is looked up by its digest, so that an unknown key takes as
    /// long as a revoked one, and how long that is says nothing of the keys there are.
    ///
    /// # Errors
    /// [`NotAdmitted`].
    pub async fn admit(&self, secret: &str) -> Result<Caller, NotAdmitted> {
        let digest = digest_of(secret);
        let row = self.ledger.active_key(digest).await?.ok_or(NotAdmitted::InvalidKey)?;
        let is_news = self.count(digest).map_err(|retry_after| NotAdmitted::TooMany { retry_after })?;
        if is_news {
            // Nobody waits for that: it is for people who look through their keys.
            drop(self.ledger.commit(Transaction::new().with(Change::NoteKeyUse(digest))));
        }
        Ok(Caller { name: row.key.name, scopes: Scopes::stored(&row.key.scopes), digest })
    }

    /// Counts a call, and says whether the ledger is to be told of it.
    fn count(&self, digest: Digest) -> Result<bool, Duration> {
        let now = self.clock.now();
        let mut uses = lock(&self.uses);
        let fresh = || Uses { bucket: Bucket::full(CALLS_AT_ONCE, now), noted_at: None };
        let uses = uses.entry(digest).or_insert_with(fresh);
        uses.bucket.take(CALLS_PER_SECOND, CALLS_AT_ONCE, now)?;
        let is_news = uses.noted_at.is_none_or(|noted_at| noted_at + NOTE_INTERVAL <= now);
        if is_news {
            uses.noted_at = Some(now);
        }
        Ok(is_news)
    }
}

#[cfg(test)]
mod tests;
