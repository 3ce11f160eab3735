//! Real Emacs with eglot, by the settings that people are given.

use crate::harness::{Person, RAGSTAR};
use testkit::workspace_root;

#[test]
fn emacs_does_by_the_settings_of_the_readme() {
    let person = Person::new();
    // No package of a language's registry has it: it is tried where it is installed.
    let probe = person.command("emacs").args(["--batch", "-q", "--eval", "(progn (require 'package) (package-initialize) (require 'eglot))"]).output();
    if !probe.is_ok_and(|probe| probe.status.success()) {
        eprintln!("ragstar tests: there is no emacs with eglot here; it is not tried");
        return;
    }
    let project = testkit::shop_copy().unwrap();
    let bin = RAGSTAR.parent().unwrap();
    let output = person
        .with("RAGSTAR_PROJECT", project.path().canonicalize().unwrap().display())
        .with("RAGSTAR_README", workspace_root().join("editors/README.md").display())
        .with("PATH", format!("{}:{}", bin.display(), std::env::var("PATH").unwrap_or_default()))
        .command("emacs")
        .args(["--batch", "-q", "-l"])
        .arg(workspace_root().join("editors/tests/emacs.el"))
        .output()
        .unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    for check in ["attach", "hover", "definition", "diagnostics", "completion", "clean exit"] {
        assert!(said.contains(&format!("ok {check}")), "{check}: {said}");
    }
}
