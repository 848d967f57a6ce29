/* The sum of squares of a Lorenz trajectory's end and its gradient with respect to the three parameters, by hand: what `benches/loops.rs`
 * measures the compiler against. Classical Runge-Kutta, 1000 steps of 0.01, f64.
 *
 * The forward sweep keeps the state before each step; the backward sweep computes a step's stages again and runs their adjoint.
 *
 *   cc -O2 -o lorenz lorenz.c && ./lorenz CALLS
 *
 * prints the nanoseconds that all the calls took, the value and the gradient. */
#define _POSIX_C_SOURCE 199309L
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { STEPS = 1000 };
static const double H = 0.01;

typedef struct { double x, y, z; } State;

static State slope(const double p[3], State s) {
    return (State){p[0] * (s.y - s.x), s.x * (p[1] - s.z) - s.y, s.x * s.y - p[2] * s.z};
}

/* s + a * k */
static State along(State s, double a, State k) { return (State){s.x + a * k.x, s.y + a * k.y, s.z + a * k.z}; }

/* The cotangent of s, from the cotangent k of slope(p, s); adds to the cotangent of p. */
static State slope_adjoint(const double p[3], State s, State k, double dp[3]) {
    dp[0] += k.x * (s.y - s.x);
    dp[1] += k.y * s.x;
    dp[2] -= k.z * s.z;
    return (State){k.y * (p[1] - s.z) + k.z * s.y - k.x * p[0], k.x * p[0] - k.y + k.z * s.x, -k.y * s.x - k.z * p[2]};
}

static State step(const double p[3], State s) {
    State k1 = slope(p, s), k2 = slope(p, along(s, H / 2, k1)), k3 = slope(p, along(s, H / 2, k2)), k4 = slope(p, along(s, H, k3));
    return (State){s.x + H / 6 * (k1.x + 2 * k2.x + 2 * k3.x + k4.x), s.y + H / 6 * (k1.y + 2 * k2.y + 2 * k3.y + k4.y),
                   s.z + H / 6 * (k1.z + 2 * k2.z + 2 * k3.z + k4.z)};
}

/* The cotangent of the state before a step from that of the state behind it; adds to the cotangent of p. */
static State step_adjoint(const double p[3], State s, State d, double dp[3]) {
    State s2 = along(s, H / 2, slope(p, s)), s3 = along(s, H / 2, slope(p, s2)), s4 = along(s, H, slope(p, s3));
    State zero = {0, 0, 0}, k = along(zero, H / 6, d);
    State d4 = slope_adjoint(p, s4, k, dp);
    State d3 = slope_adjoint(p, s3, along(along(zero, 2, k), H, d4), dp);
    State d2 = slope_adjoint(p, s2, along(along(zero, 2, k), H / 2, d3), dp);
    State d1 = slope_adjoint(p, s, along(k, H / 2, d2), dp);
    return along(along(along(along(d, 1, d1), 1, d2), 1, d3), 1, d4);
}

static double value_and_gradient(const double p[3], State s, double dp[3]) {
    static State before[STEPS];
    for (int i = 0; i < STEPS; i++) {
        before[i] = s;
        s = step(p, s);
    }
    double value = s.x * s.x + s.y * s.y + s.z * s.z;
    State d = {2 * s.x, 2 * s.y, 2 * s.z};
    dp[0] = dp[1] = dp[2] = 0;
    for (int i = STEPS; i-- > 0;) d = step_adjoint(p, before[i], d, dp);
    return value;
}

int main(int argc, char **argv) {
    long calls = argc > 1 ? atol(argv[1]) : 1;
    volatile double parameters[3] = {10, 28, 8.0 / 3};
    double value = 0, dp[3] = {0, 0, 0};
    struct timespec begin, end;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    for (long call = 0; call < calls; call++) {
        double p[3] = {parameters[0], parameters[1], parameters[2]};
        value = value_and_gradient(p, (State){1, 1, 1}, dp);
    }
    clock_gettime(CLOCK_MONOTONIC, &end);
    long long taken = (end.tv_sec - begin.tv_sec) * 1000000000LL + (end.tv_nsec - begin.tv_nsec);
    printf("%lld %.17g %.17g %.17g %.17g\n", taken, value, dp[0], dp[1], dp[2]);
    return 0;
}
