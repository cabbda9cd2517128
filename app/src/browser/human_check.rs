//! The human check: the one place that yields a token for a session.

use crate::wire::TurnstileConfig;

/// A token that says that a human is here; `None` if this page cannot get one.
///
/// In test mode every token passes, and nobody is asked.
#[allow(clippy::unused_async)] // A person needs time to answer; test mode does not.
pub async fn token(config: &TurnstileConfig) -> Option<String> {
    config.test_mode.then(|| "test".to_owned())
}
