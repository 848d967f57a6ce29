//! The text form, written.
//!
//! One instruction per line: results, operation, operands, attributes, result types. A value prints under its name,
//! or, if it has none, under its number among the unnamed values in order of the text, so that printing what was
//! parsed gives the same text again. Provenance is left out unless asked for, to keep lines short.

mod attributes;

use std::fmt::{self, Write};

use cranelift_entity::SecondaryMap;

use crate::entities::{Inst, Region, Value};
use crate::function::{Function, Module};
use crate::literal::Literal;
use crate::op::{MAX_REGION_DEPTH, Op};
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
        self.for_each_in(self.function.body_region(), &mut visit, 0);
    }

    fn for_each_in(&self, region: Region, visit: &mut impl FnMut(Value), depth: usize) {
        // A module that is not verified may hold anything.
        if depth > MAX_REGION_DEPTH {
            return;
        }
        let data = self.function.region(region);
        data.params.iter().for_each(|&param| visit(param));
        for &inst in &data.insts {
            self.function.inst_results(inst).iter().for_each(|&result| visit(result));
            for &nested in self.function.inst_regions(inst) {
                self.for_each_in(nested, visit, depth + 1);
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
        write!(out, "func @{}({})", function.name, self.params(function.body_region()))?;
        let results: Vec<String> = function.result_types().map(ToString::to_string).collect();
        match &results[..] {
            [] => {}
            [one] => write!(out, " -> {one}")?,
            many => write!(out, " -> ({})", many.join(", "))?,
        }
        writeln!(out, " {{")?;
        self.block(out, function.body_region(), "return", 1, comment)?;
        writeln!(out, "}}")
    }

    /// The instructions of a region and what it ends with, `depth` steps in.
    fn block(
        &self,
        out: &mut String,
        region: Region,
        terminator: &str,
        depth: usize,
        comment: &dyn Fn(Inst) -> Option<String>,
    ) -> fmt::Result {
        let data = self.function.region(region);
        let indent = "  ".repeat(depth);
        for &inst in &data.insts {
            for line in comment(inst).iter().flat_map(|text| text.lines()) {
                writeln!(out, "{indent}; {line}")?;
            }
            write!(out, "{indent}")?;
            self.inst(out, inst)?;
            writeln!(out)?;
            if depth <= MAX_REGION_DEPTH + 1 {
                self.regions(out, inst, depth + 1, comment)?;
            }
        }
        let values: Vec<String> = data.results.iter().map(|&result| self.value(result)).collect();
        let space = if values.is_empty() { "" } else { " " };
        writeln!(out, "{indent}{terminator}{space}{}", values.join(", "))
    }

    fn regions(
        &self,
        out: &mut String,
        inst: Inst,
        depth: usize,
        comment: &dyn Fn(Inst) -> Option<String>,
    ) -> fmt::Result {
        let indent = "  ".repeat(depth);
        for (position, &region) in self.function.inst_regions(inst).iter().enumerate() {
            let label = self.function.op(inst).region_label(position);
            writeln!(out, "{indent}{label}({}) {{", self.params(region))?;
            self.block(out, region, "yield", depth + 1, comment)?;
            writeln!(out, "{indent}}}")?;
        }
        Ok(())
    }

    fn params(&self, region: Region) -> String {
        let params = self.function.region(region).params.iter();
        let params: Vec<String> =
            params.map(|&param| format!("{}: {}", self.value(param), self.function.ty(param))).collect();
        params.join(", ")
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
        for (position, (name, value)) in attributes::of(op).into_iter().enumerate() {
            let separator = if position == 0 && args.is_empty() { "" } else { "," };
            write!(out, "{separator} {name}={value}")?;
        }
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
            _ => Ok(()),
        }
    }
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
