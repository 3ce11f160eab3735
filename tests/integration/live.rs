//! An index that was patched is the index that would be made anew.

use ide::{Analysis, AnalysisHost};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use testkit::workspace_root;
use vfs::{DiskLoader, FileText, Loader};

pub fn settings(root: &Path) -> ide::DbtSettings {
    let profiles = std::fs::read_to_string(root.join("profiles.yml")).ok().map(Into::into);
    ide::DbtSettings { profiles, ..ide::DbtSettings::default() }
}

pub fn fresh(root: &Path, files: &[(PathBuf, FileText)]) -> Analysis {
    let mut host = AnalysisHost::new(root);
    host.set_settings(settings(root));
    host.load(files.to_vec());
    host.publish()
}

/// All that an index says, in an order that doesn't depend on how it was made.
pub fn shown(analysis: &Analysis) -> Vec<String> {
    let manifest = analysis.index.manifest(&|file| analysis.file(file).map(|file| file.text.clone()));
    let mut lines: Vec<String> = Vec::new();
    for (section, entries) in manifest.as_object().unwrap() {
        match entries.as_object() {
            Some(entries) => lines.extend(entries.iter().map(|(key, value)| format!("{section} {key} {value}"))),
            None => lines.push(format!("{section} {entries}")),
        }
    }
    for (at, node) in analysis.index.nodes.iter().enumerate() {
        let mut children: Vec<&str> = analysis.index.children[at].iter().map(|&child| &*analysis.index.nodes[child].unique_id).collect();
        children.sort_unstable();
        let file = analysis.file(node.place.file).unwrap();
        lines.push(format!(
            "{} at {}:{:?} patch {:?} unresolved {:?} tests {:?} children {children:?}",
            node.unique_id, file.relative, node.place.range, node.patch, node.unresolved, node.tests
        ));
        assert_eq!(analysis.index.node(&node.unique_id), Some(at), "{}", node.unique_id);
    }
    lines.extend(
        analysis
            .all_diagnostics()
            .into_iter()
            .map(|(path, found)| format!("{path} {:?} {:?} {} {}", found.place.range, found.severity, found.code, found.message)),
    );
    lines.extend(analysis.index.macros.iter().map(|found| format!("{} {:?} {:?} {}", found.unique_id, found.place.range, found.range, found.text)));
    lines.sort();
    lines
}

/// Ways in which a person's text differs from what it was a moment ago.
fn edits(text: &str) -> Vec<String> {
    let half = (0..=text.len() / 2).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
    let lines: Vec<&str> = text.lines().collect();
    let without = |at: usize| lines.iter().enumerate().filter(|(line, _)| *line != at).map(|(_, line)| format!("{line}\n")).collect::<String>();
    let mut made = vec![
        format!("\n{text}"),
        format!("{text}\n{{{{ ref('orders') }}}} {{{{ source('raw', 'nothing') }}}}\n"),
        text[..half].to_owned(),
        text.replacen("ref('", "ref('x_", 1),
        text.replacen("name: ", "name: new_", 1),
        text.replacen("not_null", "unique", 1),
        text.replacen("description:", "description: new #", 1),
        text.replacen("enabled", "disabled", 1),
        text.replace("materialized='table'", "materialized='ephemeral'"),
        text.replacen(" as ", " AS ", 1),
        format!("{text}{{{{ config(tags=['fresh'], enabled=false) }}}}"),
        String::new(),
    ];
    made.extend((0..lines.len()).step_by(lines.len().div_ceil(4).max(1)).map(without));
    made.dedup();
    made.retain(|edited| edited != text);
    made
}

