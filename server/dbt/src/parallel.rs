//! Work on all cores.

use std::sync::atomic::{AtomicUsize, Ordering};

/// How deep the walker may recurse on a worker's stack.
const STACK: usize = 16 << 20;

/// Does something for each item on all cores, in order; few items are not worth a thread.
pub fn in_parallel<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let chunk = 16;
    let next = AtomicUsize::new(0);
    let run = || {
        let mut made: Vec<(usize, Vec<R>)> = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(part) = items.chunks(chunk).nth(number) else { return made };
            made.push((number, part.iter().map(&work).collect()));
        }
    };
    let mut parts = std::thread::scope(|scope| {
        // One worker even for little work: the walker needs the deeper stack.
        let count = workers.min(items.len().div_ceil(chunk)).max(1);
        let spawn = |_| std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, run);
        let handles: Vec<_> = (0..count).filter_map(|number| spawn(number).ok()).collect();
        handles.into_iter().flat_map(|handle| handle.join().unwrap_or_default()).collect::<Vec<_>>()
    });
    parts.sort_by_key(|(number, _)| *number);
    let made: Vec<R> = parts.into_iter().flat_map(|(_, part)| part).collect();
    if made.len() == items.len() { made } else { items.iter().map(work).collect() }
}
