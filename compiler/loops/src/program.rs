//! The data of the loop IR.
//!
//! Invariants (checked by `verify`): a [`Var`] is assigned once and used where it is in scope, that is later in the
//! same list of statements or in a list nested in it; operand types are as each [`Expr`] says; a loop counter is used only
//! inside its loop, one bound to a variable where that is in scope; for all values of the loop counters every access stays inside its buffer; input and constant buffers are never
//! stored to; two buffers whose lifetimes meet do not share memory; what one iteration of a parallel loop stores no other
//! touches; what is packed is used by products alone.
//!
//! Control flow between kernels is in [`step`](crate::step). Variables are a kernel's own; counters of the loops around a kernel may be
//! used in it.

use std::sync::Arc;

use cranelift_entity::{EntitySet, PrimaryMap, entity_impl};
use pullback_ir::{Binary, Comparison, DType, Literal, Reduction, Scalar, Unary};
use smallvec::SmallVec;

use crate::call::RuntimeCall;
use crate::step::Step;

/// A flat array in memory.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Buffer(u32);
entity_impl!(Buffer, "b");

/// A scalar or vector in a register, assigned once.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Var(u32);
entity_impl!(Var, "v");

/// A loop counter.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Index(u32);
entity_impl!(Index, "i");

/// Where a buffer lives.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Space {
    /// The caller's argument at a position; read only.
    Input(usize),
    /// The caller's result at a position; written, and readable once written.
    Output(usize),
    /// Data known at compile time; read only.
    Constant(Arc<Literal>),
    /// The program's arena, at an offset in bytes that is a multiple of 64.
    Arena(usize),
    /// The worker's own memory, at an offset in bytes that is a multiple of 64: touched inside one parallel loop alone, each thread that runs iterations
    /// having its own. Holds nothing when an iteration begins.
    Local(usize),
}

/// A flat array in memory: row-major elements of one type, `bool` as one byte 0 or 1.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BufferData {
    /// The name of the tensor value it holds; unique in the program.
    pub name: Arc<str>,
    /// The element type.
    pub dtype: DType,
    /// The number of elements.
    pub elements: usize,
    /// Where it lives.
    pub space: Space,
}

/// The type of a variable: `lanes` elements, 1 for a scalar.
///
/// Vectors have 128, 256 or 512 bits: 4, 8 or 16 lanes of `f32`/`i32`, 2, 4 or 8 of `f64`/`i64`; `bool` has the lanes of what it goes with. There are no vectors of `u8`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct VarType {
    /// The element type.
    pub dtype: DType,
    /// The number of elements.
    pub lanes: u8,
}

impl VarType {
    /// A single element.
    #[must_use]
    pub const fn scalar(dtype: DType) -> Self {
        Self { dtype, lanes: 1 }
    }
}

/// `offset + Σ coefficient · counter`, in elements.
///
/// Canonical: counters in increasing order, none twice, no zero coefficient.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Affine {
    /// The constant part.
    pub offset: i64,
    /// Counters and their coefficients.
    pub terms: SmallVec<[(Index, i64); 4]>,
}

impl Affine {
    /// A constant.
    #[must_use]
    pub fn constant(offset: i64) -> Self {
        Self { offset, terms: SmallVec::new() }
    }

    /// A counter by itself.
    #[must_use]
    pub fn counter(index: Index) -> Self {
        Self { offset: 0, terms: SmallVec::from_slice(&[(index, 1)]) }
    }

    /// The sum with `scale · other`.
    #[must_use]
    pub fn plus(&self, other: &Self, scale: i64) -> Self {
        let mut sum = self.clone();
        sum.offset += scale * other.offset;
        for &(index, coefficient) in &other.terms {
            match sum.terms.binary_search_by_key(&index, |term| term.0) {
                Ok(position) => sum.terms[position].1 += scale * coefficient,
                Err(position) => sum.terms.insert(position, (index, scale * coefficient)),
            }
        }
        sum.terms.retain(|term| term.1 != 0);
        sum
    }

    /// The sum with a constant.
    #[must_use]
    pub fn plus_constant(&self, offset: i64) -> Self {
        let mut sum = self.clone();
        sum.offset += offset;
        sum
    }

    /// The product with a constant.
    #[must_use]
    pub fn times(&self, scale: i64) -> Self {
        Self::default().plus(self, scale)
    }

    /// The coefficient of a counter, 0 if it does not occur.
    #[must_use]
    pub fn coefficient(&self, index: Index) -> i64 {
        self.terms.binary_search_by_key(&index, |term| term.0).map_or(0, |position| self.terms[position].1)
    }
}

