//! Samples as text: the parameters of a function and its one instruction, for every element type `T` of a domain.
//!
//! What reads or writes at positions, slides windows, sorts, factors or has regions has too many attributes for a table of their values to be
//! read; the text form says them by name.

mod control;

use pullback_ir::op::Domain;
use pullback_ir::op::Domain::{Any, Float, Integer};

use control::CONTROL;

/// A domain for `T`, the parameters, and the instruction with its regions.
type Program = (Domain, &'static str, &'static str);

/// The samples of an operation.
pub(crate) fn programs(op: &str) -> &'static [Program] {
    let groups = [INDEXING, SCATTER, WINDOWS, CONVOLUTIONS, LINES, MATRICES, CONTROL];
    let named = groups.iter().flat_map(|group| group.iter()).find(|(name, _)| *name == op);
    named.map_or(&[], |(_, programs)| programs)
}

type Group = &'static [(&'static str, &'static [Program])];

const INDEXING: Group = &[
    (
        "dynamic_slice",
        &[
            (Any, "%x: T[7], %i: i32", "%z = dynamic_slice %x, %i : T[3]"),
            (Any, "%x: T[4,6], %i: i64, %j: i64", "%z = dynamic_slice %x, %i, %j : T[2,5]"),
            (Any, "%x: T[3,5], %i: u8, %j: u8", "%z = dynamic_slice %x, %i, %j : T[3,1]"),
            (Any, "%x: T[5], %i: i32", "%z = dynamic_slice %x, %i : T[0]"),
            (Any, "%x: T[0,2], %i: i32, %j: i32", "%z = dynamic_slice %x, %i, %j : T[0,2]"),
            (Any, "%x: T", "%z = dynamic_slice %x : T"),
        ],
    ),
    (
        "dynamic_update_slice",
        &[
            (Any, "%x: T[7], %u: T[3], %i: i32", "%z = dynamic_update_slice %x, %u, %i : T[7]"),
            (Any, "%x: T[4,9], %u: T[2,5], %i: i64, %j: i64", "%z = dynamic_update_slice %x, %u, %i, %j : T[4,9]"),
            (Any, "%x: T[3], %u: T[3], %i: u8", "%z = dynamic_update_slice %x, %u, %i : T[3]"),
            (Any, "%x: T[3], %u: T[0], %i: i32", "%z = dynamic_update_slice %x, %u, %i : T[3]"),
            (Any, "%x: T, %u: T", "%z = dynamic_update_slice %x, %u : T"),
        ],
    ),
    (
        "gather",
        &[
            (
                Any,
                "%x: T[5,3], %i: i32[6]",
                "%z = gather %x, %i, offset=[1], collapsed=[0], map=[0], vector_axis=1, mode=clamp, sizes=[1,3] : T[6,3]",
            ),
            (
                Any,
                "%x: T[5,3], %i: i64[6]",
                "%z = gather %x, %i, offset=[0], collapsed=[0], map=[0], vector_axis=1, mode=drop, sizes=[1,3] : T[3,6]",
            ),
            (
                Any,
                "%x: T[4,5], %i: i32[7,2]",
                "%z = gather %x, %i, offset=[1,2], collapsed=[], map=[1,0], vector_axis=1, mode=drop, sizes=[2,3] : T[7,2,3]",
            ),
            (
                Any,
                "%x: T[4,5], %i: i32[2,7]",
                "%z = gather %x, %i, offset=[1], collapsed=[1], map=[0,1], vector_axis=0, mode=clamp, sizes=[2,1] : T[7,2]",
            ),
            (
                Any,
                "%x: T[3,4], %i: u8[3,2]",
                "%z = gather %x, %i, offset=[], collapsed=[1], map=[1], vector_axis=2, mode=drop, batch=[0]x[0], sizes=[1,1] : T[3,2]",
            ),
            (
                Any,
                "%x: T[2,3], %i: i32[0]",
                "%z = gather %x, %i, offset=[1], collapsed=[0], map=[0], vector_axis=1, mode=clamp, sizes=[1,3] : T[0,3]",
            ),
            (
                Any,
                "%x: T[0,3], %i: i32[4]",
                "%z = gather %x, %i, offset=[1,2], collapsed=[], map=[0], vector_axis=1, mode=drop, sizes=[0,3] : T[4,0,3]",
            ),
            (
                Any,
                "%x: T[6], %i: i32[1]",
                "%z = gather %x, %i, offset=[0], collapsed=[], map=[0], vector_axis=0, mode=clamp, sizes=[4] : T[4]",
            ),
        ],
    ),
    (
        "bitcast",
        &[
            (Float, "%x: T[2,9]", "%z = bitcast %x : T[2,9]"),
            (Integer, "%x: T[5]", "%z = bitcast %x : T[5]"),
            (Any, "%x: T[0,3]", "%z = bitcast %x : T[0,3]"),
            (Any, "%x: f32[21]", "%z = bitcast %x : i32[21]"),
            (Any, "%x: f64[21]", "%z = bitcast %x : i64[21]"),
            (Any, "%x: i32[21]", "%z = bitcast %x : f32[21]"),
            (Any, "%x: i64[21]", "%z = bitcast %x : f64[21]"),
        ],
    ),
    (
        "optimization_barrier",
        &[
            (Any, "%x: T[2,3]", "%z = optimization_barrier %x : T[2,3]"),
            (Any, "%x: T[5], %y: i32, %w: T", "%z, %a, %b = optimization_barrier %x, %y, %w : T[5], i32, T"),
            (Any, "%x: T[0]", "%z, %w = optimization_barrier %x, %x : T[0], T[0]"),
        ],
    ),
    (
        "random_bits",
        &[
            (Any, "%k: i32[2]", "%z = random_bits %k : i32[7]"),
            (Any, "%k: i32[2]", "%z = random_bits %k : i64[2,9]"),
            (Any, "%k: i32[2]", "%z = random_bits %k : i32[3,0]"),
            (Any, "%k: i32[2]", "%z = random_bits %k : i32"),
        ],
    ),
];

