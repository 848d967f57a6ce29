//! What is compiled, and how.

use pullback_autodiff::Derivative;
use pullback_codegen::Features;
use pullback_optimize::fuse::{Cutting, Fusion};
use pullback_optimize::{DEFAULT, Pass};

/// A derivative, and the parameters it is taken with respect to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Differentiate {
    /// Which derivative.
    pub derivative: Derivative,
    /// Names of parameters, without `%`, in the order of the gradients.
    pub wrt: Vec<String>,
}

/// Where to cut the pipeline of optimisations short.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PassLimit {
    /// Before the first pass of this name.
    Before(String),
    /// After the first pass of this name.
    After(String),
}

/// How to compile a function.
#[derive(Clone, Debug)]
pub struct Options {
    /// The derivative to compile instead of the function itself.
    pub differentiate: Option<Differentiate>,
    /// The optimisations, in order, repeated until nothing changes.
    pub passes: &'static [&'static Pass],
    /// Where to cut them short.
    pub pass_limit: Option<PassLimit>,
    /// Which instructions share kernels.
    pub fusion: Fusion,
    /// How values are cut into tiles.
    pub cutting: Cutting,
    /// Which processor features generated code may use.
    pub features: Features,
    /// How many threads parallel loops and large matrix products may use; 0 for as many as there are cores. Results do not depend on it.
    pub threads: usize,
    /// Bytes that the arena, with what the workers of parallel loops have of their own, may have at most: see [`Options::memory_budget`].
    pub memory_budget: Option<usize>,
    /// Parameters, without `%`, whose memory results take: see [`Options::donate`].
    pub donate: Vec<String>,
    /// Verifies after every pass and lets Cranelift verify its input: slower, and names the stage that made a mistake.
    pub verify_each: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            differentiate: None,
            passes: DEFAULT,
            pass_limit: None,
            fusion: Fusion::All,
            cutting: Cutting::default(),
            features: Features::default(),
            threads: 0,
            memory_budget: None,
            donate: Vec::new(),
            verify_each: false,
        }
    }
}

impl Options {
    /// The defaults: the function itself, all optimisations, fusion, all processor features.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Compiles a derivative with respect to the named parameters.
    #[must_use]
    pub fn differentiate<S: Into<String>>(mut self, derivative: Derivative, wrt: impl IntoIterator<Item = S>) -> Self {
        self.differentiate = Some(Differentiate { derivative, wrt: wrt.into_iter().map(Into::into).collect() });
        self
    }

    /// Compiles the function's results and the gradient of the first with respect to the named parameters.
    #[must_use]
    pub fn value_and_grad<S: Into<String>>(self, wrt: impl IntoIterator<Item = S>) -> Self {
        self.differentiate(Derivative::ValueAndGradient, wrt)
    }

    /// Compiles the gradient of the first result with respect to the named parameters.
    #[must_use]
    pub fn grad<S: Into<String>>(self, wrt: impl IntoIterator<Item = S>) -> Self {
        self.differentiate(Derivative::Gradient, wrt)
    }

    /// Says which instructions share kernels.
    #[must_use]
    pub fn fusion(mut self, fusion: Fusion) -> Self {
        self.fusion = fusion;
        self
    }

    /// Says which processor features generated code may use. The vectors of the [loop IR](crate::Stage::Loops) depend on it, and with them the order of sums: results differ in
    /// the last bits.
    #[must_use]
    pub fn features(mut self, features: Features) -> Self {
        self.features = features;
        self
    }

    /// Bounds the threads of parallel loops and large matrix products; 0 for as many as there are cores.
    #[must_use]
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = threads;
        self
    }

    /// Bounds the bytes of [`Executable::arena_bytes`](crate::Executable::arena_bytes): what a call needs besides arguments, results and constants. Where the program needs more, values
    /// that are kept for later, as for a backward pass, are computed again when they are needed, those that save most for their work first. The results are the same but for rounding. Compiling fails with
    /// [`Error::Limit`](crate::Error::Limit), which says by how many bytes, if nothing that was tried fits.
    ///
    /// The arena grows with the number of threads that a call may use, so the bound is best set together with [`Options::threads`].
    #[must_use]
    pub fn memory_budget(mut self, bytes: usize) -> Self {
        self.memory_budget = Some(bytes);
        self
    }

    /// Gives up the memory of arguments to results, as an optimiser's step puts new parameters in the place of the old ones. Each parameter named so takes the first result
    /// of its element type and shape that no other took, and that is not simply a parameter. It is no argument any more: the caller puts its elements into the memory of that result, and the program
    /// stores the result over them. [`Signature::donated`](crate::runtime::Signature::donated) says which results these are.
    ///
    /// Where all reads of the argument come before the result, or read the very element that is stored next, the result is stored in place. Otherwise it is stored in the arena
    /// and copied at the end, which the kernels of the [loop IR](crate::Stage::Loops) show.
    #[must_use]
    pub fn donate<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.donate = names.into_iter().map(Into::into).collect();
        self
    }
}
