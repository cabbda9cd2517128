//! Proxies that get in the way.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// A proxy that breaks the first connection on which `word` is said, after the server
/// has answered and before anybody hears of it. True once that was done.
pub(super) async fn break_after(word: &'static str, upstream: SocketAddr) -> (SocketAddr, Arc<AtomicBool>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (said, broken) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let was_broken = broken.clone();
    tokio::spawn(async move {
        loop {
            let (client, _) = listener.accept().await.unwrap();
            let (mut from_client, mut to_client) = client.into_split();
            let (mut from_server, mut to_server) = TcpStream::connect(upstream).await.unwrap().into_split();
            let (said, broken, breaks) = (said.clone(), broken.clone(), Arc::new(AtomicBool::new(false)));
            let breaking = breaks.clone();
            let up = async move {
                let mut bytes = vec![0; 16 * 1024];
                while let Ok(length @ 1..) = from_client.read(&mut bytes).await {
                    if String::from_utf8_lossy(&bytes[..length]).contains(word) && !said.swap(true, SeqCst) {
                        breaking.store(true, SeqCst);
                    }
                    to_server.write_all(&bytes[..length]).await.unwrap();
                }
            };
            let down = async move {
                let mut bytes = vec![0; 16 * 1024];
                while let Ok(length @ 1..) = from_server.read(&mut bytes).await {
                    if breaks.load(SeqCst) {
                        broken.store(true, SeqCst);
                        return;
                    }
                    to_client.write_all(&bytes[..length]).await.unwrap();
                }
            };
            tokio::spawn(async move {
                tokio::select! {
                    () = up => {}
                    () = down => {}
                }
            });
        }
    });
    (address, was_broken)
}

/// A proxy that changes `from` into `to`, of the same length, where it first comes in
/// an answer.
pub(super) async fn replace_once(from: &'static str, to: &'static str, upstream: SocketAddr) -> SocketAddr {
    assert_eq!(from.len(), to.len());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let done = Arc::new(AtomicBool::new(false));
    tokio::spawn(async move {
        loop {
            let (client, _) = listener.accept().await.unwrap();
            let (mut from_client, mut to_client) = client.into_split();
            let (mut from_server, mut to_server) = TcpStream::connect(upstream).await.unwrap().into_split();
            tokio::spawn(async move { tokio::io::copy(&mut from_client, &mut to_server).await });
            let done = done.clone();
            tokio::spawn(async move {
                let mut bytes = vec![0; 16 * 1024];
                while let Ok(length @ 1..) = from_server.read(&mut bytes).await {
                    let text = &mut bytes[..length];
                    let at = text.windows(from.len()).position(|part| part == from.as_bytes());
                    if let Some(at) = at
                        && !done.swap(true, SeqCst)
                    {
                        text[at..at + to.len()].copy_from_slice(to.as_bytes());
                    }
                    if to_client.write_all(text).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}
