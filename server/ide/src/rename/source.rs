//! A source or a table of another name reads the relation that it read before: what its name said of that is written down.

use super::Places;
use crate::Analysis;
use dbt::{NodeIndex, ResourceType};
use syntax::yaml;
use syntax::yaml_edit::{self, Step};
use vfs::FileId;

impl Analysis {
    /// `schema: old` where the source's entry has none.
    pub(super) fn keep_schema(&self, source: &str, places: &mut Places) -> Result<(), String> {
        let tables = self.index.nodes.iter().filter(|node| node.resource_type == ResourceType::Source && node.source_name.as_deref() == Some(source));
        let mut entries: Vec<(FileId, Vec<Step>)> = Vec::new();
        for patch in tables.filter_map(|node| node.patch.as_ref()) {
            let entry = (patch.place.file, patch.path.iter().take(2).cloned().collect());
            if !entries.contains(&entry) {
                entries.push(entry);
            }
        }
        entries.into_iter().try_for_each(|(file, path)| self.keep(file, &path, "schema", source, places))
    }

    /// `identifier: old` where the table's entry has none.
    pub(super) fn keep_identifier(&self, index: NodeIndex, places: &mut Places) -> Result<(), String> {
        let node = &self.index.nodes[index];
        let Some(patch) = &node.patch else { return Ok(()) };
        self.keep(patch.place.file, &patch.path, "identifier", &node.name, places)
    }

    fn keep(&self, file: FileId, path: &[Step], key: &str, value: &str, places: &mut Places) -> Result<(), String> {
        let Some(file) = self.file(file) else { return Ok(()) };
        let tree = yaml::parse(&file.text);
        let Some(entry) = tree.root.as_ref().and_then(|root| yaml_edit::find(root, path)) else { return Ok(()) };
        if entry.get(key).is_some_and(|value| !value.is_null()) || (key == "schema" && entry.get("overrides").is_some()) {
            return Ok(());
        }
        let edits = yaml_edit::set_string(&file.text, path, key, value)
            .map_err(|refusal| format!("`{value}` is also its {key}, which can't be written into {}: {refusal}; write it there first", file.relative))?;
        places.entry(file.id).or_default().extend(edits);
        Ok(())
    }
}
