//! Which project, with which settings.

use crate::args::Common;
use etcetera::BaseStrategy;
use ide::{Analysis, AnalysisHost};
use rules::{Rules, Settings, Sources};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::SystemTime;
use vfs::DiskLoader;

static LATER: Mutex<Vec<JoinHandle<()>>> = Mutex::new(Vec::new());

/// Where one call works and what it was told.
#[derive(Debug, Clone)]
pub struct Context {
    /// The folder of the project, if there is one.
    pub project: Option<PathBuf>,
    /// Why there is none.
    pub no_project: String,
    pub settings: Settings,
    pub rules: Rules,
    /// Mistakes in `.ragstarrules.yml`, with their lines.
    pub rules_errors: Vec<String>,
    /// What the flags said, as settings.
    pub flags: Vec<(String, String)>,
    pub cache_dir: PathBuf,
    pub data_dir: PathBuf,
    /// The variables of `.env` beside the project and at the repository's root; secrets are among them.
    dot_env: BTreeMap<String, String>,
}

impl Context {
    /// Finds the project and reads every source of settings.
    pub fn new(common: &Common) -> Self {
        Self::with_client(common, &[])
    }

    /// The same with the editor's settings, which count before the environment.
    pub fn with_client(common: &Common, client: &[(String, String)]) -> Self {
        let named = common.project.clone().or_else(|| std::env::var_os("DBT_PROJECT_PATH").filter(|path| !path.is_empty()).map(PathBuf::from));
        let here = std::env::current_dir().unwrap_or_default();
        let (project, no_project) = match &named {
            Some(dir) => {
                let dir = absolute(&here.join(dir));
                // The file itself, and a folder inside of the project, mean the project.
                let dir = if dir.is_file() { dir.parent().unwrap_or(&dir).to_owned() } else { dir };
                let found = DiskLoader::find_project(&dir).filter(|_| dir.is_dir());
                let why = if found.is_some() {
                    String::new()
                } else if dir.is_dir() {
                    projects_below(&dir).unwrap_or_else(|| "it holds no dbt_project.yml".to_owned())
                } else {
                    "there is no such folder".to_owned()
                };
                (found, format!("{} is not in a dbt project: {why}", dir.display()))
            }
            None => {
                let found = DiskLoader::find_project(&here);
                let below = found.is_none().then(|| projects_below(&here)).flatten().map(|below| format!("; {below}")).unwrap_or_default();
                let why = format!("no dbt_project.yml in {} or above; change into a dbt project, or name one with --project DIR{below}", here.display());
                (found, why)
            }
        };
        let start = project.clone().unwrap_or(here);
        let repository = git(&start, &["rev-parse", "--show-toplevel"]).map(PathBuf::from);
        let sources = sources(common, client, &start, repository.as_deref());
        let settings = Settings::resolve(&sources);
        let dot_env = sources.dot_env.iter().flat_map(|(_, text)| rules::dot_env_variables(text)).collect();
        let (rules, rules_errors) = read_rules(&start, repository.as_deref());
        let (cache_dir, data_dir) = folders(&settings);
        Self { project, no_project, settings, rules, rules_errors, flags: common.flags(), cache_dir, data_dir, dot_env }
    }

    /// The project's folder, or why there is none.
    pub fn root(&self) -> Result<&Path, String> {
        self.project.as_deref().ok_or_else(|| self.no_project.clone())
    }

    /// The project, as its cache has it or read from disk. Blocks.
    pub fn load(&self) -> Result<Analysis, String> {
        self.loaded(false)
    }

    /// The same, with what a cache doesn't keep, such as macros that run. Blocks.
    pub fn load_whole(&self) -> Result<Analysis, String> {
        self.loaded(true)
    }

    /// The project, to be changed. Blocks.
    pub fn host(&self) -> Result<AnalysisHost, String> {
        self.loaded_host(true)
    }

    fn loaded(&self, is_whole: bool) -> Result<Analysis, String> {
        self.loaded_host(is_whole).map(|host| host.analysis())
    }

