//! The text form, written.
//!
//! One instruction per line: results, operation, operands, attributes, result types. A value prints under its name,
//! or, if it has none, under its number among the unnamed values in order of the text, so that printing what was
//! parsed gives the same text again. Provenance is left out unless asked for, to keep lines short.

use std::fmt::{self, Write};

use cranelift_entity::SecondaryMap;

use crate::entities::{Inst, Value};
use crate::function::{Function, Module};
use crate::literal::Literal;
use crate::op::{Axes, DotDims, Op};
use crate::provenance::{Origin, Provenance};

/// How to print.
#[derive(Clone, Copy, Default, Debug)]
pub struct PrintOptions {
    /// Write `at "file":line:column` and `from "primal" by "rule"` behind each instruction that has them.
    pub provenance: bool,
}

impl fmt::Display for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&module_to_string(self, PrintOptions::default()))
    }
}

/// A whole module, functions in order, a blank line between them.
#[must_use]
pub fn module_to_string(module: &Module, options: PrintOptions) -> String {
    let functions: Vec<String> =
        module.functions().map(|(_, function)| function_to_string(module, function, options)).collect();
    functions.join("\n")
}

/// One function of `module` (which names the callees).
#[must_use]
pub fn function_to_string(module: &Module, function: &Function, options: PrintOptions) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = Printer::new(module, function, options).function(&mut text, &|_| None);
    text
}

/// One function, with comment lines before the instructions for which `comment` gives text.
#[must_use]
pub fn function_with_comments(
    module: &Module,
    function: &Function,
    options: PrintOptions,
    comment: &dyn Fn(Inst) -> Option<String>,
) -> String {
    let mut text = String::new();
    let _ = Printer::new(module, function, options).function(&mut text, comment);
    text
}

/// One instruction, without indentation or line end.
#[must_use]
pub fn inst_to_string(module: &Module, function: &Function, inst: Inst) -> String {
    inst_printer(module, function)(inst)
}

/// As [`inst_to_string`] for many instructions of one function: the numbers of unnamed values are found once.
pub(crate) fn inst_printer<'a>(module: &'a Module, function: &'a Function) -> impl Fn(Inst) -> String + 'a {
    let printer = Printer::new(module, function, PrintOptions::default());
    move |inst| {
        let mut text = String::new();
        let _ = printer.inst(&mut text, inst);
        text
    }
}

/// The name under which each value of a function prints, `%` included.
#[must_use]
pub fn value_names(module: &Module, function: &Function) -> Vec<(Value, String)> {
    let printer = Printer::new(module, function, PrintOptions::default());
    let mut named = Vec::new();
    printer.for_each_value(|value| named.push((value, printer.value(value))));
    named
}

struct Printer<'a> {
    module: &'a Module,
    function: &'a Function,
    options: PrintOptions,
    numbers: SecondaryMap<Value, u32>,
}

impl<'a> Printer<'a> {
    fn new(module: &'a Module, function: &'a Function, options: PrintOptions) -> Self {
        let mut printer = Self { module, function, options, numbers: SecondaryMap::new() };
        let mut numbers = SecondaryMap::with_default(u32::MAX);
        let mut next = 0;
        printer.for_each_value(|value| {
            if function.value_name(value).is_none() {
                numbers[value] = next;
                next += 1;
            }
        });
        printer.numbers = numbers;
        printer
    }

    /// Visits the values in order of definition in the text.
    fn for_each_value(&self, mut visit: impl FnMut(Value)) {
        for &param in self.function.params() {
            visit(param);
        }
        for &inst in self.function.insts() {
            for &result in self.function.inst_results(inst) {
                visit(result);
            }
        }
    }

    fn value(&self, value: Value) -> String {
        match self.function.value_name(value) {
            Some(name) => format!("%{name}"),
            None if self.numbers[value] == u32::MAX => format!("%?{}", value.as_u32()),
            None => format!("%{}", self.numbers[value]),
        }
    }

    fn function(&self, out: &mut String, comment: &dyn Fn(Inst) -> Option<String>) -> fmt::Result {
        let function = self.function;
        let params: Vec<String> =
            function.params().iter().map(|&param| format!("{}: {}", self.value(param), function.ty(param))).collect();
        write!(out, "func @{}({})", function.name, params.join(", "))?;
        let results: Vec<String> = function.result_types().map(ToString::to_string).collect();
        match &results[..] {
            [] => {}
            [one] => write!(out, " -> {one}")?,
            many => write!(out, " -> ({})", many.join(", "))?,
        }
        writeln!(out, " {{")?;
        for &inst in function.insts() {
            for line in comment(inst).iter().flat_map(|text| text.lines()) {
                writeln!(out, "  ; {line}")?;
            }
            write!(out, "  ")?;
            self.inst(out, inst)?;
            writeln!(out)?;
        }
        let values: Vec<String> = function.results().iter().map(|&result| self.value(result)).collect();
        let space = if values.is_empty() { "" } else { " " };
        writeln!(out, "  return{space}{}\n}}", values.join(", "))
    }

