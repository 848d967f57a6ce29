//! The text tests of `tests/files`, one folder per kind, each file a test of its own.
//!
//! `cargo test --test files grad` runs those with `grad` in their name. Expected outputs are rewritten by `pullback test --bless`
//! alone, never from here.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use pullback_cli::texttest::{Kind, TextTest, files_below, run_file, run_file_as};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/files");
    let trials = match files_below(&root) {
        Ok(files) if !files.is_empty() => files.into_iter().flat_map(|file| trials(&root, file)).collect(),
        Ok(_) => {
            eprintln!("{} has no tests", root.display());
            return ExitCode::FAILURE;
        }
        Err(message) => {
            eprintln!("{message}");
            return ExitCode::FAILURE;
        }
    };
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// A file as a test, named by its path below the root. What the interpreter is expected to compute, machine code is too.
fn trials(root: &Path, file: PathBuf) -> Vec<Trial> {
    let name = file.strip_prefix(root).unwrap_or(&file).with_extension("").display().to_string();
    let folder = name.split('/').next().unwrap_or_default().to_string();
    let compiled = (folder == Kind::Interpret.name()).then(|| {
        let file = file.clone();
        Trial::test(format!("{name} (compiled)"), move || run_file_as(&file, Kind::Run).map_err(Failed::from))
    });
    let test = Trial::test(name, move || {
        in_its_folder(&folder, &file)?;
        run_file(&file, false).map_err(Failed::from)
    });
    std::iter::once(test).chain(compiled).collect()
}

/// A test is in the folder of its kind.
fn in_its_folder(folder: &str, file: &Path) -> Result<(), Failed> {
    let text = std::fs::read_to_string(file).map_err(|error| error.to_string())?;
    let kind = TextTest::parse(&text)?.kind.name();
    if kind == folder { Ok(()) } else { Err(format!("a test of kind {kind} in the folder {folder}").into()) }
}
