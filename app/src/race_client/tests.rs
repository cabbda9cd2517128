//! Whole stories of a race, told event by event.

mod address;
mod connection;
mod entering;
mod human_check;
mod rounds;
mod session_stamp;
mod shares;
mod story;
mod submissions;
mod workers;
