//! What can be typed.

use clap::{Args as ClapArgs, Parser, Subcommand};
use std::path::PathBuf;

/// Makes a dbt project understood: in the editor, in the terminal, in Slack.
#[derive(Debug, Parser)]
#[command(name = "ragstar", version, about, propagate_version = true)]
pub struct Args {
    #[command(flatten)]
    pub common: Common,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Clone, Default, ClapArgs)]
pub struct Common {
    /// The dbt project's folder [default: the nearest one upward that holds dbt_project.yml]
    #[arg(long, global = true, value_name = "DIR")]
    pub project: Option<PathBuf>,
    /// Print JSON instead of text
    #[arg(long, global = true)]
    pub json: bool,
    /// dbt's target
    #[arg(long, short = 't', global = true, value_name = "NAME")]
    pub target: Option<String>,
    /// dbt's profile
    #[arg(long, global = true, value_name = "NAME")]
    pub profile: Option<String>,
    /// The folder of profiles.yml
    #[arg(long, global = true, value_name = "DIR")]
    pub profiles_dir: Option<String>,
    /// Vars over those of dbt_project.yml, as a YAML mapping
    #[arg(long, global = true, value_name = "YAML")]
    pub vars: Option<String>,
    /// A folder with the manifest.json of another target, to defer to
    #[arg(long, global = true, value_name = "DIR")]
    pub state: Option<String>,
    /// Take the relations of that state for what this target hasn't built
    #[arg(long, global = true)]
    pub defer: bool,
    /// Another folder than --state to defer to
    #[arg(long, global = true, value_name = "DIR")]
    pub defer_state: Option<String>,
    /// With --defer: take them also for what this target has built
    #[arg(long, global = true)]
    pub favor_state: bool,
    /// Change one setting for this call; `ragstar config` lists them
    #[arg(long = "set", global = true, value_name = "KEY=VALUE", value_parser = pair)]
    pub set: Vec<(String, String)>,
}

impl Common {
    /// What was typed, as settings.
    pub fn flags(&self) -> Vec<(String, String)> {
        let named = [
            ("dbt.target", &self.target),
            ("dbt.profile", &self.profile),
            ("dbt.profiles_dir", &self.profiles_dir),
            ("dbt.vars", &self.vars),
            ("dbt.state", &self.state),
            ("dbt.defer_state", &self.defer_state),
        ];
        let given = named.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value.clone()?)));
        let on = [("dbt.defer", self.defer), ("dbt.favor_state", self.favor_state)].into_iter().filter(|(_, on)| *on);
        given.chain(on.map(|(key, _)| (key.to_owned(), "true".to_owned()))).chain(self.set.iter().cloned()).collect()
    }
}

fn pair(text: &str) -> Result<(String, String), String> {
    text.split_once('=').map(|(key, value)| (key.to_owned(), value.to_owned())).ok_or_else(|| "write KEY=VALUE".to_owned())
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Answer a question about the project
    Ask {
        /// The question
        question: Vec<String>,
        /// Go on with a conversation
        #[arg(long, value_name = "ID")]
        thread: Option<String>,
        /// Show what is done on the way
        #[arg(long)]
        steps: bool,
    },
    /// Descriptions: write what is missing, count what is there, decide on drafts
    Docs {
        #[command(subcommand)]
        action: DocsAction,
    },
    /// Say what a model does, from its SQL and that of what it reads
    Interpret {
        /// The model
        model: String,
        /// Show what is read on the way
        #[arg(long)]
        steps: bool,
        /// Show the interpretation that is there on the model's card
        #[arg(long, conflicts_with = "reject")]
        accept: bool,
        /// Show it nowhere
        #[arg(long)]
        reject: bool,
        /// Tokens that are read at most
        #[arg(long, value_name = "TOKENS", default_value_t = 24_000)]
        budget: usize,
    },
    /// Find models, sources, columns, metrics, macros and docs
    Search {
        /// Words, or a description of what is looked for
        query: Vec<String>,
        /// How many to show
        #[arg(long, short = 'n', default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=1000))]
        limit: u16,
    },
    /// Read the project and say what was found
    Index {
        /// The project's folder, as with --project
        dir: Option<PathBuf>,
        /// End with exit code 1 if the project has errors
        #[arg(long)]
        strict: bool,
        /// Bring the knowledge store up to date, too
        #[arg(long)]
        publish: bool,
        /// Write the index as a dbt manifest (schema v12); `-` for standard output
        #[arg(long, value_name = "FILE")]
        emit: Option<PathBuf>,
    },
    /// Tell everything that is wrong with the project, for a person or for CI
    Check {
        #[command(flatten)]
        options: CheckOptions,
    },
    /// Say where dbt's artifacts come from and take them; run again to refresh them
    Init {
        /// The project's folder, as with --project
        dir: Option<PathBuf>,
        /// local: what lies in the target folder; core: run your own dbt; cloud: the newest run in dbt Cloud
        /// [default: the method chosen before, else local]
        #[arg(long, value_enum)]
        method: Option<Method>,
    },
    /// Say whether an answer was good
    Feedback {
        /// The answer's id, or `last`
        answer: String,
        /// It helped
        #[arg(long, group = "rating", required = true)]
        good: bool,
        /// It was wrong, or no help
        #[arg(long, group = "rating")]
        bad: bool,
        /// What was good or wrong about it
        #[arg(long, value_name = "TEXT")]
        comment: Option<String>,
    },
    /// Say what is there, what is missing and what to do about it
    Doctor {
        /// Ask the language model for a word, too
        #[arg(long)]
        online: bool,
    },
    /// Print the effective settings and where each comes from
    Config,
    /// Run the language server over standard input and output
    Lsp {
        /// Editors pass this; it changes nothing
        #[arg(long, hide = true)]
        stdio: bool,
    },
    /// Listen for HTTP: questions, Slack's events, health
    Serve,
    /// The private database
    Store {
        #[command(subcommand)]
        action: StoreAction,
    },
}

