//! Document links: each name of something in another file leads there.

use crate::thing::inner;
use crate::{Analysis, File, NavigationTarget, Thing};
use text::TextRange;

/// A place in a file that leads to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    pub range: TextRange,
    pub target: NavigationTarget,
    pub tooltip: String,
}

impl Analysis {
    /// The links of a file: of `ref`, `source` and `doc` calls with literal names.
    pub fn links(&self, file: &File) -> Vec<Link> {
        let package = self.package_of(file);
        let made = file.facts.uses.iter().filter_map(|used| {
            let (target, tooltip) = match self.named(&used.target, package)? {
                Thing::Node(index) => {
                    let node = &self.index.nodes[index];
                    (self.node_target(index), format!("{} {}", node.resource_type, node.label()))
                }
                Thing::Docs(at) => {
                    let docs = &self.index.docs[at];
                    (NavigationTarget::of_docs(docs), format!("docs block {}", docs.name))
                }
                _ => return None,
            };
            Some(Link { range: inner(&file.text, used.name_range), target, tooltip })
        });
        made.collect()
    }
}

#[cfg(test)]
mod tests {
    use crate::test_support::at_cursor;
    use expect_test::expect;

    #[test]
    fn links_of_a_model() {
        let (analysis, file, _) = at_cursor(
            "-- file: models/a.sql\nselect 1\n-- file: models/s.yml\nsources: [{name: raw, tables: [{name: t}]}]\n-- file: models/b.sql\n$0select * from {{ ref('a') }} join {{ source('raw', 't') }} join {{ ref('gone') }}\n",
        );
        let shown = analysis.links(&file).into_iter().map(|link| {
            let target = analysis.file(link.target.file).expect("a file");
            format!("{} -> {} ({})", link.range.of(&file.text), target.relative, link.tooltip)
        });
        expect![[r#"
            a -> models/a.sql (model a)
            t -> models/s.yml (source raw.t)"#]]
        .assert_eq(&shown.collect::<Vec<_>>().join("\n"));
    }
}
