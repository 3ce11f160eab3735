//! Every setting there is. One table serves the reader, `ragstar config` and the documentation.

/// What a setting's text must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Text,
    Url,
    /// A whole number of at least one.
    Count,
    /// A TCP port.
    Port,
    /// A number.
    Number,
    /// A folder of this machine. A project's own files can't choose it: what is there is run.
    Folder,
    Choice(&'static [&'static str]),
    /// Yes or no: `true`, `1`, `yes`, `on` and their opposites, in any case; kept as `true` or `false`.
    Flag,
    /// Never shown, never kept in a settings file: there it is a reference, `env:NAME`.
    Secret,
}

/// One setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    /// The same in `ragstar.yml` (dots are nesting), in the editor (below `ragstar.`) and in `ragstar config`.
    pub key: &'static str,
    /// Names in the environment, the first of them the one to recommend.
    pub env: &'static [&'static str],
    pub kind: Kind,
    pub default: Option<&'static str>,
    pub help: &'static str,
}

const fn setting(key: &'static str, env: &'static [&'static str], kind: Kind, default: Option<&'static str>, help: &'static str) -> Setting {
    Setting { key, env, kind, default, help }
}

/// Providers whose OpenAI-compatible endpoint is known.
pub const PROVIDERS: &[&str] = &["openai", "anthropic", "google"];

pub const SETTINGS: &[Setting] = &[
    setting("chat.provider", &["LLM_CHAT_PROVIDER_NAME"], Kind::Choice(PROVIDERS), None, "whose model answers; by default the provider whose key is set"),
    setting(
        "chat.model",
        &["LLM_CHAT_MODEL"],
        Kind::Text,
        None,
        "the model's name; by default o4-mini (openai), claude-sonnet-4-5 (anthropic), gemini-2.5-flash (google)",
    ),
    setting(
        "chat.base_url",
        &["LLM_CHAT_BASE_URL"],
        Kind::Url,
        None,
        "any OpenAI-compatible server, such as http://127.0.0.1:11434/v1; overrides the provider's own",
    ),
    setting("chat.api_key", &["LLM_CHAT_API_KEY"], Kind::Secret, None, "a key for chat.base_url; a local server needs none"),
    setting("chat.temperature", &["LLM_CHAT_CONFIG_TEMPERATURE"], Kind::Number, None, "sent only if set; reasoning models refuse it"),
    setting("chat.input_price", &["LLM_CHAT_INPUT_PRICE"], Kind::Number, None, "what a million tokens cost that are sent, in USD; for budgets and reports"),
    setting("chat.output_price", &["LLM_CHAT_OUTPUT_PRICE"], Kind::Number, None, "what a million tokens cost that are answered, in USD"),
    setting("chat.max_output_tokens", &["LLM_CHAT_MAX_OUTPUT_TOKENS"], Kind::Count, Some("4096"), "the longest answer"),
    setting("chat.timeout_seconds", &["LLM_CHAT_TIMEOUT_SECONDS"], Kind::Count, Some("120"), "how long to wait for the next piece of an answer"),
    setting(
        "embeddings.provider",
        &["LLM_EMBEDDINGS_PROVIDER_NAME"],
        Kind::Choice(&["local", "openai", "google"]),
        Some("local"),
        "local runs MiniLM on this machine, offline",
    ),
    setting("embeddings.model", &["LLM_EMBEDDINGS_MODEL"], Kind::Text, None, "by default text-embedding-3-small (openai), gemini-embedding-001 (google)"),
    setting("embeddings.base_url", &["LLM_EMBEDDINGS_BASE_URL"], Kind::Url, None, "any OpenAI-compatible server; overrides the provider's own"),
    setting("embeddings.api_key", &["LLM_EMBEDDINGS_API_KEY"], Kind::Secret, None, "a key for embeddings.base_url"),
    setting("openai.api_key", &["LLM_OPENAI_API_KEY"], Kind::Secret, None, "OpenAI's key"),
    setting("anthropic.api_key", &["LLM_ANTHROPIC_API_KEY"], Kind::Secret, None, "Anthropic's key"),
    setting("google.api_key", &["LLM_GOOGLE_API_KEY"], Kind::Secret, None, "Google's key"),
    setting("database.url", &["DATABASE_URL"], Kind::Secret, None, "a Postgres with pgvector that a team shares; without it Ragstar runs its own"),
    setting(
        "workspace.id",
        &["RAGSTAR_WORKSPACE_ID"],
        Kind::Text,
        None,
        "whose knowledge is read and written; by default the git remote and the project's folder in it",
    ),
    setting(
        "yaml.new_entries",
        &["RAGSTAR_NEW_ENTRIES"],
        Kind::Text,
        None,
        "the file that new entries go to, beside what they describe: a name with {folder}, {section} (models, macros, …) and {name} in it, such as _{folder}__{section}.yml, _models.yml, schema.yml or {name}.yml; by default as the project does it",
    ),
    setting("dbt.target", &["DBT_TARGET"], Kind::Text, None, "dbt's target; by default the one that the profile names"),
    setting("dbt.profile", &["DBT_PROFILE"], Kind::Text, None, "dbt's profile; by default the one that dbt_project.yml names"),
    setting("dbt.profiles_dir", &["DBT_PROFILES_DIR"], Kind::Folder, None, "the folder of profiles.yml; by default the project's, else ~/.dbt"),
    setting("dbt.vars", &["DBT_VARS"], Kind::Text, None, "vars over those of dbt_project.yml, as a YAML mapping"),
    setting(
        "dbt.method",
        &["DBT_METHOD"],
        Kind::Choice(&["local", "core", "cloud"]),
        Some("local"),
        "where dbt's artifacts come from: what lies in the target folder, the user's own dbt, or dbt Cloud; `ragstar init` sets it",
    ),
    setting("dbt_cloud.url", &["DBT_CLOUD_URL"], Kind::Url, Some("https://cloud.getdbt.com"), "dbt Cloud's address for the account"),
    setting("dbt_cloud.account_id", &["DBT_CLOUD_ACCOUNT_ID"], Kind::Count, None, "the account's number"),
    setting("dbt_cloud.job_id", &["DBT_CLOUD_JOB_ID"], Kind::Count, None, "the job whose newest successful run counts; by default any"),
    setting("dbt_cloud.environment_id", &["DBT_CLOUD_ENVIRONMENT_ID"], Kind::Count, None, "the environment whose runs count; by default any"),
    setting("dbt_cloud.api_key", &["DBT_CLOUD_API_KEY"], Kind::Secret, None, "a service token or personal token of dbt Cloud"),
    setting(
        "dbt_cloud.first_wait_ms",
        &["DBT_CLOUD_FIRST_WAIT_MS"],
        Kind::Count,
        Some("1000"),
        "milliseconds before a failed request is tried again; each next wait is longer",
    ),
    setting("dbt.state", &["DBT_STATE"], Kind::Folder, None, "a folder with the manifest.json of another target, to defer to"),
    setting("dbt.defer", &["DBT_DEFER"], Kind::Flag, Some("false"), "take the relations of dbt.state for what this target hasn't built"),
    setting("dbt.defer_state", &["DBT_DEFER_STATE"], Kind::Folder, None, "another folder than dbt.state to defer to"),
    setting("dbt.favor_state", &["DBT_FAVOR_STATE"], Kind::Flag, Some("false"), "with dbt.defer: also for what this target has built"),
    setting("dbt.target_path", &["DBT_TARGET_PATH"], Kind::Folder, None, "the folder of dbt's artifacts; by default the project's target-path, else target"),
    setting("data.dir", &["RAGSTAR_DATA_DIR"], Kind::Folder, None, "where the private database lives; by default the user's data folder"),
    setting("cache.dir", &["RAGSTAR_CACHE_DIR"], Kind::Folder, None, "where downloaded programs and weights live; by default the user's cache folder"),
    setting("server.host", &["APP_HOST"], Kind::Text, Some("127.0.0.1"), "the address that `ragstar serve` listens on"),
    setting("server.port", &["APP_PORT"], Kind::Port, Some("8000"), "and its port"),
    setting(
        "server.api_token",
        &["RAGSTAR_API_TOKEN"],
        Kind::Secret,
        None,
        "what callers of /api must send as a bearer token; needed to listen beyond this machine",
    ),
    setting("slack.bot_token", &["INTEGRATIONS_SLACK_BOT_TOKEN"], Kind::Secret, None, "the Slack app's bot token"),
    setting("slack.signing_secret", &["INTEGRATIONS_SLACK_SIGNING_SECRET"], Kind::Secret, None, "the Slack app's signing secret"),
    setting("slack.api_url", &["INTEGRATIONS_SLACK_API_URL"], Kind::Url, Some("https://slack.com/api"), "where Slack's Web API is"),
    setting(
        "log.level",
        &["RAGSTAR_LOG_LEVEL", "SETTINGS_LOG_LEVEL"],
        Kind::Choice(&["error", "warn", "info", "debug", "trace"]),
        Some("warn"),
        "what is logged, to standard error",
    ),
];

/// The setting of a key.
pub fn find(key: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.key == key)
}
