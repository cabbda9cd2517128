//! How HTTP is spoken.

use super::{reader::Reader, site, variable::WithDefault};
use crate::edge::settings::{EdgeSettings, Hsts};

pub(super) const HSTS: WithDefault = WithDefault::new(
    "HASHPASS_HSTS",
    "31536000",
    "behind TLS, for how many seconds browsers insist on it, if wanted with \"; includeSubDomains\"; or off",
);

/// The settings of HTTP.
pub(super) fn edge(reader: &mut Reader<'_>) -> EdgeSettings {
    let rule = "off, or seconds, which \"; includeSubDomains\" may follow";
    let hsts = reader.parse(&HSTS, rule, |text| match text {
        "off" => Some(None),
        _ => Hsts::new(text).map(Some),
    });
    EdgeSettings::new(hsts, site::site(reader), site::way_back(reader))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::{problems, read};

    #[test]
    fn browsers_insist_on_tls_unless_they_are_not_told_to() {
        let hsts = |value| read(&[("TURNSTILE_TEST_MODE", "true"), ("HASHPASS_HSTS", value)]).unwrap().edge.hsts;
        assert_eq!(hsts(""), Hsts::new("31536000"));
        assert_eq!(hsts("off"), None);
        assert_eq!(hsts("60; includeSubDomains"), Hsts::new("60; includeSubDomains"));
        assert!(problems(&[("HASHPASS_HSTS", "always")]).contains("HASHPASS_HSTS=\"always\" must be off, or seconds"));
    }
}
