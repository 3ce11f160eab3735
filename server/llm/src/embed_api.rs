//! Embeddings of an OpenAI-compatible server.

use crate::Endpoint;
use analyst::PortError;
use analyst::ports::Embed;
use async_openai::Client;
use async_openai::config::OpenAIConfig;
use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};

pub struct ApiEmbed {
    endpoint: Endpoint,
    client: Client<OpenAIConfig>,
    model_id: String,
}

#[derive(Deserialize)]
struct Response {
    data: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    #[serde(default)]
    index: Option<usize>,
    embedding: Vec<f32>,
}

impl ApiEmbed {
    pub fn new(endpoint: Endpoint) -> Result<Self, PortError> {
        let model_id = format!("{}@{}", endpoint.model, endpoint.base_url.trim_end_matches('/'));
        Ok(Self { client: endpoint.client()?, endpoint, model_id })
    }
}

#[async_trait]
impl Embed for ApiEmbed {
    fn model_id(&self) -> &str {
        &self.model_id
    }

    async fn embed(&self, texts: Vec<String>) -> Result<Vec<Vec<f32>>, PortError> {
        let count = texts.len();
        let request = json!({"model": self.endpoint.model, "input": texts, "encoding_format": "float"});
        let response: Value = self.client.embeddings().create_byot(request).await.map_err(|error| self.endpoint.error(&error))?;
        let response: Response =
            serde_json::from_value(response).map_err(|error| PortError::new("the embeddings server answered in an unknown form", error))?;
        let mut vectors = vec![Vec::new(); count];
        for (place, item) in response.data.into_iter().enumerate() {
            if let Some(slot) = vectors.get_mut(item.index.unwrap_or(place)) {
                *slot = unit(item.embedding);
            }
        }
        if vectors.iter().any(Vec::is_empty) {
            return Err(PortError::new("the embeddings server left texts out", format!("{count} texts sent")));
        }
        Ok(vectors)
    }
}

/// The vector of length one in the same direction.
pub(crate) fn unit(mut vector: Vec<f32>) -> Vec<f32> {
    let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|value| *value /= length);
    }
    vector
}
