//! A test file as data: the head line and the expectations in comments.

use clap::ValueEnum;
use pullback_optimize::fuse::{Fusion, UnknownFusion};

use crate::derive::Mode;

/// What is tested, which is also the name of the folder of the file.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Kind {
    /// The mistakes that parser and verifier find.
    Verify,
    /// The program as it is printed; without expectations that is the text itself, comments left out.
    Print,
    /// The interpreter.
    Interpret,
    /// The derivative, printed, and interpreted if there are inputs.
    Grad,
    /// The program after the passes, printed; interpreted before and after if there are inputs.
    Optimize,
    /// The fusion regions, printed; compiled and interpreted if there are inputs.
    Fuse,
    /// The loop IR, printed and read back; interpreted and compiled if there are inputs.
    Loops,
    /// Cranelift's intermediate form, printed; compiled and interpreted if there are inputs.
    Clif,
    /// Machine code and the interpreter.
    Run,
}

impl Kind {
    /// The word in the head line and the name of the folder.
    #[must_use]
    pub fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_string()).unwrap_or_default()
    }
}

/// What stands behind the kind in the head line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Options {
    /// `function=f`: the function under test; without it `@main`, or the only one.
    pub function: Option<String>,
    /// `wrt=a,b`: differentiate by these; without it by all float parameters.
    pub wrt: Vec<String>,
    /// `mode=forward` or `mode=vjp`; reverse is the default.
    pub mode: Mode,
    /// `value`: the derivative returns the function's results too.
    pub value: bool,
    /// `optimize`: the derivative is optimised before it is printed.
    pub optimize: bool,
    /// `derive`: what is compiled is the value and gradient of the function.
    pub derive: bool,
    /// `pass=name`: this pass alone.
    pub pass: Option<String>,
    /// `fusion=kind`: how far fusion goes; all of it without.
    pub fusion: Fusion,
}

/// `; error: text` and the line it speaks of, from 1; 0 if there is no code before it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExpectedError {
    /// The line.
    pub line: usize,
    /// A part of the message.
    pub text: String,
}

/// An expectation about the output.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Check {
    /// Part of the output, behind the check before.
    Contains(String),
    /// Nowhere in the output.
    Absent(String),
    /// So many times in the output, as words.
    Count(usize, String),
}

/// Inputs and expected results of a function.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct RunCase {
    /// The function above; `None` for the one under test.
    pub function: Option<String>,
    /// The line of the first input or expectation.
    pub line: usize,
    /// Names and literals.
    pub inputs: Vec<(String, String)>,
    /// Literals and tolerances, in order of the results.
    pub expected: Vec<(String, Option<f64>)>,
}

/// A test file.
#[derive(Clone, PartialEq, Debug)]
pub struct TextTest {
    /// What is tested.
    pub kind: Kind,
    /// How.
    pub options: Options,
    /// The mistakes expected.
    pub errors: Vec<ExpectedError>,
    /// What the output is expected to be like.
    pub checks: Vec<Check>,
    /// What is run.
    pub runs: Vec<RunCase>,
    /// The whole output expected.
    pub snapshot: Option<String>,
}

const SNAPSHOT: &str = "; output:";

impl TextTest {
    /// Reads the expectations of a test file.
    ///
    /// # Errors
    /// If the first line is no head of a test, or an expectation does not exist or is malformed.
    pub fn parse(text: &str) -> Result<Self, String> {
        let head = text.lines().next().unwrap_or_default();
        let (kind, options) = parse_head(head)?;
        let snapshot = text.split_once(&format!("\n{SNAPSHOT}")).map(|(_, rest)| snapshot_text(rest));
        let mut test = Self { kind, options, errors: Vec::new(), checks: Vec::new(), runs: Vec::new(), snapshot };
        let mut function = None;
        let mut code_line = 0;
        for (index, line) in text.lines().enumerate().skip(1) {
            if line.starts_with(SNAPSHOT) {
                break;
            }
            let (code, comment) = split_comment(line);
            if !code.trim().is_empty() {
                code_line = index + 1;
            }
            if let Some(name) = code.trim().strip_prefix("func @") {
                function = name.split(['(', ' ']).next().map(str::to_string);
            }
            if let Some((word, rest)) = comment.and_then(expectation) {
                test.expect(word, rest, code_line, index + 1, function.as_deref())
                    .map_err(|message| format!("line {}: {message}", index + 1))?;
            }
        }
        Ok(test)
    }

