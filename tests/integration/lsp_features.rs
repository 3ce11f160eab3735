//! Each feature of the language server once over standard input and output, on the fixture shop.

use crate::harness::Person;
use crate::lsp::{Client, find, uri};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// A client that can do what VS Code can.
fn able() -> Value {
    json!({
        "general": {"positionEncodings": ["utf-16"]},
        "textDocument": {
            "definition": {"linkSupport": true},
            "completion": {"completionItem": {"snippetSupport": true}},
            "hover": {"contentFormat": ["markdown"]},
            "codeAction": {"resolveSupport": {"properties": ["edit"]}},
            "diagnostic": {},
        },
        "workspace": {
            "workspaceEdit": {"documentChanges": true, "resourceOperations": ["create", "rename", "delete"]},
            "diagnostics": {"refreshSupport": true},
        },
        "experimental": {"ragstar": {"commands": ["ragstar.showReferences", "ragstar.showLineage", "ragstar.showCompiled"]}},
    })
}

struct Session {
    client: Client,
    root: PathBuf,
    _project: tempfile::TempDir,
}

impl Session {
    fn new() -> Self {
        Self::with(able())
    }

    fn with(capabilities: Value) -> Self {
        let project = testkit::shop_copy().unwrap();
        let root = project.path().canonicalize().unwrap();
        let mut client = Client::start(&Person::new(), &root, capabilities);
        client.until_loaded();
        Self { client, root, _project: project }
    }

    /// Opens a file and gives its text and how to ask for a place in it.
    fn open(&mut self, path: &str) -> (String, PathBuf) {
        let path = self.root.join(path);
        (self.client.open(&path), path)
    }

    fn at(&mut self, method: &str, path: &Path, position: Value) -> Value {
        self.client.request(method, json!({"textDocument": {"uri": uri(path)}, "position": position}))
    }

    fn of(&mut self, method: &str, path: &Path) -> Value {
        self.client.request(method, json!({"textDocument": {"uri": uri(path)}}))
    }

    fn end(self) {
        assert_eq!(self.client.end(), Some(0));
    }
}

fn ends_with(value: &Value, end: &str) -> bool {
    value.as_str().is_some_and(|text| text.ends_with(end))
}

fn list(value: &Value) -> &Vec<Value> {
    value.as_array().unwrap_or_else(|| panic!("a list: {value}"))
}

const REVENUE: &str = "models/marts/finance/fct_monthly_revenue.sql";

#[test]
fn navigation() {
    let mut session = Session::new();
    let (text, path) = session.open(REVENUE);
    let on_ref = find(&text, "'fct_refunds'", 3);
    let definition = session.at("textDocument/definition", &path, on_ref.clone());
    assert!(ends_with(&definition[0]["targetUri"], "/models/marts/core/fct_refunds.sql"), "{definition}");
    let declaration = session.at("textDocument/declaration", &path, on_ref.clone());
    assert!(ends_with(&declaration[0]["targetUri"], ".yml"), "{declaration}");
    // A CTE that is read leads to where it is made, and that to what it reads.
    let cte = find(&text, "from refunds_by_month", "from ".len() + 1);
    let cte = if text.contains("from refunds_by_month") { cte } else { find(&text, "join refunds_by_month", "join ".len() + 1) };
    let definition = session.at("textDocument/definition", &path, cte);
    assert_eq!(definition[0]["targetUri"], uri(&path));
    let kind = session.at("textDocument/typeDefinition", &path, on_ref.clone());
    assert!(ends_with(&kind[0]["targetUri"], ".yml"), "{kind}");
    let implementation = session.at("textDocument/implementation", &path, on_ref);
    assert!(ends_with(&implementation[0]["targetUri"], "fct_refunds.sql"), "{implementation}");
    session.end();
}

#[test]
fn references_and_highlights() {
    let mut session = Session::new();
    let (text, path) = session.open(REVENUE);
    let on_ref = find(&text, "'fct_refunds'", 3);
    let ask = |declaration: bool| json!({"textDocument": {"uri": uri(&path)}, "position": on_ref, "context": {"includeDeclaration": declaration}});
    let uses = session.client.request("textDocument/references", ask(false));
    let all = session.client.request("textDocument/references", ask(true));
    assert!(list(&uses).iter().any(|place| place["uri"] == uri(&path)), "{uses}");
    assert_eq!(list(&all).len(), list(&uses).len() + 1, "the entry in YAML, too: {all}");
    let lit = session.at("textDocument/documentHighlight", &path, on_ref);
    assert_eq!(list(&lit).iter().filter(|one| one["kind"] == 2).count(), 1, "{lit}");
    session.end();
}

