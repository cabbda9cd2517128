//! Sends one delivery to its receiver and says what was answered.

use super::schedule::ReceiverAnswer;
use crate::{
    ledger::deliveries::Delivery,
    prize::webhook::{WebhookSettings, sent_body},
};
use reqwest::{
    Client, Response,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, InvalidHeaderValue, RETRY_AFTER},
};
use std::time::{Duration, SystemTime};

/// Names the delivery: the same at every try, and nothing of the code in it.
const WEBHOOK_ID: HeaderName = HeaderName::from_static("webhook-id");

/// When this try was made, in seconds since 1970: a receiver refuses what is old.
const WEBHOOK_TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");

/// Says that the id, the time and the body are ours.
const WEBHOOK_SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// A receiver, and how it is reached.
pub(super) struct Receiver {
    client: Client,
    settings: WebhookSettings,
}

/// What became of a try.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    /// For the schedule.
    pub(super) kind: ReceiverAnswer,
    /// For people; says nothing that has to stay secret.
    pub(super) words: String,
}

impl Receiver {
    /// A receiver that is called with this client, which limits the time and follows no
    /// redirect.
    pub(super) fn new(client: Client, settings: WebhookSettings) -> Self {
        Self { client, settings }
    }

    /// Sends a delivery once. `now` is the time of day: of the try, and what a date in the
    /// answer is compared with.
    pub(super) async fn send(&self, delivery: &Delivery, now: SystemTime) -> Answer {
        let body = sent_body(&delivery.body, delivery.created_at);
        let headers = match self.headers(delivery, &body, now) {
            Ok(headers) => headers,
            Err(error) => return unanswered(format!("the headers cannot be sent: {error}")),
        };
        let request = self.client.post(self.settings.url.as_url().clone()).headers(headers);
        match request.body(body).send().await {
            Ok(response) => answered(&response, now),
            Err(error) if error.is_timeout() => unanswered("the receiver did not answer in time".to_owned()),
            Err(error) => unanswered(format!("the receiver cannot be reached: {}", causes(&error.without_url()))),
        }
    }

    fn headers(&self, delivery: &Delivery, body: &str, now: SystemTime) -> Result<HeaderMap, InvalidHeaderValue> {
        let id = delivery.webhook_id.as_str();
        let timestamp = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(WEBHOOK_ID, HeaderValue::from_str(id)?);
        headers.insert(WEBHOOK_TIMESTAMP, HeaderValue::from(timestamp));
        if let Some(secrets) = &self.settings.signing {
            headers.insert(WEBHOOK_SIGNATURE, secrets.sign(id, timestamp, body)?);
        }
        // In the map, so that it takes the place of a password in the address.
        if let Some(token) = &self.settings.token {
            headers.insert(AUTHORIZATION, token.as_header().clone());
        }
        Ok(headers)
    }
}

fn answered(response: &Response, now: SystemTime) -> Answer {
    let status = response.status();
    let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| retry_after(value.to_str().ok()?, now));
    Answer {
        kind: ReceiverAnswer::Status { code: status.as_u16(), retry_after },
        words: format!("the receiver answered {status}"),
    }
}

fn unanswered(words: String) -> Answer {
    Answer { kind: ReceiverAnswer::None, words }
}

/// The wait that a `Retry-After` asks for: seconds, or the date to wait for.
fn retry_after(text: &str, now: SystemTime) -> Option<Duration> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // So many digits that it is no number: for ever.
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let at = httpdate::parse_http_date(text).ok()?;
    Some(at.duration_since(now).unwrap_or_default())
}

/// The error and all its causes, which the error alone does not show.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        // Sun, 06 Nov 1994 08:49:37 GMT
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777 - 60);
        let seconds = |text| retry_after(text, now).map(|wait| wait.as_secs());
        for (text, expected) in [
            ("7", Some(7)),
            (" 120 ", Some(120)),
            ("0", Some(0)),
            ("99999999999999999999999", Some(u64::MAX)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(60)),
            ("Sunday, 06-Nov-94 08:49:37 GMT", Some(60)),
            ("Sun Nov  6 08:49:37 1994", Some(60)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
            ("", None),
            ("-1", None),
            ("1.5", None),
            ("soon", None),
        ] {
            assert_eq!(seconds(text), expected, "{text:?}");
        }
    }
}
