//! Text tests: a program, and what is expected of it, in one `.pir` file.
//!
//! ```text
//! ; test grad wrt=x
//! func @f(%x: f64) -> f64 {
//!   %y = sin %x : f64
//!   return %y
//! }
//! ; input: %x = 0.0
//! ; expect: 1.0
//! ; check: cos %x
//! ```
//!
//! The first line names the kind ([`Kind`]) and options ([`Options`]). Expectations are comments:
//!
//! * `; error: text` on the line of a mistake, or on the lines right behind it: a part of the message. Every mistake must be
//!   expected and every expectation met.
//! * `; check: text` is part of the output, behind the check before; `; check-not: text` is nowhere in it.
//! * `; count: 3 mul`: so often the word or words stand in the output (`%mul` is not `mul`).
//! * `; input: %x = [1, 2], %y = 3` and `; expect: [3, 4] ~ 1e-6`, one line per result in order, of the function above, or of
//!   the function under test if they stand before all. An input behind an expectation begins another case. Without `~` results
//!   agree exactly (any NaN is NaN); with it `|found - expected| <= tolerance * max(1, |expected|)`.
//! * `; output:` and comment lines to the end of the file: the whole output. Only these can be blessed.
//!
//! A comment that begins with a word and a colon is always an expectation, so that a misspelt one is an error.

mod case;
mod compare;
mod kinds;

use std::fs;
use std::path::{Path, PathBuf};

pub use case::{Kind, Options, TextTest};

/// The test files below a path, sorted; the path itself if it is a file.
///
/// # Errors
/// In words, if a folder cannot be read.
pub fn files_below(path: &Path) -> Result<Vec<PathBuf>, String> {
    let unreadable = |path: &Path, error| format!("cannot read {}: {error}", path.display());
    if !path.is_dir() {
        return if path.is_file() { Ok(vec![path.into()]) } else { Err(format!("{}: no such file", path.display())) };
    }
    let mut files = Vec::new();
    let mut folders = vec![path.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(|error| unreadable(&folder, error))? {
            let entry = entry.map_err(|error| unreadable(&folder, error))?;
            // Not through links, which may lead back up.
            let kind = entry.file_type().map_err(|error| unreadable(&folder, error))?;
            let path = entry.path();
            if kind.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "pir") {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

/// Runs a test file as if it were of another kind; its expected output, if it has one, is left alone.
///
/// # Errors
/// What was expected and what was found, in words.
pub fn run_file_as(path: &Path, kind: Kind) -> Result<(), String> {
    let name = path.display().to_string();
    let text = fs::read_to_string(path).map_err(|error| format!("cannot read {name}: {error}"))?;
    let test = TextTest { kind, snapshot: None, ..TextTest::parse(&text)? };
    let wrong = compare::compare(&test, &text, &kinds::outcome(&test, &name, &text)?);
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}

/// Runs a test file. With `bless`, an `; output:` that differs is rewritten instead of failing.
///
/// # Errors
/// What was expected and what was found, in words.
pub fn run_file(path: &Path, bless: bool) -> Result<(), String> {
    let name = path.display().to_string();
    let text = fs::read_to_string(path).map_err(|error| format!("cannot read {name}: {error}"))?;
    let test = TextTest::parse(&text)?;
    let outcome = kinds::outcome(&test, &name, &text)?;
    let mut wrong = compare::compare(&test, &text, &outcome);
    if let Some(found) = outcome.output.as_deref()
        && let Some(blessed) = test.differing_snapshot(found)
    {
        if bless && wrong.is_empty() {
            fs::write(path, case::with_snapshot(&text, found))
                .map_err(|error| format!("cannot write {name}: {error}"))?;
        } else {
            wrong.push(blessed);
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}
