//! The HTTP listener.

use crate::harness::{Person, Running, free_port, shop, wait_for};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Stdio;

/// One request, one answer: status and body.
pub fn call(port: u16, head: &str, headers: &str, body: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    write!(
        stream,
        "{head} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n{headers}\r\n{body}",
        body.len()
    )
    .ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let status = answer.split(' ').nth(1)?.parse().ok()?;
    let (_, body) = answer.split_once("\r\n\r\n")?;
    Some((status, body.to_owned()))
}

/// A server for the example project.
pub fn serve(person: &Person) -> (Running, u16) {
    let port = free_port();
    let child = person.ragstar(&shop(), &["--set", &format!("server.port={port}"), "serve"]).stdout(Stdio::null()).stderr(Stdio::inherit()).spawn().unwrap();
    let running = Running(child);
    wait_for("the server", 30, || call(port, "GET /healthz", "", ""));
    (running, port)
}

#[test]
fn health_questions_and_search() {
    let (_server, port) = serve(&Person::new());
    let (status, health) = call(port, "GET /healthz", "", "").unwrap();
    let health: Value = serde_json::from_str(&health).unwrap();
    assert_eq!((status, &health["status"], &health["project"]), (200, &json!("ok"), &json!("shop")));
    let (status, events) = call(port, "POST /api/ask", "", &json!({"message": "How is monthly revenue computed?"}).to_string()).unwrap();
    assert_eq!(status, 200);
    assert!(events.contains("event: step") && events.contains("event: text"), "{events}");
    let (_, rest) = events.split_once("event: answer").unwrap();
    let data = rest.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
    let answer: Value = serde_json::from_str(data).unwrap();
    // Which of the fitting nodes is first depends on how many texts have vectors by then.
    let cited = answer["citations"].as_array().unwrap();
    assert!(cited.iter().any(|citation| citation["uniqueId"] == "model.shop.fct_monthly_revenue"), "{answer}");
    let (_, found) = call(port, "GET /api/search?q=customer+churn&limit=3", "", "").unwrap();
    assert!(found.contains("customer_churn_scores"), "{found}");
    assert_eq!(call(port, "POST /api/ask", "", "{}").unwrap().0, 422);
    assert_eq!(call(port, "POST /api/ask", "", "{\"message\": \" \"}").unwrap().0, 400);
    for (head, body, status) in [
        ("POST /api/ask", "{}", 422),
        ("GET /api/search?query=x", "", 400),
        ("GET /nothing", "", 404),
        ("POST /api/feedback", "{\"answerId\": \"x\", \"rating\": 7}", 400),
    ] {
        let (found, body) = call(port, head, "", body).unwrap();
        assert_eq!(found, status, "{head}");
        assert!(serde_json::from_str::<Value>(&body).unwrap()["error"].is_string(), "{head}: {body}");
    }
    let rating = json!({"answerId": answer["answerId"], "rating": 1}).to_string();
    assert_eq!(call(port, "POST /api/feedback", "", &rating).unwrap().0, 200);
    // A page of another site in somebody's browser may not ask at their cost.
    assert_eq!(call(port, "POST /api/ask", "Origin: https://evil.example\r\n", "{\"message\": \"x\"}").unwrap().0, 403);
    assert_eq!(call(port, "POST /slack/events", "", "{}").unwrap().0, 404, "no Slack app is configured");
}

#[test]
fn a_token_is_asked_for_where_one_is_set() {
    let (_server, port) = serve(&Person::new().with("RAGSTAR_API_TOKEN", "t-1"));
    let search = |headers: &str| call(port, "GET /api/search?q=refunds", headers, "").unwrap().0;
    assert_eq!((search(""), search("Authorization: Bearer t-2\r\n"), search("Authorization: Bearer t-1\r\n")), (401, 401, 200));
    assert_eq!(call(port, "GET /healthz", "", "").unwrap().0, 200);
}

#[test]
fn one_word_or_an_idle_stop_does_not_end_search_by_meaning() {
    let data = tempfile::tempdir().unwrap();
    let person = Person::new().with("RAGSTAR_DATA_DIR", data.path().display());
    assert!(person.run(&shop(), &["index", "--publish"]).ok);
    let (_server, port) = serve(&person);
    let missing = |query: &str| -> Value {
        let (_, found) = call(port, &format!("GET /api/search?q={query}"), "", "").unwrap();
        serde_json::from_str::<Value>(&found).unwrap()["missing"].clone()
    };
    for query in ["revenue", "asdfgh", "qqq", "%00%07", "revenue"] {
        assert_eq!(missing(query), json!([]), "{query}");
    }
    assert!(person.run(&shop(), &["store", "stop"]).ok);
    assert_eq!(missing("revenue"), json!([]), "the private database is started again");
    assert!(person.run(&shop(), &["store", "stop"]).ok);
}
