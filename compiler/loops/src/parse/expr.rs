//! What stands behind `=`, and positions in memory.

use pullback_ir::{Binary, Comparison, ParseError, Reduction, Unary};

use smallvec::SmallVec;

use super::Parser;
use crate::call::{Routine, RuntimeCall, View, ViewAxis};
use crate::program::{Affine, Expr, Gemm, Matrix, Pack, Packed, Place, Rhs, Var, VarType};

impl Parser<'_> {
    /// An expression and its type.
    pub(super) fn expr(&mut self) -> Result<(Expr, VarType), ParseError> {
        let start = self.cursor.start();
        let op = self.cursor.word();
        if op == "const" {
            // The type stands behind the number.
            let (place, number) = self.cursor.token();
            let ty = self.result_type()?;
            return Ok((Expr::Const(self.scalar(place, number, ty.dtype)?), ty));
        }
        let expr = match op {
            "position" => {
                let index = self.affine()?;
                Expr::Position { index, lane_stride: self.lane_stride()? }
            }
            "load" => Expr::Load(self.place()?),
            "splat" => Expr::Splat(self.var()?),
            "mul_add" => {
                let [x, y, z] = self.three()?;
                Expr::MulAdd(x, y, z)
            }
            "compare" => {
                let predicate = self.one_of(Comparison::ALL, Comparison::name, "a predicate")?;
                let [x, y] = self.two()?;
                Expr::Compare(predicate, x, y)
            }
            "is_finite" => Expr::IsFinite(self.var()?),
            "select" => {
                let [x, y, z] = self.three()?;
                Expr::Select(x, y, z)
            }
            "convert" => Expr::Convert(self.var()?),
            "bitcast" => Expr::Bitcast(self.var()?),
            "reduce_lanes" => {
                let kind = self.one_of(Reduction::ALL, Reduction::kind_name, "a reduction")?;
                Expr::ReduceLanes(kind, self.var()?)
            }
            _ => {
                if let Some(&op) = Unary::ALL.iter().find(|unary| unary.info().name == op) {
                    Expr::Unary(op, self.var()?)
                } else if let Some(&op) = Binary::ALL.iter().find(|binary| binary.info().name == op) {
                    let [x, y] = self.two()?;
                    Expr::Binary(op, x, y)
                } else {
                    return Err(self.cursor.fail_at(start, format!("found `{op}`, expected an operation")));
                }
            }
        };
        Ok((expr, self.result_type()?))
    }

    fn result_type(&mut self) -> Result<VarType, ParseError> {
        self.cursor.expect(":")?;
        self.var_type()
    }

    fn one_of<T: Copy>(&mut self, all: &[T], name: impl Fn(T) -> &'static str, what: &str) -> Result<T, ParseError> {
        let start = self.cursor.start();
        let found = self.cursor.word();
        let missing = || self.cursor.fail_at(start, format!("found `{found}`, expected {what}"));
        all.iter().copied().find(|&item| name(item) == found).ok_or_else(missing)
    }

    fn two(&mut self) -> Result<[Var; 2], ParseError> {
        let x = self.var()?;
        self.cursor.expect(",")?;
        Ok([x, self.var()?])
    }

    fn three(&mut self) -> Result<[Var; 3], ParseError> {
        let [x, y] = self.two()?;
        self.cursor.expect(",")?;
        Ok([x, y, self.var()?])
    }

    /// `stride 3`, or nothing for neighbours.
    fn lane_stride(&mut self) -> Result<i64, ParseError> {
        if self.cursor.eat_word("stride") { self.cursor.integer() } else { Ok(1) }
    }

    /// `%x[i0 + 1]`, perhaps with a lane stride.
    pub(super) fn place(&mut self) -> Result<Place, ParseError> {
        let buffer = self.buffer_name()?;
        self.cursor.expect("[")?;
        let index = self.affine()?;
        self.cursor.expect("]")?;
        Ok(Place { buffer, index, lane_stride: self.lane_stride()? })
    }

    fn buffer_name(&mut self) -> Result<crate::program::Buffer, ParseError> {
        let start = self.cursor.start();
        let name = self.cursor.name('%')?;
        let missing = || self.cursor.fail_at(start, format!("there is no buffer %{name}"));
        self.buffers.get(name).copied().ok_or_else(missing)
    }

    /// `%x[i0; 8, 1]`: first position, row stride, column stride.
    fn matrix(&mut self) -> Result<Matrix, ParseError> {
        let buffer = self.buffer_name()?;
        self.cursor.expect("[")?;
        let index = self.affine()?;
        self.cursor.expect(";")?;
        let row_stride = self.cursor.integer()?;
        self.cursor.expect(",")?;
        let column_stride = self.cursor.integer()?;
        self.cursor.expect("]")?;
        Ok(Matrix { buffer, index, row_stride, column_stride })
    }

    /// `2x3x4`.
    fn extents<const N: usize>(&mut self, what: &str, example: &str) -> Result<[usize; N], ParseError> {
        let start = self.cursor.start();
        let sizes = self.cursor.word();
        let mut parsed = Vec::new();
        for size in sizes.split('x') {
            parsed.push(self.cursor.digits(start, size, example)?);
        }
        let wrong = |_| self.cursor.fail_at(start, format!("found `{sizes}`, expected {what}"));
        parsed.try_into().map_err(wrong)
    }

    /// `%p[i0]`: the position of a packed matrix.
    fn packed(&mut self) -> Result<Packed, ParseError> {
        let buffer = self.buffer_name()?;
        self.cursor.expect("[")?;
        let index = self.affine()?;
        self.cursor.expect("]")?;
        Ok(Packed { buffer, index })
    }

    /// `f32 3x4 %p[…] = %b[…]`.
    pub(super) fn pack(&mut self) -> Result<Pack, ParseError> {
        let dtype = self.dtype()?;
        let [k, n] = self.extents("two extents such as 3x4", "rows and columns such as 3x4")?;
        let to = self.packed()?;
        self.cursor.expect("=")?;
        Ok(Pack { dtype, k, n, from: self.matrix()?, to })
    }

    /// `f32 2x3x4 %y[…] = %a[…] * %b[…]`, or `… * packed %p[…]`.
    pub(super) fn gemm(&mut self) -> Result<Gemm, ParseError> {
        let dtype = self.dtype()?;
        let [m, n, k] = self.extents("three extents such as 2x3x4", "rows, columns and depth such as 2x3x4")?;
        let out = self.matrix()?;
        let accumulate = self.cursor.eat("+=");
        if !accumulate {
            self.cursor.expect("=")?;
        }
        let lhs = self.matrix()?;
        self.cursor.expect("*")?;
        let rhs =
            if self.cursor.eat_word("packed") { Rhs::Packed(self.packed()?) } else { Rhs::Matrix(self.matrix()?) };
        Ok(Gemm { dtype, m, n, k, out, lhs, rhs, accumulate })
    }

    /// `argsort descending %order[0; 8 by 1], …`: a routine with its flags, then its views.
    pub(super) fn call(&mut self) -> Result<RuntimeCall, ParseError> {
        let start = self.cursor.start();
        let mut words = Vec::new();
        while !self.cursor.peek_word().is_empty() {
            words.push(self.cursor.word());
        }
        let Some(routine) = Routine::all().into_iter().find(|routine| routine.words() == words) else {
            let found = words.join(" ");
            return Err(self.cursor.fail_at(start, format!("found `{found}`, expected a routine of the runtime")));
        };
        let mut views = vec![self.view()?];
        while self.cursor.eat(",") {
            views.push(self.view()?);
        }
        Ok(RuntimeCall { routine, views })
    }

    /// `%x[i0; 3 by 8, 2 by 1]`: first position, then extent and stride of each axis.
    fn view(&mut self) -> Result<View, ParseError> {
        let buffer = self.buffer_name()?;
        self.cursor.expect("[")?;
        let index = self.affine()?;
        let mut axes = SmallVec::new();
        self.cursor.expect(";")?;
        loop {
            let extent = self.cursor.size()?;
            self.cursor.keyword("by")?;
            axes.push(ViewAxis { extent, stride: self.cursor.integer()? });
            if !self.cursor.eat(",") {
                self.cursor.expect("]")?;
                return Ok(View { buffer, index, axes });
            }
        }
    }

    /// A sum of counters with factors, and at most one constant.
    fn affine(&mut self) -> Result<Affine, ParseError> {
        let mut sum = Affine::default();
        let mut has_constant = false;
        let mut is_negative = self.cursor.eat("-");
        loop {
            let place = self.cursor.start();
            let is_counter = self.cursor.peek_word().starts_with('i');
            let magnitude = if is_counter {
                1
            } else {
                let word = self.cursor.word();
                self.cursor.digits(place, word, "a number or a counter")?
            };
            let value = self.cursor.signed(place, is_negative, magnitude)?;
            if is_counter || self.cursor.eat("*") {
                self.term(&mut sum, value)?;
            } else if std::mem::replace(&mut has_constant, true) {
                return Err(self.cursor.fail_at(place, "a second constant in a sum"));
            } else {
                sum.offset = value;
            }
            is_negative = self.cursor.eat("-");
            if !is_negative && !self.cursor.eat("+") {
                return Ok(sum);
            }
        }
    }

    fn term(&mut self, sum: &mut Affine, coefficient: i64) -> Result<(), ParseError> {
        let (place, number) = self.number('i', "a counter")?;
        let Some(&index) = self.counters.get(&number) else {
            return Err(self.cursor.fail_at(place, format!("there is no loop with the counter i{number} before")));
        };
        match sum.terms.binary_search_by_key(&index, |term| term.0) {
            Err(position) if coefficient != 0 => {
                sum.terms.insert(position, (index, coefficient));
                Ok(())
            }
            Err(_) => Err(self.cursor.fail_at(place, "the factor of a counter is 0")),
            Ok(_) => Err(self.cursor.fail_at(place, format!("i{number} twice in a sum"))),
        }
    }
}
