//! The target of a profile: which adapter, which database and schema, and what templates see as `target`.

use crate::artifacts::Artifacts;
use crate::index::Severity;
use crate::parse::render_text;
use crate::state::State;
use data::json;
use data::{Map, Value as Json};
use jinja::adapter::Adapter;
use jinja::{Env, Kind, Library};
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// What stands for the value of an environment variable that may be a secret.
pub const MASKED: &str = "*****";

/// Everything beside the files that decides what a project is.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The text of profiles.yml, where one was found.
    pub profiles: Option<Arc<str>>,
    /// `--profile`, over what dbt_project.yml says.
    pub profile: Option<String>,
    /// `--target`, over what the profile says.
    pub target: Option<String>,
    /// `--vars`.
    pub vars: Map,
    /// The environment that `env_var` reads.
    pub environment: Arc<FxHashMap<String, String>>,
    /// What dbt left in its target folder.
    pub artifacts: Arc<Artifacts>,
    /// The state that refs are deferred to.
    pub state: Option<Arc<State>>,
    /// What was asked for and can't be had: a folder without profiles.yml, vars that are no mapping.
    pub problems: Vec<Problem>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            profiles: None,
            profile: None,
            target: None,
            vars: Map::new(),
            environment: Arc::default(),
            artifacts: Arc::default(),
            state: None,
            problems: Vec::new(),
        }
    }
}

/// One output of a profile. Nothing secret is kept: of the connection only what `target` shows.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    pub adapter: Arc<Adapter>,
    /// What templates see as `target`.
    pub fields: Map,
    pub database: Option<Arc<str>>,
    pub schema: Arc<str>,
    /// Why there is no such target, where there is none: then a target of no known warehouse stands in. Or what of it can't be
    /// rendered.
    pub problem: Option<Problem>,
}

/// What is wrong with the profile or the vars, and what dbt says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// An error where somebody asked for what isn't there; less where a project is read without any profile.
    pub severity: Severity,
    pub code: &'static str,
    pub message: String,
    pub dbt: String,
}

impl Problem {
    pub const PROFILE: &'static str = "missing-profile";
    pub const VARS: &'static str = "invalid-vars";

    pub fn error(code: &'static str, message: impl Into<String>, dbt: impl Into<String>) -> Self {
        Self { severity: Severity::Error, code, message: message.into(), dbt: dbt.into() }
    }

    fn milder(self, severity: Severity) -> Self {
        Self { severity, ..self }
    }
}

/// Keys of a profile that are never kept, whatever an adapter shows of them.
const SECRETS: [&str; 8] = ["password", "pass", "token", "private_key", "secret", "passphrase", "credential", "keyfile_json"];

impl Target {
    /// Reads the target that dbt would take: `--profile` or the project's, `--target` or the profile's `target` or `default`.
    pub fn read(settings: &Settings, project_profile: Option<&str>) -> Self {
        let name = settings.profile.as_deref().or(project_profile);
        // What is asked for by name has to be there; a project can be read without.
        let asked = |otherwise| if settings.profile.is_some() || settings.target.is_some() { Severity::Error } else { otherwise };
        let outcome = match (&settings.profiles, name) {
            (None, name) => {
                let missing = problem("no profiles.yml was found", format!("Could not find profile named '{}'", name.unwrap_or("None")));
                Err(missing.milder(asked(Severity::Information)))
            }
            (Some(_), None) => {
                let says = "dbt cannot run because no profile was specified for this dbt project.";
                Err(problem("dbt_project.yml names no `profile`", says).milder(asked(Severity::Warning)))
            }
            (Some(text), Some(name)) => Self::of_profile(settings, text, name),
        };
        outcome.unwrap_or_else(Self::unknown)
    }

    /// What stands in where no profile can be read.
    pub fn unknown(problem: Problem) -> Self {
        let fields = json!({"name": "default", "target_name": "default", "profile_name": "default", "type": "duckdb", "schema": "main", "database": "memory", "threads": 1});
        let fields = fields.as_object().cloned().unwrap_or_default();
        Self { adapter: Adapter::named("duckdb"), fields, database: Some("memory".into()), schema: "main".into(), problem: Some(problem) }
    }

