//! A step of every optimizer on a million weights, against the least that its memory traffic costs: each array of its state
//! and the weights read and written once, the gradient read once. `cargo bench --bench optimizers`.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use purrceptron::optimizer::{Optimizer, Rule};

const COUNT: usize = 1_000_000;

fn rules() -> Vec<Optimizer> {
    let (beta_1, beta_2, epsilon, rho) = (0.9, 0.999, 1e-8, 0.9);
    let rules = [
        Rule::Sgd { momentum: 0.0, nesterov: false },
        Rule::Sgd { momentum: 0.9, nesterov: true },
        Rule::Adam { beta_1, beta_2, epsilon, epsilon_hat: false },
        Rule::Amsgrad { beta_1, beta_2, epsilon },
        Rule::Nadam { beta_1, beta_2, epsilon },
        Rule::Adamax { beta_1, beta_2, epsilon },
        Rule::Rmsprop { rho, epsilon, momentum: 0.0, centered: false },
        Rule::Rmsprop { rho, epsilon, momentum: 0.9, centered: true },
        Rule::Adagrad { epsilon },
        Rule::Adadelta { rho, epsilon },
        Rule::Lion { beta_1, beta_2 },
        Rule::Rprop { shrinkage: 0.5, growth: 1.2, shortest: 1e-6, longest: 50.0 },
    ];
    let decayed = Rule::Adamw { beta_1, beta_2, epsilon };
    let decayed = Optimizer { weight_decay: 0.01, ..Optimizer::new(decayed, 1e-3) };
    rules.into_iter().map(|rule| Optimizer::new(rule, 1e-3)).chain([decayed]).collect()
}

/// Reads and writes `count` arrays, and reads one more.
fn traffic(arrays: &mut [Vec<f32>], gradient: &[f32]) {
    for array in arrays {
        array.iter_mut().for_each(|x| *x += 1.0);
    }
    black_box(gradient.chunks_exact(16).fold([0f32; 16], |mut lanes, chunk| {
        lanes.iter_mut().zip(chunk).for_each(|(lane, g)| *lane += g);
        lanes
    }));
}

fn steps(criterion: &mut Criterion) {
    let gradient: Vec<f32> = (0..COUNT).map(|i| (i as f32 * 0.37).sin()).collect();
    for optimizer in rules() {
        let (mut weights, mut state) = (vec![0.5f32; COUNT], optimizer.start::<f32>(COUNT));
        let arrays = 1 + state.slots.len();
        let mut group = criterion.benchmark_group(format!("{} with {arrays} arrays", optimizer.name()));
        group.throughput(Throughput::Elements(COUNT as u64));
        group.bench_function(BenchmarkId::from_parameter("step"), |bencher| {
            bencher.iter(|| optimizer.update(&mut state, black_box(&mut weights), &gradient, 1));
        });
        let mut all = vec![vec![0.5f32; COUNT]; arrays];
        group.bench_function(BenchmarkId::from_parameter("memory traffic"), |bencher| {
            bencher.iter(|| traffic(black_box(&mut all), &gradient));
        });
        group.finish();
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(100))
        .measurement_time(Duration::from_millis(400));
    targets = steps
}
criterion_main!(benches);
