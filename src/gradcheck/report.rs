//! What a check found.

use std::fmt;

use pullback_ir::Type;

/// Whether a derivative is right, in order of severity.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Verdict {
    /// It agrees with the differences.
    Pass,
    /// The differences are not good enough to tell.
    Unclear,
    /// It disagrees with differences that are good, or at a kink.
    Fail,
}

impl Verdict {
    /// The verdict in a word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Unclear => "unclear",
            Self::Fail => "FAIL",
        }
    }
}

/// The comparison along one direction.
#[derive(Clone, Debug)]
pub struct DirectionCheck {
    /// The direction's Euclidean norm.
    pub norm: f64,
    /// The derivative along the direction as claimed.
    pub claimed: f64,
    /// The same by differences; NaN if none are finite.
    pub difference: f64,
    /// How far the differences may be off themselves, by estimate.
    pub error_estimate: f64,
    /// Claimed and difference apart, relative to the larger of them or to what is typical for a random direction.
    pub relative_error: f64,
    /// The smallest step of the differences.
    pub step: f64,
    /// The slopes on both sides, if there is a kink at the point.
    pub kink: Option<(f64, f64)>,
}

/// What was found for one parameter.
#[derive(Clone, Debug)]
pub struct ArgumentCheck {
    /// The parameter's name, with `%`.
    pub name: String,
    /// The type it was checked in.
    pub ty: Type,
    /// 1 for derivatives of the function, 2 for those of its vector-Jacobian product.
    pub order: u8,
    /// The direction with the worst verdict, and among these the largest relative error.
    pub worst: DirectionCheck,
    /// The largest relative difference of `⟨J v, u⟩` and `⟨v, Jᵀ u⟩`; `None` for a derivative that was given, and for
    /// functions without forward mode.
    pub identity: Option<f64>,
    /// Whether the derivative by this parameter is right.
    pub verdict: Verdict,
    /// What may help, in words: a kink, the element that is most off, differences that cannot tell.
    pub hints: Vec<String>,
}

/// What a gradient check found.
#[derive(Clone, Debug)]
pub struct GradCheckReport {
    /// The function, without `@`.
    pub function: String,
    /// The derivative that was given, without `@`; `None` for the compiler's.
    pub derivative: Option<String>,
    /// Whether the function has `f32`, and was computed in `f64` instead.
    pub is_widened: bool,
    /// Directions for each parameter.
    pub directions: usize,
    /// The largest relative error that passes.
    pub tolerance: f64,
    /// One entry per parameter and order.
    pub arguments: Vec<ArgumentCheck>,
}

impl GradCheckReport {
    /// Whether every derivative is right.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.arguments.iter().all(|argument| argument.verdict == Verdict::Pass)
    }
}

impl fmt::Display for GradCheckReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = self.derivative.as_ref().map(|name| format!("@{name} as the derivative of ")).unwrap_or_default();
        let directions =
            if self.directions == 1 { "1 direction".into() } else { format!("{} directions", self.directions) };
        writeln!(f, "{of}@{}: {directions} for each argument, tolerance {:e}", self.function, self.tolerance)?;
        if self.is_widened {
            writeln!(f, "computed in f64 in the place of f32")?;
        }
        let rows: Vec<[String; 7]> = self.arguments.iter().map(row).collect();
        let head = ["argument", "type", "order", "relative error", "identity", "norm", "verdict"].map(String::from);
        let all = || std::iter::once(&head).chain(&rows);
        let widths: [usize; 7] = std::array::from_fn(|column| all().map(|row| row[column].len()).max().unwrap_or(0));
        writeln!(f)?;
        write_row(f, &head, &widths)?;
        for (argument, row) in self.arguments.iter().zip(&rows) {
            write_row(f, row, &widths)?;
            if argument.verdict != Verdict::Pass {
                let DirectionCheck { claimed, difference, error_estimate, step, .. } = &argument.worst;
                writeln!(
                    f,
                    "    claimed {claimed:.9}, differences give {difference:.9} ± {error_estimate:.1e} (steps from {step:.1e})"
                )?;
            }
            for hint in &argument.hints {
                writeln!(f, "    {hint}")?;
            }
        }
        let right = self.arguments.iter().filter(|argument| argument.verdict == Verdict::Pass).count();
        writeln!(f, "\n{right} of {} pass", self.arguments.len())
    }
}

fn row(argument: &ArgumentCheck) -> [String; 7] {
    [
        argument.name.clone(),
        argument.ty.to_string(),
        argument.order.to_string(),
        format!("{:.1e}", argument.worst.relative_error),
        argument.identity.map_or("-".into(), |identity| format!("{identity:.1e}")),
        format!("{:.3}", argument.worst.norm),
        argument.verdict.name().into(),
    ]
}

fn write_row(f: &mut fmt::Formatter<'_>, row: &[String; 7], widths: &[usize; 7]) -> fmt::Result {
    let cells: Vec<String> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
    writeln!(f, "{}", cells.join("  ").trim_end())
}
