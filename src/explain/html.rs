//! An explanation as one HTML page. What does not change is in `page.html` and `page.css`, beside this file.

use std::fmt::Write;

use super::Explanation;
use super::model::{Edge, Instruction, Step};
use super::number::{self, ELLIPSIS, Slices};
use super::{graph, text};

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");

/// Writes the page.
pub(super) fn page(e: &Explanation) -> String {
    let result = escape(&e.values[e.result].name);
    let by: Vec<String> = e.gradients.iter().map(|(param, _)| escape(&e.values[*param].name)).collect();
    let heading = format!("The derivative of {result} by {}", by.join(", "));
    let graph = graph::svg(e).unwrap_or_else(|| "<p>The graph has too many values to be drawn.</p>".into());
    fill(
        PAGE,
        &[
            ("title", &heading),
            ("style", STYLE),
            ("heading", &heading),
            ("signature", &escape(&e.signature)),
            ("result", &result),
            ("graph", &graph),
            ("forward", &forward(e)),
            ("backward", &backward(e)),
            ("gradients", &gradients(e)),
            ("verdict", &escape(&text::verdict(e))),
        ],
    )
}

/// The template with each `{{name}}` replaced; what is put in is not looked through again.
fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut page = String::new();
    let mut rest = template;
    while let Some((before, behind)) = rest.split_once("{{") {
        page.push_str(before);
        let (name, behind) = behind.split_once("}}").unwrap_or((behind, ""));
        page.push_str(values.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value));
        rest = behind;
    }
    page + rest
}

/// Text that is text in HTML, also within quotes.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

/// A formula: as text, but for the raised T of a transpose, which not every font has.
fn formula(text: &str) -> String {
    escape(text).replace('ᵀ', "<sup>T</sup>")
}

fn forward(e: &Explanation) -> String {
    let mut rows = String::new();
    for value in e.values.iter().filter(|value| value.definition.is_none()) {
        let mark = if value.is_wrt { "differentiated by" } else { "" };
        row(&mut rows, "", &value.name, &value.ty.shape.extents(), &numbers("v", &number::array(&value.value)), mark);
    }
    for (index, instruction) in e.instructions.iter().enumerate() {
        for &result in &instruction.results {
            let value = &e.values[result];
            let formula = head(e, instruction);
            let numbers = numbers("v", &number::array(&value.value));
            row(&mut rows, &(index + 1).to_string(), &formula, &value.ty.shape.extents(), &numbers, "");
        }
    }
    rows
}

fn head(e: &Explanation, instruction: &Instruction) -> String {
    match &instruction.results[..] {
        [result] if text::is_written_constant(e, instruction) => e.values[*result].name.clone(),
        _ => e.equation(instruction),
    }
}

fn row(rows: &mut String, number: &str, head: &str, extents: &[usize], numbers: &str, mark: &str) {
    let shape = text::shape(extents);
    let _ = writeln!(
        rows,
        "<tr><td class=\"n\">{number}</td><td class=\"head\">{}</td><td class=\"shape\">{}</td><td>{numbers}</td><td class=\"mark\">{mark}</td></tr>",
        formula(head),
        shape.trim()
    );
}

fn gradients(e: &Explanation) -> String {
    let mut rows = String::new();
    for (param, gradient) in &e.gradients {
        let extents = e.values[*param].ty.shape.extents();
        row(&mut rows, "", &e.gradient_name(*param), &extents, &numbers("g", &number::array(gradient)), "");
    }
    rows
}

fn backward(e: &Explanation) -> String {
    let mut cards = String::new();
    if let Some(seed) = &e.values[e.result].cotangent {
        let seed = numbers("g", &number::array(seed));
        let name = escape(&e.gradient_name(e.result));
        let _ = writeln!(cards, "<div class=\"step\"><h3>The seed</h3>\n<div class=\"eq\">{name} = {seed}</div></div>");
    }
    for (index, step) in e.steps.iter().enumerate() {
        let instruction = &e.instructions[step.instruction];
        let _ = writeln!(
            cards,
            "<div class=\"step\"><h3>{}. {}</h3>\n<p class=\"code\">{}</p>",
            step.instruction + 1,
            formula(&e.equation(instruction)),
            escape(&instruction.text)
        );
        for edge in &step.edges {
            write_edge(&mut cards, e, step, edge);
        }
        write_sums(&mut cards, e, index, step);
        cards.push_str("</div>\n");
    }
    cards
}

