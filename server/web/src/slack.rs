//! Slack's Events API: signed requests in, answers in threads out.

use crate::State;
use analyst::ports::PortError;
use analyst::{Answer, Question};
use axum::Json;
use axum::extract::State as Extract;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use slack_morphism::prelude::SlackSigningSecret;
use slack_morphism::signature_verifier::SlackEventSignatureVerifier;
use std::collections::HashSet;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The Slack app's secrets and where Slack is.
#[derive(Debug, Clone)]
pub struct SlackApp {
    pub signing_secret: SecretString,
    pub bot_token: SecretString,
    pub api_url: String,
}

/// Notes an event id; `false` where it was noted before by any process.
pub type TakeEvent = Arc<dyn Fn(String) -> Pin<Box<dyn Future<Output = Result<bool, PortError>> + Send>> + Send + Sync>;

pub struct Slack {
    app: SlackApp,
    verifier: SlackEventSignatureVerifier,
    http: reqwest::Client,
    take_event: TakeEvent,
    /// Ids taken by this process; enough while the store can't be asked.
    taken: Mutex<HashSet<String>>,
}

/// Slack cuts messages at 40,000 characters; a section of blocks at 3,000. Plain text of this length is shown whole.
const MAX_MESSAGE: usize = 12_000;

impl Slack {
    pub fn new(app: SlackApp, take_event: TakeEvent) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let verifier = SlackEventSignatureVerifier::new(&SlackSigningSecret(app.signing_secret.expose_secret().to_owned()));
        let http = reqwest::Client::builder().timeout(Duration::from_secs(20)).build().unwrap_or_default();
        Self { app, verifier, http, take_event, taken: Mutex::new(HashSet::new()) }
    }

    /// Whether this process is the one to answer an event.
    async fn take(&self, event_id: &str) -> bool {
        if let Ok(mut taken) = self.taken.lock() {
            // Slack sends again for an hour at most; a busy day's ids are few.
            if taken.len() > 10_000 {
                taken.clear();
            }
            if !taken.insert(event_id.to_owned()) {
                return false;
            }
        }
        match (self.take_event)(event_id.to_owned()).await {
            Ok(first) => first,
            Err(error) => {
                tracing::warn!(error = %error.log, "the event was not noted in the store; another process may answer it, too");
                true
            }
        }
    }

    /// A method of the Web API.
    async fn call(&self, method: &str, body: &Value) -> Result<Value, String> {
        let url = format!("{}/{method}", self.app.api_url.trim_end_matches('/'));
        let response =
            self.http.post(url).bearer_auth(self.app.bot_token.expose_secret()).json(body).send().await.map_err(|error| error.without_url().to_string())?;
        let value: Value = response.json().await.map_err(|error| error.without_url().to_string())?;
        match value.get("ok").and_then(Value::as_bool) {
            Some(true) => Ok(value),
            _ => Err(value.get("error").and_then(Value::as_str).unwrap_or("no answer").to_owned()),
        }
    }
}

/// `POST /slack/events`.
pub async fn events(Extract(state): Extract<State>, headers: HeaderMap, body: String) -> Response {
    let Some(slack) = state.slack.clone() else {
        return (StatusCode::NOT_FOUND, "no Slack app is configured; set INTEGRATIONS_SLACK_BOT_TOKEN and INTEGRATIONS_SLACK_SIGNING_SECRET").into_response();
    };
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("");
    let signature = header(SlackEventSignatureVerifier::SLACK_SIGNED_HASH_HEADER);
    if slack.verifier.verify(signature, &body, header(SlackEventSignatureVerifier::SLACK_SIGNED_TIMESTAMP)).is_err() {
        return (StatusCode::UNAUTHORIZED, "the signature is wrong or too old").into_response();
    }
    let Ok(payload) = serde_json::from_str::<Value>(&body) else {
        return (StatusCode::BAD_REQUEST, "the body is not JSON").into_response();
    };
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    match text(&payload, "type").as_deref() {
        Some("url_verification") => Json(json!({"challenge": text(&payload, "challenge").unwrap_or_default()})).into_response(),
        Some("event_callback") => {
            if let (Some(event_id), Some(message)) = (text(&payload, "event_id"), payload.get("event").and_then(Message::of)) {
                // Slack waits three seconds; the answer comes when it is there.
                tokio::spawn(async move {
                    if slack.take(&event_id).await {
                        answer(&state, &slack, message).await;
                    }
                });
            }
            StatusCode::OK.into_response()
        }
        _ => StatusCode::OK.into_response(),
    }
}

/// A message that asks something.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Message {
    channel: String,
    thread: String,
    text: String,
}

