//! Code generation: loop IR to machine code through Cranelift.
