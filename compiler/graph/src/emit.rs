//! How instructions are appended: every method of tensors goes through [`Graph::emit`].
//!
//! The type of an instruction is inferred before it is emitted, so the builder itself never fails, and the graph keeps the first
//! mistake. Tensors hold a reference to their graph and are recognised by its address; a tensor of another graph is a mistake in
//! both. So is a tensor of a region that has ended.

use std::fmt::Display;

use pullback_ir::infer::infer;
use pullback_ir::{Builder, DType, Function, Literal, Op, Origin, Provenance, Scalar, Shape, Type, Value};

use crate::graph::{Error, Graph};
use crate::operand::Number;
use crate::tensor::Tensor;

impl<'m> Graph<'m> {
    pub(crate) fn tensor(&self, value: Value) -> Tensor<'_> {
        Tensor::new(self, value)
    }

    pub(crate) fn builder(&self) -> &Builder<'m> {
        &self.builder
    }

    pub(crate) fn owns(&self, tensor: Tensor<'_>) -> bool {
        std::ptr::from_ref(self).cast::<()>() == std::ptr::from_ref(tensor.graph()).cast::<()>()
    }

    /// Records a mistake at the user's line, unless there was one before.
    #[track_caller]
    pub(crate) fn record(&self, op: &str, message: impl Display) {
        self.record_at(op, message, self.origin());
    }

    /// The line that instructions built now come from.
    #[track_caller]
    pub(crate) fn origin(&self) -> Origin {
        match &*self.attributed.borrow() {
            Some(origin) => origin.clone(),
            None => Origin::caller(),
        }
    }

    /// Runs `build`, all of whose instructions and mistakes are attributed to `origin`. For closures within compositions: the
    /// chain of callers does not reach into them.
    pub(crate) fn attribute<R>(&self, origin: &Origin, build: impl FnOnce() -> R) -> R {
        let before = self.attributed.borrow_mut().replace(origin.clone());
        let result = build();
        *self.attributed.borrow_mut() = before;
        result
    }

    /// As [`Graph::record`], for a mistake made elsewhere.
    pub(crate) fn record_at(&self, op: &str, message: impl Display, origin: Origin) {
        let mut error = self.error.borrow_mut();
        if error.is_none() {
            *error = Some(Error { op: op.into(), message: message.to_string(), origin: Some(origin) });
        }
    }

    /// Records a mistake and returns a placeholder.
    #[track_caller]
    pub(crate) fn fail(&self, op: &str, message: impl Display) -> Tensor<'_> {
        self.record(op, message);
        self.placeholder()
    }

    /// Stands for every tensor after a mistake, or in place of one that cannot exist.
    pub(crate) fn placeholder(&self) -> Tensor<'_> {
        self.tensor(self.builder.fail("placeholder", "stands for a tensor that could not be built"))
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.error.borrow().is_some()
    }

    #[track_caller]
    pub(crate) fn emit(&self, op: Op, args: &[Tensor<'_>]) -> Tensor<'_> {
        self.emit_many(op, args, &[]).first().copied().unwrap_or_else(|| self.placeholder())
    }

    /// As [`Graph::emit`], for an operation with `N` results.
    #[track_caller]
    pub(crate) fn emit_array<const N: usize>(&self, op: Op, args: &[Tensor<'_>]) -> [Tensor<'_>; N] {
        self.emit_many(op, args, &[]).try_into().unwrap_or_else(|_| [self.placeholder(); N])
    }

    /// Appends an instruction, with regions if it has any, whose provenance is the user's line; after a mistake, returns no
    /// tensors.
    #[track_caller]
    pub(crate) fn emit_many(&self, op: Op, args: &[Tensor<'_>], regions: &[Function]) -> Vec<Tensor<'_>> {
        for arg in args {
            self.check_usable(op.name(), *arg);
        }
        if self.has_failed() {
            return Vec::new();
        }
        let args: Vec<Value> = args.iter().map(|arg| arg.value()).collect();
        let inferred = {
            let function = self.builder.function();
            let types: Vec<&Type> = args.iter().map(|&arg| function.ty(arg)).collect();
            let regions: Vec<_> = regions.iter().map(|region| region.region_type(region.body_region())).collect();
            infer(self.builder.module(), &op, &types, &regions)
        };
        if let Err(message) = inferred {
            self.record(op.name(), message);
            return Vec::new();
        }
        self.builder.set_provenance(Provenance::at(self.origin()));
        let results = self.builder.emit_structured(op, &args, regions);
        self.regions.borrow_mut().place(&self.builder.function(), &results);
        results.into_iter().map(|value| self.tensor(value)).collect()
    }

    /// Records a mistake unless the tensor is one of this graph, in the body or a region that is being traced.
    #[track_caller]
    fn check_usable(&self, op: &str, tensor: Tensor<'_>) {
        if self.owns(tensor) {
            self.check_open(op, tensor);
        } else {
            self.record(op, "the operands belong to two graphs");
            tensor.graph().record(op, "the operands belong to two graphs");
        }
    }

    #[track_caller]
    pub(crate) fn make_type(&self, op: &str, dtype: DType, dims: &[usize]) -> Option<Type> {
        match Type::new(dtype, dims) {
            Ok(ty) => Some(ty),
            Err(error) => {
                self.record(op, error);
                None
            }
        }
    }

    #[track_caller]
    pub(crate) fn make_shape(&self, op: &str, dims: &[usize]) -> Option<Shape> {
        self.make_type(op, DType::F32, dims).map(|ty| ty.shape)
    }

    /// A tensor of type `ty` whose elements are all `number`.
    #[track_caller]
    pub(crate) fn splat(&self, op: &str, ty: &Type, number: Number) -> Tensor<'_> {
        match number.to_scalar(ty.dtype) {
            Ok(scalar) => self.splat_scalar(ty, scalar),
            Err(message) => self.fail(op, message),
        }
    }

    #[track_caller]
    pub(crate) fn splat_scalar(&self, ty: &Type, scalar: Scalar) -> Tensor<'_> {
        self.literal(Literal::splat(scalar, ty.shape.clone()))
    }
}
