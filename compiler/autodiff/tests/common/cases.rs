//! Programs of one operation each: what reads or writes at positions, windows, running combinations, sorting and linear algebra.

/// Parameters, a body that ends in `%z`, its type, and the ranges of the parameters.
pub type Case = (&'static str, &'static str, &'static str, &'static [(f64, f64)]);

const UNIT: (f64, f64) = (-1.0, 1.0);
/// So wide that no two elements are within a difference of each other.
const WIDE: (f64, f64) = (-50.0, 50.0);

/// Positions: inside, outside on both sides, and repeated.
pub const INDEXING: &[Case] = &[
    ("%x: f64[4,5], %i: i32, %j: i32", "%z = dynamic_slice %x, %i, %j", "f64[2,3]", &[UNIT, (-3.0, -2.0), (1.0, 2.0)]),
    ("%x: f64[4,5], %i: i64, %j: i64", "%z = dynamic_slice %x, %i, %j", "f64[2,3]", &[UNIT, (7.0, 9.0), (1.0, 2.0)]),
    ("%x: f64", "%z = dynamic_slice %x", "f64", &[UNIT]),
    ("%x: f64[3], %i: u8", "%z = dynamic_slice %x, %i", "f64[0]", &[UNIT, (1.0, 2.0)]),
    (
        "%x: f64[4,5], %u: f64[2,3], %i: i32, %j: i32",
        "%z = dynamic_update_slice %x, %u, %i, %j",
        "f64[4,5]",
        &[UNIT, UNIT, (1.0, 2.0), (4.0, 5.0)],
    ),
    (
        "%x: f64[5,3], %i: i32[6,1]",
        "%z = gather %x, %i, offset=[1], collapsed=[0], map=[0], vector_axis=1, mode=clamp, sizes=[1,3]",
        "f64[6,3]",
        &[UNIT, (-2.9, 7.9)],
    ),
    (
        "%x: f64[5,3], %i: i32[6]",
        "%z = gather %x, %i, offset=[1], collapsed=[0], map=[0], vector_axis=1, mode=drop, sizes=[1,2]",
        "f64[6,2]",
        &[UNIT, (-2.9, 7.9)],
    ),
    (
        "%x: f64[3,4,2], %i: i64[2,3,2]",
        "%z = gather %x, %i, offset=[2,3], collapsed=[0], map=[1,0], vector_axis=2, mode=clamp, sizes=[1,2,2]",
        "f64[2,3,2,2]",
        &[UNIT, (-1.9, 4.9)],
    ),
    (
        "%x: f64[3,4,2], %i: i64[2,2,3]",
        "%z = gather %x, %i, offset=[0,3], collapsed=[0], map=[1,0], vector_axis=1, mode=drop, sizes=[1,2,2]",
        "f64[2,2,3,2]",
        &[UNIT, (-0.9, 3.9)],
    ),
    (
        "%x: f64[2,3,4], %i: i32[5,2]",
        "%z = gather %x, %i, offset=[2], collapsed=[1], batch=[0]x[1], map=[1], vector_axis=2, mode=drop, sizes=[1,1,4]",
        "f64[5,2,4]",
        &[UNIT, (-0.9, 3.9)],
    ),
    (
        "%x: f64[5,3], %i: i32[6,1], %u: f64[6,3]",
        "%z = scatter set %x, %i, %u, offset=[1], collapsed=[0], map=[0], vector_axis=1, mode=clamp",
        "f64[5,3]",
        &[UNIT, (-2.9, 7.9), UNIT],
    ),
    (
        "%x: f64[7], %i: i32[4], %u: f64[4,3]",
        "%z = scatter set %x, %i, %u, offset=[1], collapsed=[], map=[0], vector_axis=1, mode=drop",
        "f64[7]",
        &[UNIT, (-1.9, 6.9), UNIT],
    ),
    (
        "%x: f64[5], %u: f64[3], %i: i32[1]",
        "%z = scatter set %x, %i, %u, offset=[0], collapsed=[], map=[0], vector_axis=0, mode=drop",
        "f64[5]",
        &[UNIT, UNIT, (1.0, 2.0)],
    ),
    (
        "%x: f64[3,4,2], %i: i64[2,2,3], %u: f64[2,2,3,2]",
        "%z = scatter add %x, %i, %u, offset=[0,3], collapsed=[0], map=[1,0], vector_axis=1, mode=drop",
        "f64[3,4,2]",
        &[UNIT, (-0.9, 3.9), UNIT],
    ),
    (
        "%x: f64[2,3,4], %i: i32[5,2], %u: f64[5,2,4]",
        "%z = scatter add %x, %i, %u, offset=[2], collapsed=[1], batch=[0]x[1], map=[1], vector_axis=2, mode=clamp",
        "f64[2,3,4]",
        &[UNIT, (-0.9, 3.9), UNIT],
    ),
    (
        "%x: f64[0,2], %i: i32[0], %u: f64[0,2]",
        "%z = scatter add %x, %i, %u, offset=[1], collapsed=[0], map=[0], vector_axis=1, mode=clamp",
        "f64[0,2]",
        &[UNIT, UNIT, UNIT],
    ),
    (
        "%x: f64[4,2], %i: i32[7], %u: f64[7,2]",
        "%z = scatter mul %x, %i, %u, offset=[1], collapsed=[0], map=[0], vector_axis=1, mode=drop",
        "f64[4,2]",
        &[UNIT, (-1.9, 4.9), (0.5, 2.0)],
    ),
    (
        "%x: f64[6], %i: i32[4], %u: f64[4,3]",
        "%z = scatter mul %x, %i, %u, offset=[1], collapsed=[], map=[0], vector_axis=1, mode=clamp",
        "f64[6]",
        &[UNIT, (-1.9, 4.9), (-2.0, 2.0)],
    ),
    (
        "%x: f64[4], %i: i32, %u: f64",
        "%z = scatter mul %x, %i, %u, offset=[], collapsed=[0], map=[0], vector_axis=0, mode=clamp",
        "f64[4]",
        &[UNIT, (1.0, 2.0), (-2.0, 2.0)],
    ),
    (
        "%x: f64[4,2], %i: i32[7], %u: f64[7,2]",
        "%z = scatter max %x, %i, %u, offset=[1], collapsed=[0], map=[0], vector_axis=1, mode=drop",
        "f64[4,2]",
        &[WIDE, (-1.9, 4.9), WIDE],
    ),
    (
        "%x: f64[6], %i: i32[4], %u: f64[4,3]",
        "%z = scatter min %x, %i, %u, offset=[1], collapsed=[], map=[0], vector_axis=1, mode=clamp",
        "f64[6]",
        &[WIDE, (-1.9, 4.9), WIDE],
    ),
];

