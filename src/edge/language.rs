//! The language that a request asks for.
//!
//! What the visitor chose counts most: in the address, else in the cookie that
//! remembers it. Then comes what the browser says, then English. Nothing of what a
//! client sends gets any further than this: the outcome is one of our own languages.

use app::language::{COOKIE, Language, PARAMETER};
use axum::http::{HeaderMap, HeaderName, Uri, header};

/// What answers in the visitor's language depend on, for `Vary`.
pub(crate) const VARIES_WITH: &str = "accept-language, cookie";

/// So many entries of a list of languages are looked at; browsers send a handful.
const MOST_RANGES: usize = 64;

/// The language chosen by the address: `/?language=zh-Hans`.
pub(crate) fn chosen_by_address(uri: &Uri) -> Option<Language> {
    uri.query()?
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .find(|(name, _)| *name == PARAMETER)
        .and_then(|(_, tag)| Language::from_tag(tag))
}

/// The language that a request's headers ask for.
pub(crate) fn asked_for(headers: &HeaderMap) -> Language {
    remembered(headers).or_else(|| preferred(headers)).unwrap_or_default()
}

fn lines<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    headers.get_all(name).iter().filter_map(|line| line.to_str().ok())
}

fn remembered(headers: &HeaderMap) -> Option<Language> {
    lines(headers, &header::COOKIE)
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(name, _)| *name == COOKIE)
        .find_map(|(_, tag)| Language::from_tag(tag))
}

/// The best of our languages by `Accept-Language` (RFC 9110, section 12.5.4), if
/// any of them is wanted.
fn preferred(headers: &HeaderMap) -> Option<Language> {
    let ranges: Vec<Range<'_>> = lines(headers, &header::ACCEPT_LANGUAGE)
        .flat_map(|line| line.split(','))
        .take(MOST_RANGES)
        .filter_map(Range::parse)
        .collect();
    let wish = |language: Language| {
        let position_of = |subtag: &str| {
            let wanted = |(_, range): &(usize, &Range<'_>)| range.primary_subtag.eq_ignore_ascii_case(subtag);
            ranges
                .iter()
                .enumerate()
                .filter(wanted)
                .max_by_key(|(position, range)| (range.quality, usize::MAX - position))
        };
        let (position, range) = position_of(primary_subtag(language.tag())).or_else(|| position_of("*"))?;
        (range.quality != 0).then_some((range.quality, usize::MAX - position))
    };
    // Of equals the last one is taken: English, where the browser takes anything.
    Language::ALL
        .into_iter()
        .rev()
        .filter_map(|language| Some((wish(language)?, language)))
        .max_by_key(|(wish, _)| *wish)
        .map(|(_, language)| language)
}

/// `zh` of `zh-Hans-CN`. Scripts and regions make no difference: there is one
/// translation for all who read a language.
fn primary_subtag(tag: &str) -> &str {
    tag.split('-').next().unwrap_or_default()
}

/// An entry of `Accept-Language`: `zh-CN;q=0.8`.
struct Range<'a> {
    primary_subtag: &'a str,
    /// In thousandths.
    quality: u16,
}

impl<'a> Range<'a> {
    /// `None` for what is no such entry.
    fn parse(entry: &'a str) -> Option<Self> {
        let (tag, parameter) = match entry.split_once(';') {
            Some((tag, parameter)) => (tag, Some(parameter)),
            None => (entry, None),
        };
        let quality = match parameter {
            None => 1000,
            Some(parameter) => {
                let (name, value) = parameter.split_once('=')?;
                name.trim().eq_ignore_ascii_case("q").then(|| quality(value.trim()))??
            }
        };
        Some(Self { primary_subtag: primary_subtag(tag.trim()), quality })
    }
}

/// `0` to `1` with up to three digits after the point, in thousandths.
fn quality(text: &str) -> Option<u16> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if !matches!(whole, "0" | "1") || 3 < fraction.len() || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let quality = format!("{whole}{fraction:0<3}").parse().ok()?;
    (quality <= 1000).then_some(quality)
}

#[cfg(test)]
mod tests {
    use super::*;
    use Language::{Chinese, English};
    use axum::http::HeaderValue;
    use proptest::prelude::*;

    fn headers(name: HeaderName, lines: &[&[u8]]) -> HeaderMap {
        lines.iter().map(|line| (name.clone(), HeaderValue::from_bytes(line).unwrap())).collect()
    }

