#!/usr/bin/env python3
"""The polynomials of the complementary error function: relative minimax by Remez exchange.

    pip install mpmath && python3 coefficients_erfc.py

Prints, from the highest power to the lowest, the coefficients in t = (a - 3)/(a + 3) rounded to
doubles, what rounding took from the constant term, and the largest relative error reached.
"""

from mpmath import cos, erfc, exp, log, lu_solve, matrix, mp, mpf, nstr, pi, polyval, sign

mp.prec = 250
K = mpf(3)


def argument(t):
    return K * (1 + t) / (1 - t)


def erfcx(t):
    a = argument(t)
    return exp(a * a) * erfc(a)


def shepherd_laframboise(t):
    return (1 + 2 * argument(t)) * erfcx(t)


def extrema(errors):
    """The place of the largest error between any two changes of sign."""
    found, current = [], 0
    for k in range(1, len(errors)):
        if sign(errors[k]) != sign(errors[current]):
            found.append(current)
            current = k
        elif abs(errors[k]) > abs(errors[current]):
            current = k
    return found + [current]


def remez(f, low, high, degree):
    middle, radius = (low + high) / 2, (high - low) / 2
    count = degree + 2
    points = [middle - radius * cos(pi * mpf(i) / (count - 1)) for i in range(count)]
    grid = [middle - radius * cos(pi * mpf(k) / (12 * degree)) for k in range(12 * degree + 1)]
    values = [f(x) for x in grid]
    coefficients = []
    for _ in range(6):
        system, right = matrix(count, count), matrix(count, 1)
        for i, x in enumerate(points):
            value, power = f(x), mpf(1)
            for j in range(degree + 1):
                system[i, j] = power / value
                power *= x
            system[i, degree + 1] = (-1) ** i
            right[i] = 1
        solution = lu_solve(system, right)
        coefficients = [solution[j] for j in range(degree + 1)]
        errors = [polyval(coefficients[::-1], x) / v - 1 for x, v in zip(grid, values)]
        places = extrema(errors)
        if len(places) < count or max(map(abs, errors)) < 1.02 * abs(solution[degree + 1]):
            break
        while len(places) > count:
            places.pop(0 if abs(errors[places[0]]) < abs(errors[places[-1]]) else -1)
        points = [grid[k] for k in places]
    return coefficients


def show(name, f, first, last, degree):
    low, high = (first - K) / (first + K), (last - K) / (last + K)
    exact = remez(f, low, high, degree)
    rounded = [mpf(float(c)) for c in exact]
    rest = float(exact[0] - rounded[0])
    used = [rounded[0] + mpf(rest)] + rounded[1:]
    grid = [low + (high - low) * mpf(k) / 1500 for k in range(1501)]
    error = max(abs(polyval(used[::-1], x) / f(x) - 1) for x in grid)
    print(name, "log2 error", nstr(log(error, 2), 4), "rest of the constant term", rest)
    for c in rounded[::-1]:
        print("   ", repr(float(c)), ",")


show("H", shepherd_laframboise, mpf("0.5"), mpf("27.3"), 22)
show("ERFCX_FOR_SINGLE", erfcx, mpf(0), mpf("10.1"), 11)
