//! Once more after a failure that may pass: at most five times, each wait longer than the last, and as long as the server asks for.

use crate::Error;
use backon::{BackoffBuilder, ExponentialBuilder};
use std::time::Duration;

/// Longer than this nobody waits for.
const MAX_WAIT: Duration = Duration::from_secs(300);
/// A wait that a person should know of.
const LONG: Duration = Duration::from_secs(10);

pub enum Failed {
    /// It may pass; the server may say when.
    Again(Error, Option<Duration>),
    /// It may pass, though hardly: one more try.
    Once(Error),
    Finally(Error),
}

pub async fn again<T, F: Future<Output = Result<T, Failed>>>(first_wait: Duration, mut attempt: impl FnMut() -> F) -> Result<T, Error> {
    let mut waits = ExponentialBuilder::default().with_min_delay(first_wait).with_max_times(5).with_jitter().build();
    let mut once = false;
    loop {
        let failed = match attempt().await {
            Ok(made) => return Ok(made),
            Err(failed) => failed,
        };
        let (error, asked) = match failed {
            Failed::Finally(error) => return Err(error),
            Failed::Once(error) if std::mem::replace(&mut once, true) => return Err(error),
            Failed::Once(error) => (error, None),
            Failed::Again(error, asked) => (error, asked),
        };
        let Some(wait) = waits.next() else { return Err(error) };
        let wait = asked.map_or(wait, |asked| asked.clamp(wait, MAX_WAIT.max(wait)));
        if wait > LONG {
            tracing::warn!("dbt Cloud asks to wait {} seconds", wait.as_secs());
        }
        tracing::info!(%error, "asking dbt Cloud again");
        tokio::time::sleep(wait).await;
    }
}

/// `Retry-After` in seconds.
pub fn wait_of(headers: &reqwest::header::HeaderMap) -> Option<Duration> {
    headers.get("retry-after")?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}
