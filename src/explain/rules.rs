//! Words and formulas: an instruction as a person writes it, and what a compiled backward pass does at each edge.
//!
//! These are descriptions: no number comes from here. An operation without a row of its own is described by its name and
//! by the transpose of its linearization, which is true of all of them.

use pullback_ir::{Binary, DotDims, Function, Inst, Op, Reduction, Unary, Value};

use super::model::Rule;
use super::number::number;

/// The most axes for which a product is written with indices.
const INDEX_LETTERS: &[char] = &['i', 'j', 'k', 'l', 'm', 'n', 'p', 'q', 'r', 's', 't', 'u', 'v', 'w', 'x', 'y'];

/// The name of a value in a formula.
pub(super) type Names<'a> = dyn Fn(Value) -> &'a str + 'a;

/// The right-hand side of an instruction as a formula.
pub(super) fn formula<'a>(function: &Function, inst: Inst, name: &Names<'a>) -> String {
    let args: Vec<&str> = function.args(inst).iter().map(|&arg| name(arg)).collect();
    let call = |head: &str| format!("{head}({})", args.join(", "));
    match (function.op(inst), &args[..]) {
        (Op::Constant(literal), []) => match literal.as_splat() {
            Some(value) => number(value.to_f64()),
            None => "constant".into(),
        },
        (Op::Unary(Unary::Neg), [x]) => format!("−{x}"),
        (Op::Unary(Unary::Abs), [x]) => format!("|{x}|"),
        (Op::Unary(Unary::Sqrt), [x]) => format!("√{x}"),
        (Op::Unary(Unary::Exp), [x]) => format!("e^{x}"),
        (Op::Binary(Binary::Add), [x, y]) => format!("{x} + {y}"),
        (Op::Binary(Binary::Sub), [x, y]) => format!("{x} − {y}"),
        (Op::Binary(Binary::Mul), [x, y]) => format!("{x} {} {y}", times(function, inst)),
        (Op::Binary(Binary::Div), [x, y]) => format!("{x} / {y}"),
        (Op::Binary(Binary::Pow), [x, y]) => format!("{x}^{y}"),
        (Op::Dot(dims), [x, y]) => match matrices(function, inst, dims) {
            Some((left, right)) => format!("{}{} {}{}", x, transposed(left), y, transposed(right)),
            None => call("dot"),
        },
        (Op::Broadcast(_), [x]) => format!("{x} repeated"),
        (Op::Reshape(_), [x]) => format!("{x} reshaped"),
        (Op::Reduce { kind: Reduction::Add, axes }, [x]) => format!("Σ {x} over {}", axes_in_words(axes)),
        (Op::Convert(dtype), [x]) => format!("{dtype}({x})"),
        (Op::Select, [pred, x, y]) => format!("{x} where {pred}, else {y}"),
        (op, _) => call(op.name()),
    }
}

