//! The interpreter: runs a program slowly and checks every access; the oracle of code generation.
//!
//! Lane by lane, with the meanings of [`pullback_interp::scalar`] for elementwise operations. What the text of the IR leaves
//! to the target is decided here: `mul_add` rounds once, a matrix product is accumulated in `f64` and rounded once, and a packed matrix has the rows of
//! a strip one after the other.
//!
//! Memory is real: one block of bytes for the whole arena, shared by its buffers as the memory plan says. Every byte also remembers
//! through which buffer it was stored (`memory`), so that a plan that lets two live buffers overlap, or a kernel
//! that reads what it never stored, is an error here and not a number that looks plausible.
//!
//! One worker runs all iterations of parallel loops, in order or in reverse order. Buffers of its own hold nothing when an iteration begins.

mod call;
mod memory;
mod step;

use cranelift_entity::SecondaryMap;
use pullback_interp::scalar;
use pullback_ir::{DType, Elements, Reduction, Scalar};
use smallvec::SmallVec;

use crate::memory::Timeline;
use crate::program::{
    Affine, Expr, For, Gemm, Index, Matrix, PACKED_WIDTH, Pack, Packed, Place, Program, Rhs, Stmt, Var, VarType,
};
use crate::verify::Verified;
use memory::Memory;

/// A failed run. For a verified program only the inputs, memory, and reads of elements that were never stored can be at fault.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Error {
    /// Too many or too few inputs.
    #[error("@{program} takes {expected} inputs, found {found}")]
    InputCount {
        /// The program.
        program: String,
        /// The number of its inputs.
        expected: usize,
        /// The number given.
        found: usize,
    },
    /// An input of another element type or length.
    #[error("input {position}, %{name}, is {found}, expected {expected}")]
    Input {
        /// The position, from 0.
        position: usize,
        /// The buffer.
        name: String,
        /// What it holds, as `f32[8]`.
        expected: String,
        /// What was given.
        found: String,
    },
    /// The buffers need more than the interpreter may use.
    #[error("the buffers take {needed} bytes, the interpreter stops at {limit}")]
    Memory {
        /// Bytes of all buffers.
        needed: u128,
        /// The limit.
        limit: u128,
    },
    /// An element that nothing was stored to through this buffer.
    #[error("{place}: element {position} of %{buffer} is read, nothing was stored there")]
    NotStored {
        /// The kernel, or that the results are read.
        place: String,
        /// The buffer.
        buffer: String,
        /// The element.
        position: usize,
    },
    /// A rule of the loop IR is broken that the verifier should have found.
    #[error("{place}: {message}")]
    Invalid {
        /// The kernel.
        place: String,
        /// What is wrong.
        message: String,
    },
}

/// The results of a program on `inputs`, both flat and in order of position; behind the inputs come the arguments whose place results take, in the order of these.
///
/// # Errors
/// If the inputs do not fit, if the buffers take more than 8 GiB, or if an element is read that was never stored.
pub fn interpret(program: &Verified<Program>, inputs: &[Elements]) -> Result<Vec<Elements>, Error> {
    run(program, inputs, false)
}

/// As [`interpret`], but with the iterations of parallel loops in reverse order, which makes no difference to what the verifier accepts.
///
/// # Errors
/// As [`interpret`].
pub fn interpret_backwards(program: &Verified<Program>, inputs: &[Elements]) -> Result<Vec<Elements>, Error> {
    run(program, inputs, true)
}

fn run(program: &Program, inputs: &[Elements], backwards: bool) -> Result<Vec<Elements>, Error> {
    let memory = Memory::new(program, inputs)?;
    let mut run = Run {
        program,
        memory,
        values: SecondaryMap::with_capacity(program.vars.len()),
        counters: SecondaryMap::new(),
        place: String::new(),
        timeline: Timeline::new(program),
        backwards,
    };
    run.steps(&program.body, 0)?;
    run.place = "the results".into();
    run.results()
}

/// The lanes of a variable.
type Lanes = SmallVec<[Scalar; 4]>;

struct Run<'a> {
    program: &'a Program,
    memory: Memory<'a>,
    values: SecondaryMap<Var, Lanes>,
    counters: SecondaryMap<Index, i64>,
    place: String,
    timeline: Timeline,
    /// Whether iterations of parallel loops run in reverse order.
    backwards: bool,
}

