//! Every setting of the server, read once, from the environment and `.env`.
//!
//! This is the only reader of the environment. All problems are reported
//! together, each with the variable's name and the rule it breaks; values of
//! secrets are never repeated. Nothing starts with a wrong setting.

use crate::{
    connections::ConnectionLimits,
    gate::{
        GateRule,
        address::{IpBinding, TrustedProxies},
        limits::AddressLimitSettings,
    },
    prize::webhook::{WebhookToken, WebhookUrl},
};
use puzzle::{
    Cost, Difficulty, PuzzleHasher,
    invite_code::CodeSecret,
    proof::ProofInterval,
    rule::{Pace, RuleName},
    stamp::Bits,
};
use rand::Rng;
use reqwest::Url;
use std::{
    collections::HashMap,
    fmt::{self, Write},
    io::Read,
    net::{IpAddr, SocketAddr},
    num::NonZeroUsize,
    path::PathBuf,
    time::Duration,
};

/// One variable: its name, its default as text and what it is for. This table
/// makes the help text and `.env.example`, and the tests hold it against the
/// parser.
#[derive(Clone, Copy, Debug)]
pub struct Variable {
    /// The name in the environment.
    pub name: &'static str,
    /// What holds when it is not set; for people.
    pub default: &'static str,
    /// What it is, in a line.
    pub purpose: &'static str,
}

/// All variables, in the order in which people look for them.
pub const VARIABLES: &[Variable] = &[
    Variable { name: "PORT", default: "8000", purpose: "TCP port to listen on" },
    Variable { name: "HOST", default: "0.0.0.0", purpose: "address to listen on" },
    Variable {
        name: "HASHPASS_DIFFICULTY",
        default: "3",
        purpose: "difficulty of the first round, in leading zero hex digits",
    },
    Variable {
        name: "HASHPASS_MIN_DIFFICULTY",
        default: "1",
        purpose: "the difficulty never falls below this (1 to 6)",
    },
    Variable {
        name: "HASHPASS_MAX_DIFFICULTY",
        default: "6",
        purpose: "the difficulty never grows above this (1 to 6)",
    },
    Variable {
        name: "HASHPASS_TARGET_TIME_MIN",
        default: "30",
        purpose: "a solve in fewer seconds of mining time is too fast",
    },
    Variable {
        name: "HASHPASS_TARGET_TIME_MAX",
        default: "120",
        purpose: "a solve in more seconds of mining time is too slow",
    },
    Variable { name: "HASHPASS_RETARGET", default: "rising", purpose: "rule of the difficulty: rising or step" },
    Variable { name: "HASHPASS_ARGON2_TIME_COST", default: "3", purpose: "passes of Argon2id over its memory" },
    Variable { name: "HASHPASS_ARGON2_MEMORY_COST", default: "65536", purpose: "memory of one hash, in KiB" },
    Variable { name: "HASHPASS_ARGON2_PARALLELISM", default: "1", purpose: "lanes of Argon2id" },
    Variable {
        name: "HASHPASS_VERIFY_WORKERS",
        default: "cores - 1, at least 1",
        purpose: "verifications side by side, beside one kept for those who have shown work; each holds the memory of one hash",
    },
    Variable { name: "HASHPASS_VERIFY_QUEUE", default: "256", purpose: "submissions that may wait for verification" },
    Variable {
        name: "HASHPASS_PROOF_INTERVAL",
        default: "60",
        purpose: "seconds from one proof of work of a miner to its next: it counts so long without one, and thrice with one",
    },
    Variable {
        name: "HASHPASS_HMAC_SECRET",
        default: "random at every start",
        purpose: "key of the invite codes: 32 or more hex digits",
    },
    Variable {
        name: "HASHPASS_DATA_DIR",
        default: "./data",
        purpose: "directory of the audit log and of the lobby's database",
    },
    Variable {
        name: "HASHPASS_GATE",
        default: "turnstile",
        purpose: "what a session must pass for the race: turnstile, hashcash or both",
    },
    Variable {
        name: "HASHPASS_HASHCASH_BITS",
        default: "20",
        purpose: "leading zero bits of a session stamp (0 to 40); 0 asks for none",
    },
    Variable { name: "NEOIRC_HASHCASH_BITS", default: "20", purpose: "the same setting under its other name" },
    Variable {
        name: "HASHPASS_SERVER_NAME",
        default: "hashpass",
        purpose: "the server's name in the lobby and in stamps: letters, digits, dots and hyphens",
    },
    Variable {
        name: "HASHPASS_LOBBY_DB",
        default: "HASHPASS_DATA_DIR/lobby.db",
        purpose: "file of the lobby's SQLite database, or :memory:",
    },
    Variable {
        name: "HASHPASS_LOBBY_HISTORY",
        default: "10000",
        purpose: "messages kept of each channel and each conversation",
    },
    Variable {
        name: "HASHPASS_LOBBY_SESSIONS_PER_HOUR",
        default: "600",
        purpose: "new lobby sessions that are opened for everybody together",
    },
    Variable {
        name: "HASHPASS_LOBBY_MOTD",
        default: "Welcome to the lobby.",
        purpose: "the message of the day that the lobby greets with",
    },
    Variable {
        name: "HASHPASS_CORS_ORIGINS",
        default: "",
        purpose: "origins whose pages may use the lobby, separated by commas; not set: all",
    },
    Variable {
        name: "HASHPASS_IP_BINDING",
        default: "exact",
        purpose: "how the trace's address must match the request's: exact, prefix (/24, /64) or off",
    },
    Variable {
        name: "HASHPASS_TRUSTED_PROXIES",
        default: "",
        purpose: "proxies whose address headers are believed: CIDRs and the word cloudflare, separated by commas",
    },
    Variable {
        name: "HASHPASS_LIMIT_SESSIONS_PER_HOUR",
        default: "1200",
        purpose: "new sessions of one address (IPv4 address or IPv6 /64) per hour; a whole hour's may come at once; 0: no limit",
    },
    Variable {
        name: "HASHPASS_LIMIT_FAILED_CHECKS_PER_MINUTE",
        default: "600",
        purpose: "failed and unanswered human checks of one address per minute; 0: no limit",
    },
    Variable {
        name: "HASHPASS_LIMIT_SUBMISSIONS_PER_MINUTE",
        default: "1200",
        purpose: "submissions of one address per minute that pass every cheap check; 0: no limit",
    },
    Variable {
        name: "HASHPASS_LIMIT_SOCKETS_PER_ADDRESS",
        default: "1000",
        purpose: "WebSockets of one address open at once; 0: no limit",
    },
    Variable {
        name: "HASHPASS_LIMIT_SOCKETS",
        default: "15000",
        purpose: "WebSockets open at once over all addresses; 0: no limit",
    },
    Variable {
        name: "HASHPASS_LIMIT_CONNECTIONS_PER_PEER",
        default: "4000",
        purpose: "TCP connections of one peer open at once; trusted proxies have no such limit; 0: no limit",
    },
    Variable {
        name: "HASHPASS_LIMIT_CONNECTIONS",
        default: "20000",
        purpose: "TCP connections open at once over all peers; 0: as many as the system's limit of open files allows",
    },
    Variable { name: "HASHPASS_DEV", default: "false", purpose: "serve GET /api/dev/trace outside test mode" },
    Variable {
        name: "TURNSTILE_SITE_KEY",
        default: "",
        purpose: "public key of Cloudflare Turnstile; required unless test mode or HASHPASS_GATE=hashcash",
    },
    Variable {
        name: "TURNSTILE_SECRET_KEY",
        default: "",
        purpose: "secret key of Cloudflare Turnstile; required unless test mode or HASHPASS_GATE=hashcash",
    },
    Variable {
        name: "TURNSTILE_TEST_MODE",
        default: "false",
        purpose: "every token passes and nobody is asked: never in production",
    },
    Variable { name: "TURNSTILE_VERIFY_URL", default: TURNSTILE_VERIFY_URL, purpose: "where tokens are checked" },
    Variable {
        name: "TURNSTILE_SCRIPT_URL",
        default: TURNSTILE_SCRIPT_URL,
        purpose: "where the page loads the widget from",
    },
    Variable {
        name: "TURNSTILE_HOSTNAMES",
        default: "",
        purpose: "host names on which a token may have been solved, separated by commas; empty: only Cloudflare's \
                  own list of the site key counts",
    },
    Variable { name: "WEBHOOK_URL", default: "", purpose: "where invite codes are posted" },
    Variable { name: "WEBHOOK_TOKEN", default: "", purpose: "Bearer token for the webhook" },
    Variable { name: "RUST_LOG", default: "info", purpose: "what is logged" },
    Variable { name: "HASHPASS_LOG_FORMAT", default: "text", purpose: "text or json" },
    Variable { name: "HASHPASS_DISABLE_UVLOOP", default: "", purpose: "accepted for old deployments, without effect" },
];

