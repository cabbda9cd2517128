//! The port: all that the page and its server functions know of the server.
//!
//! The server provides an `Arc<dyn Host>` as context with every request. It
//! stands for one request: it knows who asks and from where.

use crate::{
    error::{ApiError, ErrorCode},
    language::Language,
    wire::{PageState, Puzzle, Site, Submission, Victory, View},
};
use futures::future::BoxFuture;
use leptos::prelude::use_context;
use std::sync::Arc;

/// What the server offers to one request.
pub trait Host: Send + Sync {
    /// The puzzle of the current round, for those who may take part.
    fn puzzle(self: Arc<Self>) -> BoxFuture<'static, Result<Puzzle, ApiError>>;

    /// Takes part in the current round with a solution.
    fn verify(self: Arc<Self>, submission: Submission) -> BoxFuture<'static, Result<Victory, ApiError>>;

    /// The language that the visitor reads.
    fn language(&self) -> Language;

    /// Which page is asked for.
    fn view(&self) -> View;

    /// Who gives codes out.
    fn site(&self) -> Site;

    /// What the page is rendered from. Open to everybody.
    fn page(&self) -> PageState;
}

/// The host of the request being answered.
pub(crate) fn current() -> Result<Arc<dyn Host>, ApiError> {
    use_context::<Arc<dyn Host>>()
        .ok_or_else(|| ApiError::new(ErrorCode::Internal, "The server answers without a host; please report this."))
}
