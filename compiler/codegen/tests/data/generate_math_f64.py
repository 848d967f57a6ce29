#!/usr/bin/env python3
"""Writes math_f64.txt, the reference values of the double-precision math functions.

    pip install mpmath && python3 generate_math_f64.py > math_f64.txt

A line is `function argument [argument] value offset`: the bits of doubles in hexadecimal, value
being the exact result rounded to the nearest double, and offset the exact result less the value in
thousandths of an ulp of the value. The arguments are special points of each function, their
neighbours, and random points from the ranges where the function changes, with a fixed seed.
"""

import math
import random
import struct
from fractions import Fraction

from mpmath import mp, mpf
import mpmath

mp.prec = 1400
RANDOM = random.Random(20240229)
COUNT = 260


def bits(x):
    return "%016x" % struct.unpack("<Q", struct.pack("<d", x))[0]


def from_bits(b):
    return struct.unpack("<d", struct.pack("<Q", b))[0]


def to_double(v):
    """The nearest double and the rest in ulp; halfway cases do not matter here."""
    if mpmath.isnan(v):
        return math.nan, 0.0
    if mpmath.isinf(v):
        return math.copysign(math.inf, v), 0.0
    if v == 0:
        return 0.0, 0.0
    exponent = max(int(mpmath.floor(mpmath.log(abs(v), 2))), -1022)
    if mpf(2) ** exponent > abs(v) and exponent > -1022:
        exponent -= 1
    ulp = mpf(2) ** (exponent - 52)
    steps = mpmath.nint(v / ulp)
    value = steps * ulp
    if abs(value) >= mpf(2) ** 1024:
        return math.copysign(math.inf, v), 0.0
    result = float(value)
    if result == 0.0:
        result = math.copysign(0.0, v)
    return result, float((v - value) / ulp)


def uniform(low, high):
    return lambda: RANDOM.uniform(low, high)


def log_uniform(low, high, signed=True):
    def draw():
        x = 2.0 ** RANDOM.uniform(low, high)
        return -x if signed and RANDOM.random() < 0.5 else x

    return draw


def near_multiple_of(unit, largest):
    """A double next to a random multiple of unit."""

    def draw():
        x = float(RANDOM.randrange(1, largest) * unit)
        for _ in range(RANDOM.randrange(3)):
            x = math.nextafter(x, math.inf)
        return RANDOM.choice([-x, x])

    return draw


def anything():
    while True:
        x = from_bits(RANDOM.getrandbits(64))
        if math.isfinite(x):
            return x


def neighbours(points):
    for p in points:
        yield p
        yield math.nextafter(p, math.inf)
        yield math.nextafter(p, -math.inf)


def logistic(x):
    return 1 / (1 + mpmath.exp(-x))


def cbrt(x):
    return -mpmath.cbrt(-x) if x < 0 else mpmath.cbrt(x)


def expm1(x):
    return mpmath.expm1(x)


def log1p(x):
    return mpmath.log1p(x)


def erfc(x):
    return mpmath.erfc(x)


TINY = [2.0**-1074, 2.0**-1022, 2.0**-600, 2.0**-54, 2.0**-30, 2.0**-28, 2.0**-26]
TINY = TINY + [-x for x in TINY]
half_pi = mpmath.pi / 2
trig_draws = [uniform(-7, 7), uniform(-1000, 1000), log_uniform(-40, 20), log_uniform(15, 20),
              near_multiple_of(half_pi, 10), near_multiple_of(half_pi, 600000),
              log_uniform(20, 1000), near_multiple_of(half_pi, 2**60)]
trig_points = [math.pi / 4, math.pi / 2, math.pi, 3 * math.pi / 2, 1e6, 1e22,
               6381956970095103 * 2.0**797]

