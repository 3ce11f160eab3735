//! How the index grows with the project: generated ones of 100 to 100,000 models, or folders that are named. Each is measured in a
//! process of its own, so that its peak memory is its own; cold is without a cache, warm with one.
//!
//! `cargo bench -p ragstar-cache --bench scale -- [MODELS | DIR]…`; with `--dbt PROGRAM` dbt parses the same project in the same run.

#![allow(clippy::print_stdout)]

use cache::Cache;
use ide::{AnalysisHost, DbtSettings, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use vfs::{DiskLoader, Loader};

/// As in the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const SIZES: [&str; 4] = ["100", "1000", "10000", "100000"];
/// Each edit is made so often; the median counts.
const EDITS: usize = 21;

fn main() {
    let mut args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    match args.first().map(String::as_str) {
        Some("--one") => return measure(Path::new(&args[1])),
        Some("--keep") => return keep(Path::new(&args[1]), Path::new(&args[2])),
        Some("--warm") => return recall(Path::new(&args[1]), Path::new(&args[2])),
        _ => {}
    }
    let dbt = args.iter().position(|arg| arg == "--dbt").map(|at| args.drain(at..at + 2).nth(1).expect("a program after --dbt"));
    if args.is_empty() {
        args = SIZES.map(str::to_owned).to_vec();
    }
    println!(
        "| project | models | files | MB | evaluated | read s | cold s | peak MB | model edit ms | YAML edit ms | macro edit ms | whole again ms | warm s | peak MB | cache MB |{}",
        if dbt.is_some() { " dbt parse s | its peak MB |" } else { "" }
    );
    println!("|{}", "---|".repeat(if dbt.is_some() { 17 } else { 15 }));
    for arg in args {
        let generated = arg.parse::<usize>().ok().map(|models| testkit::generated_project(models).expect("a project"));
        let dir = generated.as_ref().map_or_else(|| PathBuf::from(&arg), |dir| dir.path().to_owned());
        let program = std::env::current_exe().expect("this program");
        let cache = tempfile::tempdir().expect("a folder");
        let run = |words: &[&std::ffi::OsStr]| Command::new(&program).args(words).output().expect("it runs");
        let output = run(&["--one".as_ref(), dir.as_os_str()]);
        run(&["--keep".as_ref(), dir.as_os_str(), cache.path().as_os_str()]);
        // The second is not racy any more, as any later start.
        std::thread::sleep(Duration::from_secs(3));
        let warm = [0; 3].map(|_| run(&["--warm".as_ref(), dir.as_os_str(), cache.path().as_os_str()])).into_iter().last();
        let warm = warm.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default();
        let name = if generated.is_some() { "generated".to_owned() } else { dir.file_name().unwrap_or_default().to_string_lossy().into_owned() };
        let peer = dbt.as_deref().map(|dbt| parse_with(dbt, &dir)).unwrap_or_default();
        println!("| {name} {} {warm}{peer}", String::from_utf8_lossy(&output.stdout).trim());
        if !output.status.success() {
            println!("{}", String::from_utf8_lossy(&output.stderr));
        }
    }
}

fn settings_of(root: &Path) -> DbtSettings {
    DbtSettings { profiles: std::fs::read_to_string(root.join("profiles.yml")).ok().map(Into::into), ..DbtSettings::default() }
}

/// Writes the cache of a project.
fn keep(root: &Path, dir: &Path) {
    let root = std::fs::canonicalize(root).expect("the project");
    let loaded = SystemTime::now();
    let mut host = AnalysisHost::new(&root);
    host.set_settings(settings_of(&root));
    host.load(DiskLoader.load(&root));
    host.publish();
    Cache::new(dir, &root).with_min_files(1).write(&host.snapshot().expect("nothing is edited"), &settings_of(&root), loaded);
}

/// A start with the cache.
fn recall(root: &Path, dir: &Path) {
    let root = std::fs::canonicalize(root).expect("the project");
    let started = Instant::now();
    let settings = settings_of(&root);
    let kept = Cache::new(dir, &root).read(&settings).expect("it was kept");
    let mut host = AnalysisHost::new(&root);
    host.set_settings(settings);
    let analysis = host.restore(kept);
    let warm = started.elapsed();
    assert!(!analysis.index.nodes.is_empty(), "the index is there");
    let bytes: u64 = std::fs::read_dir(dir.join("index")).expect("it is there").flatten().filter_map(|entry| Some(entry.metadata().ok()?.len())).sum();
    println!("{:.2} | {} | {:.0} |", warm.as_secs_f64(), peak_of_this(), bytes as f64 / 1e6);
}

fn measure(root: &Path) {
    let root = std::fs::canonicalize(root).expect("the project");
    let settings = || settings_of(&root);
    let started = Instant::now();
    let files = DiskLoader.load(&root);
    let read = started.elapsed();
    let mut host = AnalysisHost::new(&root);
    host.set_settings(settings());
    host.load(files);
    let analysis = host.publish();
    let cold = started.elapsed();
    let peak = peak_of_this();
    let bytes: usize = analysis.files.values().map(|file| file.text.len()).sum();
    let models = analysis.index.nodes.iter().filter(|node| node.resource_type == dbt::ResourceType::Model).count();
    let (count, evaluated) = (analysis.files.len(), host.evaluated());
    // The file of a kind that is in the middle, in the order of the paths.
    let pick = |fits: &dyn Fn(&File) -> bool| -> Option<Arc<File>> {
        let mut fitting: Vec<&Arc<File>> = analysis.files.values().filter(|file| file.package == 0 && fits(file)).collect();
        fitting.sort_by(|left, right| left.path.cmp(&right.path));
        fitting.get(fitting.len() / 2).map(|file| Arc::clone(file))
    };
    let model = pick(&|file| file.kind == dbt::FileKind::Model && file.text.contains("ref("));
    let yaml = pick(&|file| file.kind == dbt::FileKind::Properties && file.text.contains("description:"));
    let called = pick(&|file| file.kind == dbt::FileKind::Macro);
    drop(analysis);
    let model_edit = edits(&mut host, model.as_deref(), |text, turn| format!("-- {{{{ ref('new_{turn}') }}}}\n{text}"));
    let yaml_edit = edits(&mut host, yaml.as_deref(), |text, turn| text.replacen("description:", &format!("description: edit {turn} #"), 1));
    let macro_edit = edits(&mut host, called.as_deref(), |text, turn| text.replacen("{% endmacro %}", &format!(" /* {turn} */{{% endmacro %}}"), 1));
    let started = Instant::now();
    host.set_settings(DbtSettings { vars: [("another", data::Value::Bool(true))].into_iter().collect(), ..settings() });
    host.publish();
    let again = started.elapsed();
    println!(
        "| {models} | {count} | {:.1} | {evaluated} | {:.2} | {:.2} | {peak} | {model_edit} | {yaml_edit} | {macro_edit} | {:.0} |",
        bytes as f64 / 1e6,
        read.as_secs_f64(),
        cold.as_secs_f64(),
        again.as_secs_f64() * 1e3
    );
}

/// The median time from an edit to the new state, in milliseconds.
fn edits(host: &mut AnalysisHost, file: Option<&File>, edit: impl Fn(&str, usize) -> String) -> String {
    let Some(file) = file else { return "–".to_owned() };
    let mut times: Vec<Duration> = Vec::new();
    for turn in 0..EDITS {
        let text: Arc<str> = edit(&file.text, turn).into();
        let started = Instant::now();
        host.set_overlay(&file.path, Some(text));
        host.publish();
        times.push(started.elapsed());
    }
    host.set_overlay(&file.path, None);
    host.publish();
    times.sort();
    format!("{:.1}", times[EDITS / 2].as_secs_f64() * 1e3)
}

/// In MB; 0 where the system doesn't say.
fn peak_of_this() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().split(' ').next()?.parse::<u64>().ok()).unwrap_or(0) / 1024
}