/// What all kinds of scatter are tried on; `KIND` is the operation.
const SCATTERS: &[Program] = &[
    (
        Any,
        "%x: T[5], %i: i32[9], %u: T[9]",
        "%z = KIND %x, %i, %u, offset=[], collapsed=[0], map=[0], vector_axis=1, mode=drop : T[5]",
    ),
    (
        Any,
        "%x: T[5], %i: i64[9], %u: T[9]",
        "%z = KIND %x, %i, %u, offset=[], collapsed=[0], map=[0], vector_axis=1, mode=clamp : T[5]",
    ),
    (
        Any,
        "%x: T[4,3], %i: i32[6], %u: T[6,3]",
        "%z = KIND %x, %i, %u, offset=[1], collapsed=[0], map=[0], vector_axis=1, mode=clamp : T[4,3]",
    ),
    (
        Any,
        "%x: T[4,6], %i: i32[5,2], %u: T[5,2,3]",
        "%z = KIND %x, %i, %u, offset=[1,2], collapsed=[], map=[1,0], vector_axis=1, mode=drop : T[4,6]",
    ),
    (
        Any,
        "%x: T[3,4], %i: u8[3,2], %u: T[3,2]",
        "%z = KIND %x, %i, %u, offset=[], collapsed=[1], map=[1], vector_axis=2, mode=drop, batch=[0]x[0] : T[3,4]",
    ),
    (
        Any,
        "%x: T[4], %i: i32[0], %u: T[0]",
        "%z = KIND %x, %i, %u, offset=[], collapsed=[0], map=[0], vector_axis=1, mode=clamp : T[4]",
    ),
    (
        Any,
        "%x: T[0], %i: i32[2], %u: T[2,0]",
        "%z = KIND %x, %i, %u, offset=[1], collapsed=[], map=[0], vector_axis=1, mode=drop : T[0]",
    ),
    (
        Any,
        "%x: T[7], %i: i32[1], %u: T[4]",
        "%z = KIND %x, %i, %u, offset=[0], collapsed=[], map=[0], vector_axis=0, mode=clamp : T[7]",
    ),
];

const SCATTER: Group = &[
    ("scatter set", SCATTERS),
    ("scatter add", SCATTERS),
    ("scatter mul", SCATTERS),
    ("scatter min", SCATTERS),
    ("scatter max", SCATTERS),
];

