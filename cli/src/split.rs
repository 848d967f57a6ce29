//! The split form of a derivative: one program that returns residuals, and one that takes them.
//!
//! Linearization makes both, and transposition turns the second round for reverse mode. What is added here is for people:
//! names. A residual has one name in both programs, so that what a run of the first returns can be given to the second by
//! name, and a comment over each says what it takes and returns.

use std::collections::BTreeMap;

use pullback_autodiff::{Error, Linearized, jvp, linearize, transpose};
use pullback_ir::print::{PrintOptions, function_to_string};
use pullback_ir::rewrite::{ValueMap, copy_inst, copy_params};
use pullback_ir::{BuildError, Builder, FuncId, Function, Inst, Module, Op, Value, Verified, verify};

use crate::commands::grad::optimize_failure;
use crate::derive::param_names;
use crate::failure::Failure;
use crate::program::{Program, add_function};

/// Which way the second program goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// From tangents of the parameters to tangents of the results: `@f_primal` and `@f_linear`.
    Forward,
    /// From cotangents of the results to cotangents of the parameters: `@f_forward` and `@f_backward`.
    Reverse,
}

/// A derivative in two programs.
#[derive(Clone, Debug)]
pub struct Split {
    /// The two functions and no others.
    module: Verified<Module>,
    /// From the parameters to the results and then the residuals, with what stands over it.
    first: (FuncId, String),
    /// From the residuals and then tangents or cotangents to the others, with what stands over it.
    second: (FuncId, String),
}

impl Split {
    /// Differentiates a function with respect to the parameters at positions `wrt`, and runs the optimisation passes on
    /// both programs if asked to.
    ///
    /// # Errors
    /// If it has no such derivative, with the place in the program, or is too large for the passes.
    pub fn new(
        program: &Program,
        func: FuncId,
        wrt: &[usize],
        direction: Direction,
        optimize: bool,
    ) -> Result<Self, Failure> {
        let source = program.module.function(func);
        let results = source.results().len();
        let (mut first, mut second) = derive(program, func, wrt, direction)?;
        if optimize {
            first = optimized(program, func, first)?;
            second = optimized(program, func, second)?;
        }
        let names = match direction {
            Direction::Forward => ["primal", "linear"],
            Direction::Reverse => ["forward", "backward"],
        };
        let names = names.map(|suffix| format!("{}_{suffix}", source.name));
        let (first, second) = with_names(&first, &second, results, &names)
            .map_err(|error| Failure::Bug(format!("naming residuals: {error}")))?;
        let residuals = first.results().len() - results;
        let params = param_names(&program.module, source);
        let wrt: Vec<String> = wrt.iter().map(|&position| format!("%{}", params[position])).collect();
        let [over_first, over_second] = comments(&source.name, &names, residuals, &wrt.join(", "), direction);
        let (module, first) = alone(first)?;
        let (module, second) = add_function(&module, second, "transposition")?;
        Ok(Self { module, first: (first, over_first), second: (second, over_second) })
    }

    /// The text of both, with comments.
    #[must_use]
    pub fn to_text(&self, options: PrintOptions) -> String {
        let text = |(id, comment): &(FuncId, String)| {
            format!("{comment}{}", function_to_string(&self.module, self.module.function(*id), options))
        };
        format!("{}\n{}", text(&self.first), text(&self.second))
    }
}

/// The primal with residuals, and the program that takes them.
fn derive(
    program: &Program,
    func: FuncId,
    wrt: &[usize],
    direction: Direction,
) -> Result<(Function, Function), Failure> {
    let failed = |error: Error| failure(program, &error, func, remedy(program, func, wrt, direction));
    let Linearized { primal, linear, residuals } = linearize(&program.module, func, wrt).map_err(failed)?;
    match direction {
        Direction::Forward => match not_evaluable(&linear) {
            None => Ok((primal, linear)),
            Some(inst) => {
                let message = format!("{NOT_EVALUABLE}{}", remedy(program, func, wrt, direction));
                Err(program.failure(message, linear.provenance(inst).origin.as_ref(), func))
            }
        },
        Direction::Reverse => {
            let (linear, id) = alone(linear)?;
            Ok((primal, transpose(&linear, id, residuals).map_err(failed)?))
        }
    }
}

/// A module of one function, which has no calls.
fn alone(function: Function) -> Result<(Verified<Module>, FuncId), Failure> {
    let empty = verify(Module::new()).map_err(|errors| Failure::Bug(errors.to_string()))?;
    add_function(&empty, function, "linearization")
}

