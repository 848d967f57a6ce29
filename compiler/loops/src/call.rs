//! Calls of the runtime's routines: sorting and linear algebra on parts of buffers.
//!
//! A routine takes [`View`]s, each a rectangle of elements of a buffer. What it does with each, and which element types and extents go together, is the
//! routine's own affair and stated here once ([`RuntimeCall::problem`]), for the verifier and for code generation. Memory that a routine needs besides
//! its operands is a view like the others, of the arena.

use pullback_ir::DType;
use smallvec::SmallVec;

use crate::program::{Affine, Buffer};

/// What is called.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Routine {
    /// The order of a line: `%out, %scratch, %keys`. `out[i]`, an `i32`, becomes the place of the key that stands in place `i` when sorted, stably; NaN counts
    /// as larger than any number, the zeros as equal. The scratch has one `i64` for each key of up to 4 bytes and two for each of 8 bytes.
    Argsort {
        /// Whether the keys decrease; those that are equal keep their order all the same.
        descending: bool,
        /// Whether `out` holds an order before, in which the keys count as standing: so the last key of several is sorted by first.
        refine: bool,
    },
    /// The lower triangular factor, zero above the diagonal, of a matrix of which the lower triangle is read: `%out, %a`. All NaN if the matrix is not positive
    /// definite.
    Cholesky,
    /// The solution `X` of `A X = B` for a triangular `A`: `%x, %a`, where `x` holds `B` before.
    TriangularSolve {
        /// Whether `A` is lower triangular; the other triangle is not read.
        lower: bool,
        /// Whether the diagonal is taken as 1 and not read.
        unit: bool,
    },
}

/// What a routine does with a view.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// Reads it.
    Read,
    /// Stores every element, and reads none before.
    Write,
    /// Reads and stores.
    Update,
    /// Uses its memory: what it holds before does not matter, and is nothing in particular afterwards.
    Scratch,
}

/// An axis of a view.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ViewAxis {
    /// How many positions.
    pub extent: usize,
    /// Elements of the buffer from one to the next.
    pub stride: i64,
}

/// A rectangle of elements of a buffer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct View {
    /// The buffer.
    pub buffer: Buffer,
    /// The position of the first element.
    pub index: Affine,
    /// One axis for a line, two for the rows and columns of a matrix.
    pub axes: SmallVec<[ViewAxis; 2]>,
}

/// A call of a routine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RuntimeCall {
    /// Which.
    pub routine: Routine,
    /// Its operands, in the order that the routine gives.
    pub views: Vec<View>,
}

impl Routine {
    /// The words in the text form: the name, then what is asked for.
    #[must_use]
    pub fn words(self) -> Vec<&'static str> {
        let (name, flags) = match self {
            Self::Argsort { descending, refine } => ("argsort", vec![("descending", descending), ("refine", refine)]),
            Self::Cholesky => ("cholesky", Vec::new()),
            Self::TriangularSolve { lower, unit } => ("triangular_solve", vec![("lower", lower), ("unit", unit)]),
        };
        std::iter::once(name).chain(flags.into_iter().filter(|flag| flag.1).map(|flag| flag.0)).collect()
    }

    /// All routines with all flags.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let mut all = vec![Self::Cholesky];
        for (first, second) in [(false, false), (false, true), (true, false), (true, true)] {
            all.push(Self::Argsort { descending: first, refine: second });
            all.push(Self::TriangularSolve { lower: first, unit: second });
        }
        all
    }

    /// What is done with each view.
    #[must_use]
    pub const fn accesses(self) -> &'static [Access] {
        match self {
            Self::Argsort { refine: false, .. } => &[Access::Write, Access::Scratch, Access::Read],
            Self::Argsort { refine: true, .. } => &[Access::Update, Access::Scratch, Access::Read],
            Self::Cholesky => &[Access::Write, Access::Read],
            Self::TriangularSolve { .. } => &[Access::Update, Access::Read],
        }
    }

    /// How many numbers of scratch memory a key needs.
    #[must_use]
    pub const fn scratch_per_key(key: DType) -> usize {
        if key.bytes() == 8 { 2 } else { 1 }
    }
}

impl RuntimeCall {
    /// The views and what is done with each.
    pub fn operands(&self) -> impl Iterator<Item = (&View, Access)> {
        self.views.iter().zip(self.routine.accesses().iter().copied())
    }

    /// What is wrong with number, extents or element types of the views, if anything. Where they lie in their buffers is not judged here.
    #[must_use]
    pub fn problem(&self, dtype: impl Fn(Buffer) -> DType) -> Option<String> {
        let expected = self.routine.accesses().len();
        if self.views.len() != expected {
            return Some(format!("{} views, expected {expected}", self.views.len()));
        }
        let dtypes: SmallVec<[DType; 3]> = self.views.iter().map(|view| dtype(view.buffer)).collect();
        let extents: Vec<Vec<usize>> =
            self.views.iter().map(|view| view.axes.iter().map(|axis| axis.extent).collect()).collect();
        match self.routine {
            Routine::Argsort { .. } => {
                let [out, scratch, keys] = [&extents[0][..], &extents[1][..], &extents[2][..]];
                let needed = keys.first().map(|count| count.saturating_mul(Routine::scratch_per_key(dtypes[2])));
                let one_after_another = self.views[1].axes.iter().all(|axis| axis.stride == 1);
                if out.len() != 1 || out != keys || scratch != needed.as_slice() || !one_after_another {
                    return Some(
                        "expected lines: positions, contiguous scratch memory and keys of fitting lengths".into(),
                    );
                }
                if i32::try_from(keys[0]).is_err() {
                    return Some(format!("{} keys, more than i32 counts", keys[0]));
                }
                (dtypes[0] != DType::I32 || dtypes[1] != DType::I64)
                    .then(|| format!("positions of {} and scratch of {}, expected i32 and i64", dtypes[0], dtypes[1]))
            }
            Routine::Cholesky | Routine::TriangularSolve { .. } => {
                let (out, a) = (&extents[0], &extents[1]);
                let is_square = a.len() == 2 && a[0] == a[1];
                let fits = out.len() == 2 && is_square && out[0] == a[0];
                if !fits || (self.routine == Routine::Cholesky && out != a) {
                    return Some(format!("matrices of extents {out:?} and {a:?} do not go together"));
                }
                (dtypes[0] != dtypes[1] || !dtypes[0].is_float())
                    .then(|| format!("matrices of {} and {}, expected f32 or f64", dtypes[0], dtypes[1]))
            }
        }
    }
}
