//! The language server over standard input and output.

use crate::harness::{Person, Running, shop, wait_for};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{ChildStdin, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

pub struct Client {
    child: Running,
    input: ChildStdin,
    messages: mpsc::Receiver<Value>,
    /// What came that nobody waited for.
    pub told: Vec<Value>,
    next: i64,
}

impl Client {
    pub fn start(person: &Person, root: &Path, capabilities: Value) -> Self {
        let mut child = person.ragstar(root, &["lsp"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap();
        let input = child.stdin.take().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let (send, messages) = mpsc::channel();
        std::thread::spawn(move || {
            loop {
                let mut length = 0;
                loop {
                    let mut line = String::new();
                    if output.read_line(&mut line).unwrap_or(0) == 0 {
                        return;
                    }
                    if line == "\r\n" {
                        break;
                    }
                    if let Some(value) = line.strip_prefix("Content-Length: ") {
                        length = value.trim().parse().unwrap();
                    }
                }
                let mut body = vec![0; length];
                if output.read_exact(&mut body).is_err() || send.send(serde_json::from_slice(&body).unwrap()).is_err() {
                    return;
                }
            }
        });
        let mut client = Self { child: Running(child), input, messages, told: Vec::new(), next: 0 };
        let answer = client.request("initialize", json!({"processId": null, "rootUri": uri(root), "capabilities": capabilities}));
        assert_eq!(answer["serverInfo"]["name"], "ragstar");
        client.notify("initialized", json!({}));
        client
    }

    pub fn send(&mut self, message: &Value) {
        let body = message.to_string();
        self.send_raw(format!("Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes());
    }

    /// Bytes as they are.
    pub fn send_raw(&mut self, bytes: &[u8]) {
        self.input.write_all(bytes).unwrap();
        self.input.flush().unwrap();
    }

    /// The next message of a kind; others are passed over.
    pub fn until(&mut self, is_it: impl Fn(&Value) -> bool) -> Value {
        loop {
            let message = self.messages.recv_timeout(Duration::from_secs(30)).expect("the message");
            if is_it(&message) {
                return message;
            }
        }
    }

    pub fn notify(&mut self, method: &str, params: Value) {
        self.send(&json!({"jsonrpc": "2.0", "method": method, "params": params}));
    }

    pub fn begin(&mut self, method: &str, params: Value) -> i64 {
        self.next += 1;
        self.send(&json!({"jsonrpc": "2.0", "id": self.next, "method": method, "params": params}));
        self.next
    }

    /// The whole answer to a request; what else comes is kept, and the server's own requests are answered.
    pub fn answer(&mut self, id: i64) -> Value {
        let started = Instant::now();
        loop {
            let left = Duration::from_secs(300).saturating_sub(started.elapsed());
            let message = self.messages.recv_timeout(left).expect("an answer");
            if message.get("method").is_some() {
                if let Some(request) = message.get("id") {
                    let result = if message["method"] == "workspace/applyEdit" { json!({"applied": true}) } else { Value::Null };
                    self.send(&json!({"jsonrpc": "2.0", "id": request, "result": result}));
                }
                self.told.push(message);
            } else if message["id"] == json!(id) {
                return message;
            }
        }
    }

    /// The next answer to any request; `wanted` is one that is still to come.
    pub fn any_answer(&mut self, wanted: i64) -> (i64, Value) {
        loop {
            let message = self.messages.recv_timeout(Duration::from_secs(60)).unwrap_or_else(|_| panic!("{wanted} is answered"));
            if message.get("method").is_some() {
                if let Some(request) = message.get("id") {
                    self.send(&json!({"jsonrpc": "2.0", "id": request, "result": null}));
                }
            } else if let Some(id) = message["id"].as_i64() {
                return (id, message);
            }
        }
    }

    pub fn request(&mut self, method: &str, params: Value) -> Value {
        let id = self.begin(method, params);
        let answer = self.answer(id);
        assert!(answer.get("error").is_none(), "{method}: {answer}");
        answer["result"].clone()
    }

    pub fn open(&mut self, path: &Path) -> String {
        let text = std::fs::read_to_string(path).unwrap();
        self.notify("textDocument/didOpen", json!({"textDocument": {"uri": uri(path), "languageId": "sql", "version": 1, "text": text}}));
        text
    }

    pub fn until_loaded(&mut self) {
        let started = Instant::now();
        while !self.request("ragstar/status", json!({}))["projects"].as_array().unwrap().iter().any(|project| project["loaded"] == true) {
            assert!(started.elapsed() < Duration::from_secs(30), "the project loads");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// The newest diagnostics of a file once `fits` says that they are the ones.
    pub fn diagnostics(&mut self, path: &Path, fits: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let uri = uri(path);
        let started = Instant::now();
        loop {
            let newest =
                self.told.iter().rev().find(|message| message["method"] == "textDocument/publishDiagnostics" && message["params"]["uri"] == uri.as_str());
            if let Some(found) = newest.map(|message| message["params"]["diagnostics"].as_array().unwrap().clone()).filter(|found| fits(found)) {
                return found;
            }
            assert!(started.elapsed() < Duration::from_secs(20), "diagnostics of {uri}: {:?}", self.told.last());
            self.request("ragstar/status", json!({}));
        }
    }

    /// Says goodbye and gives the exit code.
    pub fn end(mut self) -> Option<i32> {
        self.request("shutdown", Value::Null);
        self.notify("exit", Value::Null);
        wait_for("the end", 10, || self.child.0.try_wait().unwrap()).code()
    }
}

pub fn uri(path: &Path) -> String {
    format!("file://{}", path.display())
}

/// Line and UTF-16 column of a text's first occurrence, `into` characters further.
pub fn find(text: &str, what: &str, into: usize) -> Value {
    let at = text.find(what).unwrap_or_else(|| panic!("{what} is there")) + into;
    let line = text[..at].matches('\n').count();
    let start = text[..at].rfind('\n').map_or(0, |end| end + 1);
    json!({"line": line, "character": text[start..at].encode_utf16().count()})
}

#[test]
fn every_feature_over_the_wire() {
    let project = testkit::shop_copy().unwrap();
    let root = project.path().canonicalize().unwrap();
    let mut client = Client::start(&Person::new(), &root, json!({"general": {"positionEncodings": ["utf-16"]}}));
    client.until_loaded();
    let path = root.join("models/marts/finance/fct_monthly_revenue.sql");
    let text = client.open(&path);
    let at = |position: Value| json!({"textDocument": {"uri": uri(&path)}, "position": position});
    let on_ref = find(&text, "'fct_refunds'", 3);

    let hover = client.request("textDocument/hover", at(on_ref.clone()));
    assert!(hover["contents"]["value"].as_str().unwrap().starts_with("**fct_refunds** · model"), "{hover}");
    let definition = client.request("textDocument/definition", at(on_ref.clone()));
    assert!(definition[0]["uri"].as_str().unwrap().ends_with("/models/marts/core/fct_refunds.sql"));
    let symbols = client.request("textDocument/documentSymbol", json!({"textDocument": {"uri": uri(&path)}}));
    assert!(symbols.as_array().unwrap().iter().any(|symbol| symbol["name"] == "refunds_by_month"), "{symbols}");
    let found = client.request("workspace/symbol", json!({"query": "fct_monthly"}));
    assert_eq!(found[0]["name"], "fct_monthly_revenue");

    // Typing: an edit is answered by offers and by diagnostics, and mending it by none.
    let edit = |version: i64, range: Value, text: &str| json!({"textDocument": {"uri": uri(&path), "version": version}, "contentChanges": [{"range": range, "text": text}]});
    let inside = find(&text, "'fct_refunds'", 1);
    let end = json!({"line": inside["line"], "character": inside["character"].as_u64().unwrap() + "fct_refunds".len() as u64});
    client.notify("textDocument/didChange", edit(2, json!({"start": inside, "end": end}), "fct_rfunds"));
    let broken = client.diagnostics(&path, |found| found.iter().any(|one| one["code"] == "unknown-ref"));
    let unknown = broken.iter().find(|one| one["code"] == "unknown-ref").unwrap();
    let message = unknown["message"].as_str().unwrap();
    assert!(message.contains("did you mean `fct_refunds`?") && message.contains("dbt: Model 'model.shop.fct_monthly_revenue'"), "{unknown}");
    assert_eq!((&unknown["source"], &unknown["range"]["start"]["line"]), (&json!("ragstar"), &inside["line"]));
    let after = json!({"line": inside["line"], "character": inside["character"].as_u64().unwrap() + "fct_rfunds".len() as u64});
    client.notify("textDocument/didChange", edit(3, json!({"start": inside, "end": after}), ""));
    let offers = client.request("textDocument/completion", at(inside.clone()));
    let offer = offers["items"].as_array().unwrap().iter().find(|offer| offer["label"] == "dim_customers").unwrap().clone();
    assert_eq!(offer["textEdit"]["newText"], "dim_customers", "the quote that is there is not doubled");
    client.notify("textDocument/didChange", edit(4, json!({"start": inside, "end": inside}), "fct_refunds"));
    client.diagnostics(&path, |found| found.iter().all(|one| one["code"] != "unknown-ref"));
    assert_eq!(client.end(), Some(0));
}

#[test]
fn the_first_hover_waits_for_the_project() {
    let root = shop();
    let mut client = Client::start(&Person::new(), &root, json!({}));
    let path = root.join("models/marts/finance/fct_monthly_revenue.sql");
    let text = client.open(&path);
    let hover = client.request("textDocument/hover", json!({"textDocument": {"uri": uri(&path)}, "position": find(&text, "'fct_refunds'", 3)}));
    assert!(hover["contents"]["value"].as_str().is_some_and(|card| card.starts_with("**fct_refunds**")), "{hover}");
    assert_eq!(client.end(), Some(0));
}

#[test]
fn a_description_is_written_byte_for_byte() {
    let project = testkit::shop_copy().unwrap();
    let root = project.path().canonicalize().unwrap();
    let capabilities = json!({"textDocument": {"codeAction": {"resolveSupport": {"properties": ["edit"]}}}, "workspace": {"workspaceEdit": {"documentChanges": true, "resourceOperations": ["create"]}}});
    let mut client = Client::start(&Person::new(), &root, capabilities);
    client.until_loaded();
    // CRLF line ends, and a column whose description upstream has.
    let path = root.join("models/marts/web/_web__models.yml");
    let text = client.open(&path);
    assert!(text.contains("\r\n"));
    let place = find(&text, "name: device_type", 8);
    let actions = client.request(
        "textDocument/codeAction",
        json!({"textDocument": {"uri": uri(&path)}, "range": {"start": place, "end": place}, "context": {"diagnostics": []}}),
    );
    let action = actions
        .as_array()
        .unwrap()
        .iter()
        .find(|action| action["title"] == "Write description for column `device_type`")
        .unwrap_or_else(|| panic!("{actions}"))
        .clone();
    assert!(action.get("edit").is_none(), "it is resolved when it is wanted");
    let resolved = client.request("codeAction/resolve", action);
    let change = &resolved["edit"]["documentChanges"][0];
    assert_eq!(change["textDocument"], json!({"uri": uri(&path), "version": 1}));
    let edits = change["edits"].as_array().unwrap();
    assert_eq!(edits.len(), 1);
    let inserted = edits[0]["newText"].as_str().unwrap();
    assert!(inserted.starts_with("\r\n") && inserted.contains("description: ") && edits[0]["range"]["start"] == edits[0]["range"]["end"], "{edits:?}");
    // A model without an entry: its neighbours' file takes it.
    let model = root.join("models/marts/finance/rpt_category_sales.sql");
    client.open(&model);
    let zero = json!({"line": 0, "character": 0});
    let actions = client.request(
        "textDocument/codeAction",
        json!({"textDocument": {"uri": uri(&model)}, "range": {"start": zero, "end": zero}, "context": {"diagnostics": []}}),
    );
    let describe = actions.as_array().unwrap().iter().find(|action| action["title"].as_str().unwrap().starts_with("Write description")).unwrap().clone();
    let resolved = client.request("codeAction/resolve", describe);
    let change = &resolved["edit"]["documentChanges"][0];
    assert!(change["textDocument"]["uri"].as_str().unwrap().ends_with("/models/marts/finance/_finance__models.yml"));
    assert!(change["edits"][0]["newText"].as_str().unwrap().contains("- name: rpt_category_sales"), "{change}");
    assert!(client.told.iter().any(|message| message["method"] == "window/showMessage"), "it is said that nobody wrote the text");
    assert_eq!(client.end(), Some(0));
}

#[test]
fn files_that_change_on_disk_are_noticed() {
    let project = testkit::shop_copy().unwrap();
    let root = project.path().canonicalize().unwrap();
    let mut client = Client::start(&Person::new(), &root, json!({}));
    client.until_loaded();
    let path = root.join("models/marts/core/fct_orders.sql");
    client.open(&path);
    let upstream = root.join("models/intermediate/int_order_totals.sql");
    std::fs::rename(&upstream, root.join("models/intermediate/int_totals.sql")).unwrap();
    client.diagnostics(&path, |found| found.iter().any(|one| one["code"] == "unknown-ref"));
    // What `.dbtignore` names stays out, also when a folder around it comes back.
    std::fs::write(root.join(".dbtignore"), "models/legacy/\n").unwrap();
    std::fs::create_dir(root.join("models/legacy")).unwrap();
    std::fs::write(root.join("models/legacy/zz_ignored.sql"), "select 1").unwrap();
    // A whole folder, with a dot in its name, moved in and out again.
    std::fs::create_dir(root.join("v1.2")).unwrap();
    std::fs::rename(root.join("models/intermediate/int_totals.sql"), root.join("v1.2/int_order_totals.sql")).unwrap();
    std::fs::rename(root.join("v1.2"), root.join("models/v1.2")).unwrap();
    client.diagnostics(&path, |found| found.iter().all(|one| one["code"] != "unknown-ref"));
    std::fs::rename(root.join("models/v1.2"), root.join("v1.2")).unwrap();
    client.diagnostics(&path, |found| found.iter().any(|one| one["code"] == "unknown-ref"));
    std::fs::rename(root.join("v1.2/int_order_totals.sql"), root.join("models/intermediate/int_order_totals.sql")).unwrap();
    std::fs::rename(root.join("models"), root.join("m2")).unwrap();
    std::fs::rename(root.join("m2"), root.join("models")).unwrap();
    client.diagnostics(&path, |found| found.iter().all(|one| one["code"] != "unknown-ref"));
    assert_eq!(client.request("workspace/symbol", json!({"query": "zz_ignored"})), json!([]));
    assert_eq!(client.end(), Some(0));
}

#[test]
fn chat_streams_and_cites() {
    let root = shop();
    let mut client = Client::start(&Person::new(), &root, json!({}));
    client.until_loaded();
    let answer = client.request("ragstar/chat", json!({"message": "How is monthly revenue computed?", "partialResultToken": "t1"}));
    assert!(answer["markdown"].as_str().unwrap().contains("fct_monthly_revenue"), "{answer}");
    // Which comes first depends on whether meanings could be compared in time.
    let cited = answer["citations"].as_array().unwrap();
    assert!(cited.iter().any(|citation| citation["uniqueId"] == "model.shop.fct_monthly_revenue"), "{answer}");
    let pieces: Vec<&Value> = client
        .told
        .iter()
        .filter(|message| message["method"] == "$/progress" && message["params"]["token"] == "t1")
        .map(|message| &message["params"]["value"])
        .collect();
    assert!(pieces.iter().any(|piece| piece["kind"] == "step"));
    let text: String = pieces.iter().filter(|piece| piece["kind"] == "text").map(|piece| piece["text"].as_str().unwrap()).collect();
    assert_eq!(text, answer["markdown"].as_str().unwrap());
    let rated = client.request("ragstar/feedback", json!({"answerId": answer["answerId"], "rating": 1}));
    assert_eq!(rated, json!({}));
    let found = client.request("ragstar/search", json!({"query": "customer churn", "limit": 3}));
    assert_eq!(found["found"][0]["label"], "customer_churn_scores");
    assert_eq!(client.end(), Some(0));
}

#[test]
fn the_editors_settings_count_and_change_live() {
    let mut client = Client::start(&Person::new(), &shop(), json!({}));
    client.until_loaded();
    let model = |client: &mut Client| client.request("ragstar/status", json!({}))["projects"][0]["model"].clone();
    assert_eq!(model(&mut client), Value::Null);
    client.notify(
        "workspace/didChangeConfiguration",
        json!({"settings": {"ragstar": {"chat": {"base_url": "http://127.0.0.1:9/v1", "model": "from-the-editor"}}}}),
    );
    assert_eq!(model(&mut client), "from-the-editor");
    client.notify("workspace/didChangeConfiguration", json!({"settings": {"ragstar": {}}}));
    assert_eq!(model(&mut client), Value::Null);
    assert_eq!(client.end(), Some(0));
}

#[test]
fn bad_messages_are_answered_and_survived() {
    let root = shop();
    let mut client = Client::start(&Person::new(), &root, json!({}));
    client.until_loaded();
    let id = client.begin("textDocument/hover", json!({"wrong": true}));
    assert_eq!(client.answer(id)["error"]["code"], -32602);
    let id = client.begin("textDocument/nothing", json!({}));
    assert_eq!(client.answer(id)["error"]["code"], -32601);
    let path = root.join("models/exposures.yml");
    client.notify("textDocument/didChange", json!({"textDocument": {"uri": uri(&path), "version": 9}, "contentChanges": [{"text": "never opened"}]}));
    client.open(&path);
    client.notify("textDocument/didChange", json!({"textDocument": {"uri": uri(&path), "version": 2}, "contentChanges": [{"range": {"start": {"line": 900, "character": 0}, "end": {"line": 901, "character": 7}}, "text": "x"}]}));
    let far = json!({"line": 90000, "character": 90000});
    for (body, code, id) in [
        ("{bad json", -32700, json!(null)),
        ("null", -32600, json!(null)),
        ("[]", -32600, json!(null)),
        (r#"[{"jsonrpc": "2.0", "id": 1, "method": "shutdown"}]"#, -32600, json!(null)),
        (r#"{"id": 71, "method": "x"}"#, -32600, json!(71)),
        (r#"{"jsonrpc": "2.0", "id": 1.5, "method": "x"}"#, -32600, json!(null)),
        (r#"{"jsonrpc": "2.0", "id": "a", "method": 5}"#, -32600, json!("a")),
        (r#"{"jsonrpc": "2.0", "id": 72, "method": "x", "params": 5}"#, -32600, json!(72)),
        (r#"{"jsonrpc": "2.0", "id": 73}"#, -32600, json!(73)),
    ] {
        client.send_raw(format!("Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes());
        let answer = client.until(|message| message.get("error").is_some() && message["id"] == id);
        assert_eq!(answer["error"]["code"], code, "{body}: {answer}");
    }
    client.send_raw(b"Content-Type: application/vscode-jsonrpc; charset=utf-8\r\ncontent-length: 61\r\n\r\n{\"jsonrpc\":\"2.0\",\"id\":\"typed\",\"method\":\"no/such\",\"params\":{}}");
    let answer = client.until(|message| message["id"] == "typed");
    assert_eq!(answer["error"]["code"], -32601, "{answer}");
    for raw in [&b"Content-Length: 2\r\n\r\n\xff\xfe"[..], b"Content-Length: abc\r\n\r\n", b"X: y\r\n\r\n"] {
        client.send_raw(raw);
        let answer = client.until(|message| message.get("error").is_some() && message["id"].is_null());
        assert_eq!(answer["error"]["code"], -32700, "{answer}");
    }
    assert_eq!(client.request("textDocument/hover", json!({"textDocument": {"uri": uri(&path)}, "position": far})), Value::Null);
    assert_eq!(client.request("textDocument/hover", json!({"textDocument": {"uri": "untitled:x"}, "position": far})), Value::Null);
    assert_eq!(client.end(), Some(0));
}

#[test]
fn a_client_that_hangs_up_ends_the_server() {
    let mut client = Client::start(&Person::new(), &shop(), json!({}));
    client.until_loaded();
    let Client { child, input, .. } = &mut client;
    // Closing is dropping; the handle is replaced by one that nobody reads.
    let closed = std::mem::replace(input, std::process::Command::new("sleep").arg("0").stdin(Stdio::piped()).spawn().unwrap().stdin.take().unwrap());
    drop(closed);
    let status = wait_for("the end", 10, || child.0.try_wait().unwrap());
    assert_eq!(status.code(), Some(1), "without `shutdown` the exit code is 1");
}
