//! Passwords: Argon2id with the crate `argon2` and its recommended cost (19 MiB,
//! two passes), in a few threads of their own with a bounded queue. A guess at an
//! unknown nick costs as much as one at a known one.

use super::store::StoreError;
use crate::lock::lock;
use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use rand::Rng;
use std::{
    panic::AssertUnwindSafe,
    sync::{
        Arc, Mutex, OnceLock,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
};
use tokio::sync::oneshot;

/// How many passwords are hashed at once: never more than one core's worth.
const THREADS: usize = 1;

/// How many may wait for a thread.
const MOST_WAITING: usize = 64;

type Job = Box<dyn FnOnce() + Send>;

/// A handle to the threads, which end with it.
#[derive(Debug)]
pub(super) struct Passwords {
    jobs: SyncSender<Job>,
}

impl Passwords {
    /// Starts the threads.
    pub(super) fn start() -> Self {
        let (jobs, waiting) = sync_channel::<Job>(MOST_WAITING);
        let waiting = Arc::new(Mutex::new(waiting));
        for _ in 0..THREADS {
            let waiting = waiting.clone();
            thread::spawn(move || {
                // Computed before it is needed, so that the first guess at an unknown
                // nick takes no longer than others.
                decoy_hash();
                while let Some(job) = next(&waiting) {
                    if std::panic::catch_unwind(AssertUnwindSafe(job)).is_err() {
                        tracing::error!("hashing a password panicked; its thread goes on");
                    }
                }
            });
        }
        Self { jobs }
    }

    /// The hash of a password with a random salt, as a PHC string.
    pub(super) async fn hash(&self, password: String) -> Result<String, StoreError> {
        self.run(move || hash(&password)).await?.ok_or(StoreError::Failed)
    }

    /// True if the password has this hash; without a hash, false after as long.
    pub(super) async fn matches(&self, password: String, hash: Option<String>) -> Result<bool, StoreError> {
        self.run(move || {
            let known = hash.is_some();
            let hash = hash.unwrap_or_else(decoy_hash);
            let parsed = PasswordHash::new(&hash);
            let right = parsed.is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok());
            known && right
        })
        .await
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, StoreError> {
        let (answer, result) = oneshot::channel();
        let job = Box::new(move || drop(answer.send(work())));
        self.jobs.try_send(job).map_err(|_| StoreError::Busy)?;
        result.await.map_err(|_| StoreError::Failed)
    }
}

fn next(waiting: &Mutex<Receiver<Job>>) -> Option<Job> {
    lock(waiting).recv().ok()
}

fn hash(password: &str) -> Option<String> {
    let mut salt = [0; 16];
    rand::rng().fill_bytes(&mut salt);
    let hash = Argon2::default().hash_password_with_salt(password.as_bytes(), &salt);
    match hash {
        Ok(hash) => Some(hash.to_string()),
        Err(error) => {
            tracing::error!(%error, "a password could not be hashed");
            None
        }
    }
}

/// The hash that guesses at unknown nicks are compared with.
fn decoy_hash() -> String {
    static HASH: OnceLock<String> = OnceLock::new();
    HASH.get_or_init(|| hash("nobody has this password").unwrap_or_default()).clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_right_password_matches_its_hash() {
        let passwords = Passwords::start();
        let hash = passwords.hash("correct horse".into()).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(passwords.matches("correct horse".into(), Some(hash.clone())).await.unwrap());
        assert!(!passwords.matches("wrong horse".into(), Some(hash)).await.unwrap());
        // Not even the one that nobody has.
        assert!(!passwords.matches("nobody has this password".into(), None).await.unwrap());
        assert!(!passwords.matches("x".into(), Some("no hash".into())).await.unwrap());
    }

    #[test]
    fn a_full_queue_refuses_at_once() {
        let (jobs, _nobody_works) = sync_channel(1);
        let passwords = Passwords { jobs };
        let mut first = Box::pin(passwords.hash("x".into()));
        let mut second = Box::pin(passwords.hash("x".into()));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(first.as_mut().poll(&mut context).is_pending());
        assert_eq!(second.as_mut().poll(&mut context), std::task::Poll::Ready(Err(StoreError::Busy)));
    }
}
