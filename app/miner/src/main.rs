//! The worker's own program: registers [`Miner`] with the page that spawned it.
//! It only does something inside a browser's worker.

use gloo_worker::Registrable;
use miner::{Miner, Postcard};

fn main() {
    Miner::registrar().encoding::<Postcard>().register();
}
