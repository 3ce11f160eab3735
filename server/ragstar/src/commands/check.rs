//! `ragstar check`: everything that is wrong with a project, for a person or for CI.

use super::Outcome;
use crate::args::{CheckFormat, CheckOptions, Level};
use crate::context::Context;
use crate::output;
use analyst::Services;
use dbt::{Diagnostic, Severity};
use ide::{Analysis, Rule};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use text::{Encoding, LineIndex};

/// One finding, with its place as people count: from 1.
struct Finding {
    /// Of the project.
    path: String,
    /// Of the repository around it.
    shown: String,
    start: (u32, u32),
    end: (u32, u32),
    diagnostic: Diagnostic,
}

pub async fn run(context: &Context, options: &CheckOptions, json: bool) -> Outcome {
    if options.list {
        list(json);
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(unknown) = options.rules.iter().find(|code| Rule::find(code).is_none()) {
        return Err(format!("there is no rule `{unknown}`; `ragstar check --list` names them all"));
    }
    let analysis = context.load_whole()?;
    // Those of descriptions that went stale; where they are can't be known everywhere.
    let drafts = async { super::wiring(context).drafts().await?.list().await };
    let analysis = match drafts.await {
        Ok(drafts) => analysis.with_drafts(drafts),
        Err(error) => {
            output::note(&format!("ragstar: drafts are not looked at: {}", error.reader));
            analysis
        }
    };
    let findings = findings(&analysis, options)?;
    let format = if json { CheckFormat::Json } else { options.format };
    match format {
        CheckFormat::Text => text(&findings),
        CheckFormat::Json => output::line(&Value::Array(findings.iter().map(as_json).collect()).to_string()),
        CheckFormat::Sarif => output::line(&serde_json::to_string_pretty(&sarif(&findings)).map_err(|error| error.to_string())?),
        CheckFormat::Github => findings.iter().for_each(|finding| output::line(&annotation(finding))),
    }
    let fails = findings.iter().any(|finding| is_at_least(finding.diagnostic.severity, options.fail_on));
    // The process ends here; to take the index apart piece by piece would only take time.
    std::mem::forget(analysis);
    Ok(if fails { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn is_at_least(severity: Severity, level: Level) -> bool {
    match level {
        Level::Never => false,
        Level::Error => severity <= Severity::Error,
        Level::Warning => severity <= Severity::Warning,
        Level::Information => severity <= Severity::Information,
        Level::Hint => true,
    }
}

fn findings(analysis: &Analysis, options: &CheckOptions) -> Result<Vec<Finding>, String> {
    let wanted = options.paths.iter().map(|path| absolute(path)).collect::<Result<Vec<PathBuf>, String>>()?;
    let repository = repository_of(&analysis.root);
    let level = options.level.unwrap_or(if options.rules.is_empty() { Level::Information } else { Level::Hint });
    let mut lines: Option<(vfs::FileId, LineIndex)> = None;
    let mut findings = Vec::new();
    for (path, diagnostic) in analysis.all_diagnostics() {
        let is_shown = is_at_least(diagnostic.severity, level) || is_at_least(diagnostic.severity, options.fail_on);
        if !is_shown || (!options.rules.is_empty() && !options.rules.iter().any(|code| code == diagnostic.code)) {
            continue;
        }
        let Some(file) = analysis.file(diagnostic.place.file) else { continue };
        if !wanted.is_empty() && !wanted.iter().any(|wanted| file.path.starts_with(wanted)) {
            continue;
        }
        if lines.as_ref().is_none_or(|(id, _)| *id != file.id) {
            lines = Some((file.id, LineIndex::new(&file.text)));
        }
        let at = |offset: u32| match &lines {
            Some((_, lines)) => {
                let found = lines.position(&file.text, offset as usize, Encoding::Utf32);
                (found.line + 1, found.column + 1)
            }
            None => (1, 1),
        };
        let range = diagnostic.place.range;
        let (start, end) = (at(range.start), at(range.end));
        let shown = file.path.strip_prefix(&repository).unwrap_or(&file.path).to_string_lossy().replace('\\', "/");
        findings.push(Finding { path, shown, start, end, diagnostic });
    }
    Ok(findings)
}

fn absolute(path: &Path) -> Result<PathBuf, String> {
    std::fs::canonicalize(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// The folder that a CI's paths are counted from: the repository's, else the project's.
fn repository_of(root: &Path) -> PathBuf {
    root.ancestors().find(|folder| folder.join(".git").exists()).unwrap_or(root).to_owned()
}

fn name_of(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Information => "information",
        Severity::Hint => "hint",
    }
}

fn text(findings: &[Finding]) {
    for finding in findings {
        let Diagnostic { severity, code, message, .. } = &finding.diagnostic;
        output::line(&format!("{}:{}:{}: {} [{code}] {message}", finding.path, finding.start.0, finding.start.1, name_of(*severity)));
    }
    let count = |severity: Severity| findings.iter().filter(|finding| finding.diagnostic.severity == severity).count();
    let (errors, warnings, others) = (count(Severity::Error), count(Severity::Warning), count(Severity::Information) + count(Severity::Hint));
    let gap = if findings.is_empty() { "" } else { "\n" };
    output::line(&format!("{gap}{errors} errors, {warnings} warnings, {others} others"));
}

fn as_json(finding: &Finding) -> Value {
    let Diagnostic { severity, code, message, dbt, .. } = &finding.diagnostic;
    json!({
        "path": finding.path, "line": finding.start.0, "column": finding.start.1, "endLine": finding.end.0, "endColumn": finding.end.1,
        "severity": name_of(*severity), "code": code, "message": message, "dbt": dbt,
    })
}

/// SARIF 2.1.0 (OASIS), as code scanning reads it.
fn sarif(findings: &[Finding]) -> Value {
    let level = |severity: &str| match severity {
        "error" => "error",
        "warning" | "various" => "warning",
        _ => "note",
    };
    let rules: Vec<Value> = Rule::all()
        .map(|rule| json!({"id": rule.code, "shortDescription": {"text": rule.doc}, "defaultConfiguration": {"level": level(rule.severity)}}))
        .collect();
    let results: Vec<Value> = findings
        .iter()
        .map(|finding| {
            let region = json!({"startLine": finding.start.0, "startColumn": finding.start.1, "endLine": finding.end.0, "endColumn": finding.end.1});
            json!({
                "ruleId": finding.diagnostic.code, "level": level(name_of(finding.diagnostic.severity)), "message": {"text": finding.diagnostic.message},
                "locations": [{"physicalLocation": {"artifactLocation": {"uri": as_uri(&finding.shown), "uriBaseId": "%SRCROOT%"}, "region": region}}],
            })
        })
        .collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {"name": "ragstar", "version": env!("CARGO_PKG_VERSION"), "rules": rules}},
            "columnKind": "unicodeCodePoints", "results": results,
        }],
    })
}

/// A relative path as a URI.
fn as_uri(path: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    path.bytes().map(|byte| if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// A workflow command of GitHub Actions.
fn annotation(finding: &Finding) -> String {
    let kind = match finding.diagnostic.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        _ => "notice",
    };
    let data = |text: &str| text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    let property = |text: &str| data(text).replace(':', "%3A").replace(',', "%2C");
    format!(
        "::{kind} file={},line={},col={},endLine={},endColumn={},title={}::{}",
        property(&finding.shown),
        finding.start.0,
        finding.start.1,
        finding.end.0,
        finding.end.1,
        property(finding.diagnostic.code),
        data(&finding.diagnostic.message)
    )
}

fn list(json: bool) {
    if json {
        let rules: Vec<Value> = Rule::all().map(|rule| json!({"code": rule.code, "severity": rule.severity, "about": rule.doc})).collect();
        output::line(&Value::Array(rules).to_string());
        return;
    }
    let rows = Rule::all().map(|rule| vec![rule.code.to_owned(), rule.severity.to_owned(), rule.doc.to_owned()]).collect();
    output::line(&output::table(&["rule", "severity", "tells"], rows));
}