    fn loaded_host(&self, is_whole: bool) -> Result<AnalysisHost, String> {
        let root = self.root()?;
        if let Some(Err(why)) = self.deferred_to() {
            return Err(why);
        }
        let mut host = AnalysisHost::new(root);
        let settings = self.all_settings();
        host.set_settings(settings.clone());
        let cache = self.cache(root);
        host.set_rules(self.rule_set().0);
        if let Some(kept) = cache.read(&settings) {
            if is_whole {
                host.resume(kept)
            } else {
                host.restore(kept)
            };
            return Ok(host);
        }
        let loaded = SystemTime::now();
        host.load(ide::read_project(&DiskLoader, root));
        host.publish();
        if let Some(snapshot) = host.snapshot() {
            self.later(move || cache.write(&snapshot, &settings, loaded));
        }
        Ok(host)
    }

    /// Does something beside what this call is about; the program ends when it is done.
    fn later(&self, work: impl FnOnce() + Send + 'static) {
        let begun = std::thread::Builder::new().name("keep".to_owned()).spawn(work);
        match (begun, LATER.lock()) {
            (Ok(begun), Ok(mut all)) => all.push(begun),
            (Err(error), _) => tracing::debug!(%error, "no thread to keep the index"),
            _ => {}
        }
    }

    /// Waits for what is done beside.
    pub fn finish() {
        let all = LATER.lock().map(|mut all| std::mem::take(&mut *all)).unwrap_or_default();
        for work in all {
            if work.join().is_err() {
                tracing::debug!("the index was not kept");
            }
        }
    }

    /// Where a project's index is kept between two runs.
    pub fn cache(&self, root: &Path) -> cache::Cache {
        cache::Cache::new(&self.cache_dir, &absolute(root))
    }

    /// What decides beside the files how dbt sees the project: the profile, vars, the environment.
    pub fn dbt_settings(&self) -> ide::DbtSettings {
        let text = |key: &str| self.settings.get(key).map(str::to_owned);
        let profiles = self.profiles_file().map(|path| read_profiles(&path)).transpose();
        let vars = self.settings.get("dbt.vars").map(given_vars).transpose();
        let problems = [profiles.as_ref().err(), vars.as_ref().err()].into_iter().flatten().cloned().collect();
        ide::DbtSettings {
            profiles: profiles.ok().flatten().map(Into::into),
            problems,
            profile: text("dbt.profile"),
            target: text("dbt.target"),
            vars: vars.ok().flatten().unwrap_or_default(),
            environment: Arc::new(environment(&self.dot_env)),
            ..ide::DbtSettings::default()
        }
    }

    /// Which rules of diagnostics are wanted; what can't be read of them is told.
    pub fn rule_set(&self) -> (ide::RuleSet, Vec<String>) {
        let (set, mut errors) = ide::RuleSet::read(self.settings.severities.iter().map(|(code, severity)| (code.as_str(), severity.as_str())));
        let (set, error) = set.with_new_entries(self.settings.get("yaml.new_entries"));
        errors.extend(error);
        (set, errors)
    }

    /// The same with dbt's artifacts and the state. Reads files that may be large.
    pub fn all_settings(&self) -> ide::DbtSettings {
        self.with_artifacts(self.dbt_settings())
    }

    /// Adds dbt's artifacts and the state to the settings.
    pub fn with_artifacts(&self, settings: ide::DbtSettings) -> ide::DbtSettings {
        let state = self.deferred_to().and_then(|state| state.map_err(|why| tracing::warn!("{why}")).ok());
        ide::DbtSettings { artifacts: Arc::new(self.artifacts()), state: state.map(Arc::new), ..settings }
    }

    /// The folder that dbt's artifacts come from.
    pub fn artifacts_dir(&self) -> Option<PathBuf> {
        let root = self.project.as_deref()?;
        if self.settings.get("dbt.method") == Some("cloud") {
            return Some(self.cloud_dir());
        }
        if let Some(dir) = self.settings.get("dbt.target_path") {
            return Some(root.join(dir));
        }
        Some(root.join(self.project_config().target_path))
    }

