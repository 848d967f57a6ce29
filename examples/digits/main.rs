//! Trains a classifier on handwritten digits, with the whole training step compiled: loss, gradient and optimizer in one program.
//!
//! ```text
//! cargo run --release --example digits
//! ```
//!
//! * `model.rs` is the part about derivatives: the network, its loss, and the step.
//! * `data.rs` reads the digits and holds out a fifth of them; `augment.rs` distorts the others a little each time.
//! * `report.rs` shows what came out.
//!
//! One fifth of the digits is never trained on, and is used once, at the end. Batch size, rate and distortions were chosen by
//! cross-validation within the other four fifths.

mod augment;
mod data;
mod model;
mod report;
mod rng;

use std::error::Error;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use clap::builder::RangedU64ValueParser;
use indicatif::{ProgressBar, ProgressStyle};

use data::{Digits, Split};
use model::{Network, Trainer};
use report::Summary;
use rng::SplitMix64;

/// Passes over the training set unless asked for otherwise.
const EPOCHS: usize = 60;
/// The accuracy on held-out digits that this example claims for [`EPOCHS`].
const CLAIM: f64 = 0.97;

/// Trains a 64-128-64-10 network on 1,797 handwritten digits.
///
/// The training step (forward pass, backward pass and Adam) is one compiled program. A fifth of the digits is held out of training; the
/// accuracy on it is measured once, at the end. Exits with status 1 if it is below 97 % after the default number of epochs or more.
#[derive(Parser)]
#[command(name = "digits")]
struct Options {
    /// Passes over the training set.
    #[arg(long, default_value_t = EPOCHS, value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    epochs: usize,
    /// Seed of the initial parameters and of the order of training.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// End with one line of JSON.
    #[arg(long)]
    json: bool,
    /// Print the loss as text (`.pir`), for the command line tool, and do nothing else.
    #[arg(long)]
    print_loss: bool,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    if options.print_loss {
        print!("{}", *model::loss()?.0);
        return Ok(());
    }
    let Split { train, test } = Split::load()?;
    println!("{} digits to train on, {} held out", train.len(), test.len());

    let start = Instant::now();
    let trainer = Trainer::compile()?;
    let compile_time = start.elapsed();
    println!("traced, differentiated and compiled in {:.1} ms", compile_time.as_secs_f64() * 1e3);

    let mut random = SplitMix64::new(options.seed);
    let mut network = Network::new(&mut random)?;
    let step_time = fit(&trainer, &mut network, &train, options.epochs, &mut random)?;

    let predictions = model::predict(&network, &test)?;
    let summary = Summary::new(&test, &predictions, compile_time, step_time);
    summary.print(&test, &predictions);
    if options.json {
        println!("{}", summary.json());
    }
    if options.epochs >= EPOCHS && summary.accuracy < CLAIM {
        return Err(format!("accuracy {:.4} on held-out digits, expected at least {CLAIM}", summary.accuracy).into());
    }
    Ok(())
}

/// Trains for a number of epochs and returns the mean time of a step.
fn fit(
    trainer: &Trainer,
    network: &mut Network,
    train: &Digits,
    epochs: usize,
    random: &mut SplitMix64,
) -> Result<Duration, Box<dyn Error>> {
    let steps = train.len() / model::BATCH;
    let bar = ProgressBar::new((epochs * steps) as u64);
    bar.set_style(ProgressStyle::with_template("{bar:40} {pos}/{len} steps, {eta} left")?);
    let mut order: Vec<usize> = (0..train.len()).collect();
    let (mut in_steps, mut batch) = (Duration::ZERO, Digits::default());

    for epoch in 1..=epochs {
        let progress = (epoch - 1) as f32 / epochs as f32;
        // A new order every time; the few digits that do not fill a last batch are left out this time.
        random.shuffle(&mut order);
        let (mut loss, mut accuracy) = (0.0, 0.0);
        for chosen in order.chunks_exact(model::BATCH) {
            batch.gather(train, chosen);
            augment::distort(&mut batch, random);
            let start = Instant::now();
            let scores = trainer.step(network, &batch, progress)?;
            in_steps += start.elapsed();
            loss += f64::from(scores.loss) / steps as f64;
            accuracy += f64::from(scores.accuracy) / steps as f64;
            bar.inc(1);
        }
        bar.suspend(|| println!("epoch {epoch:3}   loss {loss:.4}   training accuracy {:6.2} %", 100.0 * accuracy));
    }
    bar.finish_and_clear();
    Ok(in_steps.div_f64((epochs * steps).max(1) as f64))
}
