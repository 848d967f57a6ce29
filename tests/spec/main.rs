//! The documentation says what the code does: every program in it runs and gives the results it claims, every operation has
//! its section, and the status page is up to date.
//!
//! `cargo test --release --test spec -- --ignored` writes the status page anew.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod batching;
mod document;
mod engine;
mod example;
mod status;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use pullback_ir::op::{Derivative, table};
use pullback_loops::{parse_program, verify};

use document::{Block, Page, follow, pages, root};
use engine::compiled;
use example::{Engine, Example, interpreted};

/// The pages with a section for each operation.
fn operation_pages() -> Vec<Page> {
    pages().into_iter().filter(|page| page.name.starts_with("ir-spec/operations/")).collect()
}

/// Fails with all messages, if there are any.
fn report(failures: &[String]) {
    assert!(failures.is_empty(), "{} failures\n\n{}", failures.len(), failures.join("\n\n"));
}

fn check_examples(engine: Engine) {
    let mut failures = Vec::new();
    let mut executed = 0;
    for block in pages().iter().flat_map(|page| page.blocks("pir")) {
        let checked = Example::read(&block).and_then(|example| {
            executed += usize::from(example.has_results());
            example.check(engine)
        });
        if let Err(message) = checked {
            failures.push(format!("{}: {message}", block.place));
        }
    }
    report(&failures);
    assert!(executed >= table().len(), "only {executed} examples claim results");
}

#[test]
fn every_example_gives_what_it_claims_on_the_interpreter() {
    check_examples(interpreted);
}

#[test]
fn every_example_gives_what_it_claims_compiled() {
    check_examples(compiled);
}

#[test]
fn every_program_of_the_loop_ir_verifies_and_round_trips() {
    let blocks: Vec<Block> = pages().iter().flat_map(|page| page.blocks("loops")).collect();
    assert!(!blocks.is_empty());
    let mut failures = Vec::new();
    for block in blocks {
        let printed = parse_program(&block.text).map(|program| program.to_string());
        let again = printed.clone().and_then(|printed| parse_program(&printed));
        match again {
            Err(error) => failures.push(format!("{}: {error}", block.place)),
            Ok(program) if Ok(program.to_string()) != printed => failures.push(format!("{}: {program}", block.place)),
            Ok(program) => {
                failures.extend(verify(program).err().map(|errors| format!("{}: {errors}", block.place)));
            }
        }
    }
    report(&failures);
}

#[test]
fn every_operation_has_one_section_and_every_section_an_operation() {
    let mut sections: BTreeMap<String, usize> = BTreeMap::new();
    for section in operation_pages().iter().flat_map(Page::sections) {
        *sections.entry(section.name).or_default() += 1;
    }
    let found: BTreeSet<&str> = sections.keys().map(String::as_str).collect();
    let expected: BTreeSet<&str> = table().iter().map(|info| info.name).collect();
    assert_eq!(found, expected);
    let repeated: Vec<_> = sections.iter().filter(|(_, count)| **count > 1).collect();
    assert!(repeated.is_empty(), "{repeated:?}");
}

#[test]
fn every_section_has_its_parts_and_an_example_that_runs() {
    let mut failures = Vec::new();
    for page in operation_pages() {
        for section in page.sections() {
            for part in ["Meaning", "Operands", "Constraints", "Derivative", "Example"] {
                if section.text.matches(&format!("\n**{part}.**")).count() != 1 {
                    failures.push(format!("{}: `{}` has not one part {part}", page.name, section.name));
                }
            }
            let example = page.blocks("pir").into_iter().find(|block| block.section == section.name);
            let example = example.ok_or("no example".to_string()).and_then(|block| Example::read(&block));
            match example {
                Err(message) => failures.push(format!("{}: `{}`: {message}", page.name, section.name)),
                Ok(example) => {
                    if !example.uses(&section.name) || !example.has_results() {
                        failures.push(format!("{}: the example of `{}` does not run it", page.name, section.name));
                    }
                    let info = table().into_iter().find(|info| info.name == section.name);
                    let differentiable = info.is_some_and(|info| info.derivative != Derivative::None);
                    if differentiable && !example.has_all_gradients() {
                        failures.push(format!("{}: the example of `{}` lacks gradients", page.name, section.name));
                    }
                }
            }
        }
    }
    report(&failures);
}

#[test]
fn the_programs_of_the_readme_are_examples() {
    let readme = Page::read(&root().join("README.md"));
    let shown: Vec<String> = readme.blocks("rust").into_iter().map(|block| block.text.trim_end().to_string()).collect();
    let code = |name: &str| {
        let example = fs::read_to_string(root().join("examples").join(name)).unwrap();
        let code: Vec<&str> = example.lines().skip_while(|line| line.starts_with("//!") || line.is_empty()).collect();
        code.join("\n")
    };
    assert_eq!(shown, ["front_page.rs", "loops.rs"].map(code));
}

#[test]
fn the_gradient_shown_in_the_readme_is_the_one_computed() {
    let blocks = Page::read(&root().join("README.md")).blocks("pir");
    let [primal, gradient] = &blocks[..] else { panic!("{} programs", blocks.len()) };
    assert_eq!(Example::read(primal).unwrap().gradient("w").unwrap(), gradient.text);
}

#[test]
fn every_link_has_a_target() {
    let mut failures = Vec::new();
    for page in pages() {
        let path = root().join(&page.name);
        for link in page.links().into_iter().filter(|link| !link.contains("://")) {
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { path.clone() } else { follow(path.parent().unwrap(), file) };
            let exists = target.exists();
            let has_anchor = anchor.is_empty() || (exists && Page::read(&target).has_anchor(anchor));
            if !exists || !has_anchor {
                failures.push(format!("{}: {link}", page.name));
            }
        }
    }
    report(&failures);
}

#[test]
fn every_file_and_folder_that_the_pages_name_exists() {
    let folders = ["benches/", "cli/", "compiler/", "examples/", "ir-spec/", "runtime/", "src/", "tests/"];
    let mut failures = Vec::new();
    for page in pages() {
        // In capitals is what the reader has to fill in.
        let named = |span: &&str| folders.iter().any(|folder| span.starts_with(folder)) && !span.contains("KIND");
        for path in page.code_spans().into_iter().filter(named) {
            if !root().join(path).exists() {
                failures.push(format!("{}: `{path}`", page.name));
            }
        }
    }
    report(&failures);
}

#[test]
fn the_status_page_is_up_to_date() {
    let found = fs::read_to_string(status::path()).unwrap_or_default();
    let expected = status::generate();
    assert!(
        found == expected,
        "ir-spec/status.md is out of date: run `cargo test --release --test spec -- --ignored` and read what changed"
    );
}

#[test]
#[ignore = "writes ir-spec/status.md"]
fn write_the_status_page() {
    fs::write(status::path(), status::generate()).unwrap();
}