    /// The project's own file, as far as it can be read.
    pub fn project_config(&self) -> dbt::ProjectConfig {
        let text = self.project.as_deref().and_then(|root| std::fs::read_to_string(root.join("dbt_project.yml")).ok());
        dbt::ProjectConfig::read(&text.unwrap_or_default())
    }

    /// Where the artifacts of dbt Cloud are kept.
    pub fn cloud_dir(&self) -> PathBuf {
        self.own_dir("cloud")
    }

    /// What dbt left in its target folder; a file that can't be read is told in its report.
    pub fn artifacts(&self) -> ide::Artifacts {
        let mut artifacts = ide::Artifacts::of_project(&self.project_config().name);
        let Some(dir) = self.artifacts_dir() else { return artifacts };
        for artifact in ide::Artifact::ALL {
            match read_artifact(&dir.join(artifact.file_name())) {
                Ok(Some(bytes)) => artifacts.read(artifact, &bytes),
                Ok(None) => {}
                Err(why) => artifacts.unreadable(artifact, why),
            }
        }
        artifacts
    }

    /// The state that this call defers to, if it does; why it can't be read.
    pub fn deferred_to(&self) -> Option<Result<ide::State, String>> {
        if !self.settings.is_on("dbt.defer") {
            return None;
        }
        let favored = self.settings.is_on("dbt.favor_state");
        let neither = || Err("--defer needs a state: name a folder with the manifest.json of another target with --state or --defer-state".to_owned());
        Some(self.state().unwrap_or_else(neither).map(|state| state.favored(favored)))
    }

    /// The other target's state, where a folder is named; why it can't be read. The folder is relative to the project's, as dbt's is.
    pub fn state(&self) -> Option<Result<ide::State, String>> {
        let dir = self.settings.get("dbt.defer_state").or_else(|| self.settings.get("dbt.state"))?;
        let file = self.project.as_deref().unwrap_or(Path::new("")).join(dir).join("manifest.json");
        let read = match read_artifact(&file) {
            Ok(Some(bytes)) => ide::State::read(&bytes),
            Ok(None) => Err("there is no such file".to_owned()),
            Err(why) => Err(why),
        };
        Some(read.map_err(|why| format!("the state in {} can't be deferred to: {why}", file.display())))
    }

    /// A folder of the user's for this project alone.
    fn own_dir(&self, name: &str) -> PathBuf {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let mut hasher = DefaultHasher::new();
        self.workspace_id().hash(&mut hasher);
        self.data_dir.join(name).join(format!("{:016x}", hasher.finish()))
    }

    /// The right to write many descriptions into this project, which one process has at a time: it is given back when it is dropped, and when
    /// the process dies. `waits` is called where another has it. Blocks until it is free.
    pub fn documenting(&self, waits: impl FnOnce()) -> std::io::Result<std::fs::File> {
        let path = self.own_dir("locks");
        path.parent().map(std::fs::create_dir_all).transpose()?;
        let lock = std::fs::OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
        if let Err(error) = lock.try_lock() {
            match error {
                std::fs::TryLockError::WouldBlock => waits(),
                std::fs::TryLockError::Error(error) => return Err(error),
            }
            lock.lock()?;
        }
        Ok(lock)
    }

    /// dbt's search for profiles.yml: the folder that is named, else the current one, the project's, the user's.
    pub fn profiles_file(&self) -> Option<PathBuf> {
        if let Some(dir) = self.settings.get("dbt.profiles_dir") {
            return Some(Path::new(dir).join("profiles.yml"));
        }
        let home = etcetera::home_dir().ok().map(|home| home.join(".dbt"));
        let folders = [std::env::current_dir().ok(), self.project.clone(), home];
        folders.into_iter().flatten().map(|folder| folder.join("profiles.yml")).find(|path| path.is_file())
    }

    /// The newest answer that this person was given here.
    pub fn last_answer(&self) -> Option<String> {
        std::fs::read_to_string(self.last_answer_file()).ok().map(|id| id.trim().to_owned())
    }

