#!/usr/bin/env python3
"""Writes special_f64.txt, the reference values of the special functions in double precision.

    pip install mpmath && python3 generate_special_f64.py > special_f64.txt

The format is that of math_f64.txt. Points near roots of a function are under a name of their own, as `lgamma_root`: not
every implementation is relatively accurate there.
"""

import math
import random

import mpmath
from mpmath import mp, mpf

from generate_math_f64 import bits, neighbours, to_double

mp.prec = 600
RANDOM = random.Random(20240301)
COUNT = 260
TINY = [2.0**-1074, 2.0**-1022, 2.0**-600, 2.0**-54, 2.0**-30, 2.0**-28, 2.0**-10]
TINY = TINY + [-x for x in TINY]


def uniform(low, high):
    return lambda: RANDOM.uniform(low, high)


def log_uniform(low, high, signed=False):
    def draw():
        x = 2.0 ** RANDOM.uniform(low, high)
        return -x if signed and RANDOM.random() < 0.5 else x

    return draw


def near(points, low, high):
    """At a distance of 2^low to 2^high from one of the points, at either side."""
    return lambda: RANDOM.choice(points) + RANDOM.choice([-1, 1]) * 2.0 ** RANDOM.uniform(low, high)


def lgamma(x):
    if x < 0:
        # mpmath gives the principal branch, whose real part this is.
        return mpmath.log(abs(mpmath.gamma(x)))
    return mpmath.loggamma(x)


def polygamma(n, x):
    if n == 0:
        return mpmath.digamma(x)
    if x > 0:
        return (-1) ** (int(n) + 1) * mpmath.factorial(n) * mpmath.zeta(n + 1, x)
    # The recurrence, up to positive arguments.
    s, total = int(n) + 1, mpf(0)
    while x < 0:
        total += x ** (-s)
        x += 1
    return (-1) ** s * mpmath.factorial(n) * (total + mpmath.zeta(s, x))


def erf_inv(x):
    if x < 0:
        return -erf_inv(-x)
    if x < mpf(2) ** -50:
        return mpmath.sqrt(mpmath.pi) / 2 * x * (1 + mpmath.pi * x * x / 12)
    y = mpmath.sqrt(-mpmath.log(1 - x))
    for _ in range(200):
        # Newton's method on the logarithm of erfc, which converges from everywhere.
        e = mpmath.erfc(y)
        step = (mpmath.log(e) - mpmath.log(1 - x)) * e * mpmath.sqrt(mpmath.pi) / 2 * mpmath.exp(y * y)
        y += step
        if abs(step) < abs(y) * mpf(2) ** -200:
            break
    return y


def bessel(order):
    def function(x):
        x = mpf(x)
        a = abs(x)
        if a > 10000:
            # The asymptotic series, whose least term is far below the precision here.
            term, total, k = mpf(1), mpf(1), 0
            while abs(term) > mpf(2) ** -300 and k < 300:
                k += 1
                term *= -(4 * order - mpf(2 * k - 1) ** 2) / (8 * k * a)
                total += term
            y = total / mpmath.sqrt(2 * mpmath.pi * a)
        else:
            y = mpmath.besseli(order, a) * mpmath.exp(-a)
        return -y if order == 1 and x < 0 else y

    return function


def root(function, low, high):
    """The root of an increasing or decreasing function in (low, high), by bisection."""
    low, high = mpf(low), mpf(high)
    rising = function(high) > function(low)
    for _ in range(160):
        middle = (low + high) / 2
        if (function(middle) > 0) == rising:
            high = middle
        else:
            low = middle
    return (low + high) / 2


def intervals(count):
    return [(-n - 1, -n) for n in range(count)]


def inside(low, high):
    width = mpf(10) ** -30
    return mpf(low) + width, mpf(high) - width


LGAMMA_ROOTS = [root(lgamma, -n + side * mpf(10) ** -30, far)
                for n in range(2, 18) for side in (-1, 1) if (n, side) != (2, 1)
                for far in [mpf("-2.6") if (n, side) in ((2, -1), (3, 1)) else -n + side * mpf("0.4")]]
DIGAMMA_ROOTS = [root(mpmath.digamma, 1, 2)] + [root(mpmath.digamma, *inside(*i)) for i in intervals(12)]
POLYGAMMA_ROOTS = [(float(n), root(lambda x, n=n: polygamma(n, x), *inside(*i))) for n in (2, 4, 6) for i in intervals(4)]


