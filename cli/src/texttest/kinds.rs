//! What each kind of test does: the output it prints and the mistakes it meets.

use pullback::Stage;
use pullback_interp::{Array, evaluate};
use pullback_ir::parse::parse_literal;
use pullback_ir::print::{PrintOptions, function_to_string};
use pullback_ir::{FuncId, Module, Verified, parse_module};
use pullback_optimize::{find_pass, pipeline};

use super::case::{Kind, RunCase, TextTest};
use crate::backend;
use crate::derive::{find_function, find_params, param_names};
use crate::diagnostics::Message;
use crate::failure::Failure;
use crate::program::{Program, Source, add_function};

/// What a test found.
pub(super) struct Outcome {
    /// The text that checks are about, if there is one.
    pub(super) output: Option<String>,
    /// The mistakes in the program.
    pub(super) messages: Vec<Message>,
    /// What was computed, by case and by means.
    pub(super) computed: Vec<Computed>,
}

/// The results of one case.
pub(super) struct Computed {
    pub(super) case: RunCase,
    /// `interpreter`, `machine code`, …
    pub(super) by: &'static str,
    pub(super) results: Vec<Array>,
}

/// Runs a test.
///
/// # Errors
/// If the test itself is wrong, or shows a bug.
pub(super) fn outcome(test: &TextTest, name: &str, text: &str) -> Result<Outcome, String> {
    let mut outcome = Outcome { output: None, messages: Vec::new(), computed: Vec::new() };
    let source = Source { name: name.into(), text: text.into() };
    if let Err(mistakes) = source.verify() {
        outcome.messages = mistakes.messages;
        return Ok(outcome);
    }
    let program = Program::from_source(source, false).map_err(|failure| describe(&failure))?;
    if let Err(stop) = run(test, &program, &mut outcome) {
        match stop {
            Stop::Mistake(message) => outcome.messages.push(message),
            Stop::Failure(failure) => match failure {
                Failure::Program(text) => outcome.messages.push(Message::new(text)),
                Failure::Usage(_) | Failure::Bug(_) | Failure::Output(_) => return Err(describe(&failure)),
            },
        }
    }
    Ok(outcome)
}

