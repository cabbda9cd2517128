//! The synchronisation primitives of the race: the standard library's, or a
//! model checker's that tries the interleavings one by one.

#[cfg(not(feature = "model-check"))]
pub(super) use std::{
    sync::{
        Condvar, Mutex, MutexGuard,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    thread,
};

#[cfg(feature = "model-check")]
pub(super) use shuttle::{
    sync::{
        Condvar, Mutex, MutexGuard,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    thread,
};

/// Locks, also after another thread panicked while it held the lock: the state
/// behind our locks is changed in single steps and is never left half-changed.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