/// What a compiled backward pass does for the operand at `position`.
pub(super) fn rule<'a>(function: &Function, inst: Inst, position: usize, name: &Names<'a>, is_zero: bool) -> Rule {
    let op = function.op(inst);
    if is_zero {
        let reason = "zero wherever it exists: nothing is built, the gradient ends here";
        return Rule { formula: "0".into(), reason };
    }
    let args: Vec<&str> = function.args(inst).iter().map(|&arg| name(arg)).collect();
    let result = function.inst_results(inst).first().map_or("y", |&result| name(result));
    let elementwise = |factor: Factor| Rule {
        reason: match factor {
            _ if is_scalar(function, inst) => "one number",
            Factor::One => "the identity",
            Factor::MinusOne => "minus the identity",
            _ => "diagonal: stored as a vector",
        },
        formula: factor.applied(times(function, inst)),
    };
    let moved = |formula: String, reason| Rule { formula, reason };
    match (op, &args[..]) {
        (Op::Unary(op), [x]) => elementwise(unary_factor(*op, x, result)),
        (Op::Binary(op), [x, y]) => elementwise(binary_factor(*op, position, x, y, result)),
        (Op::Select, [pred, _, _]) => moved(
            if position == 1 { format!("G where {pred}, else 0") } else { format!("0 where {pred}, else G") },
            "diagonal, ones and zeros: it selects",
        ),
        (Op::Clamp, [low, x, high]) => {
            let taken = match position {
                0 => format!("{x} < {low}"),
                1 => format!("{low} ≤ {x} ≤ {high}"),
                _ => format!("{x} > {high}"),
            };
            moved(format!("G where {taken}, else 0"), "diagonal, ones and zeros: it selects")
        }
        (Op::Convert(_), _) => {
            let dtype = function.ty(function.args(inst)[position]).dtype;
            moved(format!("{dtype}(G)"), "the identity: only the element type changes")
        }
        (Op::Dot(dims), [_, _]) => product(function, inst, dims, position, &args),
        (Op::Broadcast(spec), [_]) => {
            let new: Vec<usize> = (0..spec.shape.rank()).filter(|axis| !spec.dims.contains(axis)).collect();
            let reason = "ones and zeros: what was repeated is summed";
            let formula = if new.is_empty() { "G".into() } else { format!("Σ G over {}", axes_in_words(&new)) };
            moved(formula, reason)
        }
        (Op::Reduce { kind, axes }, [x]) => reduction(*kind, axes, x, result),
        (Op::Reshape(_), [x]) => moved(format!("G with the shape of {x}"), "a permutation: the view is undone"),
        (Op::Transpose(_), [_]) => moved("G with its axes permuted back".into(), "a permutation: the view is undone"),
        (Op::Reverse(_), [_]) => moved("G reversed".into(), "a permutation: the view is undone"),
        (Op::Slice(_), [_]) => moved("G at its places among zeros".into(), "ones and zeros: the slice is undone"),
        (Op::Pad(_), [_, _]) => moved(
            if position == 0 { "G without the padding".into() } else { "Σ G over the padding".into() },
            "ones and zeros: the padding is undone",
        ),
        (Op::Concatenate { .. }, _) => {
            moved("the part of G that it became".into(), "ones and zeros: the parts are cut again")
        }
        (op, _) => moved(
            format!("the transposed linear map of {}, applied to G", op.name()),
            "never built: the operation's own rules give the product",
        ),
    }
}

/// What the upstream gradient is multiplied by, element by element.
enum Factor {
    One,
    MinusOne,
    /// A formula that needs no brackets.
    Plain(String),
    /// A formula that needs brackets as a factor.
    Sum(String),
    /// A denominator.
    Over(String),
    /// No product: the whole right-hand side.
    Whole(String),
}

impl Factor {
    fn applied(self, times: &str) -> String {
        match self {
            Self::One => "G".into(),
            Self::MinusOne => "−G".into(),
            Self::Plain(factor) => format!("G {times} {factor}"),
            Self::Sum(factor) => format!("G {times} ({factor})"),
            Self::Over(denominator) => format!("G / {denominator}"),
            Self::Whole(formula) => formula,
        }
    }
}

