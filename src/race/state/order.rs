//! What an operator wants of the drop, and a change of it on its way to the disk.

use crate::ledger::body::OperatorAction;
use puzzle::drop::{Drop, DropRules, InvalidRules, Order, OrderRefused};
use tokio::sync::oneshot;

/// What an operator wants of the drop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DropOrder {
    /// Another state.
    State(Order),
    /// Other rules.
    Rules(DropRules),
}

/// Why an operator's order is not carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OrderError {
    /// The drop is in another state than the order takes for granted.
    #[error(transparent)]
    Refused(#[from] OrderRefused),
    /// The rules contradict each other.
    #[error(transparent)]
    Invalid(#[from] InvalidRules),
    /// The last order is still being carried out.
    #[error("the last order is still being carried out: try again in a moment")]
    Busy,
    /// It cannot be written down.
    #[error("the order cannot be written down: try again in a moment")]
    StorageUnavailable,
    /// The server is stopping.
    #[error("the server is stopping")]
    Stopping,
}

/// The way back to the operator.
pub(crate) type OrderAnswer = oneshot::Sender<Result<Drop, OrderError>>;

/// An order that waits for those who came before it.
#[derive(Debug)]
pub(crate) struct Ordered {
    pub(super) order: DropOrder,
    pub(super) who: String,
    pub(super) why: String,
    pub(super) answer: OrderAnswer,
}

/// A change of the drop that is being written down.
#[derive(Debug)]
pub(crate) struct Turning {
    /// Why, in words.
    pub(crate) reason: String,
    /// What an operator did.
    pub(crate) action: Option<OperatorAction>,
    /// The way back to the operator.
    pub(crate) answer: Option<OrderAnswer>,
}
