//! `ragstar docs coverage`.

use super::super::Outcome;
use crate::args::{CoverageBy, CoverageFormat, CoverageOptions};
use crate::context::Context;
use crate::output;
use ide::Coverage;
use serde_json::{Value, json};
use std::process::ExitCode;

pub fn run(context: &Context, options: &CoverageOptions, json: bool) -> Outcome {
    // The process ends after this; to take the index apart piece by piece would only take time.
    let analysis = std::mem::ManuallyDrop::new(context.load()?);
    let of = analysis.coverage(&super::selected(&analysis, &options.selection)?);
    let mut total = Coverage::default();
    of.iter().for_each(|one| total.add(one.coverage));
    let by = match options.by {
        CoverageBy::Folder => "folder",
        CoverageBy::Owner => "owner",
        CoverageBy::Type => "type",
    };
    let groups: Vec<(String, Coverage)> = analysis.coverage_by(&of, by).into_iter().collect();
    let format = if json { CoverageFormat::Json } else { options.format };
    match format {
        CoverageFormat::Text => {
            let row = |name: &str, coverage: &Coverage| vec![name.to_owned(), nodes_of(coverage), columns_of(coverage), format!("{:.1} %", coverage.percent())];
            let mut rows: Vec<Vec<String>> = groups.iter().map(|(name, coverage)| row(name, coverage)).collect();
            rows.push(row("all", &total));
            output::line(&output::table(&[by, "entries", "columns", "described"], rows));
        }
        CoverageFormat::Markdown => {
            output::line(&format!("| {by} | entries | columns | described |\n|---|---|---|---|"));
            for (name, coverage) in groups.iter().map(|(name, coverage)| (format!("`{name}`"), coverage)).chain([("**all**".to_owned(), &total)]) {
                output::line(&format!("| {name} | {} | {} | {:.1} % |", nodes_of(coverage), columns_of(coverage), coverage.percent()));
            }
        }
        CoverageFormat::Json => {
            let groups: Vec<Value> = groups
                .iter()
                .map(|(name, coverage)| {
                    let mut value = as_json(coverage);
                    value["name"] = json!(name);
                    value
                })
                .collect();
            let missing: Vec<Value> =
                of.iter().flat_map(|one| &one.missing).map(|target| json!({"uniqueId": target.unique_id, "column": target.column})).collect();
            output::line(&json!({"total": as_json(&total), "by": by, "groups": groups, "missing": missing}).to_string());
        }
        CoverageFormat::Svg => output::line(&badge(total.percent())),
    }
    if options.fail_under.is_some_and(|least| !least.is_finite()) {
        return Err("--fail-under takes a number of per cent, such as 80".to_owned());
    }
    if let Some(least) = options.fail_under.filter(|least| total.percent() < *least) {
        output::error(&format!("{:.1} % is described, less than the {least} % that are wanted", total.percent()));
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

fn nodes_of(coverage: &Coverage) -> String {
    format!("{} of {}", coverage.described_nodes, coverage.nodes)
}

fn columns_of(coverage: &Coverage) -> String {
    format!("{} of {}", coverage.described_columns, coverage.columns)
}

fn as_json(coverage: &Coverage) -> Value {
    json!({
        "entries": {"described": coverage.described_nodes, "total": coverage.nodes},
        "columns": {"described": coverage.described_columns, "total": coverage.columns},
        "percent": (coverage.percent() * 100.0).round() / 100.0,
    })
}

/// A badge for a README, drawn as the usual ones are.
fn badge(percent: f64) -> String {
    let colour = match percent {
        95.0.. => "#4c1",
        80.0.. => "#97ca00",
        60.0.. => "#dfb317",
        40.0.. => "#fe7d37",
        _ => "#e05d44",
    };
    let value = format!("{percent:.0}%");
    let (left, right) = (62, 10 + 8 * value.len());
    let (width, middle) = (left + right, left + right / 2);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"20\" role=\"img\" aria-label=\"dbt docs: {value}\"><title>dbt docs: {value}</title><clipPath id=\"r\"><rect width=\"{width}\" height=\"20\" rx=\"3\"/></clipPath><g clip-path=\"url(#r)\"><rect width=\"{left}\" height=\"20\" fill=\"#555\"/><rect x=\"{left}\" width=\"{right}\" height=\"20\" fill=\"{colour}\"/></g><g fill=\"#fff\" text-anchor=\"middle\" font-family=\"Verdana,Geneva,DejaVu Sans,sans-serif\" font-size=\"11\"><text x=\"{}\" y=\"14\">dbt docs</text><text x=\"{middle}\" y=\"14\">{value}</text></g></svg>",
        left / 2
    )
}
