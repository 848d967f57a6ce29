//! Random programs, lowered, against the interpreter of the tensor IR.

use pullback_ir::DType;

use super::support::check;
use super::support::inputs::Mood;
use super::support::program::{Config, random_program};

#[test]
fn random_programs_lower_to_what_they_mean() {
    let both: &[DType] = &[DType::F32, DType::F64];
    let mut failures = Vec::new();
    for seed in 0..400 {
        let steps = 4 + (seed as usize * 7) % 24;
        let mood = [Mood::Tame, Mood::Tame, Mood::Wide, Mood::Special][seed as usize % 4];
        let floats = if seed % 3 == 0 { &both[..1] } else { both };
        let differentiable = seed % 2 == 0;
        let config = Config { steps, max_elements: 300, differentiable, floats, mood };
        if let Err(message) = check(&random_program(seed, &config)) {
            failures.push(format!("seed {seed}: {message}"));
        }
    }
    assert!(failures.is_empty(), "{} failures, \n{}", failures.len(), failures.join("\n\n"));
}