const TURNSTILE_VERIFY_URL: &str = "https://challenges.cloudflare.com/turnstile/v0/siteverify";
const TURNSTILE_SCRIPT_URL: &str = "https://challenges.cloudflare.com/turnstile/v0/api.js";

/// A `.env` in which every variable is explained and none is set.
pub fn example() -> String {
    let mut text = String::from("# Every setting of HashPass. What the environment sets wins over this file.\n");
    for Variable { name, default, purpose } in VARIABLES {
        let _ = write!(text, "\n# {purpose}\n#{name}={default}\n");
    }
    text
}

/// The variables whose values must never be repeated.
const SECRETS: &[&str] = &["HASHPASS_HMAC_SECRET", "TURNSTILE_SECRET_KEY", "WEBHOOK_TOKEN", "WEBHOOK_URL"];

/// Everything an operator decides.
#[derive(Clone, Debug)]
pub struct Config {
    /// `HOST` and `PORT`.
    pub listen: SocketAddr,
    /// The race.
    pub race: RaceConfig,
    /// Who may take part.
    pub gate: GateConfig,
    /// The lobby.
    pub lobby: LobbyConfig,
    /// `HASHPASS_LIMIT_SESSIONS_PER_HOUR` … `HASHPASS_LIMIT_SOCKETS`.
    pub limits: AddressLimitSettings,
    /// `HASHPASS_LIMIT_CONNECTIONS` and its like.
    pub connections: ConnectionLimits,
    /// `HASHPASS_DATA_DIR`.
    pub data_dir: PathBuf,
    /// `WEBHOOK_URL` and `WEBHOOK_TOKEN`.
    pub webhook: Option<WebhookConfig>,
    /// `RUST_LOG`.
    pub log_filter: String,
    /// `HASHPASS_LOG_FORMAT`.
    pub log_format: LogFormat,
    /// True if `HASHPASS_DISABLE_UVLOOP` is set; it has no effect.
    pub mentions_uvloop: bool,
}

