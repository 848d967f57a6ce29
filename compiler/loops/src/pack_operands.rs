//! Right factors packed once for many products.
//!
//! The kernel of matrix products wants its right factor packed, and packs it for each call unless it is small and lies well. A product of a few rows in a loop around kernels, as
//! those of tiles are, spends as much time on that as on multiplying. Where the right factor stays the same in the loop, this pass packs it before the loop, into a buffer of its own,
//! and lets the product use that.
//!
//! A factor *stays* in a loop if its position does not depend on the counter and nothing in the loop stores to its buffer. It is packed before the outermost loop of which, and of all
//! loops inside that are around the product, this holds: so it is packed again for each iteration of the loops further out, and the copy is local to one. Loops inside the product's kernel in
//! which the factor moves, over a batch, make as many copies. A loop that ends by a condition and a branch are not left: perhaps what is inside never runs.
//!
//! A large factor that several threads may be waiting for is packed in a parallel loop over strips of its columns.
//!
//! Before: a program whose memory is not planned yet. After: one with the same results, but for the order of summation in a product, which depends on shapes alone in either case.

use std::collections::HashSet;
use std::sync::Arc;

use cranelift_entity::EntitySet;

use crate::call::Access;
use crate::program::{
    Affine, Buffer, BufferData, For, Gemm, Index, Kernel, Matrix, PACKED_WIDTH, Pack, Packed, Program, Rhs, Space,
    Stmt, packed_elements,
};
use crate::step::{Loop, Step};

/// How many products have to use a packed factor.
const MIN_USES: i64 = 3;

/// Rows of a product below which it is computed as dot products, without packing.
const MIN_ROWS: usize = 9;

/// Columns and rows of a factor from which on packing pays. Columns are padded, so with these a copy has at most twice the elements.
const MIN_COLUMNS: usize = PACKED_WIDTH / 2;
const MIN_DEPTH: usize = 16;

/// A factor with contiguous rows is read where it is if it has at most so many bytes: it stays in the second cache then.
const DIRECT_BYTES: usize = 768 << 10;

/// Rows so many bytes apart, or a multiple, are on pages of their own and compete for the same places of the caches.
const PAGE_BYTES: usize = 4 << 10;

/// Bytes of a factor that are worth several threads, and those that each iteration of a parallel loop packs at least.
const PARALLEL_BYTES: usize = 256 << 10;
const CHUNK_BYTES: usize = 64 << 10;

/// Packs right factors before the loops in which they stay, where that pays.
pub fn pack_operands(program: &mut Program) {
    let steps = std::mem::take(&mut program.body);
    let names = program.buffers.values().map(|data| data.name.clone());
    let names = names.chain(crate::step::kernels(&steps).into_iter().map(|kernel| kernel.name.clone())).collect();
    let mut packer = Packer { program, names, around: Vec::new(), in_parallel: false, bound: EntitySet::new() };
    let steps = packer.steps(steps);
    program.body = steps;
}

/// A loop around the kernel.
struct Around {
    index: Index,
    extent: i64,
    parallel: bool,
    /// What is stored to in it.
    stored: EntitySet<Buffer>,
    /// What is to be done before it.
    before: Vec<Step>,
}

/// A loop inside the kernel.
#[derive(Clone, Copy)]
struct Inner {
    index: Index,
    extent: i64,
    step: i64,
}

struct Packer<'a> {
    program: &'a mut Program,
    /// Of all buffers and kernels.
    names: HashSet<Arc<str>>,
    /// Outermost first, as far as they may be left.
    around: Vec<Around>,
    /// Whether a loop further out is parallel.
    in_parallel: bool,
    /// The counters known at run time only.
    bound: EntitySet<Index>,
}

