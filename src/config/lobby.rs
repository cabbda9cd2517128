//! The lobby, and the session stamps that it shares with the gate.

use super::{
    reader::Reader,
    variable::{Optional, WithDefault},
};
use crate::lobby::{LobbySettings, store::Database};
use puzzle::stamp::Bits;
use std::path::Path;

pub(super) const HASHCASH_BITS: WithDefault =
    WithDefault::new("HASHPASS_HASHCASH_BITS", "20", "leading zero bits of a session stamp (0 to 40); 0 asks for none");

pub(super) const NEOIRC_HASHCASH_BITS: Optional =
    Optional::new("NEOIRC_HASHCASH_BITS", "the same setting under its other name").computed(HASHCASH_BITS.default);

pub(super) const SERVER_NAME: WithDefault = WithDefault::new(
    "HASHPASS_SERVER_NAME",
    "hashpass",
    "the server's name in the lobby and in stamps: letters, digits, dots and hyphens",
);

pub(super) const LOBBY_DB: Optional =
    Optional::new("HASHPASS_LOBBY_DB", "file of the lobby's SQLite database, or :memory:")
        .computed("HASHPASS_DATA_DIR/lobby.db");

pub(super) const LOBBY_HISTORY: WithDefault =
    WithDefault::new("HASHPASS_LOBBY_HISTORY", "10000", "messages kept of each channel and each conversation");

pub(super) const LOBBY_MAX_BYTES: WithDefault = WithDefault::new(
    "HASHPASS_LOBBY_MAX_BYTES",
    "1073741824",
    "bytes that the lobby's database and its log may take up together (67108864 to 1099511627776); the oldest history \
     goes first",
);

/// The least and the most that may be set: 64 MiB hold as many people and channels as
/// there can usually be, and nobody talks a terabyte.
const LEAST_BYTES: u64 = 64 << 20;
const MOST_BYTES: u64 = 1 << 40;

pub(super) const LOBBY_SESSIONS_PER_HOUR: WithDefault = WithDefault::new(
    "HASHPASS_LOBBY_SESSIONS_PER_HOUR",
    "600",
    "new lobby sessions that are opened for everybody together",
);

pub(super) const LOBBY_MOTD: WithDefault = WithDefault::new(
    "HASHPASS_LOBBY_MOTD",
    "Welcome to the lobby.",
    "the message of the day that the lobby greets with",
);

pub(super) const CORS_ORIGINS: Optional = Optional::new(
    "HASHPASS_CORS_ORIGINS",
    "origins whose pages may use the lobby beside the server's own, separated by commas",
);

/// The settings of the lobby, whose database is in the data directory if no other
/// place is set.
pub(super) fn lobby(reader: &mut Reader<'_>, data_dir: &Path) -> LobbySettings {
    LobbySettings {
        database: match reader.text_if_set(&LOBBY_DB) {
            None => Database::File(data_dir.join("lobby.db")),
            Some(":memory:") => Database::Memory,
            Some(path) => Database::File(path.into()),
        },
        hashcash_bits: reader.parse_one_of(&HASHCASH_BITS, &NEOIRC_HASHCASH_BITS, "an integer from 0 to 40", |text| {
            Bits::new(text.parse().ok()?).ok()
        }),
        server_name: reader.parse(&SERVER_NAME, "1 to 63 letters, digits, dots and hyphens", |text| {
            let allowed = |c: u8| c.is_ascii_alphanumeric() || c == b'.' || c == b'-';
            (text.len() <= 63 && text.bytes().all(allowed)).then(|| text.to_owned())
        }),
        motd: reader.parse(&LOBBY_MOTD, "one line of at most 400 bytes", |text| {
            (text.len() <= 400 && !text.contains(char::is_control)).then(|| text.to_owned())
        }),
        history: reader.integer(&LOBBY_HISTORY, 50, 10_000_000),
        max_bytes: reader.parse(&LOBBY_MAX_BYTES, &format!("an integer from {LEAST_BYTES} to {MOST_BYTES}"), |text| {
            text.parse().ok().filter(|bytes| (LEAST_BYTES..=MOST_BYTES).contains(bytes))
        }),
        sessions_per_hour: reader.integer(&LOBBY_SESSIONS_PER_HOUR, 1, 1_000_000),
        cors_origins: reader
            .parse_if_set(&CORS_ORIGINS, "origins such as https://example.org, separated by commas", |text| {
                text.split(',').map(str::trim).filter(|word| !word.is_empty()).map(origin).collect()
            })
            .unwrap_or_default(),
    }
}

/// An origin in lower case: a scheme, a host and perhaps a port, nothing behind.
fn origin(text: &str) -> Option<String> {
    let (scheme, authority) = text.split_once("://")?;
    let known = scheme == "http" || scheme == "https";
    let plain = !authority.is_empty() && authority.bytes().all(|c| c.is_ascii_graphic() && !b"/?#@".contains(&c));
    (known && plain).then(|| text.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::{problems, read};

    #[test]
    fn the_settings_of_the_lobby_have_their_rules() {
        let with = |name, value| read(&[("TURNSTILE_TEST_MODE", "true"), (name, value)]);
        let lobby = with("HASHPASS_DATA_DIR", "/srv/race").unwrap().lobby;
        assert_eq!(lobby.database, Database::File("/srv/race/lobby.db".into()));
        assert_eq!((lobby.hashcash_bits.get(), &*lobby.server_name, lobby.history), (20, "hashpass", 10_000));
        assert_eq!(lobby.max_bytes, 1 << 30);
        assert_eq!(with("HASHPASS_LOBBY_MAX_BYTES", "67108864").unwrap().lobby.max_bytes, 64 << 20);
        assert_eq!(with("HASHPASS_LOBBY_DB", ":memory:").unwrap().lobby.database, Database::Memory);
        assert_eq!(with("NEOIRC_HASHCASH_BITS", "8").unwrap().lobby.hashcash_bits.get(), 8);
        let origins = with("HASHPASS_CORS_ORIGINS", "https://Example.org, http://localhost:3000").unwrap();
        assert_eq!(origins.lobby.cors_origins, ["https://example.org", "http://localhost:3000"]);
        for (name, value) in [
            ("HASHPASS_HASHCASH_BITS", "41"),
            ("NEOIRC_HASHCASH_BITS", "-1"),
            ("HASHPASS_SERVER_NAME", "my:server"),
            ("HASHPASS_SERVER_NAME", "my server"),
            ("HASHPASS_CORS_ORIGINS", "*"),
            ("HASHPASS_CORS_ORIGINS", "https://example.org/path"),
            ("HASHPASS_LOBBY_HISTORY", "0"),
            ("HASHPASS_LOBBY_MAX_BYTES", "67108863"),
            ("HASHPASS_LOBBY_MAX_BYTES", "1 GiB"),
        ] {
            assert!(with(name, value).is_err_and(|problems| problems.to_string().contains(name)), "{name}={value}");
        }
        assert!(problems(&[("HASHPASS_HASHCASH_BITS", "8"), ("NEOIRC_HASHCASH_BITS", "9")]).contains("must equal"));
    }
}
