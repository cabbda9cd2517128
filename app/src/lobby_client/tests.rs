//! Stories of the lobby, told event by event.

mod conversations;
mod entering;
mod reading;
mod speaking;
mod story;
