//! The graph: inputs, constants, calls, and the function that comes out.
//!
//! A [`Graph`] wraps the builder of the tensor IR. `emit.rs` is how the methods of tensors append instructions to it, `region.rs`
//! how closures become regions of control flow.

use std::cell::RefCell;

use pullback_ir::rewrite::{self, ValueMap};
use pullback_ir::{Builder, Comparison, DType, Elements, FuncId, Function, Literal, Module, Op, Origin, Value};

use crate::operand::Number;
use crate::region::Regions;
use crate::tensor::Tensor;

/// The first mistake made while building: the operation, what is wrong, and the line of source that asked for it.
pub use pullback_ir::BuildError as Error;

/// Builds one function of a module.
///
/// Dropping a graph drops the function. The graph outlives its tensors; [`Graph::build`] therefore borrows it.
pub struct Graph<'m> {
    name: String,
    /// Holds the instructions of the body and of the regions traced so far, in one list; `regions` tells them apart.
    pub(crate) builder: Builder<'m>,
    pub(crate) regions: RefCell<Regions>,
    pub(crate) error: RefCell<Option<Error>>,
    /// The line that what is built now is attributed to, if it is not the caller's.
    pub(crate) attributed: RefCell<Option<Origin>>,
}

/// Traces a closure: gives it a new graph, and builds the function that returns the tensors the closure returns.
///
/// # Errors
/// The first mistake made in the closure, with its line of source.
pub fn trace<'m, F>(module: &'m Module, name: &str, model: F) -> Result<Function, Error>
where
    F: for<'g> FnOnce(&'g Graph<'m>) -> Vec<Tensor<'g>>,
{
    let graph = Graph::new(module, name);
    let outputs = model(&graph);
    graph.build(&outputs)
}

/// The function itself.
impl<'m> Graph<'m> {
    /// Starts a function of that name. [`Graph::call`] refers to functions of `module`.
    #[must_use]
    pub fn new(module: &'m Module, name: &str) -> Self {
        let builder = Builder::new(module, name);
        Self {
            name: name.into(),
            builder,
            regions: RefCell::default(),
            error: RefCell::default(),
            attributed: RefCell::default(),
        }
    }