/// What all kinds of pooling are tried on.
const POOLS: &[Program] = &[
    (Any, "%x: T[9]", "%z = KIND %x, size=[3] : T[7]"),
    (Any, "%x: T[4,9]", "%z = KIND %x, size=[2,3], stride=[2,1] : T[2,7]"),
    (Any, "%x: T[9]", "%z = KIND %x, size=[3], stride=[2], low=[2], high=[1] : T[5]"),
    (Any, "%x: T[5]", "%z = KIND %x, size=[2], low=[3], high=[0] : T[7]"),
    (Any, "%x: T[9]", "%z = KIND %x, size=[3], low=[-2], high=[-1] : T[4]"),
    (Any, "%x: T[5]", "%z = KIND %x, size=[3], base_dilation=[2], dilation=[2] : T[5]"),
    (Any, "%x: T[3,4]", "%z = KIND %x, size=[1,4], base_dilation=[2,1], dilation=[1,1] : T[5,1]"),
    (Any, "%x: T[6,6]", "%z = KIND %x, size=[2,2], stride=[2,2] : T[3,3]"),
    (Any, "%x: T[2]", "%z = KIND %x, size=[3] : T[0]"),
    (Any, "%x: T[0]", "%z = KIND %x, size=[2], low=[2], high=[1] : T[2]"),
    (Any, "%x: T", "%z = KIND %x, size=[] : T"),
];

/// What both kinds of `select_and_scatter` are tried on.
const SELECTIONS: &[Program] = &[
    (Any, "%x: T[9], %s: T[7]", "%z = KIND %x, %s, size=[3] : T[9]"),
    (Any, "%x: T[4,9], %s: T[2,7]", "%z = KIND %x, %s, size=[2,3], stride=[2,1] : T[4,9]"),
    (Any, "%x: T[9], %s: T[5]", "%z = KIND %x, %s, size=[3], stride=[2], low=[2], high=[1] : T[9]"),
    (Any, "%x: T[5], %s: T[7]", "%z = KIND %x, %s, size=[2], low=[3] : T[5]"),
    (Any, "%x: T[9], %s: T[4]", "%z = KIND %x, %s, size=[3], low=[-2], high=[-1] : T[9]"),
    (Any, "%x: T[2], %s: T[0]", "%z = KIND %x, %s, size=[3] : T[2]"),
];

const WINDOWS: Group = &[
    (
        "windows",
        &[
            (Any, "%x: T[9]", "%z = windows %x, axes=[0], size=[3] : T[7,3]"),
            (Any, "%x: T[2,9]", "%z = windows %x, axes=[1], size=[3], stride=[2], dilation=[2] : T[2,3,3]"),
            (Any, "%x: T[4,5]", "%z = windows %x, axes=[0,1], size=[2,3], stride=[2,1] : T[2,3,2,3]"),
            (Any, "%x: T[4,5]", "%z = windows %x, axes=[0], size=[4] : T[1,5,4]"),
            (Any, "%x: T[2]", "%z = windows %x, axes=[0], size=[3] : T[0,3]"),
            (Any, "%x: T[3,2]", "%z = windows %x, axes=[], size=[] : T[3,2]"),
        ],
    ),
    (
        "overlap_add",
        &[
            (Any, "%x: T[7,3]", "%z = overlap_add %x, axes=[0], size=[3] : T[9]"),
            (Any, "%x: T[2,3,3]", "%z = overlap_add %x, axes=[1], size=[3], stride=[2], dilation=[2] : T[2,9]"),
            (Any, "%x: T[2,3,2,3]", "%z = overlap_add %x, axes=[0,1], size=[2,3], stride=[2,1] : T[4,5]"),
            (Any, "%x: T[2,2]", "%z = overlap_add %x, axes=[0], size=[2], stride=[4] : T[9]"),
            (Any, "%x: T[0,3]", "%z = overlap_add %x, axes=[0], size=[3] : T[2]"),
        ],
    ),
    ("reduce_window add", POOLS),
    ("reduce_window max", POOLS),
    ("reduce_window min", POOLS),
    ("select_and_scatter max", SELECTIONS),
    ("select_and_scatter min", SELECTIONS),
];

