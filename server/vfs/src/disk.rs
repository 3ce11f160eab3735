//! The real disk: a parallel walk, and notify for what changes later.

use crate::{CSV_HEAD_BYTES, FileText, Loader, MAX_TEXT_BYTES, ReadProblem};
use ignore::gitignore::Gitignore;
use ignore::{WalkBuilder, WalkState};
use notify_debouncer_full::notify::{self, RecursiveMode};
use notify_debouncer_full::{DebounceEventResult, Debouncer, RecommendedCache, new_debouncer};
use std::collections::HashMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What dbt leaves in its target folder; read by others, but watched here.
const ARTIFACTS: [&str; 4] = ["manifest.json", "catalog.json", "run_results.json", "sources.json"];

const EXTENSIONS: [&str; 6] = ["sql", "yml", "yaml", "md", "csv", "py"];

/// Reads a project folder as dbt does: links to packages are followed, other linked folders not; of ignore files only the `.dbtignore`
/// beside a `dbt_project.yml` has a say, on the files of that project.
#[derive(Debug, Default, Clone, Copy)]
pub struct DiskLoader;

impl Loader for DiskLoader {
    fn load(&self, root: &Path) -> Vec<(PathBuf, FileText)> {
        all_below(root, &|entry| read(entry.path()))
    }

    fn read(&self, path: &Path) -> Option<FileText> {
        read(path)
    }
}

/// What is made of each source file below a folder, in the order of the paths.
fn all_below<T: Send>(root: &Path, take: &(impl Fn(&ignore::DirEntry) -> Option<T> + Sync)) -> Vec<(PathBuf, T)> {
    let (mut found, loops) = walk(root, take);
    // A package that is a link to a folder above it (its integration tests use it so) is read once more, from the link.
    for link in loops {
        found.extend(walk(&link, take).0);
    }
    found.sort_by(|left, right| left.0.cmp(&right.0));
    found.dedup_by(|left, right| left.0 == right.0);
    found
}

/// What is made of each source file below a folder, and the links at which the walk stopped because they lead to a folder around them.
fn walk<T: Send>(root: &Path, take: impl Fn(&ignore::DirEntry) -> Option<T> + Sync) -> (Vec<(PathBuf, T)>, Vec<PathBuf>) {
    let found = Mutex::new(Vec::new());
    let loops = Mutex::new(Vec::new());
    let ignores = Ignores::new(root);
    WalkBuilder::new(root)
        .standard_filters(false)
        .follow_links(true)
        .filter_entry(|entry| {
            let is_dir = entry.file_type().is_some_and(|kind| kind.is_dir());
            let is_package = || entry.path().join("dbt_project.yml").is_file();
            entry.depth() == 0 || !is_dir || (may_hold_sources(entry.path()) && (!entry.path_is_symlink() || is_package()))
        })
        .build_parallel()
        .run(|| {
            Box::new(|entry| {
                match entry {
                    Ok(entry) => {
                        let is_file = entry.file_type().is_some_and(|kind| kind.is_file());
                        if is_file
                            && is_source_path(entry.path())
                            && !ignores.ignore(entry.path())
                            && let (Some(taken), Ok(mut found)) = (take(&entry), found.lock())
                        {
                            found.push((entry.into_path(), taken));
                        }
                    }
                    // A loop of links ends here, as does a folder that can't be opened.
                    Err(error) => match (loop_at(&error), loops.lock()) {
                        (Some(link), Ok(mut loops)) => loops.push(link),
                        _ => tracing::warn!(%error, "skipped while walking the project"),
                    },
                }
                WalkState::Continue
            })
        });
    (found.into_inner().unwrap_or_default(), loops.into_inner().unwrap_or_default())
}

/// The link that a loop goes through.
fn loop_at(error: &ignore::Error) -> Option<PathBuf> {
    match error {
        ignore::Error::Loop { child, .. } => Some(child.clone()),
        ignore::Error::WithPath { err, .. } | ignore::Error::WithDepth { err, .. } | ignore::Error::WithLineNumber { err, .. } => loop_at(err),
        _ => None,
    }
}

/// What tells that a file is the same as before, without a look into it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    pub size: u64,
    /// Nanoseconds since 1970.
    pub modified: u64,
    /// 0 where the system has none.
    pub inode: u64,
    /// When the file's content or its entry changed, which no program can set back; 0 where the system has none.
    pub changed: u64,
}

