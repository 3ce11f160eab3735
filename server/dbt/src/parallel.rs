//! Work on all cores.

use rayon::prelude::*;
use std::sync::OnceLock;

/// How deep the walker may recurse on a worker's stack.
const STACK: usize = 16 << 20;
/// Fewer items are one worker's.
const CHUNK: usize = 16;

static POOL: OnceLock<Option<rayon::ThreadPool>> = OnceLock::new();

/// Does something for each of a few large items on all cores, in order.
pub fn in_parallel_each<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync + Send) -> Vec<R> {
    match pool() {
        Some(pool) => pool.install(|| items.par_iter().with_max_len(1).map(&work).collect()),
        None => items.iter().map(work).collect(),
    }
}

fn pool() -> Option<&'static rayon::ThreadPool> {
    POOL.get_or_init(|| rayon::ThreadPoolBuilder::new().stack_size(STACK).thread_name(|number| format!("parse-{number}")).build().ok()).as_ref()
}

/// Sorts on all cores; equal items keep their order.
pub fn sort_by<T: Send>(items: &mut [T], order: impl Fn(&T, &T) -> std::cmp::Ordering + Sync + Send) {
    match pool() {
        Some(pool) => pool.install(|| items.par_sort_by(order)),
        None => items.sort_by(order),
    }
}

/// Does two things at once.
pub fn both<A: Send, B: Send>(one: impl FnOnce() -> A + Send, other: impl FnOnce() -> B + Send) -> (A, B) {
    match pool() {
        Some(pool) => pool.install(|| rayon::join(one, other)),
        None => (one(), other()),
    }
}

/// Does something for each item on all cores, in order. Also few items go to a worker: the walker needs its deeper stack.
pub fn in_parallel<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync + Send) -> Vec<R> {
    match pool() {
        Some(pool) => pool.install(|| items.par_iter().with_min_len(CHUNK).map(&work).collect()),
        // Without threads the work is done all the same.
        None => items.iter().map(work).collect(),
    }
}