    /// Adds a parameter of the given element type and extents; `[]` is a scalar.
    ///
    /// The name is how the compiled function calls its argument. It must be an identifier (letters, digits, `_`, `.`, not
    /// starting with a digit) that no other tensor of this graph has.
    #[track_caller]
    pub fn input(&self, name: &str, dtype: DType, dims: impl AsRef<[usize]>) -> Tensor<'_> {
        let Some(ty) = self.make_type("input", dtype, dims.as_ref()) else { return self.placeholder() };
        if self.in_region() {
            return self
                .fail("input", format!("{name:?} is an input of the whole function, declare it outside the region"));
        }
        let value = self.builder.param(name, ty);
        let given = self.builder.function().value_name(value).cloned();
        if given.as_deref() != Some(name) {
            return self.fail("input", format!("the name {name:?} is taken or is not an identifier"));
        }
        self.tensor(value)
    }

    /// The function that returns `outputs`.
    ///
    /// # Errors
    /// The first mistake made while building. An output that belongs to another graph is one.
    #[track_caller]
    pub fn build(&self, outputs: &[Tensor<'_>]) -> Result<Function, Error> {
        for output in outputs {
            if !self.owns(*output) {
                self.record("build", "an output belongs to another graph");
            }
            self.check_open("build", *output);
        }
        if self.in_region() {
            self.record("build", "the function cannot be built within a region of it");
        }
        if let Some(error) = &*self.error.borrow() {
            return Err(error.clone());
        }
        // The tensors borrow the graph, so its builder cannot be consumed: what it built is copied into one that can.
        let (source, regions) = (self.builder.function(), self.regions.borrow());
        let copy = Builder::new(self.builder.module(), &self.name);
        let mut map = ValueMap::new();
        for &param in source.params().iter().filter(|&&param| regions.is_body(param)) {
            let name = source.value_name(param).cloned().unwrap_or_default();
            map.insert(param, copy.param(&name, source.ty(param).clone()));
        }
        for &inst in source.insts().iter().filter(|&&inst| regions.is_in_body(inst)) {
            rewrite::copy_inst(&copy, &source, inst, &mut map);
        }
        let results: Vec<Value> = outputs.iter().map(|output| map.expect(&copy, output.value())).collect();
        copy.finish(&results)
    }

    /// Calls a function of the module and returns its results.
    ///
    /// After a mistake the list still has one entry per result of the callee.
    #[track_caller]
    pub fn call(&self, func: FuncId, args: &[Tensor<'_>]) -> Vec<Tensor<'_>> {
        let module = self.builder.module();
        let count = if module.has(func) { module.function(func).results().len() } else { 1 };
        if !args.iter().all(|arg| self.owns(*arg)) {
            self.record("call", "an argument belongs to another graph");
        }
        let results = self.emit_many(Op::Call(func), args, &[]);
        let padding = std::iter::repeat_with(|| self.placeholder());
        results.into_iter().chain(padding).take(count).collect()
    }

    /// As [`Graph::call`], for a callee known to have `N` results: `let [loss, slope] = g.call_array(f, &[x]);`.
    #[track_caller]
    pub fn call_array<const N: usize>(&self, func: FuncId, args: &[Tensor<'_>]) -> [Tensor<'_>; N] {
        let results = self.call(func, args);
        let found = results.len();
        match results.try_into() {
            Ok(results) => results,
            Err(_) => [self.fail("call", format!("the callee has {found} results where {N} are expected")); N],
        }
    }
}

/// A Rust type of elements.
pub trait Element: Copy {
    /// The element type.
    const DTYPE: DType;

    /// Elements of that type.
    fn elements(data: &[Self]) -> Elements;
}

macro_rules! element {
    ($($ty:ty => $Variant:ident;)*) => {
        $(impl Element for $ty {
            const DTYPE: DType = DType::$Variant;
            fn elements(data: &[Self]) -> Elements {
                Elements::$Variant(data.to_vec())
            }
        })*
    };
}

element! {
    f32 => F32;
    f64 => F64;
    i32 => I32;
    i64 => I64;
    u8 => U8;
    bool => Bool;
}

/// Tensors known now.
impl Graph<'_> {
    /// The given elements, row-major (last axis fastest), with the given extents.
    #[track_caller]
    pub fn constant<T: Element>(&self, elements: impl AsRef<[T]>, dims: impl AsRef<[usize]>) -> Tensor<'_> {
        let elements = elements.as_ref();
        let Some(ty) = self.make_type("constant", T::DTYPE, dims.as_ref()) else { return self.placeholder() };
        match Literal::dense(ty.shape.clone(), T::elements(elements)) {
            Some(literal) => self.literal(literal),
            None => self.fail("constant", format!("{} elements for {ty}, expected {}", elements.len(), ty.elements())),
        }
    }

    /// A scalar.
    #[track_caller]
    pub fn scalar<T: Element>(&self, element: T) -> Tensor<'_> {
        self.constant([element], [])
    }

    /// A literal of the tensor IR.
    #[track_caller]
    pub fn literal(&self, literal: Literal) -> Tensor<'_> {
        self.emit(Op::Constant(literal.into()), &[])
    }

    /// Every element is `number`, which must be representable in `dtype` (fractions are rounded in floating-point types).
    #[track_caller]
    pub fn full(&self, dtype: DType, dims: impl AsRef<[usize]>, number: impl Into<Number>) -> Tensor<'_> {
        match self.make_type("full", dtype, dims.as_ref()) {
            Some(ty) => self.splat("full", &ty, number.into()),
            None => self.placeholder(),
        }
    }

    /// Every element is 0.
    #[track_caller]
    pub fn zeros(&self, dtype: DType, dims: impl AsRef<[usize]>) -> Tensor<'_> {
        self.full(dtype, dims, 0)
    }

    /// Every element is 1.
    #[track_caller]
    pub fn ones(&self, dtype: DType, dims: impl AsRef<[usize]>) -> Tensor<'_> {
        self.full(dtype, dims, 1)
    }

    /// The position along `axis` (negative: from the end) as a number, repeated along the other axes.
    #[track_caller]
    pub fn iota(&self, dtype: DType, dims: impl AsRef<[usize]>, axis: isize) -> Tensor<'_> {
        let Some(ty) = self.make_type("iota", dtype, dims.as_ref()) else { return self.placeholder() };
        match crate::axes::normalize(axis, ty.rank()) {
            Ok(axis) => self.emit(Op::Iota { ty: Box::new(ty), axis }, &[]),
            Err(message) => self.fail("iota", message),
        }
    }

    /// `0, 1, …, length - 1`.
    #[track_caller]
    pub fn arange(&self, dtype: DType, length: usize) -> Tensor<'_> {
        self.iota(dtype, [length], 0)
    }

    /// The identity matrix of `size` rows.
    #[track_caller]
    pub fn eye(&self, dtype: DType, size: usize) -> Tensor<'_> {
        let row = self.iota(DType::I64, [size, size], 0);
        let column = self.iota(DType::I64, [size, size], 1);
        row.compare(Comparison::Eq, column).to(dtype)
    }
}
