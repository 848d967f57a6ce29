//! The table of error bounds, read from the header of `src/math/mod.rs`: what the documentation
//! says is what the tests check.

const HEADER: &str = include_str!("../../src/math/mod.rs");

/// The documented largest errors of a function in ulp.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    single: [f64; 2],
    double: [f64; 2],
}

impl Bounds {
    /// For single precision.
    pub fn single(self, fma: bool) -> f64 {
        self.single[usize::from(!fma)]
    }

    /// For double precision.
    pub fn double(self, fma: bool) -> f64 {
        self.double[usize::from(!fma)]
    }
}

/// The row of the function with the given name.
pub fn bounds(name: &str) -> Bounds {
    let row = HEADER
        .lines()
        .filter_map(|line| line.strip_prefix("//! | "))
        .map(|line| line.split('|').map(str::trim).collect::<Vec<_>>())
        .find(|cells| cells[0] == name)
        .unwrap_or_else(|| panic!("no row for {name} in the table of src/math/mod.rs"));
    let cell = |i: usize| row[i].parse::<f64>().unwrap();
    Bounds { single: [cell(1), cell(2)], double: [cell(3), cell(4)] }
}