const CONVOLUTIONS: Group = &[(
    "conv",
    &[
        (Any, "%x: T[2,3,9], %k: T[4,3,3]", "%z = conv %x, %k, lhs=[0,1,2], rhs=[0,1,2], out=[0,1,2] : T[2,4,7]"),
        (
            Any,
            "%x: T[2,3,9], %k: T[4,3,3]",
            "%z = conv %x, %k, lhs=[0,1,2], rhs=[0,1,2], out=[0,1,2], stride=[2], low=[1], high=[2] : T[2,4,5]",
        ),
        (
            Any,
            "%x: T[1,5,6,2], %k: T[2,3,2,3]",
            "%z = conv %x, %k, lhs=[0,3,1,2], rhs=[3,2,0,1], out=[0,3,1,2], low=[1,1], high=[0,1] : T[1,5,6,3]",
        ),
        (
            Any,
            "%x: T[1,2,5], %k: T[3,2,2]",
            "%z = conv %x, %k, lhs=[0,1,2], rhs=[0,1,2], out=[0,1,2], low=[1], high=[1], lhs_dilation=[2], rhs_dilation=[3] : T[1,3,8]",
        ),
        (
            Any,
            "%x: T[2,4,7], %k: T[6,2,3]",
            "%z = conv %x, %k, lhs=[0,1,2], rhs=[0,1,2], out=[0,1,2], low=[-1], feature_groups=2 : T[2,6,4]",
        ),
        (
            Any,
            "%x: T[4,3,5], %k: T[6,3,2]",
            "%z = conv %x, %k, lhs=[0,1,2], rhs=[0,1,2], out=[0,1,2], batch_groups=2 : T[2,6,4]",
        ),
        (Any, "%x: T[3,4], %k: T[5,4]", "%z = conv %x, %k, lhs=[0,1], rhs=[0,1], out=[1,0] : T[5,3]"),
        (
            Any,
            "%x: T[1,1,3,3,3], %k: T[2,1,2,2,2]",
            "%z = conv %x, %k, lhs=[0,1,2,3,4], rhs=[0,1,2,3,4], out=[0,1,2,3,4] : T[1,2,2,2,2]",
        ),
        (Any, "%x: T[2,3,2], %k: T[4,3,3]", "%z = conv %x, %k, lhs=[0,1,2], rhs=[0,1,2], out=[0,1,2] : T[2,4,0]"),
        (Any, "%x: T[2,0,4], %k: T[3,0,2]", "%z = conv %x, %k, lhs=[0,1,2], rhs=[0,1,2], out=[0,1,2] : T[2,3,3]"),
    ],
)];

/// What all running combinations are tried on.
const CUMULATIVE: &[Program] = &[
    (Any, "%x: T[9]", "%z = KIND %x, axis=0 : T[9]"),
    (Any, "%x: T[3,7]", "%z = KIND %x, axis=1, reverse=true : T[3,7]"),
    (Any, "%x: T[7,3]", "%z = KIND %x, axis=0 : T[7,3]"),
    (Any, "%x: T[2,5,3]", "%z = KIND %x, axis=1, reverse=true : T[2,5,3]"),
    (Any, "%x: T[3,1]", "%z = KIND %x, axis=1 : T[3,1]"),
    (Any, "%x: T[3,0]", "%z = KIND %x, axis=1 : T[3,0]"),
    (Any, "%x: T[3,0]", "%z = KIND %x, axis=0 : T[3,0]"),
];

/// What `argmax` and `argmin` are tried on.
const EXTREMA: &[Program] = &[
    (Any, "%x: T[9]", "%z = KIND %x, axis=0 : i32"),
    (Any, "%x: T[3,7]", "%z = KIND %x, axis=1 : i64[3]"),
    (Any, "%x: T[7,3]", "%z = KIND %x, axis=0 : i32[3]"),
    (Any, "%x: T[2,5,3]", "%z = KIND %x, axis=1 : i32[2,3]"),
    (Any, "%x: T[0,3]", "%z = KIND %x, axis=1 : i32[0]"),
];