    fn inst(&self, out: &mut String, inst: Inst) -> fmt::Result {
        let results: Vec<String> = self.function.inst_results(inst).iter().map(|&result| self.value(result)).collect();
        if !results.is_empty() {
            write!(out, "{} = ", results.join(", "))?;
        }
        let op = self.function.op(inst);
        write!(out, "{}", op.name())?;
        self.leading_attributes(out, op)?;
        let args: Vec<String> = self.function.args(inst).iter().map(|&arg| self.value(arg)).collect();
        if !args.is_empty() {
            write!(out, " {}", args.join(", "))?;
        }
        trailing_attributes(out, op)?;
        let types: Vec<String> =
            self.function.inst_results(inst).iter().map(|&result| self.function.ty(result).to_string()).collect();
        if !types.is_empty() {
            write!(out, " : {}", types.join(", "))?;
        }
        if self.options.provenance {
            provenance(out, self.function.provenance(inst))?;
        }
        Ok(())
    }

    /// What stands between the name and the operands.
    fn leading_attributes(&self, out: &mut String, op: &Op) -> fmt::Result {
        match op {
            Op::Constant(literal) => {
                out.push(' ');
                write_literal(out, literal)
            }
            Op::Compare(predicate) => write!(out, " {}", predicate.name()),
            Op::Call(func) if self.module.has(*func) => write!(out, " @{}", self.module.function(*func).name),
            Op::Call(_) => write!(out, " @?"),
            Op::Iota { .. }
            | Op::Unary(_)
            | Op::Binary(_)
            | Op::IsFinite
            | Op::Select
            | Op::Clamp
            | Op::Convert(_)
            | Op::Broadcast(_)
            | Op::Reshape(_)
            | Op::Transpose(_)
            | Op::Reverse(_)
            | Op::Slice(_)
            | Op::Pad(_)
            | Op::Concatenate { .. }
            | Op::Reduce { .. }
            | Op::Dot(_) => Ok(()),
        }
    }
}

/// What stands between the operands and the types. What the result type says (`convert`, `reshape`, the shape of
/// `broadcast` and `iota`) is not repeated.
fn trailing_attributes(out: &mut String, op: &Op) -> fmt::Result {
    match op {
        Op::Iota { axis, .. } => write!(out, " axis={axis}"),
        Op::Concatenate { axis } => write!(out, ", axis={axis}"),
        Op::Broadcast(spec) => write!(out, ", dims={}", list(&spec.dims)),
        Op::Transpose(perm) => write!(out, ", perm={}", list(perm)),
        Op::Reverse(axes) | Op::Reduce { axes, .. } => write!(out, ", axes={}", list(axes)),
        Op::Slice(spec) => {
            write!(out, ", start={}, limit={}", list(&spec.start), list(&spec.limit))?;
            if spec.stride.iter().any(|&stride| stride != 1) {
                write!(out, ", stride={}", list(&spec.stride))?;
            }
            Ok(())
        }
        Op::Pad(spec) => {
            write!(out, ", low={}, high={}", list(&spec.low), list(&spec.high))?;
            if spec.interior.iter().any(|&count| count != 0) {
                write!(out, ", interior={}", list(&spec.interior))?;
            }
            Ok(())
        }
        Op::Dot(dims) => write_dot_dims(out, dims),
        Op::Constant(_)
        | Op::Unary(_)
        | Op::Binary(_)
        | Op::Compare(_)
        | Op::IsFinite
        | Op::Select
        | Op::Clamp
        | Op::Convert(_)
        | Op::Reshape(_)
        | Op::Call(_) => Ok(()),
    }
}

fn write_dot_dims(out: &mut String, dims: &DotDims) -> fmt::Result {
    let pair = |name: &str, lhs: &Axes, rhs: &Axes| {
        if lhs.is_empty() && rhs.is_empty() { String::new() } else { format!(", {name}={}x{}", list(lhs), list(rhs)) }
    };
    out.push_str(&pair("batch", &dims.lhs_batch, &dims.rhs_batch));
    out.push_str(&pair("contract", &dims.lhs_contract, &dims.rhs_contract));
    Ok(())
}

fn list<T: fmt::Display>(items: &[T]) -> String {
    format!("[{}]", items.iter().map(ToString::to_string).collect::<Vec<_>>().join(","))
}

/// A splat as one scalar, anything else as nested lists; a tensor without elements as `[]`.
fn write_literal(out: &mut String, literal: &Literal) -> fmt::Result {
    if let Some(value) = literal.as_splat() {
        return write!(out, "{value}");
    }
    if literal.ty().elements() == 0 {
        return write!(out, "[]");
    }
    let extents = literal.ty().shape.extents();
    let mut opened = 0;
    for (position, element) in literal.stored().iter().enumerate() {
        // How many lists begin here: the innermost axes whose extents' product divides the position.
        let mut block = 1;
        let begins = extents.iter().rev().take_while(|&&extent| {
            block *= extent;
            position % block == 0
        });
        let begins = begins.count();
        if position > 0 {
            out.push_str(&"]".repeat(begins));
            out.push_str(", ");
            opened -= begins;
        }
        out.push_str(&"[".repeat(extents.len() - opened));
        opened = extents.len();
        write!(out, "{element}")?;
    }
    out.push_str(&"]".repeat(opened));
    Ok(())
}

fn provenance(out: &mut String, provenance: &Provenance) -> fmt::Result {
    match &provenance.origin {
        Some(Origin::File { file, line, column }) => write!(out, " at {}:{line}:{column}", quoted(file))?,
        Some(Origin::Node(name)) => write!(out, " at node {}", quoted(name))?,
        None => {}
    }
    if let Some(derivation) = &provenance.derivation {
        write!(out, " from {} by {}", quoted(&derivation.primal), quoted(&derivation.rule))?;
    }
    Ok(())
}

/// A string in quotes, with `\` before quotes and backslashes and control characters as `\u{…}`.
fn quoted(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            c if c.is_control() => {
                let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
