//! The forward pass with every value kept, then the backward pass edge by edge, then the check of the whole.
//!
//! The backward pass here knows no derivative: it visits instructions from last to first, asks the compiler's own rules for each
//! edge ([`Local`]), and adds. The result is compared with what differentiating the function as a whole gives.

use std::collections::HashMap;

use pullback_interp::{Array, evaluate_op};
use pullback_ir::print::{function_to_string, inst_to_string, value_names};
use pullback_ir::rewrite::{ValueMap, copy_inst, copy_params};
use pullback_ir::{Binary, Builder, FuncId, Function, Inst, Module, Op, Value, Verified};

use super::local::{Local, rounding};
use super::model::{Edge, Explanation, Instruction, LocalJacobian, Step, ValueNode};
use super::rules;
use super::{ExplainOptions, MAX_LIMIT};
use crate::error::Error;
use crate::oracle;

/// Explains `func` at `inputs`.
pub(super) fn explain(
    module: &Verified<Module>,
    func: FuncId,
    inputs: &[Array],
    options: &ExplainOptions,
) -> Result<Explanation, Error> {
    let source = oracle::inlined(module, func)?;
    oracle::check_wrt(&source, &options.wrt)?;
    if options.limit > MAX_LIMIT {
        return Err(Error::User(format!("a limit of {} elements, at most {MAX_LIMIT} are supported", options.limit)));
    }
    let result = *source.results().first().ok_or_else(|| Error::User(format!("@{} has no result", source.name)))?;
    let all = forward(&source, inputs)?;
    let seed = seed(&source, result, options)?;
    let mut pass = Pass::new(&source, all, result, options);
    pass.nodes[result].cotangent = Some(seed.clone());
    for &inst in source.insts().iter().rev() {
        pass.step(inst)?;
    }
    let (gradients, largest_difference) = check_whole(module, func, inputs, &pass, &seed)?;
    pass.finish(module.function(func), module, gradients, largest_difference)
}

/// The value of everything that the function computes.
fn forward(source: &Function, inputs: &[Array]) -> Result<HashMap<Value, Array>, Error> {
    let empty = Module::new();
    let b = Builder::new(&empty, &source.name);
    let mut map = ValueMap::new();
    copy_params(&b, source, &mut map);
    for &inst in source.insts() {
        copy_inst(&b, source, inst, &mut map);
    }
    let values: Vec<Value> = source.params().iter().copied().chain(results(source)).collect();
    let kept = map.expect_all(&b, &values);
    let function = b.finish(&kept).map_err(|error| Error::Bug(format!("explain: {}: {}", error.op, error.message)))?;
    let (module, func) = oracle::alone(function, "explain")?;
    Ok(values.into_iter().zip(oracle::run(&module, func, inputs)?).collect())
}

fn results(source: &Function) -> impl Iterator<Item = Value> + '_ {
    source.insts().iter().flat_map(|&inst| source.inst_results(inst).iter().copied())
}

/// The derivative of the result by itself: 1 for a scalar, else what the caller gives.
fn seed(source: &Function, result: Value, options: &ExplainOptions) -> Result<Array, Error> {
    let ty = source.ty(result);
    let fail = |message: String| Err(Error::User(format!("@{}: {message}", source.name)));
    if !ty.dtype.is_float() {
        return fail(format!("the first result is of type {ty}, and only f32 and f64 have derivatives"));
    }
    match &options.cotangent {
        Some(seed) if seed.ty() == *ty => Ok(seed.clone()),
        Some(seed) => fail(format!("the first result is of type {ty}, the cotangent given of type {}", seed.ty())),
        None if ty.rank() == 0 => oracle::array(ty, &[1.0]),
        None => fail(format!(
            "the first result is of type {ty}: to be explained it must be a scalar, or a cotangent of its type must be given"
        )),
    }
}

/// What is found out about a value.
#[derive(Clone)]
struct Node {
    value: Array,
    /// Whether the result depends on it.
    is_needed: bool,
    /// Whether it depends on a parameter differentiated by, through floating-point values.
    is_active: bool,
    cotangent: Option<Array>,
    contributions: Vec<(usize, usize)>,
    /// How much larger than the gradients themselves the terms were that cancelled on the way here; at least 1.
    cancellation: f64,
}

struct Pass<'a> {
    source: &'a Function,
    options: &'a ExplainOptions,
    result: Value,
    nodes: Nodes,
    steps: Vec<(Inst, Vec<RawEdge>)>,
}

