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
    /// Whether its text is the person's own, rather than written in a file that came with the project.
    is_own: bool,
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
    /// It was typed on the command line.
    pub is_flag: bool,
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
    /// The text of the user's own `ragstar.yml`.
    pub user_file: Option<(PathBuf, String)>,
    /// Texts of `ragstar.yml` files that came with the project, the weakest first: the workspace root's, the project's.
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
    /// `rules:`: how bad each named rule of `ragstar check` is, by its code; whoever knows the rules reads it.
    pub severities: BTreeMap<String, String>,
    pub errors: Vec<SettingError>,
}

impl Settings {
    /// Lays all sources over each other. A wrong value is told and passed over, so that the next weaker one counts.
    pub fn resolve(sources: &Sources) -> Self {
        let mut settings = Self::default();
        for setting in SETTINGS {
            if let Some(default) = setting.default {
                settings.put(setting, default, Origin::Default, false);
            }
        }
        let dot_env: Vec<(PathBuf, BTreeMap<String, String>)> =
            sources.dot_env.iter().map(|(path, text)| (path.clone(), settings.read_dot_env(path, text))).collect();
        let mut of_dot_env = BTreeMap::new();
        for (_, variables) in &dot_env {
            of_dot_env.extend(variables.iter().map(|(name, value)| (name.clone(), value.clone())));
        }
        if let Some((path, text)) = &sources.user_file {
            settings.read_file(path, text, true, &of_dot_env, &sources.environment);
        }
        for (path, text) in &sources.files {
            settings.read_file(path, text, false, &of_dot_env, &sources.environment);
        }
        for (path, variables) in &dot_env {
            settings.read_environment(variables, |_| Origin::DotEnv(path.clone()));
        }
        settings.read_environment(&sources.environment, Origin::Environment);
        // Parts of one address come from one place, so that no file has the person's password sent elsewhere.
        settings.read_fallback_database(&sources.environment, true);
        settings.read_fallback_database(&of_dot_env, false);
        for (pairs, origin) in [(&sources.client, Origin::Client), (&sources.flags, Origin::Flag)] {
            for (key, value) in pairs {
                if let Some(rule) = key.strip_prefix(RULES) {
                    settings.severities.insert(rule.to_owned(), value.clone());
                    continue;
                }
                match find(key) {
                    Some(setting) => settings.set(setting, value, origin.clone()),
                    None => {
                        settings.fail(None, unknown(key));
                        if let (Some(error), Origin::Flag) = (settings.errors.last_mut(), &origin) {
                            error.is_flag = true;
                        }
                    }
                }
            }
        }
        settings
    }

    fn put(&mut self, setting: &'static Setting, value: &str, origin: Origin, is_own: bool) {
        let value = if setting.kind == Kind::Flag { flag(value).map_or(value, |on| if on { "true" } else { "false" }) } else { value };
        self.values.insert(setting.key, Value { text: SecretString::from(value.to_owned()), origin, is_own });
    }

    fn set(&mut self, setting: &'static Setting, value: &str, origin: Origin) {
        if value.is_empty() {
            return;
        }
        let is_own = !matches!(origin, Origin::DotEnv(_));
        if setting.kind == Kind::Folder && !is_own {
            return self.fail(None, format!("{} ({origin}): {NOT_FROM_A_PROJECT}", setting.key));
        }
        match check(setting, value) {
            Ok(()) => self.put(setting, value, origin, is_own),
            Err(message) => {
                let is_flag = origin == Origin::Flag;
                self.fail(None, format!("{} ({origin}): {message}", setting.key));
                if let Some(error) = self.errors.last_mut() {
                    error.is_flag = is_flag;
                }
            }
        }
    }

