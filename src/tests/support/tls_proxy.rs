//! A proxy that ends TLS before a server, and says who calls.

use rustls::{ClientConfig, RootCertStore, ServerConfig, crypto::ring};
use std::{net::SocketAddr, sync::Arc};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{TlsAcceptor, TlsConnector, server::TlsStream};

/// The name in the proxy's certificate.
pub const NAME: &str = "race.test";

/// A proxy on this machine.
pub struct TlsProxy {
    address: SocketAddr,
    connector: TlsConnector,
}

impl TlsProxy {
    /// A proxy before the server at `server`, which adds `lines` to the head of every request.
    pub async fn start(server: SocketAddr, lines: &'static str) -> Self {
        let rcgen::CertifiedKey { cert, signing_key } =
            rcgen::generate_simple_self_signed(vec![NAME.to_owned()]).unwrap();
        let provider = Arc::new(ring::default_provider());
        let identity = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], signing_key.serialize_der().try_into().unwrap())
            .unwrap();
        let mut trusted = RootCertStore::empty();
        trusted.add(cert.der().clone()).unwrap();
        let client = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(trusted)
            .with_no_client_auth();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(identity));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        pass_on(stream, server, lines).await;
                    }
                });
            }
        });
        Self { address, connector: TlsConnector::from(Arc::new(client)) }
    }

    /// What a request is answered with: a whole request that asks for the connection to
    /// be closed.
    pub async fn exchange(&self, request: &str) -> String {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let mut stream = self.connector.connect(NAME.try_into().unwrap(), stream).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        // The other side need not say good-bye to TLS.
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    }
}

async fn pass_on(mut client: TlsStream<TcpStream>, server: SocketAddr, lines: &str) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await.unwrap());
    }
    let request_line = head.windows(2).position(|bytes| bytes == b"\r\n").unwrap() + 2;
    let head = [&head[..request_line], lines.as_bytes(), &head[request_line..]].concat();
    let mut server = TcpStream::connect(server).await.unwrap();
    server.write_all(&head).await.unwrap();
    let _ = copy_bidirectional(&mut client, &mut server).await;
}
