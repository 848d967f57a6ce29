#!/usr/bin/env python3
"""The yardstick workloads, value and gradient, with each kind of fusion: a table of times, and how much faster all of it is than none.

    cargo build --release --example yardsticks
    benches/fusion.py [--only norm_softmax,cnn] [--rounds 5] [--threads 2]

Each round runs every workload with all kinds, one after the other, each in a process of its own; the least time of all rounds counts. Needs nothing but Python.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

KINDS = ["off", "elementwise", "reductions", "contractions", "all"]


def arguments():
    target = Path(os.environ.get("CARGO_TARGET_DIR", Path(__file__).resolve().parents[1] / "target"))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="workloads, with commas between; all by default")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--repeats", type=int, default=15, help="calls that are measured in a round")
    parser.add_argument("--threads", type=int, default=0, help="threads that a call may use; as many as there are cores by default")
    parser.add_argument("--example", type=Path, default=target / "release" / "examples" / "yardsticks")
    options = parser.parse_args()
    if min(options.rounds, options.repeats) < 1 or options.threads < 0:
        parser.error("--rounds and --repeats are at least 1, --threads at least 0")
    if not options.example.exists():
        parser.error(f"{options.example} is missing: cargo build --release --example yardsticks")
    return options


def measured(kind, options):
    """Milliseconds of a call of each workload with a kind of fusion."""
    line = [str(options.example), "--json", "--no-check", "--fusion", kind]
    line += ["--repeats", str(options.repeats), "--threads", str(options.threads)]
    line += ["--only", options.only] if options.only else []
    done = subprocess.run(line, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(line)} failed")
    return {entry["workload"]: entry["min_ms"] for entry in map(json.loads, done.stdout.splitlines())}


def main():
    options = arguments()
    least = {}
    for _ in range(options.rounds):
        for kind in KINDS:
            for workload, time in measured(kind, options).items():
                times = least.setdefault(workload, {})
                times[kind] = min(time, times.get(kind, time))
    print("| workload | " + " | ".join(KINDS) + " | off / all |")
    print("|---" + "|---:" * (len(KINDS) + 1) + "|")
    for workload, times in least.items():
        cells = [f"{times[kind]:.3g}" for kind in KINDS] + [f"{times['off'] / times['all']:.2f}"]
        print(f"| `{workload}` | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