/// Windows with strides, dilation, padding on either side, negative padding and more than one axis.
pub const WINDOWS: &[Case] = &[
    ("%x: f64[9]", "%z = windows %x, axes=[0], size=[3], stride=[2]", "f64[4,3]", &[UNIT]),
    ("%x: f64[2,7,5]", "%z = windows %x, axes=[1,2], size=[3,2], dilation=[2,3]", "f64[2,3,2,3,2]", &[UNIT]),
    ("%x: f64[4,3]", "%z = overlap_add %x, axes=[0], size=[3], stride=[2]", "f64[10]", &[UNIT]),
    ("%x: f64[2,3,2,3,2]", "%z = overlap_add %x, axes=[1,2], size=[3,2], dilation=[2,3]", "f64[2,7,5]", &[UNIT]),
    ("%x: f64[0,3]", "%z = overlap_add %x, axes=[0], size=[3]", "f64[2]", &[UNIT]),
    ("%x: f64[7]", "%z = reduce_window add %x, size=[3]", "f64[5]", &[UNIT]),
    (
        "%x: f64[2,5]",
        "%z = reduce_window add %x, size=[1,3], low=[0,2], high=[0,-1], dilation=[1,2], base_dilation=[1,2]",
        "f64[2,6]",
        &[UNIT],
    ),
    ("%x: f64[5,6]", "%z = reduce_window add %x, size=[2,3], stride=[2,3], low=[1,0], high=[0,3]", "f64[3,3]", &[UNIT]),
    ("%x: f64[5]", "%z = reduce_window add %x, size=[2], low=[-3], high=[1], stride=[2]", "f64[1]", &[UNIT]),
    ("%x: f64[5]", "%z = reduce_window add %x, size=[2], low=[-3], high=[-2]", "f64[0]", &[UNIT]),
    ("%x: f64[3]", "%z = reduce_window add %x, size=[2], low=[-3], high=[4]", "f64[3]", &[UNIT]),
    ("%x: f64[0]", "%z = reduce_window add %x, size=[2], low=[1], high=[2]", "f64[2]", &[UNIT]),
    ("%x: f64[4]", "%z = reduce_window add %x, size=[1]", "f64[4]", &[UNIT]),
    // Paddings and gaps as large as they come: nothing that is built may be.
    (
        "%x: f64[3]",
        "%z = reduce_window add %x, size=[2], low=[-9000000000000000000], high=[9000000000000000000]",
        "f64[2]",
        &[UNIT],
    ),
    (
        "%x: f64[3]",
        "%z = reduce_window max %x, size=[2], low=[1], high=[-8000000000000000000], base_dilation=[4000000000000000000]",
        "f64[1]",
        &[WIDE],
    ),
    (
        "%x: f64[3]",
        "%z = reduce_window add %x, size=[2], low=[1], high=[-8000000000000000000], base_dilation=[4000000000000000000]",
        "f64[1]",
        &[UNIT],
    ),
    ("%x: f64[9]", "%z = reduce_window max %x, size=[3], stride=[2]", "f64[4]", &[WIDE]),
    (
        "%x: f64[2,4,5]",
        "%z = reduce_window max %x, size=[1,2,3], stride=[1,2,1], low=[0,1,1], high=[0,1,1]",
        "f64[2,3,5]",
        &[WIDE],
    ),
    (
        "%x: f64[6]",
        "%z = reduce_window min %x, size=[3], low=[2], high=[-1], dilation=[2], base_dilation=[3]",
        "f64[13]",
        &[WIDE],
    ),
    ("%x: f64[4]", "%z = reduce_window min %x, size=[1]", "f64[4]", &[WIDE]),
    (
        "%x: f64[4,6], %s: f64[2,3]",
        "%z = select_and_scatter max %x, %s, size=[2,2], stride=[2,2]",
        "f64[4,6]",
        &[WIDE, UNIT],
    ),
    (
        "%x: f64[5,4], %s: f64[6,3]",
        "%z = select_and_scatter min %x, %s, size=[3,2], stride=[1,2], low=[2,0], high=[1,2]",
        "f64[5,4]",
        &[WIDE, UNIT],
    ),
];

