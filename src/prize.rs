//! What happens after a win, beside telling the winner.
//!
//! | module | does |
//! |---|---|
//! | [`audit`] | keeps one record per win in `verify.json`, on disk before the winner is told |
//! | [`webhook`] | tells one other server who won which code, after the winner was told |
//! | [`Keeper`] | hands every win to both |
//! | [`https_client`] | makes the client that calls other servers |
//!
//! The rooms here hear of wins and never decide them: nothing in here can refuse,
//! change or prevent a code. Both keep the order of the wins, both are bounded in
//! memory, and both say in the log what they could not do. Full codes, tokens and
//! addresses with credentials never appear there; a code is named by its digest.

pub mod audit;
pub mod deliveries;
mod keeper;
pub mod webhook;

pub use keeper::Keeper;