fn stamp(entry: &ignore::DirEntry) -> Option<Stamp> {
    // Of a link what it leads to.
    let metadata = if entry.path_is_symlink() { std::fs::metadata(entry.path()).ok()? } else { entry.metadata().ok()? };
    let modified = metadata.modified().ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
    #[cfg(unix)]
    let (inode, changed) = {
        use std::os::unix::fs::MetadataExt;
        let changed = metadata.ctime().saturating_mul(1_000_000_000).saturating_add(metadata.ctime_nsec());
        (metadata.ino(), u64::try_from(changed).unwrap_or(0))
    };
    #[cfg(not(unix))]
    let (inode, changed) = (0, 0);
    Some(Stamp { size: metadata.len(), modified: u64::try_from(modified.as_nanos()).ok()?, inode, changed })
}

impl DiskLoader {
    /// The stamps of the files that [`Loader::load`] reads, in the order of the paths.
    pub fn stamps(self, root: &Path) -> Vec<(PathBuf, Stamp)> {
        all_below(root, &stamp)
    }

    /// Whether a path is that of a file that dbt leaves in its target folder.
    pub fn is_artifact(path: &Path) -> bool {
        path.file_name().and_then(|name| name.to_str()).is_some_and(|name| ARTIFACTS.contains(&name))
    }

    /// Whether a change of `path` can matter to the project in `root`: false for what the walk would not reach.
    pub fn is_relevant(root: &Path, path: &Path) -> bool {
        let Ok(below) = path.strip_prefix(root) else { return false };
        let folders: Vec<&Path> = below.parent().map(|parent| parent.ancestors().filter(|part| !part.as_os_str().is_empty()).collect()).unwrap_or_default();
        if !folders.into_iter().all(|folder| may_hold_sources(&root.join(folder))) {
            return false;
        }
        let is_dir = path.is_dir();
        // What is gone may have been a folder, whatever its name looks like.
        let may_matter = is_source_path(path) || (is_dir && may_hold_sources(path)) || !path.exists();
        may_matter && (is_dir || !Ignores::new(root).ignore(path))
    }

    /// The nearest folder at or above `start` that holds a `dbt_project.yml`. A package's own project is its user's: what lies
    /// in `dbt_packages` belongs to the project around it.
    pub fn find_project(start: &Path) -> Option<PathBuf> {
        let outer = start.ancestors().filter(|folder| folder.file_name().is_some_and(|name| name == "dbt_packages" || name == "dbt_modules")).last();
        let from = outer.and_then(Path::parent).unwrap_or(start);
        from.ancestors().find(|folder| folder.join("dbt_project.yml").is_file()).map(Path::to_owned)
    }

    /// Projects at or below a folder, a few levels deep, packages left out; the folder's own first.
    pub fn find_projects_below(root: &Path) -> Vec<PathBuf> {
        let walk = WalkBuilder::new(root)
            .standard_filters(false)
            .max_depth(Some(6))
            .filter_entry(|entry| {
                let is_dir = entry.file_type().is_some_and(|kind| kind.is_dir());
                let name = entry.file_name().to_str().unwrap_or("");
                let is_aside = name.starts_with('.') || matches!(name, "dbt_packages" | "dbt_modules" | "node_modules");
                entry.depth() == 0 || (is_dir && may_hold_sources(entry.path()) && !is_aside) || name == "dbt_project.yml"
            })
            .build();
        let files = walk.filter_map(Result::ok).filter(|entry| entry.file_name() == "dbt_project.yml");
        let mut projects: Vec<PathBuf> = files.filter_map(|entry| entry.path().parent().map(Path::to_owned)).collect();
        projects.sort_by_key(|path| (path.components().count(), path.clone()));
        projects
    }
}

/// What `.dbtignore` files say: each on the files of the project that it lies beside the `dbt_project.yml` of
/// (`generate_dbt_ignore_spec`).
struct Ignores {
    root: PathBuf,
    /// For each folder the rules of the project that it belongs to.
    known: Mutex<HashMap<PathBuf, Option<Arc<Gitignore>>>>,
}

/// What dbt reads whatever `.dbtignore` says.
const NEVER_IGNORED: [&str; 4] = ["dbt_project.yml", "packages.yml", "dependencies.yml", "selectors.yml"];

impl Ignores {
    fn new(root: &Path) -> Self {
        Self { root: root.to_owned(), known: Mutex::default() }
    }

    fn ignore(&self, path: &Path) -> bool {
        let Some(rules) = path.parent().and_then(|folder| self.rules(folder)) else { return false };
        if path.file_name().and_then(|name| name.to_str()).is_some_and(|name| NEVER_IGNORED.contains(&name)) {
            return false;
        }
        // A file in a folder that is left out can be taken in again, unlike git's.
        match rules.matched(path, false) {
            ignore::Match::None => rules.matched_path_or_any_parents(path, false).is_ignore(),
            found => found.is_ignore(),
        }
    }