#[test]
fn lineage_as_a_call_hierarchy() {
    let mut session = Session::new();
    let (text, path) = session.open(REVENUE);
    let items = session.at("textDocument/prepareCallHierarchy", &path, find(&text, "'fct_refunds'", 3));
    assert_eq!(items[0]["name"], "fct_refunds");
    let incoming = session.client.request("callHierarchy/incomingCalls", json!({"item": items[0]}));
    let reader = list(&incoming).iter().find(|call| call["from"]["name"] == "fct_monthly_revenue").unwrap();
    assert_eq!(list(&reader["fromRanges"]).len(), 1);
    let outgoing = session.client.request("callHierarchy/outgoingCalls", json!({"item": reader["from"]}));
    assert!(list(&outgoing).iter().any(|call| call["to"]["name"] == "fct_refunds"), "{outgoing}");
    session.end();
}

#[test]
fn a_model_is_renamed_with_its_file() {
    let mut session = Session::new();
    let (text, path) = session.open(REVENUE);
    let on_ref = find(&text, "'fct_refunds'", 3);
    let prepared = session.at("textDocument/prepareRename", &path, on_ref.clone());
    assert_eq!(prepared["placeholder"], "fct_refunds");
    let edit = session.client.request("textDocument/rename", json!({"textDocument": {"uri": uri(&path)}, "position": on_ref, "newName": "fct_returns"}));
    let operations = list(&edit["documentChanges"]);
    let renamed = operations.iter().find(|operation| operation["kind"] == "rename").unwrap();
    assert!(ends_with(&renamed["newUri"], "/models/marts/core/fct_returns.sql"), "{renamed}");
    assert!(operations.iter().any(|operation| operation["textDocument"]["uri"] == uri(&path)));
    assert!(operations.iter().any(|operation| ends_with(&operation["textDocument"]["uri"], ".yml")));
    // What can't be done says why, and the file explorer's renames are followed.
    let id = session.client.begin("textDocument/rename", json!({"textDocument": {"uri": uri(&path)}, "position": on_ref, "newName": "dim_customers"}));
    let refused = session.client.answer(id);
    assert!(refused["error"]["message"].as_str().unwrap().contains("already"), "{refused}");
    let (from, to) = (session.root.join("models/marts/core/fct_refunds.sql"), session.root.join("models/marts/core/fct_returns.sql"));
    let follows = session.client.request("workspace/willRenameFiles", json!({"files": [{"oldUri": uri(&from), "newUri": uri(&to)}]}));
    assert_eq!(list(&follows["documentChanges"]).len(), operations.len() - 1, "{follows}");
    std::fs::rename(&from, &to).unwrap();
    session.client.notify("workspace/didRenameFiles", json!({"files": [{"oldUri": uri(&from), "newUri": uri(&to)}]}));
    let found = session.client.request("workspace/symbol", json!({"query": "fct_returns"}));
    assert_eq!(found[0]["name"], "fct_returns");
    session.end();
}

#[test]
fn completion_and_what_it_tells() {
    let mut session = Session::new();
    let (text, path) = session.open(REVENUE);
    let place = find(&text, "'fct_refunds'", 1);
    let offers = session.at("textDocument/completion", &path, place);
    let offer = list(&offers["items"]).iter().find(|offer| offer["label"] == "fct_refunds").unwrap().clone();
    assert!(offer.get("documentation").is_none(), "it is told when somebody looks");
    let resolved = session.client.request("completionItem/resolve", offer);
    assert!(resolved["documentation"]["value"].as_str().unwrap().starts_with("**fct_refunds** · model"), "{resolved}");
    // In a tag, macros come as snippets.
    let last = text.rsplit('\n').next().unwrap().encode_utf16().count();
    let end = json!({"line": text.matches('\n').count(), "character": last});
    session.client.notify(
        "textDocument/didChange",
        json!({"textDocument": {"uri": uri(&path), "version": 2}, "contentChanges": [{"range": {"start": end, "end": end}, "text": "\n-- x\nselect {{ is_inc }} from t"}]}),
    );
    let lines = text.matches('\n').count() + 2;
    let offers = session.at("textDocument/completion", &path, json!({"line": lines, "character": "select {{ is_inc".len()}));
    assert_eq!(offers["items"][0]["label"], "is_incremental", "{offers}");
    assert_eq!(offers["items"][0]["textEdit"]["newText"], "is_incremental()");
    session.end();
}

