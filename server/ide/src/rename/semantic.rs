//! Names of the semantic layer that stand in expressions, or for a column.

use super::{Places, line, loose};
use crate::{Analysis, Thing};
use dbt::FileKind;
use syntax::yaml::{self, Node};
use text::Edit;

impl Analysis {
    /// Expressions of derived metrics call those that they are made of by their names, where these have no alias.
    pub(super) fn rename_in_expressions(&self, old: &str, name: &str, places: &mut Places) {
        for file in self.files.values().filter(|file| file.kind == FileKind::Properties && file.package == 0 && file.text.contains(old)) {
            let tree = yaml::parse(&file.text);
            let metrics = tree.root.as_ref().and_then(|root| root.get("metrics")).map(Node::items).unwrap_or_default();
            for parameters in metrics.iter().filter_map(|metric| metric.get("type_params")) {
                let is_it = |input: &Node| input.as_str() == Some(old) || input.get_str("name") == Some(old) && input.get("alias").is_none();
                let Some(expression) = parameters.get("expr").filter(|expression| expression.as_str().is_some() && !expression.is_alias) else { continue };
                if parameters.get("metrics").is_some_and(|inputs| inputs.items().iter().any(is_it)) {
                    let words = loose::words_in(&file.text, expression.range, old);
                    places.entry(file.id).or_default().extend(words.into_iter().map(|range| Edit::replace(range, name)));
                }
            }
        }
    }

    /// A measure without an expression is the column of its name.
    pub(super) fn may_rename_measure(&self, thing: &Thing, old: &str) -> Result<(), String> {
        let place = self.place_of_measure(thing);
        let Some((place, file)) = place.and_then(|place| Some((place, self.file(place.file)?))) else { return Ok(()) };
        let tree = yaml::parse(&file.text);
        let measures = tree.root.as_ref().and_then(|root| root.entry_around(place.range)).and_then(|model| model.get("measures"));
        let measure = measures.and_then(|measures| measures.items().iter().find(|measure| measure.range.contains_range(place.range)));
        if measure.is_some_and(|measure| measure.get("expr").is_none()) {
            return Err(format!("measure `{old}` in {}, {}, is the column of its name; give it `expr: {old}` first", file.relative, line(file, place.range)));
        }
        Ok(())
    }
}