    fn rules(&self, folder: &Path) -> Option<Arc<Gitignore>> {
        if let Some(known) = self.known.lock().ok().and_then(|known| known.get(folder).cloned()) {
            return known;
        }
        let rules = if folder == self.root || folder.join("dbt_project.yml").is_file() {
            let file = folder.join(".dbtignore");
            file.is_file().then(|| Arc::new(Gitignore::new(file).0))
        } else if folder.starts_with(&self.root) {
            folder.parent().and_then(|parent| self.rules(parent))
        } else {
            None
        };
        if let Ok(mut known) = self.known.lock() {
            known.insert(folder.to_owned(), rules.clone());
        }
        rules
    }
}

/// Whether a file can matter to a dbt project, by its ending.
fn is_source_path(path: &Path) -> bool {
    path.extension().and_then(|ending| ending.to_str()).is_some_and(|ending| EXTENSIONS.contains(&ending.to_ascii_lowercase().as_str()))
}

/// Whether a folder can hold sources: not what tools put beside a `dbt_project.yml`, not somebody's virtual environment.
fn may_hold_sources(dir: &Path) -> bool {
    let name = dir.file_name().and_then(|name| name.to_str()).unwrap_or("");
    let of_tools = name.starts_with('.') || matches!(name, "node_modules" | "target" | "logs");
    if matches!(name, "__pycache__" | ".git") || (of_tools && dir.parent().is_some_and(|parent| parent.join("dbt_project.yml").is_file())) {
        return false;
    }
    !dir.join("pyvenv.cfg").is_file() && !is_worktree(dir)
}

/// Whether a folder is another checkout of a repository (`git worktree`), whose projects are those of this one once more.
fn is_worktree(dir: &Path) -> bool {
    std::fs::read_to_string(dir.join(".git")).is_ok_and(|link| link.starts_with("gitdir:") && link.contains("/worktrees/"))
}

fn read(path: &Path) -> Option<FileText> {
    let unreadable = |error: std::io::Error| {
        (error.kind() != std::io::ErrorKind::NotFound).then(|| FileText { text: "".into(), problem: Some(ReadProblem::Unreadable(error.to_string())) })
    };
    let mut file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) => return unreadable(error),
    };
    let bytes = match file.metadata() {
        Ok(metadata) if metadata.is_file() => metadata.len(),
        Ok(_) => return None,
        Err(error) => return unreadable(error),
    };
    if path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("csv")) {
        return Some(read_head(&mut file).unwrap_or_else(|error| FileText { text: "".into(), problem: Some(ReadProblem::Unreadable(error.to_string())) }));
    }
    if bytes > MAX_TEXT_BYTES {
        return Some(FileText { text: "".into(), problem: Some(ReadProblem::TooLarge { bytes }) });
    }
    let mut content = Vec::with_capacity(usize::try_from(bytes).unwrap_or(0));
    match file.read_to_end(&mut content) {
        Ok(_) => Some(FileText::from_bytes(content)),
        Err(error) => unreadable(error),
    }
}

/// The first whole lines of a CSV file.
fn read_head(file: &mut std::fs::File) -> std::io::Result<FileText> {
    let mut head = Vec::with_capacity(CSV_HEAD_BYTES.min(4096));
    file.take(CSV_HEAD_BYTES as u64).read_to_end(&mut head)?;
    if head.len() == CSV_HEAD_BYTES {
        let whole = head.iter().rposition(|&byte| byte == b'\n').map_or(head.len(), |end| end + 1);
        head.truncate(whole);
    }
    Ok(FileText::from_bytes(head))
}

/// Watches folders for as long as it lives.
pub struct Watch {
    _debouncer: Debouncer<notify::RecommendedWatcher, RecommendedCache>,
}

