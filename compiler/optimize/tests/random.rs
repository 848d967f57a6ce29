//! Random programs: every pass and the default pipeline keep their values, and leave nothing for a second run.
//!
//! Float sums, products and dots are left out, since rules may change their order, and `pow`, whose exact cases
//! are more accurate than the function; integers have them all. So every comparison is to the bit.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use common::{Compare, Random, assert_agree_on, assert_same, special, special_array, text, with};
use pullback_ir::op::BroadcastSpec;
use pullback_ir::{
    Binary, Builder, Comparison, DType, DotDims, Literal, Module, Op, PadSpec, Reduction, Scalar, Shape, SliceSpec,
    Type, Unary, Value, Verified,
};
use pullback_optimize::passes::simplify_algebra::simplify;
use pullback_optimize::pipeline::ALL;
use pullback_optimize::rewriter::RewriteStop;
use pullback_optimize::{DEFAULT, PipelineOptions, Stop, run_pipeline};

const SHAPES: &[&[usize]] = &[&[], &[1], &[3], &[2, 3], &[3, 1], &[2, 1, 3], &[6], &[0, 2]];
const DTYPES: &[DType] = &[DType::F32, DType::F64, DType::I32, DType::I64, DType::U8, DType::Bool];
const UNARY: &[Unary] = &[Unary::Neg, Unary::Neg, Unary::Neg, Unary::Abs, Unary::Sign, Unary::Floor, Unary::Exp];
const BINARY: &[Binary] =
    &[Binary::Add, Binary::Sub, Binary::Mul, Binary::Div, Binary::Rem, Binary::Max, Binary::Min, Binary::Add];

struct Generator<'a> {
    b: &'a Builder<'a>,
    random: Random,
    values: Vec<Value>,
}

impl Generator<'_> {
    fn value(&mut self) -> Value {
        // Recent values more often, so that chains arise.
        let reach = if self.random.below(2) == 0 { 4 } else { self.values.len() };
        let back = self.random.below(reach.min(self.values.len()));
        self.values[self.values.len() - 1 - back]
    }

    /// A value of the same type as `like`, or a constant.
    fn another(&mut self, like: Value) -> Value {
        let ty = self.b.ty(like);
        let same: Vec<Value> = self.values.iter().copied().filter(|&value| self.b.ty(value) == ty).collect();
        if self.random.below(3) == 0 { self.constant(&ty) } else { self.random.pick(&same) }
    }

    fn constant(&mut self, ty: &Type) -> Value {
        let index = self.random.below(16);
        if self.random.below(4) == 0 && ty.elements() > 1 {
            return self.b.constant(Literal::dense(ty.shape.clone(), special_array(ty, index).elements).unwrap());
        }
        let small = Scalar::from_f64(ty.dtype, self.random.pick(&[0.0, -0.0, 1.0, -1.0, 2.0, 0.25]));
        let value = if self.random.below(2) == 0 { small } else { special(ty.dtype, index) };
        self.b.constant(Literal::splat(value, ty.shape.clone()))
    }

    fn elementwise(&mut self, x: Value) -> Option<Value> {
        let ty = self.b.ty(x);
        let y = self.another(x);
        Some(match self.random.below(8) {
            0 if ty.dtype == DType::Bool => self.b.not(x),
            0 | 1 => {
                let op = self.random.pick(UNARY);
                if !op.info().domain.contains(ty.dtype) {
                    return None;
                }
                self.b.unary(op, x)
            }
            2..=4 if ty.dtype == DType::Bool => {
                let op = self.random.pick(&[Binary::And, Binary::Or, Binary::Xor]);
                self.b.binary(op, x, y)
            }
            2..=4 => {
                let op = self.random.pick(BINARY);
                self.b.binary(op, x, y)
            }
            5 => self.b.compare(self.random.pick(Comparison::ALL), x, y),
            6 => {
                let p = Type { dtype: DType::Bool, shape: ty.shape };
                let found: Vec<Value> = self.values.iter().copied().filter(|&v| self.b.ty(v) == p).collect();
                let p = if found.is_empty() { self.constant(&p) } else { self.random.pick(&found) };
                self.b.select(p, x, y)
            }
            _ => self.b.convert(x, self.random.pick(DTYPES)),
        })
    }

    fn view(&mut self, x: Value) -> Option<Value> {
        let extents = self.b.shape(x).extents();
        let rank = extents.len();
        let op = match self.random.below(8) {
            0 | 1 => {
                // Insert up to two axes.
                let (mut shape, mut dims) = (extents, (0..rank).collect::<Vec<_>>());
                for _ in 0..self.random.below(3) {
                    let at = self.random.below(shape.len() + 1);
                    shape.insert(at, 1 + self.random.below(4));
                    dims.iter_mut().filter(|dim| **dim >= at).for_each(|dim| *dim += 1);
                }
                Op::Broadcast(Box::new(BroadcastSpec { shape: Shape::new(&shape).unwrap(), dims: dims.into() }))
            }
            2 => {
                let target = Shape::new(self.random.pick(SHAPES)).unwrap();
                if target.elements() != self.b.shape(x).elements() {
                    return None;
                }
                Op::Reshape(Box::new(target))
            }
            3 => {
                let mut perm: Vec<usize> = (0..rank).collect();
                for position in 1..rank {
                    perm.swap(position, self.random.below(position + 1));
                }
                Op::Transpose(perm.into())
            }
            4 => Op::Reverse((0..rank).filter(|_| self.random.below(2) == 0).collect()),
            5 => {
                let start: Vec<usize> = extents.iter().map(|&e| self.random.below(e + 1)).collect();
                let limit = extents.iter().zip(&start).map(|(&e, &s)| s + self.random.below(e - s + 1)).collect();
                let stride = extents.iter().map(|_| 1 + self.random.below(2)).collect();
                Op::Slice(Box::new(SliceSpec { start: start.into(), limit, stride }))
            }
            6 => {
                let value = self.constant(&Type::scalar(self.b.ty(x).dtype));
                let end = |random: &mut Random| random.below(4) as i64 - 1;
                let spec = PadSpec {
                    low: extents.iter().map(|_| end(&mut self.random)).collect(),
                    high: extents.iter().map(|_| end(&mut self.random)).collect(),
                    interior: extents.iter().map(|_| self.random.below(4) / 3).collect(),
                };
                let grows =
                    extents.iter().zip(spec.low.iter().zip(&spec.high)).all(|(&e, (l, h))| e as i64 + l + h >= 0);
                return grows.then(|| self.b.pad(x, value, spec));
            }
            _ => {
                let axis = self.random.below(rank);
                let y = self.another(x);
                return (rank > 0).then(|| self.b.concatenate(&[x, y, x][..1 + self.random.below(3)], axis));
            }
        };
        Some(self.b.emit(op, &[x]))
    }

    fn contraction(&mut self, x: Value) -> Option<Value> {
        let ty = self.b.ty(x);
        let axes: Vec<usize> = (0..ty.rank()).filter(|_| self.random.below(2) == 0).collect();
        let kinds: &[Reduction] = match ty.dtype {
            DType::Bool => &[Reduction::And, Reduction::Or],
            DType::F32 | DType::F64 => &[Reduction::Max, Reduction::Min],
            DType::I32 | DType::I64 | DType::U8 => {
                &[Reduction::Add, Reduction::Add, Reduction::Mul, Reduction::Max, Reduction::Min]
            }
        };
        if ty.dtype.is_integer() && self.random.below(2) == 0 {
            // All axes that are not contracted stay, so keep the rank low.
            let y = self.another(x);
            let (batch, contract) = if ty.rank() > 1 { (vec![0], vec![1]) } else { (vec![], (0..ty.rank()).collect()) };
            let dims = DotDims {
                lhs_batch: batch.clone().into(),
                rhs_batch: batch.into(),
                lhs_contract: contract.clone().into(),
                rhs_contract: contract.into(),
            };
            return Some(self.b.dot(x, y, dims));
        }
        let kind = self.random.pick(kinds);
        Some(self.b.emit(Op::Reduce { kind, axes: axes.into() }, &[x]))
    }
}

