//! The fast product is the naive one, bit for bit, whatever the shape, the layout, the threads, the instruction set.

use crate::common::{bits, bytes, cases, digest, matrix, same_at_every_level, sized};
use ndarray::{Array2, ArrayView2, Axis, s};
use proptest::prelude::*;
use purrceptron::error::Error;
use purrceptron::math::Float;
use purrceptron::matmul::{BLOCK, LanePanels, Product, matmul, matmul_naive};
use purrceptron::parallel::{install, split, stay_on_this_thread};
use purrceptron::random::Stream;

/// How an operand lies in memory.
#[derive(Clone, Copy, Debug)]
enum Layout {
    Plain,
    Transposed,
    Strided,
    Repeated,
    /// A plain or transposed operand with its rows, its columns or both from the last to the first.
    Reversed {
        transposed: bool,
        rows: bool,
        columns: bool,
    },
}
use Layout::*;

const fn reversed(transposed: bool, rows: bool, columns: bool) -> Layout {
    Reversed { transposed, rows, columns }
}

const LAYOUTS: [Layout; 10] = [
    Plain,
    Transposed,
    Strided,
    reversed(false, true, false),
    reversed(false, false, true),
    reversed(false, true, true),
    reversed(true, true, false),
    reversed(true, false, true),
    reversed(true, true, true),
    Repeated,
];

/// Memory for a `(rows, columns)` view in some layout.
fn memory<F: Float>(layout: Layout, seed: u64, rows: usize, columns: usize) -> Array2<F> {
    match layout {
        Plain | Reversed { transposed: false, .. } => matrix(seed, rows, columns),
        Transposed | Reversed { transposed: true, .. } => matrix(seed, columns, rows),
        Strided => matrix(seed, 3 * rows + 1, 2 * columns),
        Repeated => matrix(seed, 1, columns),
    }
}

fn view<F: Float>(layout: Layout, memory: &Array2<F>, rows: usize) -> ArrayView2<'_, F> {
    match layout {
        Plain => memory.view(),
        Transposed => memory.t(),
        Strided => memory.slice(s![1..;3, ..;2]),
        Repeated => memory.broadcast((rows, memory.ncols())).expect("one row for all"),
        Reversed { transposed, rows, columns } => {
            let mut view = if transposed { memory.t() } else { memory.view() };
            for (axis, reversed) in [rows, columns].into_iter().enumerate() {
                if reversed {
                    view.invert_axis(Axis(axis));
                }
            }
            view
        }
    }
}

fn check<F: Float>((m, k, n): (usize, usize, usize), layouts: [Layout; 2], threads: usize, seed: u64) {
    let (a, b) = (memory::<F>(layouts[0], seed, m, k), memory::<F>(layouts[1], seed + 1, k, n));
    let (a, b) = (view(layouts[0], &a, m), view(layouts[1], &b, k));
    assert_eq!((a.dim(), b.dim()), ((m, k), (k, n)));
    let c = matmul(a, b, threads).expect("shapes that fit");
    assert_eq!(c.dim(), (m, n));
    assert!(bits(&c) == bits(&matmul_naive(a, b)), "{m}x{k}x{n} {layouts:?} {threads} threads");
}

fn layout() -> impl Strategy<Value = Layout> {
    prop::sample::select(LAYOUTS.to_vec())
}

proptest! {
    #![proptest_config(cases(sized(3000, 60)))]

    #[test]
    fn small_sizes_equal_the_naive_product_in_every_layout(
        size in (0..=40usize, 0..=40usize, 0..=40usize), a in layout(), b in layout(), threads in 1..=3usize,
        seed in 0..1000u64,
    ) {
        check::<f32>(size, [a, b], threads, seed);
        check::<f64>(size, [a, b], threads, seed);
    }
}

