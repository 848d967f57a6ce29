//! The check itself: directions, cotangents, and what is compared with what.

use pullback_interp::Array;
use pullback_ir::print::value_names;
use pullback_ir::{DType, FuncId, Function, Module, Type, Verified};

use super::GradCheckOptions;
use super::candidate::Candidate;
use super::differences::{Sample, Slope, slope};
use super::report::{ArgumentCheck, DirectionCheck, GradCheckReport, Verdict};
use super::widen::{has_f32, wide, widen};
use crate::error::Error;
use crate::oracle;

/// The most relative difference between forward and reverse mode: they differ by rounding alone.
const IDENTITY_TOLERANCE: f64 = 1e-10;
/// Differences that resolve less than this part of the function's magnitude cannot tell a small derivative from zero.
const RESOLUTION: f64 = 1e-6;
/// The most elements of a parameter that are tried one by one to find the wrong one.
const MAX_LOCATED: usize = 64;

/// Checks the compiler's derivative, or the one given.
pub(super) fn run(
    module: &Verified<Module>,
    func: FuncId,
    derivative: Option<FuncId>,
    inputs: &[Array],
    options: &GradCheckOptions,
) -> Result<GradCheckReport, Error> {
    let source = oracle::inlined(module, func)?;
    check_options(&source, derivative, options)?;
    // Inputs that do not fit are refused in the types that the user knows.
    oracle::run(module, func, inputs)?;
    let is_widened = has_f32(&source);
    let inputs = inputs.iter().map(widen_array).collect::<Result<Vec<_>, _>>()?;
    let names = value_names(module, module.function(func)).into_iter().map(|(_, name)| name).collect();
    let flat = if is_widened { widen(&source)? } else { source.clone() };
    let (flat_module, flat) = oracle::alone(flat, "gradcheck")?;
    let claim = match derivative {
        Some(derivative) => Candidate::given(module, derivative, &source, &options.wrt)?,
        None => Candidate::own(&flat_module, flat, &options.wrt)?,
    };
    let mut random = Random(options.seed);
    let first =
        Check { module: flat_module, func: flat, inputs, names, order: 1, is_own: derivative.is_none(), options };
    let mut arguments = first.run(&claim, &mut random)?;
    if options.second_order {
        let second = first.of_derivative(&mut random)?;
        let claim = Candidate::own(&second.module, second.func, &options.wrt)?;
        arguments.extend(second.run(&claim, &mut random)?);
    }
    Ok(GradCheckReport {
        function: source.name.to_string(),
        derivative: derivative.map(|derivative| module.function(derivative).name.to_string()),
        is_widened,
        directions: options.directions,
        tolerance: options.tolerance,
        arguments,
    })
}

fn check_options(source: &Function, derivative: Option<FuncId>, options: &GradCheckOptions) -> Result<(), Error> {
    oracle::check_wrt(source, &options.wrt)?;
    let fail = |message: String| Err(Error::User(format!("@{}: {message}", source.name)));
    if !source.result_types().any(|ty| ty.dtype.is_float()) {
        return fail("no result is of type f32 or f64: there is nothing to differentiate".into());
    }
    if options.directions == 0 {
        return fail("no directions to check, expected at least 1".into());
    }
    if !(options.tolerance > 0.0 && options.tolerance < 1.0) {
        return fail(format!("a tolerance of {}, expected one between 0 and 1", options.tolerance));
    }
    if options.second_order && derivative.is_some() {
        return fail("second derivatives are checked of the compiler's own derivative only".into());
    }
    Ok(())
}

fn widen_array(array: &Array) -> Result<Array, Error> {
    if array.dtype() == DType::F32 { oracle::array(&wide(&array.ty()), &array.to_f64()) } else { Ok(array.clone()) }
}

/// One function at one point. All types are without `f32`.
struct Check<'a> {
    module: Verified<Module>,
    func: FuncId,
    inputs: Vec<Array>,
    /// Names of the parameters, those of the function that was given first.
    names: Vec<String>,
    order: u8,
    /// Whether the derivative in question is the compiler's, so that forward mode is compared too.
    is_own: bool,
    options: &'a GradCheckOptions,
}

