//! `ragstar index`: the project as it was understood.

use super::Outcome;
use crate::context::Context;
use crate::output;
use dbt::Severity;
use ide::Analysis;
use serde_json::{Value, json};
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

/// More problems than these are counted, not listed.
const MAX_LISTED: usize = 20;

pub async fn run(context: &Context, strict: bool, publish: bool, emit: Option<&Path>, json: bool) -> Outcome {
    let started = Instant::now();
    let analysis = context.load()?;
    let seconds = started.elapsed().as_secs_f64();
    if let Some(path) = emit {
        write_manifest(&analysis, path)?;
        if path == Path::new("-") {
            return Ok(ExitCode::SUCCESS);
        }
    }
    let summary = analysis.summary();
    let diagnostics = analysis.all_problems();
    let problems: Vec<_> = diagnostics.iter().filter(|(_, found)| found.severity <= Severity::Information).collect();
    let published = if publish {
        let wiring = super::wiring(context);
        let workspace = wiring.workspace().await.map_err(|error| error.reader)?;
        let embed = wiring.embed().await.map_err(|error| error.reader)?;
        Some(wiring.sync(&analysis, &workspace, Some(&*embed), None).await.map_err(|error| error.reader)?)
    } else {
        None
    };
    if json {
        let counts: serde_json::Map<String, Value> = summary.counts.iter().map(|(kind, count)| ((*kind).to_owned(), json!(count))).collect();
        let problems: Vec<_> = problems.iter().map(|(path, found)| json!({"path": path, "line": line_of(&analysis, found) , "severity": format!("{:?}", found.severity).to_lowercase(), "code": found.code, "message": found.message, "dbt": found.dbt})).collect();
        let nodes: Vec<_> = analysis.index.nodes.iter().map(|node| {
            let upstream: Vec<_> = node.depends_on.iter().map(|&parent| json!(&*analysis.index.nodes[parent].unique_id)).collect();
            json!({"uniqueId": &*node.unique_id, "resourceType": node.resource_type.as_str(), "path": node.path, "dependsOn": upstream, "columns": node.columns.keys().collect::<Vec<_>>(), "hasDescription": node.has_description()})
        }).collect();
        output::line(&json!({"project": summary.project, "seconds": seconds, "files": summary.files, "bytes": summary.bytes, "counts": counts, "macros": summary.macros, "docs": summary.docs, "disabled": summary.disabled, "edges": summary.edges, "packages": summary.packages, "problems": problems, "nodes": nodes}).to_string());
    } else {
        let mut rows: Vec<Vec<String>> = summary.counts.iter().map(|(kind, count)| vec![(*kind).to_owned(), count.to_string()]).collect();
        rows.extend(
            [("macro", summary.macros), ("doc", summary.docs), ("disabled", summary.disabled)]
                .into_iter()
                .filter(|(_, count)| *count > 0)
                .map(|(kind, count)| vec![kind.to_owned(), count.to_string()]),
        );
        output::line(&format!("{} ({} files, {:.1} MB, {:.0} ms)\n", summary.project, summary.files, summary.bytes as f64 / 1e6, seconds * 1e3));
        output::line(&output::table(&[], rows));
        output::line(&format!(
            "\n{} edges; packages: {}",
            summary.edges,
            if summary.packages.is_empty() { "none".to_owned() } else { summary.packages.join(", ") }
        ));
        if !problems.is_empty() {
            output::line(&format!("\n{} errors, {} warnings", summary.errors, summary.warnings));
            for (path, found) in problems.iter().take(MAX_LISTED) {
                let note = if found.severity == Severity::Information { "note: " } else { "" };
                output::line(&format!("  {path}:{}: {note}{}", line_of(&analysis, found), found.message));
            }
            if problems.len() > MAX_LISTED {
                output::line(&format!("  … and {} more (--json lists all)", problems.len() - MAX_LISTED));
            }
        }
        if let Some(report) = published {
            output::line(&format!(
                "\nknowledge store: {} written, {} removed, {} unchanged, {} embedded",
                report.written, report.removed, report.unchanged, report.embedded
            ));
        }
    }
    // The process ends here; to take the index apart piece by piece would only take time.
    std::mem::forget(analysis);
    Ok(if strict && summary.errors > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Writes the manifest whole or not at all: beside the file first, then in its place.
fn write_manifest(analysis: &Analysis, path: &Path) -> Result<(), String> {
    let manifest = analysis.index.manifest(&|file| analysis.file(file).map(|file| file.text.clone()));
    let text = serde_json::to_string(&manifest).map_err(|error| error.to_string())?;
    if path == Path::new("-") {
        output::line(&text);
        return Ok(());
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let written = tempfile::NamedTempFile::new_in(folder).and_then(|mut file| {
        std::io::Write::write_all(&mut file, text.as_bytes())?;
        file.persist(path).map(|_| ()).map_err(|error| error.error)
    });
    written.map_err(|error| format!("{} can't be written: {error}", path.display()))
}

fn line_of(analysis: &Analysis, found: &dbt::Diagnostic) -> usize {
    analysis.file(found.place.file).map_or(1, |file| text::LineIndex::new(&file.text).line_of(found.place.range.start as usize) + 1)
}
