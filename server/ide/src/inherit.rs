//! Descriptions that a column can take over from upstream.

use crate::Analysis;
use dbt::NodeIndex;

/// A description and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inherited {
    /// To be shown.
    pub text: String,
    /// To be written: the `{{ doc('…') }}` itself where the text comes from a docs block.
    pub raw: String,
    /// The unique id of the node whose column it describes.
    pub from: String,
}

/// A chain of pass-through models is rarely longer.
const MAX_DEPTH: usize = 8;

impl Analysis {
    /// The description of the column of the same name upstream. Only where the nearest nodes that describe such a column agree;
    /// a name alone proves nothing where two of them differ.
    pub fn inherited_column(&self, index: NodeIndex, column: &str) -> Option<Inherited> {
        let mut nearest: Option<(usize, Inherited)> = None;
        for (upstream, steps) in self.index.lineage(index, false, MAX_DEPTH) {
            if nearest.as_ref().is_some_and(|(found, _)| steps > *found) {
                break;
            }
            let node = &self.index.nodes[upstream];
            let Some(found) = node.column(column).filter(|column| column.has_description()) else { continue };
            let Some(description) = &found.description else { continue };
            match &nearest {
                Some((_, other)) if other.text.trim() != description.text.trim() => return None,
                Some(_) => {}
                None => {
                    // Another package's docs blocks have other names here.
                    let keeps_doc = description.has_jinja() && node.package == self.index.nodes[index].package;
                    let raw = if keeps_doc { description.raw().to_owned() } else { description.text.trim().to_owned() };
                    nearest = Some((steps, Inherited { text: description.text.clone(), raw, from: node.unique_id.to_string() }));
                }
            }
        }
        nearest.map(|(_, inherited)| inherited)
    }
}
