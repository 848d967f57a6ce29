//! How do the matrix-product kernels compare with the `gemm` crate, the yardstick?
//!
//! Both compute the same products by turns, in samples of about a millisecond, so that what else the machine does disturbs both. A line gives
//! GFLOP/s of the fastest sample and of the median, and the ratio of the fastest: above 1 this project's kernels are faster.
//!
//! The last lines say what it costs to compute a product in row tiles with a right operand packed once, as generated code does that has other work
//! to do on each tile: beside the plain product, which is this project's too.
//!
//! `cargo bench -p pullback-runtime --bench gemm -- [PART-OF-A-NAME]…` measures the lines whose names contain all the parts, e.g. `f32 1t square`.

use std::time::Instant;

use pullback_runtime::gemm::packed::{PACKED_WIDTH, packed_elements, pullback_gemm_packed_f32, pullback_pack_f32};
use pullback_runtime::gemm::{PARALLEL_WORK, pb_gemm_f32, pb_gemm_f64};
use pullback_runtime::pool;

/// How long one line is measured.
const SECONDS: f64 = 0.4;

/// Whether the operands are stored transposed.
#[derive(Clone, Copy)]
struct Shape {
    what: &'static str,
    m: usize,
    n: usize,
    k: usize,
    transposed: [bool; 2],
}

fn shapes() -> Vec<Shape> {
    let plain = [false, false];
    let (right, left) = ([false, true], [true, false]);
    let shape = |what, m, n, k, transposed| Shape { what, m, n, k, transposed };
    let mut shapes: Vec<Shape> = [8, 16, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048]
        .map(|n| shape("square", n, n, n, plain))
        .into();
    for n in [32, 64, 128, 256, 512, 1024] {
        shapes.push(shape("square lhs^T", n, n, n, left));
        shapes.push(shape("square rhs^T", n, n, n, right));
    }
    for (what, m, n, k, transposed) in [
        ("layer", 1024, 1024, 2048, plain),
        ("layer", 1024, 2048, 1024, plain),
        ("layer rhs^T", 1024, 1024, 2048, right),
        ("layer lhs^T", 2048, 1024, 1024, left),
        ("layer", 128, 512, 784, plain),
        ("layer", 128, 256, 512, plain),
        ("layer", 128, 10, 256, plain),
        ("layer lhs^T", 784, 512, 128, left),
        ("layer rhs^T", 128, 784, 512, right),
        ("digits", 32, 10, 64, plain),
        ("digits", 32, 64, 64, plain),
        ("digits lhs^T", 64, 10, 32, left),
        ("digits rhs^T", 32, 64, 10, right),
        ("attention", 1024, 1024, 64, right),
        ("attention", 1024, 64, 1024, plain),
        ("rnn", 16, 64, 64, plain),
        ("rnn rhs^T", 16, 64, 64, right),
        ("outer", 512, 512, 1, plain),
        ("outer", 512, 512, 8, plain),
    ] {
        shapes.push(shape(what, m, n, k, transposed));
    }
    for size in [64, 256, 1024, 2048] {
        for few in [1, 2, 4, 8] {
            shapes.push(shape("skinny", few, size, size, plain));
            shapes.push(shape("skinny rhs^T", few, size, size, right));
            shapes.push(shape("skinny", size, few, size, plain));
            shapes.push(shape("skinny lhs^T", size, few, size, left));
        }
    }
    shapes
}

/// Seconds per call: of the fastest sample and of the median.
fn summary(mut samples: Vec<f64>) -> (f64, f64) {
    samples.sort_by(f64::total_cmp);
    (samples[0], samples[samples.len() / 2])
}

/// Seconds per call of each of two functions: of the fastest sample and of the median.
fn by_turns(both: [&dyn Fn(); 2]) -> [(f64, f64); 2] {
    let repeats = both.map(|call| {
        call();
        let start = Instant::now();
        call();
        (1e-3 / start.elapsed().as_secs_f64()).ceil() as usize
    });
    let mut samples = [Vec::new(), Vec::new()];
    let start = Instant::now();
    while start.elapsed().as_secs_f64() < SECONDS || samples[0].len() < 5 {
        for ((call, repeats), samples) in both.iter().zip(repeats).zip(&mut samples) {
            let start = Instant::now();
            (0..repeats).for_each(|_| call());
            samples.push(start.elapsed().as_secs_f64() / repeats as f64);
        }
    }
    samples.map(summary)
}

macro_rules! measure {
    ($name:ident, $ty:ty, $ours:ident) => {
        fn $name(shape: Shape, threads: usize) -> [(f64, f64); 2] {
            let Shape { m, n, k, transposed, .. } = shape;
            let lhs: Vec<$ty> = (0..m * k).map(|i| (i % 17) as $ty / 16.0 - 0.5).collect();
            let rhs: Vec<$ty> = (0..k * n).map(|i| (i % 13) as $ty / 16.0 - 0.4).collect();
            let mut out: Vec<$ty> = vec![0.0; m * n];
            let strides = |transposed, rows: usize, columns: usize| {
                if transposed { (1, rows as isize) } else { (columns as isize, 1) }
            };
            let ((lr, lc), (rr, rc)) = (strides(transposed[0], m, k), strides(transposed[1], k, n));
            let (o, l, r) = (out.as_mut_ptr(), lhs.as_ptr(), rhs.as_ptr());
            // SAFETY: the vectors have as many elements as the matrices.
            let ours = || unsafe { $ours(m, n, k, o, n as isize, 1, l, lr, lc, r, rr, rc, 0, threads) };
            let parallelism = if threads == 1 || m * n * k < PARALLEL_WORK {
                gemm::Parallelism::None
            } else {
                gemm::Parallelism::Rayon(threads)
            };
            // SAFETY: as above.
            let theirs = || unsafe {
                gemm::gemm(
                    m,
                    n,
                    k,
                    o,
                    1,
                    n as isize,
                    false,
                    l,
                    lc,
                    lr,
                    r,
                    rc,
                    rr,
                    0.0,
                    1.0,
                    false,
                    false,
                    false,
                    parallelism,
                );
            };
            by_turns([&ours, &theirs])
        }
    };
}