fn program(seed: u64) -> Verified<Module> {
    let empty = Module::new();
    let b = Builder::new(&empty, "f");
    let mut g = Generator { b: &b, random: Random(seed), values: Vec::new() };
    for position in 0..3 {
        let ty = Type::new(g.random.pick(DTYPES), g.random.pick(SHAPES)).unwrap();
        g.values.push(b.param(&format!("p{position}"), ty));
    }
    for _ in 0..30 {
        let x = g.value();
        let made = match g.random.below(10) {
            0..=4 => g.elementwise(x),
            5..=7 => g.view(x),
            _ => g.contraction(x),
        };
        if let Some(value) = made
            && b.ty(value).elements() <= 200
        {
            g.values.push(value);
        }
    }
    let results: Vec<Value> = g.values.iter().rev().take(6).copied().collect();
    let mut module = Module::new();
    module.add(b.finish(&results).unwrap());
    pullback_ir::verify(module).unwrap()
}

#[test]
fn every_pass_keeps_the_values_of_random_programs() {
    for seed in 0..100 {
        let before = program(seed);
        let id = before.find("f").unwrap();
        for pass in ALL {
            let after = with(&before, id, (pass.run)(&before, before.function(id)).unwrap().into_owned());
            assert_agree_on(&format!("{}, seed {seed}", pass.name), &before, &after, id, Compare::Exactly, 23);
        }
    }
}

#[test]
fn the_pipeline_keeps_the_values_of_random_programs_and_reaches_a_fix_point() {
    let options = PipelineOptions { verify_between: true, ..PipelineOptions::default() };
    for seed in 1000..1400 {
        let before = program(seed);
        let id = before.find("f").unwrap();
        let once = run_pipeline(&before, id, DEFAULT, &options, &mut |_, _, _, _| {}).unwrap();
        let shown = text(&before, before.function(id));
        assert_eq!(once.stop, Stop::Unchanged, "seed {seed}\n{shown}");
        if seed % 10 == 0 {
            assert_agree_on(&format!("seed {seed}"), &before, &once.module, id, Compare::Exactly, 23);
        }
        assert_eq!(simplify(&before, before.function(id)).unwrap().stop, RewriteStop::Complete, "seed {seed}");
        let twice = run_pipeline(&once.module, id, DEFAULT, &options, &mut |_, _, _, _| {}).unwrap();
        assert_same(&format!("seed {seed}\n{shown}"), twice.module.function(id), &once.module, id);
        assert!(
            once.module.function(id).insts().len() <= before.function(id).insts().len() + 4,
            "seed {seed}\n{shown}"
        );
    }
}
