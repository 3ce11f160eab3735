//! How busy `ragstar docs generate` keeps a language model, and how fast `ragstar docs coverage` is: a server that takes a fixed time for
//! each request, and notes when it had how many.
//!
//! `cargo bench -p ragstar --bench documenting -- [JOBS…]`; with `--coverage DIR` the coverage of a project instead, cold and with a cache.

#![allow(clippy::print_stdout, clippy::expect_used)]

use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// What one request takes.
const LATENCY: Duration = Duration::from_millis(400);
/// Models of the project; each tenth reads the ten before it.
const MODELS: usize = 200;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    if let Some(at) = args.iter().position(|arg| arg == "--coverage") {
        return coverage(Path::new(args.get(at + 1).expect("a folder after --coverage")));
    }
    let jobs: Vec<usize> = if args.is_empty() { vec![1, 4, 8, 16] } else { args.iter().map(|arg| arg.parse().expect("a number of jobs")).collect() };
    println!("| jobs | requests | seconds | requests under way on average | busy share |");
    println!("|---|---|---|---|---|");
    jobs.into_iter().for_each(generate);
}

fn project(root: &Path) {
    let write = |path: String, text: &str| std::fs::write(root.join(path), text).expect("a file");
    std::fs::create_dir_all(root.join("models")).expect("a folder");
    write("dbt_project.yml".to_owned(), "name: busy\nversion: '1.0'\nprofile: busy\n");
    for model in 0..MODELS {
        let mut sql = format!("select {model} as number_{model}, 'x' as letter_{model}");
        if model % 10 == 0 && model > 0 {
            let _ = write!(sql, " from {{{{ ref('m{}') }}}}", model - 10);
        }
        write(format!("models/m{model}.sql"), &sql);
    }
}

fn generate(jobs: usize) {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().join("project");
    project(&root);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/v1", listener.local_addr().expect("its address"));
    let spans: Arc<Mutex<Vec<(Instant, Instant)>>> = Arc::default();
    {
        let spans = spans.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let spans = spans.clone();
                std::thread::spawn(move || serve(stream, &spans));
            }
        });
    }
    let began = Instant::now();
    let ran = command(folder.path(), &root)
        .args(["docs", "generate", "--jobs", &jobs.to_string()])
        .env("LLM_CHAT_BASE_URL", url)
        .env("LLM_CHAT_MODEL", "bench")
        .status()
        .expect("the program runs");
    assert!(ran.success(), "docs generate failed");
    let taken = began.elapsed();
    let spans = spans.lock().expect("the spans");
    let first = spans.iter().map(|(begin, _)| *begin).min().expect("a request");
    let last = spans.iter().map(|(_, end)| *end).max().expect("a request");
    let all: Duration = spans.iter().map(|(begin, end)| *end - *begin).sum();
    let average = all.as_secs_f64() / (last - first).as_secs_f64();
    println!("| {jobs} | {} | {:.1} | {average:.2} | {:.1} % |", spans.len(), taken.as_secs_f64(), average * 100.0 / jobs as f64);
}

fn command(folder: &Path, root: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ragstar"));
    command.arg("--project").arg(root).env_clear().env("HOME", folder).env("PATH", std::env::var("PATH").unwrap_or_default());
    command.env("XDG_CACHE_HOME", folder.join("cache")).env("XDG_DATA_HOME", folder.join("data")).stdin(Stdio::null()).stdout(Stdio::null());
    command.stderr(Stdio::null());
    command
}

/// Answers each request of a connection with a description for every name that it asks for.
fn serve(stream: TcpStream, spans: &Mutex<Vec<(Instant, Instant)>>) -> Option<()> {
    let mut lines = BufReader::new(stream.try_clone().ok()?);
    let mut out = stream;
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if lines.read_line(&mut line).ok()? == 0 {
                return None;
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().ok()?;
            }
            if line.trim().is_empty() {
                break;
            }
        }
        let began = Instant::now();
        let mut body = vec![0; length];
        lines.read_exact(&mut body).ok()?;
        let request: Value = serde_json::from_slice(&body).ok()?;
        let asked = request["messages"][1]["content"].as_str()?;
        let asked = &asked[asked.rfind("Write the description of")?..];
        let mut names: Vec<&str> = asked.split('`').skip(1).step_by(2).filter(|name| *name != "write_descriptions").collect();
        names.dedup();
        let texts: Vec<Value> = names.iter().map(|name| json!({"name": name, "description": format!("What {} tells.", name.replace('_', " "))})).collect();
        std::thread::sleep(LATENCY);
        let call = json!({"index": 0, "id": "1", "type": "function", "function": {"name": "write_descriptions", "arguments": json!({"descriptions": texts}).to_string()}});
        let chunk = json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [{"index": 0, "delta": {"tool_calls": [call]}, "finish_reason": "tool_calls"}]});
        let text = format!("data: {chunk}\n\ndata: {{\"choices\":[],\"usage\":{{\"prompt_tokens\":7,\"completion_tokens\":3}}}}\n\ndata: [DONE]\n\n");
        spans.lock().ok()?.push((began, Instant::now()));
        write!(out, "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: {}\r\n\r\n{text}", text.len()).ok()?;
    }
}

/// Five cold runs and five with a cache, in seconds: to the first line, and to the end.
fn coverage(root: &Path) {
    println!("| | first line | end |");
    println!("|---|---|---|");
    let folder = tempfile::tempdir().expect("a folder");
    for cold in [true, false] {
        let mut taken = Vec::new();
        for _ in 0..5 {
            if cold {
                let _ = std::fs::remove_dir_all(folder.path().join("cache"));
            }
            let began = Instant::now();
            let mut child = command(folder.path(), root).args(["docs", "coverage"]).stdout(Stdio::piped()).spawn().expect("the program runs");
            let mut lines = BufReader::new(child.stdout.take().expect("its output"));
            let mut line = String::new();
            lines.read_line(&mut line).expect("a line");
            let first = began.elapsed();
            let _ = lines.read_to_string(&mut line);
            child.wait().expect("it ends");
            taken.push((first, began.elapsed()));
        }
        taken.sort();
        let (first, end) = taken[taken.len() / 2];
        println!("| {} | {:.2} | {:.2} |", if cold { "cold" } else { "with a cache" }, first.as_secs_f64(), end.as_secs_f64());
    }
}
