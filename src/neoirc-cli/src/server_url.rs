//! Where a server is.

use reqwest::Url;
use std::{fmt, str::FromStr};

/// Where a server is: scheme, host, port, and a path if it lives under one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServerUrl(Url);

impl ServerUrl {
    /// The URL of a call, below `/api/v1/`.
    pub(crate) fn of_call(&self, call: &str) -> Url {
        let mut url = self.0.clone();
        let path = format!("{}/api/v1/{call}", url.path().trim_end_matches('/'));
        url.set_path(&path);
        url
    }
}

impl FromStr for ServerUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no server: give its URL, such as https://example.org");
        let mut url = Url::parse(text).map_err(|_| wrong())?;
        let plain = url.username().is_empty() && url.password().is_none() && url.query().is_none();
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() || !plain || url.fragment().is_some() {
            return Err(wrong());
        }
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&path);
        Ok(Self(url))
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_named_by_url() {
        for (text, shown) in [
            ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
            ("https://Example.org/", "https://example.org"),
            ("https://example.org/race//", "https://example.org/race"),
        ] {
            assert_eq!(text.parse::<ServerUrl>().unwrap().to_string(), shown);
        }
        for text in ["", "example.org", "example.org:8000", "ftp://a", "http://u:p@a", "http://a/?q", "http://a/#f"] {
            let error = text.parse::<ServerUrl>().unwrap_err();
            assert!(error.contains("give its URL"), "{error}");
        }
    }

    #[test]
    fn calls_go_below_the_servers_path() {
        let url = |server: &str| server.parse::<ServerUrl>().unwrap().of_call("messages").to_string();
        assert_eq!(url("http://a"), "http://a/api/v1/messages");
        assert_eq!(url("https://a:8443/race/"), "https://a:8443/race/api/v1/messages");
    }
}
