//! Every setting of the server, read once, from the environment and `.env`.
//!
//! This is the only reader of the environment. All problems are reported
//! together, each with the variable's name and the rule it breaks; values of
//! secrets are never repeated. Nothing starts with a wrong setting.
//!
//! Each file here declares the variables of one room, each once, and makes that
//! room's settings of them. The types of the settings belong to the rooms, which
//! know nothing of variables: only `main` and [`server`](crate::server) use what
//! is in here.

mod connections;
mod drop;
mod edge;
mod env_file;
mod gate;
mod limits;
mod lobby;
mod log;
mod names;
mod prize;
mod problem;
mod proxies;
mod race;
mod reader;
mod site;
mod sources;
mod storage;
mod table;
mod variable;

use crate::{
    connections::ConnectionSettings,
    edge::settings::EdgeSettings,
    gate::{GateSettings, LimitSettings},
    https_client::ProxySettings,
    identity::sessions::MOST_CLIENTS,
    ledger::{LedgerSettings, Store},
    lobby::LobbySettings,
    logging::LogSettings,
    prize::{audit::AuditSettings, codes::CodeSettings, webhook::WebhookSettings},
    race::RaceSettings,
};
use puzzle::invite_code::{CodePrefix, CodeSecret};
use race::Secret;
use reader::Reader;
use std::{collections::HashMap, net::SocketAddr, path::PathBuf};

pub use drop::changed_rules;
pub use env_file::{example, values_of_env_file};
pub use problem::{Problem, Problems};
pub use sources::Sources;
pub use table::VARIABLES;
pub use variable::{DefaultValue, Variable};

/// Everything an operator decides.
#[derive(Clone, Debug)]
pub struct Config {
    /// `HOST` and `PORT`.
    pub listen: SocketAddr,
    /// The race.
    pub race: RaceSettings,
    /// Where the key of the invite codes comes from.
    pub secret_source: SecretSource,
    /// `serve --accept-change`, which is no variable: another key of the invite codes than
    /// the ledger's is taken for good.
    pub accepts_change: bool,
    /// `HASHPASS_CODES_FILE`: the codes that are handed out; `None` for derived ones.
    pub codes_file: Option<PathBuf>,
    /// What becomes of codes after they were won.
    pub codes: CodeSettings,
    /// What remembers.
    pub ledger: LedgerSettings,
    /// Who may take part.
    pub gate: GateSettings,
    /// How much one address may ask for.
    pub limits: LimitSettings,
    /// How many clients of sessions are remembered. Set by no variable: 200,000.
    pub most_clients: usize,
    /// HTTP.
    pub edge: EdgeSettings,
    /// The lobby.
    pub lobby: LobbySettings,
    /// TCP connections.
    pub connections: ConnectionSettings,
    /// The audit log.
    pub audit: AuditSettings,
    /// The webhook; `None` if there is nobody to tell.
    pub webhook: Option<WebhookSettings>,
    /// Through which proxies others are called.
    pub proxies: ProxySettings,
    /// What is logged, and how.
    pub log: LogSettings,
    /// True if `HASHPASS_DISABLE_UVLOOP` is set; it has no effect.
    pub mentions_uvloop: bool,
}

/// Where the key of the invite codes comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// The operator gives it.
    Given,
    /// The operator gives none: one is kept in the data directory, and the one in
    /// [`Config::race`] is made up.
    Kept,
    /// It is a fresh one at every start, because the operator wants that, or because
    /// nothing outlives the process.
    Fresh,
}

impl Config {
    /// The key of the invite codes alone, for tools beside the server; `None` if
    /// it is not set.
    ///
    /// # Errors
    /// [`Problems`].
    pub fn code_secret(sources: &Sources) -> Result<Option<CodeSecret>, Problems> {
        let mut reader = Reader::new(sources.values());
        let secret = match race::code_secret(&mut reader) {
            Secret::Given(secret) => Some(secret),
            Secret::NotSet | Secret::Random => None,
        };
        reader.finish(secret)
    }