/// dbt's own parse of a copy of the project, with a profile for DuckDB where it has none.
fn parse_with(dbt: &str, dir: &Path) -> String {
    let work = tempfile::tempdir().expect("a folder");
    let profile = work.path().join("profiles.yml");
    let project = std::fs::read_to_string(dir.join("dbt_project.yml")).unwrap_or_default();
    let name = dbt::ProjectConfig::read(&project).profile.unwrap_or_default();
    std::fs::write(&profile, format!("{name}:\n  target: dev\n  outputs:\n    dev: {{type: duckdb, path: ':memory:', schema: main}}\n")).expect("a profile");
    let profiles = if dir.join("profiles.yml").is_file() { dir } else { work.path() };
    let mut command = Command::new("/usr/bin/time");
    command.args(["-f", "%e %M", dbt, "--quiet", "parse", "--no-partial-parse", "--target-path"]).arg(work.path().join("target"));
    command.arg("--profiles-dir").arg(profiles).current_dir(dir).env("DBT_SEND_ANONYMOUS_USAGE_STATS", "false");
    let output = command.output().expect("/usr/bin/time and dbt");
    let told = String::from_utf8_lossy(&output.stderr);
    let mut numbers = told.lines().last().unwrap_or_default().split(' ').map(str::to_owned);
    let (seconds, kilobytes) = (numbers.next().unwrap_or_default(), numbers.next().and_then(|kb| kb.parse::<u64>().ok()).unwrap_or(0));
    if output.status.success() { format!(" {seconds} | {} |", kilobytes / 1024) } else { format!(" failed: {} | |", told.lines().next().unwrap_or_default()) }
}
