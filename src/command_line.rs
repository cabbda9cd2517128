//! What the program does beside serving: it speaks with the server that runs, and checks
//! codes.
//!
//! Exit codes are the same everywhere: 0 for done or yes, 1 for refused or no, 2 where it
//! could not be asked.

pub(crate) mod check_code;
mod codes;
mod ctl;
mod keys;
mod said;
mod webhooks;
mod words;

pub(crate) use check_code::CheckCodeArguments;
pub(crate) use codes::{CodesArguments, codes};
pub(crate) use ctl::{CtlArguments, ServerArguments, ctl};
pub(crate) use keys::{KeysArguments, keys};
pub(crate) use webhooks::{WebhooksArguments, webhooks};