    /// What stands before derived codes, for tools beside the server.
    ///
    /// # Errors
    /// [`Problems`].
    pub fn code_prefix(sources: &Sources) -> Result<CodePrefix, Problems> {
        let mut reader = Reader::new(sources.values());
        let prefix = drop::code_prefix(&mut reader);
        reader.finish(prefix)
    }

    /// Where the data directory is and what is in it, for tools beside the server.
    ///
    /// # Errors
    /// [`Problems`].
    pub fn ledger_settings(sources: &Sources) -> Result<LedgerSettings, Problems> {
        let mut reader = Reader::new(sources.values());
        let ledger = storage::ledger(&mut reader);
        reader.finish(ledger)
    }

    /// Reads the settings from names and values.
    ///
    /// # Errors
    /// [`Problems`].
    pub fn from_values(values: &HashMap<String, String>) -> Result<Self, Problems> {
        let mut reader = Reader::new(values);
        let config = Self::read(&mut reader);
        reader.complain_of_all(names::unknown(values));
        reader.finish(config)
    }

    fn read(reader: &mut Reader<'_>) -> Self {
        let secret = race::code_secret(reader);
        let ledger = storage::ledger(reader);
        let data_dir = ledger.directory.clone();
        let secret_source = match &secret {
            Secret::Given(_) => SecretSource::Given,
            Secret::NotSet if ledger.store == Store::Sqlite => SecretSource::Kept,
            Secret::NotSet | Secret::Random => SecretSource::Fresh,
        };
        let race = race::race(reader, secret);
        let config = Self {
            listen: connections::listen(reader),
            secret_source,
            accepts_change: false,
            codes_file: drop::codes_file(reader),
            codes: drop::codes(reader, race.code_prefix.clone()),
            race,
            ledger,
            gate: gate::gate(reader),
            limits: limits::limits(reader),
            most_clients: MOST_CLIENTS,
            lobby: lobby::lobby(reader, &data_dir),
            edge: edge::edge(reader),
            connections: connections::connections(reader),
            audit: AuditSettings::new(data_dir),
            webhook: prize::webhook(reader),
            proxies: proxies::proxies(reader),
            log: log::log(reader),
            mentions_uvloop: log::mentions_uvloop(reader),
        };
        if !config.gate.test_mode && config.race.secret.is_weak() {
            let rule = "must be random digits, such as those of `openssl rand -hex 32`";
            reader.complain(&race::HMAC_SECRET.variable, rule);
        }
        if config.gate.rule.asks_for_stamps() && config.lobby.hashcash_bits.is_none() {
            reader.complain(&gate::GATE.variable, "must be turnstile when HASHPASS_HASHCASH_BITS is 0");
        }
        config
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use puzzle::{Cost, proof::ProofInterval, rule::RuleName};
    use std::collections::BTreeSet;

    pub(super) fn read(values: &[(&str, &str)]) -> Result<Config, Problems> {
        let values = values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Config::from_values(&values)
    }

    pub(super) fn problems(values: &[(&str, &str)]) -> String {
        read(values).unwrap_err().to_string()
    }

    #[test]
    fn the_defaults_are_the_documented_ones() {
        let config = read(&[("TURNSTILE_TEST_MODE", "true")]).unwrap();
        assert_eq!(config.listen, "0.0.0.0:8000".parse().unwrap());
        assert_eq!(config.race.cost, Cost::DEFAULT);
        assert_eq!(config.race.start.digits(), 3.0);
        assert_eq!(config.race.rule, RuleName::Rising);
        assert_eq!(config.race.verify_queue, 256);
        assert_eq!(config.race.proof_interval, ProofInterval::DEFAULT);
        assert_eq!(config.secret_source, SecretSource::Kept);
        assert!(config.gate.turnstile.is_none() && config.webhook.is_none());
    }

    #[test]
    fn a_default_that_is_text_may_as_well_be_set() {
        let keys = [("TURNSTILE_SITE_KEY", "a"), ("TURNSTILE_SECRET_KEY", "b")];
        let defaults = VARIABLES.iter().filter(|variable| matches!(variable.default, DefaultValue::Text(_)));
        let defaults: Vec<_> = defaults.map(|variable| (variable.name, variable.default.as_str())).collect();
        assert!(defaults.iter().all(|(_, text)| !text.is_empty()));
        let written_out = read(&[keys.as_slice(), &defaults].concat()).unwrap();
        assert_eq!(format!("{written_out:?}"), format!("{:?}", read(&keys).unwrap()));
    }

    #[test]
    fn every_problem_is_reported_at_once_with_its_name_and_rule() {
        let text = problems(&[
            ("TURNSTILE_TEST_MODE", "maybe"),
            ("PORT", "80000"),
            ("HOST", "example.org"),
            ("HASHPASS_DIFFICULTY", "7"),
            ("HASHPASS_TARGET_TIME_MIN", "NaN"),
            ("HASHPASS_RETARGET", "falling"),
            ("HASHPASS_ARGON2_MEMORY_COST", "7"),
            ("HASHPASS_PROOF_INTERVAL", "0"),
            ("HASHPASS_IP_BINDING", "loose"),
            ("HASHPASS_TRUSTED_PROXIES", "10.0.0.0/99"),
            ("WEBHOOK_URL", "ftp://user:password@example.org"),
            ("HASHPASS_LOG_FORMAT", "xml"),
            ("RUST_LOG", "nonsense"),
            ("HASHPASS_DIFICULTY", "3"),
        ]);
        for name in [
            "TURNSTILE_TEST_MODE=\"maybe\" must be true or false",
            "PORT=",
            "HOST=",
            "HASHPASS_DIFFICULTY=",
            "HASHPASS_TARGET_TIME_MIN=",
            "HASHPASS_RETARGET=",
            "HASHPASS_ARGON2_MEMORY_COST=",
            "HASHPASS_PROOF_INTERVAL=",
            "HASHPASS_IP_BINDING=",
            "HASHPASS_TRUSTED_PROXIES=",
            "WEBHOOK_URL (its value is not shown)",
            "HASHPASS_LOG_FORMAT=",
            "RUST_LOG=\"nonsense\" must be levels",
            "HASHPASS_DIFICULTY is not a setting; did you mean HASHPASS_DIFFICULTY?",
        ] {
            assert!(text.contains(name), "{name} is missing in: {text}");
        }
        assert!(!text.contains("password"), "{text}");
    }

    #[test]
    fn a_weak_secret_is_refused_outside_test_mode() {
        let production = [("TURNSTILE_SITE_KEY", "a"), ("TURNSTILE_SECRET_KEY", "b")];
        let with = |mode: &[(&'static str, &'static str)], secret: &str| {
            read(&[mode, &[("HASHPASS_HMAC_SECRET", secret)]].concat())
        };
        for weak in [
            "0".repeat(64),
            "0a".repeat(16),
            "000102030405060708090a0b0c0d0e0f".to_owned(),
            "0123456789abcdef".repeat(4),
            "deadbeef".repeat(8),
            format!("{}01", "00".repeat(31)),
        ] {
            let text = with(&production, &weak).unwrap_err().to_string();
            assert!(text.contains("HASHPASS_HMAC_SECRET (its value is not shown) must be random"), "{text}");
            assert!(with(&[("TURNSTILE_TEST_MODE", "true")], &weak).is_ok());
        }
        assert!(with(&production, "f3a91c07d25be8460f7e2b9d8c61a354").is_ok());
    }

    /// Whatever the parser asks for is in the table, and the other way round.
    #[test]
    fn the_table_of_variables_is_complete() {
        // Nothing is set: then humans are asked for, and so all of that is read too.
        let values = HashMap::new();
        let mut reader = Reader::new(&values);
        Config::read(&mut reader);
        let declared: BTreeSet<_> = VARIABLES.iter().map(|variable| variable.name).collect();
        assert_eq!(declared.len(), VARIABLES.len(), "a name stands in the table twice");
        assert_eq!(reader.asked, declared);
    }
}