    /// Remembers an answer for `ragstar feedback last`; where that can't be written, the id on the screen still serves.
    pub fn remember_answer(&self, id: &str) {
        let path = self.last_answer_file();
        let written = path.parent().map(std::fs::create_dir_all).transpose().and_then(|_| std::fs::write(&path, id));
        if let Err(error) = written {
            tracing::debug!(%error, "the answer's id was not kept");
        }
    }

    fn last_answer_file(&self) -> PathBuf {
        self.own_dir("last-answers")
    }

    /// Whose knowledge is read and written: the configured id, else the git remote with the project's folder, else the path.
    pub fn workspace_id(&self) -> String {
        if let Some(id) = self.settings.get("workspace.id") {
            return id.to_owned();
        }
        let root = self.project.clone().unwrap_or_default();
        let remote = git(&root, &["config", "--get", "remote.origin.url"]).map(|url| without_credentials(&url));
        let prefix = git(&root, &["rev-parse", "--show-prefix"]).unwrap_or_default();
        match remote {
            Some(remote) => format!("{remote}#{}", prefix.trim_end_matches('/')),
            None => absolute(&root).to_string_lossy().into_owned(),
        }
    }
}

/// Larger artifacts are not read.
const MAX_ARTIFACT_BYTES: u64 = 1 << 30;

fn read_artifact(path: &Path) -> Result<Option<Vec<u8>>, String> {
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.len() > MAX_ARTIFACT_BYTES => {
            Err(format!("it has {} MB and is not read; the limit is {} MB", metadata.len() >> 20, MAX_ARTIFACT_BYTES >> 20))
        }
        Ok(metadata) if metadata.is_file() => std::fs::read(path).map(Some).map_err(|error| error.to_string()),
        Ok(_) => Err("it is no file".to_owned()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.to_string()),
    }
}

fn read_profiles(path: &Path) -> Result<String, ide::SettingsProblem> {
    std::fs::read_to_string(path).map_err(|error| {
        let folder = path.parent().unwrap_or(path).display();
        let message = match error.kind() {
            std::io::ErrorKind::NotFound => format!("there is no profiles.yml in {folder}"),
            _ => format!("{} can't be read: {error}", path.display()),
        };
        let says = format!("dbt looked for a profiles.yml file in {folder}");
        ide::SettingsProblem::error(ide::SettingsProblem::PROFILE, message, says)
    })
}

/// `--vars`, a YAML mapping.
fn given_vars(text: &str) -> Result<data::Map, ide::SettingsProblem> {
    let tree = syntax::yaml::parse(text);
    let problem = |message: String, says: &str| ide::SettingsProblem::error(ide::SettingsProblem::VARS, message, says);
    if let Some(error) = &tree.error {
        let message = format!("--vars can't be read: {}; write a mapping, such as --vars '{{key: value}}'", error.message);
        return Err(problem(message, "The YAML provided in the --vars argument is not valid."));
    }
    let vars = syntax::yaml_value::document(&tree);
    vars.as_object().cloned().ok_or_else(|| {
        let message = "--vars must be a mapping of names to values, such as --vars '{key: value}'";
        problem(message.to_owned(), "The --vars argument must be a YAML dictionary.")
    })
}

/// The process's environment, as far as it is text.
fn variables() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

/// The environment as a project's templates may see it. What looks like a secret is there, but not its value: a template can put
/// what it reads into names and descriptions, which go to the knowledge store and into prompts.
fn environment(dot_env: &BTreeMap<String, String>) -> rustc_hash::FxHashMap<String, String> {
    let shown = |name: &str, value: String| if is_secret(name, &value) { dbt::MASKED.to_owned() } else { value };
    // What the shell says goes before the project's `.env`, as with every tool that reads one.
    let dot_env = dot_env.iter().map(|(name, value)| (name.clone(), value.clone()));
    dot_env.chain(variables()).map(|(name, value)| (name.clone(), shown(&name, value))).collect()
}

