//! Random programs, lowered, against the interpreter of the tensor IR.

use pullback_ir::op::BroadcastSpec;
use pullback_ir::{
    Axes, Binary, Builder, Comparison, DType, DotDims, Function, Module, Op, Reduction, Shape, Type, Unary, Value,
};
use pullback_loops::Stmt;
use pullback_optimize::fuse::FuseOptions;

use super::support::inputs::{Mood, array};
use super::support::program::{Config, random_program};
use super::support::rng::Rng;
use super::support::run::Case;
use super::support::{check, lowered};

/// Fails with what `check` says about the cases of these seeds.
fn check_seeds(seeds: std::ops::Range<u64>, case: impl Fn(u64) -> Case) {
    let failures: Vec<String> =
        seeds.filter_map(|seed| check(&case(seed)).err().map(|message| format!("seed {seed}: {message}"))).collect();
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n\n"));
}

#[test]
fn random_programs_lower_to_what_they_mean() {
    check_seeds(0..300, any);
}

/// A random program.
fn any(seed: u64) -> Case {
    let both: &[DType] = &[DType::F32, DType::F64];
    let steps = 4 + (seed as usize * 7) % 24;
    let mood = [Mood::Tame, Mood::Tame, Mood::Wide, Mood::Special][seed as usize % 4];
    let floats = if seed.is_multiple_of(3) { &both[..1] } else { both };
    let differentiable = seed.is_multiple_of(2);
    // Few programs have many elements: they reach blocked sums, unrolled loops, packed products and what is left of vectors.
    let (steps, max_elements) = if seed.is_multiple_of(10) { (steps.min(9), 20_000) } else { (steps, 300) };
    random_program(seed, &Config { steps, max_elements, differentiable, floats, mood })
}

/// What the loop programs of large seeds contain, all kinds of statements that only large shapes lead to.
#[derive(Default, Debug)]
struct Reached {
    packed: usize,
    unrolled: usize,
    blocks: usize,
    remainders: usize,
}

impl Reached {
    fn count(&mut self, body: &[Stmt]) {
        for (position, stmt) in body.iter().enumerate() {
            let Stmt::For(nested) = stmt else {
                self.packed += usize::from(matches!(stmt, Stmt::Gemm(_)));
                continue;
            };
            // Blocks of sums: a loop that carries sums, inside a loop that adds them up.
            let is_sum = |stmt: &Stmt| matches!(stmt, Stmt::For(inner) if !inner.carried.is_empty());
            self.blocks += usize::from(!nested.carried.is_empty() && nested.body.iter().any(is_sum));
            self.unrolled += usize::from(nested.step > 4 && nested.extent > 64);
            let is_shorter = |stmt: &Stmt| matches!(stmt, Stmt::For(last) if last.step < nested.step);
            self.remainders += usize::from(nested.step > 1 && body[position + 1..].iter().any(is_shorter));
            self.count(&nested.body);
        }
    }
}

#[test]
fn large_programs_reach_what_only_large_shapes_lead_to() {
    let mut reached = Reached::default();
    for case in (0..300).step_by(10).map(any).chain((0..200).step_by(10).map(stress)) {
        let program = lowered(&case.inlined(), FuseOptions::default(), true).unwrap();
        for kernel in program.kernels() {
            reached.count(&kernel.body);
        }
    }
    let Reached { packed, unrolled, blocks, remainders } = reached;
    assert!(packed >= 1 && unrolled >= 10 && blocks >= 10 && remainders >= 10, "{reached:?}");
}

#[test]
fn programs_that_stress_fusion_lower_to_what_they_mean() {
    check_seeds(0..200, stress);
}

/// A program that stresses fusion.
pub(super) fn stress(seed: u64) -> Case {
    let mut rng = Rng::new(seed);
    let function = Stress::function(&mut rng, seed.is_multiple_of(10));
    let inputs = function.param_types().map(|ty| array(&mut rng, ty, Mood::Tame)).collect();
    Case::of(function, inputs)
}

/// A generator of programs over a matrix, its transpose, its rows and its columns: values of few shapes, so that most combine,
/// with many consumers each, reductions back and forth, and several results.
struct Stress<'r, 'm> {
    rng: &'r mut Rng,
    b: Builder<'m>,
    pool: Vec<Value>,
    dtype: DType,
    is_large: bool,
}