#[test]
fn sizes_around_blocks_tiles_and_groups_equal_the_naive_product() {
    let mut sizes = Vec::new();
    for edge in [255, 256, 257, 512, 513, 600] {
        sizes.extend([(7, edge, 33), (33, edge, 5), (edge, 19, 31), (31, 19, edge), (edge, 3, 100), (100, 3, edge)]);
    }
    // Large enough for threads: cut along rows, along lanes, and along the lanes of the other operand.
    sizes.extend([(20, 600, 700), (33, 257, 1001), (1001, 257, 33), (700, 600, 20), (130, 300, 130), (5, 1000, 999)]);
    sizes.extend([
        (200, 1, 100),
        (33, 1, 1),
        (1, 5000, 1),
        (1, 600, 700),
        (700, 600, 1),
        (1100, 40, 150),
        (150, 40, 1100),
        (600, 600, 47),
    ]);
    for (i, size) in sizes.into_iter().enumerate().step_by(sized(1, 6)) {
        let layouts = [LAYOUTS[i % 9], LAYOUTS[i / 2 % 9]];
        check::<f32>(size, layouts, 1 + i % 3, i as u64);
        check::<f64>(size, layouts, 1 + (i + 1) % 3, i as u64);
    }
}

#[test]
fn few_rows_equal_the_naive_product_at_every_width() {
    // The last two are large enough for threads.
    let narrow = (1..=70).flat_map(|n| [1, 6, 64, 300].map(|k| (1 + n % 4, k, n)));
    let wide = [(1, 300, 130), (2, 520, 300), (1, 784, 512), (3, 257, 1000), (4, 1000, 2049), (1, 2000, 1700)];
    for (i, size) in narrow.chain(wide).enumerate() {
        check::<f32>(size, [LAYOUTS[i % 9], Plain], 1 + i % 3, i as u64);
        check::<f64>(size, [Plain, LAYOUTS[i % 9]], 1 + i % 3, i as u64);
        check::<f32>(size, [Plain, Plain], 1 + (i + 1) % 3, i as u64);
    }
}

#[test]
fn the_shapes_of_networks_equal_the_naive_product() {
    let (photo, digit) = (sized(12288, 300), sized(784, 28));
    let skinny = [(20, photo, 209), (209, photo, 20), (20, 209, photo), (photo, 209, 20)];
    for size in skinny.into_iter().chain([(128, digit, 512), (20, 209, 209), (32, 64, 32)]) {
        let (m, k, n) = size;
        let (a, b) = (matrix::<f32>(1, m, k), matrix::<f32>(2, k, n));
        let expected = bits(&matmul_naive(a.view(), b.view()));
        for threads in 1..=3 {
            let c = matmul(a.view(), b.view(), threads).expect("shapes that fit");
            assert!(bits(&c) == expected, "{size:?} {threads} threads");
        }
    }
    check::<f64>((20, photo, 20), [Transposed, Plain], 2, 3);
    check::<f64>((128, digit, 64), [Plain, Transposed], 3, 4);
}

/// The naive twin of the whole would take 10 s: 3,000 elements are drawn.
#[test]
fn a_large_product_equals_the_naive_one_at_drawn_elements() {
    let (m, k, n) = (sized(2048, 300), sized(2048, 600), sized(512, 40));
    let (a, b) = (matrix::<f32>(1, m, k), matrix::<f32>(2, k, n));
    let c = matmul(a.view(), b.view(), 3).expect("shapes that fit");
    let mut stream = Stream::new(0, "elements", 0);
    for _ in 0..sized(3000, 300) {
        let (i, j) = ((stream.uniform() * m as f64) as usize, (stream.uniform() * n as f64) as usize);
        let one = matmul_naive(a.slice(s![i..=i, ..]), b.slice(s![.., j..=j]));
        assert_eq!(bits(&one), bits([&c[(i, j)]]), "element {i}, {j}");
    }
}