fn unary_factor(op: Unary, x: &str, y: &str) -> Factor {
    match op {
        Unary::Neg => Factor::MinusOne,
        Unary::Abs => Factor::Plain(format!("sign({x})")),
        Unary::Exp => Factor::Plain(y.into()),
        Unary::Exp2 => Factor::Plain(format!("{y} ln 2")),
        Unary::Expm1 => Factor::Sum(format!("{y} + 1")),
        Unary::Log => Factor::Over(x.into()),
        Unary::Log2 => Factor::Over(format!("({x} ln 2)")),
        Unary::Log1p => Factor::Over(format!("(1 + {x})")),
        Unary::Sqrt => Factor::Over(format!("(2 {y})")),
        Unary::Rsqrt => Factor::Sum(format!("−{y}³ / 2")),
        Unary::Cbrt => Factor::Over(format!("(3 {y}²)")),
        Unary::Sin => Factor::Plain(format!("cos({x})")),
        Unary::Cos => Factor::Sum(format!("−sin({x})")),
        Unary::Tan => Factor::Sum(format!("1 + {y}²")),
        Unary::Asin => Factor::Over(format!("√(1 − {x}²)")),
        Unary::Acos => Factor::Sum(format!("−1 / √(1 − {x}²)")),
        Unary::Atan => Factor::Over(format!("(1 + {x}²)")),
        Unary::Sinh => Factor::Plain(format!("cosh({x})")),
        Unary::Cosh => Factor::Plain(format!("sinh({x})")),
        Unary::Tanh => Factor::Sum(format!("1 − {y}²")),
        Unary::Logistic => Factor::Sum(format!("{y} (1 − {y})")),
        _ => Factor::Plain(format!("{}′({x})", op.info().name)),
    }
}

fn binary_factor(op: Binary, position: usize, x: &str, y: &str, result: &str) -> Factor {
    let is_left = position == 0;
    match (op, is_left) {
        (Binary::Add, _) | (Binary::Sub, true) => Factor::One,
        (Binary::Sub, false) => Factor::MinusOne,
        (Binary::Mul, true) => Factor::Plain(y.into()),
        (Binary::Mul, false) => Factor::Plain(x.into()),
        (Binary::Div, true) => Factor::Over(y.into()),
        (Binary::Div, false) => Factor::Sum(format!("−{result} / {y}")),
        (Binary::Pow, true) => Factor::Plain(format!("{y} {x}^({y} − 1)")),
        (Binary::Pow, false) => Factor::Plain(format!("{result} ln {x}")),
        (Binary::Max | Binary::Min, _) => {
            let (own, other) = if is_left { (x, y) } else { (y, x) };
            let sign = if op == Binary::Max { '>' } else { '<' };
            Factor::Whole(format!("G where {own} {sign} {other}, G / 2 where they are equal, else 0"))
        }
        _ => Factor::Plain(format!("∂{result}/∂{}", if is_left { x } else { y })),
    }
}

fn reduction(kind: Reduction, axes: &[usize], x: &str, y: &str) -> Rule {
    let over = axes_in_words(axes);
    match kind {
        Reduction::Add => Rule {
            formula: format!("G repeated along {over}"),
            reason: "ones and zeros: every term of a sum gets its gradient",
        },
        Reduction::Max | Reduction::Min => Rule {
            formula: format!("G where {x} = {y}, shared equally, else 0, along {over}"),
            reason: "zeros but for the elements that were taken",
        },
        _ => Rule {
            formula: format!("G {y} / {x} along {over}, exact at zeros"),
            reason: "each element's factor is the product of the others",
        },
    }
}

/// Whether the operands of a product are matrices that are transposed first: (left, right). `None` if it is not a product of two matrices
/// with one sum.
fn matrices(function: &Function, inst: Inst, dims: &DotDims) -> Option<(bool, bool)> {
    let is_matrix = |&arg: &Value| function.ty(arg).rank() == 2;
    match (&*dims.lhs_contract, &*dims.rhs_contract) {
        ([left], [right]) if dims.lhs_batch.is_empty() && function.args(inst).iter().all(is_matrix) => {
            Some((*left == 0, *right == 1))
        }
        _ => None,
    }
}

const fn transposed(is_transposed: bool) -> &'static str {
    if is_transposed { "ᵀ" } else { "" }
}

