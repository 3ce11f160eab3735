//! What an editor waits for: the built program over standard input and output on a generated project of 10,000 models, or on the folder
//! that is named; other servers can run through the same in the same run.
//!
//! `cargo bench -p ragstar --bench editor -- [MODELS | DIR] [--peer NAME COMMAND]…` prints a table of milliseconds, p50 / p99.

#![allow(clippy::print_stdout, clippy::expect_used)]

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Files that are open at once.
const OPEN: usize = 40;
/// Requests of each kind.
const REQUESTS: usize = 200;
const EDITS: usize = 60;
/// Edits of one file, 50 a second, each asked about at once.
const TYPED: usize = 1000;
const PATIENCE: Duration = Duration::from_secs(120);

fn main() {
    let mut words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let mut peers = Vec::new();
    while let Some(at) = words.iter().position(|word| word == "--peer") {
        let mut peer = words.drain(at..at + 3).skip(1);
        peers.push((peer.next().expect("a name after --peer"), peer.next().expect("a command behind the name")));
    }
    let wanted = words.first().map_or("10000", String::as_str);
    let generated = wanted.parse::<usize>().ok().map(|models| testkit::generated_project(models).expect("a project"));
    let root = generated.as_ref().map_or_else(|| PathBuf::from(wanted), |dir| dir.path().to_owned());
    let root = std::fs::canonicalize(root).expect("the project");
    let cache = tempfile::tempdir().expect("a folder");
    let own = format!("{} lsp --set cache.dir={}", env!("CARGO_BIN_EXE_ragstar"), cache.path().display());
    let runs = [("cold".to_owned(), own.clone()), ("warm".to_owned(), own)].into_iter().chain(peers);
    let measured: Vec<(String, Vec<(&str, String)>)> = runs.map(|(name, command)| (name, run(&root, &command))).collect();
    println!("| |{}", measured.iter().map(|(name, _)| format!(" {name} |")).collect::<String>());
    println!("|---|{}", "---|".repeat(measured.len()));
    let Some((_, first)) = measured.first() else { return };
    for (row, (label, _)) in first.iter().enumerate() {
        println!("| {label} |{}", measured.iter().map(|(_, rows)| format!(" {} |", rows[row].1)).collect::<String>());
    }
}

/// A model's file with a `ref` in it, and where that's name ends.
struct Site {
    uri: String,
    text: String,
    name: String,
    line: usize,
    /// The column behind the name; names are ASCII.
    end: usize,
    version: i64,
}

fn sites(root: &Path) -> Vec<Site> {
    let mut found = Vec::new();
    let mut pending = vec![root.join("models")];
    while let Some(folder) = pending.pop() {
        let mut entries: Vec<PathBuf> = std::fs::read_dir(folder).expect("a folder").filter_map(|entry| Some(entry.ok()?.path())).collect();
        entries.sort();
        for path in entries {
            if path.is_dir() {
                pending.push(path);
            } else if path.extension().is_some_and(|extension| extension == "sql") {
                found.extend(site(&path));
            }
        }
    }
    // Spread over the project.
    let step = (found.len() / OPEN).max(1);
    let sites: Vec<Site> = found.into_iter().step_by(step).take(OPEN).collect();
    assert!(!sites.is_empty(), "no model of {} has a ref that is written out", root.display());
    sites
}

fn site(path: &Path) -> Option<Site> {
    let text = std::fs::read_to_string(path).ok()?;
    let start = text.find("ref('")? + "ref('".len();
    let name = text[start..].split('\'').next()?.to_owned();
    let line = text[..start].matches('\n').count();
    let end = start + name.len() - text[..start].rfind('\n').map_or(0, |at| at + 1);
    let head = &text[..start];
    let is_code = !head.lines().last().unwrap_or_default().contains("--") && head.matches("{#").count() == head.matches("#}").count();
    is_code.then(|| Site { uri: format!("file://{}", path.display()), text, name, line, end, version: 1 })
}