impl Packer<'_> {
    fn steps(&mut self, steps: Vec<Step>) -> Vec<Step> {
        let mut out = Vec::with_capacity(steps.len());
        for mut step in steps {
            match &mut step {
                Step::Kernel(kernel) => self.statements(&mut kernel.body, &mut Vec::new()),
                Step::Loop(inner) => out.extend(self.inside(inner)),
                Step::While(inner) => self.apart(|packer| {
                    inner.before = packer.steps(std::mem::take(&mut inner.before));
                    inner.body = packer.steps(std::mem::take(&mut inner.body));
                }),
                Step::Branch(inner) => self.apart(|packer| {
                    for case in &mut inner.cases {
                        *case = packer.steps(std::mem::take(case));
                    }
                }),
            }
            out.push(step);
        }
        out
    }

    /// Walks a loop; gives the steps that come before it.
    fn inside(&mut self, inner: &mut Loop) -> Vec<Step> {
        let mut stored = EntitySet::new();
        for kernel in crate::step::kernels(&inner.body) {
            stores(&kernel.body, &mut stored);
        }
        let &mut Loop { index, extent, parallel, .. } = inner;
        self.around.push(Around { index, extent, parallel, stored, before: Vec::new() });
        inner.body = self.steps(std::mem::take(&mut inner.body));
        self.around.pop().map(|level| level.before).unwrap_or_default()
    }

    /// Walks what may not run at all, so that nothing is taken out of it.
    fn apart(&mut self, walk: impl FnOnce(&mut Self)) {
        let around = std::mem::take(&mut self.around);
        let in_parallel = self.in_parallel;
        self.in_parallel |= around.iter().any(|level| level.parallel);
        walk(self);
        (self.around, self.in_parallel) = (around, in_parallel);
    }

    fn statements(&mut self, stmts: &mut [Stmt], loops: &mut Vec<Inner>) {
        for stmt in stmts {
            match stmt {
                Stmt::For(inner) => {
                    loops.push(Inner { index: inner.index, extent: inner.extent, step: inner.step });
                    self.statements(&mut inner.body, loops);
                    loops.pop();
                }
                Stmt::Gemm(gemm) => {
                    if let Some(packed) = self.product(gemm, loops) {
                        gemm.rhs = Rhs::Packed(packed);
                    }
                }
                Stmt::Bind(bind) => {
                    self.bound.insert(bind.index);
                }
                // Perhaps the product is never needed.
                Stmt::If(_) => {}
                Stmt::Let(..) | Stmt::Store(..) | Stmt::Pack(_) | Stmt::Call(_) => {}
            }
        }
    }

    /// Packs the right factor of a product before loops around it, if that can be done and pays; gives where it is then.
    fn product(&mut self, gemm: &Gemm, loops: &[Inner]) -> Option<Packed> {
        let Rhs::Matrix(matrix) = &gemm.rhs else { return None };
        let moves = |index: Index| matrix.index.coefficient(index) != 0;
        let stays = |level: &&Around| !moves(level.index) && !level.stored.contains(matrix.buffer);
        let level = self.around.len() - self.around.iter().rev().take_while(stays).count();
        let left = self.around.get(level..).filter(|left| !left.is_empty())?;
        let (moving, staying): (Vec<Inner>, Vec<Inner>) = loops.iter().partition(|inner| moves(inner.index));
        let times = staying.iter().map(|inner| inner.extent / inner.step.max(1));
        let uses = left.iter().map(|level| level.extent).chain(times).fold(1, i64::saturating_mul);
        let is_known = !matrix.index.terms.iter().any(|term| self.bound.contains(term.0));
        if !is_known || moving.iter().any(|inner| inner.step != 1) || !pays(gemm, matrix, uses) {
            return None;
        }
        let data = &self.program.buffers[matrix.buffer];
        let of_one = packed_elements(gemm.k, gemm.n);
        let copies = moving.iter().map(|inner| inner.extent as usize);
        let elements = copies.fold(of_one, usize::saturating_mul);
        // Neither parts that overlap nor padding may make much of little.
        if elements > data.elements.saturating_mul(4) {
            return None;
        }
        let name = self.unique(&format!("{}_packed", data.name));
        let buffer = BufferData { name: name.clone(), dtype: gemm.dtype, elements, space: Space::Arena(0) };
        let buffer = self.program.buffers.push(buffer);
        let task = Task { gemm, matrix, moving: &moving, buffer, name: &name };
        let in_parallel = self.in_parallel || self.around[..level].iter().any(|level| level.parallel);
        let steps =
            if in_parallel { vec![self.pack(&task, &Affine::default(), gemm.n)] } else { self.pack_strips(&task) };
        self.around[level].before.extend(steps);
        let counters: Vec<Index> = moving.iter().map(|inner| inner.index).collect();
        Some(Packed { buffer, index: task.copy(&counters) })
    }

    /// The steps that pack a factor on several threads if it is large.
    fn pack_strips(&mut self, task: &Task<'_>) -> Vec<Step> {
        let &Gemm { n, k, dtype, .. } = task.gemm;
        let strip_bytes = k * PACKED_WIDTH * dtype.bytes();
        let columns = CHUNK_BYTES.div_ceil(strip_bytes) * PACKED_WIDTH;
        let chunks = n / columns;
        if k * n * dtype.bytes() <= PARALLEL_BYTES || chunks < 2 {
            return vec![self.pack(task, &Affine::default(), n)];
        }
        let index = self.program.index();
        let body = vec![self.pack(task, &Affine::counter(index).times(columns as i64), columns)];
        let mut steps = vec![Step::Loop(Box::new(Loop { index, extent: chunks as i64, parallel: true, body }))];
        let done = chunks * columns;
        if done < n {
            steps.push(self.pack(task, &Affine::constant(done as i64), n - done));
        }
        steps
    }

    /// A kernel that packs some columns of a factor, from one that begins a strip on.
    fn pack(&mut self, task: &Task<'_>, first: &Affine, columns: usize) -> Step {
        let &Task { gemm, matrix, moving, buffer, name } = task;
        let counters: Vec<Index> = moving.iter().map(|_| self.program.index()).collect();
        let mut from = matrix.index.plus(first, matrix.column_stride);
        for (inner, &counter) in moving.iter().zip(&counters) {
            let by = from.coefficient(inner.index);
            from = from.plus(&Affine::counter(inner.index), -by).plus(&Affine::counter(counter), by);
        }
        let to = task.copy(&counters).plus(first, gemm.k as i64);
        let pack = Pack {
            dtype: gemm.dtype,
            k: gemm.k,
            n: columns,
            from: Matrix { index: from, ..matrix.clone() },
            to: Packed { buffer, index: to },
        };
        let loops = moving.iter().zip(counters).rev();
        let body = loops.fold(Stmt::Pack(Box::new(pack)), |body, (inner, index)| {
            Stmt::For(Box::new(For { index, extent: inner.extent, step: 1, carried: Vec::new(), body: vec![body] }))
        });
        let name = self.unique(&format!("pack_{}", name.trim_end_matches("_packed")));
        Step::Kernel(Kernel { name, about: "a right factor packed for many products".into(), body: vec![body] })
    }

    /// A name that no buffer and no kernel has.
    fn unique(&mut self, base: &str) -> Arc<str> {
        let mut name: Arc<str> = base.into();
        while !self.names.insert(name.clone()) {
            name = format!("{name}_").into();
        }
        name
    }
}

