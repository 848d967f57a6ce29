//! Log-sum-exp, `log Σ exp x_i`, and its gradient, the softmax.

use pullback::prelude::*;

use super::data::{count, uniform};
use super::{Failure, Objective, Problem, Program};

pub(super) const OBJECTIVE: Objective =
    Objective { name: "lse", sizes: &["n100", "n2500", "n160000", "n1280000"], problem };

fn problem(size: &str) -> Result<Problem, Failure> {
    let n = count(size, 'n')?;
    Ok(Problem::new(vec![uniform(3, &[n])?], move || {
        let lse = trace(&Module::new(), "lse", |g| vec![g.input("x", DType::F64, [n]).logsumexp(0)])?;
        Program::gradient(lse, &[0])
    }))
}