/// The two sides of a comparison along one direction.
struct Comparison {
    check: DirectionCheck,
    identity: Option<f64>,
    verdict: Verdict,
    hints: Vec<String>,
}

impl Check<'_> {
    /// The check of the vector-Jacobian product of this function, at the same point and fixed cotangents.
    fn of_derivative(&self, random: &mut Random) -> Result<Self, Error> {
        let function = pullback_autodiff::vjp(&self.module, self.func, &self.options.wrt)?;
        let inputs = [&self.inputs[..], &self.cotangents(random, false)?].concat();
        let (module, func) = oracle::alone(function, "vjp")?;
        Ok(Self { module, func, inputs, names: self.names.clone(), order: self.order + 1, ..*self })
    }

    fn run(&self, claim: &Candidate, random: &mut Random) -> Result<Vec<ArgumentCheck>, Error> {
        let wrt = &self.options.wrt;
        let mut found: Vec<Vec<Comparison>> = wrt.iter().map(|_| Vec::new()).collect();
        for _ in 0..self.options.directions {
            let cotangents = self.cotangents(random, claim.is_gradient)?;
            let pulled = claim.pull(&self.inputs, &cotangents)?;
            for ((&position, pulled), found) in wrt.iter().zip(&pulled).zip(&mut found) {
                let direction = random.array(&self.inputs[position].ty())?;
                found.push(self.compare(position, &direction, &cotangents, pulled)?);
            }
        }
        let arguments = wrt.iter().zip(found).filter_map(|(&position, found)| self.argument(position, found));
        Ok(arguments.collect())
    }

    /// The comparisons along all directions of one parameter, judged by the worst.
    fn argument(&self, position: usize, found: Vec<Comparison>) -> Option<ArgumentCheck> {
        let identity = found.iter().filter_map(|comparison| comparison.identity).reduce(larger);
        let is_worse = |a: &Comparison, b: &Comparison| {
            a.verdict.cmp(&b.verdict).then(a.check.relative_error.total_cmp(&b.check.relative_error))
        };
        let Comparison { check, mut verdict, mut hints, .. } = found.into_iter().max_by(is_worse)?;
        let agree = identity.is_none_or(|identity| identity <= IDENTITY_TOLERANCE);
        // Where nothing is finite, forward and reverse mode need not agree.
        if !agree && verdict != Verdict::Unclear {
            verdict = Verdict::Fail;
            hints.push("forward and reverse mode disagree: ⟨J v, u⟩ is not ⟨v, Jᵀ u⟩".into());
        }
        let name = self.names.get(position).cloned().unwrap_or_else(|| format!("parameter {position}"));
        let ty = self.inputs[position].ty();
        Some(ArgumentCheck { name, ty, order: self.order, worst: check, identity, verdict, hints })
    }

    fn function(&self) -> &Function {
        self.module.function(self.func)
    }

    /// Cotangents of the floating-point results: random, or for a gradient 1 for the first and zero for the others.
    fn cotangents(&self, random: &mut Random, is_gradient: bool) -> Result<Vec<Array>, Error> {
        let types = self.function().result_types().filter(|ty| ty.dtype.is_float()).enumerate();
        let cotangent = |(position, ty): (usize, &Type)| match (is_gradient, position) {
            (false, _) => random.array(ty),
            (true, 0) => oracle::array(ty, &[1.0]),
            (true, _) => oracle::zeros(ty),
        };
        types.map(cotangent).collect()
    }

    /// The slope of `⟨f, u⟩` along a direction of one parameter.
    fn slope(&self, position: usize, direction: &[f64], cotangents: &[Array]) -> Result<Option<Slope>, Error> {
        let ty = self.inputs[position].ty();
        let point = self.inputs[position].to_f64();
        let mut inputs = self.inputs.clone();
        slope(step_scale(&point), |t| {
            let moved: Vec<f64> = point.iter().zip(direction).map(|(x, v)| x + t * v).collect();
            inputs[position] = oracle::array(&ty, &moved)?;
            let results = oracle::run(&self.module, self.func, &inputs)?;
            let results: Vec<Array> = results.into_iter().filter(|array| array.dtype().is_float()).collect();
            Ok(inner(&results, cotangents))
        })
    }

    fn compare(
        &self,
        position: usize,
        direction: &Array,
        cotangents: &[Array],
        pulled: &Array,
    ) -> Result<Comparison, Error> {
        let claimed = inner(std::slice::from_ref(direction), std::slice::from_ref(pulled)).value;
        let identity = if self.is_own { self.identity(position, direction, cotangents, pulled)? } else { None };
        let slope = if direction.elements.is_empty() {
            // Nothing can be moved, and nothing can be wrong.
            Some(Slope { value: 0.0, error: 0.0, step: 0.0, kink: None })
        } else {
            self.slope(position, &direction.to_f64(), cotangents)?
        };
        let Some(slope) = slope else {
            let check = DirectionCheck {
                norm: norm(direction),
                claimed,
                difference: f64::NAN,
                error_estimate: f64::INFINITY,
                relative_error: f64::NAN,
                step: f64::NAN,
                kink: None,
            };
            let hints = vec!["no differences are finite here: the function is not defined around this point".into()];
            return Ok(Comparison { check, identity, verdict: Verdict::Unclear, hints });
        };
        let check = DirectionCheck {
            norm: norm(direction),
            claimed,
            difference: slope.value,
            error_estimate: slope.error,
            relative_error: self.relative_error(&slope, claimed, direction, cotangents, pulled)?,
            step: slope.step,
            kink: slope.kink,
        };
        // Differences that are not good themselves convict nobody: a kink close by can make them worse than they know.
        let (off, size) = ((slope.value - claimed).abs(), slope.value.abs().max(claimed.abs()));
        let verdict = if check.relative_error <= self.options.tolerance {
            Verdict::Pass
        } else if off <= 2.0 * slope.error || slope.error > 10.0 * self.options.tolerance * size {
            Verdict::Unclear
        } else {
            Verdict::Fail
        };
        let mut hints = Vec::new();
        if verdict == Verdict::Unclear {
            hints.push(format!(
                "the differences themselves are uncertain by {:.1e}: the function is rough or steep around this point",
                slope.error
            ));
        }
        if let Some((left, right)) = slope.kink {
            let (left, right) = (number(left), number(right));
            hints.push(format!(
                "a kink: along this direction the slope is {left} on one side and {right} on the other; there is no derivative \
                 at this point, and what is claimed is a convention"
            ));
        } else if verdict == Verdict::Fail {
            hints.extend(self.locate(position, cotangents, pulled)?);
        }
        Ok(Comparison { check, identity, verdict, hints })
    }

    /// How far claimed derivative and slope are apart; infinite if one is NaN.
    ///
    /// Relative to the larger of them, or to what a product with a random direction typically is: one that comes out small by chance is not held
    /// to more. Where the differences are as good as they can be, what they cannot tell from zero counts as zero.
    fn relative_error(
        &self,
        slope: &Slope,
        claimed: f64,
        direction: &Array,
        cotangents: &[Array],
        pulled: &Array,
    ) -> Result<f64, Error> {
        let off = (slope.value - claimed).abs();
        let typical = norm(pulled) * norm(direction) / (direction.elements.len().max(1) as f64).sqrt();
        let mut size = slope.value.abs().max(claimed.abs()).max(if typical.is_finite() { typical } else { 0.0 });
        if slope.error <= RESOLUTION * self.magnitude(cotangents)? {
            size = size.max(2.0 * slope.error / self.options.tolerance);
        }
        let relative = if off == 0.0 { 0.0 } else { off / size };
        Ok(if relative.is_nan() { f64::INFINITY } else { relative })
    }

    /// The sum of the magnitudes in `⟨f, u⟩` at the point.
    fn magnitude(&self, cotangents: &[Array]) -> Result<f64, Error> {
        let results = oracle::run(&self.module, self.func, &self.inputs)?;
        let results: Vec<Array> = results.into_iter().filter(|array| array.dtype().is_float()).collect();
        Ok(inner(&results, cotangents).magnitude)
    }

    /// The relative difference between `⟨J v, u⟩` and `⟨v, Jᵀ u⟩`; `None` for a function that has no forward mode, such as one with a
    /// reverse rule of the user's.
    fn identity(
        &self,
        position: usize,
        direction: &Array,
        cotangents: &[Array],
        pulled: &Array,
    ) -> Result<Option<f64>, Error> {
        let forward = match pullback_autodiff::jvp(&self.module, self.func, &[position]) {
            Ok(forward) => forward,
            Err(error @ pullback_autodiff::Error::Bug { .. }) => return Err(error.into()),
            Err(_) => return Ok(None),
        };
        let (module, func) = oracle::alone(forward, "jvp")?;
        let mut inputs = self.inputs.clone();
        inputs.push(direction.clone());
        let tangents = oracle::run(&module, func, &inputs)?.split_off(self.function().results().len());
        let forward = inner(&tangents, cotangents);
        let reverse = inner(std::slice::from_ref(direction), std::slice::from_ref(pulled));
        let size = forward.magnitude.max(reverse.magnitude);
        Ok(Some(if size == 0.0 { 0.0 } else { (forward.value - reverse.value).abs() / size }))
    }

    /// Tries the elements of a small parameter one by one and names the one that is most off.
    fn locate(&self, position: usize, cotangents: &[Array], pulled: &Array) -> Result<Option<String>, Error> {
        let shape = &self.inputs[position].shape;
        let count = shape.elements();
        if !(2..=MAX_LOCATED).contains(&count) {
            return Ok(None);
        }
        let mut worst: Option<(f64, usize, f64, f64)> = None;
        for (element, claimed) in pulled.to_f64().into_iter().enumerate() {
            let unit: Vec<f64> = (0..count).map(|other| f64::from(u8::from(other == element))).collect();
            if let Some(slope) = self.slope(position, &unit, cotangents)? {
                let off = (slope.value - claimed).abs();
                if worst.is_none_or(|(known, ..)| off > known) {
                    worst = Some((off, element, claimed, slope.value));
                }
            }
        }
        Ok(worst.map(|(_, mut element, claimed, difference)| {
            let mut index = Vec::new();
            for extent in shape.extents().into_iter().rev() {
                index.insert(0, (element % extent).to_string());
                element /= extent;
            }
            let (claimed, difference) = (number(claimed), number(difference));
            format!("most off at element [{}]: claimed {claimed}, differences give {difference}", index.join(","))
        }))
    }
}

