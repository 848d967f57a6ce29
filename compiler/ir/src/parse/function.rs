//! Functions, regions and instructions.
//!
//! Recursion for nested regions alone, whose depth is limited. Names of functions are collected first, so that calls may point forward.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::entities::{Region, Value};
use crate::error::{ParseErrors, Span};
use crate::function::{Function, Module};
use crate::op::{MAX_REGION_DEPTH, Op};
use crate::types::Type;

use super::attributes::{Attributes, Head, suggestion};
use super::lexer::{Token, TokenKind};
use super::parser::{Failure, Parser};
use super::{FunctionSpans, SourceMap};

/// A function being read.
struct Body<'a> {
    function: Function,
    region: Region,
    /// The values of the region by name; `None` for one whose definition is in error.
    values: HashMap<&'a str, Option<Value>>,
    /// The names of all regions.
    names: HashSet<&'a str>,
    /// How deep the region is nested.
    depth: usize,
    declared: Vec<(Type, Span)>,
    spans: FunctionSpans,
}
pub(super) fn parse(text: &str, file: Option<Arc<str>>) -> Result<(Module, SourceMap), ParseErrors> {
    let mut parser = Parser::new(text, file);
    parser.collect_functions(text);
    let mut module = Module::new();
    let mut map = SourceMap::default();
    while parser.token.kind != TokenKind::End {
        if let Ok(body) = parser.function() {
            map.functions.insert(body.function.name.clone(), body.spans);
            module.add(body.function);
        } else {
            parser.skip_to_function();
        }
    }
    parser.outcome(Ok((module, map)))
}
/// The grammar.
impl<'a> Parser<'a> {
    /// `func @name(%x: T, …) -> T { … }`. Fails only if the head is wrong.
    fn function(&mut self) -> Result<Body<'a>, Failure> {
        if !self.at_word("func") {
            return Err(self.expected_here("`func`"));
        }
        self.bump();
        let name = self.token;
        self.expect(TokenKind::Func, "the `@name` of the function")?;
        if name.text.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
            let message = format!("found `@{}`, expected a name that begins with a letter or `_`", name.text);
            return Err(self.fail(name.span, message));
        }
        let function = Function::new(name.text);
        let region = function.body_region();
        let spans = FunctionSpans { name: name.span, ..FunctionSpans::default() };
        let mut body = Body {
            function,
            region,
            values: HashMap::new(),
            names: HashSet::new(),
            depth: 0,
            declared: Vec::new(),
            spans,
        };
        self.params(&mut body)?;
        self.declared_results(&mut body)?;
        self.expect(TokenKind::LeftBrace, "`{` or `->` and the types of the results")?;
        self.instructions(&mut body, "return");
        Ok(body)
    }

    fn params(&mut self, body: &mut Body<'a>) -> Result<(), Failure> {
        self.expect(TokenKind::LeftParen, "`(` and the parameters")?;
        while self.token.kind != TokenKind::RightParen {
            let name = self.token;
            self.expect(TokenKind::Value, "a parameter `%name: type` or `)`")?;
            self.expect(TokenKind::Colon, "`:` and the type of the parameter")?;
            let ty = self.ty()?;
            let value = body.function.push_param(body.region, ty);
            // A name that cannot be defined is reported, and reading goes on.
            let _ = self.define(body, name, Some(value));
            if self.token.kind != TokenKind::Comma {
                break;
            }
            self.bump();
        }
        self.expect(TokenKind::RightParen, "`,` or `)`")
    }

    fn declared_results(&mut self, body: &mut Body<'a>) -> Result<(), Failure> {
        if self.token.kind != TokenKind::Arrow {
            return Ok(());
        }
        self.bump();
        let many = self.token.kind == TokenKind::LeftParen;
        if many {
            self.bump();
        }
        while !(many && self.token.kind == TokenKind::RightParen) {
            let start = self.token.span;
            let ty = self.ty()?;
            body.declared.push((ty, self.span_from(start)));
            if !(many && self.token.kind == TokenKind::Comma) {
                break;
            }
            self.bump();
        }
        if many { self.expect(TokenKind::RightParen, "`,` or `)`") } else { Ok(()) }
    }

    /// Everything up to and with the closing brace.
    fn instructions(&mut self, body: &mut Body<'a>, terminator: &str) {
        let mut returned = false;
        loop {
            let start = self.token.span;
            match self.token.kind {
                TokenKind::RightBrace => {
                    if !returned {
                        self.fail_here(format!("found `}}`, expected an instruction or `{terminator}`"));
                    }
                    return self.bump();
                }
                TokenKind::End => {
                    self.fail_here("found the end of the text, expected `}`");
                    return;
                }
                TokenKind::Word if self.token.text == "func" && self.token.first_on_line => {
                    self.fail_here("found `func`, expected `}` at the end of the function before");
                    return;
                }
                _ if returned => {
                    let found = self.token.describe();
                    self.fail_here(format!("found {found}, expected `}}` after `{terminator}`"));
                    self.skip_to_line(start);
                }
                _ => {
                    let is_return = self.at_word(terminator);
                    returned |= is_return;
                    let read = if is_return { self.return_values(body) } else { self.instruction(body) };
                    if let Err(Failure) = read {
                        self.skip_to_line(start);
                    }
                }
            }
        }
    }

    /// `return %a, …`, whose types are those declared in the head, or `yield %a, …`.
    fn return_values(&mut self, body: &mut Body<'a>) -> Result<(), Failure> {
        let start = self.token.span;
        self.bump();
        let mut values = Vec::new();
        let mut complete = true;
        // A `%` on the next line belongs to whatever stands there.
        while self.token.kind == TokenKind::Value && (!self.token.first_on_line || !values.is_empty()) {
            let token = self.token;
            self.bump();
            let value = self.used(body, token);
            complete &= value.is_some();
            values.extend(value);
            if self.token.kind != TokenKind::Comma {
                break;
            }
            self.bump();
            if self.token.kind != TokenKind::Value {
                return Err(self.expected("a value `%name`"));
            }
        }
        if !complete {
            return Ok(());
        }
        if body.depth > 0 {
            // What a region must yield is a question of types, the verifier's.
            body.function.set_results(body.region, &values);
            return Ok(());
        }
        let found: Vec<&Type> = values.iter().map(|&value| body.function.ty(value)).collect();
        let declared: Vec<&Type> = body.declared.iter().map(|(ty, _)| ty).collect();
        if found != declared {
            let span = self.span_from(start);
            let message = format!(
                "returns {}, expected {} as the head of @{} says",
                type_list(&found),
                type_list(&declared),
                body.function.name
            );
            return Err(self.fail(span, message));
        }
        body.function.set_results(body.region, &values);
        Ok(())
    }

    /// `%r, … = op leading operands, attributes : types at … from …`
    fn instruction(&mut self, body: &mut Body<'a>) -> Result<(), Failure> {
        let start = self.token.span;
        let mut results = Vec::new();
        let read = self.instruction_parts(body, start, &mut results);
        let failed = read.is_err();
        let defined = match read {
            Ok(Some(values)) => values.into_iter().map(Some).collect(),
            Ok(None) | Err(Failure) => vec![None; results.len()],
        };
        // Results stay known after a mistake, so that their uses are no mistakes.
        for (name, value) in results.into_iter().zip(defined) {
            let _ = self.define(body, name, value);
        }
        if failed { Err(Failure) } else { Ok(()) }
    }

    /// The results of an instruction, or `None` if it uses a value that is in error.
    fn instruction_parts(
        &mut self,
        body: &mut Body<'a>,
        start: Span,
        results: &mut Vec<Token<'a>>,
    ) -> Result<Option<Vec<Value>>, Failure> {
        self.result_names(results)?;
        let word = self.token;
        let head = self.head()?;
        let leading = self.leading(head)?;
        let place = self.span_from(word.span);
        let mut attributes = Attributes::new(word.text.into(), place);
        let operands = self.operands(body, &mut attributes)?;
        let types = self.result_types(results.len())?;
        let span = self.span_from(start);
        let provenance = self.provenance(span)?;
        let op = self.op(head, leading, &mut attributes, if types.len() == 1 { types.first() } else { None })?;
        let regions = self.regions(body, &op)?;
        let Some(operands) = operands else { return Ok(None) };
        let inst = body.function.push_inst(body.region, op, &operands, &regions, types, provenance);
        body.spans.insts[inst] = Some(span);
        Ok(Some(body.function.inst_results(inst).to_vec()))
    }

    /// `label(%x: T, …) { … yield %y, … }`, as many as the operation has.
    fn regions(&mut self, body: &mut Body<'a>, op: &Op) -> Result<Vec<Region>, Failure> {
        let (least, most) = op.region_counts();
        let mut regions = Vec::new();
        while regions.len() < most {
            let label = op.region_label(regions.len());
            if !self.at_word(label) {
                if regions.len() >= least {
                    break;
                }
                return Err(self.expected_here(&format!("the region `{label}(…) {{ … }}` of `{}`", op.name())));
            }
            if body.depth == MAX_REGION_DEPTH {
                return Err(self.fail_here(format!("regions nest deeper than {MAX_REGION_DEPTH}")));
            }
            self.bump();
            let region = body.function.push_region();
            let outer = std::mem::replace(&mut body.region, region);
            let values = std::mem::take(&mut body.values);
            body.depth += 1;
            let read = self.region(body);
            body.depth -= 1;
            body.values = values;
            body.region = outer;
            read?;
            regions.push(region);
        }
        Ok(regions)
    }

    fn region(&mut self, body: &mut Body<'a>) -> Result<(), Failure> {
        self.params(body)?;
        self.expect(TokenKind::LeftBrace, "`{` and the instructions of the region")?;
        self.instructions(body, "yield");
        Ok(())
    }

    fn result_names(&mut self, results: &mut Vec<Token<'a>>) -> Result<(), Failure> {
        while self.token.kind == TokenKind::Value {
            results.push(self.token);
            self.bump();
            if self.token.kind != TokenKind::Comma {
                return self.expect(TokenKind::Equals, "`=` or `,`");
            }
            self.bump();
        }
        if results.is_empty() { Ok(()) } else { Err(self.expected("the `%name` of a result")) }
    }

    fn head(&mut self) -> Result<Head, Failure> {
        if self.token.kind != TokenKind::Word {
            return Err(self.expected_here("an operation, or `%name =` and an operation"));
        }
        let Some(head) = Head::named(self.token.text) else {
            let found = self.token.describe();
            let suggestion = suggestion(self.token.text);
            return Err(self.fail_here(format!("found {found}, expected an operation{suggestion}")));
        };
        self.bump();
        Ok(head)
    }

    /// Operands and attributes, separated by commas; `None` if an operand is in error.
    fn operands(&mut self, body: &Body<'a>, attributes: &mut Attributes<'a>) -> Result<Option<Vec<Value>>, Failure> {
        let mut operands = Some(Vec::new());
        let mut attributes_begun = false;
        let mut more = match self.token.kind {
            TokenKind::Value => !self.token.first_on_line,
            TokenKind::Word => !self.token.first_on_line && !self.at_word("at") && !self.at_word("from"),
            _ => false,
        };
        while more {
            if self.token.kind == TokenKind::Value && !attributes_begun {
                let token = self.token;
                self.bump();
                match self.used(body, token) {
                    Some(value) => operands.iter_mut().for_each(|list| list.push(value)),
                    None => operands = None,
                }
            } else {
                self.attribute(attributes)?;
                attributes_begun = true;
            }
            more = self.token.kind == TokenKind::Comma;
            if more {
                self.bump();
            }
        }
        Ok(operands)
    }

    fn result_types(&mut self, count: usize) -> Result<Vec<Type>, Failure> {
        let mut types = Vec::new();
        let start = self.token.span;
        if self.token.kind == TokenKind::Colon {
            self.bump();
            types.push(self.ty()?);
            while self.token.kind == TokenKind::Comma {
                self.bump();
                types.push(self.ty()?);
            }
        } else if count > 0 {
            return Err(self.expected("`:` and the type of the result, or `,` and more operands or attributes"));
        }
        if types.len() != count {
            let span = self.span_from(start);
            return Err(self.fail(span, format!("found {} result types, expected {count}", types.len())));
        }
        Ok(types)
    }

    /// The value of that name; `None`, reported here or before, if there is none or its definition is in error.
    fn used(&mut self, body: &Body<'a>, name: Token<'a>) -> Option<Value> {
        if let Some(&value) = body.values.get(name.text) {
            return value;
        }
        let place = if body.names.contains(name.text) {
            " in this region; what is outside is passed in as an operand"
        } else {
            ""
        };
        self.fail(name.span, format!("found {}, expected a value defined before{place}", name.describe()));
        None
    }

    /// Gives a value its name. A name of digits alone only tells values without a name apart.
    fn define(&mut self, body: &mut Body<'a>, name: Token<'a>, value: Option<Value>) -> Result<(), Failure> {
        let is_number = name.text.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number && !name.text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
            let message = format!(
                "found {}, expected a name that begins with a letter or `_`, or a number for a value without one",
                name.describe()
            );
            return Err(self.fail(name.span, message));
        }
        if !body.names.insert(name.text) {
            return Err(self.fail(name.span, format!("{} is defined twice, expected another name", name.describe())));
        }
        body.values.insert(name.text, value);
        if let Some(value) = value
            && !is_number
        {
            body.function.set_value_name(value, Some(name.text.into()));
        }
        Ok(())
    }
}

fn type_list(types: &[&Type]) -> String {
    if types.is_empty() {
        return "nothing".into();
    }
    types.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
