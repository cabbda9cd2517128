//! The crew, with a fake page in the place of the browser.

mod failures;
mod fake_page;
mod mining;
