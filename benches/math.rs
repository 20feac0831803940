//! Element-wise mathematics against the standard library's, on 4,096 numbers: `cargo bench --bench math`.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use purrceptron::math::{Float, exp_in_place, ln_in_place, sigmoid_in_place, softplus_in_place, sum, tanh_in_place};

const COUNT: usize = 4096;

/// Numbers within -8..8, or 0..8 for the logarithm.
fn numbers<F: Float>(positive: bool) -> Vec<F> {
    let low = if positive { 0.0 } else { -8.0 };
    (0..COUNT).map(|i| F::from_f64(low + (8.0 - low) * ((i * 37 % COUNT) as f64 + 0.5) / COUNT as f64)).collect()
}

fn functions<F: Float>(criterion: &mut Criterion, std: [fn(F) -> F; 5]) {
    let names = ["exp", "ln", "tanh", "sigmoid", "softplus"];
    let ours: [fn(&mut [F]); 5] = [exp_in_place, ln_in_place, tanh_in_place, sigmoid_in_place, softplus_in_place];
    for ((name, ours), std) in names.into_iter().zip(ours).zip(std) {
        let source = numbers::<F>(name == "ln");
        let mut group = criterion.benchmark_group(format!("{name} {}", std::any::type_name::<F>()));
        group.throughput(Throughput::Elements(COUNT as u64));
        let mut x = source.clone();
        group.bench_function(BenchmarkId::from_parameter("ours"), |bencher| {
            bencher.iter(|| {
                x.copy_from_slice(&source);
                ours(black_box(&mut x));
            });
        });
        group.bench_function(BenchmarkId::from_parameter("std"), |bencher| {
            bencher.iter(|| {
                x.copy_from_slice(&source);
                black_box(&mut x).iter_mut().for_each(|x| *x = std(*x));
            });
        });
        group.finish();
    }
}

fn both_widths(criterion: &mut Criterion) {
    functions::<f32>(
        criterion,
        [f32::exp, f32::ln, f32::tanh, |x| 1.0 / (1.0 + (-x).exp()), |x| x.max(0.0) + (-x.abs()).exp().ln_1p()],
    );
    functions::<f64>(
        criterion,
        [f64::exp, f64::ln, f64::tanh, |x| 1.0 / (1.0 + (-x).exp()), |x| x.max(0.0) + (-x.abs()).exp().ln_1p()],
    );
}

fn sums(criterion: &mut Criterion) {
    let x = numbers::<f32>(false);
    let mut group = criterion.benchmark_group("sum f32");
    group.throughput(Throughput::Elements(COUNT as u64));
    group.bench_function("ours, in double precision", |bencher| bencher.iter(|| sum(black_box(&x))));
    group.bench_function("std, in double precision", |bencher| {
        bencher.iter(|| black_box(&x).iter().map(|x| f64::from(*x)).sum::<f64>());
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(100))
        .measurement_time(Duration::from_millis(300));
    targets = both_widths, sums
}
criterion_main!(benches);
