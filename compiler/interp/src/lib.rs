//! The reference interpreter of the tensor IR.
