//! Retrieval: what people call by name, then what the store finds by words and by meaning. Without a store, by words alone.

use crate::documents;
use crate::ports::{Embed, Knowledge, KnowledgeQuery};
use dbt::NodeIndex;
use ide::Analysis;
use rustc_hash::FxHashMap;

/// One thing found.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    pub unique_id: String,
    pub label: String,
    pub resource_type: String,
    pub description: Option<String>,
    pub excerpt: String,
    pub score: f64,
    /// The column that was meant, where one was.
    pub column: Option<String>,
    /// Where it is defined: relative to its package, and the line from 1.
    pub path: String,
    pub line: u32,
}

/// What was found, and what could not be used to find more.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SearchResult {
    pub found: Vec<Found>,
    pub missing: Vec<String>,
}

/// Searches a project. Names in the text come first; a failing store or model is told and passed over.
pub async fn search(analysis: &Analysis, knowledge: Option<&dyn Knowledge>, embed: Option<&dyn Embed>, text: &str, limit: usize) -> SearchResult {
    let mut result = SearchResult::default();
    let mut scores: Vec<(String, f64, String)> = Vec::new();
    for index in mentioned(analysis, text) {
        scores.push((analysis.index.nodes[index].unique_id.to_string(), 1.0, String::new()));
    }
    let mut columns: Vec<(String, String)> = Vec::new();
    for (index, column) in mentioned_columns(analysis, text) {
        let unique_id = analysis.index.nodes[index].unique_id.to_string();
        scores.push((unique_id.clone(), 1.0, String::new()));
        columns.push((unique_id, column));
    }
    let hits = match knowledge {
        Some(knowledge) => {
            let vector = match embed {
                Some(embed) => match embed.embed(vec![text.to_owned()]).await {
                    Ok(mut vectors) => vectors.pop().map(|vector| (embed.model_id().to_owned(), vector)),
                    Err(error) => {
                        tracing::warn!(error = %error.log, "the query was not embedded");
                        result.missing.push(format!("searched by words only: {}", error.reader));
                        None
                    }
                },
                None => None,
            };
            match knowledge.search(&KnowledgeQuery { text: text.to_owned(), vector, limit: limit * 2 }).await {
                // A store that knows nothing on the subject may not have been filled.
                Ok(hits) if hits.is_empty() => lexical(analysis, text, limit * 2),
                Ok(hits) => hits.into_iter().map(|hit| (hit.unique_id, hit.score, hit.excerpt)).collect(),
                Err(error) => {
                    tracing::warn!(error = %error.log, "the store was not searched");
                    result.missing.push(format!("searched without the knowledge store: {}", error.reader));
                    lexical(analysis, text, limit * 2)
                }
            }
        }
        None => lexical(analysis, text, limit * 2),
    };
    scores.extend(hits);
    let mut seen = std::collections::HashSet::new();
    for (unique_id, score, excerpt) in scores {
        if !seen.insert(unique_id.clone()) {
            continue;
        }
        // The store may be ahead of or behind this snapshot; only what exists is shown.
        let Some(mut found) = describe(analysis, unique_id, score, excerpt) else { continue };
        if let Some((_, column)) = columns.iter().find(|(id, _)| *id == found.unique_id) {
            found.column = Some(column.clone());
        }
        // A docs block that a node before it shows as its description says nothing new.
        let repeats = found.resource_type == "doc"
            && result
                .found
                .iter()
                .any(|other| other.description.as_ref().is_some_and(|text| found.description.as_ref().is_some_and(|own| text.contains(own.as_str()))));
        if !repeats {
            result.found.push(found);
        }
    }
    result.found.truncate(limit);
    result
}

fn describe(analysis: &Analysis, unique_id: String, score: f64, excerpt: String) -> Option<Found> {
    let (label, resource_type, description) = if let Some(index) = analysis.index.node(&unique_id) {
        let node = &analysis.index.nodes[index];
        (node.label(), node.resource_type.to_string(), node.description.as_ref().map(|description| description.text.clone()))
    } else if let Some(docs) = analysis.index.docs.iter().find(|docs| *docs.unique_id == *unique_id) {
        (docs.name.clone(), "doc".to_owned(), Some(docs.text.clone()))
    } else {
        let found = analysis.index.macros.iter().find(|found| *found.unique_id == *unique_id)?;
        (found.name.clone(), "macro".to_owned(), found.description.as_ref().map(|description| description.text.clone()))
    };
    let place = crate::answer::citation_of(analysis, &unique_id)?;
    let path = place.path.strip_prefix(&analysis.root).unwrap_or(&place.path).to_string_lossy().into_owned();
    let description = description.filter(|text| !text.trim().is_empty());
    Some(Found { unique_id, label, resource_type, description, excerpt, score, column: None, path, line: place.start.line + 1 })
}