fn optimized(program: &Program, func: FuncId, function: Function) -> Result<Function, Failure> {
    let (module, id) = alone(function)?;
    let optimized =
        pullback_optimize::optimize(&module, id).map_err(|error| optimize_failure(program, &error, func))?;
    Ok(optimized.module.function(id).clone())
}

/// What else there is for a function without a forward derivative in two programs, such as one with a loop without a bound.
fn remedy(program: &Program, func: FuncId, wrt: &[usize], direction: Direction) -> &'static str {
    match direction {
        Direction::Forward if jvp(&program.module, func, wrt).is_ok() => "; --form joint has this derivative",
        Direction::Forward | Direction::Reverse => "",
    }
}

fn failure(program: &Program, error: &Error, func: FuncId, remedy: &str) -> Failure {
    // What linearization makes is linear: if it does not transpose for that reason, the mistake is not the user's.
    if error.is_bug() || matches!(error, Error::NotLinear { .. }) {
        return Failure::Bug(error.to_string());
    }
    program.failure(format!("{error}{remedy}"), error.origin(), func)
}

/// An instruction for which a linear program can be transposed, and not run.
fn not_evaluable(linear: &Function) -> Option<Inst> {
    linear.all_insts().into_iter().find(|&inst| matches!(linear.op(inst), Op::TransposeRule { .. }))
}

const NOT_EVALUABLE: &str = "no linear program computes the tangents here: a VJP rule, or a scan with \
                             checkpoint_slots, has cotangents alone; --mode vjp has a split form";

/// Both functions under new names, and with one name for each residual, the same in both. The first `results` results of
/// `first` are none; the others are the first parameters of `second`, in order. One that is there twice, as optimisation
/// may find, is passed once.
fn with_names(
    first: &Function,
    second: &Function,
    results: usize,
    names: &[String; 2],
) -> Result<(Function, Function), BuildError> {
    // Neither has calls.
    let module = Module::new();
    let b = Builder::new(&module, &names[0]);
    let mut map = ValueMap::new();
    copy_params(&b, first, &mut map);
    let mut returned = copy_body(&b, first, &mut map);
    let mut distinct = BTreeMap::new();
    let mut slots = Vec::new();
    for residual in returned.split_off(results) {
        let next = distinct.len();
        slots.push(*distinct.entry(residual).or_insert_with(|| {
            b.name(residual, "residual");
            returned.push(residual);
            next
        }));
    }
    let first = b.finish(&returned)?;

    let b = Builder::new(&module, &names[1]);
    let mut map = ValueMap::new();
    // The parameters come first, so no instruction can have taken their names.
    let residuals: Vec<Value> = first.results()[results..]
        .iter()
        .map(|&residual| b.param(name_of(&first, residual), first.ty(residual).clone()))
        .collect();
    for (position, &param) in second.params().iter().enumerate() {
        let new = match slots.get(position) {
            Some(&slot) => residuals[slot],
            None => b.param(name_of(second, param), second.ty(param).clone()),
        };
        map.insert(param, new);
    }
    let returned = copy_body(&b, second, &mut map);
    Ok((first, b.finish(&returned)?))
}

fn name_of(function: &Function, value: Value) -> &str {
    function.value_name(value).map_or("arg", |name| name)
}

/// Copies the instructions, and says what the results became.
fn copy_body(b: &Builder<'_>, function: &Function, map: &mut ValueMap) -> Vec<Value> {
    for &inst in function.insts() {
        copy_inst(b, function, inst, map);
    }
    map.expect_all(b, function.results())
}

/// What stands over each program.
fn comments(
    source: &str,
    [first, second]: &[String; 2],
    residuals: usize,
    wrt: &str,
    direction: Direction,
) -> [String; 2] {
    let count = match residuals {
        1 => "1 residual".to_string(),
        many => format!("{many} residuals"),
    };
    let (returned, taken) = match residuals {
        0 => (String::new(), String::new()),
        _ => (format!(", then {count} for @{second}"), format!("{count}, then ")),
    };
    let rest = match direction {
        Direction::Forward => format!("the tangents of {wrt}, and returns those of the results"),
        Direction::Reverse => format!("the cotangents of the results, and returns those of {wrt}"),
    };
    [format!("; @{first} returns the results of @{source}{returned}.\n"), format!("; @{second} takes {taken}{rest}.\n")]
}