    fn fail(&mut self, place: Option<(&PathBuf, &str, TextRange)>, message: String) {
        let (file, line, range) = match place {
            Some((path, text, range)) => (Some(path.clone()), Some(text::LineIndex::new(text).line_of(range.start as usize) + 1), Some(range)),
            None => (None, None, None),
        };
        self.errors.push(SettingError { file, line, range, message, is_flag: false });
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
    fn read_fallback_database(&mut self, variables: &BTreeMap<String, String>, is_own: bool) {
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
        self.put(setting, &format!("postgres://{user}{password}@{host}:{port}/{}{ssl}", encode(name)), Origin::Environment("DB_HOST_FALLBACK"), is_own);
    }

    fn read_dot_env(&mut self, path: &Path, text: &str) -> BTreeMap<String, String> {
        let mut variables = BTreeMap::new();
        for (number, line) in dotenvy::from_read_iter(without_substitution(text).as_bytes()).enumerate() {
            match line {
                Ok((name, value)) => {
                    variables.insert(name, value);
                }
                // The crate's own message repeats the line, which may hold a secret.
                Err(_) => {
                    let is_entry = |line: &&str| !line.trim().is_empty() && !line.trim_start().starts_with('#');
                    let line = text.lines().enumerate().filter(|(_, line)| is_entry(line)).nth(number).map(|(line, _)| line + 1);
                    let message = "this line can't be read; write NAME=value, with quotes around a value that holds spaces".to_owned();
                    self.errors.push(SettingError { file: Some(path.to_owned()), line, range: None, message, is_flag: false });
                }
            }
        }
        variables
    }

    fn read_file(&mut self, path: &PathBuf, text: &str, is_own: bool, of_dot_env: &BTreeMap<String, String>, environment: &BTreeMap<String, String>) {
        let tree = yaml::parse(text);
        if let Some(error) = &tree.error {
            // What was read before the error may be cut short, so nothing of it counts.
            return self.fail(Some((path, text, error.range)), error.message.clone());
        }
        if let Some(root) = tree.root.filter(|root| !root.is_null()) {
            if !matches!(root.kind, yaml::Kind::Map { .. }) {
                return self.fail(Some((path, text, root.range)), "the file must be a mapping of settings".to_owned());
            }
            FileReader { path, text, is_own, of_dot_env, environment, settings: self }.mapping(&root, "");
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

    /// Whether a flag is set.
    pub fn is_on(&self, key: &str) -> bool {
        self.get(key) == Some("true")
    }

    /// A whole number; the check at reading keeps it parsable.
    pub fn count(&self, key: &str) -> Option<u64> {
        self.get(key)?.parse().ok()
    }

    pub fn number(&self, key: &str) -> Option<f64> {
        self.get(key)?.parse().ok()
    }

    /// Whether a value is the person's own: from their environment, their editor, their command line or their own file, not
    /// written in a file that came with the project.
    pub fn is_own(&self, key: &str) -> bool {
        self.values.get(key).is_some_and(|value| value.is_own)
    }

    /// Whether anybody set it.
    pub fn is_set(&self, key: &str) -> bool {
        self.values.get(key).is_some_and(|value| value.origin != Origin::Default)
    }

    pub fn has(&self, key: &str) -> bool {
        self.values.contains_key(key)
    }

    /// Every setting as it may be shown: key, value (secrets hidden, unset ones `None`) and where it comes from.
    pub fn shown(&self) -> Vec<(&'static str, Option<String>, Option<Origin>)> {
        let show = |setting: &'static Setting| match self.values.get(setting.key) {
            Some(value) => {
                let text = match setting.kind {
                    Kind::Secret => "(hidden)".to_owned(),
                    Kind::Url => without_credentials(secrecy::ExposeSecret::expose_secret(&value.text)),
                    _ => secrecy::ExposeSecret::expose_secret(&value.text).to_owned(),
                };
                (setting.key, Some(text), Some(value.origin.clone()))
            }
            None => (setting.key, None, None),
        };
        SETTINGS.iter().map(show).collect()
    }
}

/// What stands before a rule's code in a setting's key.
const RULES: &str = "rules.";

const NOT_FROM_A_PROJECT: &str = "a folder whose programs are run is not taken from a file that came with the project; set it in the environment";

/// Reads one `ragstar.yml`.
struct FileReader<'a> {
    path: &'a PathBuf,
    text: &'a str,
    is_own: bool,
    of_dot_env: &'a BTreeMap<String, String>,
    environment: &'a BTreeMap<String, String>,
    settings: &'a mut Settings,
}

impl FileReader<'_> {
    fn fail(&mut self, range: TextRange, message: String) {
        self.settings.fail(Some((self.path, self.text, range)), message);
    }

    fn mapping(&mut self, node: &Node, prefix: &str) {
        for (key, value) in node.entries() {
            let Some(name) = key.as_str() else { continue };
            let full = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") };
            if prefix.is_empty() && name == "rules" {
                self.rules(value);
                continue;
            }
            match find(&full) {
                Some(setting) => self.setting(setting, value),
                None => {
                    let is_group = SETTINGS.iter().any(|setting| setting.key.starts_with(&format!("{full}.")));
                    if is_group && (matches!(value.kind, yaml::Kind::Map { .. }) || value.is_null()) {
                        self.mapping(value, &full);
                    } else if is_group {
                        self.fail(value.range, format!("`{full}` holds further settings, one a line below it"));
                    } else {
                        self.fail(key.range, unknown(&full));
                    }
                }
            }
        }
    }