/// A run of one server: labels and what they came to.
fn run(root: &Path, command: &str) -> Vec<(&'static str, String)> {
    let mut rows = Vec::new();
    let mut sites = sites(root);
    // The first start reads the program from disk, which is the system's time.
    let mut first = Server::start(root, command);
    first.request("initialize", json!({"processId": null, "rootUri": null, "capabilities": {}}));
    first.end();
    let started = Instant::now();
    let mut server = Server::start(root, command);
    let documents = json!({"publishDiagnostics": {}, "hover": {"contentFormat": ["markdown"]}, "completion": {"completionItem": {"snippetSupport": true}}});
    server.request("initialize", json!({"processId": null, "rootUri": format!("file://{}", root.display()), "capabilities": {"textDocument": documents}}));
    rows.push(("initialize", one(started.elapsed())));
    server.notify("initialized", json!({}));
    // The first right answer, asked for as an editor would: again and again.
    server.open(&sites[0]);
    let ready = loop {
        let (answer, _) = server.request("textDocument/definition", at(&sites[0]));
        if leads_to(&answer, &sites[0].name) {
            break Some(started.elapsed());
        }
        if started.elapsed() > PATIENCE {
            break None;
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    rows.push(("first right definition", ready.map_or_else(|| "never".to_owned(), one)));
    let mut taken = Vec::new();
    for site in sites.iter().skip(1) {
        let began = Instant::now();
        server.open(site);
        server.request("textDocument/hover", at(site));
        taken.push(began.elapsed());
    }
    rows.push(("didOpen and hover", summary(taken)));
    std::thread::sleep(Duration::from_secs(3));
    for (label, method) in [
        ("hover on a ref", "textDocument/hover"),
        ("definition of a ref", "textDocument/definition"),
        ("references of a model", "textDocument/references"),
        ("completion in a ref", "textDocument/completion"),
        ("document symbols", "textDocument/documentSymbol"),
        ("workspace symbols", "workspace/symbol"),
    ] {
        let (mut taken, mut lacking) = (Vec::new(), 0);
        for round in 0..REQUESTS {
            let site = &sites[round % sites.len()];
            let mut params = at(site);
            params["context"] = json!({"includeDeclaration": true, "triggerKind": 1});
            params["query"] = json!(&site.name[..site.name.len().min(6)]);
            let (answer, time) = server.request(method, params);
            let is_empty = answer.is_null() || answer.as_array().is_some_and(Vec::is_empty);
            lacking += usize::from(is_empty);
            taken.push(time);
        }
        rows.push((label, if lacking * 2 > REQUESTS { "not answered".to_owned() } else { summary(taken) }));
    }
    rows.push(("keystroke to diagnostics", keystrokes(&mut server, &mut sites)));
    let (typed, wrong) = typing(&mut server, &mut sites);
    rows.push(("definition while 50 letters a second are typed", typed));
    rows.push(("of these lost or stale", wrong));
    rows.push(("memory at most", format!("{} MB", server.peak_mb().unwrap_or_default())));
    server.end();
    rows
}

/// The edits break a name and mend it, in one open file after another; how long until the client is told.
fn keystrokes(server: &mut Server, sites: &mut [Site]) -> String {
    let (mut taken, mut silent) = (Vec::new(), 0);
    for round in 0..EDITS {
        let number = (round / 2) % sites.len();
        let site = &mut sites[number];
        server.told.clear();
        let began = Instant::now();
        server.toggle(site, round % 2 == 0);
        match server.until_told(&site.uri, Duration::from_secs(5)) {
            Some(at) => taken.push(at.duration_since(began)),
            None => silent += 1,
        }
    }
    if silent * 2 > EDITS { "not told".to_owned() } else { summary(taken) }
}

/// One letter after the other, each asked about at once; the answers have to be of the text as it is.
fn typing(server: &mut Server, sites: &mut [Site]) -> (String, String) {
    let site = &mut sites[0];
    let (mut taken, mut wrong) = (Vec::new(), 0);
    let began = Instant::now();
    for round in 0..TYPED {
        let due = Duration::from_millis(20) * u32::try_from(round).unwrap_or(u32::MAX);
        std::thread::sleep(due.saturating_sub(began.elapsed()));
        let is_broken = round % 2 == 0;
        server.toggle(site, is_broken);
        let (answer, time) = server.request("textDocument/definition", at(site));
        wrong += usize::from(leads_to(&answer, &site.name) == is_broken);
        taken.push(time);
    }
    (summary(taken), format!("{wrong} of {TYPED}"))
}

/// Inside of the name of a site's `ref`.
fn at(site: &Site) -> Value {
    json!({"textDocument": {"uri": site.uri}, "position": {"line": site.line, "character": site.end - 1}})
}

fn leads_to(answer: &Value, name: &str) -> bool {
    let first = if answer.is_array() { &answer[0] } else { answer };
    let uri = first["uri"].as_str().or_else(|| first["targetUri"].as_str()).unwrap_or_default();
    uri.ends_with(&format!("/{name}.sql")) || uri.ends_with(&format!("/{name}.csv"))
}

fn one(time: Duration) -> String {
    format!("{:.0}", time.as_secs_f64() * 1e3)
}

fn summary(mut taken: Vec<Duration>) -> String {
    taken.sort();
    let of = |share: usize| taken.get((taken.len() * share / 100).min(taken.len().saturating_sub(1))).map_or(0.0, |time| time.as_secs_f64() * 1e3);
    format!("{:.1} / {:.1}", of(50), of(99))
}

struct Server {
    child: Child,
    input: ChildStdin,
    messages: mpsc::Receiver<(Instant, Value)>,
    /// Files whose diagnostics came, and when.
    told: Vec<(String, Instant)>,
    next: i64,
}

impl Server {
    fn start(root: &Path, command: &str) -> Self {
        let mut words = command.split_whitespace();
        let program = words.next().expect("a program");
        let mut child = Command::new(program)
            .args(words)
            .current_dir(root)
            .env("RAGSTAR_LOG_LEVEL", "error")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the server starts");
        let input = child.stdin.take().expect("its input");
        let mut output = BufReader::new(child.stdout.take().expect("its output"));
        let (send, messages) = mpsc::channel();
        std::thread::spawn(move || while read(&mut output).is_some_and(|message| send.send((Instant::now(), message)).is_ok()) {});
        Self { child, input, messages, told: Vec::new(), next: 0 }
    }

    fn send(&mut self, message: &Value) {
        let body = message.to_string();
        write!(self.input, "Content-Length: {}\r\n\r\n{body}", body.len()).expect("the server reads");
        self.input.flush().expect("the server reads");
    }

    fn notify(&mut self, method: &str, params: Value) {
        self.send(&json!({"jsonrpc": "2.0", "method": method, "params": params}));
    }

    fn open(&mut self, site: &Site) {
        let document = json!({"uri": site.uri, "languageId": "sql", "version": site.version, "text": site.text});
        self.notify("textDocument/didOpen", json!({"textDocument": document}));
    }

    /// Puts a letter behind the name, or takes it away.
    fn toggle(&mut self, site: &mut Site, is_broken: bool) {
        site.version += 1;
        let start = json!({"line": site.line, "character": site.end});
        let end = if is_broken { start.clone() } else { json!({"line": site.line, "character": site.end + 1}) };
        let change = json!({"range": {"start": start, "end": end}, "text": if is_broken { "z" } else { "" }});
        self.notify("textDocument/didChange", json!({"textDocument": {"uri": site.uri, "version": site.version}, "contentChanges": [change]}));
    }

    fn next_message(&mut self, patience: Duration) -> Option<(Instant, Value)> {
        let (at, message) = self.messages.recv_timeout(patience).ok()?;
        if let (Some(_), Some(id)) = (message.get("method"), message.get("id")) {
            self.send(&json!({"jsonrpc": "2.0", "id": id, "result": null}));
        }
        if message["method"] == "textDocument/publishDiagnostics" {
            self.told.push((message["params"]["uri"].as_str().unwrap_or_default().to_owned(), at));
        }
        Some((at, message))
    }

    /// The answer, nothing where there is an error, and how long it took.
    fn request(&mut self, method: &str, params: Value) -> (Value, Duration) {
        self.next += 1;
        let id = self.next;
        let began = Instant::now();
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
        loop {
            let (at, message) = self.next_message(PATIENCE).expect("an answer");
            if message.get("method").is_none() && message["id"] == json!(id) {
                return (message["result"].clone(), at.duration_since(began));
            }
        }
    }

    fn until_told(&mut self, uri: &str, patience: Duration) -> Option<Instant> {
        let until = Instant::now() + patience;
        loop {
            if let Some((_, at)) = self.told.iter().find(|(told, _)| told == uri) {
                return Some(*at);
            }
            self.next_message(until.saturating_duration_since(Instant::now()))?;
        }
    }

    /// The most memory that it had, where the system says so.
    fn peak_mb(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
        Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? / 1024)
    }

    fn end(mut self) {
        self.request("shutdown", Value::Null);
        self.notify("exit", Value::Null);
        std::thread::sleep(Duration::from_millis(200));
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read(output: &mut impl BufRead) -> Option<Value> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if output.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    output.read_exact(&mut body).ok()?;
    serde_json::from_slice(&body).ok()
}