/// For Y = A B the gradients are G Bᵀ and Aᵀ G; those of Aᵀ and Bᵀ are their transposes.
fn product(function: &Function, inst: Inst, dims: &DotDims, position: usize, args: &[&str]) -> Rule {
    const REASON: &str = "never built: a product like the forward one";
    let (x, w) = (args[0], args[1]);
    let formula = match (matrices(function, inst, dims), position) {
        (Some((false, right)), 0) => format!("G {w}{}", transposed(!right)),
        (Some((true, right)), 0) => format!("{w}{} Gᵀ", transposed(right)),
        (Some((left, false)), _) => format!("{x}{} G", transposed(!left)),
        (Some((left, true)), _) => format!("Gᵀ {x}{}", transposed(left)),
        (None, _) => with_indices(function, inst, dims, position, args),
    };
    Rule { formula, reason: REASON }
}

/// The sum of products with an index for each axis, as `Σ_j G[i,j] W[k,j]`.
fn with_indices(function: &Function, inst: Inst, dims: &DotDims, position: usize, args: &[&str]) -> String {
    let ranks: Vec<usize> = function.args(inst).iter().map(|&arg| function.ty(arg).rank()).collect();
    let (left_free, right_free) = (dims.lhs_free(ranks[0]), dims.rhs_free(ranks[1]));
    let mut letters = INDEX_LETTERS.iter().copied();
    let mut left = vec!['·'; ranks[0]];
    let mut right = vec!['·'; ranks[1]];
    let mut output = Vec::new();
    for (&l, &r) in dims.lhs_batch.iter().zip(dims.rhs_batch.iter()) {
        let letter = letters.next().unwrap_or('·');
        (left[l], right[r]) = (letter, letter);
        output.push(letter);
    }
    for (axes, own) in [(&left_free, &mut left), (&right_free, &mut right)] {
        for &axis in axes {
            let letter = letters.next().unwrap_or('·');
            own[axis] = letter;
            output.push(letter);
        }
    }
    for (&l, &r) in dims.lhs_contract.iter().zip(dims.rhs_contract.iter()) {
        let letter = letters.next().unwrap_or('·');
        (left[l], right[r]) = (letter, letter);
    }
    let indexed = |name: &str, indices: &[char]| {
        if indices.is_empty() { name.to_string() } else { format!("{name}[{}]", join(indices)) }
    };
    let (own, other, other_name) = if position == 0 { (&left, &right, args[1]) } else { (&right, &left, args[0]) };
    let summed: Vec<String> = output.iter().filter(|letter| !own.contains(letter)).map(char::to_string).collect();
    let sum = if summed.is_empty() { String::new() } else { format!("Σ_{} ", summed.join("")) };
    let at = if own.is_empty() { String::new() } else { format!("at [{}]: ", join(own)) };
    format!("{at}{sum}{} {}", indexed("G", &output), indexed(other_name, other))
}

fn join(indices: &[char]) -> String {
    indices.iter().map(char::to_string).collect::<Vec<_>>().join(",")
}

fn axes_in_words(axes: &[usize]) -> String {
    let list: Vec<String> = axes.iter().map(usize::to_string).collect();
    match &list[..] {
        [] => "no axis".into(),
        [one] => format!("axis {one}"),
        many => format!("axes {}", many.join(", ")),
    }
}

fn is_scalar(function: &Function, inst: Inst) -> bool {
    function.inst_results(inst).iter().all(|&result| function.ty(result).rank() == 0)
}

