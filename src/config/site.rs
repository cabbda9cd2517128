//! What the page says of whoever gives codes out, and where it sends winners.

use super::{
    reader::Reader,
    variable::{Optional, WithDefault},
};
use crate::edge::settings::WayBackSettings;
use app::wire::Site;

pub(super) const SITE_NAME: WithDefault =
    WithDefault::new("HASHPASS_SITE_NAME", "HashPass", "the site's name on the page: a line of at most 60 characters");

pub(super) const PRIZE: Optional = Optional::new(
    "HASHPASS_PRIZE",
    "what an invite leads to, such as \"the beta of Example\": a line of at most 80 characters",
);

pub(super) const CONTACT: Optional =
    Optional::new("HASHPASS_CONTACT", "how visitors reach you: a line of at most 120 characters, shown as text");

pub(super) const IMPRINT_URL: Optional =
    Optional::new("HASHPASS_IMPRINT_URL", "https address of the page that says who you are");

pub(super) const PRIVACY_URL: Optional =
    Optional::new("HASHPASS_PRIVACY_URL", "https address of the page that says what you do with data");

pub(super) const RETURN_URLS: Optional = Optional::new(
    "HASHPASS_RETURN_URLS",
    "https addresses that winners may be sent back to, separated by commas; one that ends with / stands for all below it",
);

pub(super) const STATE_SECRET: Optional = Optional::new(
    "HASHPASS_STATE_SECRET",
    "what other sites sign the state of their links with: 32 to 256 visible ASCII characters",
)
.secret();

/// The longest address of a page of the operator's, in bytes.
const LONGEST_URL: usize = 500;

/// Who gives codes out.
pub(super) fn site(reader: &mut Reader<'_>) -> Site {
    Site {
        name: reader.parse(&SITE_NAME, "a line of at most 60 characters", |text| line(text, 60)),
        prize: reader.parse_if_set(&PRIZE, "a line of at most 80 characters", |text| line(text, 80)),
        contact: reader.parse_if_set(&CONTACT, "a line of at most 120 characters", |text| line(text, 120)),
        imprint_url: reader.parse_if_set(&IMPRINT_URL, URL_RULE, https),
        privacy_url: reader.parse_if_set(&PRIVACY_URL, URL_RULE, https),
    }
}

/// Where winners are sent.
pub(super) fn way_back(reader: &mut Reader<'_>) -> WayBackSettings {
    let rule = "https addresses as a browser writes them, without a query, such as https://example.org/welcome, \
                separated by commas";
    let urls = reader.parse_if_set(&RETURN_URLS, rule, |text| {
        text.split(',').map(str::trim).filter(|url| !url.is_empty()).map(|url| url.parse().ok()).collect()
    });
    WayBackSettings {
        urls: urls.unwrap_or_default(),
        secret: reader.parse_if_set(&STATE_SECRET, "32 to 256 visible ASCII characters", |text| text.parse().ok()),
    }
}

const URL_RULE: &str = "an address that starts with https://, of at most 500 bytes";

/// Text of one line: nothing in it that would break the line or turn its direction.
fn line(text: &str, most: usize) -> Option<String> {
    let breaks = |character: char| {
        character.is_control()
            || matches!(character, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    (!text.is_empty() && text.chars().count() <= most && !text.chars().any(breaks)).then(|| text.to_owned())
}

fn https(text: &str) -> Option<String> {
    let url: reqwest::Url = text.parse().ok().filter(|url: &reqwest::Url| url.scheme() == "https")?;
    let is_plain = text.len() <= LONGEST_URL && url.username().is_empty() && url.password().is_none();
    is_plain.then(|| url.into())
}

#[cfg(test)]
mod tests {
    use crate::config::tests::{problems, read};
    use app::wire::Site;

    #[test]
    fn the_page_says_what_the_operator_says() {
        let site = |values: &[(&'static str, &'static str)]| {
            read(&[&[("TURNSTILE_TEST_MODE", "true")], values].concat()).unwrap().edge.site
        };
        assert_eq!(site(&[]), Site::default());
        let said = site(&[
            ("HASHPASS_SITE_NAME", "Example <b>"),
            ("HASHPASS_PRIZE", "the beta of Example"),
            ("HASHPASS_CONTACT", "mail@example.org"),
            ("HASHPASS_IMPRINT_URL", "https://example.org"),
            ("HASHPASS_PRIVACY_URL", "https://example.org/privacy"),
        ]);
        assert_eq!((said.name.as_str(), said.prize.as_deref()), ("Example <b>", Some("the beta of Example")));
        assert_eq!(said.imprint_url.as_deref(), Some("https://example.org/"));
    }

    #[test]
    fn lines_are_lines_and_addresses_are_https() {
        let long = "x".repeat(81);
        for (name, value) in [
            ("HASHPASS_SITE_NAME", "two\nlines"),
            ("HASHPASS_SITE_NAME", "turned \u{202e}round"),
            ("HASHPASS_PRIZE", &*long),
            ("HASHPASS_CONTACT", "a\u{2028}b"),
            ("HASHPASS_IMPRINT_URL", "http://example.org"),
            ("HASHPASS_IMPRINT_URL", "javascript:alert(1)"),
            ("HASHPASS_PRIVACY_URL", "https://user:password@example.org/"),
            ("HASHPASS_RETURN_URLS", "https://example.org"),
            ("HASHPASS_RETURN_URLS", "https://example.org/a,http://example.org/b"),
            ("HASHPASS_RETURN_URLS", "https://example.org/?x=1"),
            ("HASHPASS_RETURN_URLS", "https://example.org/%61"),
            ("HASHPASS_RETURN_URLS", "https://*.example.org/"),
        ] {
            let text = problems(&[("TURNSTILE_TEST_MODE", "true"), (name, value)]);
            assert!(text.contains(name), "{name}={value}: {text}");
        }
        let text = problems(&[("TURNSTILE_TEST_MODE", "true"), ("HASHPASS_STATE_SECRET", "hushed")]);
        assert!(text.contains("HASHPASS_STATE_SECRET (its value is not shown)") && !text.contains("hushed"), "{text}");
    }

    #[test]
    fn winners_are_sent_to_what_is_listed() {
        let values = [
            ("TURNSTILE_TEST_MODE", "true"),
            ("HASHPASS_RETURN_URLS", "https://example.org/welcome, http://localhost:3000/,"),
            ("HASHPASS_STATE_SECRET", "a-secret-of-thirty-two-characters"),
        ];
        let way_back = read(&values).unwrap().edge.way_back;
        assert_eq!((way_back.urls.len(), way_back.secret.is_some()), (2, true));
    }
}