impl Stress<'_, '_> {
    fn function(rng: &mut Rng, is_large: bool) -> Function {
        let module = Module::new();
        let extents = [1, 2, 3, 4, 5, 7, 8, 9, 16, 31, 33, 70, 130];
        let (rows, columns) = if is_large {
            let (long, short) = (rng.pick(&[257, 300, 520, 1030]), rng.pick(&[1, 4, 9, 16, 19]));
            if rng.chance(0.5) { (long, short) } else { (short, long) }
        } else {
            (rng.pick(&extents), rng.pick(&extents[..11]))
        };
        let dtype = rng.pick(&[DType::F32, DType::F32, DType::F64, DType::I32]);
        let mut stress = Stress { rng, b: Builder::new(&module, "stress"), pool: Vec::new(), dtype, is_large };
        for shape in [&[rows, columns][..], &[columns, rows], &[rows], &[columns], &[]] {
            let name = format!("p{}", stress.pool.len());
            let param = stress.b.param(&name, Type::new(dtype, shape).unwrap());
            stress.pool.push(param);
        }
        for _ in 0..5 + stress.rng.below(30) {
            let value = stress.step();
            stress.pool.push(value);
        }
        let count = 1 + stress.rng.below(4);
        let mut results: Vec<Value> = (0..count).map(|_| stress.rng.pick(&stress.pool)).collect();
        results.extend(stress.pool.last().copied());
        stress.b.finish(&results).unwrap()
    }

    fn late(&mut self) -> Value {
        let count = self.pool.len();
        let late = if self.rng.chance(0.5) { count.min(6) } else { count };
        self.pool[count - 1 - self.rng.below(late)]
    }

    /// A value of that shape: one of the pool, a smaller one repeated, or the parameter.
    fn of_shape(&mut self, shape: &Shape) -> Value {
        for _ in 0..6 {
            let value = self.late();
            let found = self.b.shape(value);
            if found == *shape {
                return value;
            }
            let axis = (0..shape.rank()).find(|&axis| found.rank() == 1 && found.extent(0) == shape.extent(axis));
            if let (Some(axis), 2) = (axis, shape.rank()) {
                return self.broadcast(value, shape, [axis].into());
            }
            if found.rank() == 0 {
                return self.broadcast(value, shape, [].into());
            }
        }
        let param = self.pool[..5].iter().copied().find(|&param| self.b.shape(param) == *shape);
        param.unwrap_or_else(|| self.broadcast(self.pool[4], shape, [].into()))
    }

    fn broadcast(&self, value: Value, shape: &Shape, dims: Axes) -> Value {
        self.b.emit(Op::Broadcast(Box::new(BroadcastSpec { shape: shape.clone(), dims })), &[value])
    }

    /// Keeps values of floats moderate.
    fn tame(&self, value: Value) -> Value {
        if self.dtype.is_float() { self.b.unary(Unary::Tanh, value) } else { value }
    }

    fn step(&mut self) -> Value {
        let x = self.late();
        let shape = self.b.shape(x);
        let rank = shape.rank();
        match self.rng.below(12) {
            0..=3 => {
                let y = self.of_shape(&shape);
                let op = self.rng.pick(&[Binary::Add, Binary::Sub, Binary::Mul, Binary::Max]);
                self.tame(self.b.binary(op, x, y))
            }
            4 => self.b.unary(self.rng.pick(&[Unary::Neg, Unary::Abs, Unary::Sign]), x),
            5 => {
                let (y, z) = (self.of_shape(&shape), self.of_shape(&shape));
                let predicate = self.b.compare(self.rng.pick(Comparison::ALL), x, y);
                self.b.select(predicate, z, x)
            }
            6 | 7 if rank > 0 => {
                let axes: Axes = match self.rng.below(3) {
                    0 => [rank - 1].into(),
                    1 => [0].into(),
                    _ => (0..rank).collect(),
                };
                let kind = self.rng.pick(&[Reduction::Add, Reduction::Add, Reduction::Max]);
                self.tame(self.b.emit(Op::Reduce { kind, axes }, &[x]))
            }
            8 if rank == 2 => self.b.emit(Op::Transpose([1, 0].into()), &[x]),
            9 if rank > 0 => self.b.reverse(x, [self.rng.below(rank)]),
            10 if rank == 2 && self.is_large && self.rng.chance(0.5) => {
                // Over the longer axis, so that the product is small and takes many multiplications.
                let longer = usize::from(shape.extent(1) > shape.extent(0));
                let y = self.of_shape(&shape);
                let axes: Axes = [longer].into();
                let dims = DotDims { lhs_contract: axes.clone(), rhs_contract: axes, ..DotDims::default() };
                self.tame(self.b.dot(x, y, dims))
            }
            10 if rank == 2 => {
                // Over both axes with a value of the transposed shape.
                let other = Shape::new(&[shape.extents()[1], shape.extents()[0]]).unwrap();
                let y = self.of_shape(&other);
                let dims = DotDims { lhs_contract: [0, 1].into(), rhs_contract: [1, 0].into(), ..DotDims::default() };
                self.tame(self.b.dot(x, y, dims))
            }
            11 if rank == 2 => {
                let column = Shape::new(&[shape.extents()[1]]).unwrap();
                let y = self.of_shape(&column);
                let dims = DotDims { lhs_contract: [1].into(), rhs_contract: [0].into(), ..DotDims::default() };
                self.tame(self.b.dot(x, y, dims))
            }
            _ => {
                let y = self.of_shape(&shape);
                self.b.binary(Binary::Min, y, x)
            }
        }
    }
}