/// A position in a buffer; for a vector the position of lane 0, lane `l` being at `+ l · lane_stride`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Place {
    /// The buffer.
    pub buffer: Buffer,
    /// The position of lane 0.
    pub index: Affine,
    /// Elements from one lane to the next; 1 is a plain vector access, anything else a gather or scatter. Unused (1) for a scalar.
    pub lane_stride: i64,
}

/// What a variable is assigned. `T` below is the variable's type; operands have type `T` unless said otherwise.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Expr {
    /// A constant, the same in all lanes.
    Const(Scalar),
    /// The value of an affine expression in `i64`, plus `l · stride` in lane `l`, converted to `T` (an integer type by wrapping, a
    /// floating-point type by rounding).
    Position {
        /// The value in lane 0.
        index: Affine,
        /// The difference between lanes.
        lane_stride: i64,
    },
    /// A load of `T` from memory.
    Load(Place),
    /// A scalar of the same element type in all lanes.
    Splat(Var),
    /// An elementwise operation of the tensor IR.
    Unary(Unary, Var),
    /// An elementwise operation of the tensor IR.
    Binary(Binary, Var, Var),
    /// `a · b + c` for floats, rounded once where the target has the instruction and twice where it has not.
    MulAdd(Var, Var, Var),
    /// A comparison; operands of one type, `T` is `bool` with the same lanes.
    Compare(Comparison, Var, Var),
    /// Whether a float is neither infinite nor NaN; `T` is `bool` with the same lanes.
    IsFinite(Var),
    /// The second operand where the first (`bool`, same lanes) holds, else the third.
    Select(Var, Var, Var),
    /// The operand (any element type, same lanes) converted as the tensor IR's `convert` does.
    Convert(Var),
    /// The bits of the operand (an element type of the same width, same lanes) taken as `T`.
    Bitcast(Var),
    /// All lanes of a vector combined pairwise, halves first, lane `l` of `n` with lane `l + n / 2`: `T` is scalar. For 4 lanes `(l0 ∘ l2) ∘ (l1 ∘ l3)`.
    ReduceLanes(Reduction, Var),
}

/// A value carried from one iteration of a loop to the next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Carried {
    /// The value during an iteration, in scope in the body.
    pub param: Var,
    /// The value in the first iteration, from outside.
    pub init: Var,
    /// The value for the next iteration, from the body.
    pub next: Var,
    /// The value after the last iteration (`init` if there was none), in scope after the loop.
    pub result: Var,
}

/// A loop: the counter takes `0, step, 2·step, …` below `extent`, a multiple of `step`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct For {
    /// The counter.
    pub index: Index,
    /// Where it ends; a multiple of `step`.
    pub extent: i64,
    /// How far it advances, at least 1: the number of positions that one iteration handles.
    pub step: i64,
    /// Values carried around.
    pub carried: Vec<Carried>,
    /// The statements of an iteration.
    pub body: Vec<Stmt>,
}

/// A matrix in a buffer: element `(r, c)` is at `place.index + r · row_stride + c · column_stride`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Matrix {
    /// The buffer.
    pub buffer: Buffer,
    /// The position of element (0, 0).
    pub index: Affine,
    /// Elements from one row to the next.
    pub row_stride: i64,
    /// Elements from one column to the next.
    pub column_stride: i64,
}

/// A packed matrix has its columns in strips of so many, the last one too: there it has room for columns that do not exist.
pub const PACKED_WIDTH: usize = 64;

/// The elements of a packed matrix; `usize::MAX` where there is no such number.
#[must_use]
pub const fn packed_elements(rows: usize, columns: usize) -> usize {
    match columns.checked_next_multiple_of(PACKED_WIDTH) {
        Some(columns) => rows.saturating_mul(columns),
        None => usize::MAX,
    }
}

/// A packed matrix: the [`packed_elements`] from `index` on, in an order that is the kernel's affair.
///
/// What is known of it: strips of [`PACKED_WIDTH`] columns follow each other, each of `rows · PACKED_WIDTH` elements. So columns from `c` on, a multiple of
/// that width, are a packed matrix by themselves, `rows · c` elements further on, and can be packed and multiplied by alone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Packed {
    /// The buffer; of the arena or the worker's own, and for packed matrices of one number of rows alone.
    pub buffer: Buffer,
    /// The position of the first strip; a multiple of what a strip takes.
    pub index: Affine,
}

/// The right factor of a matrix product.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Rhs {
    /// A matrix wherever it lies, which the kernel packs if that pays.
    Matrix(Matrix),
    /// A matrix that a [`Pack`] has stored.
    Packed(Packed),
}

impl Rhs {
    /// The buffer it is in.
    #[must_use]
    pub const fn buffer(&self) -> Buffer {
        match self {
            Self::Matrix(matrix) => matrix.buffer,
            Self::Packed(packed) => packed.buffer,
        }
    }