/// Every kind, in both directions, along every axis, of lengths that are powers of two and not.
pub const CUMULATIVE: &[Case] = &[
    ("%x: f64[2,5]", "%z = cumulative add %x, axis=1", "f64[2,5]", &[UNIT]),
    ("%x: f64[4,2]", "%z = cumulative add %x, axis=0, reverse=true", "f64[4,2]", &[UNIT]),
    ("%x: f64[2,5]", "%z = cumulative mul %x, axis=1", "f64[2,5]", &[(-1.5, 1.5)]),
    ("%x: f64[8,2]", "%z = cumulative mul %x, axis=0, reverse=true", "f64[8,2]", &[(-1.5, 1.5)]),
    ("%x: f64[1]", "%z = cumulative mul %x, axis=0", "f64[1]", &[(-1.5, 1.5)]),
    ("%x: f64[0,2]", "%z = cumulative mul %x, axis=0", "f64[0,2]", &[(-1.5, 1.5)]),
    ("%x: f64[3,7]", "%z = cumulative max %x, axis=1", "f64[3,7]", &[WIDE]),
    ("%x: f64[6,2]", "%z = cumulative max %x, axis=0, reverse=true", "f64[6,2]", &[WIDE]),
    ("%x: f64[3,7]", "%z = cumulative min %x, axis=1, reverse=true", "f64[3,7]", &[WIDE]),
    ("%x: f64[9]", "%z = cumulative min %x, axis=0", "f64[9]", &[WIDE]),
    ("%x: f64[2,6]", "%z = cumulative logsumexp %x, axis=1", "f64[2,6]", &[(-3.0, 3.0)]),
    ("%x: f64[5,2]", "%z = cumulative logsumexp %x, axis=0, reverse=true", "f64[5,2]", &[(-3.0, 3.0)]),
];