fn write_edge(out: &mut String, e: &Explanation, step: &Step, edge: &Edge) {
    let which = e.use_name(step, edge);
    let (operand, result) = (escape(&e.values[edge.operand].name), escape(&e.values[edge.result].name));
    let _ = writeln!(out, "<div class=\"edge\"><p class=\"way\">{operand}{which} → {result}</p>\n<div class=\"eq\">");
    if let Some(upstream) = &e.values[edge.result].cotangent {
        let name = format!("G = {}", e.gradient_name(edge.result));
        term(out, &numbers("g", &number::array(upstream)), &name);
    }
    out.push_str("<span class=\"op\">×</span>\n");
    let shape = text::generalized_shape(&edge.local);
    let name = format!("{}{which}{shape}", e.derivative_name(edge.result, edge.operand));
    match text::jacobian(edge) {
        Some(tables) => term(out, &numbers("j", &tables), &name),
        None => term(out, &format!("<span class=\"j\">not written out: {}</span>", text::cost(&edge.local)), &name),
    }
    out.push_str("<span class=\"op\">=</span>\n");
    let several = e.values[edge.operand].contributions.len() > 1;
    let name = format!("{}{}", if several { "contribution to " } else { "" }, e.gradient_name(edge.operand));
    match &edge.contribution {
        Some(contribution) => term(out, &numbers("g", &number::array(contribution)), &name),
        None => term(out, "<span class=\"s g\">0</span>", &name),
    }
    let _ = writeln!(
        out,
        "</div>\n<p class=\"by\">compiled as <b>{}</b> <span class=\"why\">({})</span></p></div>",
        formula(&edge.rule.formula),
        escape(edge.rule.reason)
    );
}

fn write_sums(out: &mut String, e: &Explanation, index: usize, step: &Step) {
    for operand in text::complete(e, index, step) {
        let Some((parts, total)) = text::parts(e, operand) else { continue };
        let name = escape(&e.values[operand].name);
        let _ = writeln!(
            out,
            "<div class=\"sum\"><p class=\"way\">{} edges meet at {name}: their contributions add up</p>\n<div class=\"eq\">",
            parts.len()
        );
        for (position, part) in parts.iter().enumerate() {
            if position > 0 {
                out.push_str("<span class=\"op\">+</span>\n");
            }
            out.push_str(&numbers("g", part));
        }
        out.push_str("<span class=\"op\">=</span>\n");
        term(out, &numbers("g", &total), &e.gradient_name(operand));
        out.push_str("</div></div>\n");
    }
}

/// A part of an equation with its name below.
fn term(out: &mut String, numbers: &str, name: &str) {
    let _ = writeln!(out, "<div class=\"term\">{numbers}<span class=\"name\">{}</span></div>", escape(name));
}

/// A tensor: a number, or its tables side by side.
fn numbers(class: &str, slices: &Slices) -> String {
    if let Some(scalar) = slices.as_scalar() {
        return format!("<span class=\"s {class}\">{}</span>", escape(scalar));
    }
    let mut out = String::from("<div class=\"nums\">");
    for (position, rows) in &slices.tables {
        if !position.is_empty() {
            let _ = write!(out, "<span class=\"part\">{position}</span>");
        }
        let _ = write!(out, "<table class=\"m {class}\"><tbody>");
        for row in rows {
            out.push_str("<tr>");
            for cell in row {
                let zero = if cell == "0" { " class=\"z\"" } else { "" };
                let _ = write!(out, "<td{zero}>{}</td>", escape(cell));
            }
            out.push_str("</tr>");
        }
        out.push_str("</tbody></table>");
    }
    if slices.left_out > 0 {
        let _ = write!(out, "<span class=\"part\">{ELLIPSIS} and {} more</span>", slices.left_out);
    }
    out + "</div>"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_filled_in_is_not_filled_again() {
        assert_eq!(fill("<{{a}}|{{b}}|{{c}}>", &[("a", "{{b}}"), ("b", "1")]), "<{{b}}|1|>");
    }

    #[test]
    fn text_stays_text() {
        assert_eq!(escape("<a href='x'>\"&\"</a>"), "&lt;a href=&#39;x&#39;&gt;&quot;&amp;&quot;&lt;/a&gt;");
    }

    #[test]
    fn the_template_has_a_place_for_everything() {
        for name in
            ["title", "style", "heading", "signature", "result", "graph", "forward", "backward", "gradients", "verdict"]
        {
            assert!(PAGE.contains(&format!("{{{{{name}}}}}")), "{name}");
        }
    }
}