/// The sign of a product element by element.
fn times(function: &Function, inst: Inst) -> &'static str {
    if is_scalar(function, inst) { "×" } else { "⊙" }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use crate::explain::{ExplainOptions, Explanation, explain};
    use pullback_interp::Array;
    use pullback_ir::{parse_module, verify};

    fn explained(text: &str, inputs: &[Array]) -> Explanation {
        let module = verify(parse_module(text).unwrap()).unwrap();
        let func = module.functions().next().unwrap().0;
        explain(&module, func, inputs, &ExplainOptions::new([0, 1])).unwrap()
    }

    type Matrix = Vec<Vec<f64>>;

    fn matrix(array: &Array) -> Matrix {
        array.to_f64().chunks(array.shape.extents()[1]).map(<[f64]>::to_vec).collect()
    }

    fn transpose(a: &Matrix) -> Matrix {
        (0..a[0].len()).map(|column| a.iter().map(|row| row[column]).collect()).collect()
    }

    fn multiply(a: &Matrix, b: &Matrix) -> Matrix {
        let entry = |row: &Vec<f64>, column: &Vec<f64>| row.iter().zip(column).map(|(x, y)| x * y).sum();
        a.iter().map(|row| transpose(b).iter().map(|column| entry(row, column)).collect()).collect()
    }

    /// The value of a formula such as `Xᵀ G`.
    fn evaluate(formula: &str, named: &[(&str, Matrix)]) -> Matrix {
        let factors = formula.split(' ').map(|factor| {
            let bare = factor.trim_end_matches('ᵀ');
            let matrix = &named.iter().find(|(name, _)| *name == bare).unwrap().1;
            if bare == factor { matrix.clone() } else { transpose(matrix) }
        });
        factors.reduce(|a, b| multiply(&a, &b)).unwrap()
    }

    #[test]
    fn the_formulas_of_a_matrix_product_give_its_gradients() {
        for (left, right) in [(1, 0), (0, 0), (1, 1), (0, 1)] {
            let shapes = [if left == 1 { [2, 3] } else { [3, 2] }, if right == 0 { [3, 4] } else { [4, 3] }];
            let [x_shape, w_shape] = shapes.map(|[rows, columns]| format!("f64[{rows},{columns}]"));
            // The weights make the gradient that arrives one that has no symmetry.
            let text = format!(
                "func @f(%X: {x_shape}, %W: {w_shape}) -> f64 {{
                   %Y = dot %X, %W, contract=[{left}]x[{right}] : f64[2,4]
                   %n = iota axis=1 : f64[2,4]
                   %Z = mul %Y, %n : f64[2,4]
                   %V = mul %Z, %Y : f64[2,4]
                   %s = reduce add %V, axes=[0,1] : f64
                   return %s
                 }}"
            );
            let inputs = shapes.map(|shape| {
                let values: Vec<f64> =
                    (0..shape[0] * shape[1]).map(|i| ((7 * i + shape[0]) % 5) as f64 - 1.5).collect();
                Array::from_slice(&shape, &values).unwrap()
            });
            let e = explained(&text, &inputs);
            let step = e.steps.last().unwrap();
            let upstream = e.values[step.edges[0].result].cotangent.as_ref().unwrap();
            let named = [("X", matrix(&inputs[0])), ("W", matrix(&inputs[1])), ("G", matrix(upstream))];
            assert_eq!(step.edges.len(), 2);
            for edge in &step.edges {
                let found = evaluate(&edge.rule.formula, &named);
                assert_eq!(found, matrix(edge.contribution.as_ref().unwrap()), "{}", edge.rule.formula);
            }
        }
    }

    #[test]
    fn products_that_are_not_of_two_matrices_are_written_with_indices() {
        let text = "func @f(%x: f64[5,2,3], %w: f64[5,3]) -> f64 {
           %y = dot %x, %w, batch=[0]x[0], contract=[2]x[1] : f64[5,2]
           %s = reduce add %y, axes=[0,1] : f64
           return %s
         }";
        let ones = |shape: &[usize]| Array::from_slice(shape, &vec![1.0; shape.iter().product()]).unwrap();
        let e = explained(text, &[ones(&[5, 2, 3]), ones(&[5, 3])]);
        let formulas: Vec<&str> = e.steps[1].edges.iter().map(|edge| edge.rule.formula.as_str()).collect();
        // y[i,j] is the sum over k of x[i,j,k] w[i,k].
        assert_eq!(formulas, ["at [i,j,k]: G[i,j] w[i,k]", "at [i,k]: Σ_j G[i,j] x[i,j,k]"]);
    }
}
