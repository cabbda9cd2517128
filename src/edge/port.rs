//! The server as the page and its server functions see it: the port of the crate `app`,
//! answered by one request's context.

use super::{context::RequestContext, page, routes};
use app::{
    ApiError, Language,
    host::Host,
    wire::{PageState, Puzzle, Site, Submission, Victory, View},
};
use axum::{
    extract::{Extension, Request},
    response::IntoResponse,
};
use futures::{FutureExt, future::BoxFuture};
use leptos::prelude::provide_context;
use std::sync::Arc;

/// Answers a server function of the page.
pub(super) async fn server_function(
    Extension(context): Extension<RequestContext>,
    request: Request,
) -> impl IntoResponse {
    let host: Arc<dyn Host> = Arc::new(context);
    leptos_axum::handle_server_fns_with_context(move || provide_context(host.clone()), request).await
}

impl Host for RequestContext {
    fn puzzle(self: Arc<Self>) -> BoxFuture<'static, Result<Puzzle, ApiError>> {
        async move { routes::puzzle::puzzle(&self).await }.boxed()
    }

    fn verify(self: Arc<Self>, submission: Submission) -> BoxFuture<'static, Result<Victory, ApiError>> {
        async move { routes::verify::verify(&self, submission).await }.boxed()
    }

    fn language(&self) -> Language {
        self.language
    }

    fn view(&self) -> View {
        self.view
    }

    fn site(&self) -> Site {
        self.rooms.edge.site.clone()
    }

    fn page(&self) -> PageState {
        page::state(self)
    }
}
