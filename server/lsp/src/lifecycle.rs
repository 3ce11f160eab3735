//! The end of the server, to the letter of LSP ("Exit Notification"): tower-lsp goes on reading after `exit` until its input
//! closes, and refuses a `shutdown` whose parameters are null, which many clients send.

use futures::future::{Either, Ready, ready};
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::sync::Notify;
use tower_lsp::jsonrpc::{Request, Response};
use tower_service::Service;

/// A service that tells when it was asked to exit.
pub struct Lifecycle<S> {
    inner: S,
    exited: Arc<Notify>,
}

impl<S> Lifecycle<S> {
    pub fn around(inner: S, exited: Arc<Notify>) -> Self {
        Self { inner, exited }
    }
}

impl<S: Service<Request, Response = Option<Response>>> Service<Request> for Lifecycle<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = Either<S::Future, Ready<Result<S::Response, S::Error>>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        if let Some((id, error)) = crate::sieve::answer_to(&request) {
            return Either::Right(ready(Ok(Some(Response::from_error(id, error)))));
        }
        let request = if request.method() == "initialize" { with_workspace_diagnostics(request) } else { request };
        match request.method() {
            "exit" => self.exited.notify_one(),
            "shutdown" if request.params().is_some_and(serde_json::Value::is_null) => {
                if let Some(id) = request.id().cloned() {
                    return Either::Left(self.inner.call(Request::build("shutdown").id(id).finish()));
                }
            }
            _ => {}
        }
        Either::Left(self.inner.call(request))
    }
}

/// Ends the server when the process that started it is gone ("initialize", `processId`), whatever holds its input open.
pub fn end_with(parent: u32, exited: Arc<Notify>) {
    #[cfg(unix)]
    tokio::spawn(async move {
        let Some(parent) = i32::try_from(parent).ok().and_then(rustix::process::Pid::from_raw) else { return };
        // One that can't be asked may be another user's.
        while rustix::process::test_kill_process(parent) != Err(rustix::io::Errno::SRCH) {
            tokio::time::sleep(std::time::Duration::from_secs(5)).await;
        }
        tracing::info!("the editor is gone");
        exited.notify_one();
    });
    // Elsewhere the end of its input tells the same.
    #[cfg(not(unix))]
    drop((parent, exited));
}

/// LSP calls the capability `workspace.diagnostics`, our types call it `diagnostic`.
fn with_workspace_diagnostics(request: Request) -> Request {
    let Some(mut params) = request.params().cloned() else { return request };
    let Some(workspace) = params.pointer_mut("/capabilities/workspace").and_then(serde_json::Value::as_object_mut) else { return request };
    let Some(diagnostics) = workspace.remove("diagnostics") else { return request };
    workspace.insert("diagnostic".to_owned(), diagnostics);
    let made = Request::build("initialize").params(params);
    match request.id().cloned() {
        Some(id) => made.id(id).finish(),
        None => made.finish(),
    }
}
