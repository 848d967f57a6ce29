//! Random numbers: how bits become numbers, and how the numbers are distributed.

use pullback_graph::rng;
use pullback_ir::DType;

use crate::{close, expect, values};

const COUNT: usize = 1 << 14;

#[test]
fn a_key_always_gives_the_same_numbers_and_another_others() {
    let out = values(|g| {
        let key = rng::key(g, 0x0123_4567_89ab_cdef);
        let [left, right] = rng::split(key);
        let rows = rng::split_rows(key, 3);
        let folded =
            [rng::fold_in(key, g.scalar(1i32)), rng::fold_in(key, g.scalar(1i64)), rng::fold_in(key, g.scalar(2i32))];
        vec![key, left, right, rows, folded[0], folded[1], folded[2], rng::fold_in(key, g.scalar(1i64 << 32))]
    });
    let words = |index: usize| out[index].to_f64();
    assert_eq!(words(0), [f64::from(0x89ab_cdef_u32.cast_signed()), f64::from(0x0123_4567)]);
    assert_eq!(words(3)[..4], [words(1), words(2)].concat());
    assert_eq!(words(4), words(5));
    let distinct = [words(0), words(1), words(2), words(4), words(6), words(7)];
    for (position, one) in distinct.iter().enumerate() {
        assert!(distinct[..position].iter().all(|other| other != one), "{position}");
    }
}

#[test]
fn uniform_numbers_are_the_high_bits() {
    let out = values(|g| {
        let key = rng::key(g, 7);
        vec![
            rng::bits(key, DType::I32, [COUNT]),
            rng::uniform(key, DType::F32, [COUNT]),
            rng::bits(key, DType::I64, [COUNT]),
            rng::uniform(key, DType::F64, [COUNT]),
        ]
    });
    let words = |index: usize, width: f64| -> Vec<f64> {
        // As unsigned numbers; 64-bit ones are exact only after the shift below.
        out[index].to_f64().iter().map(|&word| if word < 0.0 { word + width } else { word }).collect()
    };
    let high: Vec<f64> = words(0, 2f64.powi(32)).iter().map(|word| (word / 256.0).floor() / 2f64.powi(24)).collect();
    close(&out[1], &[COUNT], &high, 0.0);
    let u = out[3].to_f64();
    for (u, word) in u.iter().zip(words(2, 2f64.powi(64))) {
        assert!((u - word / 2f64.powi(64)).abs() <= 2f64.powi(-52), "{u} of {word}");
        assert!((u * 2f64.powi(53)).fract() == 0.0 && *u < 1.0);
    }
    for numbers in [&high, &u] {
        let mean = numbers.iter().sum::<f64>() / COUNT as f64;
        let square = numbers.iter().map(|x| x * x).sum::<f64>() / COUNT as f64;
        // Standard errors: 1/sqrt(12 n) = 0.0023, and sqrt(4/45 / n) = 0.0023.
        assert!((mean - 0.5).abs() < 0.009 && (square - 1.0 / 3.0).abs() < 0.009, "{mean} {square}");
    }
}

#[test]
fn ranges_exclude_their_end() {
    let out = values(|g| {
        let key = rng::key(g, 3);
        // Only a few numbers there: rounding to the end would be seen.
        vec![
            rng::uniform_between(key, DType::F32, [4096], 16_777_212.0, 16_777_216.0),
            rng::uniform_between(key, DType::F64, [64], -3.0, -2.0),
        ]
    });
    let few = out[0].to_f64();
    assert!(few.iter().all(|x| (16_777_212.0..16_777_216.0).contains(x)));
    assert!([0.0, 1.0, 2.0, 3.0].iter().all(|offset| few.contains(&(16_777_212.0 + offset))));
    assert!(out[1].to_f64().iter().all(|x| (-3.0..-2.0).contains(x)));
}

#[test]
fn normal_numbers_have_the_moments_of_the_normal_distribution() {
    for dtype in [DType::F32, DType::F64] {
        let out = values(|g| vec![rng::normal(rng::key(g, 11), dtype, [COUNT])]);
        let x = out[0].to_f64();
        let moment = |power: i32| x.iter().map(|x| x.powi(power)).sum::<f64>() / COUNT as f64;
        // Standard errors with n = 2^14: 0.008, sqrt(2/n) = 0.011, sqrt(15/n) = 0.03, sqrt(96/n) = 0.077.
        let expected = [(1, 0.0, 0.032), (2, 1.0, 0.045), (3, 0.0, 0.12), (4, 3.0, 0.31)];
        for (power, mean, tolerance) in expected {
            assert!((moment(power) - mean).abs() < tolerance, "{dtype} moment {power}: {}", moment(power));
        }
        assert!(x.iter().all(|x| x.is_finite() && *x != 0.0));
    }
}

#[test]
fn bernoulli_is_true_as_often_as_it_says() {
    let out = values(|g| {
        let [a, b, c, d] = rng::split(rng::key(g, 5));
        let each = g.constant([0.0, 0.25, 0.5, 1.0], [4]);
        let rows = rng::bernoulli(d, each, [COUNT, 4]).to(DType::F64).mean_axes([0]);
        vec![
            rng::bernoulli(a, 0.3, [COUNT]).to(DType::F64).mean(),
            rng::bernoulli(b, 0.0, [COUNT]).any().to(DType::F64),
            rng::bernoulli(c, 1.0, [COUNT]).all().to(DType::F64),
            rows,
        ]
    });
    assert!((out[0].to_f64()[0] - 0.3).abs() < 0.015);
    assert_eq!((out[1].to_f64()[0], out[2].to_f64()[0]), (0.0, 1.0));
    let rows = out[3].to_f64();
    assert!(
        rows[0] == 0.0 && (rows[1] - 0.25).abs() < 0.015 && (rows[2] - 0.5).abs() < 0.016 && rows[3] == 1.0,
        "{rows:?}"
    );
}

#[test]
fn keys_may_be_data() {
    // A random walk whose key comes from the state.
    expect(&[], &[1.0], |g| {
        let steps = g.for_loop(16, (rng::key(g, 1), g.scalar(0.0)), |_, (key, at)| {
            let [next, now] = rng::split(key);
            (next, at + rng::uniform(now, DType::F64, []))
        });
        (steps.1.gt(4.0) & steps.1.lt(12.0)).to(DType::F64)
    });
}
