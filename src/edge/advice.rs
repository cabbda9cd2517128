//! What the operator should know of requests that look like those of a proxy that is not
//! set up right. Each is said once an hour at most, as anybody can make such requests.

use crate::lock::lock;
use axum::http::{HeaderMap, header};
use std::{
    net::IpAddr,
    sync::Mutex,
    time::{Duration, Instant},
};

/// Between two lines of the same kind.
const ADVICE_INTERVAL: Duration = Duration::from_secs(3600);

/// What has been said lately.
#[derive(Debug, Default)]
pub struct Advice {
    untrusted_proxy: OnceAnHour,
    wrong_host: OnceAnHour,
}

#[derive(Debug, Default)]
struct OnceAnHour(Mutex<Option<Instant>>);

impl OnceAnHour {
    fn is_due(&self, now: Instant) -> bool {
        let mut last = lock(&self.0);
        let is_due = last.is_none_or(|last| last + ADVICE_INTERVAL <= now);
        if is_due {
            *last = Some(now);
        }
        is_due
    }
}

impl Advice {
    /// A peer that is no trusted proxy says for whom it calls.
    pub(super) fn note_untrusted_proxy(&self, peer: IpAddr) {
        if self.untrusted_proxy.is_due(Instant::now()) {
            tracing::warn!(
                %peer,
                "X-Forwarded-For comes from a peer that is not trusted and is not believed: if that is your proxy, \
                 add its address to HASHPASS_TRUSTED_PROXIES"
            );
        }
    }

    /// A page was refused because its origin is not the host that was called. If the
    /// browser did not say itself that it is another site's, a proxy may have changed
    /// `Host`.
    pub(super) fn note_refused_page(&self, headers: &HeaderMap) {
        let said =
            |name: header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let is_foreign = headers.get("sec-fetch-site").is_some_and(|site| site != "same-origin" && site != "none");
        if !is_foreign && self.wrong_host.is_due(Instant::now()) {
            let (origin, host) = (said(header::ORIGIN), said(header::HOST));
            tracing::warn!(
                ?origin,
                ?host,
                "a page was refused because its origin is not the host that was called: if both are this site, have \
                 the proxy pass Host and X-Forwarded-Proto on as they came (nginx: proxy_set_header Host $http_host)"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::captured_log::CapturedLog;

    #[test]
    fn each_advice_is_given_once_an_hour() {
        let once = OnceAnHour::default();
        let start = Instant::now();
        for (seconds, is_due) in [(0, true), (1, false), (3599, false), (3600, true), (3601, false)] {
            assert_eq!(once.is_due(start + Duration::from_secs(seconds)), is_due, "{seconds}");
        }
    }

    #[test]
    fn the_remedy_is_named_and_foreign_pages_are_no_reason_for_it() {
        let (log, _guard) = CapturedLog::start();
        let advice = Advice::default();
        let page = |site: &'static str| {
            let lines = [
                (header::ORIGIN, "https://race.test".to_owned()),
                (header::HOST, "127.0.0.1:8000".to_owned()),
                (header::HeaderName::from_static("sec-fetch-site"), site.to_owned()),
            ];
            HeaderMap::from_iter(lines.map(|(name, value)| (name, value.parse().unwrap())))
        };
        advice.note_refused_page(&page("cross-site"));
        assert_eq!(log.text(), "");
        advice.note_refused_page(&page("same-origin"));
        advice.note_refused_page(&page("same-origin"));
        advice.note_untrusted_proxy([10, 0, 0, 1].into());
        let text = log.text();
        assert!(text.contains("proxy_set_header Host $http_host") && text.contains("127.0.0.1:8000"), "{text}");
        assert!(text.contains("HASHPASS_TRUSTED_PROXIES") && text.contains("10.0.0.1"), "{text}");
        assert_eq!(text.lines().count(), 2, "{text}");
    }
}
