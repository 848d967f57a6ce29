//! Inlines regions that run exactly once: the body of a `checkpoint`, the primal of a `custom_derivative`, and the branch that a constant selects.
//!
//! Why: `checkpoint` and `custom_derivative` only say how to differentiate. Once a program is what will run, they stand in the way of
//! rules and fusion, and nothing behind this pass knows them. Differentiation therefore comes first.
//!
//! Regions of regions are treated alike. No region is copied twice, so the program does not grow.
//!
//! Before: no constraint. After: no `checkpoint` and no `custom_derivative`, no `cond` or `switch` with a constant selector.

use pullback_ir::rewrite::{ValueMap, copy_inst, copy_params, copy_with_regions, map_results};
use pullback_ir::{BuildError, Builder, Function, Inst, Module, Op, Scalar, Value, Verified};

use crate::pass::{Changed, Error, Pass};
use crate::regions::has_regions;

/// The pass.
pub static INLINE_REGIONS: Pass = Pass {
    name: "inline_regions",
    about: "put regions that run exactly once in the place of their instruction",
    may_change: has_regions,
    waits: false,
    run,
};

fn run<'f>(module: &Verified<Module>, function: &'f Function) -> Result<Changed<'f>, Error> {
    inline_regions(module, function).map(Changed::Owned).map_err(|error| Error::bug(INLINE_REGIONS.name, error))
}

/// A copy of a function with the regions inlined that run exactly once, at any depth.
///
/// # Errors
/// None for a verified function.
pub fn inline_regions(module: &Module, function: &Function) -> Result<Function, BuildError> {
    if !has_regions(function) {
        return Ok(function.clone());
    }
    let b = Builder::new(module, &function.name);
    let mut map = ValueMap::new();
    copy_params(&b, function, &mut map);
    let results = inline_body(&b, function, &mut map);
    b.finish(&results)
}

/// Appends the body of `function` and returns what its results became. `map` holds what its parameters became. The recursion is as deep as
/// regions nest.
fn inline_body(b: &Builder<'_>, function: &Function, map: &mut ValueMap) -> Vec<Value> {
    for &inst in function.insts() {
        if let Some((region, args)) = runs_once(b, function, inst, map) {
            let region = function.region_function(function.inst_regions(inst)[region], &function.name);
            let mut inner = ValueMap::new();
            for (&param, &arg) in region.params().iter().zip(&args) {
                inner.insert(param, arg);
            }
            let results = inline_body(b, &region, &mut inner);
            map_results(b, function, inst, &results, map);
        } else if function.inst_regions(inst).is_empty() {
            copy_inst(b, function, inst, map);
        } else {
            copy_with_regions(b, function, inst, map, |region| inline_regions(b.module(), region));
        }
    }
    map.expect_all(b, function.results())
}

/// The position of the region of an instruction that is all that runs of it, and once; and its arguments.
fn runs_once(b: &Builder<'_>, function: &Function, inst: Inst, map: &ValueMap) -> Option<(usize, Vec<Value>)> {
    let args = map.expect_all(b, function.args(inst));
    let last = function.inst_regions(inst).len().checked_sub(1)?;
    let region = match (function.op(inst), selector(b, args.first().copied())) {
        (Op::Checkpoint | Op::CustomDerivative(_), _) => return Some((0, args)),
        (Op::Cond, Some(Scalar::Bool(holds))) => usize::from(!holds),
        (Op::Switch, Some(Scalar::I32(number))) => usize::try_from(number).unwrap_or(0).min(last),
        (_, _) => return None,
    };
    Some((region, args.into_iter().skip(1).collect()))
}

/// The value of a scalar that is a constant, here or where it was inlined to.
fn selector(b: &Builder<'_>, value: Option<Value>) -> Option<Scalar> {
    let b = b.function();
    match b.op(b.def_inst(value?)?) {
        Op::Constant(literal) => literal.as_splat(),
        _ => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use pullback_ir::{parse_module, verify};

    #[test]
    fn regions_that_run_once_take_the_place_of_their_instruction_at_any_depth() {
        let text = "func @f(%x: f32, %i: i32) -> (f32, f32) {
  %a = checkpoint %x : f32
    body(%x_1: f32) {
      %p = constant false : bool
      %b = cond %p, %x_1 : f32
        then(%x_2: f32) {
          %s = sin %x_2 : f32
          yield %s
        }
        else(%x_3: f32) {
          %c = cos %x_3 : f32
          yield %c
        }
      yield %b
    }
  %k = constant 7 : i32
  %d = scan %a, length=3, consts=0, carry=1 : f32
    body(%h: f32) {
      %j = constant -1 : i32
      %e = switch %j, %h : f32
        case(%h_1: f32) {
          yield %h_1
        }
        case(%h_2: f32) {
          %n = neg %h_2 : f32
          yield %n
        }
      %t = tan %e : f32
      yield %t
    }
  %z = switch %k, %d : f32
    case(%q: f32) {
      yield %q
    }
    case(%q_1: f32) {
      %r = exp %q_1 : f32
      yield %r
    }
  %o = switch %i, %d : f32
    case(%q_2: f32) {
      yield %q_2
    }
  return %z, %o
}
";
        let module = verify(parse_module(text).unwrap()).unwrap();
        let function = module.functions().last().unwrap().1;
        let inlined = inline_regions(&module, function).unwrap();
        let names: Vec<&str> = inlined.all_insts().iter().map(|&inst| inlined.op(inst).name()).collect();
        let expected = ["constant", "cos", "constant", "scan", "constant", "tan", "exp", "switch"];
        assert_eq!(names, expected);
        let mut copy = Module::new();
        copy.add(inlined);
        verify(copy).unwrap();
    }
}
