//! The language server: LSP 3.17 over standard input and output. The only room that knows LSP's types.
//!
//! tower-lsp is a mailbox: each method sends a typed event, stamped in the order of the wire because that happens before its first
//! await, and one loop owns all state. Requests get an immutable snapshot from the loop and do their work off it.

mod capabilities;
mod configuration;
mod convert;
mod custom;
mod describe;
mod diagnostics;
mod event;
mod features;
mod graph;
mod lifecycle;
mod main_loop;
mod progress;
mod server;
mod sieve;

use analyst::Services;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;
use tower_lsp::{LspService, Server};

/// What a project gets from the outside.
pub struct Outfit {
    pub services: Arc<dyn Services>,
    /// What decides beside its files how dbt sees it.
    pub settings: ide::DbtSettings,
    /// Which rules of diagnostics are wanted.
    pub rules: ide::RuleSet,
    /// Adds to the settings what takes longer to read: dbt's artifacts, the state.
    pub complete: Box<dyn FnOnce(ide::DbtSettings) -> ide::DbtSettings + Send>,
    /// Files outside of the project that the settings come from.
    pub outside: Vec<PathBuf>,
    /// What was kept of the project when it was read last, and where to keep it.
    pub keep: Arc<dyn Keep>,
}

/// Keeps a project's state between two starts.
pub trait Keep: Send + Sync {
    /// The state that was kept, if nothing changed since.
    fn recall(&self, settings: &ide::DbtSettings) -> Option<ide::Snapshot>;
    /// Keeps a state whose files were read after `loaded`. Blocks.
    fn keep(&self, snapshot: &ide::Snapshot, settings: &ide::DbtSettings, loaded: SystemTime);
}

/// Settings of the editor that the language server or its client reads itself: what is shown beside the text, how it is started.
pub fn is_of_editor(key: &str) -> bool {
    ["inlayHints.", "codeLens.", "hints.", "server.path", "server.arguments", "server.environment", "trace."].iter().any(|start| key.starts_with(start))
}

/// Fits out the project in a folder, with the editor's settings as keys and values.
pub type FitOut = dyn Fn(&Path, &[(String, String)]) -> Outfit + Send + Sync;

/// Serves until the client says `exit` or hangs up. `true` where it said `shutdown` first, as LSP wants it.
pub async fn serve(services: Arc<FitOut>, version: &'static str) -> bool {
    let (events, inbox) = tokio::sync::mpsc::unbounded_channel();
    let shut_down = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let stopped = shut_down.clone();
    let exited = Arc::new(tokio::sync::Notify::new());
    let told = exited.clone();
    let (begun, begins) = tokio::sync::oneshot::channel();
    let (service, socket) = LspService::build(move |client| {
        let state_loop = tokio::spawn(main_loop::run(client.clone(), services, inbox, events.clone()));
        let _ = begun.send(state_loop);
        server::Mailbox::new(client, events, version, stopped, told)
    })
    .custom_method("ragstar/chat", server::Mailbox::chat)
    .custom_method("ragstar/search", server::Mailbox::search)
    .custom_method("ragstar/feedback", server::Mailbox::feedback)
    .custom_method("ragstar/lineage", server::Mailbox::lineage)
    .custom_method("ragstar/compiled", server::Mailbox::compiled)
    .custom_method("window/workDoneProgress/cancel", server::Mailbox::cancel_progress)
    .custom_method(custom::STATUS, server::Mailbox::status)
    .finish();
    let service = lifecycle::Lifecycle::around(service, exited.clone());
    // A chat may take minutes; it must not hold up hovers.
    let serving = Server::new(sieve::sift(tokio::io::stdin()), tokio::io::stdout(), socket).concurrency_level(64).serve(service);
    tokio::select! {
        () = serving => {}
        () = exited.notified() => {}
        // Without its loop the server would answer nothing for ever; the editor starts a new one.
        ended = async { begins.await.ok()?.await.err() } => tracing::error!(?ended, "the server's loop ended"),
    }
    shut_down.load(std::sync::atomic::Ordering::SeqCst)
}