    fn of_profile(settings: &Settings, text: &str, name: &str) -> Result<Self, Problem> {
        let parsed = syntax::yaml::parse(text);
        if let Some(error) = &parsed.error {
            let line = text::LineIndex::new(text).line_of(error.range.start as usize) + 1;
            let says = format!("dbt encountered an error while trying to read your profiles.yml file.\nSyntax error near line {line}");
            return Err(problem(format!("profiles.yml can't be read: {} (line {line})", error.message), says));
        }
        let profiles = syntax::yaml_value::document(&parsed);
        if profiles.is_null() {
            return Err(problem(
                "profiles.yml is empty",
                "dbt encountered an error while trying to read your profiles.yml file.\nThe profiles.yml file is empty",
            ));
        }
        let Some(profile) = profiles.get(name) else {
            let known: Vec<String> =
                profiles.as_object().into_iter().flat_map(Map::keys).filter(|known| ***known != *"config").map(|known| format!("`{known}`")).collect();
            let message = format!("profiles.yml has no profile `{name}`; it has {}", if known.is_empty() { "none".to_owned() } else { known.join(", ") });
            let severity = if settings.profile.is_some() { Severity::Error } else { Severity::Warning };
            return Err(problem(message, format!("Could not find profile named '{name}'")).milder(severity));
        };
        let env = bare_env(settings, Map::new());
        let unrendered = std::cell::RefCell::new(None);
        let render = |value: &Json| match profile_value(&env, value) {
            Ok(rendered) => rendered,
            Err(why) => {
                let found = problem(format!("the profile `{name}`: {why}"), format!("Parsing Error\n  {why}")).milder(Severity::Warning);
                unrendered.borrow_mut().get_or_insert(found);
                value.clone()
            }
        };
        let target = match &settings.target {
            Some(target) => target.clone(),
            None => profile.get("target").map(render).and_then(|target| target.as_str().map(str::to_owned)).unwrap_or_else(|| "default".to_owned()),
        };
        let Some(outputs) = profile.get("outputs").and_then(Json::as_object) else {
            return Err(problem(format!("the profile `{name}` has no `outputs`"), format!("outputs not specified in profile '{name}'")));
        };
        let Some(output) = outputs.get(&target).and_then(Json::as_object) else {
            let known: Vec<&str> = outputs.into_iter().map(|(name, _)| &**name).collect();
            let says = format!(
                "The profile '{name}' does not have a target named '{target}'. The valid target names for this profile are:\n - {}",
                known.join("\n - ")
            );
            return Err(problem(format!("the profile `{name}` has no target `{target}`; it has {}", known.join(", ")), says));
        };
        let mut given: Map = Map::new();
        for (key, value) in output {
            if !is_secret(key) {
                given.insert(key.clone(), render(value));
            }
        }
        let Some(kind) = given.get("type").and_then(Json::as_str).map(str::to_owned) else {
            let says = format!("required field \"type\" not found in profile {name} and target {target}");
            return Err(problem(format!("the target `{target}` of profile `{name}` has no `type`"), says));
        };
        Ok(Self { problem: unrendered.into_inner(), ..Self::made(&kind, name, &target, given) })
    }

    fn made(kind: &str, profile: &str, name: &str, mut given: Map) -> Self {
        let adapter = Adapter::named(kind);
        let threads = given.remove("threads").and_then(|threads| threads.as_i64()).unwrap_or(1);
        given.remove("type");
        for (alias, key) in &adapter.aliases {
            if let Some(value) = given.remove(alias) {
                given.entry(key.clone()).or_insert(value);
            }
        }
        let mut all = adapter.defaults.clone();
        // DuckDB calls its database after its file.
        if adapter.database.as_deref() == Some("path") && !given.contains_key("database") {
            let path = given.get("path").and_then(Json::as_str).unwrap_or(":memory:");
            all.insert("database", duckdb_database(path).into());
        }
        all.extend(given);
        let text = |key: &str| all.get(key).and_then(|value| value.as_str().map(str::to_owned).or_else(|| value.as_i64().map(|value| value.to_string())));
        let database: Option<Arc<str>> = text("database").map(Into::into);
        let schema: Arc<str> = text("schema").unwrap_or_default().into();
        let mut fields: Map = Map::new();
        for key in adapter.target.iter().filter(|key| !is_secret(key)) {
            let source = adapter.aliases.get(key).unwrap_or(key);
            fields.insert(key.clone(), all.get(source).cloned().unwrap_or(Json::Null));
        }
        if adapter.target.is_empty() {
            fields.extend(all.iter().map(|(key, value)| (key.clone(), value.clone())));
        }
        fields.insert("database", database.clone().into());
        fields.insert("schema", schema.clone().into());
        for (key, value) in [("type", kind), ("name", name), ("target_name", name), ("profile_name", profile)] {
            fields.insert(key, value.into());
        }
        fields.insert("threads", threads.into());
        Self { adapter, fields, database, schema, problem: None }
    }
}

