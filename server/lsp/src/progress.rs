//! Progress that the server begins itself (LSP 3.17, "Server Initiated Progress").

use rustc_hash::FxHashMap;
use std::sync::{Mutex, PoisonError};
use tokio::sync::oneshot;
use tower_lsp::Client;
use tower_lsp::lsp_types::notification::Progress as Told;
use tower_lsp::lsp_types::request::WorkDoneProgressCreate;
use tower_lsp::lsp_types::{
    NumberOrString, ProgressParams, ProgressParamsValue, WorkDoneProgress, WorkDoneProgressBegin, WorkDoneProgressCreateParams, WorkDoneProgressEnd,
    WorkDoneProgressReport,
};

/// What people can call off by the button beside its progress, by its token.
#[derive(Debug, Default)]
pub struct Cancellations(Mutex<FxHashMap<String, oneshot::Sender<()>>>);

impl Cancellations {
    /// Does some work, unless it is called off meanwhile: `None` then.
    pub async fn unless<T>(&self, token: &str, work: impl Future<Output = T>) -> Option<T> {
        let (sender, called_off) = oneshot::channel();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(token.to_owned(), sender);
        let _forgotten = Forget(self, token);
        tokio::select! {
            done = work => Some(done),
            Ok(()) = called_off => None,
        }
    }

    /// Calls the work of a token off; one that is not under way has ended by itself.
    pub fn cancel(&self, token: &NumberOrString) {
        let NumberOrString::String(token) = token else { return };
        if let Some(sender) = self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(token) {
            let _ = sender.send(());
        }
    }
}

/// Also where the request itself is cancelled, which drops its work.
struct Forget<'a>(&'a Cancellations, &'a str);

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).remove(self.1);
    }
}

/// Something that takes time; it is over when this is dropped, also where a request was cancelled.
pub struct Progress {
    client: Client,
    token: NumberOrString,
}

impl Progress {
    /// Shows a title; `None` where the client doesn't take it.
    pub async fn begin(client: &Client, token: String, title: &str, cancellable: bool) -> Option<Self> {
        let token = NumberOrString::String(token);
        let create = client.send_request::<WorkDoneProgressCreate>(WorkDoneProgressCreateParams { token: token.clone() });
        tokio::time::timeout(std::time::Duration::from_secs(2), create).await.ok()?.ok()?;
        let begun = Self { client: client.clone(), token };
        let begin = WorkDoneProgressBegin { title: title.to_owned(), cancellable: Some(cancellable), message: None, percentage: None };
        begun.client.send_notification::<Told>(begun.value(WorkDoneProgress::Begin(begin))).await;
        Some(begun)
    }

    pub fn report(&self, message: String, percentage: usize) {
        let percentage = u32::try_from(percentage.min(100)).ok();
        self.tell(WorkDoneProgress::Report(WorkDoneProgressReport { cancellable: None, message: Some(message), percentage }));
    }

    fn value(&self, value: WorkDoneProgress) -> ProgressParams {
        ProgressParams { token: self.token.clone(), value: ProgressParamsValue::WorkDone(value) }
    }

    fn tell(&self, value: WorkDoneProgress) {
        let (client, params) = (self.client.clone(), self.value(value));
        tokio::spawn(async move { client.send_notification::<Told>(params).await });
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.tell(WorkDoneProgress::End(WorkDoneProgressEnd { message: None }));
    }
}
