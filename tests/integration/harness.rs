//! How tests run the program: with settings of their own and nobody else's.

use serde_json::Value;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;
use testkit::Tools;

/// The binary, built if its sources changed since.
pub static RAGSTAR: LazyLock<PathBuf> = LazyLock::new(|| {
    let profile = std::env::current_exe().unwrap().ancestors().nth(2).unwrap().to_owned();
    let mut build = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    build.args(["build", "--quiet", "--package", "ragstar"]).current_dir(testkit::workspace_root());
    if profile.ends_with("release") {
        build.arg("--release");
    }
    assert!(build.status().unwrap().success(), "the binary builds");
    profile.join(format!("ragstar{}", std::env::consts::EXE_SUFFIX))
});

/// Programs and weights are kept between runs; so is one private database for each version of its schema.
pub static TOOLS: LazyLock<Tools> = LazyLock::new(|| Tools::open().unwrap());

static DATA: LazyLock<PathBuf> = LazyLock::new(|| {
    let schema = std::fs::read_to_string(testkit::workspace_root().join("migrations/0001_knowledge.sql")).unwrap();
    let version = schema.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    TOOLS.dir().join(format!("data-{version:016x}"))
});

/// The example project.
pub fn shop() -> PathBuf {
    testkit::workspace_root().join("tests/fixtures/shop")
}

/// One person's machine: their settings, their workspace.
pub struct Person {
    config: tempfile::TempDir,
    workspace: String,
    variables: Vec<(String, String)>,
}

impl Person {
    pub fn new() -> Self {
        let config = tempfile::tempdir().unwrap();
        let workspace = config.path().to_string_lossy().into_owned();
        Self { config, workspace, variables: Vec::new() }
    }

    pub fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.variables.push((name.to_owned(), value.to_string()));
        self
    }

    /// A command with nothing of the environment but what programs need.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env_clear();
        for name in ["PATH", "HOME", "USER", "TMPDIR", "LANG", "SYSTEMROOT"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command
            .env("XDG_CONFIG_HOME", self.config.path())
            .env("RAGSTAR_CACHE_DIR", TOOLS.dir())
            .env("RAGSTAR_DATA_DIR", &*DATA)
            .env("RAGSTAR_WORKSPACE_ID", &self.workspace)
            .env("RAGSTAR_STORE_IDLE_SECONDS", "60")
            .env("RAGSTAR_BIN", &*RAGSTAR)
            .envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    pub fn ragstar(&self, project: &Path, arguments: &[&str]) -> Command {
        let mut command = self.command(&*RAGSTAR);
        command.current_dir(project).args(arguments);
        command
    }

    /// Runs and takes what was printed.
    pub fn run(&self, project: &Path, arguments: &[&str]) -> Ran {
        Ran::of(self.ragstar(project, arguments).output().unwrap())
    }

    /// Runs with `--json` and reads what was printed.
    pub fn json(&self, project: &Path, arguments: &[&str]) -> Value {
        let ran = self.run(project, &[&["--json"], arguments].concat());
        assert!(ran.ok, "{ran:?}");
        serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {ran:?}"))
    }
}

#[derive(Debug)]
pub struct Ran {
    pub ok: bool,
    pub out: String,
    pub err: String,
}

impl Ran {
    pub fn of(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Self { ok: output.status.success(), out: text(output.stdout), err: text(output.stderr) }
    }
}

/// Says why a test that needs something from outside did nothing.
pub fn skip(why: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "ragstar tests: SKIPPED: {why}");
}

/// A port that is free now.
pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A child that doesn't outlive its test.
pub struct Running(pub std::process::Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Asks again and again until an answer comes.
pub fn wait_for<T>(what: &str, seconds: u64, mut ask: impl FnMut() -> Option<T>) -> T {
    let started = std::time::Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(started.elapsed().as_secs() < seconds, "{what} within {seconds} s");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}
