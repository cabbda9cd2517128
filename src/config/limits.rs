//! How much one address may ask for.

use super::{reader::Reader, variable::WithDefault};
use crate::gate::LimitSettings;

pub(super) const REQUESTS_PER_SECOND: WithDefault = WithDefault::new(
    "HASHPASS_LIMIT_REQUESTS_PER_SECOND",
    "200",
    "requests of one address (IPv4 address or IPv6 /64), for pages and files too; ten seconds' worth may come at once; \
     0: no limit",
);

pub(super) const SESSIONS_PER_HOUR: WithDefault = WithDefault::new(
    "HASHPASS_LIMIT_SESSIONS_PER_HOUR",
    "1200",
    "new sessions of one address (IPv4 address or IPv6 /64) per hour; a whole hour's may come at once; 0: no limit",
);

pub(super) const FAILED_CHECKS_PER_MINUTE: WithDefault = WithDefault::new(
    "HASHPASS_LIMIT_FAILED_CHECKS_PER_MINUTE",
    "600",
    "failed and unanswered human checks of one address per minute; 0: no limit",
);

pub(super) const SUBMISSIONS_PER_MINUTE: WithDefault = WithDefault::new(
    "HASHPASS_LIMIT_SUBMISSIONS_PER_MINUTE",
    "1200",
    "submissions of one address per minute that pass every cheap check; 0: no limit",
);

pub(super) const SOCKETS_PER_ADDRESS: WithDefault = WithDefault::new(
    "HASHPASS_LIMIT_SOCKETS_PER_ADDRESS",
    "1000",
    "WebSockets of one address open at once; 0: no limit",
);

pub(super) const SOCKETS: WithDefault =
    WithDefault::new("HASHPASS_LIMIT_SOCKETS", "15000", "WebSockets open at once over all addresses; 0: no limit");

/// The limits of addresses.
pub(super) fn limits(reader: &mut Reader<'_>) -> LimitSettings {
    LimitSettings {
        requests_per_second: reader.limit(&REQUESTS_PER_SECOND),
        sessions_per_hour: reader.limit(&SESSIONS_PER_HOUR),
        failed_checks_per_minute: reader.limit(&FAILED_CHECKS_PER_MINUTE),
        submissions_per_minute: reader.limit(&SUBMISSIONS_PER_MINUTE),
        sockets_per_address: reader.limit(&SOCKETS_PER_ADDRESS) as usize,
        sockets_in_all: reader.limit(&SOCKETS) as usize,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::{
            VARIABLES,
            tests::{problems, read},
        },
        connections::ConnectionSettings,
    };

    #[test]
    fn limits_default_to_the_documented_ones_and_0_is_none() {
        let test_mode = ("TURNSTILE_TEST_MODE", "true");
        let config = read(&[test_mode]).unwrap();
        let limits = LimitSettings {
            requests_per_second: 200,
            sessions_per_hour: 1200,
            failed_checks_per_minute: 600,
            submissions_per_minute: 1200,
            sockets_per_address: 1000,
            sockets_in_all: 15_000,
        };
        assert_eq!(config.limits, limits);
        assert_eq!(config.connections, ConnectionSettings::new(20_000, 4_000));
        let limits = VARIABLES.iter().filter(|variable| variable.name.starts_with("HASHPASS_LIMIT_"));
        let documented: Vec<_> = limits.map(|variable| (variable.name, variable.default.as_str())).collect();
        assert_eq!(documented.len(), 8);
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
}
