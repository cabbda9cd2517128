//! The client for calls to other servers.
//!
//! It speaks HTTP/1.1 and TLS 1.2 or 1.3, and trusts the certificates that the
//! system trusts (`SSL_CERT_FILE` and `SSL_CERT_DIR` count); on a system that has
//! none, as in an empty container, it trusts Mozilla's, which are compiled in.
//!
//! It never follows a redirect, so that what is meant for one host never reaches
//! another, and goes through a proxy only if the configuration names one
//! ([`ProxySettings`]). It keeps no cookies.

#[cfg(test)]
pub(crate) mod tests;

use reqwest::{Client, NoProxy, Proxy, Url, redirect};
use rustls::{ClientConfig, RootCertStore, crypto::ring};
use std::{fmt, str::FromStr, sync::Arc, time::Duration};

/// Whatever the configuration says, what runs on this machine is called directly: a
/// proxy elsewhere would look for it on its own.
const NEVER_BY_PROXY: &str = "localhost,127.0.0.0/8,::1";

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

/// Through which proxies other servers are called.
#[derive(Clone, Debug, Default)]
pub struct ProxySettings {
    /// `HTTP_PROXY`: for addresses that begin with http.
    pub http: Option<ProxyUrl>,
    /// `HTTPS_PROXY`: for addresses that begin with https. The proxy is asked for a
    /// connection (`CONNECT`) and cannot read what goes through it.
    pub https: Option<ProxyUrl>,
    /// `NO_PROXY`: what is called directly. Names with all names below them, addresses,
    /// networks as CIDR, or `*`, separated by commas. This machine is always among them.
    pub not_for: String,
}

/// The address of a proxy: http or https.
///
/// Hidden in debug output: a user name and password may be in it.
#[derive(Clone, PartialEq, Eq)]
pub struct ProxyUrl(Url);

/// The text is no address of a proxy. It is not repeated here: it may hold a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an address that starts with http:// or https://, or a name and a port")]
pub struct InvalidProxyUrl;

impl FromStr for ProxyUrl {
    type Err = InvalidProxyUrl;

    fn from_str(text: &str) -> Result<Self, InvalidProxyUrl> {
        let with_scheme = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let url: Url = with_scheme.parse().map_err(|_| InvalidProxyUrl)?;
        if matches!(url.scheme(), "http" | "https") { Ok(Self(url)) } else { Err(InvalidProxyUrl) }
    }
}

impl fmt::Debug for ProxyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProxyUrl(…)")
    }
}

/// A client whose every call ends within `time_limit`, connecting and reading the
/// answer included. Cheap to clone; clones share their connections.
///
/// # Errors
/// [`ClientError`].
pub fn https_client(proxies: &ProxySettings, time_limit: Duration) -> Result<Client, ClientError> {
    client_trusting(trusted_certificates(), proxies, time_limit)
}

/// As [`https_client`], with the certificates that are trusted.
pub(super) fn client_trusting(
    certificates: RootCertStore,
    proxies: &ProxySettings,
    time_limit: Duration,
) -> Result<Client, ClientError> {
    let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(certificates)
        .with_no_client_auth();
    // Without any other proxy: the environment is read by the configuration alone.
    let mut client = Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(redirect::Policy::none())
        .no_proxy()
        .timeout(time_limit)
        .user_agent(concat!("HashPass/", env!("CARGO_PKG_VERSION")));
    let not_for = NoProxy::from_string(&format!("{},{NEVER_BY_PROXY}", proxies.not_for));
    if let Some(ProxyUrl(url)) = &proxies.http {
        client = client.proxy(Proxy::http(url.clone())?.no_proxy(not_for.clone()));
    }
    if let Some(ProxyUrl(url)) = &proxies.https {
        client = client.proxy(Proxy::https(url.clone())?.no_proxy(not_for));
    }
    Ok(client.build()?)
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