/// What the race is run with.
#[derive(Clone, Debug)]
pub struct RaceConfig {
    /// `HASHPASS_DIFFICULTY`.
    pub start: Difficulty,
    /// `HASHPASS_MIN_DIFFICULTY` … `HASHPASS_TARGET_TIME_MAX`.
    pub pace: Pace,
    /// `HASHPASS_RETARGET`.
    pub rule: RuleName,
    /// `HASHPASS_ARGON2_*`.
    pub cost: Cost,
    /// `HASHPASS_VERIFY_WORKERS`.
    pub verify_workers: usize,
    /// `HASHPASS_VERIFY_QUEUE`.
    pub verify_queue: usize,
    /// `HASHPASS_PROOF_INTERVAL`.
    pub proof_interval: ProofInterval,
    /// `HASHPASS_HMAC_SECRET`.
    pub secret: CodeSecret,
    /// True if the secret was made up at this start, so that codes cannot be
    /// checked after it.
    pub secret_is_random: bool,
}

/// Who may take part.
#[derive(Clone, Debug)]
pub struct GateConfig {
    /// `HASHPASS_GATE`.
    pub rule: GateRule,
    /// Cloudflare Turnstile; `None` in test mode and where nobody is asked for it.
    pub turnstile: Option<TurnstileKeys>,
    /// `TURNSTILE_TEST_MODE`.
    pub test_mode: bool,
    /// `HASHPASS_IP_BINDING`.
    pub ip_binding: IpBinding,
    /// `HASHPASS_TRUSTED_PROXIES`.
    pub trusted_proxies: TrustedProxies,
    /// True if `GET /api/dev/trace` answers.
    pub dev_trace: bool,
}

/// What the lobby is run with.
#[derive(Clone, Debug)]
pub struct LobbyConfig {
    /// `HASHPASS_LOBBY_DB`.
    pub database: Database,
    /// `HASHPASS_HASHCASH_BITS`.
    pub hashcash_bits: Bits,
    /// `HASHPASS_SERVER_NAME`.
    pub server_name: String,
    /// `HASHPASS_LOBBY_MOTD`.
    pub motd: String,
    /// `HASHPASS_LOBBY_HISTORY`.
    pub history: u32,
    /// `HASHPASS_LOBBY_SESSIONS_PER_HOUR`.
    pub sessions_per_hour: u32,
    /// `HASHPASS_CORS_ORIGINS`; empty: all.
    pub cors_origins: Vec<String>,
}

/// Where a database is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Database {
    /// In memory, gone with the process.
    Memory,
    /// In this file.
    File(PathBuf),
}

/// Cloudflare Turnstile's keys and addresses.
#[derive(Clone)]
pub struct TurnstileKeys {
    /// `TURNSTILE_SITE_KEY`.
    pub site_key: String,
    /// `TURNSTILE_SECRET_KEY`.
    pub secret: String,
    /// `TURNSTILE_VERIFY_URL`.
    pub verify_url: String,
    /// `TURNSTILE_SCRIPT_URL`.
    pub script_url: Url,
    /// `TURNSTILE_HOSTNAMES`, in lower case.
    pub hostnames: Vec<String>,
}

impl TurnstileKeys {
    /// The address of the widget's script, which then waits until it is told what
    /// to show and where.
    pub fn script(&self) -> String {
        let mut url = self.script_url.clone();
        url.query_pairs_mut().append_pair("render", "explicit");
        url.into()
    }

    /// Where the widget and all its parts come from: the page's policy lets in
    /// this origin and no other.
    pub fn script_origin(&self) -> String {
        self.script_url.origin().ascii_serialization()
    }

    /// True if a token solved on this host may be used here.
    pub fn allows_hostname(&self, hostname: &str) -> bool {
        self.hostnames.is_empty() || self.hostnames.contains(&hostname.to_ascii_lowercase())
    }
}

impl fmt::Debug for TurnstileKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TurnstileKeys").field("site_key", &self.site_key).finish_non_exhaustive()
    }
}

/// Where prizes are delivered.
#[derive(Clone, Debug)]
pub struct WebhookConfig {
    /// `WEBHOOK_URL`.
    pub url: WebhookUrl,
    /// `WEBHOOK_TOKEN`.
    pub token: Option<WebhookToken>,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines.
    Json,
}

/// One wrong setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    name: &'static str,
    value: Option<Shown>,
    rule: String,
}

/// What is told of a wrong value.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Shown {
    Value(String),
    /// It is a secret.
    Nothing,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, value, rule } = self;
        match value {
            None => write!(f, "{name} {rule}"),
            Some(Shown::Nothing) => write!(f, "{name} (its value is not shown) {rule}"),
            Some(Shown::Value(value)) => write!(f, "{name}={value:?} {rule}"),
        }
    }
}

/// Every wrong setting at once.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("wrong configuration:{}", .0.iter().map(|problem| format!("\n  - {problem}")).collect::<String>())]
pub struct Problems(pub Vec<Problem>);

/// Reads variables and gathers what is wrong with them.
struct Reader<'a> {
    values: &'a HashMap<String, String>,
    problems: Vec<Problem>,
}