/// An edge by values of the function.
struct RawEdge {
    operand: Value,
    position: usize,
    result: Value,
    local: LocalJacobian,
    contribution: Option<Array>,
}

/// Nodes by value; every value of the function has one.
struct Nodes {
    index: HashMap<Value, usize>,
    list: Vec<Node>,
}

impl std::ops::Index<Value> for Nodes {
    type Output = Node;
    fn index(&self, value: Value) -> &Node {
        &self.list[self.index[&value]]
    }
}

impl std::ops::IndexMut<Value> for Nodes {
    fn index_mut(&mut self, value: Value) -> &mut Node {
        &mut self.list[self.index[&value]]
    }
}

impl Nodes {
    fn new(values: Vec<(Value, Array)>) -> Self {
        let index = values.iter().enumerate().map(|(index, (value, _))| (*value, index)).collect();
        let node = |(_, value)| Node {
            value,
            is_needed: false,
            is_active: false,
            cotangent: None,
            contributions: Vec::new(),
            cancellation: 1.0,
        };
        Self { index, list: values.into_iter().map(node).collect() }
    }
}

impl<'a> Pass<'a> {
    fn new(source: &'a Function, mut all: HashMap<Value, Array>, result: Value, options: &'a ExplainOptions) -> Self {
        let order = source.params().iter().copied().chain(results(source));
        let mut nodes = Nodes::new(order.filter_map(|value| Some((value, all.remove(&value)?))).collect());
        for &position in &options.wrt {
            nodes[source.params()[position]].is_active = true;
        }
        for &inst in source.insts() {
            if source.args(inst).iter().any(|&arg| nodes[arg].is_active) {
                for &value in source.inst_results(inst) {
                    nodes[value].is_active = source.ty(value).dtype.is_float();
                }
            }
        }
        nodes[result].is_needed = true;
        for &inst in source.insts().iter().rev() {
            if source.inst_results(inst).iter().any(|&value| nodes[value].is_needed) {
                for &arg in source.args(inst) {
                    nodes[arg].is_needed = true;
                }
            }
        }
        Self { source, options, result, nodes, steps: Vec::new() }
    }

    /// Takes the gradients of the results of an instruction on to its operands.
    fn step(&mut self, inst: Inst) -> Result<(), Error> {
        let source = self.source;
        let results = source.inst_results(inst).iter().enumerate();
        let upstream: Vec<(usize, Value, Array)> = results
            .filter(|(_, value)| self.nodes[**value].is_active)
            .filter_map(|(index, &value)| Some((index, value, self.nodes[value].cotangent.clone()?)))
            .collect();
        if upstream.is_empty() {
            return Ok(());
        }
        let local = Local::new(source, inst, |operand| self.nodes[operand].value.clone())?;
        let mut edges = Vec::new();
        for (position, &operand) in local.operands.iter().enumerate() {
            if !self.nodes[operand].is_active {
                continue;
            }
            for (index, result, gradient) in &upstream {
                let derivative = local.edge(position, *index, gradient, self.options.limit)?;
                if let Some(contribution) = &derivative.contribution {
                    self.accumulate(operand, *result, contribution, (self.steps.len(), edges.len()))?;
                }
                let (rows, columns) = (source.ty(*result), source.ty(operand));
                let local = LocalJacobian {
                    rows: rows.shape.clone(),
                    columns: columns.shape.clone(),
                    element_bytes: columns.dtype.bytes(),
                    elements: derivative.jacobian,
                };
                edges.push(RawEdge {
                    operand,
                    position,
                    result: *result,
                    local,
                    contribution: derivative.contribution,
                });
            }
        }
        if !edges.is_empty() {
            self.steps.push((inst, edges));
        }
        Ok(())
    }

    fn accumulate(
        &mut self,
        operand: Value,
        result: Value,
        contribution: &Array,
        edge: (usize, usize),
    ) -> Result<(), Error> {
        let inherited = self.nodes[result].cancellation;
        let ty = self.source.ty(operand);
        let node = &mut self.nodes[operand];
        let sum = match &node.cotangent {
            None => contribution.clone(),
            Some(before) => evaluate_op(&Op::Binary(Binary::Add), &[before, contribution], ty)?,
        };
        let terms = largest(contribution).max(node.cotangent.as_ref().map_or(0.0, largest));
        // Below rounding, what is left of a sum says nothing about its terms.
        let left = largest(&sum).max(terms * rounding(ty));
        let cancellation = if terms > 0.0 { terms / left } else { 1.0 };
        node.cancellation = node.cancellation.max(inherited * cancellation.max(1.0));
        node.cotangent = Some(sum);
        node.contributions.push(edge);
        Ok(())
    }

