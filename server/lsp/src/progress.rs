//! Progress that the server begins itself (LSP 3.17, "Server Initiated Progress").

use tower_lsp::Client;
use tower_lsp::lsp_types::notification::Progress as Told;
use tower_lsp::lsp_types::request::WorkDoneProgressCreate;
use tower_lsp::lsp_types::{
    NumberOrString, ProgressParams, ProgressParamsValue, WorkDoneProgress, WorkDoneProgressBegin, WorkDoneProgressCreateParams, WorkDoneProgressEnd,
    WorkDoneProgressReport,
};

/// Something that takes time; it is over when this is dropped, also where a request was cancelled.
pub struct Progress {
    client: Client,
    token: NumberOrString,
}

impl Progress {
    /// Shows a title; `None` where the client doesn't take it.
    pub async fn begin(client: &Client, token: String, title: &str) -> Option<Self> {
        let token = NumberOrString::String(token);
        let create = client.send_request::<WorkDoneProgressCreate>(WorkDoneProgressCreateParams { token: token.clone() });
        tokio::time::timeout(std::time::Duration::from_secs(2), create).await.ok()?.ok()?;
        let begun = Self { client: client.clone(), token };
        let begin = WorkDoneProgressBegin { title: title.to_owned(), cancellable: Some(false), message: None, percentage: None };
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
