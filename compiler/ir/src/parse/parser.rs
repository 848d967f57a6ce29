//! Functions and instructions.
//!
//! One token of lookahead; recursion for nested regions alone, whose depth is limited. A method that meets a mistake reports it and returns a [`Failure`]; the loop over the
//! instructions then goes on with the next line. Names of functions are collected first, so that calls may point forward.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::entities::{FuncId, Region, Value};
use crate::error::{ParseError, ParseErrors, Span};
use crate::function::{Function, Module};
use crate::literal::Literal;
use crate::op::{MAX_REGION_DEPTH, Op};
use crate::provenance::{Derivation, Origin, Provenance};
use crate::types::{DType, MAX_RANK, Type};

use super::attributes::{Attributes, Head, suggestion};
use super::lexer::{Lexer, Token, TokenKind, unquote};
use super::{FunctionSpans, MAX_ERRORS, SourceMap};

/// A mistake that has been reported.
pub(super) struct Failure;

pub(super) struct Parser<'a> {
    lexer: Lexer<'a>,
    pub(super) token: Token<'a>,
    /// The place of the token before.
    previous: Span,
    file: Option<Arc<str>>,
    /// Functions by name, in order of the text, known before any body is read.
    functions: HashMap<&'a str, FuncId>,
    errors: Vec<ParseError>,
}

/// What the regions of operations are called. A line never begins with one but that of a region, for instructions begin with their results.
const REGION_LABELS: [&str; 9] = ["body", "cond", "then", "else", "case", "primal", "jvp", "vjp", "transpose"];

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

pub(super) fn parse_literal(text: &str, ty: &Type) -> Result<Literal, ParseErrors> {
    let mut parser = Parser::new(text, None);
    let literal = parser.raw_literal().and_then(|raw| parser.typed_literal(&raw, ty));
    let end = literal.and_then(|literal| parser.expect(TokenKind::End, "the end of the literal").map(|()| literal));
    parser.outcome(end)
}

pub(super) fn parse_type(text: &str) -> Result<Type, ParseErrors> {
    let mut parser = Parser::new(text, None);
    let ty = parser.ty();
    let end = ty.and_then(|ty| parser.expect(TokenKind::End, "the end of the type").map(|()| ty));
    parser.outcome(end)
}

/// Tokens, messages and recovery.
impl<'a> Parser<'a> {
    fn new(text: &'a str, file: Option<Arc<str>>) -> Self {
        let mut lexer = Lexer::new(text);
        let token = lexer.next();
        Self { lexer, token, previous: token.span, file, functions: HashMap::new(), errors: Vec::new() }
    }

    fn outcome<T>(self, result: Result<T, Failure>) -> Result<T, ParseErrors> {
        match result {
            Ok(value) if self.errors.is_empty() => Ok(value),
            Ok(_) | Err(Failure) => Err(ParseErrors(self.errors)),
        }
    }

    pub(super) fn bump(&mut self) {
        self.previous = self.token.span;
        self.token = self.lexer.next();
    }

    pub(super) fn expect(&mut self, kind: TokenKind, expected: &str) -> Result<(), Failure> {
        if self.token.kind != kind {
            return Err(self.expected(expected));
        }
        self.bump();
        Ok(())
    }

    pub(super) fn at_word(&self, word: &str) -> bool {
        self.token.kind == TokenKind::Word && self.token.text == word
    }

    /// From the start of a span to the end of the last token read.
    pub(super) const fn span_from(&self, start: Span) -> Span {
        Span { end: if self.previous.end > start.start { self.previous.end } else { start.end }, ..start }
    }

    /// Reports a mistake. After [`MAX_ERRORS`] the rest of the text is not read.
    pub(super) fn fail(&mut self, span: Span, message: impl Into<String>) -> Failure {
        if self.errors.len() < MAX_ERRORS {
            self.errors.push(ParseError { span, message: message.into() });
        }
        if self.errors.len() >= MAX_ERRORS {
            self.lexer = Lexer::new("");
            self.token = Token { kind: TokenKind::End, text: "", ..self.token };
        }
        Failure
    }

    pub(super) fn fail_here(&mut self, message: impl Into<String>) -> Failure {
        self.fail(self.token.span, message)
    }

    /// Reports that something else was expected here. What is missing at the end of a line is reported there.
    pub(super) fn expected(&mut self, expected: &str) -> Failure {
        if self.token.first_on_line && self.token.span.line != self.previous.line {
            let message = format!("found the end of the line, expected {expected}");
            return self.fail(self.previous, message);
        }
        self.expected_here(expected)
    }

    /// As [`Self::expected`], where a line may begin.
    fn expected_here(&mut self, expected: &str) -> Failure {
        let found = self.token.describe();
        self.fail_here(format!("found {found}, expected {expected}"))
    }

    /// After a mistake in a line that begins at `start`: to the first token that may begin another.
    fn skip_to_line(&mut self, start: Span) {
        if self.token.span.start == start.start && self.token.kind != TokenKind::RightBrace {
            self.bump();
        }
        loop {
            match self.token.kind {
                TokenKind::End | TokenKind::RightBrace => return,
                TokenKind::LeftBrace => self.skip_block(),
                TokenKind::Word if REGION_LABELS.contains(&self.token.text) => self.bump(),
                TokenKind::Value | TokenKind::Word if self.token.first_on_line => return,
                _ => self.bump(),
            }
        }
    }

