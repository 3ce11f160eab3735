//! A host over a fixture, in memory.

use crate::{Analysis, AnalysisHost, File};
use std::path::Path;
use std::sync::Arc;
use testkit::Fixture;
use vfs::FileText;

/// The project of a fixture.
pub fn analysis(fixture: &Fixture) -> Analysis {
    analysis_with(fixture, |_| ())
}

/// The same, of a host that something more was said to.
pub fn analysis_with(fixture: &Fixture, prepare: impl FnOnce(&mut AnalysisHost)) -> Analysis {
    let root = Path::new("/project");
    let mut host = AnalysisHost::new(root);
    host.load(fixture.files.iter().map(|(path, text)| (root.join(path), FileText::new(text.as_str()))).collect());
    prepare(&mut host);
    host.publish()
}

/// The project of a fixture and where its `$0` is.
pub fn at_cursor(source: &str) -> (Analysis, Arc<File>, usize) {
    let fixture = Fixture::parse(source);
    let analysis = analysis(&fixture);
    let (path, offset) = fixture.cursor.expect("a fixture with $0");
    let file = analysis.file_at(&Path::new("/project").join(path)).expect("the cursor's file belongs to the project").clone();
    (analysis, file, offset)
}