#[test]
fn signatures_symbols_and_folds() {
    let mut session = Session::new();
    let (text, path) = session.open(REVENUE);
    let help = session.at("textDocument/signatureHelp", &path, find(&text, "ref('fct_refunds'", 5));
    assert_eq!((&help["signatures"][0]["label"], &help["activeParameter"]), (&json!("ref([package], name, v=none)"), &json!(0)));
    let folds = session.of("textDocument/foldingRange", &path);
    assert!(list(&folds).iter().any(|fold| fold["kind"] == "region"), "{folds}");
    let place = find(&text, "'fct_refunds'", 3);
    let selections = session.client.request("textDocument/selectionRange", json!({"textDocument": {"uri": uri(&path)}, "positions": [place]}));
    assert!(selections[0]["parent"]["parent"]["range"].is_object(), "{selections}");
    let found = session.client.request("workspace/symbol", json!({"query": "monthrev"}));
    assert!(list(&found).iter().any(|symbol| symbol["name"] == "fct_monthly_revenue"), "{found}");
    session.end();
}

#[test]
fn tokens_whole_in_part_and_changed() {
    let mut session = Session::new();
    let (_, path) = session.open(REVENUE);
    let whole = session.of("textDocument/semanticTokens/full", &path);
    let data = list(&whole["data"]).clone();
    assert!(data.len() > 50 && data.len().is_multiple_of(5));
    let range = json!({"start": {"line": 0, "character": 0}, "end": {"line": 3, "character": 0}});
    let part = session.client.request("textDocument/semanticTokens/range", json!({"textDocument": {"uri": uri(&path)}, "range": range}));
    assert!(list(&part["data"]).len() < data.len());
    let top = json!({"line": 0, "character": 0});
    session.client.notify(
        "textDocument/didChange",
        json!({"textDocument": {"uri": uri(&path), "version": 2}, "contentChanges": [{"range": {"start": top, "end": top}, "text": "\n"}]}),
    );
    let delta =
        session.client.request("textDocument/semanticTokens/full/delta", json!({"textDocument": {"uri": uri(&path)}, "previousResultId": whole["resultId"]}));
    let edits = list(&delta["edits"]);
    assert_eq!((edits.len(), &edits[0]["deleteCount"]), (1, &json!(5)), "only the first token moved: {delta}");
    session.end();
}

#[test]
fn cards_lead_to_neighbours() {
    let mut session = Session::new();
    let (text, path) = session.open(REVENUE);
    let hover = session.at("textDocument/hover", &path, find(&text, "'fct_refunds'", 3));
    let card = hover["contents"]["value"].as_str().unwrap();
    let link = card.split_once("[`fct_monthly_revenue`](").and_then(|(_, rest)| rest.split_once(')')).map(|(link, _)| link);
    assert_eq!(link, Some(uri(&path).as_str()), "{card}");
    assert!(!card.contains("](node:"), "{card}");
    session.end();
}

#[test]
fn hints_lenses_and_links() {
    let mut session = Session::new();
    let (_, path) = session.open(REVENUE);
    let range = json!({"start": {"line": 0, "character": 0}, "end": {"line": 500, "character": 0}});
    let ask = json!({"textDocument": {"uri": uri(&path)}, "range": range});
    let hints = session.client.request("textDocument/inlayHint", ask.clone());
    assert!(list(&hints).iter().any(|hint| hint["label"] == "table" || hint["label"] == "view" || hint["label"] == "incremental"), "{hints}");
    session.client.notify("workspace/didChangeConfiguration", json!({"settings": {"ragstar": {"inlayHints": {"enable": false}}}}));
    assert_eq!(session.client.request("textDocument/inlayHint", ask), json!([]));
    let lenses = session.of("textDocument/codeLens", &path);
    let lenses: Vec<Value> = list(&lenses)
        .iter()
        .map(|lens| if lens["command"].is_null() { session.client.request("codeLens/resolve", lens.clone()) } else { lens.clone() })
        .collect();
    let readers = lenses.iter().find(|lens| lens["command"]["command"] == "ragstar.showReferences").expect("a lens of the readers");
    assert!(list(&readers["command"]["arguments"][2]).iter().all(|place| place["uri"].is_string()), "{readers}");
    let commands: Vec<&str> = lenses.iter().filter_map(|lens| lens["command"]["command"].as_str()).collect();
    for command in ["ragstar.showReferences", "ragstar.showLineage", "ragstar.open", "ragstar.showCompiled"] {
        assert!(commands.contains(&command), "{command}: {lenses:?}");
    }
    let links = session.of("textDocument/documentLink", &path);
    assert!(list(&links).iter().any(|link| ends_with(&link["target"], "/models/marts/core/fct_refunds.sql")), "{links}");
    session.end();
}

