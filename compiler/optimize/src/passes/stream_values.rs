//! Streams values: what is too large to be kept is computed a block of positions at a time, and never there as a whole.
//!
//! Why: the scores of attention are `n²` numbers from `2 n d`. For short sequences blocks of their rows stay in a cache (`fuse::tiles`); where a row, or all keys and their
//! adjoints, are too long for that, the scores would be stored, gigabytes of them. The same goes for the outputs of a large vocabulary.
//!
//! A *cluster* (`cluster.rs`) begins with a product that is much larger than its operands. It has all large values that are computed from it element by element, and what those
//! need; it ends in *exits*: totals over the streamed axis, and results that have this axis and are small. If anything else needs one of its values, it is left alone.
//! Each *run* (`run.rs`) is a `scan` over blocks of the streamed axis. A total that a later value of the cluster depends on ends a run, and the next run computes the
//! large values again: what is kept between runs is what is small. For softmax identities of its numerators (`softmax.rs`) make two runs do for attention and its
//! gradient, where there would be four: one that finds the maximum, the sum and the result of each row together, and one for all adjoints.
//!
//! Memory decides: runs compute products again, at most as much work as there was. Threads share the rows of a block, as they would have shared those of the whole.
//!
//! Results differ in their last bits: totals are sums of the totals of blocks. A factor that does not vary along a row is multiplied behind its total.
//!
//! After: no product as large and as cheap as [`Limits`] says is there as a whole, unless something that is not done in blocks needs it, or it would be computed too often. What is
//! cheap is emitted outside of the loops as well, and dead there if nothing else uses it.

mod block;
mod cluster;
mod run;
mod schedule;
mod softmax;
mod ways;

use std::collections::BTreeMap;

use pullback_ir::rewrite::{ValueMap, copy_inst, copy_params, map_results};
use pullback_ir::{
    Binary, BuildError, Builder, Comparison, Function, Inst, Literal, Module, Op, Unary, Value, Verified,
};

use self::cluster::{around, seeds};
use self::run::{Run, Streamed};
use self::schedule::{Form, Schedule};
use self::softmax::Linear;
use crate::pass::{Changed, Error, Pass};
use crate::regions::at_every_level;

/// The pass.
pub static STREAM_VALUES: Pass = Pass {
    name: "stream_values",
    about: "compute products that are too large to be kept a block at a time",
    may_change: has_products,
    waits: true,
    run,
};

/// From when on a product is streamed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Bytes of the product, at least: more than caches have.
    pub min_bytes: usize,
    /// The same where there is no softmax along the streamed axis: blocks of rows do without being computed again then, unless there is no memory for the whole.
    pub min_plain: usize,
    /// How many times as large as its operands together it is, at least: so cheap it is to compute again.
    pub min_growth: usize,
    /// Bytes of the operand that has the streamed axis, at least: less than this stays in the second cache beside a block of rows, which is then the better way.
    pub min_operand: usize,
    /// Positions of a block: products of so many columns are efficient, and blocks of rows of them stay in the second cache.
    pub block: usize,
}

/// The most runs of one cluster: each computes again, element by element, what it needs.
const MAX_RUNS: usize = 4;

/// The most blocks: their totals are added one after the other, with an error that grows with their number.
const MAX_BLOCKS: usize = 64;

impl Default for Limits {
    fn default() -> Self {
        Self { min_bytes: 16 << 20, min_plain: 256 << 20, min_growth: 8, min_operand: 512 << 10, block: 512 }
    }
}

/// Whether there is a large product at any level.
fn has_products(function: &Function) -> bool {
    let min_bytes = Limits::default().min_bytes;
    let is_large = |&result: &Value| function.ty(result).bytes() >= min_bytes;
    let is_product = |&inst: &Inst| matches!(function.op(inst), Op::Dot(_));
    function.all_insts().iter().any(|&inst| is_product(&inst) && function.inst_results(inst).iter().any(is_large))
}

fn run<'f>(module: &Verified<Module>, function: &'f Function) -> Result<Changed<'f>, Error> {
    stream_values(module, function, &Limits::default())
}

/// Streams all products beyond some limits, at every level.
///
/// # Errors
/// None but bugs.
pub fn stream_values<'f>(
    module: &Verified<Module>,
    function: &'f Function,
    limits: &Limits,
) -> Result<Changed<'f>, Error> {
    at_every_level(STREAM_VALUES.name, module, function, &mut |level| {
        let mut level = Changed::Borrowed(level);
        while let Some(streamed) = stream_one(module, &level, limits) {
            level = Changed::Owned(streamed.map_err(|error| Error::bug(STREAM_VALUES.name, error))?);
        }
        Ok(level)
    })
}

/// Streams the first product that can be.
fn stream_one(module: &Verified<Module>, function: &Function, limits: &Limits) -> Option<Result<Function, BuildError>> {
    seeds(function, limits).into_iter().find_map(|seed| {
        let cluster = around(function, seed, limits)?;
        let schedule = Schedule::of(function, &cluster);
        let streamed = Streamed { function, cluster: &cluster, schedule: &schedule };
        let runs: Vec<Run> = (0..schedule.runs).map(|number| Run::of(streamed, number)).collect();
        let once: usize = products(function, function.insts().iter().filter(|&&inst| cluster.ways[inst].is_some()));
        let streamed_work: usize = runs.iter().map(|run| products(function, run.insts.iter())).sum();
        let has_softmax = schedule.forms.values().any(|form| matches!(form, Form::Linear(_)));
        let bytes = function.inst_results(seed.inst).iter().map(|&out| function.ty(out).bytes()).sum::<usize>();
        let pays = streamed_work <= 2 * once && runs.len() <= MAX_RUNS && (has_softmax || bytes >= limits.min_plain);
        pays.then(|| emit(module, streamed, &runs, limits))
    })
}

