//! The client, and the way through a proxy: a tiny one on this machine.

use super::*;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};
use tokio_rustls::TlsAcceptor;

const LONG: Duration = Duration::from_secs(600);

#[test]
fn a_client_can_be_made_with_and_without_certificates_of_the_system() {
    let proxies = ProxySettings::default();
    assert!(https_client(&proxies, Duration::from_secs(5)).is_ok());
    assert!(client_trusting(RootCertStore::empty(), &proxies, Duration::from_secs(5)).is_ok());
    assert!(!trusted_certificates().is_empty());
}

#[test]
fn addresses_of_proxies_are_checked_and_never_shown() {
    for good in ["http://10.0.0.1:3128", "https://user:s3cret@proxy.test/", "proxy.test:3128", "user:s3cret@proxy.test"]
    {
        let url: ProxyUrl = good.parse().unwrap();
        assert_eq!(format!("{url:?}"), "ProxyUrl(…)");
    }
    for bad in ["", "socks5://proxy.test", "http://", "ftp://proxy.test"] {
        assert_eq!(bad.parse::<ProxyUrl>(), Err(InvalidProxyUrl), "{bad:?}");
    }
}

/// Reads the head of a request.
async fn head(connection: &mut TcpStream) -> String {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        head.push(char::from(connection.read_u8().await.unwrap()));
    }
    head
}

/// A server that answers whatever it is asked with its name. Says what it was asked.
async fn server(name: &'static str) -> (String, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (seen, heads) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        loop {
            let (mut connection, _) = listener.accept().await.unwrap();
            seen.send(head(&mut connection).await).unwrap();
            let answer =
                format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{name}", name.len());
            connection.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    (address, heads)
}

/// A proxy that opens every tunnel it is asked for to `behind`. Says what it was asked.
async fn tunnels(behind: String) -> (String, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (seen, heads) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        loop {
            let (mut connection, _) = listener.accept().await.unwrap();
            seen.send(head(&mut connection).await).unwrap();
            connection.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.unwrap();
            let mut server = TcpStream::connect(&behind).await.unwrap();
            tokio::spawn(async move { tokio::io::copy_bidirectional(&mut connection, &mut server).await });
        }
    });
    (address, heads)
}

/// What makes a server on this machine one behind TLS by `name`, and the certificates
/// that prove it.
pub(crate) fn tls_acceptor(name: &str) -> (TlsAcceptor, RootCertStore) {
    let rcgen::CertifiedKey { cert, signing_key } = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    let mut trusted = RootCertStore::empty();
    trusted.add(cert.der().clone()).unwrap();
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(signing_key.serialize_der());
    let tls = rustls::ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key.into())
        .unwrap();
    (TlsAcceptor::from(Arc::new(tls)), trusted)
}

/// A server behind TLS by the name receiver.test, and the certificates that prove it.
async fn tls_server() -> (String, RootCertStore) {
    let (acceptor, trusted) = tls_acceptor("receiver.test");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        loop {
            let (connection, _) = listener.accept().await.unwrap();
            let Ok(mut connection) = acceptor.accept(connection).await else { continue };
            let _ = connection.read_u8().await;
            let answer = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 3\r\n\r\ntls";
            connection.write_all(answer).await.unwrap();
            connection.shutdown().await.unwrap();
        }
    });
    (address, trusted)
}

async fn get(client: &Client, url: &str) -> String {
    client.get(url).send().await.unwrap().text().await.unwrap()
}

#[tokio::test]
async fn http_goes_through_its_proxy_but_for_what_is_excepted_and_this_machine() {
    let (proxy, mut asked) = server("proxy").await;
    let (direct, mut heard) = server("direct").await;
    let settings = ProxySettings {
        http: Some(format!("user:s3cret@{proxy}").parse().unwrap()),
        https: None,
        not_for: "excepted.test, 192.0.2.0/24".to_owned(),
    };
    let client = https_client(&settings, LONG).unwrap();
    assert_eq!(get(&client, "http://receiver.test/hook").await, "proxy");
    let head = asked.recv().await.unwrap().to_ascii_lowercase();
    assert!(head.starts_with("get http://receiver.test/hook http/1.1\r\n"), "{head}");
    assert!(head.contains("proxy-authorization: basic dxnlcjpzm2nyzxq="), "{head}");
    assert_eq!(get(&client, &format!("http://{direct}/hook")).await, "direct");
    assert!(heard.recv().await.unwrap().starts_with("GET /hook HTTP/1.1\r\n"));
    // There are no such servers: what counts is that the proxy is not asked.
    let hasty = https_client(&settings, Duration::from_millis(200)).unwrap();
    for excepted in ["http://excepted.test/", "http://www.excepted.test/", "http://192.0.2.7/"] {
        assert!(hasty.get(excepted).send().await.is_err(), "{excepted}");
    }
    assert!(asked.try_recv().is_err());
}

#[tokio::test]
async fn https_goes_through_a_tunnel_of_its_proxy() {
    let (secure, trusted) = tls_server().await;
    let (proxy, mut asked) = tunnels(secure).await;
    let https = Some(proxy.parse().unwrap());
    let settings = ProxySettings { https, ..ProxySettings::default() };
    let client = client_trusting(trusted, &settings, LONG).unwrap();
    assert_eq!(get(&client, "https://receiver.test/hook").await, "tls");
    let head = asked.recv().await.unwrap();
    assert!(head.starts_with("CONNECT receiver.test:443 HTTP/1.1\r\n") && !head.contains("hook"), "{head}");
}

#[tokio::test]
async fn without_proxies_none_is_asked() {
    let (direct, mut heard) = server("direct").await;
    let client = https_client(&ProxySettings::default(), LONG).unwrap();
    assert_eq!(get(&client, &format!("http://{direct}/")).await, "direct");
    assert!(heard.recv().await.is_some());
}
