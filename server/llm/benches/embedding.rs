//! How fast texts become vectors on this machine.

#![allow(clippy::print_stdout)]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;

fn embedding(criterion: &mut Criterion) {
    let cache = testkit::Tools::open().expect("a cache folder").dir().to_owned();
    let embed = llm::LocalEmbed::load(&cache, &mut |message| println!("{message}")).expect("the local model");
    let texts: Vec<String> = (0..16)
        .map(|number| {
            format!(
                "fct_orders_{number} (model): One row per order with its net amount in dollars, the customer who placed it and the day of the first shipment."
            )
        })
        .collect();
    let mut group = criterion.benchmark_group("embedding");
    group.throughput(Throughput::Elements(1));
    group.bench_function("one text", |bencher| bencher.iter(|| embed.embed_now(black_box(texts[..1].to_vec())).expect("a vector")));
    group.throughput(Throughput::Elements(16));
    group.bench_function("sixteen texts", |bencher| bencher.iter(|| embed.embed_now(black_box(texts.clone())).expect("vectors")));
    group.finish();
}

criterion_group!(benches, embedding);
criterion_main!(benches);
