//! The one way in which locks are taken.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks, also after another thread panicked while it held the lock. What stands
/// behind our locks is changed in single steps and is never left half-changed, so
/// that one panic, which is logged where it happens, does not end everything that
/// needs the same lock afterwards.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
