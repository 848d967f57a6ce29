#!/usr/bin/env python3
"""The rational functions and tables of the special functions.

    pip install mpmath && python3 coefficients.py

A rational function is fitted by interpolation at Chebyshev's nodes, which comes close to the minimax one; its
largest relative error is printed. Coefficients are printed from the highest power to the lowest, numerator first;
the denominator's constant term is 1.
"""

import sys

import mpmath
from mpmath import cos, lu_solve, matrix, mp, mpf, pi, polyval

mp.prec = 300


def rational(name, function, low, high, degree, lower_degree, center=0):
    """Solves P(u) - f(t) (Q(u) - 1) = f(t), u = t - center, at as many nodes as there are unknowns."""
    count = degree + lower_degree + 1
    low, high = mpf(low), mpf(high)
    nodes = [(low + high) / 2 + (high - low) / 2 * cos(pi * (2 * i + 1) / (2 * count)) for i in range(count)]
    rows, right = matrix(count, count), matrix(count, 1)
    for i, t in enumerate(nodes):
        f = function(t)
        t -= mpf(center)
        for k in range(degree + 1):
            rows[i, k] = t**k
        for k in range(1, lower_degree + 1):
            rows[i, degree + k] = -f * t**k
        right[i] = f
    solution = lu_solve(rows, right)
    top = [mpf(float(solution[k])) for k in range(degree, -1, -1)]
    bottom = [mpf(float(solution[degree + k])) for k in range(lower_degree, 0, -1)] + [mpf(1)]
    worst = mpf(0)
    for i in range(2001):
        t = low + (high - low) * i / 2000
        f = function(t if t != 0 else mpf(2) ** -80)
        t -= mpf(center)
        worst = max(worst, abs(polyval(top, t) / polyval(bottom, t) / f - 1))
    place = tuple(mpmath.nstr(v, 5) for v in (low, high, mpf(center), worst))
    print("%s on [%s, %s] about %s: relative error %s" % ((name,) + place))
    print("  ", [float(c) for c in top])
    print("  ", [float(c) for c in bottom])
    sys.stdout.flush()


def two_doubles(v):
    return float(v), float(v - mpf(float(v)))


def erf_inv(x):
    y = mpmath.erfinv(mpf(float(x)))
    for _ in range(4):
        y -= (mpmath.erf(y) - x) * mpmath.sqrt(pi) / 2 * mpmath.exp(y * y)
    return y


def erfc_inv(c):
    """The y with erfc(y) = c, for small c, by Newton's method on the logarithm."""
    y = mpmath.sqrt(-mpmath.log(c))
    for _ in range(60):
        e = mpmath.erfc(y)
        step = (mpmath.log(e) - mpmath.log(c)) * e * mpmath.sqrt(pi) / 2 * mpmath.exp(y * y)
        y += step
        if abs(step) < mpf(10) ** -60:
            break
    return y


def digamma():
    root = mpmath.findroot(mpmath.digamma, mpf("1.4616"))
    print("digamma's positive root less 1:", two_doubles(root - 1))
    rational("digamma(1 + t) / (t - root)", lambda t: mpmath.digamma(1 + t) / (t - (root - 1)), 0, 1, 6, 6)

    def rest(z):
        x = 1 / mpmath.sqrt(z)
        return (mpmath.log(x) - 1 / (2 * x) - mpmath.digamma(x)) / z

    rational("(log x - 1/(2x) - digamma(x)) x^2 in 1/x^2", rest, 0.0625, 0.25, 5, 5, 0.0625)
    rational("(log x - 1/(2x) - digamma(x)) x^2 in 1/x^2", rest, mpf(10) ** -12, 0.0625, 5, 5)


def inverse_error_function():
    central = lambda s: erf_inv(mpmath.sqrt(s)) / mpmath.sqrt(s) - mpf("0.875")
    rational("erf_inv(x) / x - 0.875 in x^2", central, mpf(2) ** -60, 0.5625, 7, 6, 0.5625)
    tail = lambda t: erfc_inv(mpmath.exp(-t * t)) - t
    rational("erf_inv(1 - e^(-t^2)) - t", tail, 1.17, 3, 7, 7, 1.17)
    rational("erf_inv(1 - e^(-t^2)) - t", tail, 3, 6.1, 7, 7, 3)


def bessel():
    for order in (0, 1):
        def small(x, order=order):
            return mpmath.exp(-x) * mpmath.besseli(order, x) / x**order

        def large(w, order=order):
            return mpmath.sqrt(1 / w) * mpmath.exp(-1 / w) * mpmath.besseli(order, 1 / w)

        name = ["i0e(x)", "i1e(x) / x"][order]
        for low, high in ((mpf(10) ** -20, 2), (2, 4.5), (4.5, 8)):
            rational(name, small, low, high, 18, 0, float(low + high) / 2)
        rational("sqrt(x) i%de(x) in 1/x" % order, large, 0.05, 0.125, 16, 0, 0.0875)
        rational("sqrt(x) i%de(x) in 1/x" % order, large, mpf(10) ** -5, 0.05, 10, 0)


def lgamma_roots():
    """Roots from -2 down, one at each side of every integer but -2, in two doubles, and cot(pi root).

    From -18 on a root is closer to the integer than the next double.
    """
    f = lambda x: mpmath.log(abs(mpmath.gamma(x)))
    print("roots of lgamma")
    for n in range(2, 18):
        for side in (1, -1):
            if (n, side) == (2, 1):
                continue
            # From the pole to the middle of the interval |Gamma| falls from infinity to less than 1.
            near = -n + side * mpf(10) ** -40
            far = mpf("-2.6") if (n, side) in ((2, -1), (3, 1)) else -n + side * mpf("0.4")
            a, b = near, far
            for _ in range(280):
                middle = (a + b) / 2
                if f(middle) > 0:
                    a = middle
                else:
                    b = middle
            root = (a + b) / 2
            high, low = two_doubles(root)
            print("    (%r, %r, %r)," % (high, low, float(mpmath.cot(pi * root))))


digamma()
inverse_error_function()
bessel()
lgamma_roots()