    /// `rules: {unused-cte: off}`; YAML takes a bare `off` for false.
    fn rules(&mut self, node: &Node) {
        for (key, value) in node.entries() {
            let written = if value.as_bool() == Some(false) { Some("off") } else { value.as_str() };
            match (key.as_str(), written) {
                (Some(rule), Some(severity)) => {
                    self.settings.severities.insert(rule.to_owned(), severity.to_owned());
                }
                _ => self.fail(value.range, "a rule is off, hint, information, warning or error".to_owned()),
            }
        }
        if node.entries().is_empty() && !node.is_null() {
            self.fail(node.range, "`rules` holds the rules' codes, one a line below it, each with off, hint, information, warning or error".to_owned());
        }
    }

    fn setting(&mut self, setting: &'static Setting, value: &Node) {
        let key = setting.key;
        let Some(written) = value.as_str() else {
            if !value.is_null() {
                self.fail(value.range, format!("{key} must be a single value"));
            }
            return;
        };
        let (resolved, is_own) = match (written.strip_prefix("env:").map(str::trim), setting.kind) {
            (Some(variable), kind) => {
                // A file that came with the project may say which secret is meant, and gets to see none: what is no secret is
                // shown, logged and sent in the clear.
                let own = self.environment.get(variable).filter(|_| self.is_own || kind == Kind::Secret);
                match (own, self.of_dot_env.get(variable)) {
                    (Some(value), _) => (value.clone(), true),
                    (None, Some(value)) => (value.clone(), false),
                    // An unset variable is an unset setting.
                    (None, None) => return,
                }
            }
            (None, Kind::Secret) => {
                let message = format!("{key} is a secret, which no file should hold; put it into the environment and write `{key}: env:{}`", setting.env[0]);
                return self.fail(value.range, message);
            }
            (None, _) => (written.to_owned(), self.is_own),
        };
        if setting.kind == Kind::Folder && !self.is_own {
            return self.fail(value.range, format!("{key}: {NOT_FROM_A_PROJECT}"));
        }
        match check(setting, &resolved) {
            Ok(()) => self.settings.put(setting, &resolved, Origin::File(self.path.clone()), is_own),
            Err(message) => self.fail(value.range, format!("{key}: {message}")),
        }
    }
}

/// The text of a `.env` file with every `$` escaped: a file that came with the project may not put what the person's environment
/// holds into an address.
/// The variables that a `.env` file sets; lines that can't be read are left out (`Settings::errors` tells them).
pub fn dot_env_variables(text: &str) -> BTreeMap<String, String> {
    dotenvy::from_read_iter(without_substitution(text).as_bytes()).filter_map(Result::ok).collect()
}

fn without_substitution(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let (mut quote, mut escaped) = (None, false);
    for c in text.chars() {
        match c {
            '$' if quote != Some('\'') && !escaped => out.push('\\'),
            '\'' | '"' if !escaped && quote.is_none() => quote = Some(c),
            c if Some(c) == quote && !escaped => quote = None,
            _ => {}
        }
        escaped = c == '\\' && !escaped && quote != Some('\'');
        out.push(c);
    }
    out
}

