//! Pullback.