    #[test]
    fn the_browsers_wish_is_understood() {
        let long = format!("{}zh", "de,".repeat(100_000));
        let table: &[(&str, Language)] = &[
            ("", English),
            ("en-US,en;q=0.9", English),
            ("zh-CN,zh;q=0.9,en;q=0.8", Chinese),
            ("zh", Chinese),
            ("ZH-hans", Chinese),
            ("zh-TW,zh;q=0.9,en-US;q=0.8", Chinese),
            ("en,zh", English),
            ("zh,en", Chinese),
            ("en;q=0.8,zh;q=0.9", Chinese),
            ("en;q=0.801,zh;q=0.8", English),
            ("fr-CH, fr;q=0.9, zh;q=0.5, *;q=0.1", Chinese),
            ("de,fr", English),
            ("*", English),
            ("zh;q=0.1,*;q=0.5", English),
            ("en;q=0,*", Chinese),
            ("zh;q=0", English),
            ("zh;q=0,en;q=0", English),
            ("zh ; q = 0.5 , en ; Q=0.4", Chinese),
            ("\tzh\t;q=1.000", Chinese),
            // No entries of the list:
            ("zh;q=1.001,en;q=0.1", English),
            ("zh;q=2,en;q=0.1", English),
            ("zh;q=-1", English),
            ("zh;q=0.1234", English),
            ("zh;q=NaN", English),
            ("zh;q=", English),
            ("zh;level=1", English),
            ("zh;q=0.9;x=1", English),
            ("zhuang,zh_CN", English),
            (",,;,;;q=,-,--zh", English),
            ("<script>zh</script>", English),
            (&long, English),
        ];
        for (line, language) in table {
            let headers = headers(header::ACCEPT_LANGUAGE, &[line.as_bytes()]);
            assert_eq!(asked_for(&headers), *language, "{line:.60}");
        }
        assert_eq!(asked_for(&HeaderMap::new()), English);
        assert_eq!(asked_for(&headers(header::ACCEPT_LANGUAGE, &[b"de", b"\xff\xfe", b"zh;q=0.3"])), Chinese);
    }

    #[test]
    fn a_choice_counts_more_than_the_browsers_wish() {
        let table: &[(&[&[u8]], Language)] = &[
            (&[b"hashpass_language=en"], English),
            (&[b"neoirc_auth=abc; hashpass_language=en"], English),
            (&[b"neoirc_auth=abc", b"hashpass_language=en"], English),
            (&[b"hashpass_language=de; hashpass_language=en"], English),
            (&[b"hashpass_language=\"><script>; =; ;;"], Chinese),
            (&[b"hashpass_language=EN"], Chinese),
            (&[b"hashpass_language"], Chinese),
            (&[b"hashpass_language=\xe4\xb8\xad"], Chinese),
            (&[b"xhashpass_language=en"], Chinese),
        ];
        for (lines, language) in table {
            let mut headers = headers(header::COOKIE, lines);
            headers.insert(header::ACCEPT_LANGUAGE, HeaderValue::from_static("zh-CN"));
            assert_eq!(asked_for(&headers), *language, "{lines:?}");
        }
    }

    #[test]
    fn an_address_can_ask_for_a_language() {
        let table = [
            ("/", None),
            ("/?", None),
            ("/?language", None),
            ("/?language=", None),
            ("/?language=zh-Hans", Some(Chinese)),
            ("/?a=b&language=en&c", Some(English)),
            ("/?language=zh-Hans%0d%0aset-cookie:x=y", None),
            ("/?language=//evil.example", None),
            ("/?language=de&language=en", None),
        ];
        for (address, language) in table {
            assert_eq!(chosen_by_address(&address.parse().unwrap()), language, "{address}");
        }
        for language in Language::ALL {
            let address = format!("/{}", language.address());
            assert_eq!(chosen_by_address(&address.parse().unwrap()), Some(language));
        }
    }

    proptest! {
        #[test]
        fn any_header_asks_for_one_of_our_languages(wish: Vec<u8>, cookie: Vec<u8>) {
            let mut headers = HeaderMap::new();
            for (name, bytes) in [(header::ACCEPT_LANGUAGE, wish), (header::COOKIE, cookie)] {
                if let Ok(value) = HeaderValue::from_bytes(&bytes) {
                    headers.append(name, value);
                }
            }
            prop_assert!(Language::ALL.contains(&asked_for(&headers)));
        }

        #[test]
        fn the_higher_quality_wins(english in 0..=1000_u16, chinese in 0..=1000_u16) {
            let text = |quality: u16| format!("{}.{:03}", quality / 1000, quality % 1000);
            let wish = format!("zh-CN;q={}, en-GB;q={}", text(chinese), text(english));
            let headers = headers(header::ACCEPT_LANGUAGE, &[wish.as_bytes()]);
            let expected = if english <= chinese && chinese != 0 { Chinese } else { English };
            prop_assert_eq!(asked_for(&headers), expected);
        }
    }
}
