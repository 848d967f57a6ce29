//! Random programs of loops and branches in each other: every pass and the default pipeline keep their values, and leave nothing for a second run.
//!
//! Only operations whose results do not depend on an order of accumulation, so every comparison is to the bit.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use common::{Compare, Random, assert_agree_on, assert_same, text, with};
use pullback_ir::regions::inst_total;
use pullback_ir::{
    Axes, Binary, Builder, Checkpointing, Comparison, DType, Function, Module, Op, ScanSpec, Shape, Type, Unary, Value,
    Verified, WhileSpec,
};
use pullback_optimize::pipeline::ALL;
use pullback_optimize::{DEFAULT, PipelineOptions, Stop, run_pipeline};

fn types() -> Vec<Type> {
    let float = |extents: &[usize]| Type::new(DType::F64, extents).unwrap();
    vec![float(&[]), float(&[2]), float(&[3, 2]), Type::scalar(DType::I32), Type::scalar(DType::Bool)]
}

struct Generator<'a> {
    b: &'a Builder<'a>,
    random: &'a mut Random,
    values: Vec<Value>,
    depth: usize,
}

impl Generator<'_> {
    /// A value of a type: most often one there is, sometimes a constant.
    fn of(&mut self, ty: &Type) -> Value {
        let found: Vec<Value> = self.values.iter().copied().filter(|&value| self.b.ty(value) == *ty).collect();
        if found.is_empty() || self.random.below(8) == 0 {
            let x = self.random.pick(&[0.0, 1.0, -1.0, 0.5]);
            return self.b.splat(ty, x);
        }
        self.random.pick(&found)
    }

    fn any(&mut self) -> Value {
        // Recent values more often, so that chains arise.
        let reach = if self.random.below(2) == 0 { 5 } else { self.values.len() };
        let back = self.random.below(reach.min(self.values.len()));
        self.values[self.values.len() - 1 - back]
    }

    fn many(&mut self, count: usize) -> Vec<Value> {
        (0..count).map(|_| self.any()).collect()
    }

    fn elementwise(&mut self) -> Value {
        let x = self.any();
        let ty = self.b.ty(x);
        let y = self.of(&ty);
        match ty.dtype {
            DType::Bool => {
                let op = self.random.pick(&[Binary::And, Binary::Or, Binary::Xor]);
                self.b.binary(op, x, y)
            }
            _ if ty.rank() == 0 && self.random.below(3) == 0 => {
                let predicate = self.random.pick(Comparison::ALL);
                self.b.compare(predicate, x, y)
            }
            DType::F64 if self.random.below(3) == 0 => {
                let op = self.random.pick(&[Unary::Sin, Unary::Neg, Unary::Abs, Unary::StopGradient]);
                self.b.unary(op, x)
            }
            _ => {
                let op = self.random.pick(&[Binary::Add, Binary::Mul, Binary::Max, Binary::Sub]);
                self.b.binary(op, x, y)
            }
        }
    }

    fn region(&mut self, params: &[Type], results: &[Type]) -> Function {
        region(self.b.module(), self.random, params, results, self.depth - 1)
    }

    fn types_of(&self, values: &[Value]) -> Vec<Type> {
        values.iter().map(|&value| self.b.ty(value)).collect()
    }

    fn scan(&mut self) -> Vec<Value> {
        let length = self.random.pick(&[0, 1, 2, 2, 3, 3]);
        let (consts, carry) = (self.random.below(3), 1 + self.random.below(3));
        let (consts, carry) = (self.many(consts), self.many(carry));
        let rows: Vec<Value> = (0..self.random.below(3)).map(|_| self.rows(length)).collect();
        let row = |ty: Type| Type::new(ty.dtype, &ty.shape.extents()[1..]).unwrap();
        let mut params = self.types_of(&[&consts[..], &carry].concat());
        params.extend(self.types_of(&rows).into_iter().map(row));
        let mut results = self.types_of(&carry);
        results.extend(
            (0..self.random.below(3)).map(|_| self.random.pick(&[0, 1, 3])).map(|which| types()[which].clone()),
        );
        let body = self.region(&params, &results);
        let reverse = self.random.below(2) == 0;
        let (consts_count, carry_count) = (consts.len(), carry.len());
        let spec =
            ScanSpec { length, consts: consts_count, carry: carry_count, reverse, checkpoint: Checkpointing::Store };
        self.b.scan(spec, &[consts, carry, rows].concat(), body)
    }

    /// Something to scan over.
    fn rows(&mut self, length: usize) -> Value {
        let fits = |ty: &Type| ty.shape.extent(0) == Some(length);
        let found: Vec<Value> = self.values.iter().copied().filter(|&value| fits(&self.b.ty(value))).collect();
        match self.random.below(3) {
            0 if !found.is_empty() => self.random.pick(&found),
            1 => self.b.splat(&Type::new(DType::F64, &[length]).unwrap(), 0.0),
            _ => {
                let x = self.of(&types()[1].clone());
                let shape = Shape::new(&[length, 2]).unwrap();
                self.b.broadcast(x, &shape, Axes::from([1]))
            }
        }
    }

    fn while_loop(&mut self) -> Vec<Value> {
        let (consts, carry) = (self.random.below(3), 1 + self.random.below(3));
        let (consts, carry) = (self.many(consts), self.many(carry));
        let params = self.types_of(&[&consts[..], &carry].concat());
        let results = self.types_of(&carry);
        let cond = self.region(&params, &[Type::scalar(DType::Bool)]);
        let body = self.region(&params, &results);
        let spec = WhileSpec { consts: consts.len(), bound: Some(self.random.below(5)) };
        self.b.while_loop(spec, &[consts, carry].concat(), cond, body)
    }

    fn branches(&mut self) -> Vec<Value> {
        let count = self.random.below(4);
        let args = self.many(count);
        let params = self.types_of(&args);
        let results: Vec<Type> =
            (0..1 + self.random.below(3)).map(|_| self.random.below(5)).map(|which| types()[which].clone()).collect();
        if self.random.below(2) == 0 {
            let pred = self.of(&Type::scalar(DType::Bool));
            let [then, otherwise] = [0; 2].map(|_| self.region(&params, &results));
            return self.b.cond(pred, &args, then, otherwise);
        }
        let index = self.of(&Type::scalar(DType::I32));
        let regions: Vec<Function> = (0..1 + self.random.below(3)).map(|_| self.region(&params, &results)).collect();
        self.b.switch(index, &args, &regions)
    }

    fn instruction(&mut self) {
        let structured = self.depth > 0 && self.random.below(4) == 0;
        let made = match self.random.below(8) {
            0..=2 if structured => self.scan(),
            3 | 4 if structured => self.while_loop(),
            5 | 6 if structured => self.branches(),
            7 if structured => {
                let args = self.many(2);
                let types = self.types_of(&args);
                let body = self.region(&types, &types);
                self.b.checkpoint(&args, body)
            }
            0 => {
                let args = self.many(2);
                self.b.emit_many(Op::Barrier, &args)
            }
            _ => vec![self.elementwise()],
        };
        self.values.extend(made);
    }
}

