//! Derivative rules of the user's own.

use pullback_ir::{CustomRule, Op, Scalar, Value};

use crate::graph::Graph;
use crate::region::{Closed, Open};
use crate::tensor::Tensor;
use crate::tree::{Tree, rebuild};

/// Functions with a derivative rule.
///
/// The closures take what they differentiate by as arguments. They may also use integer and `bool` tensors, and constants, that
/// are in sight, but no other floating-point tensors: a rule says nothing of the derivative by those.
impl Graph<'_> {
    /// What `primal(args)` returns, with the derivative `rule(args, tangents)`: the tangents of the results for tangents of the
    /// arguments, linear in the tangents. Reverse mode transposes it.
    ///
    /// Tangents come as a tree like the arguments and are returned as a tree like the results. Integer and `bool` tensors have
    /// none: in their places zeros come in, and what is returned is ignored.
    ///
    /// ```
    /// # use pullback_graph::trace;
    /// # use pullback_ir::{DType, Module};
    /// # let module = Module::new();
    /// # trace(&module, "f", |g| {
    /// // The square root with the derivative 0 at 0.
    /// let x = g.input("x", DType::F64, [5]);
    /// let y = g.custom_jvp(x, |x| x.sqrt(), |x, t| x.gt(0).select(0.5 * t / x.sqrt(), 0));
    /// # vec![y] })?;
    /// # Ok::<(), pullback_graph::Error>(())
    /// ```
    #[track_caller]
    pub fn custom_jvp<'g, A: Tree<'g>, R: Tree<'g>>(
        &'g self,
        args: A,
        primal: impl FnOnce(A) -> R,
        rule: impl FnOnce(A, A) -> R,
    ) -> R {
        let operands = args.tensors();
        let mut open = self.open_region("custom_jvp");
        let params = self.region_params(&mut open, &operands, "x");
        let result = primal(rebuild(self, &args, &mut params.into_iter()));
        let results = result.tensors();
        let primal = self.close_region("custom_jvp", open, &results);

        let mut open = self.open_region("custom_jvp");
        let params = self.region_params(&mut open, &operands, "x");
        let tangents = self.derivatives(&mut open, &operands, "tangent");
        let tangents =
            rule(rebuild(self, &args, &mut params.into_iter()), rebuild(self, &args, &mut tangents.into_iter()));
        let rule = self.close_region("custom_jvp", open, &tangents.tensors());
        let yielded = self.float_results("custom_jvp", &rule, &results, "tangents");
        let emitted = self.emit_custom(CustomRule::Jvp, operands, &primal, &rule, &yielded);
        rebuild(self, &result, &mut emitted.into_iter())
    }

    /// What `primal(args)` returns, with the derivative `rule(args, results, cotangents)`: the cotangents of the arguments for
    /// cotangents of the results. It serves reverse mode only.
    ///
    /// Cotangents come as a tree like the results and are returned as a tree like the arguments. Integer and `bool` tensors have
    /// none: in their places zeros come in, and what is returned is ignored.
    ///
    /// ```
    /// # use pullback_graph::trace;
    /// # use pullback_ir::{DType, Module};
    /// # let module = Module::new();
    /// # trace(&module, "f", |g| {
    /// // The identity, with a gradient clipped to [-1, 1].
    /// let x = g.input("x", DType::F64, [5]);
    /// let y = g.custom_vjp(x, |x| x, |_, _, cotangent| cotangent.clamp(-1, 1));
    /// # vec![y] })?;
    /// # Ok::<(), pullback_graph::Error>(())
    /// ```
    #[track_caller]
    pub fn custom_vjp<'g, A: Tree<'g>, R: Tree<'g>>(
        &'g self,
        args: A,
        primal: impl FnOnce(A) -> R,
        rule: impl FnOnce(A, R, R) -> A,
    ) -> R {
        let operands = args.tensors();
        let mut open = self.open_region("custom_vjp");
        let params = self.region_params(&mut open, &operands, "x");
        let result = primal(rebuild(self, &args, &mut params.into_iter()));
        let results = result.tensors();
        let primal = self.close_region("custom_vjp", open, &results);

        let mut open = self.open_region("custom_vjp");
        let params = self.region_params(&mut open, &operands, "x");
        let values = self.region_params(&mut open, &results, "y");
        let cotangents = self.derivatives(&mut open, &results, "cotangent");
        let cotangents = rule(
            rebuild(self, &args, &mut params.into_iter()),
            rebuild(self, &result, &mut values.into_iter()),
            rebuild(self, &result, &mut cotangents.into_iter()),
        );
        let rule = self.close_region("custom_vjp", open, &cotangents.tensors());
        let yielded = self.float_results("custom_vjp", &rule, &operands, "cotangents");
        let emitted = self.emit_custom(CustomRule::Vjp, operands, &primal, &rule, &yielded);
        rebuild(self, &result, &mut emitted.into_iter())
    }

    /// Parameters for the tangents or cotangents of the floating-point tensors, zeros for the others.
    #[track_caller]
    fn derivatives<'g>(&'g self, open: &mut Open, like: &[Tensor<'_>], what: &str) -> Vec<Tensor<'g>> {
        let mut derivatives = Vec::with_capacity(like.len());
        for tensor in like {
            let ty = tensor.ty();
            derivatives.push(if ty.dtype.is_float() {
                let name = tensor.name().map_or_else(|| what.into(), |name| format!("{name}_{what}"));
                self.region_param(open, ty, &name)
            } else {
                self.splat_scalar(&ty, Scalar::from_f64(ty.dtype, 0.0))
            });
        }
        derivatives
    }

    /// What a rule yields for the floating-point tensors among `of`.
    #[track_caller]
    fn float_results(&self, op: &str, rule: &Closed, of: &[Tensor<'_>], what: &str) -> Vec<Value> {
        if rule.results.len() != of.len() {
            let (found, expected) = (rule.results.len(), of.len());
            self.record(op, format!("the rule returns {found} {what}, expected {expected}"));
        }
        let pairs = rule.results.iter().zip(of);
        pairs.filter(|(_, tensor)| tensor.dtype().is_float()).map(|(&value, _)| value).collect()
    }

    #[track_caller]
    fn emit_custom<'g>(
        &'g self,
        kind: CustomRule,
        operands: Vec<Tensor<'g>>,
        primal: &Closed,
        rule: &Closed,
        yielded: &[Value],
    ) -> Vec<Tensor<'g>> {
        let mut captured = self.captures(&[primal, rule]);
        captured.retain(|tensor| !self.is_literal(*tensor));
        for tensor in &captured {
            if tensor.dtype().is_float() {
                self.refuse_capture(kind, *tensor, &[primal, rule]);
            }
        }
        let extra: Vec<Value> = captured.iter().map(|tensor| tensor.value()).collect();
        // Captured values are operands behind the user's own, and so are their parameters.
        let params = |region: &Closed| {
            let (own, rest) = region.params.split_at(operands.len().min(region.params.len()));
            [own, &extra, rest].concat()
        };
        let regions = [
            self.region_function(primal, &params(primal), &primal.results),
            self.region_function(rule, &params(rule), yielded),
        ];
        self.emit_many(Op::CustomDerivative(kind), &[&operands[..], &captured[..]].concat(), &regions)
    }

    #[track_caller]
    fn refuse_capture(&self, kind: CustomRule, tensor: Tensor<'_>, regions: &[&Closed]) {
        let op = match kind {
            CustomRule::Jvp => "custom_jvp",
            CustomRule::Vjp => "custom_vjp",
        };
        let message =
            format!("{tensor:?} is used without being an argument, so the rule cannot give the derivative by it");
        match regions.iter().find_map(|region| self.first_use(region, tensor.value())) {
            Some(origin) => self.record_at(op, message, origin),
            None => self.record(op, message),
        }
    }
}
