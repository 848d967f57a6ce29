//! Einstein's summation convention: products of tensors whose axes have names.
//!
//! An expression is turned into what one would write by hand. Axes of one operand that nothing else has are summed first; then
//! two operands at a time, from the left, are combined: axes that both have and that are needed later are batch axes, those not
//! needed any more are contracted, which makes a `dot`; without any of the latter it is a product with broadcasting. The order of
//! contraction is that of the operands: write them so that intermediate results stay small.

use std::collections::BTreeSet;

use pullback_ir::DotDims;

use crate::graph::Graph;
use crate::tensor::Tensor;

/// The axes of the operands and of the result, as letters.
struct Expression {
    operands: Vec<Vec<char>>,
    result: Vec<char>,
}

impl Expression {
    fn parse(text: &str) -> Result<Self, String> {
        let compact: String = text.chars().filter(|letter| !letter.is_whitespace()).collect();
        if let Some(other) = compact.chars().find(|&letter| !letter.is_ascii_alphabetic() && !",->".contains(letter)) {
            return Err(format!("{other:?} in {text:?}, expected letters, commas and ->"));
        }
        let (left, right) = match compact.split_once("->") {
            Some((left, right)) => (left, Some(right)),
            None => (compact.as_str(), None),
        };
        let misplaced = |part: &str| part.contains(['-', '>']);
        if misplaced(left) || right.is_some_and(|right| misplaced(right) || right.contains(',')) {
            return Err(format!("{text:?}, expected operands, separated by commas, and one result behind ->"));
        }
        let operands: Vec<Vec<char>> = left.split(',').map(|axes| axes.chars().collect()).collect();
        let result = right.map_or_else(|| letters_used_once(left), |right| right.chars().collect());
        for (position, letter) in result.iter().enumerate() {
            if !left.contains(*letter) {
                return Err(format!("the result of {text:?} has the axis {letter:?}, which no operand has"));
            }
            if result[..position].contains(letter) {
                return Err(format!("the result of {text:?} has the axis {letter:?} twice"));
            }
        }
        Ok(Self { operands, result })
    }

    /// The letters that the result, or an operand from this position on, has.
    fn needed(&self, from: usize) -> BTreeSet<char> {
        self.operands[from..].iter().flatten().chain(&self.result).copied().collect()
    }
}

/// In alphabetical order, as the convention of NumPy has it where no result is written.
fn letters_used_once(left: &str) -> Vec<char> {
    let letters: BTreeSet<char> = left.chars().filter(char::is_ascii_alphabetic).collect();
    letters.into_iter().filter(|letter| left.matches(*letter).count() == 1).collect()
}

/// A tensor whose axes have names.
#[derive(Clone)]
struct Named<'g> {
    tensor: Tensor<'g>,
    axes: Vec<char>,
}

impl<'g> Graph<'_> {
    /// The sum of products that an expression such as `"bij,bjk->bik"` says: letters name axes; those that the result has not are
    /// summed over.
    ///
    /// A letter that an operand has twice means its diagonal. Without `->`, the result has the letters that occur once, in
    /// alphabetical order. All operands have one numeric element type.
    ///
    /// ```
    /// # use pullback_graph::trace;
    /// # use pullback_ir::{DType, Module};
    /// # let module = Module::new();
    /// # trace(&module, "f", |g| {
    /// let (q, k) = (g.input("q", DType::F32, [2, 5, 8]), g.input("k", DType::F32, [2, 7, 8]));
    /// let scores = g.einsum("btd,bsd->bts", &[q, k]);
    /// assert_eq!(scores.dims(), [2, 5, 7]);
    /// # vec![scores] })?;
    /// # Ok::<(), pullback_graph::Error>(())
    /// ```
    #[track_caller]
    pub fn einsum(&'g self, expression: &str, operands: &[Tensor<'g>]) -> Tensor<'g> {
        let parsed =
            Expression::parse(expression).and_then(|parsed| check(&parsed, expression, operands).map(|()| parsed));
        let parsed = match parsed {
            Ok(parsed) => parsed,
            Err(message) => return self.fail("einsum", message),
        };
        let mut product: Option<Named<'g>> = None;
        for (position, (&tensor, axes)) in operands.iter().zip(&parsed.operands).enumerate() {
            let mut operand = Named { tensor, axes: axes.clone() }.diagonals();
            let later = parsed.needed(position + 1);
            let others: BTreeSet<char> = match &product {
                Some(product) => later.iter().chain(&product.axes).copied().collect(),
                None => later.clone(),
            };
            operand = operand.sum_over_all_but(&others);
            product = Some(match product {
                Some(product) => product.times(operand, &later),
                None => operand,
            });
        }
        match product {
            Some(product) if !self.has_failed() => product.order(&parsed.result),
            _ => self.placeholder(),
        }
    }
}

