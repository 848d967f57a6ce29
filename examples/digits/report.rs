//! What came out: accuracy, times, and some digits drawn as text.

use std::time::Duration;

use crate::data::{Digits, SIDE};

/// Digits drawn side by side.
const DRAWN: usize = 5;
/// Paper to ink; each cell is two characters wide, about as wide as high.
const SHADES: [&str; 5] = ["  ", "░░", "▒▒", "▓▓", "██"];

/// The figures of a run.
pub(crate) struct Summary {
    /// The fraction of the held-out digits predicted rightly.
    pub(crate) accuracy: f64,
    compile_time: Duration,
    step_time: Duration,
}

impl Summary {
    pub(crate) fn new(test: &Digits, predictions: &[usize], compile_time: Duration, step_time: Duration) -> Self {
        let right = predictions.iter().zip(&test.labels).filter(|&(&found, &label)| found as i32 == label).count();
        Self { accuracy: right as f64 / test.len().max(1) as f64, compile_time, step_time }
    }

    /// Draws some digits and the first ones predicted wrongly, and prints the figures.
    pub(crate) fn print(&self, test: &Digits, predictions: &[usize]) {
        let wrong: Vec<usize> =
            (0..test.len()).filter(|&index| predictions[index] as i32 != test.labels[index]).collect();
        let some: Vec<usize> = (0..DRAWN).map(|part| part * test.len() / DRAWN).collect();
        println!("\nSome held-out digits:");
        draw(test, predictions, &some);
        if !wrong.is_empty() {
            println!("\nThe first of {} predicted wrongly:", wrong.len());
            draw(test, predictions, &wrong[..wrong.len().min(DRAWN)]);
        }
        println!();
        println!("held-out accuracy  {:.2} %", 100.0 * self.accuracy);
        println!("compile time       {:.1} ms", self.compile_time.as_secs_f64() * 1e3);
        println!("time per step      {:.1} µs", self.step_time.as_secs_f64() * 1e6);
    }

    /// The figures as one line of JSON.
    pub(crate) fn json(&self) -> String {
        format!(
            r#"{{"example":"digits","test_accuracy":{:.4},"compile_ms":{:.3},"step_us":{:.2}}}"#,
            self.accuracy,
            self.compile_time.as_secs_f64() * 1e3,
            self.step_time.as_secs_f64() * 1e6
        )
    }
}

/// Draws digits side by side, their predictions beneath.
fn draw(digits: &Digits, predictions: &[usize], chosen: &[usize]) {
    for row in 0..SIDE {
        let rows = chosen.iter().map(|&index| {
            let ink = &digits.image(index)[row * SIDE..][..SIDE];
            ink.iter().map(|&ink| SHADES[(ink * (SHADES.len() - 1) as f32).round() as usize]).collect::<String>()
        });
        println!("{}", rows.collect::<Vec<_>>().join("   ").trim_end());
    }
    let captions = chosen.iter().map(|&index| {
        let (found, label) = (predictions[index], digits.labels[index]);
        let caption = if found as i32 == label { format!("{found}") } else { format!("{found}, is {label}") };
        format!("{caption:^width$}", width = 2 * SIDE)
    });
    println!("{}", captions.collect::<Vec<_>>().join("   ").trim_end());
}
