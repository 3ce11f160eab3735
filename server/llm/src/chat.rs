//! Chat completions, streamed, with tools.

use crate::{Endpoint, Provider};
use analyst::PortError;
use analyst::ports::{Chat, ChatReply, ChatRequest, Message, ToolCall, Usage};
use async_openai::Client;
use async_openai::config::OpenAIConfig;
use async_openai::error::OpenAIError;
use async_trait::async_trait;
use futures::StreamExt;
use serde::Deserialize;
use serde_json::{Value, json};

/// A language model behind an OpenAI-compatible server.
pub struct OpenAiChat {
    endpoint: Endpoint,
    client: Client<OpenAIConfig>,
    temperature: Option<f64>,
    max_output_tokens: u64,
}

impl OpenAiChat {
    pub fn new(endpoint: Endpoint, temperature: Option<f64>, max_output_tokens: u64) -> Result<Self, PortError> {
        Ok(Self { client: endpoint.client()?, endpoint, temperature, max_output_tokens })
    }

    fn body(&self, request: &ChatRequest) -> Value {
        let mut body = json!({
            "model": self.endpoint.model,
            "messages": request.messages.iter().map(message).collect::<Vec<_>>(),
            "stream": true,
            "stream_options": {"include_usage": true},
        });
        // OpenAI's reasoning models refuse `max_tokens`; many other servers know nothing else.
        let limit = if self.endpoint.provider == Provider::OpenAi { "max_completion_tokens" } else { "max_tokens" };
        body[limit] = json!(self.max_output_tokens);
        if let Some(temperature) = self.temperature {
            body["temperature"] = json!(temperature);
        }
        if !request.tools.is_empty() {
            let tool = |tool: &analyst::ports::ToolSpec| json!({"type": "function", "function": {"name": tool.name, "description": tool.description, "parameters": tool.parameters}});
            body["tools"] = request.tools.iter().map(tool).collect();
            if let Some(name) = request.force_tool {
                // llama.cpp and others take only the word; with one tool offered it means the same.
                body["tool_choice"] =
                    if self.endpoint.provider == Provider::Other { json!("required") } else { json!({"type": "function", "function": {"name": name}}) };
            }
        }
        body
    }

    async fn stream(&self, request: &ChatRequest, on_text: &mut (dyn for<'t> FnMut(&'t str) + Send), started: &mut bool) -> Result<ChatReply, OpenAIError> {
        let mut stream = self.client.chat().create_stream_byot::<Value, Value>(self.body(request)).await?;
        let mut reply = ChatReply::default();
        let mut parts: Vec<CallParts> = Vec::new();
        let mut finished = false;
        while let Some(chunk) = stream.next().await {
            let chunk: Chunk = serde_json::from_value(chunk?).map_err(|error| OpenAIError::JSONDeserialize(error, String::new()))?;
            if let Some(error) = chunk.error {
                return Err(OpenAIError::InvalidArgument(error.to_string()));
            }
            if let Some(usage) = chunk.usage {
                reply.usage = Usage { input_tokens: usage.prompt_tokens, output_tokens: usage.completion_tokens };
            }
            for choice in chunk.choices.unwrap_or_default() {
                if let Some(reason) = choice.finish_reason {
                    finished = true;
                    reply.truncated = reason == "length";
                }
                let Some(delta) = choice.delta else { continue };
                if let Some(text) = delta.content.filter(|text| !text.is_empty()) {
                    *started = true;
                    on_text(&text);
                    reply.text.push_str(&text);
                }
                for piece in delta.tool_calls.unwrap_or_default() {
                    collect(&mut parts, piece);
                }
            }
        }
        // A server that closes without a word in the middle of an answer has failed.
        if !finished && reply.text.is_empty() && parts.is_empty() {
            return Err(OpenAIError::InvalidArgument("the answer ended before it began".to_owned()));
        }
        if !finished {
            reply.truncated = true;
        }
        reply.calls = parts.into_iter().enumerate().filter_map(|(number, parts)| parts.finish(number)).collect();
        if reply.calls.is_empty()
            && !request.tools.is_empty()
            && let Some(call) = written_call(&reply.text, request)
        {
            reply.calls.push(call);
            reply.text.clear();
        }
        Ok(reply)
    }
}

#[async_trait]
impl Chat for OpenAiChat {
    fn model(&self) -> &str {
        &self.endpoint.model
    }

    async fn complete(&self, request: &ChatRequest, on_text: &mut (dyn for<'t> FnMut(&'t str) + Send)) -> Result<ChatReply, PortError> {
        let mut started = false;
        // 429, 5xx and refused connections are tried again below this; an answer that broke off before its first word is, here.
        match self.stream(request, on_text, &mut started).await {
            Err(error) if !started && matches!(error, OpenAIError::StreamError(_) | OpenAIError::InvalidArgument(_)) => {
                tracing::debug!(%error, "the answer broke off before its first word; asking once more");
                self.stream(request, on_text, &mut started).await.map_err(|error| self.endpoint.error(&error))
            }
            result => result.map_err(|error| self.endpoint.error(&error)),
        }
    }
}