/// Tries every `step`th of all edits.
fn patched_as_new(fixture: &str, step: usize, large: usize) {
    let root = workspace_root().join("tests/fixtures").join(fixture);
    let files = DiskLoader.load(&root);
    let mut host = AnalysisHost::new(&root).with_large(large);
    host.set_settings(settings(&root));
    host.load(files.clone());
    let whole = host.whole_parses();
    let before = shown(&host.publish());
    assert_eq!(shown(&fresh(&root, &files)), before, "{fixture}: two readings differ");
    let (mut edited, mut names, mut turn) = (0, 0, 0);
    for (path, text) in &files {
        for edit in edits(&text.text) {
            turn += 1;
            if turn % step != 0 {
                continue;
            }
            let mut changed = files.clone();
            changed.iter_mut().find(|(known, _)| known == path).unwrap().1 = FileText::new(edit.clone());
            host.set_overlay(path, Some(Arc::from(edit.as_str())));
            let (ours, theirs) = (shown(&host.publish()), shown(&fresh(&root, &changed)));
            same(&ours, &theirs, &format!("{} after {edit:?}", path.display()));
            edited += 1;
        }
        host.set_overlay(path, None);
        same(&shown(&host.publish()), &before, &format!("{} as it was", path.display()));
        names += 1;
    }
    let whole = host.whole_parses() - whole;
    assert!(whole < edited + names, "{fixture}: of {edited} edits of {names} files {whole} took a whole parse");
}

/// Tries every `step`th of all edits, each on a state that was taken up again.
fn resumed_as_new(fixture: &str, step: usize, large: usize) {
    let root = workspace_root().join("tests/fixtures").join(fixture);
    let files = DiskLoader.load(&root);
    let host = || {
        let mut host = AnalysisHost::new(&root).with_large(large);
        host.set_settings(settings(&root));
        host
    };
    let mut parsed = host();
    parsed.load(files.clone());
    parsed.publish();
    let kept = parsed.snapshot().unwrap();
    let before = shown(&host().resume(kept.clone()));
    same(&before, &shown(&parsed.analysis()), fixture);
    let mut edited = 0;
    let all = files.iter().flat_map(|(path, text)| edits(&text.text).into_iter().map(move |edit| (path, edit)));
    for (path, edit) in all.skip(step / 2).step_by(step) {
        let mut resumed = host();
        resumed.resume(kept.clone());
        let mut changed = files.clone();
        changed.iter_mut().find(|(known, _)| known == path).unwrap().1 = FileText::new(edit.clone());
        resumed.set_overlay(path, Some(Arc::from(edit.as_str())));
        same(&shown(&resumed.publish()), &shown(&fresh(&root, &changed)), &format!("{} after {edit:?}", path.display()));
        edited += 1;
        // It parses no more than one that parsed the project itself.
        let known = parsed.whole_parses();
        parsed.set_overlay(path, Some(Arc::from(edit.as_str())));
        parsed.publish();
        assert_eq!(resumed.whole_parses(), parsed.whole_parses() - known, "{} after {edit:?}", path.display());
        parsed.set_overlay(path, None);
        parsed.publish();
        // What it keeps itself is as good.
        resumed.set_overlay(path, None);
        resumed.publish();
        let again = resumed.snapshot().unwrap();
        same(&shown(&host().resume(again)), &before, &format!("{} as it was", path.display()));
    }
    assert!(edited > 10, "{fixture}: {edited} edits");
}

pub fn same(ours: &[String], theirs: &[String], when: &str) {
    let only = |one: &[String], other: &[String]| one.iter().filter(|line| !other.contains(line)).take(3).cloned().collect::<Vec<_>>();
    assert!(ours == theirs, "{when}\npatched only: {:#?}\nnew only: {:#?}", only(ours, theirs), only(theirs, ours));
}

#[test]
fn a_patched_index_is_as_a_new_one() {
    patched_as_new("shop", 7, usize::MAX);
    patched_as_new("overrides", 5, usize::MAX);
    patched_as_new("constructs", 61, usize::MAX);
}

#[test]
fn so_is_one_that_was_taken_up_again() {
    for large in [usize::MAX, 0] {
        resumed_as_new("shop", 19, large);
        resumed_as_new("overrides", 11, large);
        resumed_as_new("constructs", 127, large);
    }
}

#[test]
fn so_is_that_of_a_large_project() {
    patched_as_new("shop", 23, 0);
    patched_as_new("overrides", 17, 0);
    patched_as_new("constructs", 149, 0);
}
