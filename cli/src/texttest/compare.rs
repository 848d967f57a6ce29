//! What a test found against what it expects.

use pullback_interp::Array;
use pullback_ir::Scalar;
use pullback_ir::parse::parse_literal;

use super::case::{Check, ExpectedError, Kind, TextTest};
use super::kinds::{Computed, Outcome};
use crate::diagnostics::Message;

/// Everything that is not as expected, in words.
pub(super) fn compare(test: &TextTest, text: &str, outcome: &Outcome) -> Vec<String> {
    let mut wrong = compare_errors(&test.errors, text, &outcome.messages);
    if !outcome.messages.is_empty() || !wrong.is_empty() {
        return wrong;
    }
    match &outcome.output {
        Some(output) => {
            wrong.extend(compare_output(&test.checks, output));
            let is_own = test.kind == Kind::Print && test.checks.is_empty() && test.snapshot.is_none();
            if is_own && *output != without_comments(text) {
                wrong.push(format!("the output is not the text itself:\n{output}"));
            }
        }
        None if test.checks.is_empty() && test.snapshot.is_none() => {}
        None => wrong.push(format!("a test of kind {} has no output to check", test.kind.name())),
    }
    if outcome.computed.is_empty() && !test.runs.is_empty() {
        wrong.push(format!("a test of kind {} computes nothing", test.kind.name()));
    }
    if outcome.output.is_none() && outcome.computed.is_empty() && test.kind != Kind::Verify {
        wrong.push("the test expects nothing".into());
    }
    wrong.extend(outcome.computed.iter().flat_map(compare_results));
    wrong
}

/// Every message must be expected on its line and every expectation met.
fn compare_errors(expected: &[ExpectedError], text: &str, messages: &[Message]) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut open: Vec<&ExpectedError> = expected.iter().collect();
    for message in messages {
        let line = message.line(text);
        let met = open.iter().position(|expected| {
            let here = line.is_none() || expected.line == 0 || line == Some(expected.line);
            here && message.text.contains(&expected.text)
        });
        match met {
            Some(position) => drop(open.remove(position)),
            None => {
                let place = line.map_or(String::new(), |line| format!("line {line}: "));
                wrong.push(format!("{place}unexpected error: {}", message.text));
            }
        }
    }
    wrong.extend(open.iter().map(|error| format!("line {}: no such error: {}", error.line, error.text)));
    wrong
}

fn compare_output(checks: &[Check], output: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut from = 0;
    for check in checks {
        match check {
            Check::Contains(text) => match output[from..].find(text) {
                Some(at) => from += at + text.len(),
                None if output.contains(text) => wrong.push(format!("`{text}` is not behind the checks before")),
                None => wrong.push(format!("`{text}` is not in the output")),
            },
            Check::Absent(text) if output.contains(text) => wrong.push(format!("`{text}` is in the output")),
            Check::Absent(_) => {}
            Check::Count(count, text) => {
                let found = output.lines().map(|line| count_words(line, text)).sum::<usize>();
                if found != *count {
                    wrong.push(format!("`{text}` is {found} times in the output, expected {count}"));
                }
            }
        }
    }
    if !wrong.is_empty() {
        wrong.push(format!("the output is\n{output}"));
    }
    wrong
}

/// How often the words stand in the code of a line; names of values and longer words that contain them do not count.
fn count_words(line: &str, words: &str) -> usize {
    let code = line.split(';').next().unwrap_or(line);
    let part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.');
    let whole = |at: usize| {
        let before = code[..at].chars().next_back();
        let behind = code[at + words.len()..].chars().next();
        !before.is_some_and(|c| part(c) || matches!(c, '%' | '@' | '"')) && !behind.is_some_and(part)
    };
    code.match_indices(words).filter(|&(at, _)| whole(at)).count()
}

/// A text without comments, blank lines before and behind functions left as the printer writes them.
fn without_comments(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        let code = line.split(';').next().unwrap_or(line).trim_end();
        if !code.is_empty() {
            if code.starts_with("func") && !out.is_empty() {
                out.push('\n');
            }
            out += code;
            out.push('\n');
        }
    }
    out
}