/// Multiplications of the products among instructions.
fn products<'a>(function: &Function, insts: impl Iterator<Item = &'a Inst>) -> usize {
    let of = |&inst: &Inst| match (function.op(inst), function.args(inst), function.inst_results(inst)) {
        (Op::Dot(dims), &[lhs, _], &[out]) => {
            let shape = &function.ty(lhs).shape;
            let steps = dims.lhs_contract.iter().filter_map(|&axis| shape.extent(axis));
            function.ty(out).elements().saturating_mul(steps.product())
        }
        _ => 0,
    };
    insts.map(of).fold(0, usize::saturating_add)
}

/// The function with a cluster streamed.
fn emit(
    module: &Verified<Module>,
    streamed: Streamed<'_>,
    runs: &[Run],
    limits: &Limits,
) -> Result<Function, BuildError> {
    let Streamed { function, cluster, schedule } = streamed;
    let b = Builder::new(module, &function.name);
    let mut map = ValueMap::new();
    copy_params(&b, function, &mut map);
    let size = block_size(cluster.extent, limits.block);
    let time = |inst: Inst| function.inst_results(inst).first().map_or(0, |&result| schedule.time[result]);
    let mut totals: BTreeMap<Inst, Value> = BTreeMap::new();
    for now in 0..=runs.len() {
        for &inst in function.insts().iter().filter(|&&inst| time(inst) == now && !cluster.is_inner(function, inst)) {
            if cluster.exits.contains(inst) {
                b.set_provenance(function.provenance(inst).clone());
                let value = exit(&b, streamed, inst, &totals, &map);
                map_results(&b, function, inst, &[value], &mut map);
            } else {
                copy_inst(&b, function, inst, &mut map);
            }
        }
        if let Some(run) = runs.get(now).filter(|run| !run.insts.is_empty()) {
            if let Some(&last) = run.insts.last() {
                b.set_provenance(function.provenance(last).clone());
            }
            totals.extend(run.emit(streamed, &b, size, &|value| map.expect(&b, value)));
        }
    }
    let results = map.expect_all(&b, function.results());
    b.finish(&results)
}

/// Positions of a block: near `block`, unless there would be too many, and without remainder if possible.
fn block_size(extent: usize, block: usize) -> usize {
    let block = block.max(extent.div_ceil(MAX_BLOCKS));
    let smaller = (block / 2 + 1..=block).rev();
    let larger = block + 1..=2 * block;
    smaller.chain(larger).find(|&size| extent.is_multiple_of(size)).unwrap_or(block)
}

/// What leaves the cluster, made of the totals of its runs.
fn exit(b: &Builder<'_>, streamed: Streamed<'_>, inst: Inst, totals: &BTreeMap<Inst, Value>, map: &ValueMap) -> Value {
    let total = |inst: Inst| {
        totals.get(&inst).copied().unwrap_or_else(|| b.fail("scan", "a total is used before it is computed"))
    };
    match streamed.schedule.forms.get(&inst) {
        Some(Form::Plain) | None => total(inst),
        Some(Form::Linear(linear)) => {
            let total = settled(b, streamed.function, total(inst), linear, map);
            times_rows(b, total, linear, map)
        }
        Some(Form::Reassociated(linear, other)) => {
            let x = b.transpose(map.expect(b, other.x), other.perm.clone());
            let sum = b.reduce_add(b.binary(Binary::Mul, x, total(other.base)), other.axes.clone());
            times_rows(b, sum, linear, map)
        }
    }
}

/// A total behind its run: NaN in rows of nothing but `-inf`, where numerators are `exp(-inf + inf)`, but were taken as 0 from block to block.
fn settled(b: &Builder<'_>, function: &Function, total: Value, linear: &Linear, map: &ValueMap) -> Value {
    let &[max] = function.inst_results(linear.parts.max) else {
        return b.fail("select", "a maximum with several results");
    };
    let max = map.expect(b, max);
    let none = b.compare(Comparison::Eq, max, b.splat_like(max, f64::NEG_INFINITY));
    let spread = b.broadcast(none, &b.shape(total), linear.kept_axes(&linear.parts.dims));
    b.select(spread, b.splat_like(total, f64::NAN), total)
}

/// A total times the factors that do not vary along the streamed axis.
fn times_rows(b: &Builder<'_>, total: Value, linear: &Linear, map: &ValueMap) -> Value {
    let mut product = total;
    for row in &linear.factors.rows {
        let spread = b.broadcast(map.expect(b, row.value), &b.shape(product), linear.kept_axes(&row.dims));
        let op = if row.divides { Binary::Div } else { Binary::Mul };
        product = b.binary(op, product, spread);
    }
    for &element in &linear.factors.constants {
        product = b.binary(Binary::Mul, product, b.constant(Literal::splat(element, b.shape(product))));
    }
    if linear.factors.negative { b.unary(Unary::Neg, product) } else { product }
}
