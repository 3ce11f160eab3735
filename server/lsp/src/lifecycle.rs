//! The end of the server, to the letter of LSP ("Exit Notification"): tower-lsp goes on reading after `exit` until its input
//! closes, and refuses a `shutdown` whose parameters are null, which many clients send.

use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::sync::Notify;
use tower_lsp::jsonrpc::Request;
use tower_service::Service;

/// A service that tells when it was asked to exit.
pub struct Lifecycle<S> {
    inner: S,
    exited: Arc<Notify>,
}

impl<S> Lifecycle<S> {
    pub fn around(inner: S) -> (Self, Arc<Notify>) {
        let exited = Arc::new(Notify::new());
        (Self { inner, exited: exited.clone() }, exited)
    }
}

impl<S: Service<Request>> Service<Request> for Lifecycle<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        match request.method() {
            "exit" => self.exited.notify_one(),
            "shutdown" if request.params().is_some_and(serde_json::Value::is_null) => {
                if let Some(id) = request.id().cloned() {
                    return self.inner.call(Request::build("shutdown").id(id).finish());
                }
            }
            _ => {}
        }
        self.inner.call(request)
    }
}
