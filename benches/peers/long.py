#!/usr/bin/env python3
"""Values and gradients of attention over long sequences and of losses over many classes, beside PyTorch.

    python3 -m venv /tmp/peers && /tmp/peers/bin/pip install torch
    cargo build --release -p pullback-cli
    /tmp/peers/bin/python benches/peers/long.py [--pullback target/release/pullback] [--rounds 2]

Both run in turns, on two threads; a time is the least of all rounds. Memory is the peak of a process that computes one value and gradient, beyond that of
one that does so for the smallest program, and so without the code of the libraries. Prints a Markdown table.
"""
import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

ATTENTION = [(8, 1024, 64), (4, 2048, 64), (4, 4096, 64), (1, 8192, 64), (1, 16384, 64)]
CLASSES = [(4096, 256, 32000)]


def attention(heads, length, depth):
    """The program text of `sum(attention(q, k, v)^2)`."""
    x, row = f"f32[{heads},{length},{depth}]", f"f32[{heads},{length}]"
    scores = f"f32[{heads},{length},{length}]"
    return f"""func @attention(%q: {x}, %k: {x}, %v: {x}) -> f32 {{
  %dot = dot %q, %k, batch=[0]x[0], contract=[2]x[2] : {scores}
  %scale = constant {depth ** -0.5!r} : {scores}
  %s = mul %dot, %scale : {scores}
  %max = reduce max %s, axes=[2] : {row}
  %m = stop_gradient %max : {row}
  %mb = broadcast %m, dims=[0,1] : {scores}
  %t = sub %s, %mb : {scores}
  %e = exp %t : {scores}
  %l = reduce add %e, axes=[2] : {row}
  %lb = broadcast %l, dims=[0,1] : {scores}
  %p = div %e, %lb : {scores}
  %o = dot %p, %v, batch=[0]x[0], contract=[2]x[1] : {x}
  %o2 = mul %o, %o : {x}
  %r = reduce add %o2, axes=[0,1,2] : f32
  return %r
}}
"""


def classes(items, depth, count):
    """The program text of the mean cross-entropy of `x w` against labels."""
    scores, row = f"f32[{items},{count}]", f"f32[{items}]"
    return f"""func @loss(%x: f32[{items},{depth}], %w: f32[{depth},{count}], %labels: i32[{items}]) -> f32 {{
  %s = dot %x, %w, contract=[1]x[0] : {scores}
  %max = reduce max %s, axes=[1] : {row}
  %m = stop_gradient %max : {row}
  %mb = broadcast %m, dims=[0] : {scores}
  %t = sub %s, %mb : {scores}
  %e = exp %t : {scores}
  %l = reduce add %e, axes=[1] : {row}
  %log = log %l : {row}
  %lb = broadcast %log, dims=[0] : {scores}
  %p = sub %t, %lb : {scores}
  %class = iota axis=1 : i32[{items},{count}]
  %label = broadcast %labels, dims=[0] : i32[{items},{count}]
  %is = compare eq %class, %label : bool[{items},{count}]
  %zero = constant 0.0 : {scores}
  %chosen = select %is, %p, %zero : {scores}
  %sum = reduce add %chosen, axes=[0,1] : f32
  %mean = constant {-1 / items!r} : f32
  %r = mul %sum, %mean : f32
  return %r
}}
"""


def torch_child(kind, sizes, repeats):
    """Runs one workload in PyTorch and prints the least time and the peak of memory."""
    import resource
    import time

    import torch

    torch.set_num_threads(2)
    a, b, c = sizes
    if kind == "attention":
        inputs = [torch.randn(1, a, b, c, requires_grad=True) for _ in range(3)]
        loss = lambda: torch.nn.functional.scaled_dot_product_attention(*inputs).square().sum()
    else:
        inputs = [torch.randn(a, b, requires_grad=True), torch.randn(b, c, requires_grad=True)]
        labels = torch.randint(0, c, (a,))
        loss = lambda: torch.nn.functional.cross_entropy(inputs[0] @ inputs[1], labels)
    least = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        torch.autograd.grad(loss(), inputs)
        least = min(least, time.perf_counter() - start)
    print(json.dumps({"min_ms": least * 1e3, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))


def torch_run(kind, sizes, repeats):
    command = [sys.executable, __file__, "--child", kind, "--sizes", ",".join(map(str, sizes)), "--repeats", str(repeats)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])


def pullback_run(binary, text, wrt, repeats):
    with tempfile.NamedTemporaryFile("w", suffix=".pir") as file:
        file.write(text)
        file.flush()
        command = [binary, "bench", file.name, "--wrt", wrt, "--threads", "2", "--repeats", str(repeats), "--json"]
        return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pullback", default="target/release/pullback", help="the program to run")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--child", choices=["attention", "classes"], help=argparse.SUPPRESS)
    parser.add_argument("--sizes", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        torch_child(options.child, tuple(map(int, options.sizes.split(","))), options.repeats)
        return
    if not Path(options.pullback).exists():
        sys.exit(f"{options.pullback} does not exist; build it with `cargo build --release -p pullback-cli`")
    workloads = [("attention", sizes, attention(*sizes), "q,k,v") for sizes in ATTENTION]
    workloads += [("classes", sizes, classes(*sizes), "x,w") for sizes in CLASSES]
    base = torch_run("attention", (1, 16, 16), 1)["peak"]
    print("| workload | pullback, ms | torch, ms | ratio | arena, MiB | torch, MiB | scores, MiB |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for kind, sizes, text, wrt in workloads:
        ours, theirs = [], []
        for _ in range(options.rounds):
            ours.append(pullback_run(options.pullback, text, wrt, options.repeats))
            theirs.append(torch_run(kind, sizes, options.repeats))
        mine, other = min(run["min_ms"] for run in ours), min(run["min_ms"] for run in theirs)
        a, b, c = sizes
        name = f"attention, {a} x {b} x {c}" if kind == "attention" else f"cross-entropy, {a} x {b}, {c} classes"
        scores = (a * b * b if kind == "attention" else a * c) * 4 / 2**20
        arena = ours[0]["arena_bytes"] / 2**20
        peak = min(run["peak"] for run in theirs) - base
        print(f"| {name} | {mine:.4g} | {other:.4g} | {mine / other:.2f} | {arena:.3g} | {peak:.3g} | {scores:.0f} |", flush=True)


if __name__ == "__main__":
    main()
