//! `ragstar doctor`: what is there, what is missing, what to do.

use super::Outcome;
use crate::context::Context;
use crate::output;
use crate::services::Wiring;
use analyst::ports::{ChatRequest, Message};
use ide::Analysis;
use llm::LocalEmbed;
use serde_json::json;
use std::path::Path;
use std::process::{Command, ExitCode};

enum State {
    Fine,
    /// Works, with less.
    Less,
    /// Has to be mended.
    Wrong,
}

struct Check {
    name: &'static str,
    state: State,
    says: String,
}

fn check(name: &'static str, state: State, says: impl Into<String>) -> Check {
    Check { name, state, says: says.into() }
}

pub async fn run(context: &Context, online: bool, json: bool) -> Outcome {
    let wiring = super::wiring(context);
    let mut checks = project(context);
    checks.extend(context.settings.errors.iter().map(|error| check("settings", State::Wrong, error.to_string())));
    checks.extend(context.rules_errors.iter().map(|error| check("rules", State::Wrong, error.clone())));
    checks.push(chat(&wiring, online).await);
    checks.push(embeddings(context));
    checks.push(database(context, &wiring).await);
    checks.push(installer());
    for (name, dir) in [("cache folder", &context.cache_dir), ("data folder", &context.data_dir)] {
        checks.push(match writable(dir) {
            Ok(()) => check(name, State::Fine, dir.display().to_string()),
            Err(why) => check(
                name,
                State::Wrong,
                format!("{} can't be written: {why}; set {}", dir.display(), if name == "cache folder" { "RAGSTAR_CACHE_DIR" } else { "RAGSTAR_DATA_DIR" }),
            ),
        });
    }
    let wrong = checks.iter().any(|check| matches!(check.state, State::Wrong));
    if json {
        let shown: Vec<_> = checks.iter().map(|check| json!({"check": check.name, "state": match check.state { State::Fine => "ok", State::Less => "missing", State::Wrong => "error" }, "message": check.says})).collect();
        output::line(&json!(shown).to_string());
    } else {
        let rows = checks.into_iter().map(|check| {
            vec![
                match check.state {
                    State::Fine => "ok",
                    State::Less => "--",
                    State::Wrong => "!!",
                }
                .to_owned(),
                check.name.to_owned(),
                check.says,
            ]
        });
        output::line(&output::table(&[], rows.collect()));
    }
    Ok(if wrong { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn project(context: &Context) -> Vec<Check> {
    let analysis = match context.load() {
        Ok(analysis) => analysis,
        Err(why) => return vec![check("project", State::Wrong, why)],
    };
    let summary = analysis.summary();
    let counts = summary.counts.iter().map(|(kind, count)| format!("{count} {kind}{}", if *count == 1 { "" } else { "s" })).collect::<Vec<_>>().join(", ");
    let mut checks = Vec::new();
    if analysis.config.errors.is_empty() {
        checks.push(check("project", State::Fine, format!("{} in {}: {counts}", summary.project, analysis.root.display())));
    }
    checks.extend(analysis.config.errors.iter().map(|error| check("project", State::Wrong, format!("dbt_project.yml: {}", error.message))));
    if summary.errors > 0 {
        checks.push(check("diagnostics", State::Less, format!("{} errors and {} warnings; `ragstar index` lists them", summary.errors, summary.warnings)));
    }
    let listed = ["packages.yml", "dependencies.yml"].iter().filter_map(|name| std::fs::read_to_string(analysis.root.join(name)).ok()).map(|text| {
        let tree = syntax::yaml::parse(&text);
        tree.root.and_then(|root| root.get("packages").map(|packages| packages.items().len())).unwrap_or(0)
    });
    let listed: usize = listed.sum();
    checks.push(match (listed, summary.packages.len()) {
        (0, 0) => check("packages", State::Fine, "none"),
        (listed, 0) => check("packages", State::Wrong, format!("{listed} are listed, none is installed; run `dbt deps`")),
        (_, installed) => check("packages", State::Fine, format!("{installed} installed: {}", summary.packages.join(", "))),
    });
    checks.push(profile(context, &analysis));
    checks.push(artifacts(context));
    if let Some(state) = context.deferred_to().or_else(|| context.state()) {
        checks.push(match state {
            Ok(state) => check("state", State::Fine, format!("{} relations to defer to", state.len())),
            Err(why) => check("state", State::Wrong, why),
        });
    }
    checks
}

/// The profile and target that relations are named by, and what is wrong with what was asked for.
fn profile(context: &Context, analysis: &Analysis) -> Check {
    let found = analysis.all_problems().into_iter().map(|(_, found)| found);
    let told = found.filter(|found| [ide::SettingsProblem::PROFILE, ide::SettingsProblem::VARS].contains(&found.code)).min_by_key(|found| found.severity);
    match told {
        Some(found) if found.severity == dbt::Severity::Error => check("profile", State::Wrong, found.message),
        Some(found) => check("profile", State::Less, found.message),
        None => {
            let file = context.profiles_file().map(|file| file.display().to_string()).unwrap_or_default();
            let target = dbt::ProfileTarget::read(&context.dbt_settings(), analysis.config.profile.as_deref());
            let field = |name: &str| target.fields.get(name).and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default();
            let profile = field("profile_name");
            check("profile", State::Fine, format!("target {} of {profile} in {file}: {}, schema {}", field("name"), field("type"), target.schema))
        }
    }
}

/// dbt's files in its target folder: what each says, or why it says nothing.
fn artifacts(context: &Context) -> Check {
    let name = "dbt's artifacts";
    let dir = context.artifacts_dir().unwrap_or_default();
    let read = context.artifacts();
    let shown = read.reports.iter().map(|report| {
        let version = report.schema.map(|schema| format!(" v{schema}")).unwrap_or_default();
        let made = report.generated_at.as_deref().map(|at| format!(" of {}", at.split('.').next().unwrap_or(at))).unwrap_or_default();
        match &report.problem {
            Some(problem) if report.nodes == 0 => format!("{}{version}{made} says nothing: {problem}", report.artifact.file_name()),
            Some(problem) => format!("{}{version}{made}: {} nodes; {problem}", report.artifact.file_name(), report.nodes),
            None => format!("{}{version}{made}: {} nodes", report.artifact.file_name(), report.nodes),
        }
    });
    let shown: Vec<String> = shown.collect();
    match (shown.is_empty(), read.reports.iter().any(|report| report.problem.is_some())) {
        (true, _) => check(name, State::Less, format!("none in {}; none is needed, `ragstar init --method core` makes them", dir.display())),
        (false, wrong) => check(name, if wrong { State::Less } else { State::Fine }, format!("{}: {}", dir.display(), shown.join("; "))),
    }
}

async fn chat(wiring: &Wiring, online: bool) -> Check {
    let name = "language model";
    let endpoint = match wiring.chat_endpoint() {
        Ok(Some(endpoint)) => endpoint,
        Ok(None) => {
            return check(
                name,
                State::Less,
                "none; set LLM_OPENAI_API_KEY (or LLM_ANTHROPIC_API_KEY, LLM_GOOGLE_API_KEY), or LLM_CHAT_BASE_URL and LLM_CHAT_MODEL for a local server",
            );
        }
        Err(error) => return check(name, State::Wrong, error.reader),
    };
    let says = format!("{} at {}", endpoint.model, endpoint.base_url);
    if !online {
        return check(name, State::Fine, format!("{says} (not asked; --online does)"));
    }
    let request = ChatRequest { messages: vec![Message::User("Reply with the word ready.".to_owned())], ..ChatRequest::default() };
    let asked = match wiring.chat() {
        Ok(Some(chat)) => chat.complete(&request, &mut |_| ()).await,
        Ok(None) => return check(name, State::Less, "none"),
        Err(error) => Err(error),
    };
    match asked {
        Ok(_) => check(name, State::Fine, format!("{says} answers")),
        Err(error) => check(name, State::Wrong, format!("{says}: {}", error.reader)),
    }
}

fn embeddings(context: &Context) -> Check {
    match context.settings.get("embeddings.provider") {
        Some("local") | None if !context.settings.has("embeddings.base_url") => {
            if LocalEmbed::is_here(&context.cache_dir) {
                check("embeddings", State::Fine, "all-MiniLM-L6-v2 on this machine")
            } else {
                check("embeddings", State::Less, "all-MiniLM-L6-v2 is fetched (100 MB, once) when something is asked first")
            }
        }
        provider => check("embeddings", State::Fine, format!("{} through its API", provider.unwrap_or("a server"))),
    }
}

async fn database(context: &Context, wiring: &Wiring) -> Check {
    let name = "knowledge store";
    if context.settings.has("database.url") {
        return match wiring.workspace().await {
            Ok(workspace) => match workspace.counts().await {
                Ok(counts) => check(
                    name,
                    State::Fine,
                    format!(
                        "the server of DATABASE_URL: {} nodes, {} embeddings, {} answers in workspace {}",
                        counts.nodes,
                        counts.embeddings,
                        counts.answers,
                        workspace.id()
                    ),
                ),
                Err(error) => check(name, State::Wrong, error.port().reader),
            },
            Err(error) => check(name, State::Wrong, error.reader),
        };
    }
    let embedded = wiring.embedded();
    if embedded.is_running().await {
        return check(name, State::Fine, format!("private Postgres in {}, running", embedded.data_dir.display()));
    }
    match ::store::POSTGRES {
        Some(_) => check(name, State::Fine, format!("private Postgres in {}, started when something is asked first", embedded.data_dir.display())),
        None => check(name, State::Less, "there is no private Postgres for this platform; set DATABASE_URL to one with pgvector"),
    }
}

/// What the private database and the local model come through.
fn installer() -> Check {
    let works = |program: &str, arguments: &[&str]| Command::new(program).args(arguments).output().is_ok_and(|output| output.status.success());
    if works("python3", &["-m", "pip", "--version"]) || works("pip3", &["--version"]) || works("pip", &["--version"]) {
        check("installer", State::Fine, "pip")
    } else if works("uv", &["--version"]) {
        check("installer", State::Fine, "uv")
    } else {
        check("installer", State::Less, "neither pip nor uv; the private database and the local embedding model come through one of them")
    }
}

fn writable(dir: &Path) -> Result<(), String> {
    std::fs::create_dir_all(dir).map_err(|error| error.to_string())?;
    let probe = dir.join(".ragstar-probe");
    std::fs::write(&probe, b"x").map_err(|error| error.to_string())?;
    std::fs::remove_file(&probe).map_err(|error| error.to_string())
}
