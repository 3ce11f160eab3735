//! The cards of nodes and columns.

use crate::{Analysis, NavigationTarget};
use dbt::{Column, Description, Node, NodeIndex, ResourceType, Severity};
use std::fmt::Write;

/// What the address of a link to a node begins with; its unique_id follows.
const LINK: &str = "node:";

/// More columns than this make a card that nobody reads.
const MAX_COLUMNS: usize = 20;
const MAX_NEIGHBOURS: usize = 8;

impl Analysis {
    /// Everything worth knowing of a node.
    pub fn node_card(&self, index: NodeIndex) -> String {
        let node = &self.index.nodes[index];
        let mut card = format!("**{}** · {}", node.label(), node.resource_type);
        if let Some(materialized) = node.config.materialized.as_ref().filter(|_| node.resource_type == ResourceType::Model) {
            let _ = write!(card, " · {materialized}");
        }
        if *node.package != *self.index.project {
            let _ = write!(card, " · package `{}`", node.package);
        }
        card.push('\n');
        match &node.description {
            Some(description) if node.has_description() => push_description(&mut card, description),
            _ if node.resource_type.has_description() => card.push_str("\n*No description.*\n"),
            _ => {}
        }
        if let Some((draft, is_stale)) = self.interpretation(node) {
            let since = if is_stale { "; its SQL has changed since" } else { "" };
            let _ = write!(card, "\n{}\n\n*What it does, as {} read it{since}.*\n", draft.text.trim(), draft.origin);
        }
        if let Some(description) = node.source_description.as_ref().filter(|text| !text.text.trim().is_empty()) {
            let _ = write!(card, "\nSource `{}`: {}\n", node.source_name.as_deref().unwrap_or_default(), description.text.trim());
        }
        if !node.columns.is_empty() {
            card.push('\n');
            for column in node.columns.values().take(MAX_COLUMNS) {
                let _ = write!(card, "- `{}`", column.name);
                if let Some(data_type) = column.shown_type() {
                    let _ = write!(card, " {data_type}");
                }
                let text = column.description.as_ref().map_or("", |description| description.text.as_str());
                if !text.trim().is_empty() {
                    let _ = write!(card, ": {}", first_sentence(text));
                }
                let tests: Vec<&str> = column.tests.iter().map(|test| test.name.as_str()).collect();
                if !tests.is_empty() {
                    let _ = write!(card, " *({})*", tests.join(", "));
                }
                card.push('\n');
            }
            if node.columns.len() > MAX_COLUMNS {
                let _ = writeln!(card, "- … and {} more columns", node.columns.len() - MAX_COLUMNS);
            }
        }
        // What only the SQL says.
        let made = self.made(index);
        let others: Vec<String> = made.columns.iter().filter(|column| node.column(&column.name).is_none()).map(|column| format!("`{}`", column.name)).collect();
        if !others.is_empty() {
            let more = if others.len() > MAX_COLUMNS { format!(" … and {} more", others.len() - MAX_COLUMNS) } else { String::new() };
            let also = if node.columns.is_empty() { "Columns" } else { "Also makes" };
            let _ = write!(card, "\n{also}: {}{more}\n", others.iter().take(MAX_COLUMNS).cloned().collect::<Vec<_>>().join(", "));
        }
        let mut facts = Vec::new();
        for (label, value) in &node.details {
            facts.push(format!("{label}: `{value}`"));
        }
        if !node.config.tags.is_empty() {
            facts.push(format!("tags: {}", node.config.tags.iter().map(|tag| format!("`{tag}`")).collect::<Vec<_>>().join(", ")));
        }
        if let Some(group) = &node.config.group {
            facts.push(format!("group: `{group}`"));
        }
        let has_owner = node.details.iter().any(|(label, _)| *label == "owner");
        if let Some(owner) = self.owner_of(self.node_subject(index)).filter(|owner| !has_owner && Some(owner.as_str()) != node.config.group.as_deref()) {
            facts.push(format!("owner: {owner}"));
        }
        if node.config.values.get("contract").and_then(|contract| contract.get("enforced")).and_then(data::Value::as_bool) == Some(true) {
            facts.push("contract: enforced".to_owned());
        }
        facts.extend(freshness(node).map(|text| format!("freshness: {text}")));
        if !node.tests.is_empty() {
            facts.push(format!("tests: {}", node.tests.iter().map(|test| test.name.as_str()).collect::<Vec<_>>().join(", ")));
        }
        facts.extend(self.run_facts(index).into_iter().map(|(label, text)| format!("{label}: {text}")));
        if !facts.is_empty() {
            let _ = write!(card, "\n{}\n", facts.join("  \n"));
        }
        card.push_str("\n---\n\n");
        let upstream = self.neighbours("Upstream", &node.depends_on);
        let (tests, readers): (Vec<NodeIndex>, Vec<NodeIndex>) =
            self.index.children[index].iter().partition(|&&child| self.index.nodes[child].resource_type.is_test());
        // Generic tests stand above, with what they test.
        let tests: Vec<NodeIndex> = tests.into_iter().filter(|&test| self.index.nodes[test].test.is_none()).collect();
        let downstream = self.neighbours("Downstream", &readers);
        let tested = if tests.is_empty() { String::new() } else { format!("  \n{}", self.neighbours("Tested by", &tests)) };
        let _ = write!(card, "{upstream}  \n{downstream}{tested}  \n`{}`", node.path);
        if !node.unresolved.is_empty() {
            let _ = write!(card, "  \nunresolved: {}", node.unresolved.join(", "));
        }
        card
    }

