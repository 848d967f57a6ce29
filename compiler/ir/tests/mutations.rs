//! Bad text is refused, never a panic: mutated texts through the parser, the verifier and the printer.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod support;

use pullback_ir::{parse_module, verify};
use support::SplitMix64;

const MUTANTS: u64 = 100_000;

/// What is put in the place of numbers and words: the ends of ranges, and what means something elsewhere.
const POISON: &[&str] = &[
    "0",
    "-1",
    "1",
    "17",
    "255",
    "256",
    "2147483648",
    "-2147483649",
    "4294967296",
    "281474976710656",
    "281474976710657",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "18446744073709551615",
    "99999999999999999999999",
    "1e400",
    "1e-400",
    "0x7fc00000",
    "nan",
    "nan:0x7fc00001",
    "-inf",
    "inf",
    "true",
    "[]",
    "[[]]",
    "[",
    "]",
    "{",
    "}",
    "(",
    ")",
    ",",
    ":",
    "=",
    "->",
    "%",
    "@",
    "%x",
    "%0",
    "@f",
    "func",
    "return",
    "call @main",
    "\"",
    "\"x\"",
    "at node",
    "from",
    "by",
    ";",
    "\n",
    "\0",
    "é",
    "\u{feff}",
    "f32",
    "bool",
    "f64[0]",
    "i32[1,1]",
];

#[test]
fn a_hundred_thousand_mutated_texts_do_not_panic() {
    let corpus = support::corpus();
    let mut random = SplitMix64(0x70_75_6c_6c);
    let (mut parsed, mut verified) = (0, 0);
    for _ in 0..MUTANTS {
        let mut text = random.pick(&corpus);
        for _ in 0..1 + random.below(3) * random.below(2) {
            text = mutate(&mut random, &corpus, &text);
        }
        let Ok(module) = parse_module(&text) else { continue };
        parsed += 1;
        let printed = module.to_string();
        let Ok(module) = verify(module) else { continue };
        verified += 1;
        assert_eq!(module.to_string(), printed);
        match parse_module(&printed) {
            Ok(again) => assert_eq!(again.to_string(), printed, "from\n{text}"),
            Err(errors) => panic!("{errors}\nin\n{printed}\nfrom\n{text}"),
        }
    }
    // The mutations are neither all harmless nor all fatal, so that each layer is reached.
    assert!(
        parsed > MUTANTS / 10 && verified > MUTANTS / 20 && verified < parsed,
        "{parsed} parsed, {verified} verified"
    );
    assert!(parsed < MUTANTS * 9 / 10, "{parsed} parsed");
}

#[test]
fn random_tokens_do_not_panic() {
    let mut random = SplitMix64(3);
    for _ in 0..10_000 {
        let mut text = String::from("func @f(%x: f32) -> f32 {\n");
        for _ in 0..random.below(40) {
            text += random.pick(POISON);
            text += random.pick(&["", " ", "\n"]);
        }
        if let Ok(module) = parse_module(&text) {
            let _ = verify(module);
        }
    }
}

fn mutate(random: &mut SplitMix64, corpus: &[String], text: &str) -> String {
    let tokens = tokens(text);
    if tokens.is_empty() {
        return random.pick(POISON).to_string();
    }
    let at = random.below(tokens.len());
    let (start, end) = tokens[at];
    let replace = |with: &str| format!("{}{with}{}", &text[..start], &text[end..]);
    match random.below(12) {
        0 => flip_byte(random, text),
        1 => replace(""),
        2 => replace(random.pick(POISON)),
        3 => {
            let numbers: Vec<_> = tokens.iter().filter(|&&(start, _)| kind(&text[start..]) == '0').collect();
            if numbers.is_empty() {
                return replace("1");
            }
            let &(start, end) = random.pick(&numbers);
            format!("{}{}{}", &text[..start], random.pick(POISON), &text[end..])
        }
        4 => {
            let (from, to) = random.pick(&tokens);
            let (first, second) = if from < start { ((from, to), (start, end)) } else { ((start, end), (from, to)) };
            let middle = if first.1 <= second.0 { &text[first.1..second.0] } else { "" };
            let (a, b) = (&text[first.0..first.1], &text[second.0..second.1]);
            format!("{}{b}{middle}{a}{}", &text[..first.0], &text[second.1..])
        }
        5 => replace(&format!("{0} {0}", &text[start..end])),
        6 => edit_lines(random, text, corpus),
        7 => text[..start].to_string(),
        _ => {
            // Another token of the same kind often keeps the text in the language and breaks a rule.
            let kind = kind(&text[start..]);
            let alike: Vec<_> = tokens.iter().filter(|token| self::kind(&text[token.0..]) == kind).collect();
            let &(from, to) = random.pick(&alike);
            replace(&text[from..to])
        }
    }
}

/// What a token is, by its first character.
fn kind(text: &str) -> char {
    match text.chars().next() {
        Some(c) if c.is_ascii_digit() || c == '-' => '0',
        Some(c) if c.is_alphabetic() => 'a',
        Some(c) => c,
        None => ' ',
    }
}

fn flip_byte(random: &mut SplitMix64, text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let at = random.below(bytes.len());
    bytes[at] ^= 1 << random.below(8);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Deletes, doubles or moves a line, or puts one of another text in its place.
fn edit_lines(random: &mut SplitMix64, text: &str, corpus: &[String]) -> String {
    let mut lines: Vec<&str> = text.lines().collect();
    let at = random.below(lines.len());
    let pool = random.pick(corpus);
    let other: Vec<&str> = pool.lines().collect();
    match random.below(4) {
        0 => drop(lines.remove(at)),
        1 => lines.insert(at, lines[at]),
        2 => lines.swap(at, random.below(text.lines().count())),
        _ if other.is_empty() => {}
        _ => lines[at] = random.pick(&other),
    }
    lines.join("\n")
}

/// Ranges of words, numbers and single signs.
fn tokens(text: &str) -> Vec<(usize, usize)> {
    let mut found: Vec<(usize, usize)> = Vec::new();
    let mut word = false;
    for (at, c) in text.char_indices() {
        let part = c.is_alphanumeric() || matches!(c, '_' | '.' | '%' | '@' | '-');
        match found.last_mut() {
            Some(last) if part && word => last.1 = at + c.len_utf8(),
            _ if !c.is_whitespace() => found.push((at, at + c.len_utf8())),
            _ => {}
        }
        word = part;
    }
    found
}
