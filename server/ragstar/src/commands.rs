//! One file per command.

mod ask;
mod check;
mod config;
mod docs;
mod doctor;
mod feedback;
mod index;
mod init;
mod interpret;
mod lsp;
mod search;
mod serve;
mod store;

use crate::args::{Args, Command};
use crate::context::Context;
use crate::output;
use crate::services::Wiring;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};

/// Runs what was typed. Exit codes: 0 done, 1 not done, 2 typed wrongly (clap's).
pub async fn run(args: Args) -> ExitCode {
    let mut common = args.common.clone();
    if let Command::Index { dir: Some(dir), .. } | Command::Init { dir: Some(dir), .. } = &args.command {
        common.project.get_or_insert_with(|| dir.clone());
    }
    let context = Context::new(&common);
    start_log(&context, &args.command);
    let quiet = matches!(args.command, Command::Config | Command::Doctor { .. });
    if !quiet {
        let errors = context.settings.errors.iter().map(ToString::to_string).chain(context.rules_errors.iter().cloned()).chain(context.rule_set().1);
        errors.for_each(|error| output::note(&format!("ragstar: {error}")));
    }
    // A typing error on the command line is not worked around.
    if context.settings.errors.iter().any(|error| error.is_flag) {
        return ExitCode::from(2);
    }
    let json = common.json;
    let result = match args.command {
        Command::Ask { question, thread, steps } => ask::run(&context, &question.join(" "), thread, steps, json).await,
        Command::Docs { action } => docs::run(&context, action, json).await,
        Command::Interpret { model, steps, accept, reject, budget } => {
            interpret::run(&context, &interpret::Wish { model, steps, accept, reject, tokens: budget }, json).await
        }
        Command::Search { query, limit } => search::run(&context, &query.join(" "), usize::from(limit), json).await,
        Command::Index { strict, publish, emit, .. } => index::run(&context, strict, publish, emit.as_deref(), json).await,
        Command::Check { options } => check::run(&context, &options, json).await,
        Command::Init { method, .. } => init::run(&context, method, json).await,
        Command::Feedback { answer, good, comment, .. } => feedback::run(&context, &answer, good, comment, json).await,
        Command::Doctor { online } => doctor::run(&context, online, json).await,
        Command::Config => config::run(&context, json),
        Command::Lsp { .. } => lsp::run(&context).await,
        Command::Serve => serve::run(&context).await,
        Command::Store { action } => store::run(&context, &action, json).await,
    };
    match result {
        Ok(code) => code,
        Err(message) => {
            if json {
                output::line(&serde_json::json!({"error": message}).to_string());
            }
            output::error(&message);
            ExitCode::FAILURE
        }
    }
}

/// What a command ends with: an exit code, or a message for the person.
type Outcome = Result<ExitCode, String>;

/// The only node of a name; as the error, what there is instead.
fn node_called(analysis: &ide::Analysis, name: &str) -> Result<dbt::NodeIndex, String> {
    let found = analysis.index.find(name);
    match found.as_slice() {
        [one] => Ok(*one),
        [] => Err(format!("nothing in this project is called `{name}`{}", analysis.names_like(name, 5))),
        // A model stands before the semantic model of its name.
        [first, others @ ..] if others.iter().all(|&other| analysis.index.nodes[other].resource_type != analysis.index.nodes[*first].resource_type) => {
            Ok(*first)
        }
        several => {
            let ids: Vec<&str> = several.iter().map(|&index| &*analysis.index.nodes[index].unique_id).collect();
            Err(format!("`{name}` may be {}; say which", ids.join(" or ")))
        }
    }
}

/// Ports that tell on standard error what they fetch, and show a bar while texts are embedded.
fn wiring(context: &Context) -> Arc<Wiring> {
    let bar: Mutex<Option<indicatif::ProgressBar>> = Mutex::new(None);
    let progress = move |done: usize, total: usize| {
        if !output::is_watched() {
            return;
        }
        let Ok(mut bar) = bar.lock() else { return };
        let shown = bar.get_or_insert_with(|| {
            let style = indicatif::ProgressStyle::with_template("{msg} {bar:30} {pos}/{len}").unwrap_or_else(|_| indicatif::ProgressStyle::default_bar());
            indicatif::ProgressBar::new(total as u64).with_style(style).with_message("embedding")
        });
        shown.set_length(total as u64);
        shown.set_position(done as u64);
        if done >= total {
            shown.finish_and_clear();
        }
    };
    Arc::new(Wiring::new(context.clone(), |message| output::note(&format!("ragstar: {message}")), progress))
}

fn start_log(context: &Context, command: &Command) {
    let serves = matches!(command, Command::Serve | Command::Lsp { .. } | Command::Store { .. });
    // In the terminal people read notes; what the log adds is for those who ask for it.
    let level = if serves || context.settings.is_set("log.level") { context.settings.get("log.level").unwrap_or("warn") } else { "error" };
    // Libraries speak only where the person asked for everything.
    let filter = if level == "trace" {
        level.to_owned()
    } else {
        format!("{}={level},error", ["ragstar", "vfs", "ide", "analyst", "llm", "store", "web", "lsp"].join(&format!("={level},")))
    };
    let filter = format!("{filter},async_openai=off");
    let builder = tracing_subscriber::fmt().with_env_filter(tracing_subscriber::EnvFilter::new(filter)).with_writer(std::io::stderr);
    let builder = builder.with_ansi(output::is_watched());
    if serves { builder.init() } else { builder.without_time().init() }
}
