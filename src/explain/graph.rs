//! The graph of an explanation as inline SVG: a box per value with its number forward and its gradient backward, and both ways of each edge.
//!
//! Texts are set in a fixed-width font, whose characters are all 0.6 em wide, so that sizes are known here and nothing is measured
//! by the browser. Colours are classes of the page's style sheet.

use std::fmt::Write;

use super::Explanation;
use super::html::escape;
use super::layout::{Layout, Link, Size, layout};
use super::model::Edge;
use super::number::{self, Slices};
use super::text;

/// Boxes above which there is no drawing.
const MAX_BOXES: usize = 60;
/// Rows and columns of a tensor that is written into its box.
const MAX_ROWS: usize = 4;
const MAX_COLUMNS: usize = 4;
/// Font sizes of titles and numbers, and the height of a line.
const TITLE: f64 = 13.0;
const NUMBER: f64 = 11.5;
const LINE: f64 = 15.0;
const PADDING: f64 = 9.0;
/// Between the two directions of an edge.
const APART: f64 = 5.0;
const MARGIN: f64 = 8.0;

/// What is written into a box.
struct Card {
    title: String,
    value: Vec<String>,
    gradient: Vec<String>,
    class: &'static str,
    size: Size,
}

/// The drawing, or `None` if the graph is too large to be read.
pub(super) fn svg(e: &Explanation) -> Option<String> {
    if e.values.len() > MAX_BOXES {
        return None;
    }
    let shown: Vec<usize> = (0..e.values.len()).filter(|&value| is_shown(e, value)).collect();
    let cards: Vec<Card> = shown.iter().map(|&value| card(e, value)).collect();
    let sizes: Vec<Size> = cards.iter().map(|card| card.size).collect();
    let arrows = arrows(e, &shown);
    let links: Vec<Link> = arrows.iter().map(|arrow| arrow.link).collect();
    let layout = layout(&sizes, &links);
    let (width, height) = (layout.size.0 + 2.0 * MARGIN, layout.size.1 + 2.0 * MARGIN);
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = draw(&mut out, &cards, &arrows, &layout);
    Some(format!(
        "<svg viewBox=\"{:.0} {:.0} {width:.0} {height:.0}\" width=\"{width:.0}\" role=\"img\" \
         aria-label=\"The graph of the function with values and gradients\">\n{MARKERS}{out}</svg>",
        -MARGIN, -MARGIN
    ))
}

const MARKERS: &str = "<defs>\
<marker id=\"fwd\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\">\
<path class=\"fwd-head\" d=\"M0 0.6 8 4 0 7.4z\"/></marker>\
<marker id=\"bwd\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\">\
<path class=\"bwd-head\" d=\"M0 0.6 8 4 0 7.4z\"/></marker></defs>\n";

/// Parameters that nothing needs are left out.
fn is_shown(e: &Explanation, value: usize) -> bool {
    value == e.result
        || e.values[value].definition.is_some()
        || e.instructions.iter().any(|instruction| instruction.operands.contains(&value))
}

fn card(e: &Explanation, value: usize) -> Card {
    let node = &e.values[value];
    let instruction = node.definition.map(|definition| &e.instructions[definition]);
    let title = match instruction {
        Some(instruction) if !text::is_written_constant(e, instruction) => e.equation(instruction),
        _ => node.name.clone(),
    };
    let shape = text::shape(&node.ty.shape.extents());
    let lines = |slices: &Slices| lines(slices).unwrap_or_else(|| vec![shape.trim().to_string()]);
    let value = lines(&number::array(&node.value));
    let gradient = node.cotangent.as_ref().map(|gradient| lines(&number::array(gradient))).unwrap_or_default();
    let class = match (node.is_wrt, instruction) {
        (true, _) => "box wrt",
        (false, None) => "box input",
        (false, Some(_)) => "box",
    };
    let between = if gradient.is_empty() { 0.0 } else { 2.0 * PADDING };
    let numbers = columns(&value) * NUMBER * 0.6 + between + columns(&gradient) * NUMBER * 0.6;
    let title_width = title.chars().count() as f64 * TITLE * 0.6;
    let rows = value.len().max(gradient.len()) as f64;
    let size = (numbers.max(title_width).max(44.0) + 2.0 * PADDING, LINE * (rows + 1.0) + 2.0 * PADDING + 4.0);
    Card { title, value, gradient, class, size }
}

