//! The whole server as a process of its own that ends without warning, at every fault
//! point and wherever it is killed. It is this test executable, because only there are
//! the [fault points](crate::ledger::fault) compiled in; the released binary is killed
//! by the tests in `src/tests`.

mod crash;
mod process;
mod proof;
