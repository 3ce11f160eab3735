//! How a project's index grows: models, files, bytes, seconds and peak memory, cold, after an edit of a model, of a properties
//! file and of a macro. `cargo bench -p ragstar-ide --bench scale -- [MODELS|DIR]…`

use ide::AnalysisHost;
use std::path::{Path, PathBuf};
use std::time::Instant;
use vfs::{DiskLoader, Loader};

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    for dir in args {
        one(Path::new(&dir));
    }
}

fn one(root: &Path) {
    let root: PathBuf = std::fs::canonicalize(root).expect("dir");
    let started = Instant::now();
    let mut host = AnalysisHost::new(&root);
    let files = DiskLoader.load(&root);
    let read = started.elapsed();
    host.load(files);
    let analysis = host.publish();
    let cold = started.elapsed();
    println!("read {:.0} ms, cold {:.0} ms, peak {} MB", read.as_secs_f64() * 1e3, cold.as_secs_f64() * 1e3, peak());
    let model = analysis
        .files
        .values()
        .filter(|f| f.relative.starts_with("models/") && f.relative.ends_with(".sql") && f.text.contains("ref("))
        .min_by_key(|f| f.path.clone())
        .expect("a model")
        .clone();
    for n in 0..3 {
        let started = Instant::now();
        host.set_overlay(&model.path, Some(format!("{}\n-- {n}", model.text).into()));
        host.publish();
        println!("edit of a model's text {:.2} ms", started.elapsed().as_secs_f64() * 1e3);
    }
    for n in 0..3 {
        let started = Instant::now();
        host.set_overlay(&model.path, Some(format!("-- {{{{ ref('x{n}') }}}}\n{}", model.text).into()));
        host.publish();
        println!("edit of a model's refs {:.2} ms", started.elapsed().as_secs_f64() * 1e3);
    }
    drop(analysis);
    println!("peak {} MB", peak());
}

fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().find_map(|line| line.strip_prefix("VmHWM:")).and_then(|rest| rest.trim().split(' ').next()?.parse::<u64>().ok()).unwrap_or(0) / 1024
}
