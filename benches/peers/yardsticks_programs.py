#!/usr/bin/env python3
"""The workloads of `examples/yardsticks` in JAX and PyTorch, with the same inputs; measures one of them and prints a line of JSON.

    python benches/peers/yardsticks_programs.py jax mlp_small [--repeats 15] [--threads 2]

`yardsticks.py` runs this program, once for each measurement, so that every one has a process of its own. Beside the times the line has the number that was
computed and the norm of its gradient, by which `yardsticks.py` sees that all peers ran the same program.

Times are in milliseconds: `first_ms` from the Python function to the first gradient in memory, `min_ms` and `median_ms` of later calls. Inputs are in the peer's own
tensors before that.
"""

import argparse
import json
import math
import sys
import time

import numpy as np

sys.dont_write_bytecode = True
from yardsticks_report import MISSING

# ------------------------------------------------------------------------------------------------ inputs


class Generator:
    """The numbers of the generator in `examples/yardsticks/workloads/numbers.rs`: SplitMix64, of which the k-th number is a hash of k."""

    def __init__(self, seed):
        self.state = seed

    def uniform(self, count):
        """Numbers in [0, 1)."""
        steps = np.arange(1, count + 1, dtype=np.uint64)
        with np.errstate(over="ignore"):
            z = np.uint64(self.state) + steps * np.uint64(0x9E3779B97F4A7C15)
            z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            z ^= z >> np.uint64(31)
        self.state = (self.state + count * 0x9E3779B97F4A7C15) % 2**64
        return (z >> np.uint64(11)) * 2.0**-53

    def normals(self, *shape, deviation=1.0):
        """Normal numbers in float32, made in pieces: the peak of the memory is measured too."""
        flat = np.empty(math.prod(shape), np.float32)
        for start in range(0, flat.size, 1 << 16):
            piece = flat[start : start + (1 << 16)]
            pairs = self.uniform(2 * piece.size).reshape(-1, 2)
            radius = np.sqrt(-2.0 * np.log(1.0 - pairs[:, 0]))
            piece[:] = radius * np.cos(2.0 * np.pi * pairs[:, 1]) * deviation
        return flat.reshape(shape)

    def labels(self, count, classes):
        return (self.uniform(count) * classes).astype(np.int32)


def mlp_inputs(sizes, batch):
    random = Generator(1)
    weights = [random.normals(m, n, deviation=m**-0.5) for m, n in zip(sizes, sizes[1:])]
    biases = [np.zeros(n, np.float32) for n in sizes[1:]]
    return weights + biases, [random.normals(batch, sizes[0]), random.labels(batch, sizes[-1])]


def elementwise_inputs(length):
    x = np.empty(length, np.float32)
    for start in range(0, length, 1 << 16):
        stop = min(length, start + (1 << 16))
        x[start:stop] = 6.0 / (length - 1) * np.arange(start, stop) - 3.0
    return [x], []


def norm_softmax_inputs(rows, columns):
    return [Generator(2).normals(rows, columns), np.ones(columns, np.float32), np.zeros(columns, np.float32)], []


def attention_inputs(*shape):
    random = Generator(3)
    return [random.normals(*shape) for _ in "qkv"], []


