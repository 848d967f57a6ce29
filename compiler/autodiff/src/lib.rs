//! Differentiation of the tensor IR: linearize and transpose.