impl Reader<'_> {
    /// The variable's value; one that is empty counts as not set.
    fn text(&self, name: &'static str) -> Option<&str> {
        self.values.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    fn complain(&mut self, name: &'static str, rule: impl Into<String>) {
        let secret = SECRETS.contains(&name);
        let value = self.text(name).map(|value| if secret { Shown::Nothing } else { Shown::Value(value.to_owned()) });
        self.problems.push(Problem { name, value, rule: rule.into() });
    }

    /// The parsed value, or the default when it is not set or wrong; if wrong,
    /// that is noted.
    fn parse<T>(&mut self, name: &'static str, default: T, rule: &str, parse: impl FnOnce(&str) -> Option<T>) -> T {
        match self.text(name).map(parse) {
            None => default,
            Some(Some(value)) => value,
            Some(None) => {
                self.complain(name, format!("must be {rule}"));
                default
            }
        }
    }

    fn number(&mut self, name: &'static str, default: f64, least: f64, most: f64) -> f64 {
        self.parse(name, default, &format!("a number from {least} to {most}"), |text| {
            text.parse().ok().filter(|number| (least..=most).contains(number))
        })
    }

    fn integer(&mut self, name: &'static str, default: u32, least: u32, most: u32) -> u32 {
        self.parse(name, default, &format!("an integer from {least} to {most}"), |text| {
            text.parse().ok().filter(|number| (least..=most).contains(number))
        })
    }

    /// How many of something may be open at once; 0 for any number.
    fn count(&mut self, name: &'static str, default: usize) -> usize {
        self.parse(name, default, "an integer from 0 to 1000000", |text| {
            text.parse().ok().filter(|number| *number <= 1_000_000)
        })
    }

    fn flag(&mut self, name: &'static str) -> bool {
        self.parse(name, false, "true or false", |text| match text.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Some(true),
            "false" | "0" | "no" | "off" => Some(false),
            _ => None,
        })
    }

    fn difficulty(&mut self, name: &'static str, default: f64) -> Difficulty {
        let digits = self.number(name, default, 1.0, 6.0);
        // Always in range.
        Difficulty::new(digits).unwrap_or_else(|_| unreachable!("1 to 6 are difficulties"))
    }
}

impl Config {
    /// Reads the environment and, for what it does not set, `.env` in the current
    /// directory.
    ///
    /// # Errors
    /// [`Problems`].
    pub fn from_environment() -> Result<Self, Problems> {
        Self::from_values(&environment()?)
    }

    /// The key of the invite codes alone, for tools beside the server; `None` if
    /// it is not set.
    ///
    /// # Errors
    /// [`Problems`].
    pub fn code_secret_from_environment() -> Result<Option<CodeSecret>, Problems> {
        let values = environment()?;
        let mut reader = Reader { values: &values, problems: Vec::new() };
        let secret = code_secret(&mut reader);
        if reader.problems.is_empty() { Ok(secret) } else { Err(Problems(reader.problems)) }
    }

    /// Reads the settings from names and values.
    ///
    /// # Errors
    /// [`Problems`].
    pub fn from_values(values: &HashMap<String, String>) -> Result<Self, Problems> {
        let mut reader = Reader { values, problems: Vec::new() };
        let config = Self {
            listen: listen(&mut reader),
            race: race(&mut reader),
            gate: gate(&mut reader),
            lobby: lobby(&mut reader),
            limits: address_limits(&mut reader),
            connections: connection_limits(&mut reader),
            data_dir: data_dir(&reader),
            webhook: webhook(&mut reader),
            log_filter: reader.text("RUST_LOG").unwrap_or("info,memory_serve=warn").to_owned(),
            log_format: reader.parse("HASHPASS_LOG_FORMAT", LogFormat::Text, "text or json", |text| match text {
                "text" => Some(LogFormat::Text),
                "json" => Some(LogFormat::Json),
                _ => None,
            }),
            mentions_uvloop: reader.text("HASHPASS_DISABLE_UVLOOP").is_some(),
        };
        if config.gate.rule.asks_for_stamps() && config.lobby.hashcash_bits.is_none() {
            reader.complain("HASHPASS_GATE", "must be turnstile when HASHPASS_HASHCASH_BITS is 0");
        }
        if reader.problems.is_empty() { Ok(config) } else { Err(Problems(reader.problems)) }
    }
}

/// The environment over `.env` in the current directory or one above it.
fn environment() -> Result<HashMap<String, String>, Problems> {
    let mut values = match dotenvy::dotenv_iter() {
        Ok(lines) => gather(lines)?,
        Err(error) if error.not_found() => HashMap::new(),
        Err(error) => return Err(unreadable(&error)),
    };
    let readable = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        Some((name.into_string().ok()?, value.to_string_lossy().into_owned()))
    };
    values.extend(std::env::vars_os().filter_map(readable));
    Ok(values)
}

/// The names and values in the text of a `.env` file.
///
/// # Errors
/// [`Problems`].
pub fn values_of_env_file(text: impl Read) -> Result<HashMap<String, String>, Problems> {
    gather(dotenvy::from_read_iter(text))
}

fn gather<R: Read>(lines: dotenvy::Iter<R>) -> Result<HashMap<String, String>, Problems> {
    let mut values = HashMap::new();
    let mut last = None;
    for line in lines {
        let (name, value) = line.map_err(|error| broken_line(&error, last))?;
        last = VARIABLES.iter().map(|variable| variable.name).find(|known| *known == name).or(last);
        values.insert(name, value);
    }
    Ok(values)
}

/// The parser's own words quote the line, which may hold a secret; so the line is
/// told by the last variable before it.
fn broken_line(error: &dotenvy::Error, last: Option<&str>) -> Problems {
    let place = last.map(|name| format!(" after that of {name}")).unwrap_or_default();
    match error {
        dotenvy::Error::LineParse(..) => env_file_problem(format!(
            "has a line{place} that is not NAME=value; a value with spaces, quotes or $ must be in single quotes"
        )),
        other => unreadable(other),
    }
}