/// A region of these types.
fn region(module: &Module, random: &mut Random, params: &[Type], results: &[Type], depth: usize) -> Function {
    let b = Builder::new(module, "f");
    let mut values: Vec<Value> = params.iter().map(|ty| b.param("p", ty.clone())).collect();
    if values.is_empty() {
        values.push(b.splat(&Type::scalar(DType::F64), 2.0));
    }
    let mut g = Generator { b: &b, random, values, depth };
    for _ in 0..1 + g.random.below(6) {
        g.instruction();
    }
    // What is yielded is often a parameter, and often at its place; else often the last value made.
    let mut yielded = Vec::new();
    for (position, ty) in results.iter().enumerate() {
        let same: Vec<Value> = g.values.iter().take(params.len()).copied().filter(|&v| b.ty(v) == *ty).collect();
        let last = g.values.iter().rev().copied().find(|&value| b.ty(value) == *ty);
        let value = match (same.get(position).or(same.first()), last) {
            (Some(&param), _) if g.random.below(4) == 0 => param,
            (_, Some(last)) if g.random.below(3) > 0 => last,
            _ => g.of(ty),
        };
        yielded.push(value);
    }
    b.finish(&yielded).unwrap()
}

fn program(seed: u64) -> Verified<Module> {
    let mut random = Random(seed);
    let empty = Module::new();
    let b = Builder::new(&empty, "f");
    let values = types().into_iter().map(|ty| b.param("p", ty)).collect();
    let mut g = Generator { b: &b, random: &mut random, values, depth: 3 };
    for _ in 0..14 {
        g.instruction();
    }
    let results: Vec<Value> = g.values.iter().rev().take(20).copied().collect();
    let mut module = Module::new();
    module.add(b.finish(&results).unwrap());
    pullback_ir::verify(module).unwrap_or_else(|errors| panic!("{errors}"))
}

#[test]
fn every_pass_keeps_the_values_of_random_loops_and_branches() {
    for seed in 0..30 {
        let before = program(seed);
        let id = before.find("f").unwrap();
        for pass in ALL {
            let after = with(&before, id, (pass.run)(&before, before.function(id)).unwrap().into_owned());
            assert_agree_on(&format!("{}, seed {seed}", pass.name), &before, &after, id, Compare::Exactly, 37);
        }
    }
}

#[test]
fn the_pipeline_keeps_the_values_of_random_loops_and_branches_and_reaches_a_fix_point() {
    let options = PipelineOptions { verify_between: true, rounds: 16, ..PipelineOptions::default() };
    let (mut instructions, mut left, mut nested) = (0, 0, 0);
    for seed in 1000..1040 {
        let before = program(seed);
        let id = before.find("f").unwrap();
        let once = run_pipeline(&before, id, DEFAULT, &options, &mut |_, _, _, _| {}).unwrap();
        let shown = text(&before, before.function(id));
        assert_eq!(once.stop, Stop::Unchanged, "seed {seed}\n{shown}");
        assert_agree_on(&format!("seed {seed}"), &before, &once.module, id, Compare::Exactly, 61);
        let twice = run_pipeline(&once.module, id, DEFAULT, &options, &mut |_, _, _, _| {}).unwrap();
        assert_same(&format!("seed {seed}\n{shown}"), twice.module.function(id), &once.module, id);
        instructions += inst_total(before.function(id));
        left += inst_total(once.module.function(id));
        nested += usize::from(once.module.function(id).region_depth() > 1);
    }
    // The programs have something to remove, and something is left to compare.
    assert!(
        left < instructions / 2 && left > 300 && nested > 5,
        "{instructions} instructions, {left} left, {nested} nested"
    );
}