    /// Puts what was found into the public form: needed values only, by index.
    fn finish(
        self,
        original: &Function,
        module: &Module,
        gradients: Vec<Array>,
        largest_difference: f64,
    ) -> Result<Explanation, Error> {
        let source = self.source;
        let params = source.params();
        let names = formula_names(module, source);
        let is_shown = |inst: Inst| source.inst_results(inst).iter().any(|&value| self.nodes[value].is_needed);
        let shown: Vec<Inst> = source.insts().iter().copied().filter(|&inst| is_shown(inst)).collect();
        let order: Vec<(Value, Option<usize>)> =
            params
                .iter()
                .map(|&param| (param, None))
                .chain(shown.iter().enumerate().flat_map(|(index, &inst)| {
                    source.inst_results(inst).iter().map(move |&value| (value, Some(index)))
                }))
                .collect();
        let index: HashMap<Value, usize> =
            order.iter().enumerate().map(|(index, (value, _))| (*value, index)).collect();
        let name = |value: Value| names.get(&value).map_or("?", String::as_str);
        let instruction = |&inst: &Inst| Instruction {
            text: inst_to_string(module, source, inst),
            formula: rules::formula(source, inst, &name),
            op: source.op(inst).name(),
            operands: source.args(inst).iter().map(|arg| index[arg]).collect(),
            results: source.inst_results(inst).iter().map(|value| index[value]).collect(),
        };
        let instructions: Vec<Instruction> = shown.iter().map(instruction).collect();
        let position: HashMap<Inst, usize> = shown.iter().enumerate().map(|(index, &inst)| (inst, index)).collect();
        let step = |(inst, edges): (Inst, Vec<RawEdge>)| Step {
            instruction: position[&inst],
            edges: edges
                .into_iter()
                .map(|edge| Edge {
                    operand: index[&edge.operand],
                    position: edge.position,
                    result: index[&edge.result],
                    rule: rules::rule(source, inst, edge.position, &name, edge.contribution.is_none()),
                    local: edge.local,
                    contribution: edge.contribution,
                })
                .collect(),
        };
        let steps = self.steps.into_iter().map(step).collect();
        let wrt = &self.options.wrt;
        let node = |&(value, definition): &(Value, Option<usize>)| {
            let node = &self.nodes[value];
            ValueNode {
                name: name(value).to_string(),
                ty: source.ty(value).clone(),
                value: node.value.clone(),
                definition,
                is_wrt: wrt.iter().any(|&position| params[position] == value),
                cotangent: node.cotangent.clone(),
                contributions: node.contributions.clone(),
            }
        };
        let header = function_to_string(module, original, Default::default());
        Ok(Explanation {
            function: original.name.to_string(),
            signature: header.lines().next().unwrap_or_default().trim_end_matches('{').trim_end().to_string(),
            values: order.iter().map(node).collect(),
            instructions,
            result: index[&self.result],
            steps,
            gradients: wrt.iter().map(|&position| index[&params[position]]).zip(gradients).collect(),
            largest_difference,
            limit: self.options.limit,
        })
    }
}

/// The names of values in formulas: without `%`, but for those that have a number only.
fn formula_names(module: &Module, source: &Function) -> HashMap<Value, String> {
    let bare = |(value, name): (Value, String)| {
        let bare = name.trim_start_matches('%');
        let is_number = bare.starts_with(|c: char| c.is_ascii_digit());
        (value, if is_number { name } else { bare.to_string() })
    };
    value_names(module, source).into_iter().map(bare).collect()
}

/// The largest magnitude of a finite element.
fn largest(array: &Array) -> f64 {
    array.to_f64().into_iter().filter(|x| x.is_finite()).fold(0.0, |largest, x| x.abs().max(largest))
}