    /// From `{` to behind the `}` that closes it.
    fn skip_block(&mut self) {
        let mut open = 0_usize;
        loop {
            match self.token.kind {
                TokenKind::LeftBrace => open += 1,
                TokenKind::RightBrace => open -= 1,
                TokenKind::End => return,
                _ => {}
            }
            self.bump();
            if open == 0 {
                return;
            }
        }
    }

    /// After a mistake in the head of a function, or text outside functions: to the next function.
    fn skip_to_function(&mut self) {
        self.bump();
        while !(self.token.kind == TokenKind::End || self.at_word("func")) {
            self.bump();
        }
    }

    /// Gives the functions their ids, in order of the text.
    fn collect_functions(&mut self, text: &'a str) {
        let mut lexer = Lexer::new(text);
        let mut token = lexer.next();
        while token.kind != TokenKind::End {
            let next = lexer.next();
            if token.kind == TokenKind::Word && token.text == "func" && next.kind == TokenKind::Func {
                let id = FuncId::from_u32(u32::try_from(self.functions.len()).unwrap_or(u32::MAX - 1));
                if self.functions.contains_key(next.text) {
                    let message = format!("there are two functions @{}, expected different names", next.text);
                    self.fail(next.span, message);
                } else {
                    self.functions.insert(next.text, id);
                }
            }
            token = next;
        }
    }

    pub(super) fn function_named(&self, name: &str) -> Option<FuncId> {
        self.functions.get(name).copied()
    }
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

    /// A type: an element type, then extents in brackets unless it is a scalar.
    fn ty(&mut self) -> Result<Type, Failure> {
        let start = self.token.span;
        let dtype = if self.token.kind == TokenKind::Word { DType::from_name(self.token.text) } else { None };
        let Some(dtype) = dtype else {
            let names: Vec<&str> = DType::ALL.iter().map(|dtype| dtype.name()).collect();
            return Err(self.expected(&format!("a type that begins with one of {}", names.join(", "))));
        };
        self.bump();
        let mut extents = Vec::new();
        if self.token.kind == TokenKind::LeftBracket {
            self.bump();
            while self.token.kind != TokenKind::RightBracket {
                extents.push(self.extent()?);
                if extents.len() > MAX_RANK {
                    let span = self.span_from(start);
                    return Err(self.fail(span, format!("a type of more than {MAX_RANK} dimensions")));
                }
                if self.token.kind != TokenKind::Comma {
                    break;
                }
                self.bump();
            }
            self.expect(TokenKind::RightBracket, "`,` or `]`")?;
        }
        Type::new(dtype, &extents).map_err(|error| self.fail(self.span_from(start), error.to_string()))
    }

    fn extent(&mut self) -> Result<usize, Failure> {
        let extent = self.token.text.parse();
        match extent {
            Ok(extent) if self.token.kind == TokenKind::Number => {
                self.bump();
                Ok(extent)
            }
            Ok(_) | Err(_) => Err(self.expected("the extent of a dimension, an integer from 0 to 2^48")),
        }
    }

    /// `at "file":line:column` or `at node "name"`, then `from "primal" by "rule"`.
    fn provenance(&mut self, inst: Span) -> Result<Provenance, Failure> {
        let mut provenance = Provenance::default();
        if let Some(file) = &self.file {
            let origin = Origin::File { file: file.clone(), line: inst.line, column: inst.column };
            provenance.origin = Some(origin);
        }
        if self.at_word("at") {
            self.bump();
            provenance.origin = Some(self.origin()?);
        }
        if self.at_word("from") {
            self.bump();
            let primal = self.string("the name of the primal value in quotes")?;
            if !self.at_word("by") {
                return Err(self.expected("`by` and the rule in quotes"));
            }
            self.bump();
            let rule = self.string("the rule in quotes")?;
            provenance.derivation = Some(Derivation { rule, primal });
        }
        Ok(provenance)
    }

    fn origin(&mut self) -> Result<Origin, Failure> {
        if self.at_word("node") {
            self.bump();
            return self.string("the name of the node in quotes").map(Origin::Node);
        }
        let file = self.string("a file name in quotes, or `node` and a name in quotes")?;
        self.expect(TokenKind::Colon, "`:` and a line")?;
        let line = self.place_number()?;
        self.expect(TokenKind::Colon, "`:` and a column")?;
        let column = self.place_number()?;
        Ok(Origin::File { file, line, column })
    }

    fn place_number(&mut self) -> Result<u32, Failure> {
        let number = self.token.text.parse();
        match number {
            Ok(number) if self.token.kind == TokenKind::Number => {
                self.bump();
                Ok(number)
            }
            Ok(_) | Err(_) => Err(self.expected("an integer of at most 32 bits")),
        }
    }

    fn string(&mut self, expected: &str) -> Result<Arc<str>, Failure> {
        let token = self.token;
        self.expect(TokenKind::Text, expected)?;
        match unquote(token.text) {
            Some(text) => Ok(text.into()),
            None => Err(self.fail(token.span, r#"a bad escape, expected `\"`, `\\` or `\u{…}`"#)),
        }
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
