//! A small builder of programs.

use std::sync::Arc;

use pullback_codegen::isa::vector_bytes;
use pullback_codegen::{Compiled, Error, Features, Options, compile, runtime_dtype};
use pullback_ir::{DType, Literal};
use pullback_loops::{
    Affine, Buffer, BufferData, Carried, Expr, For, Index, Kernel, Place, Program, Space, Step, Stmt, Var, VarType,
    Verified, VerifyErrors, parse_program, verify,
};
use pullback_runtime::{ArgRef, Element, Executable, Parameter, Signature, Tensor};

/// All sets of features.
pub(crate) const FEATURES: [Features; 3] = [Features::Native, Features::Baseline, Features::Vectors128];

/// The lanes that an element type is tested with, as wide as vectors may be on this processor.
pub(crate) fn lanes_of(dtype: DType) -> &'static [u8] {
    let (lanes, narrow): (&[u8], usize) = match dtype {
        DType::F32 | DType::I32 => (&[1, 4, 8, 16], 2),
        DType::F64 | DType::I64 => (&[1, 2, 4, 8], 2),
        DType::U8 => (&[1], 1),
        DType::Bool => (&[1, 2, 4, 8, 16], 3),
    };
    if has_wide_vectors() { lanes } else { &lanes[..narrow] }
}

/// Whether there are vectors of more than 128 bits on this processor.
pub(crate) fn has_wide_vectors() -> bool {
    vector_bytes(Features::Native) == 64
}

pub(crate) fn vector(dtype: DType, lanes: u8) -> VarType {
    VarType { dtype, lanes }
}

/// A program under construction: one kernel unless `next_kernel` is called.
#[derive(Default)]
pub(crate) struct Kit {
    pub(crate) program: Program,
    pub(crate) signature: Signature,
    /// Lists of statements, the innermost last.
    open: Vec<Vec<Stmt>>,
}

impl Kit {
    pub(crate) fn new() -> Self {
        let mut kit = Self::default();
        kit.program.name = "test".into();
        kit.signature.name = "test".to_owned();
        kit.open.push(Vec::new());
        kit
    }

    pub(crate) fn buffer(&mut self, dtype: DType, elements: usize, space: Space) -> Buffer {
        let name: Arc<str> = format!("buffer{}", self.program.buffers.len()).into();
        self.program.buffers.push(BufferData { name, dtype, elements, space })
    }

    pub(crate) fn input(&mut self, dtype: DType, elements: usize) -> Buffer {
        let index = self.signature.inputs.len();
        let name = format!("x{index}");
        self.signature.inputs.push(Parameter { name, dtype: runtime_dtype(dtype), shape: vec![elements] });
        self.buffer(dtype, elements, Space::Input(index))
    }

    pub(crate) fn output(&mut self, dtype: DType, elements: usize) -> Buffer {
        let index = self.signature.outputs.len();
        let name = format!("y{index}");
        self.signature.outputs.push(Parameter { name, dtype: runtime_dtype(dtype), shape: vec![elements] });
        self.buffer(dtype, elements, Space::Output(index))
    }

    pub(crate) fn constant(&mut self, literal: Literal) -> Buffer {
        let (dtype, elements) = (literal.ty().dtype, literal.ty().elements());
        self.buffer(dtype, elements, Space::Constant(Arc::new(literal)))
    }

    pub(crate) fn arena(&mut self, dtype: DType, elements: usize) -> Buffer {
        let offset = self.program.arena_bytes;
        self.program.arena_bytes += (elements * dtype.bytes()).next_multiple_of(64);
        self.buffer(dtype, elements, Space::Arena(offset))
    }

    pub(crate) fn push(&mut self, statement: Stmt) {
        self.open.last_mut().unwrap().push(statement);
    }

    pub(crate) fn set(&mut self, ty: VarType, expr: Expr) -> Var {
        let var = self.program.var(ty);
        self.push(Stmt::Let(var, expr));
        var
    }

    pub(crate) fn load(&mut self, ty: VarType, buffer: Buffer, index: &Affine) -> Var {
        self.set(ty, Expr::Load(place(buffer, index, 1)))
    }

    pub(crate) fn store(&mut self, buffer: Buffer, index: &Affine, var: Var) {
        self.push(Stmt::Store(place(buffer, index, 1), var));
    }

    /// A loop; `body` is given its counter.
    pub(crate) fn each(&mut self, extent: usize, step: usize, body: impl FnOnce(&mut Self, &Affine)) {
        self.fold(extent, step, &[], |kit, index, _| {
            body(kit, index);
            vec![]
        });
    }

    /// A loop with carried values: `body` is given counter and values, and gives the next values.
    pub(crate) fn fold(
        &mut self,
        extent: usize,
        step: usize,
        inits: &[Var],
        body: impl FnOnce(&mut Self, &Affine, &[Var]) -> Vec<Var>,
    ) -> Vec<Var> {
        let index: Index = self.program.index();
        let types: Vec<VarType> = inits.iter().map(|&init| self.program.vars[init]).collect();
        let params: Vec<Var> = types.iter().map(|&ty| self.program.var(ty)).collect();
        self.open.push(Vec::new());
        let nexts = body(self, &Affine::counter(index), &params);
        let body = self.open.pop().unwrap();
        let results: Vec<Var> = types.iter().map(|&ty| self.program.var(ty)).collect();
        let carried = (0..inits.len())
            .map(|i| Carried { param: params[i], init: inits[i], next: nexts[i], result: results[i] })
            .collect();
        let (extent, step) = (extent as i64, step as i64);
        self.push(Stmt::For(Box::new(For { index, extent, step, carried, body })));
        results
    }