    /// Adds an expectation that stands on `line`, on or behind the code of `code_line`.
    fn expect(
        &mut self,
        word: &str,
        rest: &str,
        code_line: usize,
        line: usize,
        function: Option<&str>,
    ) -> Result<(), String> {
        match word {
            "error" => self.errors.push(ExpectedError { line: code_line, text: rest.into() }),
            "check" => self.checks.push(Check::Contains(rest.into())),
            "check-not" => self.checks.push(Check::Absent(rest.into())),
            "count" => {
                let parsed = rest.split_once(' ').and_then(|(count, text)| Some((count.parse().ok()?, text.trim())));
                let (count, text) = parsed.ok_or_else(|| format!("`; count: {rest}`, expected `; count: 3 mul`"))?;
                self.checks.push(Check::Count(count, text.into()));
            }
            "input" => {
                let inputs = parse_inputs(rest)?;
                let case = self.case(function, line, |case| case.expected.is_empty());
                case.inputs.extend(inputs);
            }
            "expect" => {
                let expected = parse_expected(rest)?;
                self.case(function, line, |_| true).expected.push(expected);
            }
            _ => return Err(format!("no expectation `{word}:`; a comment must not begin with a word and a colon")),
        }
        Ok(())
    }

    /// The case to add to: the last one, if it is of this function and `fits`.
    fn case(&mut self, function: Option<&str>, line: usize, fits: impl Fn(&RunCase) -> bool) -> &mut RunCase {
        let last = self.runs.last().filter(|case| case.function.as_deref() == function && fits(case));
        if last.is_none() {
            self.runs.push(RunCase { function: function.map(Into::into), line, ..RunCase::default() });
        }
        let last = self.runs.len() - 1;
        &mut self.runs[last]
    }

    /// What differs between the output expected and the one found; `None` if nothing does.
    #[must_use]
    pub fn differing_snapshot(&self, found: &str) -> Option<String> {
        let expected = self.snapshot.as_deref()?;
        let (expected, found): (Vec<&str>, Vec<&str>) =
            (expected.lines().map(str::trim_end).collect(), found.lines().map(str::trim_end).collect());
        let same = expected.iter().zip(&found).take_while(|(a, b)| a == b).count();
        if same == expected.len() && same == found.len() {
            return None;
        }
        let line = |lines: &[&str]| lines.get(same).map_or("nothing".into(), |line| format!("`{line}`"));
        Some(format!(
            "the output differs from line {} on: found {}, expected {}\n(write it anew with `pullback test --bless`)",
            same + 1,
            line(&found),
            line(&expected)
        ))
    }
}

fn parse_head(line: &str) -> Result<(Kind, Options), String> {
    let kinds = || Kind::value_variants().iter().map(|kind| kind.name()).collect::<Vec<_>>().join(", ");
    let head = line.strip_prefix("; test ").ok_or("the first line must be `; test KIND`")?;
    let mut words = head.split_whitespace();
    let kind = words.next().unwrap_or_default();
    let kind = Kind::from_str(kind, false).map_err(|_| format!("`; test {kind}`, expected one of {}", kinds()))?;
    let mut options = Options {
        function: None,
        wrt: Vec::new(),
        mode: Mode::Reverse,
        value: false,
        optimize: false,
        derive: false,
        pass: None,
        fusion: Fusion::All,
    };
    for word in words {
        match word.split_once('=').unwrap_or((word, "")) {
            ("function", name) => options.function = Some(name.into()),
            ("wrt", names) => options.wrt = names.split(',').map(Into::into).collect(),
            ("mode", mode) => options.mode = Mode::from_str(mode, false).map_err(|_| format!("no mode `{mode}`"))?,
            ("value", "") => options.value = true,
            ("optimize", "") => options.optimize = true,
            ("derive", "") => options.derive = true,
            ("pass", name) => options.pass = Some(name.into()),
            ("fusion", kind) => options.fusion = kind.parse().map_err(|error: UnknownFusion| error.to_string())?,
            _ => {
                return Err(format!(
                    "no option `{word}`, expected function=, wrt=, mode=, pass=, fusion=, value, optimize or derive"
                ));
            }
        }
    }
    Ok((kind, options))
}

/// A line before and behind the `;` that begins its comment.
fn split_comment(line: &str) -> (&str, Option<&str>) {
    let mut quoted = false;
    let mut escaped = false;
    for (at, c) in line.char_indices() {
        match c {
            ';' if !quoted => return (&line[..at], Some(&line[at + 1..])),
            '"' if !escaped => quoted = !quoted,
            _ => {}
        }
        escaped = c == '\\' && !escaped;
    }
    (line, None)
}

