//! dbt Cloud's administrative API, version 2: the newest successful run of an account and the artifacts that it left.
//!
//! <https://docs.getdbt.com/dbt-cloud/api-v2>: `GET /api/v2/accounts/{id}/runs/` in pages of `limit` from `offset`, newest first;
//! `GET …/runs/{id}/artifacts/` lists paths, `GET …/artifacts/{path}` gives one. Every answer but an artifact is
//! `{status: {code, is_success, user_message, developer_message}, data, extra}`.

mod retry;

use futures::StreamExt;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use tokio::io::AsyncWriteExt;

/// The status of a run that ended well.
const SUCCESS: u32 = 10;
/// Runs of one page.
const PAGE: usize = 20;
/// A run older than these is not looked at for an artifact that newer ones lack.
const MAX_RUNS: usize = 60;

/// An account and how to reach it.
#[derive(Debug, Clone)]
pub struct Account {
    /// `https://cloud.getdbt.com`, or the account's own address.
    pub url: String,
    pub id: u64,
    pub key: SecretString,
    /// Only this job's runs.
    pub job: Option<u64>,
    /// Before a failed request is tried again.
    pub first_wait: std::time::Duration,
}

/// A run that ended well.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Run {
    pub id: u64,
    #[serde(default, alias = "job_definition_id")]
    pub job_id: Option<u64>,
    pub finished_at: Option<String>,
}

/// An artifact that was taken, and the run that left it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    pub name: String,
    pub run: Run,
    pub bytes: u64,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("dbt Cloud refuses the key (HTTP {status}{}): set DBT_CLOUD_API_KEY to a token that may read jobs of account {account}", said(.message))]
    Refused { status: u16, account: u64, message: Option<String> },
    #[error("dbt Cloud has no account {account} at {url} (HTTP 404{}): check DBT_CLOUD_ACCOUNT_ID and DBT_CLOUD_URL", said(.message))]
    NoAccount { account: u64, url: String, message: Option<String> },
    #[error("{0}")]
    NoRun(String),
    #[error("dbt Cloud answers HTTP {status}{}, also after retries", said(.message))]
    Status { status: u16, message: Option<String> },
    #[error("dbt Cloud's answer has not the shape of its API ({0}); is DBT_CLOUD_URL right?")]
    Shape(String),
    #[error("dbt Cloud at {url} can't be reached: {why}")]
    Unreachable { url: String, why: String },
    #[error("{} can't be written: {why}", .path.display())]
    Disk { path: PathBuf, why: String },
}

fn said(message: &Option<String>) -> String {
    message.as_ref().map(|message| format!(", “{message}”")).unwrap_or_default()
}

#[derive(Deserialize)]
struct Answer<T> {
    data: Option<T>,
    #[serde(default)]
    extra: Extra,
}

#[derive(Deserialize, Default)]
struct Extra {
    #[serde(default)]
    pagination: Pagination,
}

#[derive(Deserialize, Default)]
struct Pagination {
    total_count: Option<usize>,
}

/// A client of one account.
pub struct Cloud {
    account: Account,
    http: reqwest::Client,
}

impl Cloud {
    pub fn new(account: Account) -> Self {
        // A second installation is refused, and the first serves.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let connect = std::time::Duration::from_secs(20);
        let http = reqwest::Client::builder().connect_timeout(connect).read_timeout(connect * 3).user_agent("ragstar").build().unwrap_or_default();
        Self { account, http }
    }

    /// Takes some artifacts of the newest successful runs into a folder, each from the newest run that has it; the first of `names`
    /// must be there. A file is written beside its place and moved there when it is whole; what is not there any more stays.
    pub async fn take(&self, names: &[&str], dir: &Path) -> Result<Vec<Taken>, Error> {
        let disk = |why: std::io::Error| Error::Disk { path: dir.to_owned(), why: why.to_string() };
        tokio::fs::create_dir_all(dir).await.map_err(disk)?;
        let mut wanted: Vec<&str> = names.to_vec();
        let (mut taken, mut offset, mut seen) = (Vec::new(), 0, 0);
        while !wanted.is_empty() && offset < MAX_RUNS {
            let (runs, total) = self.runs(offset).await?;
            if runs.is_empty() {
                break;
            }
            offset += runs.len();
            for run in runs {
                seen += 1;
                let held = self.artifacts(&run).await?;
                let has: Vec<&str> = wanted.iter().copied().filter(|name| held.iter().any(|path| path == name)).collect();
                for name in has {
                    let bytes = self.download(&run, name, &dir.join(name)).await?;
                    wanted.retain(|wanted| *wanted != name);
                    taken.push(Taken { name: name.to_owned(), run: run.clone(), bytes });
                }
                if wanted.is_empty() {
                    break;
                }
            }
            if total.is_some_and(|total| offset >= total) {
                break;
            }
        }
        let first = names.first().copied().unwrap_or_default();
        if taken.iter().any(|taken| taken.name == first) {
            return Ok(taken);
        }
        let whose = self.account.job.map_or_else(|| format!("account {}", self.account.id), |job| format!("job {job} of account {}", self.account.id));
        Err(Error::NoRun(match seen {
            0 => format!("no run of {whose} has ended well yet; run a job in dbt Cloud first"),
            seen => format!("none of the {seen} newest successful runs of {whose} left a {first}"),
        }))
    }

