//! What calls and executables do with memory: a call allocates nothing once the executable is warm, counted by the allocator of this
//! test program; code is unmapped with its executable.
#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};

use pullback_codegen::{Options, compile};
use pullback_ir::{Binary, DType};
use pullback_loops::{
    Affine, BufferData, Expr, For, Gemm, Kernel, Matrix, Place, Program, Space, Step, Stmt, VarType, Verified, verify,
};
use pullback_runtime::pool;
use pullback_runtime::{ArgMut, ArgRef, Parameter, Signature};

struct Counting;

thread_local! {
    /// Only this thread's allocations count, and those of `WORKERS`; the test harness has threads of its own.
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

/// What threads at work on parallel items allocate. One test alone has such.
static WORKERS: AtomicU64 = AtomicU64::new(0);

fn count() {
    ALLOCATIONS.set(ALLOCATIONS.get() + 1);
    if pool::is_worker() {
        WORKERS.fetch_add(1, Ordering::Relaxed);
    }
}

// SAFETY: everything is passed on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        count();
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(start, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// `y = x + x` by way of the arena, in two kernels.
fn doubling(elements: usize) -> (Verified<Program>, Signature) {
    let mut program = Program { name: "double".into(), arena_bytes: elements * 4, ..Program::default() };
    let parameter =
        |name: &str| Parameter { name: name.to_owned(), dtype: pullback_runtime::DType::F32, shape: vec![elements] };
    let signature = Signature {
        name: "double".to_owned(),
        inputs: vec![parameter("x")],
        outputs: vec![parameter("y")],
        donated: vec![],
    };
    let mut buffer =
        |name: &str, space| program.buffers.push(BufferData { name: name.into(), dtype: DType::F32, elements, space });
    let x = buffer("x", Space::Input(0));
    let y = buffer("y", Space::Output(0));
    let sum = buffer("sum", Space::Arena(0));
    for (kernel, from, to) in [("sum", x, sum), ("copy", sum, y)] {
        let ty = VarType { dtype: DType::F32, lanes: 4 };
        let index = program.index();
        let place = |buffer| Place { buffer, index: Affine::counter(index), lane_stride: 1 };
        let (loaded, doubled) = (program.var(ty), program.var(ty));
        let stored = if kernel == "sum" { doubled } else { loaded };
        let body = vec![
            Stmt::Let(loaded, Expr::Load(place(from))),
            Stmt::Let(doubled, Expr::Binary(Binary::Add, loaded, loaded)),
            Stmt::Store(place(to), stored),
        ];
        let nest = For { index, extent: elements as i64, step: 4, carried: vec![], body };
        let body = vec![Stmt::For(Box::new(nest))];
        program.body.push(Step::Kernel(Kernel { name: kernel.into(), about: String::new(), body }));
    }
    (verify(program).unwrap(), signature)
}

#[test]
fn a_warm_call_allocates_nothing() {
    let (program, signature) = doubling(64);
    let executable = compile(&program, signature, &Options::default()).unwrap().executable;
    let x = [1.5f32; 64];
    let mut y = [0.0f32; 64];
    let mut call = || {
        let before = ALLOCATIONS.get();
        executable.call(&[ArgRef::new(&x, &[64])], &mut [ArgMut::new(&mut y, &[64])]).unwrap();
        ALLOCATIONS.get() - before
    };
    assert!(call() > 0, "the first call makes its arena, or this counts nothing");
    assert_eq!((0..100).map(|_| call()).sum::<u64>(), 0);
    assert_eq!(y, [3.0; 64]);
}

/// `y = a · b`, where `a` is `m × k` and `b` is `k × n`, each contiguous along the axis that `along` names.
fn product(m: usize, n: usize, k: usize, along: [char; 2]) -> (Verified<Program>, Signature) {
    let mut program = Program { name: "product".into(), ..Program::default() };
    let shapes = [("a", m, k), ("b", k, n), ("y", m, n)];
    let parameter = |(name, rows, columns): (&str, usize, usize)| Parameter {
        name: name.to_owned(),
        dtype: pullback_runtime::DType::F32,
        shape: vec![rows * columns],
    };
    let [a, b, y] = shapes.map(parameter);
    let signature = Signature { name: "product".to_owned(), inputs: vec![a, b], outputs: vec![y], donated: vec![] };
    let spaces = [Space::Input(0), Space::Input(1), Space::Output(0)];
    let [lhs, rhs, out] = std::array::from_fn(|i| {
        let (name, rows, columns) = shapes[i];
        let data =
            BufferData { name: name.into(), dtype: DType::F32, elements: rows * columns, space: spaces[i].clone() };
        let by_columns = [along[0] == 'm', along[1] == 'k', false][i];
        let (row_stride, column_stride) = if by_columns { (1, rows as i64) } else { (columns as i64, 1) };
        Matrix { buffer: program.buffers.push(data), index: Affine::default(), row_stride, column_stride }
    });
    let gemm = Gemm { dtype: DType::F32, m, n, k, out, lhs, rhs: rhs.into(), accumulate: false };
    let body = vec![Stmt::Gemm(Box::new(gemm))];
    program.body.push(Step::Kernel(Kernel { name: "product".into(), about: String::new(), body }));
    (verify(program).unwrap(), signature)
}

#[test]
fn a_warm_call_of_a_large_product_allocates_nothing() {
    // Operands used where they are; the right one packed, with and without transposing; both; the left one packed for dot products.
    let cases = [
        (64, 64, 64, ['k', 'n'], false),
        (300, 512, 512, ['k', 'n'], true),
        (300, 512, 512, ['k', 'k'], true),
        (1024, 512, 512, ['m', 'n'], true),
        (2, 300, 300, ['m', 'k'], true),
    ];
    for threads in [1, 2] {
        for (m, n, k, along, packs) in cases {
            let [first, later] = calls_of_a_product((m, n, k), along, threads);
            assert!(first > 0 || !packs, "{m}×{n}×{k} {along:?} packs, or this counts nothing");
            assert_eq!(later, 0, "{m}×{n}×{k} {along:?} on {threads} threads");
        }
    }
}

/// The allocations of the first call of a product and of 20 more.
fn calls_of_a_product((m, n, k): (usize, usize, usize), along: [char; 2], threads: usize) -> [u64; 2] {
    let (program, signature) = product(m, n, k, along);
    let options = Options { threads, ..Options::default() };
    let executable = compile(&program, signature, &options).unwrap().executable;
    let (a, b) = (vec![0.5f32; m * k], vec![0.25f32; k * n]);
    let mut y = vec![0.0f32; m * n];
    let calls = || {
        let mut call = || {
            let allocations = || ALLOCATIONS.get() + WORKERS.load(Ordering::Relaxed);
            let before = allocations();
            let [a_shape, b_shape, y_shape] = [[m * k], [k * n], [m * n]];
            let inputs = [ArgRef::new(&a, &a_shape), ArgRef::new(&b, &b_shape)];
            executable.call(&inputs, &mut [ArgMut::new(&mut y, &y_shape)]).unwrap();
            allocations() - before
        };
        [call(), (0..20).map(|_| call()).sum::<u64>()]
    };
    // A thread of its own has nothing in store.
    let counts = std::thread::scope(|scope| scope.spawn(calls).join().unwrap());
    assert!(y.iter().all(|&value| value == k as f32 / 8.0));
    counts
}

/// Mappings of memory that is executable and belongs to no file.
#[cfg(target_os = "linux")]
fn code_mappings() -> usize {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    maps.lines().filter(|line| line.contains(" r-xp ") && line.split_whitespace().count() == 5).count()
}

#[cfg(target_os = "linux")]
#[test]
fn code_is_unmapped_with_the_last_clone() {
    let (program, signature) = doubling(16);
    let compiled = || compile(&program, signature.clone(), &Options::default()).unwrap().executable;
    let before = code_mappings();
    let kept: Vec<_> = (0..20).map(|_| compiled()).collect();
    let clones = kept.clone();
    drop(kept);
    assert!(code_mappings() > before, "the code of {} executables is mapped", clones.len());
    drop(clones);
    // The other tests of this program may have one executable each.
    assert!(code_mappings() <= before + 2);
}
