//! The browser's miner: a web worker that computes puzzle hashes on request, and
//! mints stamps, which needs no memory.
//!
//! The page **pulls**: it sends one [`Request`], the worker answers it with one
//! [`Reply`] and then rests until the next. So stopping needs no message, a new
//! round takes effect with the next request, and a page that is gone costs one
//! batch at most. Besides, every worker says [`Reply::Ready`] (or why not) once,
//! unasked, after it has computed the protocol's known answer.
//!
//! The worker keeps the memory of the hash function from request to request and
//! from round to round, because fresh memory costs more than a hash; it changes
//! it only when the cost changes. Every request carries all it needs: the worker
//! remembers no job, no round and no nonce, so nothing in it can be out of date.
//!
//! It never talks to the server, never judges a hash and never runs for longer
//! than the batch it was asked for.
//!
//! Messages travel as postcard, which writes field after field without names: no
//! type in here may use serde's `flatten`, `skip_serializing_if` or untagged
//! forms, and page and worker must come from one build.

mod postcard;

pub use self::postcard::Postcard;
use gloo_worker::{HandlerId, Worker, WorkerScope};
use puzzle::{
    Challenge, Cost, Hash, Nonce, PuzzleHasher, RoundNumber, Seed, TraceData, VisitorId,
    hashing::HashingError,
    stamp::{Minter, Prefix},
};
use serde::{Deserialize, Serialize};

/// What is mined, for whom: everything that stays the same while a round lasts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// The round.
    pub round: RoundNumber,
    /// Its seed.
    pub seed: Seed,
    /// Who mines.
    pub visitor: VisitorId,
    /// What the edge said of them.
    pub trace: TraceData,
    /// What one hash costs.
    pub cost: Cost,
}

/// Counts starts, new jobs and stops: each begins a new generation, and whatever was
/// asked for or said in an earlier one counts for nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Generation(u64);

impl Generation {
    /// The generation after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// Which nonces one worker tries now: `first`, `first + stride`, … `count` times,
/// going on at 0 after [`Nonce::MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    /// The first nonce to try.
    pub first: Nonce,
    /// From one nonce to the next: the number of workers.
    pub stride: u64,
    /// How many to try. Zero counts as one: an answer always brings a hash.
    pub count: u32,
}

impl Batch {
    /// The nonces of this batch in order.
    pub fn nonces(self) -> impl Iterator<Item = Nonce> {
        // The sums stay far below 2^64: a nonce has 53 bits, and so has the stride at most.
        let stride = self.stride & Nonce::MAX.get();
        std::iter::successors(Some(self.first), move |nonce| Nonce::new((nonce.get() + stride) & Nonce::MAX.get()).ok())
            .take(self.count.max(1) as usize)
    }
}

/// What the page asks for. One request is under way at a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request {
    /// Allocate the memory for hashes of this cost, while nobody is waiting.
    Prepare {
        /// The cost of the hashes to come.
        cost: Cost,
    },
    /// Compute one batch.
    Mine {
        /// Comes back with the answer.
        generation: Generation,
        /// What to mine.
        job: Job,
        /// Which nonces.
        batch: Batch,
    },
    /// Look for a stamp, with a salt that was never used before.
    Mint {
        /// The stamp without its counter.
        prefix: Prefix,
        /// Where to look: a random number, another one in every request.
        salt: u64,
        /// How many counters to try.
        tries: u32,
    },
}

/// What the worker answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply {
    /// The worker is up and computes the known answer of the protocol.
    Ready,
    /// The memory for hashes of this cost is there.
    Prepared {
        /// The cost that was asked for.
        cost: Cost,
    },
    /// A batch is done.
    Mined {
        /// As requested.
        generation: Generation,
        /// As requested.
        round: RoundNumber,
        /// How many hashes were computed.
        hashes: u32,
        /// The lowest of them, and its nonce.
        best: (Hash, Nonce),
    },
    /// So many counters were tried.
    Minted {
        /// How many.
        tries: u64,
        /// The stamp, if one of them was good.
        stamp: Option<String>,
    },
    /// The request could not be carried out, or, unasked, the worker is no good.
    Failed(Failure),
}