fn unreadable(error: &dotenvy::Error) -> Problems {
    env_file_problem(match error {
        dotenvy::Error::Io(error) => format!("cannot be read: {error}"),
        _ => "cannot be read".to_owned(),
    })
}

fn env_file_problem(rule: String) -> Problems {
    Problems(vec![Problem { name: ".env", value: None, rule }])
}

fn listen(reader: &mut Reader<'_>) -> SocketAddr {
    let host = reader.parse("HOST", IpAddr::from([0, 0, 0, 0]), "an IP address", |text| match text {
        "localhost" => Some(IpAddr::from([127, 0, 0, 1])),
        _ => text.trim_matches(['[', ']']).parse().ok(),
    });
    let port = reader.parse("PORT", 8000, "a port from 0 to 65535", |text| text.parse().ok());
    SocketAddr::new(host, port)
}

fn race(reader: &mut Reader<'_>) -> RaceConfig {
    let pace = Pace {
        easiest: reader.difficulty("HASHPASS_MIN_DIFFICULTY", 1.0),
        hardest: reader.difficulty("HASHPASS_MAX_DIFFICULTY", 6.0),
        shortest: Duration::from_secs_f64(reader.number("HASHPASS_TARGET_TIME_MIN", 30.0, 0.001, 1e6)),
        longest: Duration::from_secs_f64(reader.number("HASHPASS_TARGET_TIME_MAX", 120.0, 0.001, 1e6)),
    };
    if pace.hardest < pace.easiest {
        reader.complain("HASHPASS_MIN_DIFFICULTY", "must not be above HASHPASS_MAX_DIFFICULTY");
    }
    if pace.longest <= pace.shortest {
        reader.complain("HASHPASS_TARGET_TIME_MIN", "must be below HASHPASS_TARGET_TIME_MAX");
    }
    let start = reader.difficulty("HASHPASS_DIFFICULTY", 3.0);
    if start < pace.easiest || pace.hardest < start {
        reader.complain("HASHPASS_DIFFICULTY", "must be between HASHPASS_MIN_DIFFICULTY and HASHPASS_MAX_DIFFICULTY");
    }
    let rule = reader.parse("HASHPASS_RETARGET", RuleName::Rising, "rising or step", |text| match text {
        "rising" => Some(RuleName::Rising),
        "step" => Some(RuleName::Step),
        _ => None,
    });
    let digits = [start, pace.easiest, pace.hardest].map(Difficulty::digits);
    if rule == RuleName::Step && digits.iter().any(|digits| digits.fract() != 0.0) {
        reader.complain("HASHPASS_RETARGET", "must be rising unless all difficulties are whole numbers");
    }
    let parallelism = reader.integer("HASHPASS_ARGON2_PARALLELISM", Cost::DEFAULT.parallelism, 1, 16);
    let cost = Cost {
        parallelism,
        time_cost: reader.integer("HASHPASS_ARGON2_TIME_COST", Cost::DEFAULT.time_cost, 1, 100),
        memory_cost: reader.integer(
            "HASHPASS_ARGON2_MEMORY_COST",
            Cost::DEFAULT.memory_cost,
            8 * parallelism,
            4_194_304,
        ),
    };
    debug_assert!(PuzzleHasher::new(cost).is_ok());
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let default_workers = u32::try_from(cores.saturating_sub(1).max(1)).unwrap_or(1);
    let secret = code_secret(reader);
    RaceConfig {
        start,
        pace,
        rule,
        cost,
        verify_workers: reader.integer("HASHPASS_VERIFY_WORKERS", default_workers, 1, 1024) as usize,
        verify_queue: reader.integer("HASHPASS_VERIFY_QUEUE", 256, 1, 100_000) as usize,
        proof_interval: ProofInterval::new(Duration::from_secs_f64(reader.number(
            "HASHPASS_PROOF_INTERVAL",
            ProofInterval::DEFAULT.get().as_secs_f64(),
            0.1,
            3600.0,
        ))),
        secret_is_random: secret.is_none(),
        secret: secret.unwrap_or_else(|| {
            let mut bytes = [0; 32];
            rand::rng().fill_bytes(&mut bytes);
            CodeSecret::from_bytes(bytes)
        }),
    }
}

fn code_secret(reader: &mut Reader<'_>) -> Option<CodeSecret> {
    reader.parse("HASHPASS_HMAC_SECRET", None, "32 or more hex digits, an even number", |text| {
        let bytes = bytes_from_hex(text).filter(|bytes| 16 <= bytes.len())?;
        Some(Some(CodeSecret::from_bytes(bytes)))
    })
}

fn bytes_from_hex(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() || !text.len().is_multiple_of(2) {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok()).collect()
}