fn columns(lines: &[String]) -> f64 {
    lines.iter().map(|line| line.chars().count()).max().unwrap_or(0) as f64
}

/// A small tensor as lines of aligned numbers.
fn lines(slices: &Slices) -> Option<Vec<String>> {
    let [(_, rows)] = &slices.tables[..] else { return None };
    if rows.len() > MAX_ROWS || rows.iter().any(|row| row.len() > MAX_COLUMNS) {
        return None;
    }
    let count = rows.first().map_or(0, Vec::len);
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..count).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:>width$}")).collect();
        cells.join("  ")
    };
    Some(rows.iter().map(line).collect())
}

/// A use of a value, with what is written on it.
struct Arrow {
    link: Link,
    label: String,
    /// Whether a gradient comes back.
    is_active: bool,
}

fn arrows(e: &Explanation, shown: &[usize]) -> Vec<Arrow> {
    let at = |value: usize| shown.iter().position(|&other| other == value);
    let mut arrows = Vec::new();
    for (index, instruction) in e.instructions.iter().enumerate() {
        let step = e.steps.iter().find(|step| step.instruction == index);
        for &result in &instruction.results {
            for (position, &operand) in instruction.operands.iter().enumerate() {
                let (Some(from), Some(to)) = (at(operand), at(result)) else { continue };
                let edges = step.iter().flat_map(|step| &step.edges);
                let mut of_use = edges.filter(|edge| edge.operand == operand && edge.result == result);
                let edge = of_use.find(|edge| edge.position == position);
                let label = edge.map(|edge| label(e, edge)).unwrap_or_default();
                let width =
                    if label.is_empty() { 2.0 * APART } else { label.chars().count() as f64 * NUMBER * 0.6 + 12.0 };
                let link = Link { from, to, label: (width, LINE + 3.0) };
                arrows.push(Arrow { link, label, is_active: edge.is_some_and(|edge| edge.contribution.is_some()) });
            }
        }
    }
    arrows
}

/// The local derivative where it is a number, else the rule.
fn label(e: &Explanation, edge: &Edge) -> String {
    let is_number = edge.local.count() == 1 && e.values[edge.operand].ty.rank() == 0;
    match text::jacobian(edge).as_ref().and_then(Slices::as_scalar) {
        Some(number) if is_number => format!("× {number}"),
        _ => edge.rule.formula.clone(),
    }
}

fn draw(out: &mut String, cards: &[Card], arrows: &[Arrow], layout: &Layout) -> std::fmt::Result {
    let ports = ports(cards, arrows, layout);
    for ((arrow, chain), &(from, to)) in arrows.iter().zip(&layout.links).zip(&ports) {
        let points: Vec<(f64, f64)> = std::iter::once(from).chain(chain.iter().copied()).chain([to]).collect();
        let apart = if arrow.is_active { APART / 2.0 } else { 0.0 };
        let moved = |by: f64| points.iter().map(|&(x, y)| (x + by, y)).collect::<Vec<_>>();
        writeln!(out, "<path class=\"fwd\" marker-end=\"url(#fwd)\" d=\"{}\"/>", curve(&moved(-apart)))?;
        if arrow.is_active {
            let back: Vec<(f64, f64)> = moved(apart).into_iter().rev().collect();
            writeln!(out, "<path class=\"bwd\" marker-end=\"url(#bwd)\" d=\"{}\"/>", curve(&back))?;
        }
    }
    for (arrow, chain) in arrows.iter().zip(&layout.links) {
        if let (false, Some(&(x, y))) = (arrow.label.is_empty(), chain.last()) {
            let (width, height) = arrow.link.label;
            writeln!(
                out,
                "<rect class=\"tag\" x=\"{:.1}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"4\"/>\
                 <text class=\"tag\" x=\"{x:.1}\" y=\"{:.1}\">{}</text>",
                x - width / 2.0,
                y - height / 2.0,
                y + NUMBER * 0.35,
                escape(&arrow.label)
            )?;
        }
    }
    for (card, &centre) in cards.iter().zip(&layout.boxes) {
        write_card(out, card, centre)?;
    }
    Ok(())
}