    fn neighbours(&self, label: &str, nodes: &[NodeIndex]) -> String {
        if nodes.is_empty() {
            return format!("{label}: none");
        }
        let names: Vec<String> = nodes.iter().take(MAX_NEIGHBOURS).map(|&index| self.link_to(index)).collect();
        let more = if nodes.len() > MAX_NEIGHBOURS { ", …" } else { "" };
        format!("{label} ({}): {}{more}", nodes.len(), names.join(", "))
    }

    /// A node's name as a link that [`Analysis::with_links`] makes one that leads there.
    pub(super) fn link_to(&self, index: NodeIndex) -> String {
        let node = &self.index.nodes[index];
        format!("[`{}`]({LINK}{})", node.label(), node.unique_id)
    }

    /// A card with links that lead to nodes, each as `link` says; of a node that it says nothing of the name alone.
    pub fn with_links(&self, card: &str, link: impl Fn(NavigationTarget) -> Option<String>) -> String {
        let mut made = String::with_capacity(card.len());
        let open = format!("]({LINK}");
        let mut rest = card;
        while let Some((head, tail)) = rest.split_once(&open) {
            let Some((id, behind)) = tail.split_once(')') else { break };
            let target = self.index.node(id).and_then(|index| link(self.node_target(index)));
            match (target, head.rfind('[')) {
                (Some(target), _) => made.push_str(&format!("{head}]({target})")),
                (None, Some(bracket)) => made.push_str(&format!("{}{}", &head[..bracket], &head[bracket + 1..])),
                (None, None) => made.push_str(head),
            }
            rest = behind;
        }
        made.push_str(rest);
        made
    }

    pub(super) fn column_card(&self, index: NodeIndex, column: &Column) -> String {
        let node = &self.index.nodes[index];
        let mut card = format!("**{}** · column of `{}`", column.name, node.label());
        if let Some(data_type) = column.shown_type() {
            let _ = write!(card, " · {data_type}");
        }
        card.push('\n');
        match &column.description {
            Some(description) if column.has_description() => push_description(&mut card, description),
            _ => match self.inherited_column(index, &column.name) {
                Some(inherited) => {
                    let _ = write!(card, "\n{}\n\n*from `{}`*\n", inherited.text.trim(), inherited.from);
                }
                None => card.push_str("\n*No description.*\n"),
            },
        }
        for test in column.tests.iter() {
            let arguments = if test.arguments.is_empty() { String::new() } else { format!(" ({})", test.arguments.join("; ")) };
            let _ = write!(card, "\n- test `{}`{arguments}", test.name);
        }
        card
    }

    /// Errors first; for a line under a card in a chat.
    pub fn problems_of(&self, index: NodeIndex) -> Vec<String> {
        let file = self.index.nodes[index].place.file;
        let of_file = self.index.diagnostics_of(file).filter(|found| found.severity <= Severity::Warning);
        of_file.map(|found| found.message.clone()).collect()
    }
}

/// After how long a source's table is late, as it is configured.
fn freshness(node: &Node) -> Option<String> {
    let threshold = [node.definition.get("freshness"), node.config.values.get("freshness")].into_iter().flatten().find(|value| !value.is_null())?;
    let of = |key: &str, word: &str| {
        let after = threshold.get(key)?;
        let count = after.get("count").filter(|count| !count.is_null())?;
        let period = after.get("period").and_then(data::Value::as_str)?;
        Some(format!("{word} after {} {period}s", count.as_i64().map_or_else(|| count.to_string(), |count| count.to_string())))
    };
    let all: Vec<String> = [of("warn_after", "a warning"), of("error_after", "an error")].into_iter().flatten().collect();
    (!all.is_empty()).then(|| all.join(", "))
}

pub(super) fn push_description(card: &mut String, description: &Description) {
    let _ = write!(card, "\n{}\n", description.text.trim());
}

/// The first sentence of a description on one line; tables and lists that follow are for the column's own card.
pub(crate) fn first_sentence(text: &str) -> String {
    let paragraph = text
        .trim()
        .split(
            "

",
        )
        .next()
        .unwrap_or("");
    let line = paragraph.lines().take_while(|line| !line.trim_start().starts_with('|')).collect::<Vec<_>>().join(" ");
    let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.find(". ") {
        Some(end) => line[..=end].to_owned(),
        None => line,
    }
}