# name: (function, draws, points)
UNARY = {
    "exp": (mpmath.exp, [uniform(-2, 2), uniform(-745, 709.7), log_uniform(-60, 0), uniform(-746, -707)],
            [0.34657359, 709.782712893384, -708.3964185322641, -745.13, 1.0, -1.0]),
    "exp2": (lambda x: mpf(2) ** x, [uniform(-2, 2), uniform(-1074, 1023.99), log_uniform(-60, 0), uniform(-1075, -1021)],
             [0.5, -0.5, 1.5, 1023.0, -1022.0, -1074.0, 10.0]),
    "expm1": (expm1, [uniform(-2, 2), uniform(-50, 709.7), log_uniform(-60, 0), uniform(30, 45), uniform(-0.6, 1.2)],
              [0.34657359, 1.0397, -0.34657359, 37.4, 709.782712893384, -37.0]),
    "log": (mpmath.log, [uniform(0.4, 3), log_uniform(-1074, 1024, False), log_uniform(-1, 1, False), lambda: 1 + RANDOM.uniform(-1, 1) * 2.0 ** RANDOM.uniform(-50, -1)],
            [1.0, 0.5, 2.0, math.sqrt(0.5), math.sqrt(2), 2.0**-1022, 2.0**-1074, 1.7976931348623157e308]),
    "log2": (lambda x: mpmath.log(x) / mpmath.log(2), [uniform(0.4, 3), log_uniform(-1074, 1024, False), log_uniform(-1, 1, False), lambda: 1 + RANDOM.uniform(-1, 1) * 2.0 ** RANDOM.uniform(-50, -1)],
             [1.0, 0.5, 2.0, math.sqrt(0.5), math.sqrt(2), 2.0**-1022, 2.0**-1074, 1.7976931348623157e308]),
    "log1p": (log1p, [uniform(-0.9, 3), log_uniform(-60, 1024, False), lambda: -(2.0 ** RANDOM.uniform(-60, 0)), uniform(-0.35, 0.5)],
              [-0.5, math.sqrt(0.5) - 1, math.sqrt(2) - 1, -1 + 2.0**-53, 1.0, 1.7976931348623157e308]),
    "sqrt": (mpmath.sqrt, [log_uniform(-1074, 1024, False)], [1.0, 2.0]),
    "rsqrt": (lambda x: 1 / mpmath.sqrt(x), [log_uniform(-1074, 1024, False), uniform(1, 4)], [1.0, 2.0]),
    "cbrt": (cbrt, [log_uniform(-1074, 1024), uniform(1, 8)], [1.0, 8.0, 27.0]),
    "sin": (mpmath.sin, trig_draws, trig_points),
    "cos": (mpmath.cos, trig_draws, trig_points),
    "tan": (mpmath.tan, trig_draws, trig_points),
    "asin": (mpmath.asin, [uniform(-1, 1), log_uniform(-60, 0), lambda: 1 - 2.0 ** RANDOM.uniform(-52, -1), uniform(0.45, 0.55)], [0.5, -0.5, 1.0, -1.0]),
    "acos": (mpmath.acos, [uniform(-1, 1), log_uniform(-60, 0), lambda: 1 - 2.0 ** RANDOM.uniform(-52, -1), lambda: 2.0 ** RANDOM.uniform(-52, -1) - 1, uniform(0.45, 0.55)], [0.5, -0.5, 1.0, -1.0]),
    "atan": (mpmath.atan, [uniform(-3, 3), log_uniform(-60, 70), uniform(0.4, 0.5), uniform(2.3, 2.5)], [1.0, 0.41421356237309503, 2.414213562373095]),
    "sinh": (mpmath.sinh, [uniform(-2, 2), uniform(-710.4, 710.4), log_uniform(-60, 0), uniform(0.1, 1.3)], [0.34657359, 1.0397, 710.4758600739439, 22.0]),
    "cosh": (mpmath.cosh, [uniform(-2, 2), uniform(-710.4, 710.4), log_uniform(-60, 0), uniform(0.1, 1.3)], [0.34657359, 1.0397, 710.4758600739439, 22.0]),
    "tanh": (mpmath.tanh, [uniform(-2, 2), uniform(-23, 23), log_uniform(-60, 0), uniform(0.1, 1.3)], [0.1732868, 0.52, 19.06, 22.0]),
    "logistic": (logistic, [uniform(-2, 2), uniform(-745, 40), log_uniform(-60, 0), uniform(-746, -707)], [0.34657359, -708.3964185322641, -37.0]),
    "erf": (mpmath.erf, [uniform(-1.2, 1.2), uniform(-6.2, 6.2), log_uniform(-60, 0), uniform(0.45, 0.6)], [0.5, -0.5, 1.0, 5.92]),
    "erfc": (erfc, [uniform(-1.2, 1.2), uniform(-6.2, 27.2), log_uniform(-60, 0), uniform(0.45, 0.6), uniform(26, 27.3)], [0.5, -0.5, 1.0, 26.5]),
}


def atan2(y, x):
    return mpmath.atan2(y, x)


def rem(x, y):
    """Exact in rational numbers: the quotient may be longer than the working precision."""
    r = abs(Fraction(float(x))) % abs(Fraction(float(y)))
    return mpf(float(r)) * (-1 if x < 0 else 1)


def near_unit_power():
    return 1 + RANDOM.uniform(-1, 1) * 2.0 ** RANDOM.uniform(-40, -1)


BINARY = {
    "pow": (lambda x, y: mpmath.power(x, y), [
        (uniform(0.1, 10), uniform(-10, 10)),
        (log_uniform(-1000, 1000, False), uniform(-1, 1)),
        (uniform(0.5, 2), uniform(-700, 700)),
        (near_unit_power, log_uniform(0, 45)),
        (log_uniform(-1074, -1000, False), uniform(-0.9, 0.9)),
        (lambda: -RANDOM.uniform(0.1, 10), lambda: float(RANDOM.randrange(-300, 300))),
    ]),
    "atan2": (atan2, [
        (uniform(-3, 3), uniform(-3, 3)),
        (log_uniform(-60, 60), log_uniform(-60, 60)),
        (log_uniform(-1000, 1000), log_uniform(-1000, 1000)),
        (anything, anything),
    ]),
    "rem": (rem, [
        (uniform(-100, 100), uniform(-3, 3)),
        (log_uniform(-50, 50), log_uniform(-50, 50)),
        (log_uniform(-1070, 1020), log_uniform(-1070, 1020)),
        (lambda: float(RANDOM.randrange(-1000, 1000)), lambda: float(RANDOM.randrange(1, 50))),
    ]),
}


def emit(name, args, exact):
    value, offset = to_double(exact)
    if name == "rem" and value == 0.0:
        value = math.copysign(0.0, args[0])
    text = [name] + [bits(a) for a in args] + [bits(value), "%d" % round(offset * 1000)]
    print(" ".join(text))


def main():
    for name, (function, draws, points) in UNARY.items():
        arguments = list(neighbours(points)) + TINY
        arguments += [draws[i % len(draws)]() for i in range(COUNT)]
        for x in arguments:
            if name in ("log", "log2", "sqrt", "rsqrt") and x <= 0:
                continue
            if name in ("asin", "acos") and abs(x) > 1:
                continue
            if math.isfinite(x):
                emit(name, [x], function(mpf(x)))
    for name, (function, draws) in BINARY.items():
        for i in range(2 * COUNT):
            x, y = (draw() for draw in draws[i % len(draws)])
            if name == "rem" and y == 0:
                continue
            exact = function(mpf(x), mpf(y))
            if name == "pow" and abs(exact) < mpf(2) ** -1080:
                exact = mpf(0)
            emit(name, [x, y], exact)


if __name__ == "__main__":
    main()
