//! HTTP: questions as server-sent events, Slack's events, health. Knows axum and Slack; what it answers comes from the analyst.

mod api;
mod slack;

pub use slack::{SlackApp, TakeEvent};

use analyst::Services;
use axum::Router;
use axum::routing::{get, post};
use ide::Analysis;
use secrecy::SecretString;
use std::sync::Arc;
use tokio::sync::watch;

/// What every handler may use.
#[derive(Clone)]
pub struct State {
    snapshots: watch::Receiver<Analysis>,
    services: Arc<dyn Services>,
    slack: Option<Arc<slack::Slack>>,
    api_token: Option<SecretString>,
}

impl State {
    pub fn new(
        snapshots: watch::Receiver<Analysis>,
        services: Arc<dyn Services>,
        slack: Option<SlackApp>,
        api_token: Option<SecretString>,
        take_event: TakeEvent,
    ) -> Self {
        Self { snapshots, services, slack: slack.map(|app| Arc::new(slack::Slack::new(app, take_event))), api_token }
    }

    fn analysis(&self) -> Analysis {
        self.snapshots.borrow().clone()
    }
}

/// The routes, apart from any listener.
pub fn app(state: State) -> Router {
    Router::new()
        .route("/healthz", get(api::health))
        .route("/api/ask", post(api::ask))
        .route("/api/search", get(api::search))
        .route("/api/feedback", post(api::feedback))
        .route("/slack/events", post(slack::events))
        .fallback(api::nothing)
        .layer(axum::extract::DefaultBodyLimit::max(1 << 20))
        .with_state(state)
}

/// Serves until a signal asks to stop; answers under way are finished.
pub async fn serve(listener: tokio::net::TcpListener, app: Router) -> std::io::Result<()> {
    axum::serve(listener, app).with_graceful_shutdown(stop_signal()).await
}

async fn stop_signal() {
    let interrupt = async {
        let _ = tokio::signal::ctrl_c().await;
    };
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! { () = interrupt => {}, _ = terminate.recv() => {} }
            return;
        }
    }
    interrupt.await;
}