/// A URL as it may be shown: without what stands before an `@`.
pub fn without_credentials(url: &str) -> String {
    match url.split_once("://") {
        Some((scheme, rest)) => {
            let host_end = rest.find('/').unwrap_or(rest.len());
            let host_start = rest[..host_end].rfind('@').map_or(0, |at| at + 1);
            format!("{scheme}://{}", &rest[host_start..])
        }
        None => url.to_owned(),
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

/// As dbt's command line reads its flags from the environment.
fn flag(value: &str) -> Option<bool> {
    match value.to_lowercase().as_str() {
        "true" | "1" | "t" | "yes" | "y" | "on" => Some(true),
        "false" | "0" | "f" | "no" | "n" | "off" => Some(false),
        _ => None,
    }
}

fn check(setting: &Setting, value: &str) -> Result<(), String> {
    // Messages never repeat a secret.
    let fits = match setting.kind {
        Kind::Text | Kind::Secret | Kind::Folder => true,
        Kind::Port => value.parse::<u16>().is_ok_and(|port| port > 0),
        Kind::Url => value.starts_with("http://") || value.starts_with("https://"),
        Kind::Count => value.parse::<u64>().is_ok_and(|count| count > 0),
        Kind::Number => value.parse::<f64>().is_ok_and(f64::is_finite),
        Kind::Choice(choices) => choices.contains(&value),
        Kind::Flag => flag(value).is_some(),
    };
    if fits {
        return Ok(());
    }
    Err(match setting.kind {
        Kind::Port => format!("`{value}` is not a port; ports are 1 to 65535"),
        Kind::Url => format!("`{}` is not a URL; it starts with http:// or https://", without_credentials(value)),
        Kind::Count => format!("`{value}` is not a whole number above zero"),
        Kind::Number => format!("`{value}` is not a number"),
        Kind::Choice(choices) => format!("`{value}` is not one of {}", choices.join(", ")),
        Kind::Flag => format!("`{value}` is neither true nor false"),
        Kind::Text | Kind::Secret | Kind::Folder => "not a text".to_owned(),
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
            user_file: None,
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
            ragstar.yml:7: server.port: `-1` is not a port; ports are 1 to 65535
            ragstar.yml:8: there is no setting `nonsense`; `ragstar config` lists them all
            server.port (environment APP_PORT): `99999x` is not a port; ports are 1 to 65535"#]]
        .assert_eq(&shown.join("\n"));
        assert_eq!(settings.count("server.port"), Some(8000));
        assert!(!shown.concat().contains("sk-secret"));
    }

    #[test]
    fn a_broken_line_of_dot_env_is_named_and_not_repeated() {
        let settings = resolve("", "# mine\n\nLLM_CHAT_MODEL=a\nKEY=one sk-2 three\n", &[], &[]);
        assert_eq!(settings.get("chat.model"), Some("a"));
        assert!(settings.errors[0].to_string().starts_with(".env:4: this line can't be read"), "{:?}", settings.errors);
        assert!(!settings.errors[0].to_string().contains("sk-2"));
    }

    #[test]
    fn secrets_are_references_and_stay_hidden() {
        let settings = resolve("openai:\n  api_key: env:MY_KEY\n", "MY_KEY=sk-1\n", &[], &[]);
        assert!(settings.has("openai.api_key"));
        let shown = format!("{:?} {:?}", settings.shown(), settings);
        assert!(!shown.contains("sk-1") && shown.contains("(hidden)"));
    }

    #[test]
    fn a_projects_files_choose_no_folders_and_own_no_secrets() {
        let file = "cache: {dir: .c}\nchat:\n  base_url: http://evil\n  api_key: env:MINE\n";
        let settings = resolve(file, "RAGSTAR_DATA_DIR=.d\nLLM_OPENAI_API_KEY=theirs\n", &[("MINE", "sk-1"), ("LLM_GOOGLE_API_KEY", "mine")], &[]);
        assert_eq!(settings.errors.len(), 2, "{:?}", settings.errors);
        assert!(!settings.has("cache.dir") && !settings.has("data.dir"));
        let own = ["chat.base_url", "chat.api_key", "openai.api_key", "google.api_key"].map(|key| settings.is_own(key));
        assert_eq!(own, [false, true, false, true]);
    }

    #[test]
    fn a_projects_files_see_nothing_of_the_environment() {
        let file = "chat:\n  model: env:MINE\n  base_url: env:URL\n";
        let dot_env = "LLM_EMBEDDINGS_BASE_URL=http://evil/${MINE}/v1\nRAGSTAR_WORKSPACE_ID=\"$MINE\"\nLLM_CHAT_API_KEY='a$b'\nURL=http://dot-env\nDB_HOST_FALLBACK=evil\n";
        let settings = resolve(file, dot_env, &[("MINE", "sk-1"), ("DB_PASSWORD_FALLBACK", "pw")], &[]);
        assert_eq!((settings.get("chat.model"), settings.get("chat.base_url")), (None, Some("http://dot-env")));
        assert_eq!(settings.get("embeddings.base_url"), Some("http://evil/${MINE}/v1"));
        assert_eq!(settings.get("workspace.id"), Some("$MINE"));
        assert_eq!(settings.secret("chat.api_key").map(|key| secrecy::ExposeSecret::expose_secret(&key).to_owned()), Some("a$b".to_owned()));
        let url = settings.secret("database.url").expect("a url");
        assert!(!secrecy::ExposeSecret::expose_secret(&url).contains("pw") && !settings.is_own("database.url"));
    }

    #[test]
    fn urls_are_shown_without_credentials() {
        let settings = resolve("", "", &[("LLM_CHAT_BASE_URL", "http://user:s3cret@host:1/v1")], &[]);
        assert!(!format!("{:?}", settings.shown()).contains("s3cret"));
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