fn message(message: &Message) -> Value {
    match message {
        Message::System(text) => json!({"role": "system", "content": text}),
        Message::User(text) => json!({"role": "user", "content": text}),
        Message::Assistant { text, calls } => {
            let mut message = json!({"role": "assistant", "content": text});
            if !calls.is_empty() {
                let call =
                    |call: &ToolCall| json!({"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments.to_string()}});
                message["tool_calls"] = calls.iter().map(call).collect();
            }
            message
        }
        Message::Tool { call_id, content } => json!({"role": "tool", "tool_call_id": call_id, "content": content}),
    }
}

/// A piece of the stream. Servers differ in what they leave out, so everything may be missing.
#[derive(Deserialize)]
struct Chunk {
    choices: Option<Vec<Choice>>,
    usage: Option<UsageChunk>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Choice {
    delta: Option<Delta>,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Delta {
    content: Option<String>,
    tool_calls: Option<Vec<CallPiece>>,
}

#[derive(Deserialize)]
struct CallPiece {
    index: Option<usize>,
    id: Option<String>,
    function: Option<FunctionPiece>,
}

#[derive(Deserialize)]
struct FunctionPiece {
    name: Option<String>,
    arguments: Option<String>,
}

#[derive(Deserialize)]
struct UsageChunk {
    #[serde(default)]
    prompt_tokens: u64,
    #[serde(default)]
    completion_tokens: u64,
}

#[derive(Default)]
struct CallParts {
    id: String,
    name: String,
    arguments: String,
}

impl CallParts {
    fn finish(self, number: usize) -> Option<ToolCall> {
        if self.name.is_empty() {
            return None;
        }
        let arguments = if self.arguments.trim().is_empty() { json!({}) } else { serde_json::from_str(&self.arguments).unwrap_or(Value::Null) };
        // Some servers give calls no id; the answer to a call needs one.
        let id = if self.id.is_empty() { format!("call_{number}") } else { self.id };
        Some(ToolCall { id, name: self.name, arguments })
    }
}

fn collect(parts: &mut Vec<CallParts>, piece: CallPiece) {
    // Without an index a piece that has a name begins a call, any other goes on with the last.
    let begins = piece.function.as_ref().is_some_and(|function| function.name.as_ref().is_some_and(|name| !name.is_empty()));
    let at = piece.index.unwrap_or(if begins { parts.len() } else { parts.len().saturating_sub(1) });
    if at > 64 {
        return;
    }
    while parts.len() <= at {
        parts.push(CallParts::default());
    }
    let part = &mut parts[at];
    if let Some(id) = piece.id {
        part.id = id;
    }
    if let Some(function) = piece.function {
        part.name.push_str(function.name.as_deref().unwrap_or(""));
        part.arguments.push_str(function.arguments.as_deref().unwrap_or(""));
    }
}

/// A call that a small model wrote as its text: bare JSON, or in a fence or tag.
fn written_call(text: &str, request: &ChatRequest) -> Option<ToolCall> {
    let start = text.trim().trim_start_matches("```json").trim_start_matches("```").trim_start_matches("<tool_call>").trim_start();
    if !start.starts_with('{') {
        return None;
    }
    let first = serde_json::Deserializer::from_str(start).into_iter::<Value>().next()?.ok()?;
    let name = first.get("name")?.as_str()?;
    request.tools.iter().find(|tool| tool.name == name)?;
    Some(ToolCall { id: "call_0".to_owned(), name: name.to_owned(), arguments: first.get("arguments").cloned().unwrap_or(Value::Null) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use analyst::ports::ToolSpec;

    fn request() -> ChatRequest {
        let tool = ToolSpec { name: "search", description: "", parameters: json!({}) };
        ChatRequest { messages: vec![Message::User("q".to_owned())], tools: vec![tool], force_tool: Some("search") }
    }

    #[test]
    fn calls_written_as_text() {
        for text in [
            "{\"name\": \"search\", \"arguments\": {\"query\": \"x\"}}",
            "```json\n{\"name\": \"search\", \"arguments\": {\"query\": \"x\"}}\n```",
            "<tool_call>\n{\"name\": \"search\", \"arguments\": {\"query\": \"x\"}}\n</tool_call>",
        ] {
            assert_eq!(written_call(text, &request()).map(|call| call.arguments), Some(json!({"query": "x"})), "{text}");
        }
        assert_eq!(written_call("{\"name\": \"delete\", \"arguments\": {}}", &request()), None);
        assert_eq!(written_call("The answer is {x}.", &request()), None);
    }

    #[test]
    fn pieces_of_calls_come_together() {
        let mut parts = Vec::new();
        let pieces = json!([
            {"index": 0, "id": "a", "function": {"name": "search", "arguments": ""}}, {"index": 0, "function": {"arguments": "{\"query\":"}}, {"index": 0, "function": {"arguments": "\"x\"}"}},
            {"function": {"name": "sql", "arguments": "{\"name\": \"m\"}"}}
        ]);
        for piece in serde_json::from_value::<Vec<CallPiece>>(pieces).expect("pieces") {
            collect(&mut parts, piece);
        }
        let calls: Vec<ToolCall> = parts.into_iter().enumerate().filter_map(|(number, parts)| parts.finish(number)).collect();
        assert_eq!(calls[0], ToolCall { id: "a".to_owned(), name: "search".to_owned(), arguments: json!({"query": "x"}) });
        assert_eq!((calls[1].id.as_str(), calls[1].name.as_str()), ("call_1", "sql"));
    }

    #[test]
    fn vendors_manners() {
        let body = |provider, temperature| {
            let endpoint = Endpoint {
                provider,
                base_url: "http://127.0.0.1:1/v1".to_owned(),
                api_key: None,
                model: "m".to_owned(),
                timeout: std::time::Duration::from_secs(1),
            };
            OpenAiChat::new(endpoint, temperature, 10).expect("a client").body(&request())
        };
        let openai = body(Provider::OpenAi, None);
        assert_eq!((openai.get("temperature"), openai.get("max_tokens"), &openai["max_completion_tokens"]), (None, None, &json!(10)));
        assert_eq!(openai["tool_choice"]["function"]["name"], "search");
        let other = body(Provider::Other, Some(0.5));
        assert_eq!((&other["temperature"], &other["max_tokens"], &other["tool_choice"]), (&json!(0.5), &json!(10), &json!("required")));
    }
}
