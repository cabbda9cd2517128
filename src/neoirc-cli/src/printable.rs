//! Text of strangers made harmless for a terminal.
//!
//! A terminal obeys escape sequences: they move the cursor, change the title, on
//! some terminals type for the user. They all begin with a control character. So
//! no control character of anybody else ever reaches the output, nor one that
//! reorders text or breaks lines, which can make one person's words look like
//! another's. All that is shown goes through here, the server's own words too.

use std::borrow::Cow;

/// Stands where a character was taken out.
const REPLACEMENT: char = '\u{fffd}';

/// True for what a terminal might obey instead of show.
pub(crate) fn is_dangerous(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            // Marks, embeddings, overrides and isolates of the bidirectional algorithm
            // (Unicode Standard Annex 9), and the separators of lines and paragraphs.
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
            // Interlinear annotations, the byte order mark, and tags: invisible text.
            | '\u{fff9}'..='\u{fffb}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}'
        )
}

/// The text in one line, with `\u{fffd}` for every dangerous character and a space
/// for a tab.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(is_dangerous) {
        return Cow::Borrowed(text);
    }
    let shown = |c| match c {
        '\t' => ' ',
        c if is_dangerous(c) => REPLACEMENT,
        c => c,
    };
    Cow::Owned(text.chars().map(shown).collect())
}

/// JSON of the same value in which every dangerous character is escaped.
///
/// Outside of strings JSON has none but white space, and what comes in here is
/// compact; so every one of them stands in a string, where `\u` means the same.
pub(crate) fn printable_json(json: &str) -> Cow<'_, str> {
    if !json.contains(is_dangerous) {
        return Cow::Borrowed(json);
    }
    let mut escaped = String::with_capacity(json.len() + 16);
    let mut units = [0; 2];
    for c in json.chars() {
        if is_dangerous(c) {
            for unit in c.encode_utf16(&mut units) {
                escaped.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            escaped.push(c);
        }
    }
    Cow::Owned(escaped)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn escape_sequences_lose_what_makes_them_work() {
        for (hostile, shown) in [
            ("\u{1b}]0;title\u{7}", "\u{fffd}]0;title\u{fffd}"),
            ("\u{1b}[2J", "\u{fffd}[2J"),
            // CSI in one character, as some terminals take it.
            ("\u{9b}31m", "\u{fffd}31m"),
            ("a\rb\nc\u{8}\u{7f}\0", "a\u{fffd}b\u{fffd}c\u{fffd}\u{fffd}\u{fffd}"),
            ("\u{202e}evil\u{2066}", "\u{fffd}evil\u{fffd}"),
            ("two\u{2028}lines", "two\u{fffd}lines"),
            ("a\tb", "a b"),
        ] {
            assert_eq!(printable(hostile), shown, "{hostile:?}");
        }
        assert!(matches!(printable("Grüße, 世界 👋 #lobby <b>"), Cow::Borrowed(_)));
    }

    proptest! {
        #[test]
        fn nothing_dangerous_is_left_and_nothing_else_is_touched(text in any::<String>()) {
            let shown = printable(&text);
            prop_assert!(!shown.contains(is_dangerous));
            prop_assert_eq!(shown.chars().count(), text.chars().count());
            for (before, after) in text.chars().zip(shown.chars()) {
                prop_assert!(before == after || is_dangerous(before));
            }
        }

        #[test]
        fn escaped_json_means_the_same(text in "(\\PC|\\pC|[\u{80}-\u{9f}\u{e0001}\u{202e}\\\\\"]){0,40}") {
            let value = serde_json::json!({"body": [text]});
            let json = value.to_string();
            let escaped = printable_json(&json);
            prop_assert!(!escaped.contains(is_dangerous));
            prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&escaped).unwrap(), value);
        }
    }
}