proptest! {
    #![proptest_config(cases(sized(300, 10)))]

    /// Panels and sums of an earlier, larger product lie in the memory when a smaller one is made.
    #[test]
    fn memory_reused_between_products_leaves_no_trace(
        sizes in prop::collection::vec((0..=40usize, 0..=600usize, 0..=40usize), 1..5), threads in 1..=3usize,
    ) {
        let mut product = Product::default();
        for (seed, (m, k, n)) in sizes.into_iter().enumerate() {
            let (a, b) = (matrix::<f32>(seed as u64, m, k), matrix::<f32>(7, k, n));
            let expected = bits(&matmul_naive(a.view(), b.view()));
            let mut c = vec![f32::NAN; m * n];
            install(threads, || product.multiply(&a.view(), &b.view(), &mut c, threads, |_, _| {})).expect("shapes fit");
            prop_assert_eq!(&bits(&c), &expected);
            c.fill(f32::NAN);
            install(threads, || {
                let panels = LanePanels::floats(&a.view(), threads);
                product.multiply_packed(&panels, &b.view(), &mut c, threads, |_, _| {}).expect("shapes fit");
            });
            prop_assert_eq!(&bits(&c), &expected);
        }
    }

    #[test]
    fn packed_operands_equal_the_naive_product_and_bytes_equal_floats(
        size in (0..=100usize, 0..=600usize, 0..=40usize), transposed in any::<bool>(), threads in 1..=3usize,
        scale in prop::sample::select(vec![1.0, 1.0 / 255.0, -3.7]), zeros in 0..=4usize,
    ) {
        packed::<f32>(size, transposed, threads, scale, zeros);
        packed::<f64>(size, transposed, threads, scale, zeros);
    }
}

/// `zeros`: none, those above or below a diagonal, those around the middle, or all.
fn packed<F: Float>((m, k, n): (usize, usize, usize), transposed: bool, threads: usize, scale: f64, zeros: usize) {
    let mut memory = if transposed { bytes(1, k, m).reversed_axes() } else { bytes(1, m, k) };
    for ((i, j), byte) in memory.indexed_iter_mut() {
        let is_middle = (m..2 * m).contains(&(3 * i)) && (k..2 * k).contains(&(3 * j));
        if [false, j * m > i * k, j * m < i * k, !is_middle, true][zeros] {
            *byte = 0;
        }
    }
    let as_bytes = memory.view();
    let scale = F::from_f64(scale);
    let floats = as_bytes.mapv(|byte| F::from(byte) * scale);
    let b = matrix::<F>(2, k, n);
    let expected = bits(&matmul_naive(floats.view(), b.view()));
    let mut c = vec![F::ONE; m * n];
    install(threads, || {
        let panels = LanePanels::floats(&floats.view(), threads);
        Product::default().multiply_packed(&panels, &b.view(), &mut c, threads, |_, _| {}).expect("shapes fit");
    });
    assert!(bits(&c) == expected, "floats {m}x{k}x{n}");
    install(threads, || {
        let panels = LanePanels::bytes(&as_bytes, scale, threads);
        Product::default().multiply_packed(&panels, &b.view(), &mut c, threads, |_, _| {}).expect("shapes fit");
    });
    assert!(bits(&c) == expected, "bytes {m}x{k}x{n}");
}

#[test]
fn photos_packed_as_bytes_equal_the_naive_product() {
    let photo = sized(12288, 600);
    packed::<f32>((209, photo, 20), false, 3, 1.0 / 255.0, 0);
    packed::<f32>((photo, 209, 20), true, 2, 1.0 / 255.0, 0);
}

#[test]
fn operands_of_which_a_part_is_zero_equal_the_naive_product_on_threads() {
    for (threads, zeros) in [2, 3].into_iter().flat_map(|threads| [1, 2, 3].map(|zeros| (threads, zeros))) {
        for transposed in [false, true] {
            packed::<f32>((300, 300, 40), transposed, threads, 1.0, zeros);
            packed::<f64>((300, 300, 40), transposed, threads, 1.0, zeros);
        }
    }
}

/// The sum of products without rounding, nearly: each product and each sum with its error (Ogita, Rump, Oishi, 2005).
fn exact_dot(a: &[f64], b: &[f64]) -> f64 {
    let (mut sum, mut rest) = (0.0f64, 0.0f64);
    for (a, b) in a.iter().zip(b) {
        let product = a * b;
        let total = sum + product;
        let part = total - sum;
        rest += a.mul_add(*b, -product) + ((sum - (total - part)) + (product - part));
        sum = total;
    }
    sum + rest
}

