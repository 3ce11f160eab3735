//! What comes in, message by message: tower-lsp's reader ends with the first one that it can't read. Here each is looked at before, and a
//! notification stands in the place of a broken one, which [`crate::lifecycle::Lifecycle`] answers ("Base Protocol", JSON-RPC 2.0, 5.1).

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::borrow::Cow;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader, DuplexStream};
use tower_lsp::jsonrpc::{Error, ErrorCode, Id, Request};

/// The notification that stands for a broken message: `{code, message, id?}`.
const BROKEN: &str = "$/ragstar/broken";
/// Longer headers are none.
const MAX_HEADER: u64 = 16 << 10;
/// A longer message is passed over.
const MAX_BODY: usize = 256 << 20;
const BUFFER: usize = 64 << 10;

/// The messages of a stream; it ends with the stream.
pub fn sift(input: impl AsyncRead + Send + Unpin + 'static) -> DuplexStream {
    let (sifted, mut out) = tokio::io::duplex(BUFFER);
    tokio::spawn(async move {
        if let Err(error) = pass(BufReader::new(input), &mut out).await {
            tracing::debug!(%error, "the input ended");
        }
    });
    sifted
}

async fn pass(mut input: BufReader<impl AsyncRead + Unpin>, out: &mut (impl AsyncWrite + Unpin)) -> std::io::Result<()> {
    let mut body = Vec::new();
    while let Some(Header { wrong, length }) = header(&mut input).await? {
        if let Some(why) = wrong {
            write(out, &broken(ErrorCode::ParseError, why, &Value::Null)).await?;
        }
        match length {
            None => {}
            Some(length) if length > MAX_BODY => {
                tokio::io::copy(&mut (&mut input).take(length as u64), &mut tokio::io::sink()).await?;
                let why = format!("a message of {length} bytes; the limit is {MAX_BODY}");
                write(out, &broken(ErrorCode::InvalidRequest, why, &Value::Null)).await?;
            }
            Some(length) => {
                body.resize(length, 0);
                input.read_exact(&mut body).await?;
                match look(&body) {
                    Ok(()) => write(out, &body).await?,
                    Err(message) => write(out, &message).await?,
                }
            }
        }
    }
    Ok(())
}

async fn write(out: &mut (impl AsyncWrite + Unpin), message: &[u8]) -> std::io::Result<()> {
    out.write_all(format!("Content-Length: {}\r\n\r\n", message.len()).as_bytes()).await?;
    out.write_all(message).await?;
    out.flush().await
}

/// What stands before a message.
#[derive(Default)]
struct Header {
    /// What isn't a header.
    wrong: Option<String>,
    length: Option<usize>,
}

const LENGTH: &str = "content-length";

/// The next header; nothing at the end. After something that is none it is looked for further on, in the same line, too.
async fn header(input: &mut BufReader<impl AsyncRead + Unpin>) -> std::io::Result<Option<Header>> {
    let (mut found, mut is_begun) = (Header::default(), false);
    let mut line = Vec::new();
    loop {
        line.clear();
        if input.take(MAX_HEADER).read_until(b'\n', &mut line).await? == 0 {
            return Ok(None);
        }
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_end_matches(['\r', '\n']);
        if text.is_empty() {
            // Blank lines before a header are nothing.
            if is_begun {
                if found.length.is_none() {
                    found.wrong.get_or_insert_with(|| "a header without `Content-Length`".to_owned());
                }
                return Ok(Some(found));
            }
            continue;
        }
        is_begun = true;
        let at = text.to_ascii_lowercase().rfind(LENGTH);
        let (before, rest) = text.split_at(at.unwrap_or(text.len()));
        let is_header = before.split_once(':').is_some_and(|(name, _)| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'));
        if !before.is_empty() && (at.is_some() || !is_header) {
            found.wrong.get_or_insert_with(|| "something that is no header".to_owned());
        }
        if at.is_some() {
            let value = rest[LENGTH.len()..].trim_start().strip_prefix(':').map_or("", str::trim);
            match value.parse() {
                Ok(length) => found.length = Some(length),
                Err(_) => found.wrong = Some(format!("`{value}` is no length")),
            }
        }
    }
}

/// What a message has to have.
#[derive(Deserialize)]
struct Shape<'a> {
    #[serde(borrow)]
    jsonrpc: Option<Cow<'a, str>>,
    method: Option<Cow<'a, str>>,
    id: Option<Value>,
    #[serde(borrow)]
    params: Option<&'a RawValue>,
    /// Whether they are there: `null` is a result, too.
    #[serde(default, deserialize_with = "is_there")]
    result: bool,
    #[serde(default, deserialize_with = "is_there")]
    error: bool,
}

fn is_there<'de, D: serde::Deserializer<'de>>(value: D) -> Result<bool, D::Error> {
    serde::de::IgnoredAny::deserialize(value).map(|_| true)
}

/// Whether a body is a message; else the one that stands for it.
fn look(body: &[u8]) -> Result<(), Vec<u8>> {
    let text = std::str::from_utf8(body).map_err(|error| broken(ErrorCode::ParseError, format!("the message is not UTF-8: {error}"), &Value::Null))?;
    let shape: Shape<'_> = match serde_json::from_str(text) {
        Ok(shape) => shape,
        Err(error) if error.is_data() => {
            let found: Option<Value> = serde_json::from_str(text).ok();
            let id = found.as_ref().and_then(|found| found.get("id")).filter(|id| is_id(id)).cloned().unwrap_or_default();
            return Err(broken(ErrorCode::InvalidRequest, format!("this is no JSON-RPC message: {error}"), &id));
        }
        Err(error) => return Err(broken(ErrorCode::ParseError, format!("the message is not JSON: {error}"), &Value::Null)),
    };
    let id = shape.id.clone().unwrap_or_default();
    let refuse = |why: &str| Err(broken(ErrorCode::InvalidRequest, why.to_owned(), if is_id(&id) { &id } else { &Value::Null }));
    if shape.jsonrpc.as_deref() != Some("2.0") {
        return refuse("`jsonrpc` has to be \"2.0\"");
    }
    if !id.is_null() && !is_id(&id) {
        return refuse("`id` has to be a string or a whole number");
    }
    if shape.params.is_some_and(|params| !params.get().starts_with(['{', '[', 'n'])) {
        return refuse("`params` has to be an object or a list");
    }
    match (&shape.method, shape.result || shape.error) {
        (Some(method), _) if &**method != BROKEN => Ok(()),
        (None, true) => Ok(()),
        _ => refuse("`method` is missing"),
    }
}

fn is_id(id: &Value) -> bool {
    id.is_string() || id.is_i64()
}

fn broken(code: ErrorCode, message: String, id: &Value) -> Vec<u8> {
    tracing::warn!("a message could not be read: {message}");
    json!({"jsonrpc": "2.0", "method": BROKEN, "params": {"code": code.code(), "message": message, "id": id}}).to_string().into_bytes()
}

/// The answer to a broken message, where a request is the notification of one.
pub fn answer_to(request: &Request) -> Option<(Id, Error)> {
    let params = request.params().filter(|_| request.method() == BROKEN)?;
    let id = match &params["id"] {
        Value::String(id) => Id::String(id.clone()),
        id => id.as_i64().map_or(Id::Null, Id::Number),
    };
    let code = ErrorCode::from(params["code"].as_i64().unwrap_or_default());
    Some((id, Error { code, message: params["message"].as_str().unwrap_or_default().to_owned().into(), data: None }))
}