    /// A page of successful runs, the newest first, and how many there are, where the API says so.
    async fn runs(&self, offset: usize) -> Result<(Vec<Run>, Option<usize>), Error> {
        let mut query =
            vec![("status", SUCCESS.to_string()), ("order_by", "-finished_at".to_owned()), ("limit", PAGE.to_string()), ("offset", offset.to_string())];
        query.extend(self.account.job.map(|job| ("job_definition_id", job.to_string())));
        let parameters: Vec<String> = query.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let answer: Answer<Vec<Run>> = self.json(&format!("runs/?{}", parameters.join("&"))).await?;
        Ok((answer.data.unwrap_or_default(), answer.extra.pagination.total_count))
    }

    /// The paths of what a run left.
    async fn artifacts(&self, run: &Run) -> Result<Vec<String>, Error> {
        match self.json::<Answer<Vec<String>>>(&format!("runs/{}/artifacts/", run.id)).await {
            Ok(answer) => Ok(answer.data.unwrap_or_default()),
            // A run whose artifacts have expired.
            Err(Error::NoAccount { .. }) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    async fn json<T: for<'de> Deserialize<'de>>(&self, path: &str) -> Result<T, Error> {
        let response = self.get(path).await?;
        let bytes = response.bytes().await.map_err(|error| self.unreachable(&error))?;
        serde_json::from_slice(&bytes).map_err(|error| Error::Shape(error.to_string()))
    }

    /// Streams an artifact into a file; begins again where the stream is cut.
    async fn download(&self, run: &Run, name: &str, to: &Path) -> Result<u64, Error> {
        let path = format!("runs/{}/artifacts/{name}", run.id);
        retry::again(self.account.first_wait, || async {
            let response = self.get_once(&path).await?;
            let written = self.write(response, to).await?;
            Ok(written)
        })
        .await
    }

    async fn write(&self, response: reqwest::Response, to: &Path) -> Result<u64, retry::Failed> {
        let disk = |why: std::io::Error| retry::Failed::Finally(Error::Disk { path: to.to_owned(), why: why.to_string() });
        let folder = to.parent().unwrap_or(Path::new("."));
        let (file, half) = tempfile::NamedTempFile::new_in(folder).map_err(disk)?.into_parts();
        let mut file = tokio::fs::File::from_std(file);
        let mut stream = response.bytes_stream();
        let mut written = 0;
        while let Some(piece) = stream.next().await {
            let piece = piece.map_err(|error| retry::Failed::Again(self.unreachable(&error), None))?;
            file.write_all(&piece).await.map_err(disk)?;
            written += piece.len() as u64;
        }
        file.flush().await.map_err(disk)?;
        half.persist(to).map_err(|error| disk(error.error))?;
        Ok(written)
    }

    async fn get(&self, path: &str) -> Result<reqwest::Response, Error> {
        retry::again(self.account.first_wait, || self.get_once(path)).await
    }

    async fn get_once(&self, path: &str) -> Result<reqwest::Response, retry::Failed> {
        let url = format!("{}/api/v2/accounts/{}/{path}", self.account.url.trim_end_matches('/'), self.account.id);
        let request = self.http.get(&url).header("Authorization", format!("Token {}", self.account.key.expose_secret())).header("Accept", "application/json");
        let response = request.send().await.map_err(|error| retry::Failed::Again(self.unreachable(&error), None))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let wait = retry::wait_of(response.headers());
        let message = message_of(response).await;
        let (code, account) = (status.as_u16(), self.account.id);
        Err(match code {
            401 | 403 => retry::Failed::Finally(Error::Refused { status: code, account, message }),
            404 => retry::Failed::Finally(Error::NoAccount { account, url: self.account.url.clone(), message }),
            429 | 500..=599 => retry::Failed::Again(Error::Status { status: code, message }, wait),
            _ => retry::Failed::Finally(Error::Status { status: code, message }),
        })
    }

    /// Without the address's query, and never with the key.
    fn unreachable(&self, error: &reqwest::Error) -> Error {
        let mut why = error.to_string();
        let mut source = std::error::Error::source(error);
        while let Some(inner) = source {
            why = inner.to_string();
            source = inner.source();
        }
        Error::Unreachable { url: self.account.url.clone(), why }
    }
}

/// What the API says to people of an error.
async fn message_of(response: reqwest::Response) -> Option<String> {
    #[derive(Deserialize)]
    struct Body {
        status: Status,
    }
    #[derive(Deserialize)]
    struct Status {
        user_message: Option<String>,
    }
    let bytes = response.bytes().await.ok()?;
    let body: Body = serde_json::from_slice(&bytes).ok()?;
    body.status.user_message.filter(|message| !message.is_empty()).map(|message| message.chars().take(200).collect())
}