/// The word before the colon and what stands behind it, if a comment has that form.
fn expectation(comment: &str) -> Option<(&str, &str)> {
    let (word, rest) = comment.trim().split_once(':')?;
    let is_word = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    is_word.then_some((word, rest.trim()))
}

/// `%x = [1, 2], %y = 3`; no literal has a `%`.
fn parse_inputs(text: &str) -> Result<Vec<(String, String)>, String> {
    let malformed = || format!("`; input: {text}`, expected `; input: %x = [1, 2], %y = 3`");
    let rest = text.strip_prefix('%').ok_or_else(malformed)?;
    rest.split('%')
        .map(|part| {
            let (name, value) = part.split_once('=').ok_or_else(malformed)?;
            Ok((name.trim().to_string(), value.trim().trim_end_matches(',').to_string()))
        })
        .collect()
}

/// `[1, 2] ~ 1e-6`.
fn parse_expected(text: &str) -> Result<(String, Option<f64>), String> {
    let Some((literal, tolerance)) = text.rsplit_once('~') else { return Ok((text.into(), None)) };
    match tolerance.trim().parse::<f64>() {
        Ok(tolerance) if tolerance > 0.0 && tolerance < 1.0 => Ok((literal.trim().into(), Some(tolerance))),
        Ok(_) | Err(_) => Err(format!("the tolerance `{}`, expected a number between 0 and 1", tolerance.trim())),
    }
}

/// The comment lines of an expected output without their signs.
fn snapshot_text(rest: &str) -> String {
    let lines = rest.lines().skip(1).map_while(|line| line.strip_prefix(';'));
    lines.map(|line| format!("{}\n", line.strip_prefix(' ').unwrap_or(line))).collect()
}

/// The text with another expected output.
pub(super) fn with_snapshot(text: &str, output: &str) -> String {
    let before = text.split(&format!("\n{SNAPSHOT}")).next().unwrap_or(text);
    let lines = output.lines().map(|line| format!("; {line}").trim_end().to_string() + "\n");
    format!("{before}\n{SNAPSHOT}\n{}", lines.collect::<String>())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn expectations_belong_to_the_line_and_function_before_them() {
        let text = "; test grad function=f wrt=x,y mode=vjp\n; input: %x = [1, 2], %y = nan\n; expect: 1\n\
            func @f() { ; error: one\n  ; error: two\n}\nfunc @g() {\n}\n; input: %z = 1\n; expect: 2 ~ 1e-3\n\
            ; expect: [3]\n; input: %z = 2\n; count: 2 reduce add\n; a remark: not an expectation\n";
        let test = TextTest::parse(text).unwrap();
        assert_eq!((test.kind, test.options.mode), (Kind::Grad, Mode::Vjp));
        assert_eq!(test.options.wrt, ["x", "y"]);
        let errors: Vec<_> = test.errors.iter().map(|error| (error.line, error.text.as_str())).collect();
        assert_eq!(errors, [(4, "one"), (4, "two")]);
        assert_eq!(test.checks, [Check::Count(2, "reduce add".into())]);
        let inputs: Vec<_> = test.runs.iter().map(|case| (case.function.as_deref(), case.inputs.len())).collect();
        assert_eq!(inputs, [(None, 2), (Some("g"), 1), (Some("g"), 1)]);
        assert_eq!(test.runs[0].inputs[0], ("x".into(), "[1, 2]".into()));
        assert_eq!(test.runs[1].expected, [("2".into(), Some(1e-3)), ("[3]".into(), None)]);
    }

    #[test]
    fn misspelt_expectations_and_options_are_refused() {
        for text in [
            "func @f() {",
            "; test nothing",
            "; test grad wtr=x",
            "; test grad\n; chek: x",
            "; test grad\n; count: x",
            "; test grad\n; input: x = 1",
            "; test grad\n; expect: 1 ~ 2",
        ] {
            assert!(TextTest::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_expected_output_is_compared_and_rewritten() {
        let text = "; test print\nfunc @f() {\n}\n; output:\n; a\n;   b\n";
        let test = TextTest::parse(text).unwrap();
        assert_eq!(test.snapshot.as_deref(), Some("a\n  b\n"));
        assert_eq!(test.differing_snapshot("a\n  b\n"), None);
        assert!(test.differing_snapshot("a\nb\n").unwrap().contains("line 2"));
        let blessed = with_snapshot(text, "c\n\nd\n");
        assert_eq!(blessed, "; test print\nfunc @f() {\n}\n; output:\n; c\n;\n; d\n");
        assert_eq!(TextTest::parse(&blessed).unwrap().differing_snapshot("c\n\nd\n"), None);
    }
}
