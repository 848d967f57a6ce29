//! The loop IR: lowering, transforms, memory plan, text form, interpreter.
