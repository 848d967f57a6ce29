//! The mechanics that passes share: copying instructions into a new function, and inlining calls.
//!
//! A pass walks the old function in order and emits into a [`Builder`]; a [`ValueMap`] says what each old value became.
//! Names and provenance travel along.

use cranelift_entity::SecondaryMap;
use cranelift_entity::packed_option::PackedOption;

use crate::builder::Builder;
use crate::entities::{FuncId, Inst, Value};
use crate::error::BuildError;
use crate::function::{Function, Module};
use crate::op::Op;
use crate::regions::inst_total;
use crate::verify::Verified;

/// What the values of an old function became in a new one.
#[derive(Clone, Default)]
pub struct ValueMap(SecondaryMap<Value, PackedOption<Value>>);

impl ValueMap {
    /// An empty map.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Says that `old` became `new`.
    pub fn insert(&mut self, old: Value, new: Value) {
        self.0[old] = new.into();
    }

    /// What `old` became, if anything yet.
    #[must_use]
    pub fn get(&self, old: Value) -> Option<Value> {
        self.0[old].expand()
    }

    /// What `old` became; a recorded mistake if nothing, which is a bug in the pass.
    pub fn expect(&self, b: &Builder<'_>, old: Value) -> Value {
        self.get(old).unwrap_or_else(|| b.fail("copy", format!("{old} is used before it is copied")))
    }

    /// What each of `old` became.
    pub fn expect_all(&self, b: &Builder<'_>, old: &[Value]) -> Vec<Value> {
        old.iter().map(|&value| self.expect(b, value)).collect()
    }
}

/// Adds the parameters of `function` to `b` under the same names.
pub fn copy_params(b: &Builder<'_>, function: &Function, map: &mut ValueMap) {
    for (position, &param) in function.params().iter().enumerate() {
        let name = function.value_name(param).map_or_else(|| format!("arg{position}"), |name| name.to_string());
        map.insert(param, b.param(&name, function.ty(param).clone()));
    }
}

/// Appends a copy of `inst`, with its regions, name and provenance, and maps its results.
pub fn copy_inst(b: &Builder<'_>, function: &Function, inst: Inst, map: &mut ValueMap) {
    let args = map.expect_all(b, function.args(inst));
    b.set_provenance(function.provenance(inst).clone());
    let results = b.emit_structured(function.op(inst).clone(), &args, &function.region_functions(inst));
    map_results(b, function, inst, &results, map);
}

/// As [`copy_inst`], with `change` applied to each region, taken out as a function; it must keep the types of parameters and results.
pub fn copy_with_regions(
    b: &Builder<'_>,
    function: &Function,
    inst: Inst,
    map: &mut ValueMap,
    change: impl FnMut(&Function) -> Result<Function, BuildError>,
) {
    let args = map.expect_all(b, function.args(inst));
    b.set_provenance(function.provenance(inst).clone());
    let regions: Result<Vec<Function>, BuildError> = function.region_functions(inst).iter().map(change).collect();
    let results = match regions {
        Ok(regions) => b.emit_structured(function.op(inst).clone(), &args, &regions),
        Err(error) => vec![b.fail(&error.op, error.message)],
    };
    map_results(b, function, inst, &results, map);
}

/// Maps the results of `inst` to `results` and passes its names on to those that have none.
pub fn map_results(b: &Builder<'_>, function: &Function, inst: Inst, results: &[Value], map: &mut ValueMap) {
    for (&old, &new) in function.inst_results(inst).iter().zip(results) {
        if let Some(name) = function.value_name(old) {
            b.name(new, name);
        }
        map.insert(old, new);
    }
}

/// The most instructions of a function after inlining.
pub const MAX_INLINED_INSTRUCTIONS: u64 = 1 << 22;

/// The deepest chain of calls: inlining recurses on it.
pub const MAX_CALL_DEPTH: u64 = 256;

/// Instructions and depth of calls after inlining; saturating.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct InlinedSize {
    /// The number of instructions.
    pub instructions: u64,
    /// The longest chain of calls; 0 without calls.
    pub depth: u64,
}

/// The size of `function` after inlining: each callee is measured once, with a stack of its own so that deep chains are no problem.
#[must_use]
pub fn inlined_size(module: &Verified<Module>, function: &Function) -> InlinedSize {
    let mut sizes: SecondaryMap<FuncId, Option<InlinedSize>> = SecondaryMap::new();
    let mut stack: Vec<FuncId> = callees(function).collect();
    while let Some(&func) = stack.last() {
        // Several callers may wait for one function.
        if sizes[func].is_some() {
            stack.pop();
            continue;
        }
        let function = module.function(func);
        let open: Vec<FuncId> = callees(function).filter(|&callee| sizes[callee].is_none()).collect();
        if open.is_empty() {
            sizes[func] = Some(size_from(function, &sizes));
            stack.pop();
        } else {
            stack.extend(open);
        }
    }
    size_from(function, &sizes)
}