fn compare_results(computed: &Computed) -> Vec<String> {
    let Computed { case, by, results } = computed;
    let place = format!("line {}, {by}", case.line);
    if case.expected.len() != results.len() {
        let shown: Vec<String> = results.iter().map(|array| format!("; expect: {array}")).collect();
        return vec![format!(
            "{place}: {} results, expected {}; found\n{}",
            results.len(),
            case.expected.len(),
            shown.join("\n")
        )];
    }
    let pairs = results.iter().zip(&case.expected).enumerate();
    let wrong = pairs.filter_map(|(position, (found, (text, tolerance)))| {
        compare_array(found, text, *tolerance).map(|message| format!("{place}: result {position}: {message}"))
    });
    wrong.collect()
}

fn compare_array(found: &Array, text: &str, tolerance: Option<f64>) -> Option<String> {
    let literal = match parse_literal(text, &found.ty()) {
        Ok(literal) => literal,
        Err(errors) => return Some(format!("`{text}` is not of type {}: {errors}", found.ty())),
    };
    let wrong = |index: usize| {
        let (found, expected) = (found.get(index)?, literal.get(index)?);
        if agree(found, expected, tolerance) { None } else { Some((index, found, expected)) }
    };
    let (index, one, expected) = (0..found.elements.len()).find_map(wrong)?;
    let within = tolerance.map_or(String::new(), |tolerance| format!(" within {tolerance:e}"));
    Some(format!("element {index} is {one}, expected {expected}{within}; found\n{found}"))
}

fn agree(found: Scalar, expected: Scalar, tolerance: Option<f64>) -> bool {
    let (x, y) = (found.to_f64(), expected.to_f64());
    match tolerance {
        _ if found == expected || (x.is_nan() && y.is_nan()) => true,
        None => false,
        Some(tolerance) => (x - y).abs() <= tolerance * y.abs().max(1.0) && y.is_finite(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn words_are_counted_and_names_are_not() {
        assert_eq!(count_words("  %mul = mul %mul_1, %x.mul : f32 ; mul", "mul"), 1);
        assert_eq!(count_words("  %a = reduce add %b, axes=[0] : f32", "reduce add"), 1);
        assert_eq!(count_words("  %a = add %b, %b : f32", "ad"), 0);
    }

    #[test]
    fn checks_are_in_order() {
        let check = |text: &str| Check::Contains(text.into());
        assert!(compare_output(&[check("a"), check("b"), check("a")], "a b a").is_empty());
        assert!(!compare_output(&[check("b"), check("b")], "a b a").is_empty());
        assert!(!compare_output(&[Check::Absent("b".into())], "a b a").is_empty());
        assert!(!compare_output(&[Check::Count(1, "a".into())], "a b a").is_empty());
    }

    #[test]
    fn results_agree_exactly_or_within_a_relative_tolerance() {
        let array = Array::from_slice(&[3], &[1000.0f32, f32::NAN, -0.0]).unwrap();
        assert_eq!(compare_array(&array, "[1000, nan, -0.0]", None), None);
        assert!(compare_array(&array, "[1000, nan, 0.0]", None).is_some());
        assert_eq!(compare_array(&array, "[1000.5, nan, 0.0]", Some(1e-3)), None);
        assert!(compare_array(&array, "[1002, nan, 0.0]", Some(1e-3)).is_some());
        assert!(compare_array(&array, "[1000, 1, 0.0]", Some(1e-3)).is_some());
        assert!(compare_array(&array, "[inf, nan, 0.0]", Some(1e-3)).is_some());
        assert!(compare_array(&array, "[1, 2]", None).unwrap().contains("f32[3]"));
    }

    #[test]
    fn an_error_must_be_expected_on_its_line() {
        let text = "one\ntwo\n";
        let message = |place| Message { text: "found x".into(), place, notes: vec![] };
        let expected = |line| ExpectedError { line, text: "found".into() };
        assert!(compare_errors(&[expected(2)], text, &[message(Some(4..5))]).is_empty());
        assert_eq!(compare_errors(&[expected(1)], text, &[message(Some(4..5))]).len(), 2);
        assert!(compare_errors(&[expected(1)], text, &[message(None)]).is_empty());
        assert_eq!(compare_errors(&[], text, &[message(None)]).len(), 1);
        assert_eq!(compare_errors(&[expected(1)], text, &[]).len(), 1);
    }
}
