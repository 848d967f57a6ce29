#!/usr/bin/env python3
"""The objectives of `examples/adbench` in JAX, on one thread: the same inputs, the same derivatives, the same lines of JSON.

Nothing depends on this program; it is for comparing, and it made the reference values that were not published.

    python3 -m venv /tmp/peers && /tmp/peers/bin/pip install jax
    /tmp/peers/bin/python benches/peers/adbench.py [--only gmm] [--size d2_k10_n1k] [--repeats 20]

prints one line per objective and size, as `cargo run --release --example adbench -- --json` does. A time is the least of the repeats;
`compile_ms` is tracing and compiling of the derivative.

    /tmp/peers/bin/python benches/peers/adbench.py --example target/release/examples/adbench

runs both by turns and prints the table of `RESULTS.md`.

    /tmp/peers/bin/python benches/peers/adbench.py --golden

rewrites `examples/data/adbench/golden.json.gz`: what ADBench published stays as it is, the rest is computed again. All in float64.
"""
import os

# Before JAX is loaded: one thread, no accelerator.
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
os.environ["JAX_PLATFORMS"] = "cpu"
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})

import argparse
import gzip
import json
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import gammaln, logsumexp

jax.config.update("jax_enable_x64", True)

DATA = Path(__file__).resolve().parents[2] / "examples" / "data" / "adbench"
GOLDEN = DATA / "golden.json.gz"
# The time of a derivative is at most so many times that of the value, as the project set out.
GATES = {"gmm": 3, "lstm": 3, "ba": 8, "kmeans": 2, "lse": 1.5, "lls": 1.5, "ode": 3}
# Derivatives with more numbers than this are not stored.
STORED = 10_000


# ------------------------------------------------------------------------------------------------ inputs


def text(name):
    """A data file, compressed or not."""
    packed = DATA / f"{name}.txt.gz"
    return gzip.decompress(packed.read_bytes()).decode() if packed.exists() else (DATA / f"{name}.txt").read_text()


class Numbers:
    """The numbers of a text, taken from the front."""

    def __init__(self, content):
        self.left = np.array(content.split(), dtype=np.float64)

    def take(self, *shape):
        count = int(np.prod(shape))
        taken, self.left = self.left[:count], self.left[count:]
        return taken.reshape(shape)

    def counts(self, number):
        return [int(x) for x in self.take(number)]


