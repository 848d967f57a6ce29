//! An explanation as text for a terminal, read from top to bottom like a worked example.

use std::fmt::Write;

use super::Explanation;
use super::model::{Edge, Instruction, LocalJacobian, Step};
use super::number::{self, Slices, bytes, count};

/// Writes the whole.
pub(super) fn page(e: &Explanation) -> String {
    let mut page = String::new();
    // Writing to a String cannot fail.
    let _ = write_page(&mut page, e);
    page
}

fn write_page(out: &mut String, e: &Explanation) -> std::fmt::Result {
    let by: Vec<&str> = e.gradients.iter().map(|(param, _)| e.values[*param].name.as_str()).collect();
    let result = &e.values[e.result].name;
    heading(out, &format!("The derivative of {result} by {}", by.join(", ")), '=')?;
    writeln!(out, "{}\n\nNumbers are rounded to four significant digits.\n", e.signature)?;
    heading(out, "Forward: values, from the parameters to the result", '-')?;
    forward(out, e)?;
    heading(out, "Backward: upstream gradient × local Jacobian = downstream gradient", '-')?;
    writeln!(
        out,
        "A local Jacobian has one row for each element of the result and one column for each\n\
         element of the operand, both in row-major order. G stands for the upstream gradient.\n"
    )?;
    let seed = e.values[e.result].cotangent.as_ref().map(number::array);
    if let Some(seed) = seed {
        named(out, 2, &format!("    the seed  {} =", e.gradient_name(e.result)), &seed)?;
        writeln!(out)?;
    }
    for (index, step) in e.steps.iter().enumerate() {
        backward(out, e, index, step)?;
    }
    heading(out, "Gradients", '-')?;
    for (param, gradient) in &e.gradients {
        named(out, 6, &format!("{} =", e.gradient_name(*param)), &number::array(gradient))?;
    }
    writeln!(out, "\n{}", verdict(e))
}

/// What the check of the whole found.
pub(super) fn verdict(e: &Explanation) -> String {
    let check = "Checked: the compiler's vector-Jacobian product of the whole function gives the same gradients";
    if e.largest_difference == 0.0 {
        format!("{check}, bit for bit.")
    } else {
        format!("{check}; the largest difference is {}.", number::number(e.largest_difference))
    }
}

fn heading(out: &mut String, text: &str, line: char) -> std::fmt::Result {
    writeln!(out, "{text}\n{}\n", line.to_string().repeat(text.chars().count()))
}

fn forward(out: &mut String, e: &Explanation) -> std::fmt::Result {
    for value in e.values.iter().filter(|value| value.definition.is_none()) {
        let mark = if value.is_wrt { '*' } else { ' ' };
        let shape = shape(&value.ty.shape.extents());
        named(out, 2, &format!("  {mark} {}{shape} =", value.name), &number::array(&value.value))?;
    }
    for (index, instruction) in e.instructions.iter().enumerate() {
        for &result in &instruction.results {
            let value = &e.values[result];
            let label = if is_written_constant(e, instruction) {
                format!("{:>3} {} =", index + 1, value.name)
            } else {
                format!(
                    "{:>3} {} = {}{} =",
                    index + 1,
                    value.name,
                    instruction.formula,
                    shape(&value.ty.shape.extents())
                )
            };
            named(out, 2, &label, &number::array(&value.value))?;
        }
    }
    writeln!(out, "\n  * differentiated by\n")
}

/// Whether the formula of an instruction is its value.
pub(super) fn is_written_constant(e: &Explanation, instruction: &Instruction) -> bool {
    let is_scalar = |&value: &usize| e.values[value].ty.rank() == 0;
    instruction.operands.is_empty() && instruction.results.iter().all(is_scalar)
}

/// The shape of a tensor behind its name; nothing for a scalar.
pub(super) fn shape(axes: &[usize]) -> String {
    if axes.is_empty() { String::new() } else { format!(" [{}]", extents(axes)) }
}

fn extents(axes: &[usize]) -> String {
    axes.iter().map(usize::to_string).collect::<Vec<_>>().join("×")
}

fn backward(out: &mut String, e: &Explanation, index: usize, step: &Step) -> std::fmt::Result {
    let instruction = &e.instructions[step.instruction];
    // Of an instruction with regions, its head.
    let head = instruction.text.lines().next().unwrap_or_default();
    writeln!(out, "{:>5} {}          {head}", step.instruction + 1, e.equation(instruction))?;
    for result in arriving(step) {
        if let Some(upstream) = &e.values[result].cotangent {
            named(out, 6, &format!("upstream G = {} =", e.gradient_name(result)), &number::array(upstream))?;
        }
    }
    for edge in &step.edges {
        write_edge(out, e, step, edge)?;
    }
    sums(out, e, index, step)?;
    writeln!(out)
}

/// The results whose gradients a step takes on, in order.
pub(super) fn arriving(step: &Step) -> Vec<usize> {
    let mut results: Vec<usize> = step.edges.iter().map(|edge| edge.result).collect();
    results.sort_unstable();
    results.dedup();
    results
}