/// Why a test ended early: a mistake in its program, which may be expected, or something else.
enum Stop {
    Mistake(Message),
    Failure(Failure),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

fn describe(failure: &Failure) -> String {
    // About the test's text, and not about the command line.
    if let Failure::Usage(message) = failure {
        return message.clone();
    }
    let mut text = Vec::new();
    // Writing to memory cannot fail.
    let _ = failure.report(&mut text);
    String::from_utf8_lossy(&text).into_owned()
}

fn run(test: &TextTest, program: &Program, outcome: &mut Outcome) -> Result<(), Stop> {
    match test.kind {
        Kind::Verify => {}
        Kind::Print => {
            let printed = program.module.to_string();
            let again = parse_module(&printed).map_err(Failure::program)?.to_string();
            if again != printed {
                return Err(Failure::Bug(format!("the output does not round-trip; it reads back as\n{again}")).into());
            }
            outcome.output = Some(printed);
        }
        Kind::Interpret => interpret_cases(test, program, &program.module, None, "interpreter", outcome)?,
        Kind::Grad => grad(test, program, outcome)?,
        Kind::Optimize => optimize(test, program, outcome)?,
        Kind::Fuse => compile(test, program, Some(Stage::Fused), outcome)?,
        Kind::Loops => compile(test, program, Some(Stage::Loops), outcome)?,
        Kind::Clif => compile(test, program, Some(Stage::Clif), outcome)?,
        Kind::Run => compile(test, program, None, outcome)?,
    }
    Ok(())
}

fn under_test(test: &TextTest, program: &Program) -> Result<FuncId, Failure> {
    find_function(&program.module, test.options.function.as_deref())
}

/// The module with the derivative of the function under test.
fn differentiated(
    test: &TextTest,
    program: &Program,
    func: FuncId,
    value: bool,
) -> Result<(Verified<Module>, FuncId), Stop> {
    let wrt = find_params(&program.module, func, &test.options.wrt)?;
    let derivative = pullback_autodiff::differentiate(&program.module, func, test.options.mode.derivative(value), &wrt);
    let derivative = derivative.map_err(|error| {
        if error.is_bug() {
            Stop::Failure(Failure::Bug(error.to_string()))
        } else {
            Stop::Mistake(program.message(error.to_string(), error.origin(), func))
        }
    })?;
    Ok(add_function(&program.module, derivative, "differentiation")?)
}

fn grad(test: &TextTest, program: &Program, outcome: &mut Outcome) -> Result<(), Stop> {
    let func = under_test(test, program)?;
    let (mut module, derivative) = differentiated(test, program, func, test.options.value)?;
    if test.options.optimize {
        module = pullback_optimize::optimize(&module, derivative).map_err(optimize_stop)?.module;
    }
    outcome.output = Some(print(&module, derivative));
    Ok(interpret_cases(test, program, &module, Some(derivative), "interpreter", outcome)?)
}

fn optimize_stop(error: pullback_optimize::Error) -> Stop {
    use pullback_optimize::Error;
    match error {
        Error::TooLarge { .. } | Error::Unsupported(_) => Stop::Mistake(Message::new(error.to_string())),
        Error::UnknownPass { .. } => Stop::Failure(Failure::Usage(error.to_string())),
        Error::UnknownFunction | Error::Bug { .. } => Stop::Failure(Failure::Bug(error.to_string())),
    }
}

fn optimize(test: &TextTest, program: &Program, outcome: &mut Outcome) -> Result<(), Stop> {
    let func = under_test(test, program)?;
    let (module, func) =
        if test.options.derive { differentiated(test, program, func, true)? } else { (program.module.clone(), func) };
    let options = pipeline::PipelineOptions { verify_between: true, ..pipeline::PipelineOptions::default() };
    let one;
    let passes = match &test.options.pass {
        None => pipeline::DEFAULT,
        Some(name) => {
            let pass = find_pass(name).ok_or_else(|| Failure::Usage(format!("there is no pass `{name}`")))?;
            one = [pass];
            &one[..]
        }
    };
    let optimized = pipeline::run_pipeline(&module, func, passes, &options, &mut |_, _, _, _| {});
    let optimized = optimized.map_err(optimize_stop)?.module;
    outcome.output = Some(print(&optimized, func));
    interpret_cases(test, program, &module, Some(func), "interpreter before the passes", outcome)?;
    Ok(interpret_cases(test, program, &optimized, Some(func), "interpreter behind the passes", outcome)?)
}

fn compile(test: &TextTest, program: &Program, stage: Option<Stage>, outcome: &mut Outcome) -> Result<(), Stop> {
    // Files of several functions are for `run`, where each case has its own.
    let (module, subject) = if stage.is_some() || test.options.derive {
        let func = under_test(test, program)?;
        if test.options.derive {
            let (module, func) = differentiated(test, program, func, true)?;
            (module, Some(func))
        } else {
            (program.module.clone(), Some(func))
        }
    } else {
        (program.module.clone(), None)
    };
    interpret_cases(test, program, &module, subject, "interpreter", outcome)?;
    if let (Some(stage), Some(func)) = (stage, subject) {
        // The same text on every machine.
        let options = pullback::Options { features: pullback::Features::Vectors128, ..checked(test) };
        let text = backend::dump(&module, func, stage, &options)?;
        if stage == Stage::Loops {
            interpret_loops(test, &module, func, &text, outcome)?;
        }
        outcome.output = Some(text);
    }
    for case in &test.runs {
        let func = case_function(test, program, subject, case)?;
        let results = backend::run(&module, func, &case_inputs(&module, func, case)?, &checked(test))?;
        outcome.computed.push(Computed { case: case.clone(), by: "machine code", results });
    }
    Ok(())
}

/// The loop program reads back as it is printed, and computes the cases.
fn interpret_loops(
    test: &TextTest,
    module: &Module,
    func: FuncId,
    text: &str,
    outcome: &mut Outcome,
) -> Result<(), Failure> {
    let bug = |message: String| Failure::Bug(format!("{message}, in the loops\n{text}"));
    let loops = pullback_loops::parse_program(text).map_err(|error| bug(error.to_string()))?;
    if loops.to_string() != text {
        return Err(bug(format!("the output does not round-trip; it reads back as\n{loops}")));
    }
    let loops = pullback_loops::verify(loops).map_err(|errors| bug(errors.to_string()))?;
    for case in &test.runs {
        let inputs: Vec<_> = case_inputs(module, func, case)?.into_iter().map(|array| array.elements).collect();
        let results = pullback_loops::interpret(&loops, &inputs).map_err(|error| bug(error.to_string()))?;
        let shaped = module.function(func).result_types().zip(results);
        let results = shaped.map(|(ty, elements)| Array::new(ty.shape.clone(), elements));
        let results = results.collect::<Result<_, _>>().map_err(|error| bug(error.to_string()))?;
        outcome.computed.push(Computed { case: case.clone(), by: "loop interpreter", results });
    }
    Ok(())
}

/// Verifies behind every pass.
fn checked(test: &TextTest) -> pullback::Options {
    pullback::Options { verify_each: true, fusion: test.options.fusion, ..pullback::Options::default() }
}

fn print(module: &Module, func: FuncId) -> String {
    function_to_string(module, module.function(func), PrintOptions::default())
}

/// The function of a case: `subject` if a pass made it, else the one that the case stands behind.
fn case_function(
    test: &TextTest,
    program: &Program,
    subject: Option<FuncId>,
    case: &RunCase,
) -> Result<FuncId, Failure> {
    match (subject, &case.function) {
        (Some(func), _) => Ok(func),
        (None, Some(name)) if test.options.function.is_none() => find_function(&program.module, Some(name)),
        (None, _) => under_test(test, program),
    }
}

fn interpret_cases(
    test: &TextTest,
    program: &Program,
    module: &Verified<Module>,
    subject: Option<FuncId>,
    by: &'static str,
    outcome: &mut Outcome,
) -> Result<(), Failure> {
    for case in &test.runs {
        let func = case_function(test, program, subject, case)?;
        let inputs = case_inputs(module, func, case)?;
        let results = evaluate(module, func, &inputs).map_err(Failure::program)?;
        outcome.computed.push(Computed { case: case.clone(), by, results });
    }
    Ok(())
}

fn case_inputs(module: &Module, func: FuncId, case: &RunCase) -> Result<Vec<Array>, Failure> {
    let function = module.function(func);
    let names = param_names(module, function);
    let wrong = |message: String| Failure::Usage(format!("line {}: {message}", case.line));
    if let Some((name, _)) = case.inputs.iter().find(|(name, _)| !names.contains(name)) {
        return Err(wrong(format!("@{} has no parameter %{name}, expected %{}", function.name, names.join(", %"))));
    }
    let input = |(name, ty): (&String, &pullback_ir::Type)| {
        let text = case.inputs.iter().find(|(given, _)| given == name).map(|(_, text)| text);
        let text = text.ok_or_else(|| wrong(format!("the input %{name} of @{} is missing", function.name)))?;
        let literal = parse_literal(text, ty).map_err(|errors| wrong(format!("input %{name}: {errors}")))?;
        Array::from_literal(&literal).map_err(Failure::program)
    };
    names.iter().zip(function.param_types()).map(input).collect()
}
