//! Deliveries: how the rows of the outbox reach their receivers.
//!
//! | module | does |
//! |---|---|
//! | [`schedule`] | decides what follows from an answer: done, another try, or no more |

pub mod schedule;