/// Why a worker cannot mine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Failure {
    /// The device would not give the memory.
    OutOfMemory,
    /// The known answer came out wrong: this browser would mine for nothing.
    SelfTest,
    /// The hash function refused the job.
    Hashing,
}

impl From<HashingError> for Failure {
    fn from(error: HashingError) -> Self {
        match error {
            HashingError::OutOfMemory => Self::OutOfMemory,
            HashingError::Failed => Self::Hashing,
        }
    }
}

/// The worker: the memory of the hash function, and nothing else.
#[derive(Debug, Default)]
pub struct Miner {
    /// Absent until the first request, and after an allocation failed.
    hasher: Option<(Cost, PuzzleHasher)>,
}

impl Miner {
    /// Carries out one request.
    pub fn answer(&mut self, request: Request) -> Reply {
        let reply = match request {
            Request::Prepare { cost } => self.hasher(cost).map(|_| Reply::Prepared { cost }),
            Request::Mine { generation, job, batch } => self.mine(generation, &job, batch),
            Request::Mint { prefix, salt, tries } => {
                let mut minter = Minter::new(&prefix, salt);
                let stamp = minter.advance(tries);
                Ok(Reply::Minted { tries: minter.tries(), stamp })
            }
        };
        reply.unwrap_or_else(Reply::Failed)
    }

    fn mine(&mut self, generation: Generation, job: &Job, batch: Batch) -> Result<Reply, Failure> {
        let hasher = self.hasher(job.cost)?;
        let challenge = Challenge::new(&job.seed, &job.visitor, &job.trace);
        let mut hashes = 0;
        let mut best: Option<(Hash, Nonce)> = None;
        for nonce in batch.nonces() {
            let hash = hasher.hash(&challenge, nonce)?;
            hashes += 1;
            if best.is_none_or(|(lowest, _)| hash < lowest) {
                best = Some((hash, nonce));
            }
        }
        let best = best.ok_or(Failure::Hashing)?;
        Ok(Reply::Mined { generation, round: job.round, hashes, best })
    }

    /// The hasher for `cost` with its memory. The memory for another cost is
    /// given back before the new is asked for. The server announces possible costs
    /// only, so what is refused here is more memory than a worker can address.
    fn hasher(&mut self, cost: Cost) -> Result<&mut PuzzleHasher, Failure> {
        let kept = self.hasher.take().filter(|(kept, _)| *kept == cost);
        let (_, mut hasher) = match kept {
            Some(kept) => kept,
            None => (cost, PuzzleHasher::new(cost).map_err(|_| Failure::OutOfMemory)?),
        };
        hasher.reserve(1)?;
        Ok(&mut self.hasher.insert((cost, hasher)).1)
    }
}

impl Worker for Miner {
    type Input = Request;
    type Message = ();
    type Output = Reply;

    fn create(_: &WorkerScope<Self>) -> Self {
        Self::default()
    }

    fn update(&mut self, _: &WorkerScope<Self>, (): ()) {}

    fn connected(&mut self, scope: &WorkerScope<Self>, page: HandlerId) {
        let passed = PuzzleHasher::passes_self_test();
        scope.respond(page, if passed { Reply::Ready } else { Reply::Failed(Failure::SelfTest) });
    }