fn problem(message: impl Into<String>, dbt: impl Into<String>) -> Problem {
    Problem::error(Problem::PROFILE, message, dbt)
}

fn is_secret(key: &str) -> bool {
    SECRETS.iter().any(|secret| key.contains(secret))
}

fn duckdb_database(path: &str) -> String {
    if let Some(rest) = path.strip_prefix("md:").or_else(|| path.strip_prefix("motherduck:")) {
        let name = rest.split('?').next().unwrap_or("");
        return if name.is_empty() { "my_db".to_owned() } else { name.to_owned() };
    }
    if path.is_empty() || path.starts_with(":memory:") {
        return "memory".to_owned();
    }
    let file = path.rsplit(['/', '\\']).next().unwrap_or(path);
    file.split('.').next().unwrap_or(file).to_owned()
}

/// A value of profiles.yml with `env_var` and `var` in it. A secret's value may stand in a field that is no secret, such as a host;
/// templates never see it.
fn profile_value(env: &Env, value: &Json) -> Result<Json, String> {
    match value {
        Json::String(text) => render_text(env, &env.project, Kind::Project, text),
        other => Ok(other.clone()),
    }
}

/// An environment without macros: what profiles.yml and dbt_project.yml are rendered in.
pub(crate) fn bare_env(settings: &Settings, target: Map) -> Env {
    let project: Arc<str> = "".into();
    let vars = FxHashMap::from_iter([(project.clone(), settings.vars.clone())]);
    Env {
        library: Library::default(),
        adapter: Adapter::named(target.get("type").and_then(Json::as_str).unwrap_or("duckdb")),
        project,
        dependencies: Vec::new(),
        versions: FxHashMap::default(),
        target,
        vars,
        environment: settings.environment.clone(),
        dispatch: FxHashMap::default(),
        quoting: Map::new(),
        flags: Map::new(),
        asked_time: Arc::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(profiles: &str, variables: &[(&str, &str)]) -> Target {
        let environment = variables.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let settings = Settings { profiles: Some(profiles.into()), environment: Arc::new(environment), ..Settings::default() };
        Target::read(&settings, Some("shop"))
    }

    #[test]
    fn aliases_defaults_and_environment() {
        let text = "shop:\n  target: \"{{ env_var('T', 'prod') }}\"\n  outputs:\n    prod:\n      type: postgres\n      dbname: db\n      schema: \"{{ env_var('S') }}\"\n      password: \"{{ env_var('DBT_ENV_SECRET_P') }}\"\n      threads: 4\n";
        let target = target(text, &[("S", "analytics"), ("DBT_ENV_SECRET_P", "hush")]);
        assert_eq!(target.problem, None);
        assert_eq!((target.database.as_deref(), &*target.schema), (Some("db"), "analytics"));
        assert_eq!((target.fields["dbname"].as_str(), target.fields["name"].as_str(), target.fields["threads"].as_i64()), (Some("db"), Some("prod"), Some(4)));
        assert!(!format!("{target:?}").contains("hush"));
    }

    #[test]
    fn what_is_missing_is_told() {
        assert!(target("other: {}", &[]).problem.is_some_and(|problem| problem.message.contains("no profile `shop`")));
        assert!(target("shop: {outputs: {dev: {type: duckdb}}}", &[]).problem.is_some_and(|problem| problem.message.contains("it has dev")));
        let without = target("shop: {target: dev, outputs: {dev: {type: postgres, schema: \"{{ env_var('S') }}\"}}}", &[]).problem.expect("a problem");
        assert!(without.severity == Severity::Warning && without.message.contains("Env var required but not provided: 'S'"), "{without:?}");
        let asked = |settings: Settings| Target::read(&settings, Some("shop")).problem.map(|problem| problem.severity);
        assert_eq!(asked(Settings::default()), Some(Severity::Information));
        assert_eq!(asked(Settings { target: Some("prod".to_owned()), ..Settings::default() }), Some(Severity::Error));
        let duckdb = target("shop: {target: dev, outputs: {dev: {type: duckdb, path: 'a/b.duckdb'}}}", &[]);
        assert_eq!((duckdb.database.as_deref(), &*duckdb.schema), (Some("b"), "main"));
    }
}
