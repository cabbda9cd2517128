//! What the operator decides about the lobby.

use super::store::Database;
use puzzle::stamp::Bits;

/// What the lobby is run with.
#[derive(Clone, Debug)]
pub struct LobbySettings {
    /// `HASHPASS_LOBBY_DB`: where the lobby's database is.
    pub database: Database,
    /// `HASHPASS_HASHCASH_BITS`: leading zero bits of a session stamp; zero asks for
    /// none.
    pub hashcash_bits: Bits,
    /// `HASHPASS_SERVER_NAME`: in events from the server and in session stamps.
    pub server_name: String,
    /// `HASHPASS_LOBBY_MOTD`: the message of the day, one line.
    pub motd: String,
    /// `HASHPASS_LOBBY_HISTORY`: messages kept of each channel and each conversation.
    pub history: u32,
    /// `HASHPASS_LOBBY_MAX_BYTES`: what the database and its log may take up together, in
    /// bytes.
    pub max_bytes: u64,
    /// `HASHPASS_LOBBY_SESSIONS_PER_HOUR`: new sessions, for everybody together.
    pub sessions_per_hour: u32,
    /// `HASHPASS_CORS_ORIGINS`: origins whose pages may use the lobby beside the server's
    /// own, in lower case.
    pub cors_origins: Vec<String>,
}
