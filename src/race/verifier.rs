//! The threads that compute the hashes of submissions.
//!
//! Plain threads, not the runtime's: a hash takes a core for a twentieth of a
//! second and must never delay a socket. Each thread owns its arena, allocated
//! before the first submission comes. The queue is bounded; whoever finds it full
//! is told at once. A session has at most one submission in it, so that first
//! come, first served is fair to sessions as well.
//!
//! One thread more is kept for those who have shown work: it verifies the first
//! submission in the queue whose session is proven, and while there is none it
//! computes shares, which prove that somebody mines and win nothing. So no flood of
//! false hashes keeps an honest miner from being proven, nor, once it is, from a
//! thread; and a submission never waits behind a share while another thread is free.
//!
//! Two hashes at once take little longer than one (see [`PuzzleHasher::hash_each`]).
//! So a thread takes two submissions, or two shares, when more wait than other
//! threads are free for: one alone is never held up for company.
//!
//! Health probes come last, when nothing else waits, and there is never more than one
//! ([`Race::verifier_works`](super::Race::verifier_works)).
//!
//! A verification that panics frees its place and the thread goes on with a fresh
//! arena; what was verified beside it is verified again, alone. A thread never ends
//! before the race does.

use super::{
    hasher::{HasherFactory, SolutionHasher},
    state::{Job, Verdict},
    submission::Refusal,
    sync::{AtomicU64, AtomicUsize, Condvar, Mutex, Ordering, lock, thread},
};
use puzzle::{Challenge, Hash, Nonce, PuzzleHasher, hashing::HashingError};
use std::{
    collections::VecDeque,
    panic::AssertUnwindSafe,
    sync::{Arc, Weak},
};
use subtle::ConstantTimeEq;
use tokio::sync::oneshot;

/// What a verdict is reported to.
pub(super) trait VerdictReceiver: Send + Sync + 'static {
    /// True while the verdict on this job can still matter.
    fn wants(&self, job: &Job) -> bool;
    /// Takes the verdict.
    fn settle(&self, job: &Job, verdict: Verdict);
}

/// A bounded queue with its threads.
#[derive(Debug)]
pub(super) struct Verifier {
    queue: Arc<Queue>,
    threads: usize,
}

#[derive(Debug)]
struct Queue {
    waiting: Mutex<Waiting>,
    /// Wakes the threads for all submissions …
    arrived: Condvar,
    /// … and the one for those who have shown work.
    proven_arrived: Condvar,
    limit: usize,
    alive: AtomicUsize,
    /// How many tasks were done.
    done: AtomicU64,
}

#[derive(Debug, Default)]
struct Waiting {
    jobs: VecDeque<Job>,
    /// Everything else comes before these.
    probes: VecDeque<oneshot::Sender<bool>>,
    /// Submissions of proven sessions come before these.
    shares: VecDeque<Share>,
    /// Threads for everybody that wait for something to do.
    idle: usize,
    closed: bool,
}

/// What a thread does next: one or two of a kind.
#[derive(Debug)]
enum Task {
    Verify(Job, Option<Job>),
    Probe(oneshot::Sender<bool>),
    Share(Share, Option<Share>),
}

#[derive(Debug)]
struct Share {
    challenge: Challenge,
    nonce: Nonce,
    hash: Hash,
    /// Takes whether the hash is the claimed one; `None` if that is not known.
    answer: oneshot::Sender<Option<bool>>,
}

impl Verifier {
    /// A queue for `limit` waiting jobs, to be worked by `threads` threads and the one
    /// that is kept.
    pub(super) fn new(limit: usize, threads: usize) -> Self {
        let queue = Queue {
            waiting: Mutex::new(Waiting::default()),
            arrived: Condvar::new(),
            proven_arrived: Condvar::new(),
            limit,
            alive: AtomicUsize::new(0),
            done: AtomicU64::new(0),
        };
        Self { queue: Arc::new(queue), threads: threads + 1 }
    }

    /// Starts the threads, which report to `receiver` as long as it exists. Their
    /// arenas are allocated before this returns, so that too little memory stops
    /// the start and not a winner.
    ///
    /// # Errors
    /// The hasher's, if an arena cannot be allocated.
    pub(super) fn start<R: VerdictReceiver>(
        &self,
        make_hasher: &HasherFactory,
        receiver: &Weak<R>,
    ) -> Result<(), HashingError> {
        for number in 0..self.threads {
            let duty = if number == 0 { Duty::Proven } else { Duty::Everybody };
            let hasher = make_hasher()?;
            let (queue, make_hasher, receiver) = (self.queue.clone(), make_hasher.clone(), receiver.clone());
            queue.alive.fetch_add(1, Ordering::SeqCst);
            thread::spawn(move || {
                let _alive = Alive(&queue);
                work(&queue, duty, hasher, &make_hasher, &receiver);
            });
        }
        Ok(())
    }