fn write_edge(out: &mut String, e: &Explanation, step: &Step, edge: &Edge) -> std::fmt::Result {
    let (operand, result) = (&e.values[edge.operand].name, &e.values[edge.result].name);
    let which = e.use_name(step, edge);
    writeln!(out, "\n      {operand}{which} → {result}")?;
    let shape = generalized_shape(&edge.local);
    let label = format!("local       {}{which}{shape}", e.derivative_name(edge.result, edge.operand));
    let tables = jacobian(edge);
    match &tables {
        Some(tables) => named(out, 8, &format!("{label} ="), tables)?,
        None => writeln!(out, "        {label} is not written out: {}", cost(&edge.local))?,
    }
    writeln!(out, "        rule        {}   ({})", edge.rule.formula, edge.rule.reason)?;
    let label = format!("downstream  {}", e.contribution_name(edge));
    match (&edge.contribution, product(e, edge, tables.as_ref())) {
        (None, _) => writeln!(out, "        downstream  nothing for {}", e.gradient_name(edge.operand)),
        (Some(_), Some(product)) => writeln!(out, "        {label} {product}"),
        (Some(contribution), None) => named(out, 8, &label, &number::array(contribution)),
    }
}

/// The local Jacobian as it is shown.
pub(super) fn jacobian(edge: &Edge) -> Option<Slices> {
    let local = &edge.local;
    local.elements.as_ref().map(|elements| number::jacobian(&local.rows, &local.columns, elements))
}

/// What materialising a local Jacobian takes.
pub(super) fn cost(local: &LocalJacobian) -> String {
    format!("{} elements, {}", count(local.count()), bytes(local.bytes()))
}

/// The product of an edge with its numbers, where all three are scalars.
pub(super) fn product(e: &Explanation, edge: &Edge, local: Option<&Slices>) -> Option<String> {
    let upstream = number::array(e.values[edge.result].cotangent.as_ref()?);
    let contribution = number::array(edge.contribution.as_ref()?);
    let (upstream, local, product) = (upstream.as_scalar()?, local?.as_scalar()?, contribution.as_scalar()?);
    Some(format!("{} × {} = {product}", bracketed(upstream), bracketed(local)))
}

/// A negative factor in brackets.
fn bracketed(number: &str) -> String {
    if number.starts_with('−') { format!("({number})") } else { number.to_string() }
}

/// The axes of a generalized Jacobian, those of the result first; nothing where both are scalars.
pub(super) fn generalized_shape(local: &LocalJacobian) -> String {
    match (local.rows.rank(), local.columns.rank()) {
        (0, _) => shape(&local.columns.extents()),
        (_, 0) => shape(&local.rows.extents()),
        _ => format!(" [{} | {}]", extents(&local.rows.extents()), extents(&local.columns.extents())),
    }
}

/// The operands of this step whose last contribution came from it and that have several.
pub(super) fn complete(e: &Explanation, index: usize, step: &Step) -> Vec<usize> {
    let mut operands: Vec<usize> = step.edges.iter().map(|edge| edge.operand).collect();
    operands.sort_unstable();
    operands.dedup();
    operands.retain(|&operand| {
        let contributions = &e.values[operand].contributions;
        contributions.len() > 1 && contributions.last().is_some_and(|&(last, _)| last == index)
    });
    operands
}

fn sums(out: &mut String, e: &Explanation, index: usize, step: &Step) -> std::fmt::Result {
    for operand in complete(e, index, step) {
        let Some((parts, total)) = parts(e, operand) else { continue };
        let name = e.gradient_name(operand);
        writeln!(out, "\n      {} edges meet at {}, their contributions add up:", parts.len(), e.values[operand].name)?;
        match sum(&parts, &total) {
            Some(sum) => writeln!(out, "        {name} = {sum}")?,
            None => named(out, 8, &format!("{name} ="), &total)?,
        }
    }
    Ok(())
}

/// The contributions to the gradient of a value, and the gradient.
pub(super) fn parts(e: &Explanation, value: usize) -> Option<(Vec<Slices>, Slices)> {
    let value = &e.values[value];
    let part = |&(step, edge): &(usize, usize)| e.steps[step].edges[edge].contribution.as_ref().map(number::array);
    Some((value.contributions.iter().filter_map(part).collect(), number::array(value.cotangent.as_ref()?)))
}

/// A sum with its numbers, where all are scalars.
pub(super) fn sum(parts: &[Slices], total: &Slices) -> Option<String> {
    let parts: Option<Vec<String>> = parts.iter().map(|part| part.as_scalar().map(bracketed)).collect();
    Some(format!("{} = {}", parts?.join(" + "), total.as_scalar()?))
}

/// `label tensor`, the first row on the line of the label where there is one row only.
fn named(out: &mut String, indent: usize, label: &str, slices: &Slices) -> std::fmt::Result {
    let lead = " ".repeat(indent);
    match &slices.tables[..] {
        [(_, rows)] if rows.len() == 1 && slices.left_out == 0 => match slices.as_scalar() {
            Some(scalar) => writeln!(out, "{lead}{label} {scalar}"),
            None => writeln!(out, "{lead}{label} [{}]", rows[0].join("  ")),
        },
        tables => {
            writeln!(out, "{lead}{label}")?;
            for (position, rows) in tables {
                if !position.is_empty() {
                    writeln!(out, "{lead}    {position}")?;
                }
                matrix(out, indent + 4, rows)?;
            }
            if slices.left_out > 0 {
                writeln!(out, "{lead}    … and {} more", slices.left_out)?;
            }
            Ok(())
        }
    }
}

/// Rows within tall brackets, columns aligned at the right.
fn matrix(out: &mut String, indent: usize, rows: &[Vec<String>]) -> std::fmt::Result {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    for (index, row) in rows.iter().enumerate() {
        let (open, close) = match index {
            _ if rows.len() == 1 => ('[', ']'),
            0 => ('⎡', '⎤'),
            _ if index + 1 == rows.len() => ('⎣', '⎦'),
            _ => ('⎢', '⎥'),
        };
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:>width$}")).collect();
        writeln!(out, "{:indent$}{open} {} {close}", "", cells.join("  "))?;
    }
    Ok(())
}
