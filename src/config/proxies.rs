//! Through which proxies the server calls others.

use super::{reader::Reader, variable::Optional};
use crate::https_client::ProxySettings;
use std::collections::HashMap;

pub(super) const HTTP_PROXY: Optional =
    Optional::new("HTTP_PROXY", "proxy for calls to http addresses, such as http://10.0.0.1:3128").secret();

pub(super) const HTTPS_PROXY: Optional = Optional::new("HTTPS_PROXY", "proxy for calls to https addresses").secret();

pub(super) const NO_PROXY: Optional =
    Optional::new("NO_PROXY", "hosts and networks that are called without a proxy, separated by commas");

/// The settings of the client.
pub(super) fn proxies(reader: &mut Reader<'_>) -> ProxySettings {
    let rule = "an http or https URL";
    ProxySettings {
        http: reader.parse_if_set(&HTTP_PROXY, rule, |text| text.parse().ok()),
        https: reader.parse_if_set(&HTTPS_PROXY, rule, |text| text.parse().ok()),
        not_for: reader.text_if_set(&NO_PROXY).unwrap_or_default().to_owned(),
    }
}

/// Takes the names in lower case, which other programs read too, where those in upper
/// case are not set.
pub(super) fn take_lower_case(values: &mut HashMap<String, String>) {
    for Optional { variable } in [&HTTP_PROXY, &HTTPS_PROXY, &NO_PROXY] {
        let is_set = values.get(variable.name).is_some_and(|value| !value.trim().is_empty());
        if let Some(value) = values.get(&variable.name.to_ascii_lowercase()).filter(|_| !is_set) {
            values.insert(variable.name.to_owned(), value.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::tests::{problems, read},
        take_lower_case,
    };
    use std::collections::HashMap;

    #[test]
    fn proxies_are_read_and_their_passwords_never_repeated() {
        let test_mode = ("TURNSTILE_TEST_MODE", "true");
        let proxies = read(&[test_mode]).unwrap().proxies;
        assert!(proxies.http.is_none() && proxies.https.is_none() && proxies.not_for.is_empty());
        let set =
            [("HTTPS_PROXY", "http://user:s3cret@10.0.0.1:3128"), ("NO_PROXY", "example.org,10.0.0.0/8"), test_mode];
        let proxies = read(&set).unwrap().proxies;
        assert!(proxies.http.is_none() && proxies.https.is_some() && !format!("{proxies:?}").contains("s3cret"));
        assert_eq!(proxies.not_for, "example.org,10.0.0.0/8");
        let text = problems(&[("HTTP_PROXY", "socks5://s3cret@10.0.0.1"), test_mode]);
        assert!(text.contains("HTTP_PROXY (its value is not shown)") && !text.contains("s3cret"), "{text}");
    }

    #[test]
    fn names_in_lower_case_count_where_the_others_are_not_set() {
        let values =
            [("http_proxy", "a"), ("HTTP_PROXY", "b"), ("https_proxy", "c"), ("NO_PROXY", " "), ("no_proxy", "d")];
        let mut values: HashMap<String, String> =
            values.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        take_lower_case(&mut values);
        let value = |name: &str| values.get(name).map(String::as_str);
        assert_eq!([value("HTTP_PROXY"), value("HTTPS_PROXY"), value("NO_PROXY")], [Some("b"), Some("c"), Some("d")]);
    }
}
