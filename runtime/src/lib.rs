//! What compiled programs need at run time: ABI, arena, executable, contraction kernels.
