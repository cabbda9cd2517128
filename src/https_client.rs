//! The client for calls to other servers.
//!
//! It speaks HTTP/1.1 and TLS 1.2 or 1.3, and trusts the certificates that the
//! system trusts (`SSL_CERT_FILE` and `SSL_CERT_DIR` count); on a system that has
//! none, as in an empty container, it trusts Mozilla's, which are compiled in.
//!
//! It never follows a redirect, so that what is meant for one host never reaches
//! another, and never uses a proxy, so that the configuration alone decides where
//! calls go. It keeps no cookies.

use reqwest::{Client, redirect};
use rustls::{ClientConfig, RootCertStore, crypto::ring};
use std::{sync::Arc, time::Duration};

/// Why the client cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The cryptography does not offer the versions of TLS that we ask for.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
    /// The client refuses its settings.
    #[error("The client for other servers cannot be made: {0}")]
    Client(#[from] reqwest::Error),
}

/// A client whose every call ends within `time_limit`, connecting and reading the
/// answer included. Cheap to clone; clones share their connections.
///
/// # Errors
/// [`ClientError`].
pub fn https_client(time_limit: Duration) -> Result<Client, ClientError> {
    client_trusting(trusted_certificates(), time_limit)
}

/// As [`https_client`], with the certificates that are trusted.
pub(super) fn client_trusting(certificates: RootCertStore, time_limit: Duration) -> Result<Client, ClientError> {
    let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(certificates)
        .with_no_client_auth();
    let client = Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(redirect::Policy::none())
        .no_proxy()
        .timeout(time_limit)
        .user_agent(concat!("HashPass/", env!("CARGO_PKG_VERSION")))
        .build()?;
    Ok(client)
}

/// The system's certificates, or else Mozilla's.
fn trusted_certificates() -> RootCertStore {
    let mut store = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::warn!(%error, "a certificate of the system cannot be read");
    }
    // Certificates that cannot be understood are left out: old stores have some.
    store.add_parsable_certificates(found.certs);
    if store.is_empty() {
        tracing::info!("the system has no certificates; Mozilla's are used");
        store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    store
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_can_be_made_with_and_without_certificates_of_the_system() {
        assert!(https_client(Duration::from_secs(5)).is_ok());
        assert!(client_trusting(RootCertStore::empty(), Duration::from_secs(5)).is_ok());
        assert!(!trusted_certificates().is_empty());
    }
}
