//! Which project, with which settings.

use crate::args::Common;
use etcetera::BaseStrategy;
use ide::{Analysis, AnalysisHost};
use rules::{Rules, Settings, Sources};
use std::path::{Path, PathBuf};
use std::process::Command;
use vfs::{DiskLoader, Loader};

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
    /// What `--set` said.
    pub flags: Vec<(String, String)>,
    pub cache_dir: PathBuf,
    pub data_dir: PathBuf,
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
                let found = dir.join("dbt_project.yml").is_file().then(|| dir.clone());
                let why = if dir.is_dir() { "it holds no dbt_project.yml" } else { "there is no such folder" };
                (found, format!("{} is not a dbt project: {why}", dir.display()))
            }
            None => (
                DiskLoader::find_project(&here),
                format!("no dbt_project.yml in {} or above; change into a dbt project, or name one with --project DIR", here.display()),
            ),
        };
        let start = project.clone().unwrap_or(here);
        let repository = git(&start, &["rev-parse", "--show-toplevel"]).map(PathBuf::from);
        let settings = Settings::resolve(&sources(common, client, &start, repository.as_deref()));
        let (rules, rules_errors) = read_rules(&start, repository.as_deref());
        let (cache_dir, data_dir) = folders(&settings);
        Self { project, no_project, settings, rules, rules_errors, flags: common.set.clone(), cache_dir, data_dir }
    }

    /// The project's folder, or why there is none.
    pub fn root(&self) -> Result<&Path, String> {
        self.project.as_deref().ok_or_else(|| self.no_project.clone())
    }

    /// The project, read from disk. Blocks.
    pub fn load(&self) -> Result<Analysis, String> {
        let root = self.root()?;
        let mut host = AnalysisHost::new(root);
        host.load(DiskLoader.load(root));
        Ok(host.publish())
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

/// Folders that are given are taken as they are; the user's own are made when something is put there.
fn folders(settings: &Settings) -> (PathBuf, PathBuf) {
    let base = etcetera::choose_base_strategy().ok();
    let temp = std::env::temp_dir();
    let of = |key: &str, dir: Option<PathBuf>| {
        settings.get(key).map(PathBuf::from).or_else(|| dir.map(|dir| dir.join("ragstar"))).unwrap_or_else(|| temp.join("ragstar"))
    };
    (of("cache.dir", base.as_ref().map(BaseStrategy::cache_dir)), of("data.dir", base.as_ref().map(BaseStrategy::data_dir)))
}

fn sources(common: &Common, client: &[(String, String)], start: &Path, repository: Option<&Path>) -> Sources {
    let mut files = Vec::new();
    if let Ok(base) = etcetera::choose_base_strategy() {
        files.push(base.config_dir().join("ragstar/ragstar.yml"));
    }
    let mut dot_env = Vec::new();
    for folder in repository.into_iter().chain(Some(start)) {
        files.push(folder.join("ragstar.yml"));
        dot_env.push(folder.join(".env"));
    }
    let read = |mut paths: Vec<PathBuf>| -> Vec<(PathBuf, String)> {
        paths.dedup();
        // Unreadable is as good as absent here; `ragstar doctor` lists what was read.
        paths.into_iter().filter_map(|path| std::fs::read_to_string(&path).ok().map(|text| (path, text))).collect()
    };
    Sources {
        files: read(files),
        dot_env: read(dot_env),
        environment: std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))).collect(),
        client: client.to_vec(),
        flags: common.set.clone(),
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
