//! What is wrong with the packages and the profile, told at the file that asks for them.

use super::session::Session;
use crate::FileKind;
use crate::index::{Diagnostic, PackageInput, Place, Severity};
use rustc_hash::FxHashSet;
use text::TextRange;

/// Packages that are listed and not installed, names that two packages have, a profile that isn't there
/// (`RuntimeConfig.load_dependencies`, `Profile.render_from_args`).
pub(super) fn problems(inputs: &[PackageInput], session: &Session) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let Some(root) = inputs.first() else { return found };
    let listed = root.files.iter().filter(|file| file.kind == FileKind::Packages && &*file.path != "package-lock.yml").filter_map(|file| {
        let tree = syntax::yaml::parse(&file.text);
        let packages = tree.root?.get("packages")?.clone();
        Some((file, packages.items().len(), packages.range))
    });
    let installed = inputs.len() - 1;
    for (file, count, range) in listed.filter(|(_, count, _)| *count > installed) {
        let folder = &root.config.packages_install_path;
        let message = format!("{count} packages are listed, {installed} are installed in {folder}; run `dbt deps`");
        let says = format!(
            "dbt found {count} package(s) specified in {}, but only {installed} package(s) installed in {folder}. Run \"dbt deps\" to install package dependencies.",
            file.path
        );
        let first_line = TextRange::new(range.start as usize, range.start as usize + range.of(&file.text).lines().next().unwrap_or("").len());
        found.push(Diagnostic::new(Place { file: file.id, range: first_line }, Severity::Error, "missing-package", message).as_dbt(says));
    }
    let Some(project) = root.files.iter().find(|file| file.kind == FileKind::Project) else { return found };
    let at_key = |key: &str| {
        let tree = syntax::yaml::parse(&project.text);
        let range = tree.root.as_ref().and_then(|root| Some(root.get(key)?.range)).unwrap_or(TextRange::at(0));
        Place { file: project.id, range }
    };
    let mut seen = FxHashSet::default();
    for package in inputs.iter().filter(|package| !package.config.name.is_empty()) {
        if !seen.insert(package.config.name.as_str()) {
            let name = &package.config.name;
            let message = format!("two packages are called `{name}`; dbt needs each name once: take one of them out of packages.yml");
            let says = format!("dbt found more than one package with the name \"{name}\" included in this project.");
            found.push(Diagnostic::new(at_key("name"), Severity::Error, "duplicate-package", message).as_dbt(says));
        }
    }
    if let Some(problem) = &session.target.problem {
        let message = format!("{problem}; names of relations are guessed until a profile says which warehouse, database and schema are meant");
        let name = root.config.profile.as_deref().unwrap_or("");
        let found_one = Diagnostic::new(at_key("profile"), Severity::Information, "missing-profile", message);
        found.push(found_one.as_dbt(format!("Could not find profile named '{name}'")));
    }
    found
}
