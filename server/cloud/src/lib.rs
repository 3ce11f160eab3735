//! dbt Cloud's administrative API, version 2: the newest successful run of an account and the artifacts that it left.
//!
//! <https://docs.getdbt.com/dbt-cloud/api-v2>: `GET /api/v2/accounts/{id}/runs/` in pages of `limit` from `offset`, newest first;
//! `GET …/runs/{id}/artifacts/` lists paths, `GET …/artifacts/{path}?step=N` gives one, without a step the last step's. Every answer but an artifact is
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
    /// `https://cloud.getdbt.com`, or the account's own address; what follows the host (`/api/v2`) may stand or not.
    pub url: String,
    pub id: u64,
    pub key: SecretString,
    /// Only this job's runs.
    pub job: Option<u64>,
    /// Only this environment's runs.
    pub environment: Option<u64>,
    /// Before a failed request is tried again.
    pub first_wait: std::time::Duration,
}

/// A run that ended well. All but its id may be missing.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Run {
    pub id: u64,
    pub project_id: Option<u64>,
    #[serde(alias = "job_definition_id")]
    pub job_id: Option<u64>,
    pub finished_at: Option<String>,
    run_steps: Option<Vec<RunStep>>,
    trigger: Option<Trigger>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct RunStep {
    /// From 1.
    index: Option<u64>,
    /// ``Invoke dbt with `dbt build` ``
    name: Option<String>,
}

/// What started a run: a pull request has one of these numbers.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Trigger {
    github_pull_request_id: Option<u64>,
    gitlab_merge_request_id: Option<u64>,
    azure_pull_request_id: Option<u64>,
    non_native_pull_request_id: Option<u64>,
}

/// Commands whose run results say how something ran; `docs generate` and `compile` write results of what didn't.
const RUNS: [&str; 5] = ["build", "run", "test", "snapshot", "seed"];

impl Run {
    fn is_of_pull_request(&self) -> bool {
        self.trigger.as_ref().is_some_and(|trigger| {
            let ids = [trigger.github_pull_request_id, trigger.gitlab_merge_request_id, trigger.azure_pull_request_id, trigger.non_native_pull_request_id];
            ids.iter().any(Option::is_some)
        })
    }

    /// The number of the last step that ran one of some dbt commands; `None` where the steps aren't told.
    fn last_step(&self, is_wanted: impl Fn(&str) -> bool) -> Option<Option<u64>> {
        let steps = self.run_steps.as_ref().filter(|steps| !steps.is_empty())?;
        let wanted = |step: &&RunStep| step.name.as_deref().and_then(dbt_command).is_some_and(&is_wanted);
        Some(steps.iter().rev().find(wanted).and_then(|step| step.index))
    }

    /// Which step of the run holds an artifact; without one it is the last's. `None`: no step made it.
    fn step_of(&self, name: &str) -> Option<Option<u64>> {
        let step = match name {
            "run_results.json" => self.last_step(|command| RUNS.contains(&command)),
            "sources.json" => self.last_step(|command| command == "source"),
            _ => None,
        };
        match step {
            None => Some(None),
            Some(None) => None,
            Some(step) => Some(step),
        }
    }
}

/// dbt's commands.
const COMMANDS: [&str; 18] = [
    "build",
    "clean",
    "clone",
    "compile",
    "debug",
    "deps",
    "docs",
    "list",
    "ls",
    "parse",
    "retry",
    "run",
    "run-operation",
    "seed",
    "show",
    "snapshot",
    "source",
    "test",
];

/// ``Invoke dbt with `dbt --debug build --select x` `` is `build`.
fn dbt_command(step: &str) -> Option<&str> {
    let mut words = step.split('`').nth(1).unwrap_or(step).split_whitespace();
    words.next().filter(|program| *program == "dbt")?;
    words.find(|word| COMMANDS.contains(word))
}

/// An artifact that was taken, and the run that left it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    pub name: String,
    pub run: Run,
    pub bytes: u64,
}

/// Whether the first artifact of a run is the project's own; else whose it is.
pub type Check<'c> = &'c (dyn Fn(&Path) -> Result<(), String> + Sync);

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("dbt Cloud at {url} refuses the key (HTTP {status}{}): set DBT_CLOUD_API_KEY to a token that may read jobs of account {account}{}", said(.message), hint(.url))]
    Refused { status: u16, account: u64, url: String, message: Option<String> },
    #[error("dbt Cloud has no account {account} at {url}, or the key may not see it (HTTP 404{}): check DBT_CLOUD_ACCOUNT_ID and DBT_CLOUD_URL", said(.message))]
    NoAccount { account: u64, url: String, message: Option<String> },
    #[error("dbt Cloud has no {path} any more")]
    Missing { path: String },
    #[error("{0}")]
    NoRun(String),
    #[error("dbt Cloud answers HTTP {status}{}, also after retries", said(.message))]
    Status { status: u16, message: Option<String> },
    #[error("dbt Cloud had too many requests from this account (HTTP 429{}); it takes new ones after about five minutes, so try again then", said(.message))]
    TooMany { message: Option<String> },
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

