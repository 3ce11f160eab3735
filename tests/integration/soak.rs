//! Random requests, edits, cancellations, nonsense and changes on disk at the language server: it answers each request exactly once,
//! says no wrong thing about itself and lives. `RAGSTAR_SOAK_SECONDS` lets it run longer, `RAGSTAR_SOAK_SEED` otherwise.

use crate::harness::Person;
use crate::lsp::{Client, uri};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A generator whose numbers a seed gives again (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end.max(1) as u64) as usize
    }

    fn of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}

const AT_POSITIONS: [&str; 13] = [
    "textDocument/hover",
    "textDocument/definition",
    "textDocument/declaration",
    "textDocument/typeDefinition",
    "textDocument/implementation",
    "textDocument/documentHighlight",
    "textDocument/prepareRename",
    "textDocument/prepareCallHierarchy",
    "textDocument/completion",
    "textDocument/signatureHelp",
    "textDocument/references",
    "textDocument/rename",
    "textDocument/selectionRange",
];

const OF_DOCUMENTS: [&str; 8] = [
    "textDocument/documentSymbol",
    "textDocument/foldingRange",
    "textDocument/semanticTokens/full",
    "textDocument/codeLens",
    "textDocument/documentLink",
    "textDocument/diagnostic",
    "ragstar/lineage",
    "ragstar/compiled",
];

const PIECES: [&str; 26] = [
    "{{ ref('",
    "') }}",
    "{{",
    "}}",
    "{% if x %}",
    "{% endif %}",
    "{% for a in b %}",
    "'",
    "\"",
    "(",
    ")",
    ",",
    "\n",
    "\r\n",
    " ",
    "with x as (",
    "select * from ",
    "join ",
    "é",
    "😀",
    "- name: ",
    "  description: ",
    ": ",
    "# ragstar: ignore",
    "a.",
    "models:\n",
];

/// What can't be read, or is no message.
const BROKEN: [&[u8]; 9] = [
    b"Content-Length: 4\r\n\r\n{bad",
    b"Content-Length: 4\r\n\r\nnull",
    b"Content-Length: 2\r\n\r\n\xff\xfe",
    b"Content-Length: 25\r\n\r\n{\"jsonrpc\":\"2.0\",\"id\":\"\"}}}",
    b"Content-Length: 99999999999999999999\r\n\r\n",
    b"Content-Length\r\n\r\n",
    b"nonsense\n\r\n",
    b"Content-Length: 4\r\n\r\nnull, and more than it says",
    b"\r\n",
];

struct Open {
    uri: String,
    text: String,
    version: i64,
}

/// A random place, sometimes outside of the text.
fn position(random: &mut Random, text: &str) -> Value {
    let lines: Vec<&str> = text.split('\n').collect();
    let line = random.below(lines.len() + 1);
    let length = lines.get(line).map_or(0, |line| line.encode_utf16().count());
    let wild = if random.below(20) == 0 { 1_000 } else { 0 };
    json!({"line": line + wild, "character": random.below(length + 2) + wild})
}

/// What the position means in the text, as the server should take it: inside of it, at a character's start.
fn offset(text: &str, position: &Value) -> usize {
    let (line, character) = (position["line"].as_u64().unwrap() as usize, position["character"].as_u64().unwrap() as usize);
    let mut start = 0;
    for _ in 0..line {
        match text[start..].find('\n') {
            Some(end) => start += end + 1,
            None => return text.len(),
        }
    }
    let end = text[start..].find('\n').map_or(text.len(), |end| start + end);
    let end = if text[start..end].ends_with('\r') { end - 1 } else { end };
    let mut units = 0;
    for (at, c) in text[start..end].char_indices() {
        if units >= character {
            return start + at;
        }
        units += c.len_utf16();
    }
    end
}

