//! The runtime's routines, from their definitions: sorting by comparison, linear algebra in `f64`, rounded once at the end.

use std::cmp::Ordering;

use pullback_ir::Scalar;

use super::{Error, Run};
use crate::call::{Access, Routine, RuntimeCall, View};

impl Run<'_> {
    pub(super) fn call(&mut self, call: &RuntimeCall) -> Result<(), Error> {
        match (call.routine, &call.views[..]) {
            (Routine::Argsort { descending, refine }, [out, _, keys]) => self.argsort(out, keys, descending, refine)?,
            (Routine::Cholesky, [out, a]) => self.cholesky(out, a)?,
            (Routine::TriangularSolve { lower, unit }, [x, a]) => self.triangular_solve(x, a, lower, unit)?,
            (_, _) => return Err(self.invalid("a call with operands that it does not take")),
        }
        for (view, _) in call.operands().filter(|(_, access)| *access == Access::Scratch) {
            self.memory.forget(view.buffer);
        }
        Ok(())
    }

    /// The place in its buffer of a position of a view.
    fn place_in(&self, view: &View, position: &[usize]) -> i128 {
        let axes = view.axes.iter().zip(position);
        axes.fold(self.index(&view.index), |at, (axis, &position)| at + i128::from(axis.stride) * position as i128)
    }

    fn get(&self, view: &View, position: &[usize]) -> Result<Scalar, Error> {
        self.memory.load(view.buffer, self.place_in(view, position), &self.place)
    }

    fn put(&mut self, view: &View, position: &[usize], value: Scalar) -> Result<(), Error> {
        let at = self.place_in(view, position);
        self.memory.store(view.buffer, at, value, &self.place)
    }

    fn argsort(&mut self, out: &View, keys: &View, descending: bool, refine: bool) -> Result<(), Error> {
        let count = keys.axes[0].extent;
        let mut places: Vec<usize> = (0..count).collect();
        if refine {
            for (number, place) in places.iter_mut().enumerate() {
                let found = self.get(out, &[number])?.to_f64();
                *place = if found < 0.0 { count - 1 } else { (found as usize).min(count - 1) };
            }
        }
        let values: Vec<Scalar> = (0..count).map(|place| self.get(keys, &[place])).collect::<Result<_, _>>()?;
        places.sort_by(|&x, &y| {
            let order = compare(values[x], values[y]);
            if descending { order.reverse() } else { order }
        });
        for (number, place) in places.into_iter().enumerate() {
            self.put(out, &[number], Scalar::I32(place as i32))?;
        }
        Ok(())
    }

    fn cholesky(&mut self, out: &View, a: &View) -> Result<(), Error> {
        let n = a.axes[0].extent;
        let mut l = vec![vec![0.0; n]; n];
        let mut is_positive = true;
        for i in 0..n {
            for j in 0..=i {
                let sum: f64 = (0..j).map(|k| l[i][k] * l[j][k]).sum();
                let rest = self.get(a, &[i, j])?.to_f64() - sum;
                l[i][j] = if i == j { rest.sqrt() } else { rest / l[j][j] };
                is_positive &= i != j || rest > 0.0;
            }
        }
        let dtype = self.program.buffers[out.buffer].dtype;
        for (i, row) in l.iter().enumerate() {
            for (j, &element) in row.iter().enumerate() {
                let value = if is_positive { element } else { f64::NAN };
                self.put(out, &[i, j], Scalar::from_f64(dtype, value))?;
            }
        }
        Ok(())
    }

    fn triangular_solve(&mut self, x: &View, a: &View, lower: bool, unit: bool) -> Result<(), Error> {
        let (n, m) = (x.axes[0].extent, x.axes[1].extent);
        let dtype = self.program.buffers[x.buffer].dtype;
        for column in 0..m {
            let mut solution = vec![0.0; n];
            for step in 0..n {
                let (row, known) = if lower { (step, 0..step) } else { (n - 1 - step, n - step..n) };
                let mut rest = self.get(x, &[row, column])?.to_f64();
                for k in known {
                    rest -= self.get(a, &[row, k])?.to_f64() * solution[k];
                }
                solution[row] = if unit { rest } else { rest / self.get(a, &[row, row])?.to_f64() };
            }
            for (row, &value) in solution.iter().enumerate() {
                self.put(x, &[row, column], Scalar::from_f64(dtype, value))?;
            }
        }
        Ok(())
    }
}

/// NaN behind all numbers and like other NaN, the zeros alike, false before true.
fn compare(x: Scalar, y: Scalar) -> Ordering {
    let integer = |scalar: Scalar| match scalar {
        Scalar::I32(x) => Some(i64::from(x)),
        Scalar::I64(x) => Some(x),
        Scalar::U8(x) => Some(i64::from(x)),
        Scalar::Bool(x) => Some(i64::from(x)),
        Scalar::F32(_) | Scalar::F64(_) => None,
    };
    if let (Some(x), Some(y)) = (integer(x), integer(y)) {
        return x.cmp(&y);
    }
    let (x, y) = (x.to_f64(), y.to_f64());
    x.partial_cmp(&y).unwrap_or_else(|| x.is_nan().cmp(&y.is_nan()))
}