    /// Puts a job in the queue, or gives it back if there is no room.
    pub(super) fn submit(&self, job: Job) -> Result<(), Job> {
        let mut waiting = lock(&self.queue.waiting);
        if waiting.closed || self.queue.limit <= waiting.jobs.len() {
            return Err(job);
        }
        let proven = job.proven;
        waiting.jobs.push_back(job);
        drop(waiting);
        self.queue.arrived.notify_one();
        if proven {
            self.queue.proven_arrived.notify_one();
        }
        Ok(())
    }

    /// Submissions that wait for a thread.
    #[cfg(all(test, not(feature = "model-check")))]
    pub(super) fn waiting(&self) -> usize {
        lock(&self.queue.waiting).jobs.len()
    }

    /// Lets a share wait until no proven session's submission does, unless
    /// `most_waiting` others wait already.
    pub(super) fn offer_share(
        &self,
        challenge: Challenge,
        nonce: Nonce,
        hash: Hash,
        most_waiting: usize,
    ) -> Option<oneshot::Receiver<Option<bool>>> {
        let mut waiting = lock(&self.queue.waiting);
        if waiting.closed || most_waiting <= waiting.shares.len() {
            return None;
        }
        let (answer, receiver) = oneshot::channel();
        waiting.shares.push_back(Share { challenge, nonce, hash, answer });
        drop(waiting);
        self.queue.proven_arrived.notify_one();
        Some(receiver)
    }

    /// Asks a thread for a real, small hash. The answer is `true` if it was right
    /// and all threads live.
    pub(super) fn probe(&self) -> oneshot::Receiver<bool> {
        let (answer, receiver) = oneshot::channel();
        if self.all_live() {
            let mut waiting = lock(&self.queue.waiting);
            // Whoever asked and gave up waiting leaves no trace.
            waiting.probes.retain(|probe| !probe.is_closed());
            waiting.probes.push_back(answer);
            drop(waiting);
            self.queue.arrived.notify_one();
        }
        receiver
    }

    /// True if no thread has died.
    pub(super) fn all_live(&self) -> bool {
        self.queue.alive.load(Ordering::SeqCst) == self.threads
    }

    /// How many tasks the threads have done.
    pub(super) fn done(&self) -> u64 {
        self.queue.done.load(Ordering::SeqCst)
    }

    /// Lets the threads end once the queue is empty; nothing enters it any more,
    /// and shares need not be looked at.
    pub(super) fn close(&self) {
        let mut waiting = lock(&self.queue.waiting);
        waiting.closed = true;
        waiting.shares.clear();
        drop(waiting);
        self.queue.arrived.notify_all();
        self.queue.proven_arrived.notify_all();
    }
}

impl Drop for Verifier {
    fn drop(&mut self) {
        self.close();
    }
}

/// Whom a thread is there for.
#[derive(Clone, Copy, Debug)]
enum Duty {
    /// All submissions, in their order, and probes while there are none.
    Everybody,
    /// Submissions of sessions that have shown work, and shares.
    Proven,
}

/// Counts a thread as alive until it ends, however it ends.
struct Alive<'a>(&'a Queue);

impl Drop for Alive<'_> {
    fn drop(&mut self) {
        self.0.alive.fetch_sub(1, Ordering::SeqCst);
    }
}

fn work(
    queue: &Queue,
    duty: Duty,
    hasher: Box<dyn SolutionHasher>,
    make_hasher: &HasherFactory,
    receiver: &Weak<impl VerdictReceiver>,
) {
    let at_once = hasher.at_once();
    let mut thread_hasher = ThreadHasher { hasher: Some(hasher), make_hasher };
    while let Some(task) = next_task(queue, duty, at_once) {
        match task {
            Task::Probe(answer) => {
                let _ = answer.send(PuzzleHasher::passes_self_test());
            }
            Task::Verify(first, second) => {
                let jobs = [Some(first), second]
                    .map(|job| job.filter(|job| receiver.upgrade().is_some_and(|receiver| receiver.wants(job))));
                let claims = jobs
                    .each_ref()
                    .map(|job| job.as_ref().map(|job| (&job.challenge, job.solution.nonce, &job.solution.hash)));
                let answers = thread_hasher.are_hashes_of(claims);
                for (job, answer) in jobs.iter().zip(answers) {
                    let verdict = match answer {
                        Some(true) => Verdict::Valid,
                        Some(false) => Verdict::FalseHash,
                        None => Verdict::Unverified(Refusal::VerifierFailed),
                    };
                    if let (Some(job), Some(receiver)) = (job, receiver.upgrade()) {
                        receiver.settle(job, verdict);
                    }
                }
            }
            Task::Share(first, second) => {
                let shares = [Some(first), second];
                let claims = shares
                    .each_ref()
                    .map(|share| share.as_ref().map(|share| (&share.challenge, share.nonce, &share.hash)));
                let answers = thread_hasher.are_hashes_of(claims);
                for (share, answer) in shares.into_iter().zip(answers) {
                    if let Some(share) = share {
                        let _ = share.answer.send(answer);
                    }
                }
            }
        }
        queue.done.fetch_add(1, Ordering::SeqCst);
    }
}