measure!(measure_f32, f32, pb_gemm_f32);
measure!(measure_f64, f64, pb_gemm_f64);

/// A product in row tiles with the right operand packed once, tiles shared among threads, beside the plain product; with the packing and without.
fn measure_packed(rows: usize, (m, n, k): (usize, usize, usize), threads: usize, packing: bool) -> [(f64, f64); 2] {
    let lhs: Vec<f32> = (0..m * k).map(|i| (i % 17) as f32 / 16.0 - 0.5).collect();
    let rhs: Vec<f32> = (0..k * n).map(|i| (i % 13) as f32 / 16.0 - 0.4).collect();
    let mut out: Vec<f32> = vec![0.0; m * n];
    let mut copy: Vec<f32> = vec![0.0; packed_elements(k, n)];
    // Addresses, which threads may share.
    let (o, l, r, c) =
        (out.as_mut_ptr() as usize, lhs.as_ptr() as usize, rhs.as_ptr() as usize, copy.as_mut_ptr() as usize);
    let (row, inner) = (n as isize, k as isize);
    let pack = |strip: usize| {
        let column = strip * PACKED_WIDTH;
        let columns = PACKED_WIDTH.min(n - column);
        // SAFETY: the strip is inside `rhs`, and its place inside `copy`.
        unsafe {
            let from = (r as *const f32).add(column);
            pullback_pack_f32(k, columns, from, row, 1, (c as *mut f32).add(k * column));
        }
    };
    let tile = |tile: usize| {
        let first = tile * rows;
        // SAFETY: the tile is inside `lhs` and `out`, and `rhs` is packed.
        unsafe {
            let (to, from) = ((o as *mut f32).add(first * n), (l as *const f32).add(first * k));
            let rows = rows.min(m - first);
            pullback_gemm_packed_f32(rows, n, k, to, row, 1, from, inner, 1, c as *const f32, 0, 1);
        }
    };
    let strips = n.div_ceil(PACKED_WIDTH);
    (0..strips).for_each(pack);
    let tiled = || {
        if packing {
            pool::run(strips, threads, &|_, strip| pack(strip));
        }
        pool::run(m.div_ceil(rows), threads, &|_, index| tile(index));
    };
    // SAFETY: the vectors have as many elements as the matrices.
    let plain = || unsafe {
        pb_gemm_f32(m, n, k, o as *mut f32, row, 1, l as *const f32, inner, 1, r as *const f32, row, 1, 0, threads);
    };
    by_turns([&tiled, &plain])
}

fn packed_lines(parts: &[String]) {
    println!("{:<46} {:>16} {:>16} {:>6}", "GFLOP/s: fastest (median)", "tiles", "plain", "ratio");
    for threads in [1, 2] {
        for (rows, m, n, k) in
            [(64, 1024, 2048, 1024), (128, 1024, 2048, 1024), (16, 1024, 2048, 1024), (64, 1024, 512, 1000)]
        {
            for packing in [false, true] {
                let with = if packing { " and packing" } else { "" };
                let name = format!("f32 {threads}t packed tiles of {rows}{with} {m}x{n}x{k}");
                if parts.iter().all(|part| name.contains(part.as_str())) {
                    let times = measure_packed(rows, (m, n, k), threads, packing);
                    line(46, &name, (m, n, k), times);
                }
            }
        }
    }
}

/// Prints a line of the name, the rates and their ratio.
fn line(width: usize, name: &str, (m, n, k): (usize, usize, usize), times: [(f64, f64); 2]) {
    let work = 2.0 * (m * n * k) as f64 / 1e9;
    let [ours, theirs] = times.map(|(least, median)| format!("{:.1} ({:.1})", work / least, work / median));
    println!("{name:<width$} {ours:>16} {theirs:>16} {:>6.2}", times[1].0 / times[0].0);
}

fn main() {
    let parts: Vec<String> = std::env::args().skip(1).filter(|part| !part.starts_with("--")).collect();
    println!("kernels: {}, threads: {}", pullback_runtime::gemm::kernel_name(), pool::workers(0));
    println!("{:<36} {:>16} {:>16} {:>6}", "GFLOP/s: fastest (median)", "pullback", "gemm crate", "ratio");
    for (ty, measure) in [("f32", measure_f32 as fn(Shape, usize) -> [(f64, f64); 2]), ("f64", measure_f64)] {
        for threads in [1, 2] {
            for shape in shapes() {
                let Shape { what, m, n, k, .. } = shape;
                if threads > 1 && m * n * k < PARALLEL_WORK {
                    continue;
                }
                let name = format!("{ty} {threads}t {what} {m}x{n}x{k}");
                if !parts.iter().all(|part| name.contains(part.as_str())) {
                    continue;
                }
                line(36, &name, (m, n, k), measure(shape, threads));
            }
        }
    }
    packed_lines(&parts);
}
