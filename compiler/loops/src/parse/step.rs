//! Steps: kernels, and the control flow around them.

use std::sync::Arc;

use pullback_ir::ParseError;

use super::{End, Parser};
use crate::program::Kernel;
use crate::step::{Branch, Loop, Step, While};
use crate::verify::MAX_DEPTH;

impl Parser<'_> {
    /// Steps up to the brace that ends their list, which is read too; `depth` loops and branches are around them.
    pub(super) fn steps(&mut self, depth: usize) -> Result<Vec<Step>, ParseError> {
        let mut steps = Vec::new();
        while !self.cursor.eat("}") {
            let start = self.cursor.start();
            if depth == MAX_DEPTH {
                return Err(self.cursor.fail(format!("loops nested more than {MAX_DEPTH} deep")));
            }
            if self.cursor.peek_word().is_empty() {
                // Not a step, and not the end that is missing.
                self.cursor.expect("}")?;
            }
            steps.push(match self.cursor.word() {
                "kernel" => self.kernel(depth)?,
                "loop" => self.counted(false, depth)?,
                "parallel" => {
                    self.cursor.keyword("loop")?;
                    self.counted(true, depth)?
                }
                "while" => self.read_while(depth)?,
                "branch" => self.branch(depth)?,
                found => {
                    let rule = "`kernel`, `loop`, `parallel`, `while`, `branch` or `}`";
                    return Err(self.cursor.fail_at(start, format!("found `{found}`, expected {rule}")));
                }
            });
        }
        Ok(steps)
    }

    /// `@name "about" { … }`.
    fn kernel(&mut self, depth: usize) -> Result<Step, ParseError> {
        let name: Arc<str> = self.cursor.name('@')?.into();
        let about = self.cursor.string()?.to_owned();
        self.cursor.expect("{")?;
        let mut body = Vec::new();
        let start = self.cursor.start();
        if self.statements(&mut body, depth)? == End::Yield {
            return Err(self.cursor.fail_at(start, "a `yield` in a kernel, expected one in a loop"));
        }
        Ok(Step::Kernel(Kernel { name, about, body }))
    }

    /// `i0 = 0 to 10 { … }`.
    fn counted(&mut self, parallel: bool, depth: usize) -> Result<Step, ParseError> {
        let (index, extent) = self.counter()?;
        self.cursor.expect("{")?;
        Ok(Step::Loop(Box::new(Loop { index, extent, parallel, body: self.steps(depth + 1)? })))
    }

    /// `bound 10 { condition %go[0] { … } body { … } }`.
    fn read_while(&mut self, depth: usize) -> Result<Step, ParseError> {
        let bound = if self.cursor.eat_word("bound") { Some(self.cursor.size()? as u64) } else { None };
        self.cursor.expect("{")?;
        self.cursor.keyword("condition")?;
        let condition = self.place()?;
        self.cursor.expect("{")?;
        let before = self.steps(depth + 1)?;
        self.cursor.keyword("body")?;
        self.cursor.expect("{")?;
        let body = self.steps(depth + 1)?;
        self.cursor.expect("}")?;
        Ok(Step::While(Box::new(While { before, condition, body, bound })))
    }

    /// `%selector[0] { case { … } … }`.
    fn branch(&mut self, depth: usize) -> Result<Step, ParseError> {
        let selector = self.place()?;
        self.cursor.expect("{")?;
        let mut cases = Vec::new();
        while self.cursor.eat_word("case") {
            self.cursor.expect("{")?;
            cases.push(self.steps(depth + 1)?);
        }
        self.cursor.expect("}")?;
        Ok(Step::Branch(Box::new(Branch { selector, cases })))
    }
}