/// A nonce and the hash it is said to have.
type Claim<'a> = (&'a Challenge, Nonce, &'a Hash);

/// Computes the hashes of one thread, with an arena of its own.
struct ThreadHasher<'a> {
    /// `None` after a panic, until the next hash is asked for.
    hasher: Option<Box<dyn SolutionHasher>>,
    make_hasher: &'a HasherFactory,
}

impl ThreadHasher<'_> {
    /// For each claim whether it is true; `None` if that could not be computed,
    /// through no fault of the client, or if there is no claim.
    fn are_hashes_of(&mut self, claims: [Option<Claim<'_>>; 2]) -> [Option<bool>; 2] {
        if let [Some(first), Some(second)] = claims
            && let Some(hashes) = self.attempt(|hasher| hasher.hash_two([(first.0, first.1), (second.0, second.1)]))
        {
            return [Some(is_same(&hashes[0], first.2)), Some(is_same(&hashes[1], second.2))];
        }
        claims.map(|claim| {
            let (challenge, nonce, hash) = claim?;
            let computed = self.attempt(|hasher| hasher.hash(challenge, nonce))?;
            Some(is_same(&computed, hash))
        })
    }

    fn attempt<T>(&mut self, compute: impl FnOnce(&mut dyn SolutionHasher) -> Result<T, HashingError>) -> Option<T> {
        if self.hasher.is_none() {
            self.hasher = (self.make_hasher)().ok();
        }
        let hasher = self.hasher.as_mut()?;
        match std::panic::catch_unwind(AssertUnwindSafe(|| compute(hasher.as_mut()))) {
            Ok(Ok(computed)) => Some(computed),
            Ok(Err(error)) => {
                tracing::error!(%error, "a verification failed");
                None
            }
            Err(_) => {
                tracing::error!("a verification panicked; its thread goes on with a fresh arena");
                self.hasher = None;
                None
            }
        }
    }
}

/// In constant time: how long a refusal takes must not tell how much of a guessed
/// hash was right.
fn is_same(computed: &Hash, claimed: &Hash) -> bool {
    computed.as_bytes().ct_eq(claimed.as_bytes()).into()
}

fn next_task(queue: &Queue, duty: Duty, at_once: usize) -> Option<Task> {
    let mut waiting = lock(&queue.waiting);
    loop {
        let (task, arrived) = match duty {
            Duty::Everybody => (waiting.next_for_everybody(at_once), &queue.arrived),
            Duty::Proven => (waiting.next_for_the_proven(at_once), &queue.proven_arrived),
        };
        if task.is_some() || waiting.closed {
            return task;
        }
        waiting = match duty {
            Duty::Everybody => {
                waiting.idle += 1;
                let mut waiting = arrived.wait(waiting).unwrap_or_else(std::sync::PoisonError::into_inner);
                waiting.idle -= 1;
                waiting
            }
            Duty::Proven => arrived.wait(waiting).unwrap_or_else(std::sync::PoisonError::into_inner),
        };
    }
}

impl Waiting {
    fn next_for_everybody(&mut self, at_once: usize) -> Option<Task> {
        let Some(job) = self.jobs.pop_front() else { return self.probes.pop_front().map(Task::Probe) };
        let company = at_once == 2 && self.idle < self.jobs.len();
        Some(Task::Verify(job, company.then(|| self.jobs.pop_front()).flatten()))
    }

    fn next_for_the_proven(&mut self, at_once: usize) -> Option<Task> {
        if let Some(first) = self.jobs.iter().position(|job| job.proven) {
            return self.jobs.remove(first).map(|job| Task::Verify(job, None));
        }
        let share = self.shares.pop_front()?;
        let company = at_once == 2;
        Some(Task::Share(share, company.then(|| self.shares.pop_front()).flatten()))
    }
}