impl Run<'_> {
    fn invalid(&self, message: impl Into<String>) -> Error {
        Error::Invalid { place: self.place.clone(), message: message.into() }
    }

    fn statements(&mut self, stmts: &[Stmt]) -> Result<(), Error> {
        for stmt in stmts {
            match stmt {
                Stmt::Let(var, expr) => {
                    let ty = self.program.vars[*var];
                    self.values[*var] = self.expr(ty, expr)?;
                }
                Stmt::Store(place, var) => self.store(place, *var)?,
                Stmt::For(inner) => self.run_loop(inner)?,
                Stmt::Gemm(gemm) => self.gemm(gemm)?,
                Stmt::Pack(pack) => self.pack(pack)?,
                Stmt::Bind(bind) => {
                    let value =
                        self.values[bind.var].first().and_then(|&value| match scalar::convert(value, DType::I64) {
                            Scalar::I64(value) => Some(value),
                            _ => None,
                        });
                    let value = value.ok_or_else(|| self.invalid("a counter is bound to what is no number"))?;
                    self.counters[bind.index] = value.min(bind.extent - 1).max(0);
                }
                Stmt::If(inner) => {
                    if self.values[inner.condition].first() == Some(&Scalar::Bool(true)) {
                        self.statements(&inner.body)?;
                    }
                }
                Stmt::Call(call) => self.call(call)?,
            }
        }
        Ok(())
    }

    fn run_loop(&mut self, inner: &For) -> Result<(), Error> {
        let mut carried: Vec<Lanes> = inner.carried.iter().map(|carried| self.values[carried.init].clone()).collect();
        let mut counter = 0;
        while counter < inner.extent {
            self.counters[inner.index] = counter;
            for (slot, value) in inner.carried.iter().zip(carried) {
                self.values[slot.param] = value;
            }
            self.statements(&inner.body)?;
            carried = inner.carried.iter().map(|carried| self.values[carried.next].clone()).collect();
            counter = counter.saturating_add(inner.step);
        }
        for (slot, value) in inner.carried.iter().zip(carried) {
            self.values[slot.result] = value;
        }
        Ok(())
    }

    /// The value of an affine expression, exact unless it leaves 128 bits.
    fn index(&self, affine: &Affine) -> i128 {
        affine.terms.iter().fold(i128::from(affine.offset), |sum, &(index, coefficient)| {
            sum.wrapping_add(i128::from(coefficient) * i128::from(self.counters[index]))
        })
    }

    /// The positions of the lanes of an access.
    fn positions(&self, place: &Place, lanes: u8) -> impl Iterator<Item = i128> + use<> {
        let (first, stride) = (self.index(&place.index), i128::from(place.lane_stride));
        (0..i128::from(lanes)).map(move |lane| first + lane * stride)
    }

    fn load(&self, ty: VarType, place: &Place) -> Result<Lanes, Error> {
        self.positions(place, ty.lanes).map(|position| self.memory.load(place.buffer, position, &self.place)).collect()
    }

    /// Lanes are stored in order, so that the last wins where several go to one place.
    fn store(&mut self, place: &Place, var: Var) -> Result<(), Error> {
        let lanes = self.program.vars[var].lanes;
        for (position, &value) in self.positions(place, lanes).zip(&self.values[var]) {
            self.memory.store(place.buffer, position, value, &self.place)?;
        }
        Ok(())
    }

    fn expr(&self, ty: VarType, expr: &Expr) -> Result<Lanes, Error> {
        let lanes = usize::from(ty.lanes);
        match expr {
            Expr::Const(value) => Ok(SmallVec::from_elem(*value, lanes)),
            Expr::Position { index, lane_stride } => {
                // The low 64 bits of the exact value are the value in arithmetic modulo 2^64.
                let (first, stride) = (self.index(index), i128::from(*lane_stride));
                let lane = |lane: i128| scalar::convert(Scalar::I64((first + lane * stride) as i64), ty.dtype);
                Ok((0..lanes as i128).map(lane).collect())
            }
            Expr::Load(place) => self.load(ty, place),
            Expr::Splat(x) => match self.values[*x].first() {
                Some(&value) => Ok(SmallVec::from_elem(value, lanes)),
                None => Err(self.invalid("a variable is used before it is assigned")),
            },
            Expr::Unary(op, x) => self.map(op.info().name, &[*x], |x| scalar::unary(*op, x[0])),
            Expr::Binary(op, x, y) => self.map(op.info().name, &[*x, *y], |x| scalar::binary(*op, x[0], x[1])),
            Expr::MulAdd(x, y, z) => self.map("mul_add", &[*x, *y, *z], |x| mul_add(x[0], x[1], x[2])),
            Expr::Compare(predicate, x, y) => {
                self.map("compare", &[*x, *y], |x| scalar::compare(*predicate, x[0], x[1]).map(Scalar::Bool))
            }
            Expr::IsFinite(x) => self.map("is_finite", &[*x], |x| scalar::is_finite(x[0]).map(Scalar::Bool)),
            Expr::Select(x, y, z) => self.map("select", &[*x, *y, *z], |x| scalar::select(x[0], x[1], x[2])),
            Expr::Convert(x) => self.map("convert", &[*x], |x| Some(scalar::convert(x[0], ty.dtype))),
            Expr::Bitcast(x) => self.map("bitcast", &[*x], |x| Some(memory::scalar(ty.dtype, x[0].bits()))),
            Expr::ReduceLanes(kind, x) => {
                let total = reduce_lanes(*kind, &self.values[*x]);
                total.map(|total| SmallVec::from_elem(total, 1)).ok_or_else(|| self.invalid("reduce_lanes of nothing"))
            }
        }
    }

    /// Applies a function of as many scalars as there are operands in each lane.
    fn map(&self, name: &str, operands: &[Var], f: impl Fn(&[Scalar]) -> Option<Scalar>) -> Result<Lanes, Error> {
        let operands: SmallVec<[&Lanes; 3]> = operands.iter().map(|&operand| &self.values[operand]).collect();
        let lanes = operands.iter().map(|operand| operand.len()).min().unwrap_or(0);
        let lane = |lane: usize| {
            let scalars: SmallVec<[Scalar; 3]> = operands.iter().map(|operand| operand[lane]).collect();
            f(&scalars).ok_or_else(|| self.invalid(format!("operands of types that {name} does not take")))
        };
        (0..lanes).map(lane).collect()
    }

    fn gemm(&mut self, gemm: &Gemm) -> Result<(), Error> {
        for row in 0..gemm.m {
            for column in 0..gemm.n {
                let to = self.in_matrix(&gemm.out, row, column);
                let mut sum = 0.0;
                if gemm.accumulate {
                    sum = self.memory.load(gemm.out.buffer, to, &self.place)?.to_f64();
                }
                for inner in 0..gemm.k {
                    let x = self.memory.load(gemm.lhs.buffer, self.in_matrix(&gemm.lhs, row, inner), &self.place)?;
                    let from = match &gemm.rhs {
                        Rhs::Matrix(matrix) => self.in_matrix(matrix, inner, column),
                        Rhs::Packed(packed) => self.in_packed(packed, gemm.k, inner, column),
                    };
                    let y = self.memory.load(gemm.rhs.buffer(), from, &self.place)?;
                    sum += x.to_f64() * y.to_f64();
                }
                let sum = Scalar::from_f64(gemm.dtype, sum);
                self.memory.store(gemm.out.buffer, to, sum, &self.place)?;
            }
        }
        Ok(())
    }

    /// Where an element of a matrix is.
    fn in_matrix(&self, matrix: &Matrix, row: usize, column: usize) -> i128 {
        let within = row as i128 * i128::from(matrix.row_stride) + column as i128 * i128::from(matrix.column_stride);
        self.index(&matrix.index) + within
    }

    /// Where an element of a packed matrix of `rows` rows is.
    fn in_packed(&self, packed: &Packed, rows: usize, row: usize, column: usize) -> i128 {
        let (strip, within) = (column / PACKED_WIDTH, column % PACKED_WIDTH);
        self.index(&packed.index) + ((strip * rows + row) * PACKED_WIDTH + within) as i128
    }

    fn pack(&mut self, pack: &Pack) -> Result<(), Error> {
        for row in 0..pack.k {
            for column in 0..pack.n {
                let from = self.in_matrix(&pack.from, row, column);
                let element = self.memory.load(pack.from.buffer, from, &self.place)?;
                let to = self.in_packed(&pack.to, pack.k, row, column);
                self.memory.store(pack.to.buffer, to, element, &self.place)?;
            }
        }
        Ok(())
    }

    fn results(&self) -> Result<Vec<Elements>, Error> {
        let mut results = Vec::new();
        for buffer in self.memory.outputs() {
            let data = &self.program.buffers[buffer];
            let mut elements = Elements::empty(data.dtype, data.elements);
            for position in 0..data.elements {
                // What a buffer holds is of its element type.
                let _ = elements.push(self.memory.load(buffer, position as i128, &self.place)?);
            }
            results.push(elements);
        }
        Ok(results)
    }
}

fn mul_add(x: Scalar, y: Scalar, z: Scalar) -> Option<Scalar> {
    match (x, y, z) {
        (Scalar::F32(x), Scalar::F32(y), Scalar::F32(z)) => Some(Scalar::F32(libm::fmaf(x, y, z))),
        (Scalar::F64(x), Scalar::F64(y), Scalar::F64(z)) => Some(Scalar::F64(libm::fma(x, y, z))),
        (_, _, _) => None,
    }
}

/// Halves first: lane `l` with lane `l + n / 2`, then the same again.
fn reduce_lanes(kind: Reduction, lanes: &[Scalar]) -> Option<Scalar> {
    let mut lanes: Lanes = lanes.into();
    while lanes.len() > 1 {
        let (low, high) = lanes.split_at(lanes.len() / 2);
        lanes = low.iter().zip(high).map(|(&x, &y)| scalar::binary(scalar::step(kind), x, y)).collect::<Option<_>>()?;
    }
    lanes.first().copied()
}

/// A type as `f32[8]`.
fn array(dtype: DType, elements: usize) -> String {
    format!("{dtype}[{elements}]")
}
