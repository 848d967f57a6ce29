//! The handle that users hold.

use std::fmt;

use pullback_ir::{DType, Shape, Type, Value};

use crate::graph::Graph;

/// A value of a graph under construction: an immutable tensor of known element type and shape.
///
/// It is a reference and a number, free to copy. All computation is by methods and operators, each of which appends
/// instructions to the graph and returns a new handle.
#[derive(Clone, Copy)]
#[must_use = "operations return a new tensor"]
pub struct Tensor<'g> {
    graph: &'g Graph<'g>,
    value: Value,
}

impl<'g> Tensor<'g> {
    pub(crate) fn new(graph: &'g Graph<'_>, value: Value) -> Self {
        Self { graph, value }
    }

    /// The graph that this tensor belongs to.
    #[must_use]
    pub const fn graph(self) -> &'g Graph<'g> {
        self.graph
    }

    /// The value's number while the graph is being built; the function that comes out numbers its values anew.
    #[must_use]
    pub const fn value(self) -> Value {
        self.value
    }

    /// The element type and the shape.
    #[must_use]
    pub fn ty(self) -> Type {
        self.graph.builder().ty(self.value)
    }

    /// The element type.
    #[must_use]
    pub fn dtype(self) -> DType {
        self.ty().dtype
    }

    /// The shape.
    #[must_use]
    pub fn shape(self) -> Shape {
        self.graph.builder().shape(self.value)
    }

    /// The extents, outermost first.
    #[must_use]
    pub fn dims(self) -> Vec<usize> {
        self.shape().extents()
    }

    /// The number of axes.
    #[must_use]
    pub fn rank(self) -> usize {
        self.shape().rank()
    }

    /// The number of elements.
    #[must_use]
    pub fn size(self) -> usize {
        self.shape().elements()
    }

    /// Names the tensor, for dumps and messages; a number is appended if the name is taken. The first name stays.
    pub fn named(self, name: &str) -> Self {
        self.graph.name_value(self.value, name);
        self
    }

    /// The name, if there is one.
    pub(crate) fn name(self) -> Option<String> {
        let function = self.graph.builder().function();
        let regions = self.graph.regions.borrow();
        regions.name(self.value).or_else(|| function.value_name(self.value).map(|name| &**name)).map(Into::into)
    }
}

impl fmt::Debug for Tensor<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "%{name}: {}", self.ty()),
            None => write!(f, "{}: {}", self.value, self.ty()),
        }
    }
}
