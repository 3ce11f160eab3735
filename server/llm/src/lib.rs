//! Language models and embeddings: the analyst's `Chat` and `Embed` over every OpenAI-compatible server, and embeddings that run on
//! this machine. Knows vendors' manners, and no prompts.

mod chat;
mod embed_api;
mod embed_local;
mod provider;

pub use chat::OpenAiChat;
pub use embed_api::ApiEmbed;
pub use embed_local::{LocalEmbed, MODEL_ID};
pub use provider::{Endpoint, Provider};