/// The shared addresses refuse good keys of accounts that have one of their own.
fn hint(url: &str) -> &'static str {
    let is_shared = ["cloud.getdbt.com", "emea.dbt.com", "au.dbt.com"].iter().any(|host| url.contains(host));
    if is_shared { "; or the account has an address of its own by now (Account settings, Access URL): set DBT_CLOUD_URL to it" } else { "" }
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

/// What is being taken.
struct Taking<'t> {
    wanted: Vec<&'t str>,
    taken: Vec<Taken>,
    /// The first artifact must be there.
    first: &'t str,
    /// Whose runs were passed over.
    foreign: Option<String>,
}

impl Cloud {
    pub fn new(mut account: Account) -> Self {
        // A second installation is refused, and the first serves.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let connect = std::time::Duration::from_secs(20);
        let http = reqwest::Client::builder().connect_timeout(connect).read_timeout(connect * 3).user_agent("ragstar").build().unwrap_or_default();
        let host = account.url.trim_end_matches('/');
        account.url = host.strip_suffix("/api/v2").unwrap_or(host).to_owned();
        Self { account, http }
    }

    /// Takes some artifacts of the newest successful runs into a folder, each from the newest run that has it; the first of `names`
    /// must be there and pass `is_ours`, and the others are of runs of the same dbt Cloud project. Runs of pull requests count only
    /// where a job is named. A file is written beside its place and moved there when it is whole; what is not there any more stays.
    pub async fn take(&self, names: &[&str], dir: &Path, is_ours: Check<'_>) -> Result<Vec<Taken>, Error> {
        let disk = |why: std::io::Error| Error::Disk { path: dir.to_owned(), why: why.to_string() };
        tokio::fs::create_dir_all(dir).await.map_err(disk)?;
        let first = names.first().copied().unwrap_or_default();
        let mut taking = Taking { wanted: names.to_vec(), taken: Vec::new(), first, foreign: None };
        let (mut offset, mut seen) = (0, 0);
        while !taking.wanted.is_empty() && offset < MAX_RUNS {
            let (runs, total) = self.runs(offset).await?;
            if runs.is_empty() {
                break;
            }
            offset += runs.len();
            for run in runs {
                if self.account.job.is_none() && run.is_of_pull_request() {
                    continue;
                }
                seen += 1;
                self.take_from(&run, &mut taking, dir, is_ours).await?;
                if taking.wanted.is_empty() {
                    break;
                }
            }
            if total.is_some_and(|total| offset >= total) {
                break;
            }
        }
        if !taking.taken.is_empty() {
            return Ok(taking.taken);
        }
        let whose = self.account.job.map_or_else(|| format!("account {}", self.account.id), |job| format!("job {job} of account {}", self.account.id));
        Err(Error::NoRun(match (seen, taking.foreign) {
            (0, _) => format!("no run of {whose} has ended well yet; run a job in dbt Cloud first"),
            (seen, None) => format!("none of the {seen} newest successful runs of {whose} left a {first}"),
            (seen, Some(foreign)) => {
                format!("none of the {seen} newest successful runs of {whose} is of this project ({foreign}); name the project's job with DBT_CLOUD_JOB_ID")
            }
        }))
    }

