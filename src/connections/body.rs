//! The body of a request, which says how far it has been read.

use super::activity::Activity;
use axum::body::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

/// A body whose end is noted.
#[derive(Debug)]
pub(super) struct Noted {
    body: Incoming,
    activity: Arc<Activity>,
}

impl Noted {
    pub(super) fn new(body: Incoming, activity: Arc<Activity>) -> Self {
        activity.note_body(!body.is_end_stream());
        Self { body, activity }
    }
}

impl Body for Noted {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        if matches!(polled, Poll::Ready(None)) || self.body.is_end_stream() {
            self.activity.note_body(false);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