    /// The statements that `body` makes.
    pub(crate) fn nested(&mut self, body: impl FnOnce(&mut Self)) -> Vec<Stmt> {
        self.open.push(Vec::new());
        body(self);
        self.open.pop().unwrap()
    }

    /// Ends the kernel.
    pub(crate) fn next_kernel(&mut self) {
        let body = std::mem::take(self.open.last_mut().unwrap());
        let name = format!("kernel{}", self.program.kernels().len()).into();
        self.program.body.push(Step::Kernel(Kernel { name, about: "by hand".to_owned(), body }));
    }

    fn verified(&mut self) -> Result<Verified<Program>, VerifyErrors> {
        if self.open.last().is_some_and(|body| !body.is_empty()) {
            self.next_kernel();
        }
        verify(self.program.clone())
    }

    pub(crate) fn compile_with(&mut self, options: &Options) -> Result<Compiled, Error> {
        let program = self.verified().unwrap_or_else(|errors| panic!("{errors}"));
        compile(&program, self.signature.clone(), options)
    }

    pub(crate) fn compile(&mut self, features: Features) -> Compiled {
        self.compile_with(&Options { features, verify: true, ..Options::default() }).unwrap()
    }

    /// What the loop IR's verifier, or else code generation, says is wrong.
    pub(crate) fn error(&mut self) -> String {
        match self.verified() {
            Err(errors) => errors.to_string(),
            Ok(program) => {
                let options = Options { verify: true, ..Options::default() };
                compile(&program, self.signature.clone(), &options).unwrap_err().to_string()
            }
        }
    }

    /// The program for all sets of features, or for the first alone if there are vectors of more than 128 bits.
    pub(crate) fn executables(&mut self) -> Vec<Executable> {
        let is_wide = |(_, ty): (Var, &VarType)| match ty.dtype {
            DType::Bool => ty.lanes > 4,
            dtype => usize::from(ty.lanes) * dtype.bytes() > 16,
        };
        let features = if self.program.vars.iter().any(is_wide) { &FEATURES[..1] } else { &FEATURES };
        let options = |&features| Options { features, verify: true, ..Options::default() };
        features.iter().map(|features| self.compile_with(&options(features)).unwrap().executable).collect()
    }

    /// The first output, for each set of features that the program can be compiled for.
    pub(crate) fn run<T: Element>(&mut self, inputs: &[ArgRef<'_>]) -> Vec<Vec<T>> {
        self.executables().iter().map(|executable| first(&executable.run(inputs).unwrap())).collect()
    }
}

/// A program that was written as text.
pub(crate) fn program(text: &str) -> Verified<Program> {
    let program = parse_program(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    verify(program).unwrap_or_else(|errors| panic!("{errors}\n{text}"))
}

/// Arguments and results as the buffers are, of one axis.
pub(crate) fn signature(program: &Program) -> Signature {
    let mut signature = Signature { name: "f".to_owned(), inputs: vec![], outputs: vec![], donated: vec![] };
    for data in program.buffers.values() {
        let (name, dtype) = (data.name.to_string(), runtime_dtype(data.dtype));
        let parameter = Parameter { name, dtype, shape: vec![data.elements] };
        match data.space {
            Space::Input(_) => signature.inputs.push(parameter),
            Space::Output(_) => signature.outputs.push(parameter),
            Space::Constant(_) | Space::Arena(_) | Space::Local(_) => {}
        }
    }
    signature
}

/// A program that was written as text, compiled.
pub(crate) fn compiled_text(text: &str, options: &Options) -> Compiled {
    let program = program(text);
    let signature = signature(&program);
    compile(&program, signature, options).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

pub(crate) fn first<T: Element>(results: &[Tensor]) -> Vec<T> {
    results[0].as_slice().unwrap().to_vec()
}

pub(crate) fn place(buffer: Buffer, index: &Affine, lane_stride: i64) -> Place {
    Place { buffer, index: index.clone(), lane_stride }
}

/// An argument of whatever shape.
pub(crate) fn arg<T: Element>(elements: &[T]) -> ArgRef<'_> {
    elements.into()
}

/// Runs an elementwise expression over arrays, `lanes` at a time, for each set of features. The arrays are repeated up to a multiple of the lanes.
pub(crate) fn map<T: Element, U: Element>(
    (from, to, lanes): (DType, DType, u8),
    operands: &[&[T]],
    expr: impl FnOnce(&mut Kit, &[Var]) -> Expr,
) -> Vec<Vec<U>> {
    let count = operands[0].len().next_multiple_of(usize::from(lanes));
    let mut kit = Kit::new();
    let buffers: Vec<Buffer> = operands.iter().map(|_| kit.input(from, count)).collect();
    let out = kit.output(to, count);
    kit.each(count, usize::from(lanes), |kit, i| {
        let vars: Vec<Var> = buffers.iter().map(|&buffer| kit.load(vector(from, lanes), buffer, i)).collect();
        let expr = expr(kit, &vars);
        let result = kit.set(vector(to, lanes), expr);
        kit.store(out, i, result);
    });
    let repeated: Vec<Vec<T>> =
        operands.iter().map(|elements| elements.iter().cycle().take(count).copied().collect()).collect();
    let inputs: Vec<ArgRef<'_>> = repeated.iter().map(|elements| arg(elements)).collect();
    let mut results = kit.run(&inputs);
    results.iter_mut().for_each(|result| result.truncate(operands[0].len()));
    results
}

/// Every pair of elements, as two arrays.
pub(crate) fn pairs<T: Copy>(values: &[T]) -> (Vec<T>, Vec<T>) {
    values.iter().flat_map(|&x| values.iter().map(move |&y| (x, y))).unzip()
}