fn gate(reader: &mut Reader<'_>) -> GateConfig {
    let test_mode = reader.flag("TURNSTILE_TEST_MODE");
    let dev = reader.flag("HASHPASS_DEV");
    let rule = reader.parse("HASHPASS_GATE", GateRule::Turnstile, "turnstile, hashcash or both", |text| match text {
        "turnstile" => Some(GateRule::Turnstile),
        "hashcash" => Some(GateRule::Hashcash),
        "both" => Some(GateRule::Both),
        _ => None,
    });
    GateConfig {
        rule,
        turnstile: (!test_mode && rule.asks_for_humans()).then(|| turnstile(reader)),
        test_mode,
        ip_binding: reader.parse("HASHPASS_IP_BINDING", IpBinding::Exact, "exact, prefix or off", |text| match text {
            "exact" => Some(IpBinding::Exact),
            "prefix" => Some(IpBinding::Prefix),
            "off" => Some(IpBinding::Off),
            _ => None,
        }),
        trusted_proxies: reader.parse(
            "HASHPASS_TRUSTED_PROXIES",
            TrustedProxies::default(),
            "CIDRs and the word cloudflare, separated by commas",
            |text| text.parse().ok(),
        ),
        dev_trace: dev || test_mode,
    }
}

fn address_limits(reader: &mut Reader<'_>) -> AddressLimitSettings {
    let default = AddressLimitSettings::default();
    let mut rate = |name, default| reader.integer(name, default, 0, 1_000_000);
    AddressLimitSettings {
        sessions_per_hour: rate("HASHPASS_LIMIT_SESSIONS_PER_HOUR", default.sessions_per_hour),
        failed_checks_per_minute: rate("HASHPASS_LIMIT_FAILED_CHECKS_PER_MINUTE", default.failed_checks_per_minute),
        submissions_per_minute: rate("HASHPASS_LIMIT_SUBMISSIONS_PER_MINUTE", default.submissions_per_minute),
        sockets_per_address: reader.count("HASHPASS_LIMIT_SOCKETS_PER_ADDRESS", default.sockets_per_address),
        sockets_in_all: reader.count("HASHPASS_LIMIT_SOCKETS", default.sockets_in_all),
    }
}

fn connection_limits(reader: &mut Reader<'_>) -> ConnectionLimits {
    let default = ConnectionLimits::default();
    ConnectionLimits {
        in_all: reader.count("HASHPASS_LIMIT_CONNECTIONS", default.in_all),
        per_peer: reader.count("HASHPASS_LIMIT_CONNECTIONS_PER_PEER", default.per_peer),
        ..default
    }
}

fn turnstile(reader: &mut Reader<'_>) -> TurnstileKeys {
    let mut key = |name| {
        let value = reader.text(name).map(str::to_owned);
        if value.is_none() {
            reader.complain(name, "must be set unless TURNSTILE_TEST_MODE=true");
        }
        value.unwrap_or_default()
    };
    let (site_key, secret) = (key("TURNSTILE_SITE_KEY"), key("TURNSTILE_SECRET_KEY"));
    let verify_url = web_address(reader, "TURNSTILE_VERIFY_URL", TURNSTILE_VERIFY_URL).into();
    let script_url = web_address(reader, "TURNSTILE_SCRIPT_URL", TURNSTILE_SCRIPT_URL);
    let hostnames = reader.parse(
        "TURNSTILE_HOSTNAMES",
        Vec::new(),
        "host names without scheme and port, separated by commas",
        |text| text.split(',').map(str::trim).map(hostname).collect(),
    );
    TurnstileKeys { site_key, secret, verify_url, script_url, hostnames }
}

fn data_dir(reader: &Reader<'_>) -> PathBuf {
    reader.text("HASHPASS_DATA_DIR").unwrap_or("./data").into()
}

fn lobby(reader: &mut Reader<'_>) -> LobbyConfig {
    let database = match reader.text("HASHPASS_LOBBY_DB") {
        None => Database::File(data_dir(reader).join("lobby.db")),
        Some(":memory:") => Database::Memory,
        Some(path) => Database::File(path.into()),
    };
    let origin = |text: &str| {
        let (scheme, authority) = text.split_once("://")?;
        let known = scheme == "http" || scheme == "https";
        let plain = !authority.is_empty() && authority.bytes().all(|c| c.is_ascii_graphic() && !b"/?#@".contains(&c));
        (known && plain).then(|| text.to_ascii_lowercase())
    };
    LobbyConfig {
        database,
        hashcash_bits: hashcash_bits(reader),
        server_name: reader.parse(
            "HASHPASS_SERVER_NAME",
            "hashpass".to_owned(),
            "1 to 63 letters, digits, dots and hyphens",
            |text| {
                let allowed = |c: u8| c.is_ascii_alphanumeric() || c == b'.' || c == b'-';
                (text.len() <= 63 && text.bytes().all(allowed)).then(|| text.to_owned())
            },
        ),
        motd: reader.parse(
            "HASHPASS_LOBBY_MOTD",
            "Welcome to the lobby.".to_owned(),
            "one line of at most 400 bytes",
            |text| (text.len() <= 400 && !text.contains(char::is_control)).then(|| text.to_owned()),
        ),
        history: reader.integer("HASHPASS_LOBBY_HISTORY", 10_000, 50, 10_000_000),
        sessions_per_hour: reader.integer("HASHPASS_LOBBY_SESSIONS_PER_HOUR", 600, 1, 1_000_000),
        cors_origins: reader.parse(
            "HASHPASS_CORS_ORIGINS",
            Vec::new(),
            "origins such as https://example.org, separated by commas",
            |text| text.split(',').map(str::trim).filter(|word| !word.is_empty()).map(origin).collect(),
        ),
    }
}