fn callees(function: &Function) -> impl Iterator<Item = FuncId> + '_ {
    let calls = function.all_insts().into_iter();
    calls.filter_map(|inst| if let Op::Call(callee) = function.op(inst) { Some(*callee) } else { None })
}

fn size_from(function: &Function, sizes: &SecondaryMap<FuncId, Option<InlinedSize>>) -> InlinedSize {
    let mut total = InlinedSize { instructions: inst_total(function) as u64, depth: 0 };
    for callee in callees(function).filter_map(|callee| sizes[callee]) {
        total.instructions = total.instructions.saturating_add(callee.instructions);
        total.depth = total.depth.max(callee.depth + 1);
    }
    total
}

/// A copy of `function`, which need not be one of the module's, with all calls inlined at any depth.
///
/// # Errors
/// If the result would have more than [`MAX_INLINED_INSTRUCTIONS`] instructions (calls can make a program grow exponentially), or calls nest
/// deeper than [`MAX_CALL_DEPTH`].
pub fn inline_calls(module: &Verified<Module>, function: &Function) -> Result<Function, BuildError> {
    let b = Builder::new(module, &function.name);
    let InlinedSize { instructions, depth } = inlined_size(module, function);
    if instructions > MAX_INLINED_INSTRUCTIONS {
        b.fail("call", format!("inlining the calls of @{} gives {instructions} instructions, at most {MAX_INLINED_INSTRUCTIONS} are supported", function.name));
    } else if depth > MAX_CALL_DEPTH {
        b.fail(
            "call",
            format!("the calls of @{} nest {depth} deep, at most {MAX_CALL_DEPTH} are supported", function.name),
        );
    } else {
        let mut map = ValueMap::new();
        copy_params(&b, function, &mut map);
        let results = inline_body(&b, function, &mut map);
        return b.finish(&results);
    }
    b.finish(&[])
}

/// Appends the body of `function`, calls inlined, and returns what its results became. `map` holds what its parameters became.
fn inline_body(b: &Builder<'_>, function: &Function, map: &mut ValueMap) -> Vec<Value> {
    for &inst in function.insts() {
        if let Op::Call(callee) = function.op(inst) {
            let callee = b.module().function(*callee);
            let args = map.expect_all(b, function.args(inst));
            let mut inner = ValueMap::new();
            for (&param, arg) in callee.params().iter().zip(args) {
                inner.insert(param, arg);
            }
            let results = inline_body(b, callee, &mut inner);
            map_results(b, function, inst, &results, map);
        } else if function.inst_regions(inst).is_empty() {
            copy_inst(b, function, inst, map);
        } else {
            copy_with_regions(b, function, inst, map, |region| {
                let inner = Builder::new(b.module(), &region.name);
                let mut map = ValueMap::new();
                copy_params(&inner, region, &mut map);
                let results = inline_body(&inner, region, &mut map);
                inner.finish(&results)
            });
        }
    }
    map.expect_all(b, function.results())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::{DType, Type, verify};

    /// `levels` functions, each calling the one before `times` times.
    fn tower(levels: usize, times: usize) -> Verified<Module> {
        let mut module = Module::new();
        let mut callee = None;
        for level in 0..levels {
            let b = Builder::new(&module, &format!("f{level}"));
            let mut x = b.param("x", Type::scalar(DType::F32));
            for _ in 0..times {
                x = callee.map_or_else(|| b.neg(x), |func| b.call(func, &[x])[0]);
            }
            let function = b.finish(&[x]).unwrap();
            callee = Some(module.add(function));
        }
        verify(module).unwrap()
    }

    #[test]
    fn inlining_that_would_explode_or_nest_too_deep_is_refused() {
        let top = |module: &Verified<Module>| {
            inline_calls(module, module.functions().last().unwrap().1).map(|f| f.insts().len())
        };
        assert_eq!(top(&tower(4, 2)).unwrap(), 16);
        assert!(top(&tower(60, 2)).unwrap_err().message.contains("instructions"));
        assert!(top(&tower(20_000, 1)).unwrap_err().message.contains("nest 19999 deep"));
    }
}