    fn received(&mut self, scope: &WorkerScope<Self>, request: Request, page: HandlerId) {
        scope.respond(page, self.answer(request));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: Cost = Cost { memory_cost: 64, time_cost: 1, parallelism: 1 };

    fn job() -> Job {
        Job {
            round: RoundNumber(17),
            seed: "00112233445566778899aabbccddeeff".parse().unwrap(),
            visitor: "visitor-1".parse().unwrap(),
            trace: "fl=0f0\nip=203.0.113.45\nts=0\n".parse().unwrap(),
            cost: SMALL,
        }
    }

    fn batch(first: u64, stride: u64, count: u32) -> Batch {
        Batch { first: Nonce::new(first).unwrap(), stride, count }
    }

    fn mine(miner: &mut Miner, batch: Batch) -> Reply {
        miner.answer(Request::Mine { generation: Generation::default().next(), job: job(), batch })
    }

    #[test]
    fn the_known_answer_comes_back_with_its_nonce() {
        let known = "5b900edac41d6811c0563b3733b525a7c79ea4f6c6f5a3571dca7e4b55fc22ec".parse().unwrap();
        let expected = Reply::Mined {
            generation: Generation(1),
            round: RoundNumber(17),
            hashes: 1,
            best: (known, Nonce::new(1).unwrap()),
        };
        assert_eq!(mine(&mut Miner::default(), batch(1, 4, 1)), expected);
    }

    #[test]
    fn a_batch_reports_its_lowest_hash() {
        let mut miner = Miner::default();
        let lowest_alone = (0..16).map(|i| mine(&mut miner, batch(5 + 3 * i, 3, 1))).filter_map(|reply| match reply {
            Reply::Mined { best, .. } => Some(best),
            _ => None,
        });
        let lowest_alone = lowest_alone.min().unwrap();
        match mine(&mut miner, batch(5, 3, 16)) {
            Reply::Mined { hashes, best, .. } => assert_eq!((hashes, best), (16, lowest_alone)),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_stamp_is_found_batch_by_batch() {
        use puzzle::stamp::{Bits, Timestamp, session};
        let (bits, now) = (Bits::new(10).unwrap(), Timestamp(1_795_264_496));
        let prefix = session::prefix(bits, "hashpass", now);
        let stamp = (0..1000).find_map(|salt| {
            match Miner::default().answer(Request::Mint { prefix: prefix.clone(), salt, tries: 256 }) {
                Reply::Minted { tries, stamp } => {
                    assert!((1..=256).contains(&tries));
                    stamp
                }
                other => panic!("{other:?}"),
            }
        });
        assert!(session::check(stamp.as_deref(), bits, "hashpass", now).unwrap().is_some());
    }

    #[test]
    fn nonces_stride_and_wrap() {
        let tried = |batch: Batch| batch.nonces().map(Nonce::get).collect::<Vec<_>>();
        let max = Nonce::MAX.get();
        assert_eq!(tried(batch(10, 4, 3)), [10, 14, 18]);
        assert_eq!(tried(batch(max - 2, 2, 3)), [max - 2, max, 1]);
        assert_eq!(tried(batch(7, 1, 0)), [7]);
        assert_eq!(tried(batch(7, u64::MAX, 2)), [7, 6]);
    }

    #[test]
    fn messages_survive_the_codec() {
        let generation = Generation(7);
        let best = (Hash::from_bytes([0xab; 32]), Nonce::MAX);
        for request in
            [Request::Prepare { cost: SMALL }, Request::Mine { generation, job: job(), batch: batch(1, 2, 3) }]
        {
            let bytes = ::postcard::to_allocvec(&request).unwrap();
            assert_eq!(::postcard::from_bytes::<Request>(&bytes).unwrap(), request);
        }
        for reply in [
            Reply::Ready,
            Reply::Prepared { cost: SMALL },
            Reply::Mined { generation, round: RoundNumber(u64::MAX), hashes: 3, best },
            Reply::Failed(Failure::OutOfMemory),
        ] {
            let bytes = ::postcard::to_allocvec(&reply).unwrap();
            assert_eq!(::postcard::from_bytes::<Reply>(&bytes).unwrap(), reply);
        }
    }

    #[test]
    fn the_memory_changes_with_the_cost_and_only_then() {
        let mut miner = Miner::default();
        let other = Cost { memory_cost: 128, ..SMALL };
        for cost in [SMALL, SMALL, other, SMALL] {
            assert_eq!(miner.answer(Request::Prepare { cost }), Reply::Prepared { cost });
            assert_eq!(miner.hasher.as_ref().map(|(cost, _)| *cost), Some(cost));
        }
        let impossible = Cost { memory_cost: u32::MAX, ..SMALL };
        assert_eq!(miner.answer(Request::Prepare { cost: impossible }), Reply::Failed(Failure::OutOfMemory));
        assert!(matches!(mine(&mut miner, batch(1, 1, 1)), Reply::Mined { .. }));
    }
}