/// A factor to be packed.
struct Task<'a> {
    gemm: &'a Gemm,
    matrix: &'a Matrix,
    /// The loops of the product's kernel in which it moves, outermost first.
    moving: &'a [Inner],
    buffer: Buffer,
    name: &'a str,
}

impl Task<'_> {
    /// Where the copy begins that belongs to these values of the loops' counters.
    fn copy(&self, counters: &[Index]) -> Affine {
        let mut size = packed_elements(self.gemm.k, self.gemm.n) as i64;
        let mut place = Affine::default();
        for (inner, &counter) in self.moving.iter().zip(counters).rev() {
            place = place.plus(&Affine::counter(counter), size);
            size *= inner.extent;
        }
        place
    }
}

/// Whether a factor had better be packed once for so many products.
fn pays(gemm: &Gemm, matrix: &Matrix, uses: i64) -> bool {
    let &Gemm { dtype, m, n, k, .. } = gemm;
    let apart = matrix.row_stride.unsigned_abs() as usize * dtype.bytes();
    let lies_badly = matrix.column_stride != 1 || apart.is_multiple_of(PAGE_BYTES);
    let is_large = n * k * dtype.bytes() > DIRECT_BYTES;
    // Vectors lie along the columns, in the result too.
    let has_rows = gemm.out.column_stride == 1;
    uses >= MIN_USES && m >= MIN_ROWS && n >= MIN_COLUMNS && k >= MIN_DEPTH && has_rows && (lies_badly || is_large)
}

/// The buffers that statements store to.
fn stores(stmts: &[Stmt], stored: &mut EntitySet<Buffer>) {
    for stmt in stmts {
        match stmt {
            Stmt::Store(place, _) => {
                stored.insert(place.buffer);
            }
            Stmt::For(inner) => stores(&inner.body, stored),
            Stmt::If(inner) => stores(&inner.body, stored),
            Stmt::Gemm(gemm) => {
                stored.insert(gemm.out.buffer);
            }
            Stmt::Pack(pack) => {
                stored.insert(pack.to.buffer);
            }
            Stmt::Call(call) => {
                let written = call.operands().filter(|(_, access)| *access != Access::Read);
                stored.extend(written.map(|(view, _)| view.buffer));
            }
            Stmt::Let(..) | Stmt::Bind(_) => {}
        }
    }
}