    /// Takes what is still wanted from one run.
    async fn take_from(&self, run: &Run, taking: &mut Taking<'_>, dir: &Path, is_ours: Check<'_>) -> Result<(), Error> {
        // Before anything else the run's first artifact says whose it is; later runs go by its dbt Cloud project.
        let of_other = |taken: &Taken| taken.run.project_id.is_some() && run.project_id.is_some() && taken.run.project_id != run.project_id;
        if taking.taken.first().is_some_and(of_other) {
            return Ok(());
        }
        let held = self.artifacts(run).await?;
        let has = |name: &str| held.iter().any(|path| path == name);
        if taking.taken.is_empty() && !has(taking.first) {
            return Ok(());
        }
        for name in taking.wanted.clone() {
            if !has(name) {
                continue;
            }
            let Some(step) = run.step_of(name) else { continue };
            let check: Check<'_> = if name == taking.first { is_ours } else { &|_| Ok(()) };
            match self.download(run, name, step, &dir.join(name), check).await? {
                Got::Whole(bytes) => {
                    taking.wanted.retain(|wanted| *wanted != name);
                    taking.taken.push(Taken { name: name.to_owned(), run: run.clone(), bytes });
                }
                Got::Nothing => {}
                Got::Foreign(why) => {
                    taking.foreign.get_or_insert(why);
                    return Ok(());
                }
            }
            if taking.taken.is_empty() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// A page of successful runs, the newest first, and how many there are, where the API says so.
    async fn runs(&self, offset: usize) -> Result<(Vec<Run>, Option<usize>), Error> {
        let mut query = vec![
            ("status", SUCCESS.to_string()),
            ("order_by", "-finished_at".to_owned()),
            ("limit", PAGE.to_string()),
            ("offset", offset.to_string()),
            ("include_related", r#"["run_steps","trigger"]"#.to_owned()),
        ];
        query.extend(self.account.job.map(|job| ("job_definition_id", job.to_string())));
        query.extend(self.account.environment.map(|environment| ("environment_id", environment.to_string())));
        let answer: Answer<Vec<Run>> = self.json("runs/", &query).await.map_err(|error| match error {
            Error::Missing { .. } => Error::NoAccount { account: self.account.id, url: self.account.url.clone(), message: None },
            error => error,
        })?;
        Ok((answer.data.unwrap_or_default(), answer.extra.pagination.total_count))
    }

    /// The paths of what a run left; nothing where they have expired.
    async fn artifacts(&self, run: &Run) -> Result<Vec<String>, Error> {
        match self.json::<Answer<Vec<String>>>(&format!("runs/{}/artifacts/", run.id), &[]).await {
            Ok(answer) => Ok(answer.data.unwrap_or_default()),
            Err(Error::Missing { .. }) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    async fn json<T: for<'de> Deserialize<'de>>(&self, path: &str, query: &[(&str, String)]) -> Result<T, Error> {
        retry::again(self.account.first_wait, || async {
            let response = self.get_once(path, query, "application/json").await?;
            let bytes = response.bytes().await.map_err(|error| retry::Failed::Again(self.unreachable(&error), None))?;
            // A page of a proxy's comes with 200 now and then.
            serde_json::from_slice(&bytes).map_err(|error| retry::Failed::Once(Error::Shape(error.to_string())))
        })
        .await
    }

    /// Streams an artifact into a file; begins again where the stream is cut. Without the step where the API doesn't know it there.
    async fn download(&self, run: &Run, name: &str, step: Option<u64>, to: &Path, check: Check<'_>) -> Result<Got, Error> {
        let path = format!("runs/{}/artifacts/{name}", run.id);
        let steps: Vec<Option<u64>> = step.map(Some).into_iter().chain([None]).collect();
        for step in steps {
            let query: Vec<(&str, String)> = step.map(|step| ("step", step.to_string())).into_iter().collect();
            let got = retry::again(self.account.first_wait, || async {
                let response = self.get_once(&path, &query, "*/*").await?;
                self.write(response, to, check).await
            })
            .await;
            match got {
                Err(Error::Missing { .. }) => {}
                got => return got,
            }
        }
        Ok(Got::Nothing)
    }

    async fn write(&self, response: reqwest::Response, to: &Path, check: Check<'_>) -> Result<Got, retry::Failed> {
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
        if let Err(whose) = check(&half) {
            return Ok(Got::Foreign(whose));
        }
        half.persist(to).map_err(|error| disk(error.error))?;
        Ok(Got::Whole(written))
    }

    async fn get_once(&self, path: &str, query: &[(&str, String)], accept: &str) -> Result<reqwest::Response, retry::Failed> {
        let url = format!("{}/api/v2/accounts/{}/{path}", self.account.url, self.account.id);
        let request = self.http.get(&url).query(query).header("Authorization", format!("Token {}", self.account.key.expose_secret())).header("Accept", accept);
        let response = request.send().await.map_err(|error| retry::Failed::Again(self.unreachable(&error), None))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let wait = retry::wait_of(response.headers());
        let message = message_of(response).await;
        let (code, account, url) = (status.as_u16(), self.account.id, self.account.url.clone());
        Err(match code {
            401 | 403 => retry::Failed::Finally(Error::Refused { status: code, account, url, message }),
            404 => retry::Failed::Finally(Error::Missing { path: path.to_owned() }),
            429 => retry::Failed::Again(Error::TooMany { message }, wait),
            408 | 500..=599 => retry::Failed::Again(Error::Status { status: code, message }, wait),
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

/// What became of an artifact.
enum Got {
    /// It is in its place; its size.
    Whole(u64),
    Nothing,
    /// It is another project's; whose.
    Foreign(String),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_step_that_ran_things() {
        let run = |steps: &[&str]| {
            let steps = steps.iter().enumerate().map(|(at, name)| RunStep { index: Some(at as u64 + 1), name: Some((*name).to_owned()) });
            Run { id: 1, project_id: None, job_id: None, finished_at: None, run_steps: Some(steps.collect()), trigger: None }
        };
        let usual = run(&[
            "Clone git repository",
            "Invoke dbt with `dbt deps`",
            "Invoke dbt with `dbt source freshness`",
            "Invoke dbt with `dbt --no-use-colors build --select a`",
            "Invoke dbt with `dbt run-operation grant`",
            "Invoke dbt with `dbt docs generate`",
        ]);
        assert_eq!(
            [usual.step_of("run_results.json"), usual.step_of("sources.json"), usual.step_of("manifest.json")],
            [Some(Some(4)), Some(Some(3)), Some(None)]
        );
        let docs = run(&["Clone git repository", "Invoke dbt with `dbt docs generate`"]);
        assert_eq!(docs.step_of("run_results.json"), None);
        assert_eq!(Run { run_steps: None, ..docs }.step_of("run_results.json"), Some(None));
    }
}