#[test]
fn code_actions_mend_and_change() {
    let mut session = Session::new();
    let (text, path) = session.open(REVENUE);
    let start = find(&text, "fct_refunds", 0);
    let end = json!({"line": start["line"], "character": start["character"].as_u64().unwrap() + 3});
    session.client.notify(
        "textDocument/didChange",
        json!({"textDocument": {"uri": uri(&path), "version": 2}, "contentChanges": [{"range": {"start": start, "end": end}, "text": "fc"}]}),
    );
    let found = session.client.request("textDocument/diagnostic", json!({"textDocument": {"uri": uri(&path)}}));
    let unknown = list(&found["items"]).iter().find(|one| one["code"] == "unknown-ref").unwrap().clone();
    let ask = |only: Value| json!({"textDocument": {"uri": uri(&path)}, "range": unknown["range"], "context": {"diagnostics": [unknown], "only": only}});
    let actions = session.client.request("textDocument/codeAction", ask(json!(["quickfix"])));
    let titles: Vec<&str> = list(&actions).iter().filter_map(|action| action["title"].as_str()).collect();
    let mend = list(&actions).iter().find(|action| action["title"] == "Change to `fct_refunds`").unwrap_or_else(|| panic!("{titles:?}"));
    assert_eq!((&mend["isPreferred"], list(&mend["diagnostics"]).len()), (&json!(true), 1));
    assert_eq!(mend["edit"]["documentChanges"][0]["edits"][0]["newText"], "fct_refunds");
    let create = list(&actions).iter().find(|action| action["title"] == "Create model `fc_refunds`").unwrap_or_else(|| panic!("{titles:?}"));
    assert_eq!(create["edit"]["documentChanges"][0]["kind"], "create");
    let refactorings = session.client.request("textDocument/codeAction", ask(json!(["refactor"])));
    assert!(list(&refactorings).iter().all(|action| action["kind"].as_str().unwrap().starts_with("refactor")), "{refactorings}");
    session.end();
}

#[test]
fn the_yaml_of_a_model_is_opened() {
    let mut session = Session::new();
    let (_, path) = session.open(REVENUE);
    let answer = session.client.request("workspace/executeCommand", json!({"command": "ragstar.openYaml", "arguments": [{"uri": uri(&path)}]}));
    assert_eq!(answer, json!({"shown": false}), "this client says that it shows nothing");
    let asked = session.client.told.iter().find(|message| message["method"] == "window/showDocument").unwrap();
    assert!(ends_with(&asked["params"]["uri"], ".yml"), "{asked}");
    session.end();
}

#[test]
fn lineage_as_a_graph() {
    let mut session = Session::new();
    let (_, path) = session.open(REVENUE);
    let graph = session.client.request("ragstar/lineage", json!({"textDocument": {"uri": uri(&path)}, "upstream": 1, "downstream": 0}));
    assert_eq!(graph["root"], "model.shop.fct_monthly_revenue");
    let node = list(&graph["nodes"]).iter().find(|node| node["label"] == "fct_refunds").unwrap();
    assert!(ends_with(&node["uri"], "/fct_refunds.sql") && node["resourceType"] == "model" && !list(&node["columns"]).is_empty(), "{node}");
    assert!(list(&graph["edges"]).contains(&json!({"from": node["uniqueId"], "to": graph["root"]})), "{graph}");
    assert!(!list(&graph["columnEdges"]).is_empty(), "{graph}");
    let none = session.client.request("ragstar/lineage", json!({"uniqueId": "model.shop.nothing"}));
    assert_eq!((&none["root"], list(&none["nodes"]).len()), (&Value::Null, 0));
    session.end();
}

#[test]
fn sql_is_compiled_as_it_stands_in_the_editor() {
    let mut session = Session::new();
    let (text, path) = session.open(REVENUE);
    let made = session.of("ragstar/compiled", &path);
    assert!(!made["sql"].as_str().unwrap().contains("{{") && list(&made["errors"]).is_empty(), "{made}");
    let from = find(&text, "ref('fct_refunds')", 0);
    let part = list(&made["map"]).iter().find(|part| part["source"]["start"] == from).unwrap();
    let (line, start, end) = (&part["compiled"]["start"]["line"], &part["compiled"]["start"]["character"], &part["compiled"]["end"]["character"]);
    let line = made["sql"].as_str().unwrap().lines().nth(line.as_u64().unwrap() as usize).unwrap();
    assert!(line[start.as_u64().unwrap() as usize..end.as_u64().unwrap() as usize].contains("fct_refunds"), "{part}");
    let start = find(&text, "fct_refunds", 0);
    session.client.notify(
        "textDocument/didChange",
        json!({"textDocument": {"uri": uri(&path), "version": 2}, "contentChanges": [{"range": {"start": start, "end": start}, "text": "x"}]}),
    );
    let broken = session.of("ragstar/compiled", &path);
    assert!(broken["errors"][0]["message"].as_str().unwrap().contains("xfct_refunds"), "{broken}");
    session.end();
}