def far_from(roots, draw, distance):
    """Draws until no root is near."""

    def redraw():
        while True:
            x = draw()
            if all(abs(x - r) > distance for r in roots):
                return x

    return redraw


poles = [0.0, -1.0, -2.0, -3.0, -7.0]
UNARY = {
    "lgamma": (lgamma, [uniform(0.4, 3), log_uniform(-1000, 1000), uniform(3, 40), near([1.0, 2.0], -50, -2), uniform(0, 12),
                        uniform(-2, 0), near(poles, -40, -3), lambda: -RANDOM.uniform(20, 100)],
               [0.5, 1.5, 2.5, 3.0, 8.0, 20.0, 1e15, 1e305, 2.5e305]),
    "digamma": (mpmath.digamma, [uniform(0.4, 3), log_uniform(-1000, 1000), uniform(0.1, 20), near([1.461632144968362], -40, -2),
                                 near(poles, -40, -4), far_from(DIGAMMA_ROOTS, uniform(-10, 0), 0.25)],
                [1.0, 2.0, 3.0, 4.0, 10.0, 20.0, 1e15]),
    "erf_inv": (erf_inv, [uniform(-1, 1), log_uniform(-60, 0, True), lambda: 1 - 2.0 ** RANDOM.uniform(-53, -1), uniform(0.7, 0.8)],
                [0.5, 0.75, 0.9, 1 - 2.0**-53, 0.99987, -0.99987]),
    "bessel_i0e": (bessel(0), [uniform(-10, 10), log_uniform(-60, 1000, True), uniform(7, 22), uniform(10, 100), log_uniform(0, 20)],
                   [1.0, 8.0, 20.0, 40.0, 1e308]),
    "bessel_i1e": (bessel(1), [uniform(-10, 10), log_uniform(-60, 1000, True), uniform(7, 22), uniform(10, 100), log_uniform(0, 20)],
                   [1.0, 8.0, 20.0, 40.0, 1e308]),
}


def order(high):
    return lambda: float(RANDOM.randrange(1, high))


EVEN = [2.0, 4.0, 6.0]
POLYGAMMA = {
    "polygamma": [
        (order(5), uniform(0.05, 25)),
        (order(9), log_uniform(-20, 20)),
        (lambda: 1.0, log_uniform(-60, 60)),
        (lambda: RANDOM.choice([1.0, 3.0]), uniform(-6, 0)),
        (lambda: RANDOM.choice(EVEN), near(poles, -20, -4)),
    ],
    "polygamma_high": [
        (order(171), uniform(0.2, 60)),
        (order(171), log_uniform(-2, 10)),
        (lambda: float(RANDOM.randrange(9, 170, 2)), uniform(-6, 0)),
    ],
}


def emit(name, args, exact):
    value, offset = to_double(exact)
    text = [name] + [bits(a) for a in args] + [bits(value), "%d" % round(offset * 1000)]
    print(" ".join(text))


def main():
    for name, (function, draws, points) in UNARY.items():
        arguments = list(neighbours(points)) + TINY
        arguments += [draws[i % len(draws)]() for i in range(COUNT)]
        for x in arguments:
            outside = name == "erf_inv" and abs(x) >= 1
            pole = name in ("lgamma", "digamma") and x <= 0 and x == math.floor(x)
            if math.isfinite(x) and not outside and not pole:
                emit(name, [x], function(mpf(x)))
    for name, roots, function in (("lgamma_root", LGAMMA_ROOTS, lgamma), ("digamma_root", DIGAMMA_ROOTS, mpmath.digamma)):
        for r in roots:
            close = [x for x in neighbours([float(r)])]
            for x in close + [near([float(r)], -50, -3)() for _ in range(8)]:
                if x != math.floor(x):
                    emit(name, [x], function(mpf(x)))
    for name, draws in POLYGAMMA.items():
        for i in range(COUNT + 60):
            n, x = (draw() for draw in draws[i % len(draws)])
            if not (x <= 0 and x == math.floor(x)):
                emit(name, [n, x], polygamma(mpf(n), mpf(x)))
    for n, r in POLYGAMMA_ROOTS:
        for x in list(neighbours([float(r)])) + [near([float(r)], -50, -3)() for _ in range(8)]:
            emit("polygamma_root", [n, x], polygamma(mpf(n), mpf(x)))


main()