/// The gradients that the pass found, checked against the vector-Jacobian product of the whole function.
///
/// They may differ by rounding, which is relative to the terms that were added, and so to the largest of them.
fn check_whole(
    module: &Verified<Module>,
    func: FuncId,
    inputs: &[Array],
    pass: &Pass<'_>,
    seed: &Array,
) -> Result<(Vec<Array>, f64), Error> {
    let wrt = &pass.options.wrt;
    let whole = pullback_autodiff::vjp(module, func, wrt)?;
    let results = pass.source.results().len();
    let mut arguments = inputs.to_vec();
    for (position, ty) in pass.source.result_types().enumerate() {
        if position == 0 {
            arguments.push(seed.clone());
        } else if ty.dtype.is_float() {
            arguments.push(oracle::zeros(ty)?);
        }
    }
    let (whole_module, whole) = oracle::add(Module::clone(module), whole, "vjp")?;
    let expected = oracle::run(&whole_module, whole, &arguments)?.split_off(results);
    let mut gradients = Vec::with_capacity(wrt.len());
    let mut worst: f64 = 0.0;
    for (&position, expected) in wrt.iter().zip(&expected) {
        let param = pass.source.params()[position];
        let node = &pass.nodes[param];
        let found = match &node.cotangent {
            Some(found) => found.clone(),
            None => oracle::zeros(pass.source.ty(param))?,
        };
        let scale = largest(&found).max(largest(expected)) * node.cancellation;
        let tolerance = 1024.0 * rounding(&found.ty()).max(rounding(&seed.ty())) * scale;
        for (element, (found, expected)) in found.to_f64().into_iter().zip(expected.to_f64()).enumerate() {
            let is_same = found == expected || (found.is_nan() && expected.is_nan());
            let difference = if is_same { 0.0 } else { (found - expected).abs() };
            if difference.is_nan() || difference > tolerance {
                return Err(Error::Bug(format!(
                    "explain: the contributions to parameter {position} add up to {found} at element {element}, \
                     but differentiating the function as a whole gives {expected}"
                )));
            }
            worst = worst.max(difference);
        }
        gradients.push(found);
    }
    Ok((gradients, worst))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use pullback_ir::{parse_module, verify};

    #[test]
    fn a_backward_pass_that_lost_a_contribution_is_no_explanation() {
        let text = "func @f(%x: f64) -> f64 {
           %y = mul %x, %x : f64
           %z = add %y, %x : f64
           return %z
         }";
        let module = verify(parse_module(text).unwrap()).unwrap();
        let func = module.find("f").unwrap();
        let source = module.function(func);
        let inputs = [Array::scalar(3.0)];
        let options = ExplainOptions::new([0]);
        let result = source.results()[0];
        let seed = seed(source, result, &options).unwrap();
        let run = |skipped: usize| {
            let mut pass = Pass::new(source, forward(source, &inputs).unwrap(), result, &options);
            pass.nodes[result].cotangent = Some(seed.clone());
            for &inst in source.insts()[skipped..].iter().rev() {
                pass.step(inst).unwrap();
            }
            check_whole(&module, func, &inputs, &pass, &seed)
        };
        assert_eq!(run(0).unwrap().0, [Array::scalar(7.0)]);
        let Err(Error::Bug(message)) = run(1) else { unreachable!("a wrong sum") };
        assert!(message.contains("add up to 1") && message.contains("gives 7"), "{message}");
    }

    #[test]
    fn cancellation_and_infinities_are_no_contradiction() {
        let text = "func @f(%x: f32[3], %y: f32[3]) -> f32 {
           %big = constant 3e7 : f32[3]
           %p = mul %x, %big : f32[3]
           %q = sub %y, %p : f32[3]
           %l = log %x : f32[3]
           %r = mul %l, %q : f32[3]
           %t = add %r, %p : f32[3]
           %f = floor %l : f32[3]
           %u = add %t, %f : f32[3]
           %s = reduce add %u, axes=[0] : f32
           return %s
         }";
        let module = verify(parse_module(text).unwrap()).unwrap();
        let func = module.find("f").unwrap();
        for x in [[2.0f32, 0.1, 2.75], [0.0, 1.0, -1.0], [f32::INFINITY, f32::NAN, 1e-30]] {
            let inputs = [Array::from_slice(&[3], &x).unwrap(), Array::from_slice(&[3], &[1.0f32, -2.0, 0.5]).unwrap()];
            let explained = explain(&module, func, &inputs, &ExplainOptions::new([0, 1]));
            assert!(explained.is_ok(), "{explained:?}");
        }
    }
}
