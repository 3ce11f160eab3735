//! Once more after a failure that may pass: at most five times, each wait longer than the last, and as long as the server asks for.

use crate::Error;
use backon::{BackoffBuilder, ExponentialBuilder};
use std::time::Duration;

/// Longer than this nobody waits for.
const MAX_WAIT: Duration = Duration::from_secs(60);

pub enum Failed {
    /// It may pass; the server may say when.
    Again(Error, Option<Duration>),
    Finally(Error),
}

pub async fn again<T, F: Future<Output = Result<T, Failed>>>(first_wait: Duration, mut attempt: impl FnMut() -> F) -> Result<T, Error> {
    let mut waits = ExponentialBuilder::default().with_min_delay(first_wait).with_max_times(5).with_jitter().build();
    loop {
        match attempt().await {
            Ok(made) => return Ok(made),
            Err(Failed::Finally(error)) => return Err(error),
            Err(Failed::Again(error, asked)) => match waits.next() {
                Some(wait) => {
                    tracing::info!(%error, "asking dbt Cloud again");
                    tokio::time::sleep(asked.map_or(wait, |asked| asked.clamp(wait, MAX_WAIT.max(wait)))).await;
                }
                None => return Err(error),
            },
        }
    }
}

/// `Retry-After` in seconds.
pub fn wait_of(headers: &reqwest::header::HeaderMap) -> Option<Duration> {
    headers.get("retry-after")?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}