def cnn_inputs(batch, side, first, second, classes):
    random = Generator(4)
    kernels = [random.normals(first, 1, 3, 3, deviation=0.3), random.normals(second, first, 3, 3, deviation=0.06)]
    dense = random.normals(second * (side // 4) ** 2, classes, deviation=0.02)
    x = random.normals(batch, 1, side, side)
    return [*kernels, dense, np.zeros(classes, np.float32)], [x, random.labels(batch, classes)]


def rnn_inputs(steps, batch, inputs, hidden):
    random = Generator(5)
    weights = [random.normals(hidden, hidden, deviation=0.1), random.normals(inputs, hidden, deviation=0.1)]
    return weights, [random.normals(steps, batch, inputs)]


def lorenz_inputs():
    return [np.array([10.0, 28.0, 8.0 / 3.0])], [np.ones(3)]


# Of each workload: its program, and what makes its inputs, those that the gradient is taken by before the others.
WORKLOADS = {
    "mlp_tiny": ("mlp", lambda: mlp_inputs((4, 32, 32, 2), 1)),
    "mlp_small": ("mlp", lambda: mlp_inputs((784, 512, 256, 10), 128)),
    "mlp_large": ("mlp", lambda: mlp_inputs((1024, 2048, 2048, 1024), 1024)),
    "elementwise_1m": ("elementwise", lambda: elementwise_inputs(1 << 20)),
    "elementwise_16m": ("elementwise", lambda: elementwise_inputs(1 << 24)),
    "norm_softmax": ("norm_softmax", lambda: norm_softmax_inputs(4096, 1024)),
    "attention": ("attention", lambda: attention_inputs(2, 8, 1024, 64)),
    "cnn": ("cnn", lambda: cnn_inputs(64, 28, 32, 64, 10)),
    "rnn_scan": ("rnn_scan", lambda: rnn_inputs(256, 16, 32, 64)),
    "rnn_unrolled": ("rnn_unrolled", lambda: rnn_inputs(256, 16, 32, 64)),
    "lorenz": ("lorenz", lorenz_inputs),
}

# ------------------------------------------------------------------------------------------------ JAX


def jax_programs():
    """Functions of the differentiated inputs, a list, and the others."""
    import jax
    import jax.numpy as jnp
    from jax import lax, nn

    def cross_entropy(logits, labels):
        return -jnp.take_along_axis(nn.log_softmax(logits), labels[:, None], axis=1).mean()

    def mlp(parameters, x, labels):
        depth = len(parameters) // 2
        for layer in range(depth):
            x = x @ parameters[layer] + parameters[depth + layer]
            if layer < depth - 1:
                x = nn.gelu(x, approximate=True)
        return cross_entropy(x, labels)

    def elementwise(parameters):
        x = parameters[0]
        return (jnp.tanh(x) * jnp.exp(-x * x) + nn.sigmoid(x)).sum()

    def norm_softmax(parameters):
        x, gain, bias = parameters
        deviation = x - x.mean(axis=-1, keepdims=True)
        scale = lax.rsqrt((deviation**2).mean(axis=-1, keepdims=True) + 1e-5)
        return (nn.softmax(deviation * scale * gain + bias) ** 2).sum()

    def attention(parameters):
        q, k, v = parameters
        weights = nn.softmax(jnp.einsum("bhtd,bhsd->bhts", q, k) * 0.125)
        return (jnp.einsum("bhts,bhsd->bhtd", weights, v) ** 2).sum()

    def convolved(x, kernel):
        y = lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=("NCHW", "OIHW", "NCHW"))
        return lax.reduce_window(nn.relu(y), -jnp.inf, lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")

    def cnn(parameters, x, labels):
        first, second, dense, bias = parameters
        h = convolved(convolved(x, first), second)
        return cross_entropy(h.reshape(len(h), -1) @ dense + bias, labels)

    def cell(w, u, h, x):
        return jnp.tanh(h @ w + x @ u)

    def rnn_scan(parameters, xs):
        def step(h, x):
            h = cell(*parameters, h, x)
            return h, h

        start = jnp.zeros((xs.shape[1], len(parameters[0])), xs.dtype)
        return (lax.scan(step, start, xs)[1] ** 2).sum()

    def rnn_unrolled(parameters, xs):
        h = jnp.zeros((xs.shape[1], len(parameters[0])), xs.dtype)
        total = 0.0
        for step in range(len(xs)):
            h = cell(*parameters, h, xs[step])
            total = total + (h**2).sum()
        return total

    def lorenz(parameters, start):
        sigma, rho, beta = parameters[0]

        def slope(s):
            x, y, z = s
            return jnp.stack([sigma * (y - x), x * (rho - z) - y, x * y - beta * z])

        def step(s, _):
            k1 = slope(s)
            k2 = slope(s + 0.005 * k1)
            k3 = slope(s + 0.005 * k2)
            k4 = slope(s + 0.01 * k3)
            return s + 0.01 / 6 * (k1 + 2 * k2 + 2 * k3 + k4), None

        return (lax.scan(step, start, None, length=1000)[0] ** 2).sum()

    programs = [mlp, elementwise, norm_softmax, attention, cnn, rnn_scan, rnn_unrolled, lorenz]
    return {program.__name__: program for program in programs}


def jax_call(program, differentiated, others):
    """What compiles and runs a program in JAX, and gives the number and the gradients."""
    import jax

    jax.config.update("jax_enable_x64", program == "lorenz")
    inputs = jax.block_until_ready(jax.device_put((differentiated, *others)))
    function = jax_programs()[program]
    made = []

    def call():
        if not made:
            made.append(jax.jit(jax.value_and_grad(function)))
        return jax.block_until_ready(made[0](*inputs))

    return call


# ------------------------------------------------------------------------------------------------ PyTorch


def torch_programs():
    """Functions of the differentiated inputs, a list, and the others."""
    import torch
    from torch.nn import functional as F

    def mlp(parameters, x, labels):
        depth = len(parameters) // 2
        for layer in range(depth):
            x = torch.addmm(parameters[depth + layer], x, parameters[layer])
            if layer < depth - 1:
                x = F.gelu(x, approximate="tanh")
        return F.cross_entropy(x, labels)

    def elementwise(parameters):
        x = parameters[0]
        return (torch.tanh(x) * torch.exp(-x * x) + torch.sigmoid(x)).sum()

    def norm_softmax(parameters):
        x, gain, bias = parameters
        return (F.softmax(F.layer_norm(x, gain.shape, gain, bias), dim=-1) ** 2).sum()

    def attention(parameters):
        return (F.scaled_dot_product_attention(*parameters) ** 2).sum()

    def cnn(parameters, x, labels):
        first, second, dense, bias = parameters
        h = F.max_pool2d(F.relu(F.conv2d(x, first, padding=1)), 2)
        h = F.max_pool2d(F.relu(F.conv2d(h, second, padding=1)), 2)
        return F.cross_entropy(h.flatten(1) @ dense + bias, labels)

    def rnn(parameters, xs):
        w, u = parameters
        h = torch.zeros(xs.shape[1], len(w))
        total = torch.zeros(())
        for x in xs:
            h = torch.tanh(h @ w + x @ u)
            total = total + (h * h).sum()
        return total

    return {
        "mlp": mlp,
        "elementwise": elementwise,
        "norm_softmax": norm_softmax,
        "attention": attention,
        "cnn": cnn,
        "rnn_scan": rnn,
        "rnn_unrolled": rnn,
    }


def torch_call(program, differentiated, others, compiled, threads):
    """What runs a program in PyTorch, compiled or not, and gives the number and the gradients."""
    import torch

    if threads:
        torch.set_num_threads(threads)
    parameters = [torch.from_numpy(x).requires_grad_() for x in differentiated]
    # Labels are int64 in PyTorch.
    rest = [torch.from_numpy(x.astype(np.int64) if x.dtype == np.int32 else x) for x in others]
    function = torch_programs()[program]
    if compiled:
        function = torch.compile(function)

    def call():
        for parameter in parameters:
            parameter.grad = None
        value = function(parameters, *rest)
        value.backward()
        return value.detach(), [parameter.grad for parameter in parameters]

    return call


# ------------------------------------------------------------------------------------------------ measuring


def measured(call, repeats):
    """Times in milliseconds, and the results of the last call."""

    def timed():
        start = time.perf_counter()
        results = call()
        return (time.perf_counter() - start) * 1e3, results

    first, _ = timed()
    call()
    times = []
    results = None
    for _ in range(repeats):
        # The results of the call before are no longer needed.
        results = None
        elapsed, results = timed()
        times.append(elapsed)
    times.sort()
    return {"first_ms": first, "min_ms": times[0], "median_ms": times[len(times) // 2]}, results


def square(array):
    """The sum of the squares of the elements, in f64 and by parts: the memory of the process is measured too."""
    parts = np.array_split(array.reshape(-1), array.size // 2**16 + 1)
    return sum(float(np.square(part, dtype=np.float64).sum()) for part in parts)


def main():
    parser = argparse.ArgumentParser(description="Measures a workload in JAX or PyTorch.")
    parser.add_argument("peer", choices=["jax", "torch", "torch.compile"])
    parser.add_argument("workload", choices=WORKLOADS)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--threads", type=int, default=0)
    options = parser.parse_args()
    program, inputs = WORKLOADS[options.workload]
    if (options.peer, options.workload) in MISSING:
        parser.error(f"{options.peer} has no {options.workload}")
    differentiated, others = inputs()
    if options.peer == "jax":
        call = jax_call(program, differentiated, others)
    else:
        call = torch_call(program, differentiated, others, options.peer == "torch.compile", options.threads)
    if options.peer == "jax":
        # Its tensors are copies.
        del differentiated, others
    times, (value, gradients) = measured(call, options.repeats)
    gradients = [np.asarray(gradient).ravel() for gradient in gradients]
    norm = math.sqrt(sum(map(square, gradients)))
    line = {"workload": options.workload, "peer": options.peer} | {name: round(time, 6) for name, time in times.items()}
    print(json.dumps(line | {"value": float(value), "gradient_norm": norm}), flush=True)


if __name__ == "__main__":
    main()