/// Whether the operands are such as the expression says.
fn check(parsed: &Expression, text: &str, operands: &[Tensor<'_>]) -> Result<(), String> {
    if parsed.operands.len() != operands.len() {
        return Err(format!("{text:?} names {} operands, found {}", parsed.operands.len(), operands.len()));
    }
    let mut extents: Vec<(char, usize)> = Vec::new();
    for (position, (axes, operand)) in parsed.operands.iter().zip(operands).enumerate() {
        let dims = operand.dims();
        if axes.len() != dims.len() {
            let axes: String = axes.iter().collect();
            return Err(format!("operand {position} is {}, {text:?} names its axes {axes:?}", operand.ty()));
        }
        for (&letter, &extent) in axes.iter().zip(&dims) {
            match extents.iter().find(|(other, _)| *other == letter) {
                Some(&(_, other)) if other != extent => {
                    return Err(format!(
                        "the axis {letter:?} of {text:?} has extent {other}, and {extent} in operand {position}"
                    ));
                }
                Some(_) => {}
                None => extents.push((letter, extent)),
            }
        }
        if operand.dtype() != operands[0].dtype() {
            return Err(format!("operands {} and {}, expected one element type", operands[0].ty(), operand.ty()));
        }
    }
    Ok(())
}

impl Named<'_> {
    /// With axes of one name made one.
    #[track_caller]
    fn diagonals(mut self) -> Self {
        loop {
            let twice = self.axes.iter().enumerate().find_map(|(second, letter)| {
                self.axes[..second].iter().position(|other| other == letter).map(|first| (first, second))
            });
            let Some((first, second)) = twice else { return self };
            let order = (0..self.axes.len()).filter(|&axis| axis != first && axis != second).chain([first, second]);
            let order: Vec<isize> = order.map(usize::cast_signed).collect();
            let letter = self.axes.remove(second);
            self.axes.remove(first);
            self.axes.push(letter);
            self.tensor = self.tensor.permute(order).diagonal();
        }
    }

    /// Summed over the axes that are not in `kept`.
    #[track_caller]
    fn sum_over_all_but(self, kept: &BTreeSet<char>) -> Self {
        let gone = |letter: &char| !kept.contains(letter);
        let axes: Vec<isize> =
            (0..self.axes.len()).filter(|&axis| gone(&self.axes[axis])).map(usize::cast_signed).collect();
        let tensor = self.tensor.sum_axes(axes);
        Self { tensor, axes: self.axes.into_iter().filter(|letter| !gone(letter)).collect() }
    }

    fn axis(&self, letter: char) -> Option<usize> {
        self.axes.iter().position(|&other| other == letter)
    }

    /// The product, summed over the axes that both have and that are not needed later.
    #[track_caller]
    fn times(self, right: Self, later: &BTreeSet<char>) -> Self {
        let mut batch = Vec::new();
        let (mut lhs_batch, mut rhs_batch) = (Vec::new(), Vec::new());
        let (mut lhs_contract, mut rhs_contract) = (Vec::new(), Vec::new());
        for (left_axis, &letter) in self.axes.iter().enumerate() {
            match right.axis(letter) {
                Some(right_axis) if later.contains(&letter) => {
                    batch.push(letter);
                    lhs_batch.push(left_axis);
                    rhs_batch.push(right_axis);
                }
                Some(right_axis) => {
                    lhs_contract.push(left_axis);
                    rhs_contract.push(right_axis);
                }
                None => {}
            }
        }
        let only = |one: &Self, other: &Self| -> Vec<char> {
            one.axes.iter().copied().filter(|&letter| other.axis(letter).is_none()).collect()
        };
        let axes = [batch, only(&self, &right), only(&right, &self)].concat();
        if lhs_contract.is_empty() {
            let tensor = self.spread(&axes) * right.spread(&axes);
            return Self { tensor, axes };
        }
        let dims = DotDims {
            lhs_batch: lhs_batch.into(),
            rhs_batch: rhs_batch.into(),
            lhs_contract: lhs_contract.into(),
            rhs_contract: rhs_contract.into(),
        };
        Self { tensor: self.tensor.dot_general(right.tensor, dims), axes }
    }
}

impl<'g> Named<'g> {
    /// With these axes in this order, of extent 1 where there was none.
    #[track_caller]
    fn spread(&self, axes: &[char]) -> Tensor<'g> {
        let present: Vec<char> = axes.iter().copied().filter(|&letter| self.axis(letter).is_some()).collect();
        let tensor = self.clone().order(&present);
        let mut dims = tensor.dims().into_iter();
        let mut extents = Vec::with_capacity(axes.len());
        for letter in axes {
            extents.push(if present.contains(letter) { dims.next().unwrap_or(1) } else { 1 });
        }
        if tensor.graph().has_failed() { tensor } else { tensor.reshape_to(&extents) }
    }

    /// With the axes in this order.
    #[track_caller]
    fn order(self, axes: &[char]) -> Tensor<'g> {
        let order: Vec<isize> = axes.iter().filter_map(|&letter| self.axis(letter)).map(usize::cast_signed).collect();
        self.tensor.permute(order)
    }
}
