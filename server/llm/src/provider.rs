//! Whose server it is, and that vendor's manners.

use analyst::PortError;
use async_openai::Client;
use async_openai::config::OpenAIConfig;
use async_openai::error::OpenAIError;
use secrecy::{ExposeSecret, SecretString};
use std::time::Duration;

/// A vendor whose OpenAI-compatible endpoint is known, or any other server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provider {
    OpenAi,
    Anthropic,
    Google,
    Other,
}

impl Provider {
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "openai" => Some(Self::OpenAi),
            "anthropic" => Some(Self::Anthropic),
            "google" => Some(Self::Google),
            _ => None,
        }
    }

    /// Its endpoint, as each vendor documents it ("OpenAI SDK compatibility", "OpenAI compatibility").
    pub fn base_url(self) -> Option<&'static str> {
        match self {
            Self::OpenAi => Some("https://api.openai.com/v1"),
            Self::Anthropic => Some("https://api.anthropic.com/v1"),
            Self::Google => Some("https://generativelanguage.googleapis.com/v1beta/openai"),
            Self::Other => None,
        }
    }

    pub fn default_model(self) -> Option<&'static str> {
        match self {
            Self::OpenAi => Some("o4-mini"),
            Self::Anthropic => Some("claude-sonnet-4-5"),
            Self::Google => Some("gemini-2.5-flash"),
            Self::Other => None,
        }
    }

    pub fn default_embedding_model(self) -> Option<&'static str> {
        match self {
            Self::OpenAi => Some("text-embedding-3-small"),
            Self::Google => Some("gemini-embedding-001"),
            Self::Anthropic | Self::Other => None,
        }
    }

    /// The variable that holds its key.
    pub fn key_variable(self) -> &'static str {
        match self {
            Self::OpenAi => "LLM_OPENAI_API_KEY",
            Self::Anthropic => "LLM_ANTHROPIC_API_KEY",
            Self::Google => "LLM_GOOGLE_API_KEY",
            Self::Other => "LLM_CHAT_API_KEY",
        }
    }
}

/// A server to talk to.
#[derive(Debug, Clone)]
pub struct Endpoint {
    pub provider: Provider,
    pub base_url: String,
    pub api_key: Option<SecretString>,
    pub model: String,
    /// How long to wait for the next piece of an answer.
    pub timeout: Duration,
}

impl Endpoint {
    pub(crate) fn client(&self) -> Result<Client<OpenAIConfig>, PortError> {
        // Nobody else installs one, and a second installation is no harm.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(10))
            .read_timeout(self.timeout)
            .build()
            .map_err(|error| PortError::new("the HTTP client can't be made on this machine", error))?;
        let key = self.api_key.as_ref().map_or("none", |key| key.expose_secret());
        let config = OpenAIConfig::new().with_api_base(self.base_url.trim_end_matches('/')).with_api_key(key).with_org_id("").with_project_id("");
        Ok(Client::build(http, config))
    }

    /// An error of the client as both faces see it, the key taken out of both.
    pub(crate) fn error(&self, error: &OpenAIError) -> PortError {
        let host = self.base_url.split("//").nth(1).and_then(|rest| rest.split('/').next()).unwrap_or(&self.base_url);
        let model = &self.model;
        let reader = match error {
            OpenAIError::ApiError(api) => match api.status_code.as_u16() {
                401 | 403 => format!("{host} refused the key; check {}", self.provider.key_variable()),
                404 => format!("{host} has no model {model}, or no chat there; check LLM_CHAT_MODEL and LLM_CHAT_BASE_URL"),
                429 => format!("{host} is out of quota or asks to slow down; try again later"),
                status if status >= 500 => format!("{host} failed (HTTP {status}); try again later"),
                status => format!("{host} refused the request (HTTP {status}): {}", self.hide(&api.api_error.message)),
            },
            OpenAIError::Reqwest(error) if error.is_timeout() => {
                format!("{host} did not answer within {} s; set LLM_CHAT_TIMEOUT_SECONDS to wait longer", self.timeout.as_secs())
            }
            OpenAIError::Reqwest(error) if error.is_connect() => format!("{host} can't be reached; is the server running, is the network up?"),
            OpenAIError::Reqwest(_) | OpenAIError::StreamError(_) => format!("the connection to {host} broke while it answered; ask again"),
            OpenAIError::JSONDeserialize(..) => format!("{host} answered in a form that no OpenAI-compatible server uses"),
            _ => format!("the request to {host} failed"),
        };
        PortError::new(reader, self.hide(&error.to_string()))
    }

    fn hide(&self, text: &str) -> String {
        match &self.api_key {
            Some(key) if !key.expose_secret().is_empty() => text.replace(key.expose_secret(), "(hidden)"),
            _ => text.to_owned(),
        }
    }
}
