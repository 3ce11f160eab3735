//! Where settings come from and which one counts.

use crate::table::{Kind, SETTINGS, Setting, find};
use secrecy::SecretString;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use syntax::yaml::{self, Node};
use text::TextRange;

/// Where a value comes from, the strongest last.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    Default,
    /// A `ragstar.yml`.
    File(PathBuf),
    /// A `.env` file.
    DotEnv(PathBuf),
    Environment(&'static str),
    /// The editor.
    Client,
    Flag,
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) | Self::DotEnv(path) => write!(f, "{}", path.display()),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::Client => f.write_str("editor"),
            Self::Flag => f.write_str("flag"),
        }
    }
}

#[derive(Debug, Clone)]
pub struct Value {
    text: SecretString,
    pub origin: Origin,
}

/// What is wrong with a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingError {
    /// The file, for settings that come from one.
    pub file: Option<PathBuf>,
    /// Its line, from 1, and the bytes there.
    pub line: Option<usize>,
    pub range: Option<TextRange>,
    pub message: String,
}

impl std::fmt::Display for SettingError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (&self.file, self.line) {
            (Some(file), Some(line)) => write!(f, "{}:{line}: {}", file.display(), self.message),
            (Some(file), None) => write!(f, "{}: {}", file.display(), self.message),
            _ => f.write_str(&self.message),
        }
    }
}

/// All the places that settings can come from.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// Texts of `ragstar.yml` files, the weakest first: the user's, the workspace root's, the project's.
    pub files: Vec<(PathBuf, String)>,
    /// Texts of `.env` files, the weakest first.
    pub dot_env: Vec<(PathBuf, String)>,
    pub environment: BTreeMap<String, String>,
    /// Key and value, as the editor sends them.
    pub client: Vec<(String, String)>,
    /// Key and value, from the command line.
    pub flags: Vec<(String, String)>,
}

/// The effective settings and what was wrong on the way to them.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    values: BTreeMap<&'static str, Value>,
    pub errors: Vec<SettingError>,
}

impl Settings {
    /// Lays all sources over each other. A wrong value is told and passed over, so that the next weaker one counts.
    pub fn resolve(sources: &Sources) -> Self {
        let mut settings = Self::default();
        for setting in SETTINGS {
            if let Some(default) = setting.default {
                settings.put(setting, default, Origin::Default);
            }
        }
        let dot_env: Vec<(PathBuf, BTreeMap<String, String>)> =
            sources.dot_env.iter().map(|(path, text)| (path.clone(), settings.read_dot_env(path, text))).collect();
        let mut lookup = BTreeMap::new();
        for (_, variables) in &dot_env {
            lookup.extend(variables.iter().map(|(name, value)| (name.clone(), value.clone())));
        }
        lookup.extend(sources.environment.iter().map(|(name, value)| (name.clone(), value.clone())));
        for (path, text) in &sources.files {
            settings.read_file(path, text, &lookup);
        }
        for (path, variables) in &dot_env {
            settings.read_environment(variables, |_| Origin::DotEnv(path.clone()));
        }
        settings.read_environment(&sources.environment, Origin::Environment);
        settings.read_fallback_database(&lookup);
        for (pairs, origin) in [(&sources.client, Origin::Client), (&sources.flags, Origin::Flag)] {
            for (key, value) in pairs {
                match find(key) {
                    Some(setting) => settings.set(setting, value, origin.clone()),
                    None => settings.fail(None, unknown(key)),
                }
            }
        }
        settings
    }

    fn put(&mut self, setting: &'static Setting, value: &str, origin: Origin) {
        self.values.insert(setting.key, Value { text: SecretString::from(value.to_owned()), origin });
    }

    fn set(&mut self, setting: &'static Setting, value: &str, origin: Origin) {
        if value.is_empty() {
            return;
        }
        match check(setting, value) {
            Ok(()) => self.put(setting, value, origin),
            Err(message) => self.fail(None, format!("{} ({origin}): {message}", setting.key)),
        }
    }