/// Sorting, and what holds values back. The results other than `%z` have tangents where they are `f64`.
pub const SORTING: &[Case] = &[
    ("%x: f64[7]", "%z = sort %x, axis=0, keys=1", "f64[7]", &[WIDE]),
    ("%x: f64[2,0]", "%z = sort %x, axis=1, keys=1", "f64[2,0]", &[WIDE]),
    ("%x: f64[0,3]", "%z, %i = top_k %x, k=2", "f64[0,2], i32[0,2]", &[WIDE]),
    ("%x: f64[5,3]", "%z = sort %x, axis=0, keys=1, descending=true", "f64[5,3]", &[WIDE]),
    ("%x: f64[2,6], %y: f64[2,6]", "%k, %z = sort %x, %y, axis=1, keys=1", "f64[2,6], f64[2,6]", &[WIDE, UNIT]),
    // The first key has ties, which the second breaks.
    (
        "%c: i32[8], %x: f64[8], %y: f64[8]",
        "%k, %x1, %z = sort %c, %x, %y, axis=0, keys=2",
        "i32[8], f64[8], f64[8]",
        &[(0.0, 2.9), WIDE, UNIT],
    ),
    ("%p: bool[6], %x: f64[6]", "%k, %z = sort %p, %x, axis=0, keys=1", "bool[6], f64[6]", &[(0.0, 1.0), UNIT]),
    ("%x: f64[2,6]", "%z, %i = top_k %x, k=3", "f64[2,3], i32[2,3]", &[WIDE]),
    ("%x: f64[4]", "%z, %i = top_k %x, k=0", "f64[0], i32[0]", &[WIDE]),
    (
        "%x: f64[3], %y: f64[2], %i: i32",
        "%a, %z, %j = optimization_barrier %x, %y, %i",
        "f64[3], f64[2], i32",
        &[UNIT, UNIT, (0.0, 9.0)],
    ),
];

/// Convolutions in the usual orders of axes; random ones are tested beside these.
pub const CONVOLUTION: &[Case] = &[
    ("%x: f64[2,3], %w: f64[4,3]", "%z = conv %x, %w, lhs=[0,1], rhs=[0,1], out=[0,1]", "f64[2,4]", &[UNIT, UNIT]),
    (
        "%x: f64[2,3,8], %w: f64[4,3,3]",
        "%z = conv %x, %w, lhs=[0,1,2], rhs=[0,1,2], out=[0,1,2], stride=[2], low=[1], high=[1]",
        "f64[2,4,4]",
        &[UNIT, UNIT],
    ),
    (
        "%x: f64[2,5,6,4], %w: f64[3,2,2,6]",
        "%z = conv %x, %w, lhs=[0,3,1,2], rhs=[3,2,0,1], out=[0,3,1,2], rhs_dilation=[2,1], lhs_dilation=[1,3], \
         low=[0,-2], high=[2,1], feature_groups=2",
        "f64[2,3,14,6]",
        &[UNIT, UNIT],
    ),
    (
        "%x: f64[4,1,5], %w: f64[6,1,2]",
        "%z = conv %x, %w, lhs=[0,1,2], rhs=[0,1,2], out=[1,0,2], stride=[2], batch_groups=2",
        "f64[6,2,2]",
        &[UNIT, UNIT],
    ),
    (
        "%x: f64[1,1,3], %w: f64[1,1,2]",
        "%z = conv %x, %w, lhs=[0,1,2], rhs=[0,1,2], out=[0,1,2], low=[1], high=[-8000000000000000000], \
         lhs_dilation=[4000000000000000000]",
        "f64[1,1,1]",
        &[UNIT, UNIT],
    ),
    (
        "%x: f64[1,1,3], %w: f64[1,1,2]",
        "%z = conv %x, %w, lhs=[0,1,2], rhs=[0,1,2], out=[0,1,2], low=[-9000000000000000000], high=[9000000000000000000]",
        "f64[1,1,2]",
        &[UNIT, UNIT],
    ),
    (
        "%x: f64[0,2,3], %w: f64[1,2,2]",
        "%z = conv %x, %w, lhs=[0,1,2], rhs=[0,1,2], out=[0,1,2]",
        "f64[0,1,2]",
        &[UNIT, UNIT],
    ),
    (
        "%x: f64[2,0,3], %w: f64[1,0,2]",
        "%z = conv %x, %w, lhs=[0,1,2], rhs=[0,1,2], out=[0,1,2]",
        "f64[2,1,2]",
        &[UNIT, UNIT],
    ),
];

/// Every list.
pub const ALL: &[&[Case]] = &[INDEXING, WINDOWS, CUMULATIVE, SORTING, CONVOLUTION];

/// The text of a case; the product with itself makes second derivatives of linear operations differ from zero.
pub fn text((params, body, types, _): &Case) -> String {
    let (head, _) = body.split_once(" = ").unwrap_or((body, ""));
    let types_of: Vec<&str> = types.split(", ").collect();
    let at = head.split(", ").position(|name| name == "%z").unwrap_or(0);
    let ty = types_of[at];
    format!("func @f({params}) -> {ty} {{\n  {body} : {types}\n  %q = mul %z, %z : {ty}\n  return %q\n}}\n")
}
