//! The languages that the page speaks.
//!
//! Server and browser agree here on the languages' tags and on the cookie that
//! remembers a visitor's choice. Which language a request asks for is the server's
//! to find out; the texts themselves are in [`crate::page::text`].

use crate::read::read_texts;
use serde::{Deserialize, Serialize};

/// The cookie that remembers the choice. It is no secret: the page writes it too.
pub const COOKIE: &str = "hashpass_language";

/// The parameter of a page's address that asks for a language: `/?language=zh-Hans`.
pub const PARAMETER: &str = "language";

/// How long a choice is remembered, in seconds: a year.
const COOKIE_SECONDS: u32 = 31_536_000;

/// A language of the page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Language {
    /// Also for everybody who asks for no language of the page.
    #[default]
    #[serde(rename = "en")]
    English,
    /// In simplified characters, which readers of the traditional ones get too:
    /// they are closer to those than English is.
    #[serde(rename = "zh-Hans")]
    Chinese,
}

impl Language {
    /// All of them, in the order in which they are offered.
    pub const ALL: [Self; 2] = [Self::English, Self::Chinese];

    /// Its tag (BCP 47), as in the attribute `lang`.
    pub const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Chinese => "zh-Hans",
        }
    }

    /// Its own name for itself.
    pub const fn name(self) -> &'static str {
        match self {
            Self::English => "English",
            Self::Chinese => "简体中文",
        }
    }

    /// The language whose tag this is exactly.
    pub fn from_tag(tag: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|language| language.tag() == tag)
    }

    /// The text in this language. Every text passes through here or through a
    /// `match`, so that none can be left untranslated.
    pub const fn pick<T: Copy>(self, english: T, chinese: T) -> T {
        match self {
            Self::English => english,
            Self::Chinese => chinese,
        }
    }

    /// The line that remembers this language: for `Set-Cookie`, and for a
    /// browser's `document.cookie`.
    pub fn cookie(self, secure: bool) -> String {
        let (tag, secure) = (self.tag(), if secure { "; Secure" } else { "" });
        format!("{COOKIE}={tag}; Path=/; Max-Age={COOKIE_SECONDS}; SameSite=Lax{secure}")
    }

    /// The address, seen from a page, of the same page in this language: for those
    /// whose browser runs no scripts.
    pub fn address(self) -> String {
        format!("?{PARAMETER}={}", self.tag())
    }
}

read_texts!(Language);

/// A text of the page without values in it.
pub type Text = fn(Language) -> &'static str;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_one_name_everywhere() {
        for language in Language::ALL {
            assert_eq!(Language::from_tag(language.tag()), Some(language));
            assert_eq!(serde_json::to_value(language).unwrap(), language.tag());
        }
        for other in ["", "EN", "zh", "zh-hans", "en ", "de"] {
            assert_eq!(Language::from_tag(other), None, "{other}");
        }
    }

    #[test]
    fn a_choice_is_remembered_for_a_year() {
        assert_eq!(
            Language::Chinese.cookie(true),
            "hashpass_language=zh-Hans; Path=/; Max-Age=31536000; SameSite=Lax; Secure"
        );
        assert!(!Language::English.cookie(false).contains("Secure"));
    }
}
