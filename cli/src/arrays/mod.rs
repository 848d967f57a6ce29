//! Inputs and results of a run: NumPy files, literals, pseudo-random numbers, text and JSON.

pub mod inputs;
pub mod npy;
pub mod random;
pub mod safetensors;
pub mod show;
