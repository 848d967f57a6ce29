//! The `pullback` command; everything is in the library, so that tests can call it.

use std::process::ExitCode;

fn main() -> ExitCode {
    pullback_cli::main()
}
