//! Slack, played by its own SDK.

use crate::harness::{Person, TOOLS};
use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};
use std::process::Command;
use std::sync::{Arc, Mutex};

const SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";

/// Signs and sends events as Slack does, with the signature of Slack's own SDK.
const SENDER: &str = r#"
import json, sys, time, urllib.error, urllib.request
from slack_sdk.signature import SignatureVerifier
port, secret = sys.argv[1:3]
def send(payload, secret=secret, age=0, headers=None):
    body = json.dumps(payload); at = str(int(time.time()) - age)
    signature = SignatureVerifier(secret).generate_signature(timestamp=at, body=body)
    request = urllib.request.Request(f"http://127.0.0.1:{port}/slack/events", body.encode(), {"Content-Type": "application/json", "X-Slack-Request-Timestamp": at, "X-Slack-Signature": signature, **(headers or {})})
    try:
        with urllib.request.urlopen(request, timeout=3) as answer: return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error: return error.code, error.read().decode()
def event(event_id, **event):
    return {"type": "event_callback", "team_id": "T1", "api_app_id": "A1", "event_id": event_id, "event_time": 1, "event": event}
print(json.dumps(send({"type": "url_verification", "token": "x", "challenge": "c-42"})))
print(json.dumps(send({"type": "url_verification", "challenge": "c"}, secret="wrong")))
print(json.dumps(send({"type": "url_verification", "challenge": "c"}, age=600)))
mention = event("Ev1", type="app_mention", user="U1", text="<@U0BOT> How is monthly revenue computed?", ts="1700000000.000100", channel="C1")
print(json.dumps(send(mention)))
print(json.dumps(send(mention, headers={"X-Slack-Retry-Num": "1", "X-Slack-Retry-Reason": "http_timeout"})))
print(json.dumps(send(event("Ev2", type="message", channel_type="im", user="U1", text="Which models use refunds?", ts="1700000001.000100", channel="D1"))))
print(json.dumps(send(event("Ev3", type="message", channel_type="im", bot_id="B1", text="I am a bot", ts="1700000002.000100", channel="D1"))))
"#;

type Posts = Arc<Mutex<Vec<(String, Value)>>>;

async fn post_message(State(posts): State<Posts>, headers: axum::http::HeaderMap, Json(body): Json<Value>) -> Json<Value> {
    posts.lock().unwrap().push((headers["authorization"].to_str().unwrap().to_owned(), body));
    Json(json!({"ok": true, "ts": "1"}))
}

#[test]
fn a_mention_is_answered_once_in_its_thread() {
    let packages = TOOLS.python_packages("slack-sdk-3.48.0", &["slack_sdk==3.48.0"]).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let posts: Posts = Arc::default();
    let app = Router::new().route("/api/chat.postMessage", post(post_message)).with_state(posts.clone());
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let slack = format!("http://{}/api", listener.local_addr().unwrap());
    runtime.spawn(async move { axum::serve(listener, app).await });
    let person = Person::new()
        .with("INTEGRATIONS_SLACK_SIGNING_SECRET", SECRET)
        .with("INTEGRATIONS_SLACK_BOT_TOKEN", "xoxb-1")
        .with("INTEGRATIONS_SLACK_API_URL", slack);
    let (_server, port) = crate::http::serve(&person);
    let output = Command::new("python3").args(["-c", SENDER, &port.to_string(), SECRET]).env("PYTHONPATH", packages).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let answers: Vec<Value> = String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers[0], json!([200, "{\"challenge\":\"c-42\"}"]));
    assert_eq!((&answers[1][0], &answers[2][0]), (&json!(401), &json!(401)), "a wrong signature, and one that is too old");
    assert!(answers[3..].iter().all(|answer| answer[0] == 200), "{answers:?}");
    crate::harness::wait_for("two answers", 60, || (posts.lock().unwrap().len() >= 2).then_some(()));
    // Time for answers that should not come.
    std::thread::sleep(std::time::Duration::from_millis(500));
    let posts = posts.lock().unwrap().clone();
    assert_eq!(posts.len(), 2, "a retry and a bot's message are not answered: {posts:?}");
    let of = |channel: &str| posts.iter().find(|(_, body)| body["channel"] == channel).unwrap();
    let (authorization, mention) = of("C1");
    assert_eq!((authorization.as_str(), &mention["thread_ts"]), ("Bearer xoxb-1", &json!("1700000000.000100")));
    assert!(mention["text"].as_str().unwrap().contains("`fct_monthly_revenue`"), "{mention}");
    assert!(of("D1").1["text"].as_str().unwrap().contains("`stg_shop__refunds`"), "names stay as they are");
}