/// One setting under two names; if both are there they must agree.
fn hashcash_bits(reader: &mut Reader<'_>) -> Bits {
    let bits = |text: &str| Some(Some(Bits::new(text.parse().ok()?).ok()?));
    let ours = reader.parse("HASHPASS_HASHCASH_BITS", None, "an integer from 0 to 40", bits);
    let theirs = reader.parse("NEOIRC_HASHCASH_BITS", None, "an integer from 0 to 40", bits);
    if let (Some(ours), Some(theirs)) = (ours, theirs)
        && ours != theirs
    {
        reader.complain("NEOIRC_HASHCASH_BITS", "must equal HASHPASS_HASHCASH_BITS when both are set");
    }
    ours.or(theirs).unwrap_or_else(|| Bits::new(20).unwrap_or(Bits::MAX))
}

/// A host name in lower case, as Cloudflare tells it.
fn hostname(text: &str) -> Option<String> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-';
    (!text.is_empty() && text.len() <= 253 && text.chars().all(is_allowed)).then(|| text.to_ascii_lowercase())
}

/// An absolute web address with a host.
fn web_address(reader: &mut Reader<'_>, name: &'static str, default: &'static str) -> Url {
    let parse = |text: &str| {
        let url = Url::parse(text).ok()?;
        (matches!(url.scheme(), "http" | "https") && url.has_host()).then_some(url)
    };
    let default = parse(default).unwrap_or_else(|| unreachable!("a default is a URL"));
    reader.parse(name, default, "an http or https URL", parse)
}

