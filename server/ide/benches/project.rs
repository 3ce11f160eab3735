//! The index of a generated project, cold and after an edit, and the requests that people wait for.

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use ide::{Analysis, AnalysisHost};
use std::hint::black_box;
use std::path::{Path, PathBuf};
use vfs::FileText;

fn host(files: &[(PathBuf, FileText)]) -> AnalysisHost {
    let mut host = AnalysisHost::new(Path::new("/big"));
    host.load(files.to_vec());
    host
}

fn files(models: usize) -> Vec<(PathBuf, FileText)> {
    testkit::generate_project(models).into_iter().map(|(path, text)| (Path::new("/big").join(path), FileText::new(text))).collect()
}

fn place(analysis: &Analysis) -> (std::sync::Arc<ide::File>, usize) {
    let file = analysis.file_at(Path::new("/big/models/area_1/folder_1/model_60.sql")).expect("the project has it").clone();
    let offset = file.text.find("ref('").expect("a ref") + 7;
    (file, offset)
}

fn project(criterion: &mut Criterion) {
    for models in [100, 1_000, 10_000] {
        let files = files(models);
        let mut group = criterion.benchmark_group(format!("{models} models"));
        group.sample_size(10);
        group.bench_function("index, from text in memory", |bencher| bencher.iter_batched(|| host(&files), |mut host| host.publish(), BatchSize::PerIteration));
        let mut host = host(&files);
        let analysis = host.publish();
        let (file, offset) = place(&analysis);
        let mut edits = 0;
        group.bench_function("one edit to a new snapshot", |bencher| {
            bencher.iter(|| {
                edits += 1;
                host.set_overlay(&file.path, Some(format!("{}-- {edits}\n", file.text).into()));
                host.publish()
            });
        });
        group.bench_function("hover on a ref", |bencher| bencher.iter(|| analysis.hover(black_box(&file), black_box(offset)).expect("a hover")));
        group.bench_function("definition of a ref", |bencher| bencher.iter(|| analysis.definition(black_box(&file), black_box(offset))));
        group.bench_function("completion in ref(", |bencher| bencher.iter(|| analysis.completions(black_box(&file), black_box(offset), &[])));
        group.bench_function("diagnostics of a file", |bencher| bencher.iter(|| analysis.diagnostics(black_box(&file))));
        group.finish();
    }
}

criterion_group!(benches, project);
criterion_main!(benches);
