//! Where the server listens, and how many TCP connections it holds.

use super::{reader::Reader, variable::WithDefault};
use crate::connections::ConnectionSettings;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

pub(super) const PORT: WithDefault = WithDefault::new("PORT", "8000", "TCP port to listen on");

pub(super) const HOST: WithDefault = WithDefault::new("HOST", "0.0.0.0", "address to listen on");

pub(super) const LIMIT_CONNECTIONS_PER_PEER: WithDefault = WithDefault::new(
    "HASHPASS_LIMIT_CONNECTIONS_PER_PEER",
    "4000",
    "TCP connections of one peer open at once; trusted proxies have no such limit; 0: no limit",
);

pub(super) const LIMIT_CONNECTIONS: WithDefault = WithDefault::new(
    "HASHPASS_LIMIT_CONNECTIONS",
    "20000",
    "TCP connections open at once over all peers; 0: as many as the system's limit of open files allows",
);

/// The address to listen on.
pub(super) fn listen(reader: &mut Reader<'_>) -> SocketAddr {
    let host = reader.parse(&HOST, "an IP address", |text| match text {
        "localhost" => Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        _ => text.trim_matches(['[', ']']).parse().ok(),
    });
    let port = reader.parse(&PORT, "a port from 0 to 65535", |text| text.parse().ok());
    SocketAddr::new(host, port)
}

/// The settings of connections.
pub(super) fn connections(reader: &mut Reader<'_>) -> ConnectionSettings {
    let in_all = reader.limit(&LIMIT_CONNECTIONS) as usize;
    let per_peer = reader.limit(&LIMIT_CONNECTIONS_PER_PEER) as usize;
    ConnectionSettings::new(in_all, per_peer)
}