    /// The buffer it is in, to be changed.
    pub const fn buffer_mut(&mut self) -> &mut Buffer {
        match self {
            Self::Matrix(matrix) => &mut matrix.buffer,
            Self::Packed(packed) => &mut packed.buffer,
        }
    }
}

impl From<Matrix> for Rhs {
    fn from(matrix: Matrix) -> Self {
        Self::Matrix(matrix)
    }
}

/// Packs a matrix, for products that have it as right factor: once for many of them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pack {
    /// `f32` or `f64`.
    pub dtype: DType,
    /// Rows of the matrix.
    pub k: usize,
    /// Columns of the matrix.
    pub n: usize,
    /// The matrix, `k × n`.
    pub from: Matrix,
    /// Where it is packed.
    pub to: Packed,
}

/// A call of the packed matrix-product kernel: `out = lhs · rhs`, or `out += lhs · rhs`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Gemm {
    /// `f32` or `f64`.
    pub dtype: DType,
    /// Rows of `lhs` and `out`.
    pub m: usize,
    /// Columns of `rhs` and `out`.
    pub n: usize,
    /// Columns of `lhs` and rows of `rhs`.
    pub k: usize,
    /// The result, `m × n`.
    pub out: Matrix,
    /// The left factor, `m × k`.
    pub lhs: Matrix,
    /// The right factor, `k × n`.
    pub rhs: Rhs,
    /// Whether the product is added to what `out` holds.
    pub accumulate: bool,
}

/// A statement.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Stmt {
    /// An assignment.
    Let(Var, Expr),
    /// A store of a variable to memory.
    Store(Place, Var),
    /// A loop.
    For(Box<For>),
    /// A matrix product.
    Gemm(Box<Gemm>),
    /// A matrix packed for products.
    Pack(Box<Pack>),
    /// A counter known at run time.
    Bind(Bind),
    /// Statements that run if a condition holds.
    If(Box<If>),
    /// A call of the runtime.
    Call(Box<RuntimeCall>),
}

/// A counter with one value: `var` moved to the nearest of `0, …, extent - 1`. It is in scope as a variable assigned here would be. Positions known at run time
/// are thus bounded as loop counters are, and accesses with them proven to stay inside their buffers in the same way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bind {
    /// The counter.
    pub index: Index,
    /// A scalar of an integer type.
    pub var: Var,
    /// At least 1.
    pub extent: i64,
}

/// Statements that run if a condition holds. What they assign is in scope among them alone, and what they store counts as stored among them alone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct If {
    /// A scalar `bool`.
    pub condition: Var,
    /// The statements.
    pub body: Vec<Stmt>,
}

/// A loop nest with a name: what one region of the fusion plan became.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Kernel {
    /// Unique in the program; made from the names of the values it stores. It becomes the symbol of the machine code.
    pub name: Arc<str>,
    /// Where it came from, for people: kind of region, operations, source lines.
    pub about: String,
    /// The statements.
    pub body: Vec<Stmt>,
}

/// A whole program.
#[derive(Clone, Debug, Default)]
pub struct Program {
    /// The name of the function it came from.
    pub name: Arc<str>,
    /// The buffers.
    pub buffers: PrimaryMap<Buffer, BufferData>,
    /// The outputs that take the place of an argument, which they hold when the program begins.
    pub donated: EntitySet<Buffer>,
    /// The types of the variables of all kernels.
    pub vars: PrimaryMap<Var, VarType>,
    /// How many loop counters there are.
    pub index_count: u32,
    /// The steps in order of execution.
    pub body: Vec<Step>,
    /// Bytes of the arena.
    pub arena_bytes: usize,
    /// Bytes of the memory that each worker of a parallel loop has of its own.
    pub local_bytes: usize,
}

impl Program {
    /// All kernels, in order of the text.
    #[must_use]
    pub fn kernels(&self) -> Vec<&Kernel> {
        crate::step::kernels(&self.body)
    }

    /// A new variable.
    pub fn var(&mut self, ty: VarType) -> Var {
        self.vars.push(ty)
    }

    /// A new loop counter.
    pub fn index(&mut self) -> Index {
        let index = Index::from_u32(self.index_count);
        self.index_count += 1;
        index
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn affine_expressions_are_canonical() {
        let (i, j) = (Index::from_u32(0), Index::from_u32(1));
        let sum = Affine::counter(j).plus(&Affine::counter(i), 3).plus_constant(2);
        assert_eq!(sum.terms.as_slice(), [(i, 3), (j, 1)]);
        assert_eq!(sum.plus(&Affine::counter(j), -1).terms.as_slice(), [(i, 3)]);
        assert_eq!((sum.coefficient(i), sum.times(0)), (3, Affine::default()));
    }
}