impl Message {
    /// A mention in a channel, or a direct message by a person.
    fn of(event: &Value) -> Option<Self> {
        let text = |key: &str| event.get(key).and_then(Value::as_str);
        let is_direct = text("type") == Some("message") && text("channel_type") == Some("im");
        let is_mention = text("type") == Some("app_mention");
        // What bots say, edits and joins are no questions.
        if !(is_direct || is_mention) || event.get("bot_id").is_some() || text("subtype").is_some() {
            return None;
        }
        let question = without_mentions(text("text")?);
        let thread = text("thread_ts").or_else(|| text("ts"))?;
        (!question.is_empty()).then(|| Self { channel: text("channel").unwrap_or_default().to_owned(), thread: thread.to_owned(), text: question })
    }
}

/// Takes `<@U123>` out and undoes Slack's escapes.
fn without_mentions(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("<@") {
        out.push_str(&rest[..at]);
        rest = rest[at..].find('>').map_or("", |end| &rest[at + end + 1..]);
    }
    out.push_str(rest);
    out.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&").trim().to_owned()
}

async fn answer(state: &State, slack: &Slack, message: Message) {
    let analysis = state.analysis();
    let analyst = state.services.analyst(&analysis).await;
    let question = Question { text: message.text, thread_id: Some(format!("slack:{}:{}", message.channel, message.thread)), mouth: "slack", selection: None };
    let answer = analyst.answer(&analysis, &question, &mut |_| ()).await;
    let body = json!({"channel": message.channel, "thread_ts": message.thread, "text": shown(&answer), "unfurl_links": false});
    if let Err(why) = slack.call("chat.postMessage", &body).await {
        tracing::error!(why, channel = message.channel, "the answer was not posted");
    }
}

/// An answer in Slack's own markup.
fn shown(answer: &Answer) -> String {
    let mut text = mrkdwn(&answer.markdown);
    if text.chars().count() > MAX_MESSAGE {
        text = text.chars().take(MAX_MESSAGE).collect::<String>() + "…";
    }
    if !answer.citations.is_empty() {
        let labels: Vec<String> = answer.citations.iter().map(|citation| format!("`{}`", citation.label)).collect();
        text.push_str(&format!("\n_Sources: {}_", labels.join(", ")));
    }
    if let Some(missing) = &answer.missing {
        text.push_str(&format!("\n_Note: {}_", escape(&missing.replace('\n', "; "))));
    }
    text
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Markdown to mrkdwn (docs: "Formatting text for app surfaces"): bold has one star, fences have no language, links their own form.
fn mrkdwn(markdown: &str) -> String {
    let mut out = String::new();
    let mut in_code = false;
    for line in escape(markdown).split_inclusive('\n') {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
            out.push_str("```\n");
            continue;
        }
        if in_code {
            out.push_str(line);
            continue;
        }
        // What stands in backticks is shown as it is.
        let parts = line.split('`').enumerate().map(|(place, part)| if place % 2 == 0 { part.replace("**", "*") } else { part.to_owned() });
        let line = parts.collect::<Vec<_>>().join("`");
        out.push_str(line.trim_start_matches('#').trim_start_matches(if line.starts_with('#') { " " } else { "\u{0}" }));
    }
    out.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_and_what() {
        let mention = json!({"type": "app_mention", "user": "U1", "text": "<@U0> how is &lt;revenue&gt; computed?", "ts": "1.1", "channel": "C1"});
        assert_eq!(Message::of(&mention), Some(Message { channel: "C1".to_owned(), thread: "1.1".to_owned(), text: "how is <revenue> computed?".to_owned() }));
        let reply = json!({"type": "message", "channel_type": "im", "text": "and weekly?", "ts": "1.2", "thread_ts": "1.1", "channel": "D1"});
        assert_eq!(Message::of(&reply).map(|message| message.thread), Some("1.1".to_owned()));
        for other in [
            json!({"type": "message", "channel_type": "im", "bot_id": "B1", "text": "x", "ts": "1", "channel": "D1"}),
            json!({"type": "message", "channel_type": "channel", "text": "x", "ts": "1", "channel": "C1"}),
            json!({"type": "app_mention", "text": "<@U0>", "ts": "1", "channel": "C1"}),
        ] {
            assert_eq!(Message::of(&other), None);
        }
    }

    #[test]
    fn markup() {
        assert_eq!(
            mrkdwn("# Head\n**bold** `stg_shop__x` a < b\n```sql\nselect 1 -- **x**\n```\n"),
            "Head\n*bold* `stg_shop__x` a &lt; b\n```\nselect 1 -- **x**\n```"
        );
    }
}
