//! Derivatives along a line by central differences, with an estimate of their own error.
//!
//! A central difference with step `h` is off by a multiple of `h²` and by rounding over `h`. From steps `h`, `h/2` and `h/4` two
//! extrapolations after Richardson, `(4 D(h/2) - D(h)) / 3`, are off by multiples of `h⁴`, and from these one that is off by a multiple of
//! `h⁶`; how far it is from the better of the two, and the rounding, say how far it can be trusted. Of a ladder of steps the one with the smallest such estimate is taken, so that a wrong
//! derivative is told from a difference that is not good.
//!
//! The same values also tell a kink: there the differences to the right and to the left tend to different slopes, while those of a smooth function
//! tend to one.

/// Halvings of the step. The smallest is some 1e-7 of the first: a function with thousands of kinks, as of a network of rectified units,
/// has none so near to most points.
const STEPS: usize = 20;
/// The step at which the slopes at both sides are compared: not the smallest, where rounding hides a kink of one element among many.
const KINK_STEP: usize = 13;
/// Ladders tried, each below the one before, where no differences are finite.
const LADDERS: usize = 3;
/// The first step, relative to the scale of the point.
const FIRST: f64 = 0.25;
/// Roundings that a value is assumed to carry.
const ROUNDINGS: f64 = 8.0;
/// A gap between the one-sided slopes that shrinks by less than this over the ladder does not tend to zero.
const KINK_RATIO: f64 = 0.25;

/// The derivative along a line at a point.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Slope {
    /// The derivative.
    pub(super) value: f64,
    /// How far it may be off, by estimate.
    pub(super) error: f64,
    /// The smallest of the steps that it is made from.
    pub(super) step: f64,
    /// The slopes to the left and to the right, if they differ at every step: the function has a kink at the point.
    pub(super) kink: Option<(f64, f64)>,
}

/// What is sampled along a line: the value, and the sum of the magnitudes that were added up for it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Sample {
    pub(super) value: f64,
    pub(super) magnitude: f64,
}

/// The derivative of `at` at 0, where steps are multiples of `scale`; `None` where no differences are finite.
///
/// # Errors
/// Those of `at`.
pub(super) fn slope<E>(scale: f64, mut at: impl FnMut(f64) -> Result<Sample, E>) -> Result<Option<Slope>, E> {
    let centre = at(0.0)?;
    let mut scale = scale;
    for _ in 0..LADDERS {
        if !centre.value.is_finite() {
            break;
        }
        let ladder = ladder(scale, centre, &mut at)?;
        let best = ladder.windows(3).filter_map(extrapolate).min_by(|a, b| a.error.total_cmp(&b.error));
        if let Some(best) = best {
            return Ok(Some(Slope { kink: kink(&ladder), ..best }));
        }
        // The end of the domain may be nearer than the smallest step.
        scale *= 0.5f64.powi(STEPS as i32);
    }
    Ok(None)
}

fn ladder<E>(scale: f64, centre: Sample, at: &mut impl FnMut(f64) -> Result<Sample, E>) -> Result<Vec<Rung>, E> {
    let rung = |halvings: i32| {
        // A power of two times the scale: with a scale that is one, points are hit without rounding.
        let h = scale * FIRST * 0.5f64.powi(halvings);
        let (above, below) = (at(h)?, at(-h)?);
        Ok(Rung {
            h,
            central: (above.value - below.value) / (2.0 * h),
            right: (above.value - centre.value) / h,
            left: (centre.value - below.value) / h,
            noise: ROUNDINGS * f64::EPSILON * above.magnitude.max(below.magnitude) / h,
        })
    };
    (0..STEPS as i32).map(rung).collect()
}

/// The differences of one step.
struct Rung {
    h: f64,
    central: f64,
    right: f64,
    left: f64,
    noise: f64,
}

fn extrapolate(rungs: &[Rung]) -> Option<Slope> {
    let [a, b, c] = rungs else { return None };
    let first = (4.0 * b.central - a.central) / 3.0;
    let second = (4.0 * c.central - b.central) / 3.0;
    let value = (16.0 * second - first) / 15.0;
    let error = (value - second).abs() + c.noise;
    error.is_finite().then_some(Slope { value, error, step: c.h, kink: None })
}

/// The slopes at either side, if they stay apart however small the steps.
///
/// For a smooth function the gap is a multiple of the step, so four halvings make it 16 times smaller; that it must be far above rounding
/// leaves out steps that are too small to tell.
fn kink(ladder: &[Rung]) -> Option<(f64, f64)> {
    let gap = |rung: &Rung| (rung.right - rung.left).abs();
    let is_clear =
        |rung: &&Rung| gap(rung) > 100.0 * rung.noise && gap(rung) > 1e-6 * (rung.left.abs() + rung.right.abs());
    let near = ladder.get(KINK_STEP).filter(is_clear)?;
    let far = ladder.get(KINK_STEP - 4)?;
    (gap(near) > KINK_RATIO * gap(far)).then_some((near.left, near.right))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn slope_of(f: impl Fn(f64) -> f64) -> Option<Slope> {
        slope(1.0, |t| Ok::<_, ()>(Sample { value: f(t), magnitude: f(t).abs() })).unwrap()
    }

    #[test]
    fn the_error_of_a_smooth_slope_is_within_its_estimate_and_small() {
        for (f, derivative) in [
            ((|t| (3.0 * t + 1.0).exp()) as fn(f64) -> f64, 3.0 * std::f64::consts::E),
            (|t| (40.0 * t + 0.3).sin(), 40.0 * 0.3f64.cos()),
            (|t| 1e6 + t, 1.0),
            (|t| (1e-3 + t).sqrt(), 0.5 / 1e-3f64.sqrt()),
        ] {
            let slope = slope_of(f).unwrap();
            assert!((slope.value - derivative).abs() <= slope.error, "{slope:?}, expected {derivative}");
            assert!(slope.error <= 1e-6 * derivative.abs().max(1.0), "{slope:?}");
            assert_eq!(slope.kink, None, "{derivative}");
        }
    }

    #[test]
    fn a_kink_is_told_from_a_bend() {
        let (left, right) = slope_of(|t| t.max(0.0)).unwrap().kink.unwrap();
        assert_eq!((left, right), (0.0, 1.0));
        assert!(slope_of(|t| if t > 0.0 { 2.0 * t + t * t } else { t.sin() }).unwrap().kink.is_some());
        assert_eq!(slope_of(|t| 1e4 * t * t).unwrap().kink, None);
        // Beside the point, where small steps do not reach it.
        let beside = slope_of(|t| (t - 0.01).max(0.0) + 2.0 * t).unwrap();
        assert_eq!(beside.kink, None);
        assert!((beside.value - 2.0).abs() <= 1e-9, "{beside:?}");
    }

    #[test]
    fn there_is_no_slope_where_nothing_is_finite() {
        assert_eq!(slope_of(|_| f64::NAN), None);
        assert_eq!(slope_of(|t| if t == 0.0 { 0.0 } else { f64::NAN }), None);
        assert!((slope_of(|t| (1e-9 + t).ln()).unwrap().value * 1e-9 - 1.0).abs() < 1e-5);
        // Large steps leave the domain, small ones do not.
        assert!((slope_of(|t| (0.01 + t).ln()).unwrap().value - 100.0).abs() < 1e-5);
    }
}