impl Watch {
    /// Calls `changed` with the source files and artifacts below `root` that were written, made, renamed or removed. A path may be a folder's
    /// (moved or removed as a whole), and an empty list says that events were lost and the folder has to be read again.
    pub fn new(root: &Path, mut changed: impl FnMut(Vec<PathBuf>) + Send + 'static) -> Result<Self, notify::Error> {
        let mut debouncer = new_debouncer(Duration::from_millis(60), None, move |result: DebounceEventResult| {
            let mut paths: Vec<PathBuf> = match result {
                Ok(events) => {
                    if events.iter().any(|event| event.need_rescan()) {
                        changed(Vec::new());
                        return;
                    }
                    let relevant = events.into_iter().filter(|event| !event.kind.is_access());
                    relevant.flat_map(|event| event.event.paths).collect()
                }
                Err(errors) => {
                    tracing::warn!(?errors, "the file watcher lost events");
                    changed(Vec::new());
                    return;
                }
            };
            // What counts as a file of the project has changed.
            if paths.iter().any(|path| path.file_name().is_some_and(|name| name == ".dbtignore")) {
                changed(Vec::new());
                return;
            }
            paths.retain(|path| is_source_path(path) || DiskLoader::is_artifact(path) || path.is_dir() || !path.exists());
            paths.sort();
            paths.dedup();
            if !paths.is_empty() {
                changed(paths);
            }
        })?;
        debouncer.watch(root, RecursiveMode::Recursive)?;
        Ok(Self { _debouncer: debouncer })
    }

    /// Calls `changed` when one file was written, made, renamed or removed, whatever it is. Its folder has to be there.
    pub fn of_file(file: &Path, mut changed: impl FnMut() + Send + 'static) -> Result<Self, notify::Error> {
        let wanted = file.to_owned();
        let mut debouncer = new_debouncer(Duration::from_millis(60), None, move |result: DebounceEventResult| {
            let is_it = match result {
                Ok(events) => events.iter().any(|event| event.need_rescan() || (!event.kind.is_access() && event.paths.contains(&wanted))),
                Err(errors) => {
                    tracing::warn!(?errors, "the file watcher lost events");
                    true
                }
            };
            if is_it {
                changed();
            }
        })?;
        debouncer.watch(file.parent().unwrap_or(file), RecursiveMode::NonRecursive)?;
        Ok(Self { _debouncer: debouncer })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().expect("a folder");
        for (path, text) in files {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().expect("it is in a folder")).expect("a folder");
            std::fs::write(path, text).expect("a file");
        }
        dir
    }

    #[test]
    fn what_is_a_project_of_its_own() {
        let dir = folder(&[
            ("a/dbt_project.yml", ""),
            ("a/dbt_packages/p/dbt_project.yml", ""),
            ("a/target/x/dbt_project.yml", ""),
            ("a/integration_tests/dbt_project.yml", ""),
            ("env/pyvenv.cfg", ""),
            ("env/lib/dbt/include/dbt_project.yml", ""),
            ("branch/.git", "gitdir: /elsewhere/.git/worktrees/branch\n"),
            ("branch/a/dbt_project.yml", ""),
            (".hidden/dbt_project.yml", ""),
            ("node_modules/x/dbt_project.yml", ""),
        ]);
        let found: Vec<String> = DiskLoader::find_projects_below(dir.path())
            .iter()
            .map(|path| path.strip_prefix(dir.path()).expect("below").to_string_lossy().replace('\\', "/"))
            .collect();
        assert_eq!(found, ["a", "a/integration_tests"]);
    }

    #[test]
    fn dbtignore_is_each_projects_own() {
        let dir = folder(&[
            ("dbt_project.yml", ""),
            (".dbtignore", "dbt_packages\nmodels/off/\n!models/off/on.sql\n*.py\ndbt_project.yml\n"),
            ("models/a.sql", ""),
            ("models/off/b.sql", ""),
            ("models/off/on.sql", ""),
            ("models/.hidden/c.sql", ""),
            ("models/sub/.dbtignore", "*"),
            ("models/sub/d.sql", ""),
            ("models/e.py", ""),
            ("dbt_packages/p/dbt_project.yml", ""),
            ("dbt_packages/p/.dbtignore", "models/skip.sql"),
            ("dbt_packages/p/models/skip.sql", ""),
            ("dbt_packages/p/models/keep.sql", ""),
            ("target/run/x.sql", ""),
        ]);
        let found: Vec<String> =
            DiskLoader.load(dir.path()).iter().map(|(path, _)| path.strip_prefix(dir.path()).expect("below").to_string_lossy().replace('\\', "/")).collect();
        let expected = [
            "dbt_packages/p/dbt_project.yml",
            "dbt_packages/p/models/keep.sql",
            "dbt_project.yml",
            "models/.hidden/c.sql",
            "models/a.sql",
            "models/off/on.sql",
            "models/sub/d.sql",
        ];
        assert_eq!(found, expected);
        assert!(!DiskLoader::is_relevant(dir.path(), &dir.path().join("models/off/b.sql")));
        assert!(DiskLoader::is_relevant(dir.path(), &dir.path().join("models/off/on.sql")));
    }
}
