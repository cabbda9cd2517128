//! The way from a page to the shipped worker, for the benchmark in the browser: the
//! same bridge and the same messages as the product's page, under names that
//! JavaScript can call. What is measured is the worker as the server serves it.
//!
//! Run with `./x bench browser`.

#![cfg(target_arch = "wasm32")]

use futures::{
    StreamExt,
    channel::mpsc::{UnboundedReceiver, unbounded},
};
use gloo_worker::{Spawnable, WorkerBridge};
use miner::{Batch, Generation, Job, Miner, Postcard, Reply, Request};
use puzzle::{Cost, Nonce, RoundNumber};
use wasm_bindgen::prelude::{JsError, wasm_bindgen};

/// One shipped worker, loaded and ready.
#[wasm_bindgen]
#[derive(Debug)]
pub struct ShippedWorker {
    bridge: WorkerBridge<Miner>,
    replies: UnboundedReceiver<Reply>,
}

#[wasm_bindgen]
impl ShippedWorker {
    /// Starts a worker from its loader, has it allocate its memory, and returns once
    /// it is ready to mine.
    ///
    /// # Errors
    /// If the worker says that it is no good.
    pub async fn start(loader: String) -> Result<ShippedWorker, JsError> {
        let (sender, replies) = unbounded();
        let bridge = Miner::spawner()
            .callback(move |reply| drop(sender.unbounded_send(reply)))
            .encoding::<Postcard>()
            .with_loader(true)
            .as_module(true)
            .spawn(&loader);
        let mut worker = Self { bridge, replies };
        match worker.replies.next().await {
            Some(Reply::Ready) => {}
            other => return Err(unexpected(other.as_ref())),
        }
        match worker.ask(Request::Prepare { cost: Cost::DEFAULT }).await {
            Some(Reply::Prepared { .. }) => Ok(worker),
            other => Err(unexpected(other.as_ref())),
        }
    }

    /// Mines `count` nonces from `first` on, and returns the lowest hash in hex.
    ///
    /// # Errors
    /// If a value is out of range or the worker fails.
    pub async fn mine(
        &mut self,
        seed: String,
        visitor: String,
        trace: String,
        first: f64,
        count: u32,
    ) -> Result<String, JsError> {
        let round = RoundNumber(1);
        let job =
            Job { round, seed: seed.parse()?, visitor: visitor.parse()?, trace: trace.parse()?, cost: Cost::DEFAULT };
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a nonce is a whole double")]
        let batch = Batch { first: Nonce::new(first as u64)?, stride: 1, count };
        match self.ask(Request::Mine { generation: Generation::default(), job, batch }).await {
            Some(Reply::Mined { hashes, best: (hash, _), .. }) if hashes == count => Ok(hash.to_string()),
            other => Err(unexpected(other.as_ref())),
        }
    }

    async fn ask(&mut self, request: Request) -> Option<Reply> {
        self.bridge.send(request);
        self.replies.next().await
    }
}

fn unexpected(reply: Option<&Reply>) -> JsError {
    JsError::new(&format!("the worker answered {reply:?}"))
}
