//! What must hold for every parser that reads what strangers send, whatever they
//! send. Each check takes any bytes and panics when a promise is broken.
//!
//! The fuzz targets call them with inputs that reach new code, `cargo test` (in
//! `src/tests/house/parsers.rs`) with the corpus of this repository and variations of it.
//! A check has no memory, reads no clock and reaches nothing outside the process.

#![allow(clippy::unwrap_used, reason = "a check that meets a surprise has found something")]

use app::{
    ErrorCode,
    api::SubmitSolution,
    wire::{ClientMessage, ServerMessage, Submission},
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use hashpass::{
    config::{self, Config, VARIABLES},
    edge::{cookie, headers::forwarding_headers, socket},
    gate::address::{IpBinding, TrustedProxies},
    live,
};
use puzzle::{
    PuzzleHasher, TraceData,
    stamp::{self, Bits, Minter, Rejection, StampHash, Timestamp},
};
use std::net::{IpAddr, SocketAddr};

/// Panics when a promise is broken.
pub type Check = fn(&[u8]);

/// Every check with the name of its corpus.
pub const ALL: [(&str, Check); 7] = [
    ("address", address),
    ("configuration", configuration),
    ("cookie", cookie),
    ("stamp", stamp),
    ("submission", submission),
    ("trace", trace),
    ("websocket", websocket),
];

/// A trace: any text of 1 to 2048 bytes. It names one address or none, and behind
/// a visitor id it can be taken off again in one way only.
pub fn trace(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let Ok(trace) = text.parse::<TraceData>() else {
        assert!(text.is_empty() || 2048 < text.len());
        return;
    };
    assert_eq!(trace.as_str(), text);
    assert_eq!(serde_json::from_str::<TraceData>(&serde_json::to_string(&trace).unwrap()).unwrap(), trace);

    let named: Vec<&str> = text.split('\n').filter(|line| line.starts_with("ip=")).collect();
    match (trace.ip(), named.as_slice()) {
        (Some(ip), [line]) => {
            assert_eq!(ip, ip.to_canonical());
            let value = line["ip=".len()..].strip_suffix('\r').unwrap_or(&line["ip=".len()..]);
            assert_eq!(value.parse::<IpAddr>().unwrap().to_canonical(), ip);
        }
        (Some(ip), lines) => panic!("{ip} of {lines:?}"),
        (None, _) => {}
    }

    if trace.is_splice_proof() {
        let salt = format!("visitor-1{text}");
        let cut = salt.find('=').unwrap() - 2;
        assert_eq!(&salt[cut..], text);
    }
}

/// The body of `POST /api/verify`. What the page's own type takes, the server
/// function takes, and the other way round; what is taken survives the way back.
pub fn submission(bytes: &[u8]) {
    let taken = serde_json::from_slice::<Submission>(bytes);
    let by_function = serde_json::from_slice::<SubmitSolution>(bytes);
    let (submission, by_function) = match (taken, by_function) {
        (Ok(submission), Ok(by_function)) => (submission, by_function),
        (Err(_), Err(_)) => return,
        (taken, by_function) => panic!("{taken:?} but {:?}", by_function.map(|_| "taken")),
    };
    let SubmitSolution { visitor_id, nonce, submitted_seed, trace_data, hash } = by_function;
    assert_eq!(submission, Submission { visitor_id, nonce, submitted_seed, trace_data, hash });
    assert_eq!(serde_json::from_slice::<Submission>(&serde_json::to_vec(&submission).unwrap()).unwrap(), submission);

    let id = submission.visitor_id.as_str();
    assert!((8..=64).contains(&id.len()) && id.bytes().all(|c| c.is_ascii_alphanumeric() || b"_-".contains(&c)));
    assert!((1..=2048).contains(&submission.trace_data.as_str().len()));
    assert!(submission.nonce.get() < 1 << 53);
    assert_eq!(submission.submitted_seed.to_string().len(), 32);
    trace(submission.trace_data.as_str().as_bytes());
}

/// A WebSocket message. What is understood survives the way back and is in range;
/// what is not is answered in words of our own.
pub fn websocket(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    match socket::understand(text) {
        Ok(message) => {
            let again = socket::understand(&serde_json::to_string(&message).unwrap());
            match (message, again) {
                (ClientMessage::Hashrate { rate }, Ok(ClientMessage::Hashrate { rate: again })) => {
                    assert!(rate.is_finite() && (0.0..=live::HIGHEST_RATE).contains(&rate), "{rate}");
                    // The JSON reader may be off by the last bit.
                    assert!((rate - again).abs() <= rate * f64::EPSILON, "{rate} {again}");
                }
                (message, again) => assert_eq!(again, Ok(message)),
            }
        }
        Err((code, detail)) => {
            assert!(matches!(code, ErrorCode::UnknownMessage | ErrorCode::BadHashrate | ErrorCode::BadShare));
            let answer = ServerMessage::Error { code, detail: detail.into_owned() };
            let sent = serde_json::to_string(&answer).unwrap();
            assert_eq!(serde_json::from_str::<ServerMessage>(&sent).unwrap(), answer);
        }
    }
}

/// 2026-11-21T12:34:56Z, the day of the corpus.
const NOW: Timestamp = Timestamp(1_795_264_496);

/// A stamp: on the first line how many bits are required, on the second the stamp,
/// on the others the body of a message.
pub fn stamp(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let mut lines = text.split('\n');
    let required = lines.next().and_then(|line| Bits::new(line.parse().ok()?).ok()).unwrap_or_default();
    let stamp = lines.next().unwrap_or_default();
    let body: Vec<String> = lines.map(str::to_owned).collect();
    let resource = stamp.split(':').nth(3).unwrap_or_default();

    let for_session = |required, resource, now| stamp::session::check(Some(stamp), required, resource, now);
    let for_channel = |required, channel, body, now| stamp::channel::check(Some(stamp), required, channel, body, now);
    let outcomes = [for_session(required, resource, NOW), for_channel(required, resource, &body, NOW)];
    if required.is_none() {
        assert_eq!(outcomes, [Ok(None); 2]);
        return;
    }
    assert!(outcomes.iter().any(Result::is_err), "a stamp of both kinds: {stamp}");
    let expired = Timestamp(NOW.0 + stamp::LONGEST_LIFE.as_secs());
    for outcome in outcomes {
        match outcome {
            Ok(None) => panic!("a stamp is required"),
            Ok(Some(hash)) => {
                let fields: Vec<&str> = stamp.split(':').collect();
                let claimed: u16 = fields[1].parse().unwrap();
                assert!(fields.len() == 6 && stamp.len() <= stamp::MAX_LENGTH && fields[0] == "1");
                assert!(u16::from(required.get()) <= claimed && claimed <= hash.zero_bits());
                assert_eq!(hash, StampHash::of(stamp));
            }
            Err(rejection) => {
                assert!(!rejection.reason().is_empty() && !rejection.to_string().contains('\n'));
            }
        }
    }
    let easier = Bits::new(1).unwrap();
    if let [Ok(hash), _] = outcomes {
        assert_eq!(for_session(easier, resource, NOW), Ok(hash));
        assert_eq!(for_session(required, "another", NOW), Err(Rejection::Resource));
        assert_eq!(for_session(required, resource, expired), Err(Rejection::Expired));
    }
    if let [_, Ok(hash)] = outcomes {
        assert_eq!(for_channel(easier, resource, &body, NOW), Ok(hash));
        assert_eq!(for_channel(required, "#another", &body, NOW), Err(Rejection::Channel));
        assert_eq!(for_channel(required, resource, &body, expired), Err(Rejection::Expired));
        let other_body = [body.as_slice(), &["more".to_owned()]].concat();
        assert_eq!(for_channel(required, resource, &other_body, NOW), Err(Rejection::BodyHash));
    }
    minted_stamps_hold(resource);
}

/// What is minted for a resource of any length is accepted for it, unless it is too long.
fn minted_stamps_hold(resource: &str) {
    let bits = Bits::new(2).unwrap();
    let body = [resource.to_owned()];
    let mint = |prefix: &stamp::Prefix| {
        let mut minter = Minter::new(prefix, resource.len() as u64);
        std::iter::repeat_with(|| minter.advance(64)).flatten().next().unwrap()
    };
    let stamp = mint(&stamp::session::prefix(bits, resource, NOW));
    let accepted = stamp::session::check(Some(&stamp), bits, resource, NOW);
    assert!(accepted.is_ok() || accepted == Err(Rejection::TooLong), "{stamp}: {accepted:?}");
    let stamp = mint(&stamp::channel::prefix(bits, resource, &body, NOW));
    let accepted = stamp::channel::check(Some(&stamp), bits, resource, &body, NOW);
    assert!(accepted.is_ok() || accepted == Err(Rejection::TooLong), "{stamp}: {accepted:?}");
}

/// The variables whose values are never repeated, and something to know them by.
const SECRETS: [&str; 4] = ["HASHPASS_HMAC_SECRET", "TURNSTILE_SECRET_KEY", "WEBHOOK_TOKEN", "WEBHOOK_URL"];
const SECRET: &str = "hushed-4f1c9d";

/// The text of a `.env` file. Every problem is told on a line of its own with the
/// variable's name, no secret is told, and what is accepted is consistent.
pub fn configuration(bytes: &[u8]) {
    let file = [bytes, b"\nWEBHOOK_TOKEN=\"", SECRET.as_bytes()].concat();
    if let Err(problems) = config::values_of_env_file(&file) {
        assert!(contains(bytes, SECRET) || !format!("{problems} {problems:?}").contains(SECRET));
    }

    let Ok(mut values) = config::values_of_env_file(bytes) else { return };
    match Config::from_values(&values) {
        Ok(config) => {
            let race = &config.race;
            assert!(race.pace.easiest <= race.start && race.start <= race.pace.hardest);
            assert!(race.pace.shortest < race.pace.longest);
            assert!(PuzzleHasher::new(race.cost).is_ok());
            assert!((1..=1024).contains(&race.verify_workers) && (1..=100_000).contains(&race.verify_queue));
            assert!(config.gate.turnstile.as_ref().is_none_or(|keys| !keys.site_key.is_empty()));
            let again = Config::from_values(&values).unwrap();
            assert_eq!(format!("{again:?}"), format!("{config:?}"));
        }
        Err(problems) => {
            for line in problems.to_string().lines().skip(1) {
                let named = line.strip_prefix("  - ").unwrap();
                let is_known = VARIABLES.iter().any(|variable| named.starts_with(variable.name));
                assert!(is_known || named.contains(" is not a setting; "), "{line:?}");
            }
        }
    }

    if values.values().any(|value| value.contains(SECRET)) {
        return;
    }
    for name in SECRETS {
        values.entry(name.to_owned()).or_default().push_str(SECRET);
    }
    let said = match Config::from_values(&values) {
        Ok(config) => format!("{config:?}"),
        Err(problems) => format!("{problems} {problems:?}"),
    };
    assert!(!said.contains(SECRET), "{said}");
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// Headers that may name an address: on the first line the trusted proxies, on the
/// second the socket's peer, on the others the headers.
pub fn address(bytes: &[u8]) {
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let mut next = || str::from_utf8(lines.next()?).ok();
    let Some(proxies) = next().and_then(|line| line.parse::<TrustedProxies>().ok()) else { return };
    let Some(peer) = next().and_then(|line| line.parse::<IpAddr>().ok()) else { return };
    let headers: Vec<(HeaderName, HeaderValue)> = lines.filter_map(header).collect();
    let map: HeaderMap = headers.iter().cloned().fold(HeaderMap::new(), |mut map, (name, value)| {
        map.append(name, value);
        map
    });

    let address_of = |headers: &HeaderMap| proxies.client_address(peer, &forwarding_headers(headers));
    let client = address_of(&map);
    assert_eq!(client, client.to_canonical());
    if !proxies.contains(peer) {
        assert_eq!(client, peer.to_canonical());
        assert!(!proxies.is_tls(peer, &forwarding_headers(&map)));
    }
    if client != peer.to_canonical() {
        let named = headers.iter().flat_map(|(_, value)| value.as_bytes().split(|byte| *byte == b','));
        let mut named = named.filter_map(|word| address_in(str::from_utf8(word).ok()?.trim()));
        assert!(named.any(|address| address.to_canonical() == client), "nobody said {client}");
    }

    // Several lines of one list are one list (RFC 9110, 5.3).
    let forwarded = HeaderName::from_static("x-forwarded-for");
    let list: Vec<&[u8]> = map.get_all(&forwarded).iter().map(HeaderValue::as_bytes).collect();
    if !list.is_empty() {
        let mut joined = map.clone();
        joined.insert(&forwarded, HeaderValue::from_bytes(&list.join(&b", "[..])).unwrap());
        assert_eq!(address_of(&joined), client);
        // What strangers wrote before it changes nothing, unless nobody else is named.
        if !proxies.contains(client) {
            let invented = [&b"192.0.2.66, 2001:db8::66"[..], &list.join(&b", "[..])].join(&b", "[..]);
            joined.insert(&forwarded, HeaderValue::from_bytes(&invented).unwrap());
            assert_eq!(address_of(&joined), client);
        }
    }

    assert!(IpBinding::Exact.allows(Some(client), peer) == (client == peer.to_canonical()));
    assert!(IpBinding::Prefix.allows(Some(client), client) && IpBinding::Off.allows(None, client));
    assert_eq!(IpBinding::Prefix.allows(Some(client), peer), IpBinding::Prefix.allows(Some(peer), client));
}

/// The address in an entry, which may name a port and be in brackets.
fn address_in(entry: &str) -> Option<IpAddr> {
    let bare = entry.trim_start_matches('[').trim_end_matches(']');
    bare.parse().ok().or_else(|| entry.parse::<SocketAddr>().ok().map(|socket| socket.ip()))
}

/// `name: value`, if it can be a header.
fn header(line: &[u8]) -> Option<(HeaderName, HeaderValue)> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let value = line[colon + 1..].trim_ascii();
    Some((HeaderName::from_bytes(&line[..colon]).ok()?, HeaderValue::from_bytes(value).ok()?))
}

/// `Cookie` headers, one a line. The first session cookie of the right form counts,
/// whatever stands around it.
pub fn cookie(bytes: &[u8]) {
    let cookies = |lines: &[&[u8]]| {
        lines.iter().filter_map(|line| HeaderValue::from_bytes(line).ok()).fold(HeaderMap::new(), |mut map, line| {
            map.append(header::COOKIE, line);
            map
        })
    };
    let lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
    let strangers = cookies(&lines);
    for (is_tls, name, other) in
        [(false, cookie::COOKIE, cookie::HOST_COOKIE), (true, cookie::HOST_COOKIE, cookie::COOKIE)]
    {
        let found = cookie::session_token(&strangers, is_tls);
        if let Some(token) = found {
            assert_eq!(token.len(), 64);
            assert!(
                contains(bytes, &format!("{name}={token}")) || contains(bytes, &format!("{other}={token}")),
                "{token}"
            );
            let set = cookie::set_cookie(token, is_tls);
            assert!(HeaderValue::from_str(&set).is_ok() && set.starts_with(&format!("{name}={token}; ")), "{set}");
        }
        let token = "0123456789abcdef".repeat(4);
        let own = format!("{name}={token}");
        let before = cookies(&[&[own.as_bytes()], lines.as_slice()].concat());
        assert_eq!(cookie::session_token(&before, is_tls), Some(token.as_str()));
        // Under the other name it counts only where there is none of the right name.
        let own = format!("{other}={token}");
        let after = cookies(&[lines.as_slice(), &[own.as_bytes()]].concat());
        assert_eq!(cookie::session_token(&after, is_tls), found.or(Some(&token)));
    }
}