def uniform(seed, *shape):
    """Numbers in [0, 1) by SplitMix64 (Steele, Lea and Flood, 2014)."""
    with np.errstate(over="ignore"):
        z = np.uint64(seed) + np.arange(1, int(np.prod(shape)) + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
    return ((z >> np.uint64(11)) * 2.0**-53).reshape(shape)


# ------------------------------------------------------------------------------------------------ objectives
# Each `*_problem` returns the inputs, the primal and the derivative; results are tuples.


def gmm(alphas, means, icf, x, gamma, m):
    """Log-likelihood of a Gaussian mixture with a Wishart prior. ADBench's prior has the opposite sign of the right one, as here."""
    (n, d), k = x.shape, alphas.shape[0]
    log_diagonal, below = icf[:, :d], icf[:, d:]
    columns, rows = np.triu_indices(d, 1)  # row by row of the transpose: column by column
    lower = jnp.zeros((k, d, d)).at[:, rows, columns].set(below)
    centered = x[:, None, :] - means
    y = jnp.exp(log_diagonal) * centered + jnp.einsum("kij,nkj->nki", lower, centered)
    log_det = log_diagonal.sum(1)
    per_point = logsumexp(alphas + log_det - 0.5 * (y * y).sum(2), axis=1).sum()
    likelihood = per_point - n * d * 0.5 * jnp.log(2 * jnp.pi) - n * logsumexp(alphas)
    freedom = d + m + 1
    gamma_d = d * (d - 1) / 4 * jnp.log(jnp.pi) + gammaln(0.5 * freedom - 0.5 * jnp.arange(d)).sum()
    constant = freedom * d * (jnp.log(gamma) - 0.5 * jnp.log(2.0)) - gamma_d
    frobenius = jnp.exp(2 * log_diagonal).sum() + (below * below).sum()
    return likelihood + 0.5 * gamma * gamma * frobenius - m * log_det.sum() - k * constant


def gmm_problem(size):
    numbers = Numbers(text(f"gmm/{size}"))
    d, k, n = numbers.counts(3)
    inputs = [numbers.take(k), numbers.take(k, d), numbers.take(k, d * (d + 1) // 2), numbers.take(n, d)]
    inputs += [numbers.take(), numbers.take()]
    return inputs, lambda *a: (gmm(*a),), jax.grad(gmm, (0, 1, 2))


def observation(camera, point, weight, feature):
    """Reprojection error of one observation, and the residual of its weight."""
    rotation, centre, focal, principal, radial = jnp.split(camera, [3, 6, 7, 9])
    offset, angle2 = point - centre, rotation @ rotation
    angle = jnp.sqrt(jnp.where(angle2 > 0, angle2, 1.0))
    axis = rotation / angle
    turned = offset * jnp.cos(angle) + jnp.cross(axis, offset) * jnp.sin(angle) + axis * (axis @ offset) * (1 - jnp.cos(angle))
    seen = jnp.where(angle2 > 0, turned, offset + jnp.cross(rotation, offset))
    flat = seen[:2] / seen[2]
    r2 = flat @ flat
    return weight * (flat * (1 + radial[0] * r2 + radial[1] * r2 * r2) * focal + principal - feature), 1 - weight * weight


def ba_problem(size):
    numbers = Numbers(text(f"ba/{size}"))
    cameras, points, count = numbers.counts(3)
    camera, point, weight, feature = numbers.take(11), numbers.take(3), numbers.take(), numbers.take(2)
    which = np.arange(count)
    which = np.stack([which % cameras, which % points], 1).astype(np.int32)
    inputs = [np.tile(camera, (cameras, 1)), np.tile(point, (points, 1)), np.full(count, weight)]
    inputs += [np.tile(feature, (count, 1)), which]

    def over(one, cameras, points, weights, features, which):
        return jax.vmap(one)(cameras[which[:, 0]], points[which[:, 1]], weights, features)

    def block(*a):
        error = jax.jacrev(lambda *v: observation(*v, a[3])[0], (0, 1, 2))(*a[:3])
        return jnp.concatenate([error[0], error[1], error[2][:, None]], 1), jax.grad(lambda w: 1 - w * w)(a[2])

    return inputs, partial(over, observation), partial(over, block)


def lstm(main, extra, state, sequence):
    """Loss of a diagonal LSTM that predicts the next character. `2 +` in the normaliser is ADBench's."""
    width, steps = sequence.shape[1], sequence.shape[0] - 1

    def step(state, x):
        (now, following), below, new = x, x[0] * extra[0], []
        for layer in range(main.shape[0] // 2):
            weight, bias, hidden, cell = main[2 * layer], main[2 * layer + 1], state[2 * layer], state[2 * layer + 1]
            gates = jnp.concatenate([below, hidden, below, hidden]) * weight + bias
            forget, ingate, outgate, change = jnp.split(gates, 4)
            cell = cell * jax.nn.sigmoid(forget) + jax.nn.sigmoid(ingate) * jnp.tanh(change)
            below = jax.nn.sigmoid(outgate) * jnp.tanh(cell)
            new += [below, cell]
        y = below * extra[1] + extra[2]
        return jnp.stack(new), following @ (y - jnp.log(2 + jnp.exp(y).sum()))

    _, losses = jax.lax.scan(step, state, (sequence[:-1], sequence[1:]))
    return -losses.sum() / (width * steps)


def lstm_problem(size):
    if size == "tiny":
        length, width = 8, 3
        sequence = np.zeros((length, width))
        sequence[np.arange(length), np.arange(length) ** 2 % width] = 1.0
        inputs = [uniform(6, 4, 4 * width), uniform(7, 3, width), uniform(8, 4, width), sequence]
    else:
        numbers = Numbers(text(f"lstm/{size}"))
        layers, length, width = numbers.counts(3)
        shapes = [(2 * layers, 4 * width), (3, width), (2 * layers, width), (length, width)]
        inputs = [numbers.take(*shape) for shape in shapes]
    return inputs, lambda *a: (lstm(*a),), jax.grad(lstm, (0, 1))


def hand_model():
    parents, relative, inverse = [], [], []
    for line in text("hand/bones").splitlines():
        fields = line.split(":")
        parents.append(int(fields[1]))
        relative.append(np.array(fields[2:18], dtype=np.float64).reshape(4, 4))
        inverse.append(np.array(fields[18:34], dtype=np.float64).reshape(4, 4))
    lines = text("hand/vertices").splitlines()
    positions, weights = np.ones((len(lines), 4)), np.zeros((len(lines), len(parents)))
    for vertex, line in enumerate(lines):
        fields = line.split(":")
        positions[vertex, :3] = [float(x) for x in fields[:3]]
        for bone in range(int(fields[8])):
            weights[vertex, int(fields[9 + 2 * bone])] = float(fields[10 + 2 * bone])
    triangles = np.array([[int(x) for x in line.split(":")[:3]] for line in text("hand/triangles").splitlines()])
    return parents, np.stack(relative), np.stack(inverse), positions, weights, triangles.astype(np.int32)


def hand_vertices(parents, theta, relative, inverse, positions, weights):
    """The skin of a hand in the pose `theta`: turn, shift, and four angles for each finger."""
    bones = len(parents)
    angles = jnp.zeros((bones, 3))
    for finger in range(5):
        bone, angle = 2 + 4 * finger, 6 + 4 * finger
        angles = angles.at[bone, :2].set(theta[angle : angle + 2])
        angles = angles.at[bone + 1, 0].set(theta[angle + 2]).at[bone + 2, 0].set(theta[angle + 3])
    one, zero = jnp.ones(bones), jnp.zeros(bones)

    def matrices(rows):
        return jnp.stack([jnp.stack(row, -1) for row in rows], -2)

    (cx, cz, cy), (sx, sz, sy) = jnp.cos(angles).T, jnp.sin(angles).T
    about_x = matrices([[one, zero, zero], [zero, cx, -sx], [zero, sx, cx]])
    about_y = matrices([[cy, zero, sy], [zero, one, zero], [-sy, zero, cy]])
    about_z = matrices([[cz, -sz, zero], [sz, cz, zero], [zero, zero, one]])
    local = jnp.zeros((bones, 4, 4)).at[:, :3, :3].set(about_z @ about_y @ about_x).at[:, 3, 3].set(1.0)
    local = relative @ local
    absolute = []
    for bone, parent in enumerate(parents):
        absolute.append(local[bone] if parent < 0 else absolute[parent] @ local[bone])
    transforms = jnp.stack(absolute) @ inverse
    vertices = jnp.einsum("vb,bij,vj->vi", weights, transforms[:, :3], positions)

    turn, norm = theta[:3], jnp.sqrt(theta[:3] @ theta[:3])
    axis = turn / norm
    skew = jnp.cross(jnp.eye(3), axis)
    rotation = jnp.cos(norm) * jnp.eye(3) + (1 - jnp.cos(norm)) * jnp.outer(axis, axis) + jnp.sin(norm) * skew
    return vertices @ rotation.T + theta[3:6]


def hand_problem(size, complicated):
    model = hand_model()
    content = text(f"hand/{'complicated' if complicated else 'simple'}_{size}").split("\n")
    count, parameters = (int(x) for x in content[0].split())
    rows = [line.split() for line in content[1 : 1 + count]]
    which = np.array([int(row[0]) for row in rows], dtype=np.int32)
    points = np.array([[float(x) for x in row[1:4]] for row in rows])
    rest = np.array(" ".join(content[1 + count :]).split(), dtype=np.float64)
    places = rest[: len(rest) - parameters].reshape(-1, 2)
    theta, constants = rest[len(rest) - parameters :], list(model[1:5])

    def simple(theta, *rest):
        return points - hand_vertices(model[0], theta, *rest[:4])[which]

    def at(corners, place, point):
        return point - (place[0] * corners[0] + place[1] * corners[1] + (1 - place[0] - place[1]) * corners[2])

    def complicated_residuals(theta, *rest):
        corners = hand_vertices(model[0], theta, *rest[:4])[model[5][which]]
        return jax.vmap(at)(corners, rest[4], points)

    def complicated_jacobian(theta, *rest):
        corners = hand_vertices(model[0], theta, *rest[:4])[model[5][which]]
        return jax.vmap(jax.jacfwd(at, 1))(corners, rest[4], points), jax.jacfwd(complicated_residuals)(theta, *rest)

    if complicated:
        return [theta, *constants, places], lambda *a: (complicated_residuals(*a),), complicated_jacobian
    return [theta, *constants], lambda *a: (simple(*a),), lambda *a: (jax.jacfwd(simple)(*a),)


def named(size):
    """The counts in a name such as `k10_n1000_d8`."""
    return {part[0]: int(part[1:]) for part in size.split("_")}


def kmeans_problem(size):
    counts = named(size)

    def cost(points, centroids):
        return ((points[:, None] - centroids) ** 2).sum(2).min(1).sum()

    def derivative(points, centroids):
        gradient = jax.grad(partial(cost, points))
        return jax.jvp(gradient, (centroids,), (jnp.ones_like(centroids),))

    inputs = [uniform(1, counts["n"], counts["d"]), uniform(2, counts["k"], counts["d"])]
    return inputs, lambda *a: (cost(*a),), derivative


def lse_problem(size):
    return [uniform(3, named(size)["n"])], lambda x: (logsumexp(x),), lambda x: (jax.grad(logsumexp)(x),)


def lls_problem(size):
    counts = named(size)

    def cost(x):
        t = -1 + jnp.arange(counts["n"]) * 2 / (counts["n"] - 1)
        powers = jnp.cumprod(jnp.concatenate([jnp.ones((1, len(t))), jnp.tile(t, (len(x) - 1, 1))]), 0)
        residual = jnp.sign(t) - x @ powers
        return 0.5 * residual @ residual

    return [uniform(4, counts["m"])], lambda x: (cost(x),), lambda x: (jax.grad(cost)(x),)


def ode_problem(size):
    counts = named(size)
    steps = counts["s"]

    def solve(x):
        h = 2.0 / steps

        def slope(y):
            return jnp.concatenate([x[:1], x[1:] * y[:-1]])

        def step(_, y):
            k1 = slope(y)
            k2 = slope(y + h * k1 / 2)
            k3 = slope(y + h * k2 / 2)
            k4 = slope(y + h * k3)
            return y + h * (k1 + 2 * k2 + 2 * k3 + k4) / 6

        return jax.lax.fori_loop(0, steps, step, jnp.zeros_like(x))

    return [uniform(5, counts["n"])], lambda x: (solve(x),), lambda x: (jax.grad(lambda x: solve(x)[-1])(x),)


OBJECTIVES = {
    "gmm": (
        gmm_problem,
        "test d2_k5_n1k d2_k10_n1k d10_k10_n1k d10_k25_n1k d2_k5_n10k d2_k10_n10k d10_k100_n1k "
        "d20_k50_n1k d20_k200_n1k d32_k50_n1k d2_k100_n10k",
    ),
    "ba": (ba_problem, "test ba1 ba2"),
    "lstm": (lstm_problem, "tiny l2_c1024 l4_c1024"),
    "hand": (partial(hand_problem, complicated=False), "test c100 c800"),
    "hand_complicated": (partial(hand_problem, complicated=True), "test c100 c800"),
    "kmeans": (kmeans_problem, "k3_n40_d2 k10_n1000_d8 k10_n10000_d8 k100_n1000_d8"),
    "lse": (lse_problem, "n100 n2500 n160000 n1280000"),
    "lls": (lls_problem, "m8_n16 m128_n1024 m128_n16392"),
    "ode": (ode_problem, "n5_s10 n20_s10 n1000_s10 n1000_s100 n10000_s10"),
}


# ------------------------------------------------------------------------------------------------ running


def ran(function, inputs, repeats):
    """The results, the time to trace and compile, and the least time of a call, in milliseconds."""
    start = time.perf_counter()
    compiled = jax.jit(function).lower(*inputs).compile()
    compile_ms = (time.perf_counter() - start) * 1e3
    inputs = jax.device_put(inputs)
    times = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        results = jax.block_until_ready(compiled(*inputs))
        times.append((time.perf_counter() - start) * 1e3)
    return [np.asarray(x) for x in results], compile_ms, min(times)


def rho(found, stored):
    """The largest |x - y| / max(1, |x| + |y|); a stored list that is shorter repeats."""
    worst = 0.0
    for x, y in zip(found, stored, strict=True):
        y = np.resize(np.array(y), x.size)
        worst = max(worst, float(np.max(np.abs(x.ravel() - y) / np.maximum(1, np.abs(x.ravel()) + np.abs(y)))))
    return worst


def stored(results):
    """What the reference file keeps of results: all of it, or the first row if all rows are equal; None if it is too much."""
    if all(len(x.shape) > 0 and np.all(x == x[:1]) for x in results):
        results = [x[0] for x in results]
    return [x.ravel().tolist() for x in results] if sum(x.size for x in results) <= STORED else None


def example(binary, objective, size, repeats):
    """This library's figures for an objective at a size, which the example prints."""
    command = [binary, "--json", "--only", objective, "--size", size, "--repeats", str(repeats)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def shown(ms):
    """Three digits, but of less than a microsecond the clock's ticks."""
    return f"{ms:.3g}" if ms >= 0.001 else f"{ms:.5f}"


def table(rows):
    """Both beside each other in Markdown; `rows` are pairs of reports, this library's first."""
    print("| objective | size | value, ms | derivative, ms | ratio | at most | JAX, value | derivative | derivative / JAX's |")
    print("|---|---|---:|---:|---:|---:|---:|---:|---:|")
    for ours, jax_ in rows:
        gate = GATES.get(ours["objective"], "-")
        value, derivative = ours["primal_ms"], ours["derivative_ms"]
        peers, share = [jax_[key] for key in ("primal_ms", "derivative_ms")], derivative / jax_["derivative_ms"]
        times = " | ".join(shown(ms) for ms in (value, derivative))
        peers = " | ".join(shown(ms) for ms in peers)
        print(f"| {ours['objective']} | `{ours['size']}` | {times} | {derivative / value:.2f} | {gate} | {peers} | {share:.3f} |")


def faster(reports):
    """One report with the least time of each kind."""
    return reports[0] | {key: min(report[key] for report in reports) for key in ("primal_ms", "derivative_ms")}


def measured(objective, size, repeats, known, golden):
    """What JAX takes for an objective at a size; with `golden` what it computes becomes the reference, unless that was published."""
    inputs, primal, derivative = OBJECTIVES[objective][0](size)
    value, _, primal_ms = ran(primal, inputs, repeats)
    slopes, compile_ms, derivative_ms = ran(derivative, inputs, repeats)
    entry = known.get((objective, size), {})
    if golden and entry.get("source", "JAX") == "JAX":
        new = {"objective": objective, "size": size, "source": "JAX"}
        known[objective, size] = new | {"value": stored(value), "derivative": stored(slopes)}
    return {
        "objective": objective,
        "size": size,
        "value_rho": rho(value, entry["value"]) if entry.get("value") else None,
        "derivative_rho": rho(slopes, entry["derivative"]) if entry.get("derivative") else None,
        "primal_ms": round(primal_ms, 4),
        "derivative_ms": round(derivative_ms, 4),
        "compile_ms": round(compile_ms, 2),
    }


def main():
    parser = argparse.ArgumentParser(description="Runs the objectives of examples/adbench with JAX on one thread.")
    parser.add_argument("--only", choices=OBJECTIVES)
    parser.add_argument("--size")
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--golden", action="store_true", help="compute the reference values that were not published again")
    parser.add_argument("--example", metavar="BINARY", help="run the example by turns and print a table of both")
    parser.add_argument("--rounds", type=int, default=2, help="turns of which the fastest counts, with --example")
    options = parser.parse_args()
    known = {}
    if GOLDEN.exists():
        entries = json.loads(gzip.decompress(GOLDEN.read_bytes()))
        known = {(entry["objective"], entry["size"]): entry for entry in entries}
    rows = []
    for objective, (_, sizes) in OBJECTIVES.items():
        for size in sizes.split():
            if options.only not in (None, objective) or options.size not in (None, size):
                continue
            if options.example:
                ours, peer = [], []
                for _ in range(options.rounds):
                    ours.append(example(options.example, objective, size, options.repeats))
                    peer.append(measured(objective, size, options.repeats, known, False))
                rows.append((faster(ours), faster(peer)))
            else:
                report = measured(objective, size, options.repeats, known, options.golden)
                print(json.dumps(report), flush=True)
    if rows:
        table(rows)
    if options.golden and not options.example:
        lines = ",\n".join(json.dumps(known[key]) for key in sorted(known))
        GOLDEN.write_bytes(gzip.compress(f"[\n{lines}\n]\n".encode(), mtime=0))


if __name__ == "__main__":
    sys.exit(main())