/// Largest error as a share of the bound that the module states.
fn share_of_bound<F: Float>(depth: usize, half_spacing: f64, low: f64) -> f64 {
    let mut stream = Stream::new(depth as u64, "bound", 0);
    let mut draw = || F::from_f64(low + (1.0 - low) * stream.uniform());
    let a = Array2::from_shape_simple_fn((13, depth), &mut draw);
    let b = Array2::from_shape_simple_fn((depth, 19), &mut draw);
    let c = matmul(a.view(), b.view(), 1).expect("shapes that fit");
    let (a, b) = (a.mapv(Into::<f64>::into), b.mapv(Into::<f64>::into));
    let mut worst = 0.0f64;
    for ((i, j), c) in c.indexed_iter() {
        let (row, column) = (a.row(i).to_vec(), b.column(j).to_vec());
        let magnitude = exact_dot(&a.row(i).mapv(f64::abs).to_vec(), &b.column(j).mapv(f64::abs).to_vec());
        let bound = (BLOCK + depth / BLOCK + 1) as f64 * half_spacing * magnitude;
        worst = worst.max((Into::<f64>::into(*c) - exact_dot(&row, &column)).abs() / bound);
    }
    worst
}

#[test]
fn the_error_stays_within_the_stated_bound() {
    for depth in [1, 2, 17, 255, 256, 257, 784, 2048, 12288, 50_000].into_iter().take(sized(10, 7)) {
        for low in [0.0, -1.0] {
            let single = share_of_bound::<f32>(depth, f64::from(f32::EPSILON) / 2.0, low);
            let double = share_of_bound::<f64>(depth, f64::EPSILON / 2.0, low);
            println!("depth {depth}, numbers from {low} to 1: {single:.4} (f32), {double:.4} (f64) of the bound");
            assert!(single <= 1.0 && double <= 1.0, "depth {depth}: {single} {double}");
        }
    }
}

#[test]
fn shapes_that_do_not_fit_are_refused() {
    let error = matmul(matrix::<f32>(0, 2, 3).view(), matrix::<f32>(0, 4, 5).view(), 1).expect_err("3 is not 4");
    assert!(matches!(&error, Error::Shape { .. }), "{error:?}");
    assert!(error.to_string().contains('3') && error.to_string().contains('4'), "{error}");
}

#[test]
fn products_have_the_same_bits_at_every_instruction_set() {
    same_at_every_level(module_path!(), "products_have_the_same_bits_at_every_instruction_set", || {
        let mut all = Vec::new();
        for (m, k, n) in [
            (1, 1, 1),
            (5, 300, 17),
            (20, 257, 33),
            (33, 64, 7),
            (37, 520, 40),
            (17, 16, 16),
            (1, 300, 20),
            (2, 520, 130),
        ] {
            all.extend(matmul(matrix::<f32>(1, m, k).view(), matrix(2, k, n).view(), 2).expect("fits").mapv(f64::from));
            all.extend(matmul(matrix::<f64>(3, m, k).view(), matrix(4, k, n).view(), 1).expect("fits"));
            let (panels, mut c) = (LanePanels::bytes(&bytes(5, m, k).view(), 1.0 / 255.0, 1), vec![0.0f32; m * n]);
            Product::default()
                .multiply_packed(&panels, &matrix(6, k, n).view(), &mut c, 1, |_, _| {})
                .expect("shapes fit");
            all.extend(c.into_iter().map(f64::from));
        }
        digest(&all)
    });
}

#[test]
fn a_panic_on_another_thread_reaches_the_caller_who_waits_for_it() {
    let caller = std::thread::spawn(|| {
        stay_on_this_thread(); // with helpers of its own, whoever has the pool meanwhile
        install(2, || {
            split(2, &mut [0; 2], 1, &mut Vec::<()>::new(), &|first, _, ()| {
                std::thread::sleep(std::time::Duration::from_millis(20)); // the other half is taken meanwhile
                assert!(first == 0, "no good");
            });
        });
    });
    let panic = caller.join().expect_err("a panic");
    assert_eq!(panic.downcast_ref::<&str>(), Some(&"no good"));
}