/// Nodes with a column whose name stands in a text as a whole word: those that describe it first, three at most.
fn mentioned_columns(analysis: &Analysis, text: &str) -> Vec<(NodeIndex, String)> {
    let words: Vec<&str> = text.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|word| word.len() > 2 && word.contains('_')).collect();
    let mut found: Vec<(bool, NodeIndex, String)> = Vec::new();
    for word in words {
        for (index, node) in analysis.index.nodes.iter().enumerate() {
            if let Some(column) = node.column(word).filter(|_| !found.iter().any(|(_, known, _)| *known == index)) {
                found.push((!column.has_description(), index, column.name.to_string()));
            }
        }
    }
    found.sort_by_key(|(undescribed, index, _)| (*undescribed, std::cmp::Reverse(analysis.index.children[*index].len())));
    found.into_iter().take(3).map(|(_, index, column)| (index, column)).collect()
}

/// Nodes whose name stands in a text as a whole word.
pub fn mentioned(analysis: &Analysis, text: &str) -> Vec<NodeIndex> {
    let words = text.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '.')).map(|word| word.trim_matches('.')).filter(|word| word.len() > 2);
    let mut found: Vec<NodeIndex> = Vec::new();
    for word in words {
        // A bare common word such as "orders" names something only if it looks like a name.
        if !word.contains(['_', '.']) {
            continue;
        }
        for index in analysis.index.find(word).into_iter().take(3) {
            let is_test = analysis.index.nodes[index].resource_type.is_test();
            if !is_test && !found.contains(&index) {
                found.push(index);
            }
        }
    }
    found
}

/// Ranks by words: rare words weigh more (BM25 without its length tables, over a few thousand short texts).
fn lexical(analysis: &Analysis, text: &str, limit: usize) -> Vec<(String, f64, String)> {
    let rows = documents::rows(analysis);
    let query: Vec<String> = stems(text).collect();
    let texts: Vec<FxHashMap<String, f64>> = rows
        .iter()
        .map(|row| {
            let mut counts: FxHashMap<String, f64> = FxHashMap::default();
            let weighted = [(row.label.as_str(), 3.0), (row.description.as_deref().unwrap_or(""), 2.0)];
            for (text, weight) in weighted.into_iter().chain(row.chunks.iter().map(|chunk| (chunk.text.as_str(), 1.0))) {
                for stem in stems(text) {
                    *counts.entry(stem).or_default() += weight;
                }
            }
            counts
        })
        .collect();
    let mut scored: Vec<(String, f64, String)> = Vec::new();
    for (row, counts) in rows.iter().zip(&texts) {
        let score: f64 = query
            .iter()
            .filter_map(|stem| {
                let count = counts.get(stem)?;
                let holders = texts.iter().filter(|other| other.contains_key(stem)).count();
                let rarity = (1.0 + (texts.len() as f64 - holders as f64 + 0.5) / (holders as f64 + 0.5)).ln();
                Some(rarity * count * 2.2 / (count + 1.2))
            })
            .sum();
        if score > 0.0 {
            scored.push((row.unique_id.clone(), score, row.chunks.first().map(|chunk| chunk.text.clone()).unwrap_or_default()));
        }
    }
    scored.sort_by(|left, right| right.1.total_cmp(&left.1).then_with(|| left.0.cmp(&right.0)));
    scored.truncate(limit);
    scored
}

fn stems(text: &str) -> impl Iterator<Item = String> + '_ {
    const COMMON: [&str; 24] = [
        "the", "and", "for", "are", "what", "which", "how", "does", "with", "from", "that", "this", "who", "where", "when", "our", "use", "uses", "used",
        "all", "per", "sql", "row", "one",
    ];
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| word.len() > 2).map(str::to_lowercase).filter(|word| !COMMON.contains(&word.as_str())).map(
        |word| {
            let stem = ["ies", "ing", "ed", "es", "s"].iter().find_map(|ending| word.strip_suffix(ending).filter(|stem| stem.len() > 3));
            stem.unwrap_or(&word).to_owned()
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::tests::shop;

    #[test]
    fn words_find_what_they_name() {
        let analysis = shop();
        for (question, expected) in [
            ("How is monthly revenue computed?", "fct_monthly_revenue"),
            ("customer churn", "customer_churn_scores"),
            ("what is in raw_shop.refunds", "raw_shop.refunds"),
        ] {
            let result = futures::executor::block_on(search(&analysis, None, None, question, 5));
            let labels: Vec<&str> = result.found.iter().map(|found| found.label.as_str()).collect();
            assert!(labels.contains(&expected), "{question}: {labels:?}");
        }
    }
}