const LINES: Group = &[
    ("cumulative add", CUMULATIVE),
    ("cumulative mul", CUMULATIVE),
    ("cumulative max", CUMULATIVE),
    ("cumulative min", CUMULATIVE),
    ("cumulative logsumexp", CUMULATIVE),
    ("argmax", EXTREMA),
    ("argmin", EXTREMA),
    (
        "sort",
        &[
            (Any, "%x: T[33]", "%z = sort %x, axis=0, keys=1 : T[33]"),
            (Any, "%x: T[33]", "%z = sort %x, axis=0, keys=1, descending=true : T[33]"),
            (Any, "%x: T[3,9]", "%z = sort %x, axis=1, keys=1 : T[3,9]"),
            (Any, "%x: T[9,3]", "%z = sort %x, axis=0, keys=1, descending=true : T[9,3]"),
            (Any, "%k: u8[17], %x: T[17]", "%a, %b = sort %k, %x, axis=0, keys=1 : u8[17], T[17]"),
            (Any, "%k: bool[17], %x: T[17]", "%a, %b = sort %k, %x, axis=0, keys=2 : bool[17], T[17]"),
            (
                Any,
                "%x: T[2,11], %y: i32[2,11], %w: f32[2,11]",
                "%a, %b, %c = sort %x, %y, %w, axis=1, keys=2, descending=true : T[2,11], i32[2,11], f32[2,11]",
            ),
            (Any, "%x: T[1]", "%z = sort %x, axis=0, keys=1 : T[1]"),
            (Any, "%x: T[2,0]", "%z = sort %x, axis=1, keys=1 : T[2,0]"),
        ],
    ),
    (
        "top_k",
        &[
            (Any, "%x: T[17]", "%z, %i = top_k %x, k=5 : T[5], i32[5]"),
            (Any, "%x: T[3,7]", "%z, %i = top_k %x, k=7 : T[3,7], i32[3,7]"),
            (Any, "%x: T[3,7]", "%z, %i = top_k %x, k=0 : T[3,0], i32[3,0]"),
            (Any, "%x: T[0,2]", "%z, %i = top_k %x, k=1 : T[0,1], i32[0,1]"),
        ],
    ),
];

const MATRICES: Group = &[
    (
        "cholesky",
        &[
            (Float, "%a: T[1,1]", "%z = cholesky %a : T[1,1]"),
            (Float, "%a: T[5,5]", "%z = cholesky %a : T[5,5]"),
            (Float, "%a: T[2,3,4,4]", "%z = cholesky %a : T[2,3,4,4]"),
            (Float, "%a: T[19,19]", "%z = cholesky %a : T[19,19]"),
            (Float, "%a: T[0,3,3]", "%z = cholesky %a : T[0,3,3]"),
            (Float, "%a: T[2,0,0]", "%z = cholesky %a : T[2,0,0]"),
        ],
    ),
    (
        "triangular_solve",
        &[
            (Float, "%a: T[5,5], %b: T[5,3]", "%z = triangular_solve %a, %b, left=true, lower=true : T[5,3]"),
            (Float, "%a: T[5,5], %b: T[5,3]", "%z = triangular_solve %a, %b, left=true : T[5,3]"),
            (Float, "%a: T[5,5], %b: T[5,3]", "%z = triangular_solve %a, %b, left=true, transpose=true : T[5,3]"),
            (
                Float,
                "%a: T[2,4,4], %b: T[2,4,7]",
                "%z = triangular_solve %a, %b, left=true, lower=true, transpose=true, unit=true : T[2,4,7]",
            ),
            (Float, "%a: T[5,5], %b: T[3,5]", "%z = triangular_solve %a, %b, lower=true : T[3,5]"),
            (Float, "%a: T[5,5], %b: T[3,5]", "%z = triangular_solve %a, %b, unit=true : T[3,5]"),
            (
                Float,
                "%a: T[2,4,4], %b: T[2,1,4]",
                "%z = triangular_solve %a, %b, lower=true, transpose=true : T[2,1,4]",
            ),
            (Float, "%a: T[4,4], %b: T[2,4]", "%z = triangular_solve %a, %b, transpose=true, unit=true : T[2,4]"),
            (Float, "%a: T[17,17], %b: T[17,5]", "%z = triangular_solve %a, %b, left=true, lower=true : T[17,5]"),
            (Float, "%a: T[3,3], %b: T[3,0]", "%z = triangular_solve %a, %b, left=true : T[3,0]"),
            (Float, "%a: T[0,0], %b: T[0,2]", "%z = triangular_solve %a, %b, left=true : T[0,2]"),
        ],
    ),
];