fn webhook(reader: &mut Reader<'_>) -> Option<WebhookConfig> {
    let url = reader.parse("WEBHOOK_URL", None, "an http or https URL", |text| Some(Some(text.parse().ok()?)));
    let token = reader.parse("WEBHOOK_TOKEN", None, "visible ASCII characters", |text| Some(Some(text.parse().ok()?)));
    Some(WebhookConfig { url: url?, token })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: &[(&str, &str)]) -> Result<Config, Problems> {
        let values = values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Config::from_values(&values)
    }

    fn problems(values: &[(&str, &str)]) -> String {
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
        assert!(config.race.secret_is_random && config.gate.turnstile.is_none() && config.webhook.is_none());
    }

    #[test]
    fn production_needs_both_keys() {
        let text = problems(&[]);
        assert!(
            text.contains("TURNSTILE_SITE_KEY must be set") && text.contains("TURNSTILE_SECRET_KEY must be set"),
            "{text}"
        );
        assert!(read(&[("TURNSTILE_SITE_KEY", "a"), ("TURNSTILE_SECRET_KEY", "b")]).is_ok());
    }

    #[test]
    fn the_human_check_is_read_into_what_it_means() {
        let keys = [("TURNSTILE_SITE_KEY", "a"), ("TURNSTILE_SECRET_KEY", "b")];
        let turnstile =
            |more: &[(&str, &str)]| read(&[&keys, more].concat()).map(|config| config.gate.turnstile.unwrap());
        let usual = turnstile(&[]).unwrap();
        assert_eq!(usual.verify_url, TURNSTILE_VERIFY_URL);
        assert_eq!(usual.script(), "https://challenges.cloudflare.com/turnstile/v0/api.js?render=explicit");
        assert_eq!(usual.script_origin(), "https://challenges.cloudflare.com");
        assert!(usual.allows_hostname("anything.example") && usual.allows_hostname(""));

        let bound = turnstile(&[
            ("TURNSTILE_HOSTNAMES", "race.example, Www.Race.example"),
            ("TURNSTILE_SCRIPT_URL", "http://127.0.0.1:9/api.js?a=b"),
        ])
        .unwrap();
        assert!(bound.allows_hostname("race.example") && bound.allows_hostname("WWW.race.example"));
        for other in ["", "evil.example", "race.example.evil.example", "xrace.example"] {
            assert!(!bound.allows_hostname(other), "{other}");
        }
        assert_eq!(bound.script(), "http://127.0.0.1:9/api.js?a=b&render=explicit");
        assert_eq!(bound.script_origin(), "http://127.0.0.1:9");

        for wrong in ["https://race.example", "race.example:8000", "race.example,", "a b", "race.example;x"] {
            let text = turnstile(&[("TURNSTILE_HOSTNAMES", wrong)]).unwrap_err().to_string();
            assert!(text.contains("TURNSTILE_HOSTNAMES"), "{text}");
        }
        for wrong in ["challenges.cloudflare.com", "ftp://a.example/api.js", "https://", "javascript:alert(1)"] {
            let text = turnstile(&[("TURNSTILE_SCRIPT_URL", wrong)]).unwrap_err().to_string();
            assert!(text.contains("TURNSTILE_SCRIPT_URL"), "{text}");
        }
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
        ] {
            assert!(text.contains(name), "{name} is missing in: {text}");
        }
        assert!(!text.contains("password"), "{text}");
    }

    #[test]
    fn secrets_are_never_repeated() {
        let text = problems(&[("TURNSTILE_TEST_MODE", "true"), ("HASHPASS_HMAC_SECRET", "abc123")]);
        assert!(text.contains("HASHPASS_HMAC_SECRET") && !text.contains("abc123"), "{text}");
        let problems = read(&[("TURNSTILE_TEST_MODE", "true"), ("HASHPASS_HMAC_SECRET", "abc123")]).unwrap_err();
        assert!(!format!("{problems:?}").contains("abc123"), "{problems:?}");
        let good = read(&[("TURNSTILE_TEST_MODE", "true"), ("HASHPASS_HMAC_SECRET", &"0a".repeat(16))]).unwrap();
        assert!(!good.race.secret_is_random && !format!("{good:?}").contains("10, 10"));
    }

    #[test]
    fn a_broken_env_file_is_not_quoted() {
        for (file, told) in [
            ("PORT=1\nWEBHOOK_TOKEN='hushed", "a line after that of PORT that is not NAME=value"),
            ("PORT=1\nhushed=1\nWEBHOOK_TOKEN=hushed hushed\n", "a line after that of PORT that is not NAME=value"),
            ("hushed\n", "a line that is not NAME=value"),
            ("hushed='hushed\n", "a line that is not NAME=value"),
        ] {
            let problems = values_of_env_file(file.as_bytes()).unwrap_err();
            let text = format!("{problems} {problems:?}");
            assert!(text.contains(told) && !text.contains("hushed"), "{file:?}: {text}");
        }
        let values = values_of_env_file("# words\nexport PORT=1\nHOST='::'\n".as_bytes()).unwrap();
        assert_eq!(values, HashMap::from([("PORT".into(), "1".into()), ("HOST".into(), "::".into())]));
    }

    #[test]
    fn settings_that_contradict_each_other_are_refused() {
        let test_mode = ("TURNSTILE_TEST_MODE", "true");
        for (values, part) in [
            (vec![("HASHPASS_MIN_DIFFICULTY", "4")], "HASHPASS_DIFFICULTY must be between"),
            (vec![("HASHPASS_MIN_DIFFICULTY", "5"), ("HASHPASS_MAX_DIFFICULTY", "4")], "must not be above"),
            (vec![("HASHPASS_TARGET_TIME_MIN", "120")], "must be below HASHPASS_TARGET_TIME_MAX"),
            (vec![("HASHPASS_RETARGET", "step"), ("HASHPASS_DIFFICULTY", "2.5")], "whole numbers"),
        ] {
            let text = problems(&[vec![test_mode], values].concat());
            assert!(text.contains(part), "{part}: {text}");
        }
    }

    #[test]
    fn keys_are_needed_only_where_humans_are_asked_for() {
        let config = read(&[("HASHPASS_GATE", "hashcash")]).unwrap();
        assert_eq!((config.gate.rule, config.gate.test_mode), (GateRule::Hashcash, false));
        assert!(problems(&[("HASHPASS_GATE", "both")]).contains("TURNSTILE_SECRET_KEY must be set"));
        let text = problems(&[("HASHPASS_GATE", "hashcash"), ("NEOIRC_HASHCASH_BITS", "0")]);
        assert!(text.contains("HASHPASS_GATE=\"hashcash\" must be turnstile"), "{text}");
    }

    #[test]
    fn the_settings_of_the_lobby_have_their_rules() {
        let with = |name, value| read(&[("TURNSTILE_TEST_MODE", "true"), (name, value)]);
        let lobby = with("HASHPASS_DATA_DIR", "/srv/race").unwrap().lobby;
        assert_eq!(lobby.database, Database::File("/srv/race/lobby.db".into()));
        assert_eq!((lobby.hashcash_bits.get(), &*lobby.server_name, lobby.history), (20, "hashpass", 10_000));
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
        ] {
            assert!(with(name, value).is_err_and(|problems| problems.to_string().contains(name)), "{name}={value}");
        }
        assert!(problems(&[("HASHPASS_HASHCASH_BITS", "8"), ("NEOIRC_HASHCASH_BITS", "9")]).contains("must equal"));
    }

    #[test]
    fn limits_default_to_the_documented_ones_and_0_is_none() {
        let test_mode = ("TURNSTILE_TEST_MODE", "true");
        let config = read(&[test_mode]).unwrap();
        assert_eq!(config.limits, AddressLimitSettings::default());
        assert_eq!(config.connections, ConnectionLimits::default());
        let limits = VARIABLES.iter().filter(|variable| variable.name.starts_with("HASHPASS_LIMIT_"));
        let documented: Vec<_> = limits.map(|variable| (variable.name, variable.default)).collect();
        assert_eq!(documented.len(), 7);
        let written_out = read(&[vec![test_mode], documented.clone()].concat()).unwrap();
        assert_eq!((written_out.limits, written_out.connections), (config.limits, config.connections));
        let none: Vec<_> = documented.iter().map(|(name, _)| (*name, "0")).collect();
        let config = read(&[vec![test_mode], none].concat()).unwrap();
        assert_eq!((config.limits.sessions_per_hour, config.connections.in_all), (0, 0));
        for (name, _) in documented {
            for wrong in ["-1", "1000001", "many"] {
                let text = problems(&[test_mode, (name, wrong)]);
                assert!(text.contains(&format!("{name}={wrong:?} must be an integer from 0 to 1000000")), "{text}");
            }
        }
    }

    #[test]
    fn the_example_file_is_the_table() {
        assert_eq!(include_str!("../.env.example"), example(), "hashpass print-env-example > .env.example");
    }

    /// Whatever the parser asks for is in the table, and the other way round.
    #[test]
    fn the_table_of_variables_is_complete() {
        let source = include_str!("config.rs");
        let parser = &source[source.find("impl Config").unwrap()..source.find("mod tests").unwrap()];
        for variable in VARIABLES {
            assert!(parser.contains(&format!("\"{}\"", variable.name)), "{} is not read", variable.name);
        }
        for quoted in parser.split('"').skip(1).step_by(2) {
            let looks_like_a_name =
                4 <= quoted.len() && quoted.bytes().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == b'_');
            if looks_like_a_name {
                assert!(VARIABLES.iter().any(|variable| variable.name == quoted), "{quoted} is not in the table");
            }
        }
    }
}