    fn fail(&mut self, place: Option<(&PathBuf, &str, TextRange)>, message: String) {
        let (file, line, range) = match place {
            Some((path, text, range)) => (Some(path.clone()), Some(text::LineIndex::new(text).line_of(range.start as usize) + 1), Some(range)),
            None => (None, None, None),
        };
        self.errors.push(SettingError { file, line, range, message });
    }

    fn read_environment(&mut self, variables: &BTreeMap<String, String>, origin: impl Fn(&'static str) -> Origin) {
        for setting in SETTINGS {
            // The recommended name wins over the older ones.
            for &name in setting.env.iter().rev() {
                if let Some(value) = variables.get(name) {
                    self.set(setting, &if setting.key == "log.level" { log_level(value) } else { value.clone() }, origin(name));
                }
            }
        }
    }

    /// Upstream's `DB_*_FALLBACK` variables, which count where no `DATABASE_URL` does.
    fn read_fallback_database(&mut self, variables: &BTreeMap<String, String>) {
        let get = |name: &str| variables.get(&format!("DB_{name}_FALLBACK")).filter(|value| !value.is_empty());
        if self.values.contains_key("database.url") {
            return;
        }
        let (Some(host), Some(setting)) = (get("HOST"), find("database.url")) else { return };
        let encode = |text: &str| {
            text.bytes()
                .map(|byte| if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
                .collect::<String>()
        };
        let user = get("USER").map_or_else(|| "postgres".to_owned(), |user| encode(user));
        let password = get("PASSWORD").map(|password| format!(":{}", encode(password))).unwrap_or_default();
        let port = get("PORT").map_or("5432", String::as_str);
        let name = get("NAME").map_or("ragstar", String::as_str);
        let ssl = match variables.get("DB_SSL_REQUIRE").map(|value| value.to_lowercase()).as_deref() {
            Some("true" | "1" | "yes") => "?sslmode=require",
            _ => "",
        };
        self.put(setting, &format!("postgres://{user}{password}@{host}:{port}/{}{ssl}", encode(name)), Origin::Environment("DB_HOST_FALLBACK"));
    }

    fn read_dot_env(&mut self, path: &Path, text: &str) -> BTreeMap<String, String> {
        let mut variables = BTreeMap::new();
        for (number, line) in dotenvy::from_read_iter(text.as_bytes()).enumerate() {
            match line {
                Ok((name, value)) => {
                    variables.insert(name, value);
                }
                // The crate's own message repeats the line, which may hold a secret.
                Err(_) => {
                    let message = format!("entry {} of this file can't be read; write NAME=value, with quotes around values that hold spaces", number + 1);
                    self.errors.push(SettingError { file: Some(path.to_owned()), line: None, range: None, message });
                }
            }
        }
        variables
    }

    fn read_file(&mut self, path: &PathBuf, text: &str, variables: &BTreeMap<String, String>) {
        let tree = yaml::parse(text);
        if let Some(error) = &tree.error {
            self.fail(Some((path, text, error.range)), error.message.clone());
        }
        if let Some(root) = tree.root.filter(|root| !root.is_null()) {
            if !matches!(root.kind, yaml::Kind::Map { .. }) {
                return self.fail(Some((path, text, root.range)), "the file must be a mapping of settings".to_owned());
            }
            self.read_mapping(path, text, &root, "", variables);
        }
    }

    fn read_mapping(&mut self, path: &PathBuf, text: &str, node: &Node, prefix: &str, variables: &BTreeMap<String, String>) {
        for (key, value) in node.entries() {
            let Some(name) = key.as_str() else { continue };
            let full = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") };
            let Some(setting) = find(&full) else {
                if SETTINGS.iter().any(|setting| setting.key.starts_with(&format!("{full}."))) && matches!(value.kind, yaml::Kind::Map { .. }) {
                    self.read_mapping(path, text, value, &full, variables);
                } else {
                    self.fail(Some((path, text, key.range)), unknown(&full));
                }
                continue;
            };
            let Some(written) = value.as_str() else {
                if !value.is_null() {
                    self.fail(Some((path, text, value.range)), format!("{full} must be a single value"));
                }
                continue;
            };
            let resolved = match (written.strip_prefix("env:"), setting.kind) {
                (Some(variable), _) => match variables.get(variable.trim()) {
                    Some(value) => value.clone(),
                    // An unset variable is an unset setting.
                    None => continue,
                },
                (None, Kind::Secret) => {
                    let message =
                        format!("{full} is a secret, which no file should hold; put it into the environment and write `{full}: env:{}`", setting.env[0]);
                    self.fail(Some((path, text, value.range)), message);
                    continue;
                }
                (None, _) => written.to_owned(),
            };
            match check(setting, &resolved) {
                Ok(()) => self.put(setting, &resolved, Origin::File(path.clone())),
                Err(message) => self.fail(Some((path, text, value.range)), format!("{full}: {message}")),
            }
        }
    }

    /// A setting's text; for secrets see [`Self::secret`].
    pub fn get(&self, key: &str) -> Option<&str> {
        debug_assert!(find(key).is_some_and(|setting| setting.kind != Kind::Secret), "{key} is no plain setting");
        self.values.get(key).map(|value| secrecy::ExposeSecret::expose_secret(&value.text))
    }

    pub fn secret(&self, key: &str) -> Option<SecretString> {
        self.values.get(key).map(|value| value.text.clone())
    }

    /// A whole number; the check at reading keeps it parsable.
    pub fn count(&self, key: &str) -> Option<u64> {
        self.get(key)?.parse().ok()
    }

    pub fn number(&self, key: &str) -> Option<f64> {
        self.get(key)?.parse().ok()
    }

    pub fn has(&self, key: &str) -> bool {
        self.values.contains_key(key)
    }

    /// Every setting as it may be shown: key, value (secrets hidden, unset ones `None`) and where it comes from.
    pub fn shown(&self) -> Vec<(&'static str, Option<String>, Option<Origin>)> {
        let show = |setting: &'static Setting| match self.values.get(setting.key) {
            Some(value) => {
                let text = if setting.kind == Kind::Secret { "(hidden)".to_owned() } else { secrecy::ExposeSecret::expose_secret(&value.text).to_owned() };
                (setting.key, Some(text), Some(value.origin.clone()))
            }
            None => (setting.key, None, None),
        };
        SETTINGS.iter().map(show).collect()
    }
}

/// Python's level names, which upstream's users have, in ours.
fn log_level(value: &str) -> String {
    match value.to_lowercase().as_str() {
        "critical" | "fatal" => "error".to_owned(),
        "warning" => "warn".to_owned(),
        other => other.to_owned(),
    }
}

fn check(setting: &Setting, value: &str) -> Result<(), String> {
    // Messages never repeat a secret.
    let fits = match setting.kind {
        Kind::Text | Kind::Secret => true,
        Kind::Url => value.starts_with("http://") || value.starts_with("https://"),
        Kind::Count => value.parse::<u64>().is_ok_and(|count| count > 0),
        Kind::Number => value.parse::<f64>().is_ok_and(f64::is_finite),
        Kind::Choice(choices) => choices.contains(&value),
    };
    if fits {
        return Ok(());
    }
    Err(match setting.kind {
        Kind::Url => format!("`{value}` is not a URL; it starts with http:// or https://"),
        Kind::Count => format!("`{value}` is not a whole number above zero"),
        Kind::Number => format!("`{value}` is not a number"),
        Kind::Choice(choices) => format!("`{value}` is not one of {}", choices.join(", ")),
        Kind::Text | Kind::Secret => "not a text".to_owned(),
    })
}

fn unknown(key: &str) -> String {
    let best = SETTINGS.iter().map(|setting| (strsim::damerau_levenshtein(setting.key, key), setting.key)).min();
    match best {
        Some((distance, known)) if distance <= 3 => format!("there is no setting `{key}`; did you mean `{known}`?"),
        _ => format!("there is no setting `{key}`; `ragstar config` lists them all"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    fn resolve(file: &str, dot_env: &str, environment: &[(&str, &str)], flags: &[(&str, &str)]) -> Settings {
        let owned = |pairs: &[(&str, &str)]| pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect::<Vec<_>>();
        Settings::resolve(&Sources {
            files: vec![("ragstar.yml".into(), file.to_owned())],
            dot_env: vec![(".env".into(), dot_env.to_owned())],
            environment: owned(environment).into_iter().collect(),
            client: Vec::new(),
            flags: owned(flags),
        })
    }

    #[test]
    fn the_stronger_source_counts() {
        let file = "chat:\n  model: from-file\n  provider: google\n  base_url: http://file\n";
        let settings = resolve(
            file,
            "LLM_CHAT_MODEL=from-dot-env\nLLM_CHAT_BASE_URL='http://dot-env'\n",
            &[("LLM_CHAT_MODEL", "from-env")],
            &[("chat.model", "from-flag")],
        );
        assert!(settings.errors.is_empty(), "{:?}", settings.errors);
        assert_eq!(settings.get("chat.model"), Some("from-flag"));
        assert_eq!(settings.get("chat.base_url"), Some("http://dot-env"));
        assert_eq!(settings.get("chat.provider"), Some("google"));
        assert_eq!(settings.count("server.port"), Some(8000));
    }

    #[test]
    fn errors_name_their_line_and_the_weaker_value_counts() {
        let file = "chat:\n  modell: x\n  provider: openia\n  temperature: warm\nopenai:\n  api_key: sk-secret\nserver: {port: -1}\nnonsense: 1\n";
        let settings = resolve(file, "", &[("APP_PORT", "99999x")], &[]);
        let shown: Vec<String> = settings.errors.iter().map(ToString::to_string).collect();
        expect![[r#"
            ragstar.yml:2: there is no setting `chat.modell`; did you mean `chat.model`?
            ragstar.yml:3: chat.provider: `openia` is not one of openai, anthropic, google
            ragstar.yml:4: chat.temperature: `warm` is not a number
            ragstar.yml:6: openai.api_key is a secret, which no file should hold; put it into the environment and write `openai.api_key: env:LLM_OPENAI_API_KEY`
            ragstar.yml:7: server.port: `-1` is not a whole number above zero
            ragstar.yml:8: there is no setting `nonsense`; `ragstar config` lists them all
            server.port (environment APP_PORT): `99999x` is not a whole number above zero"#]]
        .assert_eq(&shown.join("\n"));
        assert_eq!(settings.count("server.port"), Some(8000));
        assert!(!shown.concat().contains("sk-secret"));
    }

    #[test]
    fn secrets_are_references_and_stay_hidden() {
        let settings = resolve("openai:\n  api_key: env:MY_KEY\n", "MY_KEY=sk-1\n", &[], &[]);
        assert!(settings.has("openai.api_key"));
        let shown = format!("{:?} {:?}", settings.shown(), settings);
        assert!(!shown.contains("sk-1") && shown.contains("(hidden)"));
    }

    #[test]
    fn upstreams_names_work() {
        let settings = resolve(
            "",
            "",
            &[("SETTINGS_LOG_LEVEL", "WARNING"), ("DB_HOST_FALLBACK", "db"), ("DB_PASSWORD_FALLBACK", "p@ss"), ("DB_SSL_REQUIRE", "True")],
            &[],
        );
        assert_eq!(settings.get("log.level"), Some("warn"));
        let url = settings.secret("database.url").expect("a url");
        assert_eq!(secrecy::ExposeSecret::expose_secret(&url), "postgres://postgres:p%40ss@db:5432/ragstar?sslmode=require");
    }
}
