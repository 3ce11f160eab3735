//! `ragstar init`: where the project's facts come from, set up once and refreshed whenever it is run again.

use super::Outcome;
use crate::args::Method;
use crate::context::Context;
use crate::output;
use ide::Artifact;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use syntax::yaml_edit::{Step, set_string};

pub async fn run(context: &Context, method: Option<Method>, json: bool) -> Outcome {
    let root = context.root()?.to_owned();
    let method = method.unwrap_or_else(|| Method::of(context.settings.get("dbt.method").unwrap_or("local")));
    let says = match method {
        Method::Local => Vec::new(),
        Method::Core => core(context, &root)?,
        Method::Cloud => cloud(context).await?,
    };
    let file = root.join("ragstar.yml");
    let written = remember(&file, method)?;
    // The artifacts are read the way that every other command reads them.
    let common = crate::args::Common { project: Some(root.clone()), set: context.flags.clone(), ..crate::args::Common::default() };
    let fresh = Context::new(&common);
    let analysis = fresh.load()?;
    let summary = analysis.summary();
    let reports = fresh.artifacts().reports;
    let problems: Vec<String> = reports.iter().filter_map(|report| Some(format!("{}: {}", report.artifact.file_name(), report.problem.as_ref()?))).collect();
    let counts: serde_json::Map<String, serde_json::Value> = summary.counts.iter().map(|(kind, count)| ((*kind).to_owned(), json!(count))).collect();
    if json {
        let artifacts: Vec<_> = reports
            .iter()
            .map(|report| json!({"file": report.artifact.file_name(), "schema": report.schema, "nodes": report.nodes, "problem": report.problem}))
            .collect();
        output::line(&json!({"project": summary.project, "method": method.as_str(), "settings": file, "changed": written, "counts": counts, "artifacts": artifacts, "taken": says}).to_string());
        return Ok(ExitCode::SUCCESS);
    }
    says.iter().for_each(|line| output::line(line));
    let shown: Vec<String> = summary.counts.iter().map(|(kind, count)| format!("{count} {kind}{}", if *count == 1 { "" } else { "s" })).collect();
    output::line(&format!("{}: {}", summary.project, shown.join(", ")));
    for report in reports.iter().filter(|report| report.nodes > 0 || report.problem.is_none()) {
        output::line(&format!("  {} adds what it says of {} nodes", report.artifact.file_name(), report.nodes));
    }
    problems.iter().for_each(|problem| output::note(&format!("ragstar: {problem}")));
    output::line(&format!("{} {}", file.display(), if written { "says so from now on" } else { "says so already" }));
    Ok(ExitCode::SUCCESS)
}

/// Notes the method in `ragstar.yml`, byte by byte: everything else in it stays. Whether the file changed.
fn remember(file: &Path, method: Method) -> Result<bool, String> {
    let told = |why: String| format!("{} can't be written: {why}", file.display());
    let before = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(format!("{} can't be read: {error}", file.display())),
    };
    if rules_method(&before).as_deref() == Some(method.as_str()) {
        return Ok(false);
    }
    let after = if before.trim().is_empty() {
        format!("{before}# Where dbt's artifacts come from: local, core or cloud (`ragstar init`).\ndbt:\n  method: {}\n", method.as_str())
    } else if syntax::yaml::parse(&before).root.is_some_and(|root| root.get("dbt").is_some()) {
        let edits = set_string(&before, &[Step::key("dbt")], "method", method.as_str()).map_err(|why| told(why.to_string()))?;
        text::apply_edits(&before, &edits).map_err(|why| told(why.to_string()))?
    } else {
        let line_end = if before.ends_with('\n') { "" } else { "\n" };
        format!("{before}{line_end}dbt:\n  method: {}\n", method.as_str())
    };
    if rules_method(&after).as_deref() != Some(method.as_str()) {
        return Err(told(format!("it is no mapping that `dbt.method` could be set in; write `dbt: {{method: {}}}` yourself", method.as_str())));
    }
    let folder = file.parent().unwrap_or(Path::new("."));
    let written = tempfile::NamedTempFile::new_in(folder).and_then(|mut half| {
        std::io::Write::write_all(&mut half, after.as_bytes())?;
        if let Ok(metadata) = std::fs::metadata(file) {
            std::fs::set_permissions(half.path(), metadata.permissions())?;
        }
        half.persist(file).map(|_| ()).map_err(|error| error.error)
    });
    written.map_err(|error| told(error.to_string()))?;
    Ok(true)
}

fn rules_method(text: &str) -> Option<String> {
    syntax::yaml::parse(text).root?.get("dbt")?.get_str("method").map(str::to_owned)
}

/// Runs the person's own dbt: `parse` first, which needs no warehouse; then `docs generate`, which asks it for columns and compiles.
fn core(context: &Context, root: &Path) -> Result<Vec<String>, String> {
    let dbt = Dbt::find(root)?;
    output::note(&format!("ragstar: {} parse", dbt.shown()));
    dbt.run(context, root, &["parse"])?;
    let mut says = vec![format!("dbt parse: done with {}", dbt.shown())];
    output::note(&format!("ragstar: {} docs generate", dbt.shown()));
    match dbt.run(context, root, &["docs", "generate"]) {
        Ok(()) => says.push("dbt docs generate: done".to_owned()),
        // Without a warehouse there is no catalog, and the rest is there all the same.
        Err(why) => {
            output::note(&format!("ragstar: the catalog could not be made, so types of columns are those that the project says. {why}"));
            match dbt.run(context, root, &["compile"]) {
                Ok(()) => says.push("dbt compile: done".to_owned()),
                Err(_) => says.push("dbt docs generate and compile: not done".to_owned()),
            }
        }
    }
    Ok(says)
}

