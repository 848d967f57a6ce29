//! Trees of tensors: what closures of control flow take and return.

use crate::graph::Graph;
use crate::tensor::Tensor;

/// A tensor, or an array, a vector or a tuple of trees: the state of a loop, what a branch returns, the arguments of a custom rule.
///
/// A struct of tensors becomes one by applying the function to its fields:
///
/// ```
/// use pullback_graph::{Tensor, Tree};
///
/// #[derive(Clone)]
/// struct State<'g> {
///     position: Tensor<'g>,
///     velocity: Tensor<'g>,
/// }
///
/// impl<'g> Tree<'g> for State<'g> {
///     fn map_tensors(&self, f: &mut dyn FnMut(Tensor<'g>) -> Tensor<'g>) -> Self {
///         State { position: f(self.position), velocity: f(self.velocity) }
///     }
/// }
/// ```
pub trait Tree<'g>: Sized {
    /// The same structure with `f` applied to every tensor, in an order that is always the same.
    #[must_use]
    fn map_tensors(&self, f: &mut dyn FnMut(Tensor<'g>) -> Tensor<'g>) -> Self;

    /// The tensors in that order.
    #[must_use]
    fn tensors(&self) -> Vec<Tensor<'g>> {
        let mut tensors = Vec::new();
        let _ = self.map_tensors(&mut |tensor| {
            tensors.push(tensor);
            tensor
        });
        tensors
    }
}

impl<'g> Tree<'g> for Tensor<'g> {
    fn map_tensors(&self, f: &mut dyn FnMut(Tensor<'g>) -> Tensor<'g>) -> Self {
        f(*self)
    }
}

impl<'g, T: Tree<'g>, const N: usize> Tree<'g> for [T; N] {
    fn map_tensors(&self, f: &mut dyn FnMut(Tensor<'g>) -> Tensor<'g>) -> Self {
        std::array::from_fn(|index| self[index].map_tensors(f))
    }
}

impl<'g, T: Tree<'g>> Tree<'g> for Vec<T> {
    fn map_tensors(&self, f: &mut dyn FnMut(Tensor<'g>) -> Tensor<'g>) -> Self {
        self.iter().map(|tree| tree.map_tensors(f)).collect()
    }
}

macro_rules! tuple_tree {
    ($($($name:ident)*;)*) => {
        $(impl<'g, $($name: Tree<'g>),*> Tree<'g> for ($($name,)*) {
            #[allow(non_snake_case, unused_variables, clippy::unused_unit, reason = "tuples of all lengths, 0 included")]
            fn map_tensors(&self, f: &mut dyn FnMut(Tensor<'g>) -> Tensor<'g>) -> Self {
                let ($($name,)*) = self;
                ($($name.map_tensors(f),)*)
            }
        })*
    };
}

tuple_tree! {
    ;
    A;
    A B;
    A B C;
    A B C D;
    A B C D E;
    A B C D E F;
    A B C D E F G;
    A B C D E F G H;
}

/// A tree like `like` of tensors from `tensors`; placeholders where they run out, which they do after a mistake only.
pub(crate) fn rebuild<'g, T: Tree<'g>>(
    graph: &'g Graph<'_>,
    like: &T,
    tensors: &mut impl Iterator<Item = Tensor<'g>>,
) -> T {
    like.map_tensors(&mut |_| tensors.next().unwrap_or_else(|| graph.placeholder()))
}
