//! One file per pass.
//!
//! A new pass is a file here, a line in [`crate::pipeline`] and a folder of text tests.

pub mod assemble_sums;
pub mod channels_last;
pub mod dissolve_concatenations;
pub mod eliminate_common_subexpressions;
pub mod eliminate_dead_code;
pub mod expand_operations;
pub mod fold_constants;
pub mod hoist_invariants;
pub mod inline_calls;
pub mod inline_regions;
pub mod merge_products;
pub mod narrow_values;
mod part;
pub mod simplify_algebra;
pub mod simplify_control_flow;
pub mod stream_values;

pub use assemble_sums::ASSEMBLE_SUMS;
pub use channels_last::CHANNELS_LAST;
pub use dissolve_concatenations::DISSOLVE_CONCATENATIONS;
pub use eliminate_common_subexpressions::ELIMINATE_COMMON_SUBEXPRESSIONS;
pub use eliminate_dead_code::ELIMINATE_DEAD_CODE;
pub use expand_operations::{EXPAND_OPERATIONS, expand_operations};
pub use fold_constants::FOLD_CONSTANTS;
pub use hoist_invariants::HOIST_INVARIANTS;
pub use inline_calls::INLINE_CALLS;
pub use inline_regions::{INLINE_REGIONS, inline_regions};
pub use merge_products::MERGE_PRODUCTS;
pub use narrow_values::NARROW_VALUES;
pub use simplify_algebra::SIMPLIFY_ALGEBRA;
pub use simplify_control_flow::SIMPLIFY_CONTROL_FLOW;
pub use stream_values::{STREAM_VALUES, stream_values};