#[derive(Debug, Clone, Subcommand)]
pub enum DocsAction {
    /// Write the descriptions that are missing: taken over where that can be, else by a language model; upstream first
    Generate {
        #[command(flatten)]
        options: GenerateOptions,
    },
    /// Say how much is described
    Coverage {
        #[command(flatten)]
        options: CoverageOptions,
    },
    /// Find drafts good; they stay as they are
    Accept {
        #[command(flatten)]
        selection: Selection,
        /// Take what people wrote as accepted now, so that it is told once its SQL changes
        #[arg(long)]
        existing: bool,
    },
    /// Take drafts out again; they are not made anew for the same SQL
    Reject {
        #[command(flatten)]
        selection: Selection,
    },
    /// Go through drafts one by one
    Review {
        #[command(flatten)]
        selection: Selection,
    },
}

/// What is to be looked at; everything but macros without a word.
#[derive(Debug, Clone, ClapArgs)]
pub struct Selection {
    /// Of these nodes only, as dbt selects them: names, +name, tag:x, path/to
    #[arg(value_name = "SELECTION")]
    pub nodes: Vec<String>,
    /// The project's macros and their arguments, too; of a selection those that its nodes call
    #[arg(long)]
    pub macros: bool,
}

#[derive(Debug, Clone, ClapArgs)]
pub struct GenerateOptions {
    #[command(flatten)]
    pub selection: Selection,
    /// What has no description; that is the default
    #[arg(long, conflicts_with = "stale")]
    pub missing: bool,
    /// What was written before its SQL changed
    #[arg(long)]
    pub stale: bool,
    /// Only what can be taken over from upstream, the warehouse or docs blocks
    #[arg(long)]
    pub inherit_only: bool,
    /// Write nothing, and ask no language model
    #[arg(long)]
    pub dry_run: bool,
    /// Show what changes in the files
    #[arg(long)]
    pub diff: bool,
    /// Send no more requests after so many tokens, or dollars ($1.50) where prices are set
    #[arg(long, value_name = "TOKENS|USD")]
    pub budget: Option<String>,
    /// Requests under way at once
    #[arg(long, value_name = "N", default_value_t = 4)]
    pub jobs: usize,
}

#[derive(Debug, Clone, ClapArgs)]
pub struct CoverageOptions {
    #[command(flatten)]
    pub selection: Selection,
    /// How it is summed up
    #[arg(long, value_enum, default_value_t = CoverageBy::Folder)]
    pub by: CoverageBy,
    /// End with exit code 1 if less is described, in per cent
    #[arg(long, value_name = "N")]
    pub fail_under: Option<f64>,
    /// How it is written
    #[arg(long, value_enum, default_value_t = CoverageFormat::Text)]
    pub format: CoverageFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum CoverageBy {
    Folder,
    Owner,
    Type,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum CoverageFormat {
    Text,
    Json,
    Markdown,
    /// A badge
    #[value(alias = "badge")]
    Svg,
}

#[derive(Debug, Clone, ClapArgs)]
pub struct CheckOptions {
    /// Only these files and folders of the project
    pub paths: Vec<PathBuf>,
    /// How the findings are written
    #[arg(long, value_enum, default_value_t = CheckFormat::Text)]
    pub format: CheckFormat,
    /// Only these rules, by their codes
    #[arg(long, value_name = "CODE", value_delimiter = ',')]
    pub rules: Vec<String>,
    /// Show findings of this severity and worse: information, or all of the rules that --rules names
    #[arg(long, value_enum)]
    pub level: Option<Level>,
    /// End with exit code 1 if there is a finding of this severity or worse
    #[arg(long, value_enum, default_value_t = Level::Warning)]
    pub fail_on: Level,
    /// Name all rules instead
    #[arg(long)]
    pub list: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum CheckFormat {
    Text,
    Json,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// Annotations of GitHub Actions
    Github,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Level {
    Hint,
    #[value(alias = "info")]
    Information,
    #[value(alias = "warn")]
    Warning,
    Error,
    /// Nothing is
    Never,
}

/// Where dbt's artifacts come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Method {
    #[value(alias = "source")]
    Local,
    Core,
    Cloud,
}

impl Method {
    pub fn of(name: &str) -> Self {
        match name {
            "core" => Self::Core,
            "cloud" => Self::Cloud,
            _ => Self::Local,
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Core => "core",
            Self::Cloud => "cloud",
        }
    }
}

#[derive(Debug, Clone, Subcommand)]
pub enum StoreAction {
    /// Run it until nobody has used it for ten minutes; others do this by themselves
    Run {
        /// Seconds without a connection after which it stops
        #[arg(long, env = "RAGSTAR_STORE_IDLE_SECONDS", default_value_t = 600, value_name = "N")]
        idle_seconds: u64,
    },
    /// Stop it
    Stop,
    /// Say whether it runs and where it lives
    Status,
}