fn params(random: &mut Random, method: &str, open: &Open) -> Value {
    let document = json!({"uri": open.uri});
    let at = position(random, &open.text);
    match method {
        "textDocument/references" => json!({"textDocument": document, "position": at, "context": {"includeDeclaration": random.below(2) == 0}}),
        "textDocument/rename" => json!({"textDocument": document, "position": at, "newName": random.of(&["renamed", "a b", "", "yes", "select"])}),
        "textDocument/selectionRange" => json!({"textDocument": document, "positions": [at, position(random, &open.text)]}),
        _ => json!({"textDocument": document, "position": at}),
    }
}

#[test]
fn a_server_that_is_asked_everything_answers_everything() {
    let number = |name: &str, otherwise: u64| std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(otherwise);
    let seconds = number("RAGSTAR_SOAK_SECONDS", 6);
    let seed = number("RAGSTAR_SOAK_SEED", 20_261_125);
    let mut random = Random(seed | 1);
    let project = testkit::shop_copy().unwrap();
    let root = project.path().canonicalize().unwrap();
    let capabilities = json!({
        "textDocument": {"diagnostic": {}, "codeAction": {"resolveSupport": {"properties": ["edit"]}}, "completion": {"completionItem": {"snippetSupport": true}}},
        "workspace": {"diagnostics": {"refreshSupport": true}, "workspaceEdit": {"documentChanges": true, "resourceOperations": ["create", "rename"]}},
    });
    let mut client = Client::start(&Person::new(), &root, capabilities);
    client.until_loaded();
    let files: Vec<PathBuf> = ["sql", "yml", "md", "csv"].iter().flat_map(|ending| files_below(&root.join("models"), ending)).collect();
    let mut open: Vec<Open> = Vec::new();
    let mut asked: BTreeMap<i64, String> = BTreeMap::new();
    let started = Instant::now();
    let mut rounds = 0u64;
    while started.elapsed() < Duration::from_secs(seconds) {
        rounds += 1;
        match random.below(20) {
            0 if open.len() < 8 => {
                let path = random.of(&files).clone();
                if std::fs::read_to_string(&path).is_ok() && !open.iter().any(|one| one.uri == uri(&path)) {
                    open.push(Open { uri: uri(&path), text: client.open(&path), version: 1 });
                }
            }
            1 if open.len() > 2 => {
                let at = random.below(open.len());
                let gone = open.remove(at);
                client.notify("textDocument/didClose", json!({"textDocument": {"uri": gone.uri}}));
            }
            2 => {
                let path = random.of(&files).clone();
                match random.below(4) {
                    0 => drop(std::fs::remove_file(&path)),
                    1 => drop(std::fs::write(&path, b"\xff\xfe not text")),
                    _ => drop(std::fs::write(&path, random.of(&PIECES))),
                }
                client.notify("workspace/didChangeWatchedFiles", json!({"changes": [{"uri": uri(&path), "type": 2}]}));
            }
            3 => {
                // What no client should send.
                let message = match random.below(8) {
                    0 => {
                        json!({"jsonrpc": "2.0", "method": "textDocument/didChange", "params": {"textDocument": {"uri": "file:///gone", "version": 1}, "contentChanges": []}})
                    }
                    1 => json!({"jsonrpc": "2.0", "method": "nothing/atAll", "params": []}),
                    2 => json!({"jsonrpc": "2.0", "method": "$/cancelRequest", "params": {"id": 999_999}}),
                    3..=6 => {
                        let raw = *random.of::<&[u8]>(&BROKEN);
                        client.send_raw(raw);
                        continue;
                    }
                    _ => json!({"jsonrpc": "2.0", "method": "textDocument/didOpen", "params": {"textDocument": 7}}),
                };
                client.send(&message);
            }
            4 => {
                let id = client.begin("workspace/symbol", json!({"query": random.of(&["", "fct", "é", "_", "zzz"])}));
                asked.insert(id, "workspace/symbol".to_owned());
            }
            5..=9 if !open.is_empty() => {
                let at = random.below(open.len());
                let piece = *random.of(&PIECES);
                let (one, other) = (position(&mut random, &open[at].text), position(&mut random, &open[at].text));
                let document = &mut open[at];
                let (one_at, other_at) = (offset(&document.text, &one), offset(&document.text, &other));
                let (start, end, from, to) = if one_at <= other_at { (one, other, one_at, other_at) } else { (other, one, other_at, one_at) };
                // A few letters at a time, or the file is soon empty.
                let (end, to) = if to - from > 12 { (start.clone(), from) } else { (end, to) };
                let is_inside = [&start, &end].iter().all(|place| place["line"].as_u64().unwrap() as usize <= document.text.matches('\n').count());
                if !is_inside {
                    continue;
                }
                document.text.replace_range(from..to, piece);
                document.version += 1;
                let change = json!({"textDocument": {"uri": document.uri, "version": document.version}, "contentChanges": [{"range": {"start": start, "end": end}, "text": piece}]});
                client.notify("textDocument/didChange", change);
            }
            10..=12 if !open.is_empty() => {
                let at = random.below(open.len());
                let method = *random.of(&OF_DOCUMENTS);
                let id = client.begin(method, json!({"textDocument": {"uri": open[at].uri}}));
                asked.insert(id, method.to_owned());
            }
            13 if !open.is_empty() => {
                let at = random.below(open.len());
                let (start, end) = (position(&mut random, &open[at].text), position(&mut random, &open[at].text));
                let range = json!({"start": start, "end": end});
                let method = *random.of(&["textDocument/codeAction", "textDocument/inlayHint", "textDocument/semanticTokens/range"]);
                let id = client.begin(method, json!({"textDocument": {"uri": open[at].uri}, "range": range, "context": {"diagnostics": []}}));
                asked.insert(id, method.to_owned());
            }
            _ if !open.is_empty() => {
                let at = random.below(open.len());
                let method = *random.of(&AT_POSITIONS);
                let id = client.begin(method, params(&mut random, method, &open[at]));
                if random.below(5) == 0 {
                    client.notify("$/cancelRequest", json!({"id": id}));
                }
                asked.insert(id, method.to_owned());
            }
            _ => {}
        }
        if asked.len() > 40 {
            settle(&mut client, &mut asked, seed);
        }
    }
    settle(&mut client, &mut asked, seed);
    // The server has the text that the client has: its outline, asked for last, is of it.
    for document in &open {
        let compiled = client.request("textDocument/semanticTokens/full", json!({"textDocument": {"uri": document.uri}}));
        let lines = document.text.matches('\n').count() as u64;
        let last: u64 = compiled["data"].as_array().map_or(0, |data| data.chunks(5).map(|token| token[0].as_u64().unwrap()).sum());
        assert!(last <= lines, "seed {seed}: a token on line {last} of {lines} in {}", document.uri);
    }
    assert_eq!(client.end(), Some(0), "seed {seed}, {rounds} rounds");
}

/// Takes one answer for each request, in whatever order.
fn settle(client: &mut Client, asked: &mut BTreeMap<i64, String>, seed: u64) {
    while let Some((&id, _)) = asked.first_key_value() {
        let (got, answer) = client.any_answer(id);
        let method = asked.remove(&got).unwrap_or_else(|| panic!("seed {seed}: {got} was answered twice, or never asked: {answer}"));
        if let Some(error) = answer.get("error") {
            let code = error["code"].as_i64().unwrap();
            // Cancelled, refused with a reason, or a document that is none.
            assert!([-32800, -32803, -32801].contains(&code), "seed {seed}: {method}: {error}");
        }
    }
}

fn files_below(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            found.extend(files_below(&entry, ending));
        } else if entry.extension().is_some_and(|extension| extension == ending) {
            found.push(entry);
        }
    }
    found.sort();
    found
}