/// What steps are measured in: the size of a point's elements, within bounds that keep steps both small and above rounding.
fn step_scale(point: &[f64]) -> f64 {
    let count = point.len().max(1) as f64;
    let size = (point.iter().map(|x| x * x).sum::<f64>() / count).sqrt();
    if size.is_finite() { size.clamp(1e-3, 1.0).max(size * 1e-4) } else { 1.0 }
}

/// The sum of products. A zero on either side leaves a result out, also one that is not finite.
fn inner(x: &[Array], y: &[Array]) -> Sample {
    let pairs = x.iter().zip(y).flat_map(|(x, y)| x.to_f64().into_iter().zip(y.to_f64()));
    let products = pairs.map(|(x, y)| if x == 0.0 || y == 0.0 { 0.0 } else { x * y });
    products.fold(Sample { value: 0.0, magnitude: 0.0 }, |sum, product| Sample {
        value: sum.value + product,
        magnitude: sum.magnitude + product.abs(),
    })
}

fn norm(array: &Array) -> f64 {
    array.to_f64().iter().fold(0.0, |sum, x| sum + x * x).sqrt()
}

/// The larger of two errors; NaN if one is.
fn larger(a: f64, b: f64) -> f64 {
    if a.is_nan() || a > b { a } else { b }
}

/// A number for a message.
fn number(x: f64) -> String {
    format!("{x:.6}")
}

/// Pseudo-random numbers by SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Elements of magnitudes between one half and one, with random signs.
    fn array(&mut self, ty: &Type) -> Result<Array, Error> {
        let element = || {
            let bits = self.next();
            let magnitude = 0.5 + 0.5 * (bits >> 11) as f64 / (1u64 << 53) as f64;
            if bits & 1 == 0 { magnitude } else { -magnitude }
        };
        oracle::array(ty, &std::iter::repeat_with(element).take(ty.elements()).collect::<Vec<_>>())
    }
}