/// Where each arrow leaves its box and enters the other: side by side, in the order of where they go.
fn ports(cards: &[Card], arrows: &[Arrow], layout: &Layout) -> Vec<((f64, f64), (f64, f64))> {
    let mut ports = vec![((0.0, 0.0), (0.0, 0.0)); arrows.len()];
    for (index, (card, &(x, y))) in cards.iter().zip(&layout.boxes).enumerate() {
        for is_top in [false, true] {
            let next = |arrow: usize| {
                let chain = &layout.links[arrow];
                if is_top { chain.last() } else { chain.first() }.map_or(x, |point| point.0)
            };
            let of_box = |arrow: &usize| {
                let link = &arrows[*arrow].link;
                index == if is_top { link.to } else { link.from }
            };
            let mut own: Vec<usize> = (0..arrows.len()).filter(of_box).collect();
            own.sort_by(|&a, &b| next(a).total_cmp(&next(b)));
            let distance = (card.size.0 / (own.len() + 1) as f64).min(40.0);
            for (order, &arrow) in own.iter().enumerate() {
                let port = x + distance * (order as f64 - (own.len() - 1) as f64 / 2.0);
                if is_top {
                    ports[arrow].1 = (port, y - card.size.1 / 2.0);
                } else {
                    ports[arrow].0 = (port, y + card.size.1 / 2.0);
                }
            }
        }
    }
    ports
}

/// A smooth path through points that is vertical at each.
fn curve(points: &[(f64, f64)]) -> String {
    let mut path = String::new();
    let mut before: Option<(f64, f64)> = None;
    for &(x, y) in points {
        let _ = match before {
            None => write!(path, "M{x:.1} {y:.1}"),
            Some((from_x, from_y)) => {
                let middle = (from_y + y) / 2.0;
                write!(path, "C{from_x:.1} {middle:.1} {x:.1} {middle:.1} {x:.1} {y:.1}")
            }
        };
        before = Some((x, y));
    }
    path
}

fn write_card(out: &mut String, card: &Card, (x, y): (f64, f64)) -> std::fmt::Result {
    let (width, height) = card.size;
    let (left, top) = (x - width / 2.0, y - height / 2.0);
    writeln!(
        out,
        "<rect class=\"{}\" x=\"{left:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"6\"/>\
         <text class=\"title\" x=\"{x:.1}\" y=\"{:.1}\">{}</text>",
        card.class,
        top + PADDING + TITLE * 0.75,
        escape(&card.title)
    )?;
    let first = top + PADDING + LINE + NUMBER * 0.75 + 4.0;
    let has_gradient = !card.gradient.is_empty();
    let (value_width, gradient_width) = (columns(&card.value) * NUMBER * 0.6, columns(&card.gradient) * NUMBER * 0.6);
    let total = value_width + if has_gradient { 2.0 * PADDING + gradient_width } else { 0.0 };
    let start = x - total / 2.0;
    numbers(out, "value", &card.value, start, first)?;
    if has_gradient {
        let line = start + value_width + PADDING;
        let bottom = top + height - PADDING;
        writeln!(out, "<path class=\"rule\" d=\"M{line:.1} {:.1}V{bottom:.1}\"/>", top + PADDING + LINE + 2.0)?;
        numbers(out, "gradient", &card.gradient, line + PADDING, first)?;
    }
    Ok(())
}

fn numbers(out: &mut String, class: &str, lines: &[String], x: f64, first: f64) -> std::fmt::Result {
    for (row, line) in lines.iter().enumerate() {
        let y = first + row as f64 * LINE;
        writeln!(out, "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{}</text>", escape(line))?;
    }
    Ok(())
}
