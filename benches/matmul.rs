//! Multiplication on the shapes of training against the crates `gemm` (AVX-512 switched on) and `matrixmultiply`.
//!
//! `cargo bench --bench matmul`; `benches/compare.py --only products` joins the medians with those of NumPy. Groups are
//! named by shape, `m x k x n`, benchmarks by contestant and threads. All write into memory allocated before; `packed`
//! has its left operand packed before, as training has its data.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Bencher, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ndarray::{Array2, ArrayView2};
use purrceptron::matmul::{LanePanels, Product};
use purrceptron::parallel::install;

/// Shapes `(m, k, n)`: the cat network's forward pass and gradient, with the photos left, then the same transposed;
/// layers of wide networks; small ones.
const SHAPES: [(usize, usize, usize); 9] = [
    (209, 12288, 20),
    (12288, 209, 20),
    (20, 12288, 209),
    (20, 209, 12288),
    (128, 784, 512),
    (2048, 2048, 512),
    (2048, 2048, 2048),
    (20, 209, 209),
    (32, 64, 32),
];

/// Those whose left operand training packs once for all steps.
const PACKED: [(usize, usize, usize); 2] = [(209, 12288, 20), (12288, 209, 20)];

fn matrix(rows: usize, columns: usize) -> Array2<f32> {
    Array2::from_shape_fn((rows, columns), |(i, j)| ((i * 31 + j * 17) % 101) as f32 / 101.0 - 0.5)
}

fn products(criterion: &mut Criterion) {
    for (m, k, n) in SHAPES {
        let (a, b) = (matrix(m, k), matrix(k, n));
        let mut out = vec![0.0f32; m * n];
        let mut group = criterion.benchmark_group(format!("{m}x{k}x{n}"));
        group.throughput(Throughput::Elements((2 * m * k * n) as u64));
        for threads in [1, 2] {
            let mut product = Product::default();
            group.bench_function(BenchmarkId::new("ours", threads), |bencher| {
                on(threads, bencher, || {
                    product.multiply(&a.view(), &b.view(), black_box(&mut out), threads, |_, _| {})
                });
            });
            if PACKED.contains(&(m, k, n)) {
                let panels = LanePanels::floats(&a.view(), threads);
                group.bench_function(BenchmarkId::new("packed", threads), |bencher| {
                    on(threads, bencher, || {
                        product.multiply_packed(&panels, &b.view(), black_box(&mut out), threads, |_, _| {})
                    });
                });
            }
            group.bench_function(BenchmarkId::new("gemm", threads), |bencher| {
                on(threads, bencher, || multiply_gemm(a.view(), b.view(), black_box(&mut out), threads));
            });
        }
        group.bench_function(BenchmarkId::new("matrixmultiply", 1), |bencher| {
            bencher.iter(|| multiply_matrixmultiply(a.view(), b.view(), black_box(&mut out)));
        });
        group.finish();
    }
}

/// Times `work` in the library's pool of threads, entered once for many calls as a training does.
fn on<R>(threads: usize, bencher: &mut Bencher, mut work: impl FnMut() -> R + Send) {
    bencher.iter_custom(|count| {
        install(threads, || {
            let start = Instant::now();
            for _ in 0..count {
                black_box(work());
            }
            start.elapsed()
        })
    });
}

/// Start, and steps from row to row and from column to column.
fn strided(view: &ArrayView2<f32>) -> (*const f32, isize, isize) {
    (view.as_ptr(), view.strides()[0], view.strides()[1])
}

fn multiply_gemm(a: ArrayView2<f32>, b: ArrayView2<f32>, out: &mut [f32], threads: usize) {
    let (m, k, n) = (a.nrows(), a.ncols(), b.ncols());
    assert_eq!(out.len(), m * n);
    let parallelism = if threads > 1 { gemm::Parallelism::Rayon(threads) } else { gemm::Parallelism::None };
    let [(a, a_rows, a_columns), (b, b_rows, b_columns)] = [strided(&a), strided(&b)];
    // SAFETY: `a (m, k)` and `b (k, n)` are described by their own strides, `out` holds `(m, n)` row after row.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out.as_mut_ptr(),
            1,
            n as isize,
            false,
            a,
            a_columns,
            a_rows,
            b,
            b_columns,
            b_rows,
            0.0,
            1.0,
            false,
            false,
            false,
            parallelism,
        );
    }
}

fn multiply_matrixmultiply(a: ArrayView2<f32>, b: ArrayView2<f32>, out: &mut [f32]) {
    let (m, k, n) = (a.nrows(), a.ncols(), b.ncols());
    assert_eq!(out.len(), m * n);
    let [(a, a_rows, a_columns), (b, b_rows, b_columns)] = [strided(&a), strided(&b)];
    // SAFETY: as for `gemm`.
    unsafe {
        matrixmultiply::sgemm(
            m,
            k,
            n,
            1.0,
            a,
            a_rows,
            a_columns,
            b,
            b_rows,
            b_columns,
            0.0,
            out.as_mut_ptr(),
            n as isize,
            1,
        );
    }
}

/// Rivals and twins agree before anything is timed.
fn agreement(_: &mut Criterion) {
    let (a, b) = (matrix(20, 209), matrix(209, 33));
    let expected = purrceptron::matmul::matmul_naive(a.view(), b.view());
    let (mut ours, mut rival, mut other) = (vec![0.0f32; 20 * 33], vec![0.0f32; 20 * 33], vec![0.0f32; 20 * 33]);
    let fits = Product::default().multiply(&a.view(), &b.view(), &mut ours, 1, |_, _| {});
    assert!(fits.is_ok() && ours.iter().eq(expected.iter()));
    multiply_gemm(a.view(), b.view(), &mut rival, 1);
    multiply_matrixmultiply(a.view(), b.view(), &mut other);
    for ((ours, rival), other) in ours.iter().zip(&rival).zip(&other) {
        assert!((ours - rival).abs() < 1e-4 && (ours - other).abs() < 1e-4);
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(500));
    targets = agreement, products
}
criterion_main!(benches);