#[test]
fn diagnostics_are_given_to_who_asks() {
    let mut session = Session::new();
    let (text, path) = session.open(REVENUE);
    let ask = |previous: Value| json!({"textDocument": {"uri": uri(&path)}, "previousResultId": previous});
    let first = session.client.request("textDocument/diagnostic", ask(Value::Null));
    assert_eq!(first["kind"], "full");
    let again = session.client.request("textDocument/diagnostic", ask(first["resultId"].clone()));
    assert_eq!(again["kind"], "unchanged");
    let start = find(&text, "fct_refunds", 0);
    let end = json!({"line": start["line"], "character": start["character"].as_u64().unwrap() + 3});
    session.client.notify(
        "textDocument/didChange",
        json!({"textDocument": {"uri": uri(&path), "version": 2}, "contentChanges": [{"range": {"start": start, "end": end}, "text": "xxx"}]}),
    );
    let changed = session.client.request("textDocument/diagnostic", ask(first["resultId"].clone()));
    assert!(list(&changed["items"]).iter().any(|one| one["code"] == "unknown-ref"), "{changed}");
    session.end();
}

#[test]
fn edits_that_do_not_fit_have_the_file_read_again() {
    let mut session = Session::with(json!({}));
    let (text, path) = session.open(REVENUE);
    let far = json!({"line": 9_000, "character": 0});
    let broken = find(&text, "fct_refunds", 0);
    let edit = |version: i64, start: &Value, end: &Value, text: &str| json!({"textDocument": {"uri": uri(&path), "version": version}, "contentChanges": [{"range": {"start": start, "end": end}, "text": text}]});
    session.client.notify("textDocument/didChange", edit(2, &broken, &broken, "x"));
    session.client.diagnostics(&path, |found| found.iter().any(|one| one["code"] == "unknown-ref"));
    session.client.notify("textDocument/didChange", edit(3, &far, &far, "y"));
    // The disk knows nothing of the broken name.
    session.client.diagnostics(&path, |found| found.iter().all(|one| one["code"] != "unknown-ref"));
    // After a save the disk counts, whatever came before it.
    std::fs::write(&path, text.replace("fct_refunds", "fct_gone")).unwrap();
    session.client.notify("textDocument/didSave", json!({"textDocument": {"uri": uri(&path)}}));
    session.client.diagnostics(&path, |found| found.iter().any(|one| one["message"].as_str().unwrap().contains("fct_gone")));
    session.end();
}

#[test]
fn hover_is_plain_where_markdown_is_not_shown() {
    let mut session = Session::with(json!({"textDocument": {"hover": {"contentFormat": ["plaintext"]}}}));
    let (text, path) = session.open(REVENUE);
    let hover = session.at("textDocument/hover", &path, find(&text, "'fct_refunds'", 3));
    let card = hover["contents"]["value"].as_str().unwrap();
    assert!(hover["contents"]["kind"] == "plaintext" && card.starts_with("fct_refunds · model") && !card.contains("**") && !card.contains('`'), "{card}");
    session.end();
}

#[cfg(unix)]
#[test]
fn the_server_ends_with_its_editor() {
    use std::process::{Command, Stdio};
    let mut editor = Command::new("sleep").arg("600").spawn().unwrap();
    let mut server = Person::new().ragstar(&crate::harness::shop(), &["lsp"]).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let mut input = server.stdin.take().unwrap();
    let body =
        json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"processId": editor.id(), "rootUri": null, "capabilities": {}}}).to_string();
    std::io::Write::write_all(&mut input, format!("Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes()).unwrap();
    std::thread::sleep(std::time::Duration::from_secs(1));
    assert!(server.try_wait().unwrap().is_none(), "it lives while its editor does");
    editor.kill().unwrap();
    editor.wait().unwrap();
    let status = crate::harness::wait_for("the end", 20, || server.try_wait().unwrap());
    assert_eq!(status.code(), Some(1), "nobody said `shutdown`");
    drop(input);
}