/// How the person's dbt is started.
struct Dbt {
    program: PathBuf,
    before: Vec<&'static str>,
}

impl Dbt {
    /// `DBT_EXECUTABLE`; a virtual environment of the project's or above, or the active one; the project's uv, poetry or pipenv; PATH.
    fn find(root: &Path) -> Result<Self, String> {
        if let Some(program) = std::env::var_os("DBT_EXECUTABLE").filter(|program| !program.is_empty()) {
            return Ok(Self { program: program.into(), before: Vec::new() });
        }
        let scripts = if cfg!(windows) { "Scripts/dbt.exe" } else { "bin/dbt" };
        let active = std::env::var_os("VIRTUAL_ENV").map(PathBuf::from);
        let beside = root.ancestors().take(4).flat_map(|folder| [".venv", "venv", "env"].map(|name| folder.join(name)));
        if let Some(program) = active.into_iter().chain(beside).map(|folder| folder.join(scripts)).find(|program| program.is_file()) {
            return Ok(Self { program, before: Vec::new() });
        }
        let has = |file: &str| root.ancestors().take(4).any(|folder| folder.join(file).is_file());
        for (lock, manager) in [("uv.lock", "uv"), ("poetry.lock", "poetry"), ("Pipfile.lock", "pipenv")] {
            let candidate = Self { program: manager.into(), before: vec!["run", "dbt"] };
            if has(lock) && candidate.works(root) {
                return Ok(candidate);
            }
        }
        let plain = Self { program: "dbt".into(), before: Vec::new() };
        if plain.works(root) {
            return Ok(plain);
        }
        Err("no dbt was found: not in a virtual environment beside the project, not through uv, poetry or pipenv, not on PATH; install dbt-core with your adapter, or set DBT_EXECUTABLE. \
             `ragstar init --method local` needs none"
            .to_owned())
    }

    fn works(&self, root: &Path) -> bool {
        let asked = self.command(root).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        asked.is_ok_and(|status| status.success())
    }

    fn command(&self, root: &Path) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.before).current_dir(root).stdin(Stdio::null());
        command
    }

    fn shown(&self) -> String {
        let mut shown = self.program.display().to_string();
        self.before.iter().for_each(|word| shown.push_str(&format!(" {word}")));
        shown
    }

    /// Runs one of dbt's commands with the target that this call works with. On failure what dbt printed is the error.
    fn run(&self, context: &Context, root: &Path, words: &[&str]) -> Result<(), String> {
        let mut command = self.command(root);
        command.arg("--no-use-colors").args(words);
        for (key, flag) in [
            ("dbt.target", "--target"),
            ("dbt.profile", "--profile"),
            ("dbt.profiles_dir", "--profiles-dir"),
            ("dbt.vars", "--vars"),
            ("dbt.target_path", "--target-path"),
        ] {
            if let Some(value) = context.settings.get(key) {
                command.args([flag, value]);
            }
        }
        let output = command.output().map_err(|error| format!("{} can't be started: {error}", self.shown()))?;
        if output.status.success() {
            return Ok(());
        }
        let printed = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).trim().to_owned());
        Err(format!("dbt {} failed:\n{}", words.join(" "), printed.join("\n").trim()))
    }
}

async fn cloud(context: &Context) -> Result<Vec<String>, String> {
    let settings = &context.settings;
    let missing = |name: &str, what: &str| format!("dbt Cloud needs {name}, {what}; put it into the environment or a .env beside the project");
    let key = settings.secret("dbt_cloud.api_key").ok_or_else(|| missing("DBT_CLOUD_API_KEY", "a service token or a personal token"))?;
    let id = settings.count("dbt_cloud.account_id").ok_or_else(|| missing("DBT_CLOUD_ACCOUNT_ID", "the account's number"))?;
    super::wiring(context).refuse_foreign_url("dbt_cloud.url", "dbt_cloud.api_key", "DBT_CLOUD_URL").map_err(|error| error.reader)?;
    let account = cloud::Account {
        url: settings.get("dbt_cloud.url").unwrap_or("https://cloud.getdbt.com").to_owned(),
        id,
        key,
        job: settings.count("dbt_cloud.job_id"),
        environment: settings.count("dbt_cloud.environment_id"),
        first_wait: std::time::Duration::from_millis(settings.count("dbt_cloud.first_wait_ms").unwrap_or(1000)),
    };
    let names = Artifact::ALL.map(Artifact::file_name);
    let project = context.project_config().name;
    let is_ours = |file: &Path| {
        let bytes = std::fs::read(file).map_err(|error| error.to_string())?;
        dbt::artifacts::check_project(&bytes, &project)
    };
    let taken = cloud::Cloud::new(account).take(&names, &context.cloud_dir(), &is_ours).await.map_err(|error| error.to_string())?;
    let each = taken.iter().map(|taken| {
        let when = taken.run.finished_at.as_deref().map(|at| format!(" of {at}")).unwrap_or_default();
        format!("{} ({:.1} MB) from run {}{when}", taken.name, taken.bytes as f64 / 1e6, taken.run.id)
    });
    Ok(each.collect())
}