/// Whether a variable holds a secret by its name; what only may (`PARTITION_KEY`, `PRIVATE_SCHEMA`), if its value isn't a plain word.
fn is_secret(name: &str, value: &str) -> bool {
    const ALWAYS: [&str; 9] = ["SECRET", "PASSWORD", "PASSWD", "PASSPHRASE", "TOKEN", "CREDENTIAL", "PRIVATE_KEY", "API_KEY", "APIKEY"];
    let name = name.to_uppercase();
    let is_word = value.len() <= 24 && value.bytes().all(|sign| sign.is_ascii_lowercase() || sign == b'_');
    ALWAYS.iter().any(|word| name.contains(word)) || name.ends_with("_PASS") || (!is_word && (name.contains("PRIVATE") || name.ends_with("_KEY")))
}

/// The projects that somebody who stands above them may mean.
fn projects_below(dir: &Path) -> Option<String> {
    let found = DiskLoader::find_projects_below(dir);
    let shown: Vec<String> = found.iter().take(5).filter_map(|path| Some(path.strip_prefix(dir).ok()?.display().to_string())).collect();
    (!shown.is_empty()).then(|| format!("there is {}{}", shown.join(", "), if found.len() > 5 { ", …" } else { "" }))
}

/// Folders that are given are taken as they are; the user's own are made when something is put there.
fn folders(settings: &Settings) -> (PathBuf, PathBuf) {
    let base = etcetera::choose_base_strategy().ok();
    let temp = std::env::temp_dir();
    let of = |key: &str, dir: Option<PathBuf>| {
        settings
            .get(key)
            .map(PathBuf::from)
            .or_else(|| dir.filter(|dir| dir.is_absolute()).map(|dir| dir.join("ragstar")))
            .unwrap_or_else(|| temp.join("ragstar"))
    };
    (of("cache.dir", base.as_ref().map(BaseStrategy::cache_dir)), of("data.dir", base.as_ref().map(BaseStrategy::data_dir)))
}

fn sources(common: &Common, client: &[(String, String)], start: &Path, repository: Option<&Path>) -> Sources {
    let folders: Vec<&Path> = repository.into_iter().chain(Some(start).filter(|start| repository != Some(start))).collect();
    // Unreadable is as good as absent here; `ragstar config` says what was read.
    let read = |path: PathBuf| std::fs::read_to_string(&path).ok().map(|text| (path, text));
    Sources {
        user_file: etcetera::choose_base_strategy().ok().and_then(|base| read(base.config_dir().join("ragstar/ragstar.yml"))),
        files: folders.iter().filter_map(|folder| read(folder.join("ragstar.yml"))).collect(),
        dot_env: folders.iter().filter_map(|folder| read(folder.join(".env"))).collect(),
        environment: variables().collect(),
        client: client.to_vec(),
        flags: common.flags(),
    }
}

fn read_rules(start: &Path, repository: Option<&Path>) -> (Rules, Vec<String>) {
    for folder in [Some(start), repository].into_iter().flatten() {
        for name in [".ragstarrules.yml", ".ragstarrules.yaml"] {
            let path = folder.join(name);
            let Ok(text) = std::fs::read_to_string(&path) else { continue };
            let (rules, errors) = Rules::read(&text);
            let lines = text::LineIndex::new(&text);
            let shown = errors.iter().map(|error| format!("{}:{}: {}", path.display(), lines.line_of(error.range.start as usize) + 1, error.message));
            return (rules, shown.collect());
        }
    }
    (Rules::default(), Vec::new())
}

fn git(dir: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").arg("-C").arg(dir).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !text.is_empty()).then_some(text)
}

/// `https://user:token@host/x.git` and `git@host:x.git` are the same place for everybody: no credentials, no ending.
fn without_credentials(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let rest = rest.split_once('@').map_or(rest, |(_, rest)| rest);
    rest.replacen(':', "/", usize::from(!rest.contains("://"))).trim_end_matches(".git").to_owned()
}

fn absolute(path: &Path) -> PathBuf {
    // Canonical where it exists, so that one project has one name.
    std::fs::canonicalize(path).or_else(|_| std::path::absolute(path)).unwrap_or_else(|_| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remotes_name_one_place() {
        for url in ["https://user:secret@host.example/team/shop.git", "git@host.example:team/shop.git", "https://host.example/team/shop"] {
            assert_eq!(without_credentials(url), "host.example/team/shop");
        }
    }
}
