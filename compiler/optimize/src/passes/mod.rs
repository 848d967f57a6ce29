//! One file per pass.
//!
//! A new pass is a file here, a line in [`crate::pipeline`] and a folder of text tests.

pub mod eliminate_common_subexpressions;
pub mod eliminate_dead_code;
pub mod fold_constants;
pub mod inline_calls;
pub mod simplify_algebra;

pub use eliminate_common_subexpressions::ELIMINATE_COMMON_SUBEXPRESSIONS;
pub use eliminate_dead_code::ELIMINATE_DEAD_CODE;
pub use fold_constants::FOLD_CONSTANTS;
pub use inline_calls::INLINE_CALLS;
pub use simplify_algebra::SIMPLIFY_ALGEBRA;
