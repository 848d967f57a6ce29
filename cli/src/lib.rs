//! The pullback command.
