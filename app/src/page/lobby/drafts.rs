//! What the visitor wrote before, for the arrow keys.

/// How many lines are kept.
const MOST_LINES: usize = 50;

/// What was written, and where the visitor is in it.
#[derive(Clone, Debug, Default)]
pub(super) struct Drafts {
    /// Oldest first.
    sent: Vec<String>,
    /// The line in the field, counted from the end; 0 is the one being written.
    back: usize,
    /// The one being written, while an older one is in the field.
    draft: String,
}

impl Drafts {
    /// A line was sent.
    pub(super) fn sent(&mut self, text: &str) {
        if self.sent.last().is_none_or(|last| last != text) {
            self.sent.push(text.to_owned());
        }
        if MOST_LINES < self.sent.len() {
            self.sent.remove(0);
        }
        self.back = 0;
        self.draft.clear();
    }

    /// The line before the one in the field.
    pub(super) fn older(&mut self, field: &str) -> Option<String> {
        if self.back == self.sent.len() {
            return None;
        }
        if self.back == 0 {
            field.clone_into(&mut self.draft);
        }
        self.back += 1;
        self.sent.get(self.sent.len() - self.back).cloned()
    }

    /// The line after the one in the field; after the last, what was being written.
    pub(super) fn newer(&mut self, _field: &str) -> Option<String> {
        self.back = self.back.checked_sub(1)?;
        if self.back == 0 {
            Some(std::mem::take(&mut self.draft))
        } else {
            self.sent.get(self.sent.len() - self.back).cloned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrows_go_back_and_forth_and_keep_what_is_being_written() {
        let mut drafts = Drafts::default();
        assert_eq!((drafts.older("x"), drafts.newer("x")), (None, None));
        for text in ["one", "two", "two"] {
            drafts.sent(text);
        }
        assert_eq!(drafts.older("thr").as_deref(), Some("two"));
        assert_eq!(drafts.older("two").as_deref(), Some("one"));
        assert_eq!(drafts.older("one"), None);
        assert_eq!(drafts.newer("one").as_deref(), Some("two"));
        assert_eq!(drafts.newer("two").as_deref(), Some("thr"));
        assert_eq!(drafts.newer("thr"), None);
    }
}
