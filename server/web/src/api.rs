//! `/api/*` and health.

use crate::State;
use analyst::ports::Feedback;
use analyst::{Event, Question};
use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Query, State as Extract};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::sse::{self, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::{Value, json};
use std::convert::Infallible;

/// `GET /healthz`: the process lives and has read its project.
pub async fn health(Extract(state): Extract<State>) -> Json<Value> {
    let analysis = state.analysis();
    Json(json!({"status": "ok", "project": &*analysis.index.project, "nodes": analysis.index.nodes.len(), "revision": analysis.revision}))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ask {
    message: String,
    thread_id: Option<String>,
}

/// `POST /api/ask` with `{message, threadId?}`: server-sent events `step` and `text` (each a JSON string) while the answer is
/// made, then one `answer`, the object that `ragstar ask --json` prints.
pub async fn ask(Extract(state): Extract<State>, headers: HeaderMap, ask: Result<Json<Ask>, JsonRejection>) -> Response {
    if let Some(refusal) = refuse(&state, &headers) {
        return refusal;
    }
    let ask = match ask {
        Ok(Json(ask)) => ask,
        Err(rejection) => return failed(rejection.status(), &rejection.body_text()),
    };
    if ask.message.trim().is_empty() {
        return failed(StatusCode::BAD_REQUEST, "message is empty");
    }
    let (send, receive) = tokio::sync::mpsc::unbounded_channel::<sse::Event>();
    let work = tokio::spawn(async move {
        let analysis = state.analysis();
        let analyst = state.services.analyst(&analysis).await;
        let question = Question { text: ask.message, thread_id: ask.thread_id, mouth: "api", selection: None };
        let answer = analyst
            .answer(&analysis, &question, &mut |event| {
                let (name, text) = match event {
                    Event::Text(text) => ("text", text),
                    Event::Step(title) => ("step", title),
                };
                let _ = send.send(sse::Event::default().event(name).data(json!(text).to_string()));
            })
            .await;
        let _ = send.send(sse::Event::default().event("answer").data(answer.to_json().to_string()));
    });
    // Who hangs up stops the work.
    let guard = AbortOnDrop(work);
    let stream = futures::stream::unfold((receive, guard), |(mut receive, guard)| async move { receive.recv().await.map(|event| (event, (receive, guard))) });
    Sse::new(stream.map(Ok::<_, Infallible>)).keep_alive(KeepAlive::default()).into_response()
}

struct AbortOnDrop(tokio::task::JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[derive(Debug, Deserialize)]
pub struct Search {
    q: String,
    #[serde(default = "ten")]
    limit: usize,
}

fn ten() -> usize {
    10
}

/// `GET /api/search?q=…&limit=…`.
pub async fn search(Extract(state): Extract<State>, headers: HeaderMap, search: Result<Query<Search>, QueryRejection>) -> Response {
    if let Some(refusal) = refuse(&state, &headers) {
        return refusal;
    }
    let search = match search {
        Ok(Query(search)) => search,
        Err(rejection) => return failed(rejection.status(), &rejection.body_text()),
    };
    let analysis = state.analysis();
    let analyst = state.services.analyst(&analysis).await;
    let result = analyst::search(&analysis, analyst.knowledge.as_deref(), analyst.embed.as_deref(), &search.q, search.limit.min(100)).await;
    let found: Vec<Value> = result.found.iter().map(analyst::Found::to_json).collect();
    let missing: Vec<&String> = analyst.absent.iter().chain(&result.missing).collect();
    Json(json!({"found": found, "missing": missing})).into_response()
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rate {
    answer_id: String,
    rating: i16,
    comment: Option<String>,
}

/// `POST /api/feedback` with `{answerId, rating: 1 | -1, comment?}`.
pub async fn feedback(Extract(state): Extract<State>, headers: HeaderMap, rate: Result<Json<Rate>, JsonRejection>) -> Response {
    if let Some(refusal) = refuse(&state, &headers) {
        return refusal;
    }
    let rate = match rate {
        Ok(Json(rate)) if matches!(rate.rating, 1 | -1) => rate,
        Ok(_) => return failed(StatusCode::BAD_REQUEST, "rating is 1 or -1"),
        Err(rejection) => return failed(rejection.status(), &rejection.body_text()),
    };
    let analyst = state.services.analyst(&state.analysis()).await;
    let Some(knowledge) = analyst.knowledge else { return failed(StatusCode::SERVICE_UNAVAILABLE, &analyst.absent.join("; ")) };
    let feedback = Feedback { answer_id: rate.answer_id, rating: rate.rating, comment: rate.comment, author: None };
    match knowledge.put_feedback(&feedback).await {
        Ok(true) => Json(json!({})).into_response(),
        Ok(false) => failed(StatusCode::NOT_FOUND, "there is no such answer"),
        Err(error) => failed(StatusCode::SERVICE_UNAVAILABLE, &error.reader),
    }
}

/// Every error has this one form.
fn failed(status: StatusCode, why: &str) -> Response {
    (status, Json(json!({"error": why}))).into_response()
}

/// For paths that are not there.
pub async fn nothing() -> Response {
    failed(StatusCode::NOT_FOUND, "there is /healthz, POST /api/ask, GET /api/search, POST /api/feedback and POST /slack/events")
}

/// Why a caller may not ask: no token where one is set, or a page of another site in somebody's browser.
fn refuse(state: &State, headers: &HeaderMap) -> Option<Response> {
    let refusal = |status: StatusCode, why: &str| Some(failed(status, why));
    match &state.api_token {
        Some(token) => {
            let sent = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(|value| value.strip_prefix("Bearer "));
            let same = sent.is_some_and(|sent| equal(sent.as_bytes(), token.expose_secret().as_bytes()));
            if same { None } else { refusal(StatusCode::UNAUTHORIZED, "send `Authorization: Bearer` with the value of RAGSTAR_API_TOKEN") }
        }
        None => {
            // Without a token only this machine can reach the port; its browsers must not do so for other sites.
            let host = headers.get(header::HOST).and_then(|value| value.to_str().ok()).unwrap_or("");
            let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
            let is_local = matches!(name, "127.0.0.1" | "localhost" | "[::1]");
            let foreign = headers.get(header::ORIGIN).and_then(|value| value.to_str().ok()).is_some_and(|origin| !origin.ends_with(host));
            if !is_local || foreign { refusal(StatusCode::FORBIDDEN, "only this machine may ask here") } else { None }
        }
    }
}

/// Compares in a time that says nothing about where two texts differ.
fn equal(left: &[u8], right: &[u8]) -> bool {
    left.len() == right.len() && left.iter().zip(right).fold(0, |sum, (a, b)| sum | (a ^ b)) == 0
}
