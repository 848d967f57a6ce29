#!/usr/bin/env python3
"""The workloads of `examples/yardsticks` in this project, JAX and PyTorch beside one another: a table with ratios, and a chart.

Nothing depends on this program. It needs the example, and an environment with the peers (about 6 GB, most of it PyTorch's libraries for graphics cards, which are not
used; `--index-url https://download.pytorch.org/whl/cpu` gets it without them). `torch.compile` also needs a C++ compiler.

    python3 -m venv /tmp/peers
    /tmp/peers/bin/pip install numpy jax torch
    cargo build --release --example yardsticks
    /tmp/peers/bin/python benches/peers/yardsticks.py --out /tmp/yardsticks [--only mlp_small,cnn] [--rounds 3] [--peers jax,torch]

Machines are noisy, and only what is measured in the same minutes is compared. Each round therefore runs every workload in all peers, one after the other, each in a
process of its own. The least time of all rounds counts; the median is beside it. So it is with `first`, the time from the program's text to the first gradient, but for
torch.compile, which keeps what it compiled on disk: its `first` is that of the first round, in which there is nothing there yet. Peaks of memory are of the whole process,
with interpreter and libraries; those below 20 MB are this program's own, from which the process was made.

All peers get the same inputs, and must find the same number and the same norm of its gradient. Before the first round this project's results are checked by the example
itself. A peer that fails, or takes longer than `--limit`, is left out of the later rounds of that workload.

Writes `yardsticks.json` (every measurement), `yardsticks.md` and `yardsticks.svg`. RESULTS.md beside this file is of the latest run.
"""

import argparse
import datetime
import importlib.metadata
import json
import os
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

sys.dont_write_bytecode = True
import yardsticks_report as report

HERE = Path(__file__).resolve().parent
# Relative distance of numbers and norms between peers, which round in different orders.
TOLERANCE = 1e-5


def arguments():
    def some_of(known):
        def parse(text):
            unknown = [name for name in text.split(",") if name not in known]
            if unknown:
                raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: expected some of {', '.join(known)}")
            return [name for name in known if name in text.split(",")]

        return parse

    target = Path(os.environ.get("CARGO_TARGET_DIR", HERE.parents[1] / "target"))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", type=some_of(report.WORKLOADS), default=list(report.WORKLOADS), help="with commas between")
    parser.add_argument("--peers", type=some_of(report.PEERS), default=report.PEERS, help="beside this project, with commas between")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--repeats", type=int, default=15, help="calls that are measured in a round")
    parser.add_argument("--threads", type=int, default=0, help="cores that a process may use; all by default")
    parser.add_argument("--limit", type=float, default=60.0, help="seconds that a process may take")
    parser.add_argument("--example", type=Path, default=target / "release" / "examples" / "yardsticks")
    parser.add_argument("--out", type=Path, required=True, help="folder for the table and the chart")
    options = parser.parse_args()
    if min(options.rounds, options.repeats) < 1 or options.threads < 0:
        parser.error("--rounds and --repeats are at least 1, --threads at least 0")
    if not options.example.exists():
        parser.error(f"{options.example} is missing: cargo build --release --example yardsticks")
    options.peers = [peer for peer in report.PEERS if peer in options.peers or peer == report.OURS]
    return options


# ------------------------------------------------------------------------------------------------ measuring


def command(peer, workload, options):
    """What measures a workload in a peer."""
    common = ["--repeats", str(options.repeats), "--threads", str(options.threads)]
    if peer == report.OURS:
        return [str(options.example), "--only", workload, "--json", "--no-check", *common]
    return [sys.executable, str(HERE / "yardsticks_programs.py"), peer, workload, *common]


def kill(group):
    """Ends a process and those that it started."""
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        pass


def run(line, environment, limit):
    """Runs a process: what it printed, and the peak of its memory in bytes.

    Raises RuntimeError, with the reason, if it fails or takes longer than `limit` seconds.
    """
    with tempfile.TemporaryFile() as printed, tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(line, stdout=printed, stderr=errors, env=os.environ | environment, start_new_session=True)
        timer = threading.Timer(limit, kill, [process.pid])
        timer.start()
        try:
            # Not by `process.wait`: this also tells how much memory it used.
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            kill(process.pid)
            raise
        finally:
            timer.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode == -signal.SIGKILL:
            raise RuntimeError(f"more than {limit:g} s")
        if process.returncode != 0:
            errors.seek(0)
            raise RuntimeError(errors.read().decode(errors="replace").strip() or f"status {process.returncode}")
        printed.seek(0)
        return printed.read().decode(), usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def measure(options):
    """What all processes printed, an entry for each round, workload and peer; yields the list as it is after each workload."""
    found, left_out = [], set(report.MISSING)
    with tempfile.TemporaryDirectory() as cache:
        for number in range(options.rounds):
            for workload in options.only:
                for peer in options.peers:
                    if (peer, workload) in left_out:
                        continue
                    try:
                        line = command(peer, workload, options)
                        printed, peak = run(line, {"TORCHINDUCTOR_CACHE_DIR": cache}, options.limit)
                    except RuntimeError as error:
                        left_out.add((peer, workload))
                        print(f"{peer} {workload} is left out: {error}", file=sys.stderr)
                        continue
                    entry = json.loads(printed) | {"round": number, "peak_bytes": peak}
                    found.append(entry)
                    print(f"round {number + 1}  {workload:<16} {peer:<14} {entry['min_ms']:>12.4f} ms", file=sys.stderr)
                if found:
                    yield found


def disagreements(found):
    """What says that a number or norm is not that of the first peer that computed it."""
    first, apart = {}, []
    for entry in found:
        expected = first.setdefault(entry["workload"], entry)
        for field in ["value", "gradient_norm"]:
            distance = abs(entry[field] - expected[field]) / abs(expected[field])
            # Not `>`: a NaN is apart.
            if not distance <= TOLERANCE:
                apart.append(
                    f"{entry['workload']}: {field} is {entry[field]} in {entry['peer']} and {expected[field]} in {expected['peer']}"
                )
    return apart


def summarized(found):
    """Times in milliseconds and peaks of memory in bytes, of each workload and peer over all rounds."""
    grouped = {}
    for entry in found:
        grouped.setdefault((entry["workload"], entry["peer"]), []).append(entry)
    summary = {}
    for (workload, peer), entries in grouped.items():
        cold = entries[:1] if peer == "torch.compile" else entries
        summary[workload, peer] = {
            "first": min(entry["first_ms"] for entry in cold),
            "steady": min(entry["min_ms"] for entry in entries),
            "median": statistics.median(entry["median_ms"] for entry in entries),
            "peak": min(entry["peak_bytes"] for entry in entries),
        }
    return summary


def machine(options):
    """What says where, when and with which versions this is measured. Ends the program if a peer is not installed."""
    processor = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        processor = next((line.split(": ", 1)[1] for line in lines if line.startswith("model name")), processor)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    packages = sorted({peer.split(".")[0] for peer in options.peers} - {report.OURS})
    try:
        versions = "".join(f", {package} {importlib.metadata.version(package)}" for package in packages)
    except importlib.metadata.PackageNotFoundError as error:
        sys.exit(f"{error.name} is not installed for {sys.executable}: see --help, or name the --peers that are")
    date = datetime.date.today().isoformat()
    return f"{processor}, {cores} cores{versions}, {date}."


def main():
    options = arguments()
    if options.threads and hasattr(os, "sched_setaffinity"):
        # Every process inherits it.
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.threads])
    check = [str(options.example), "--only", ",".join(options.only), "--repeats", "1", "--threads", str(options.threads)]
    where = machine(options)
    if subprocess.run(check, stdout=subprocess.DEVNULL).returncode != 0:
        sys.exit("nothing is measured: the example finds its own results wrong")
    options.out.mkdir(parents=True, exist_ok=True)
    found = []
    # Written again and again: it takes many minutes, and what is cut short leaves what it had.
    for found in measure(options):
        summary = summarized(found)
        how = f"{where} Milliseconds, least of rounds of {options.repeats} calls; rounds: {found[-1]['round'] + 1}."
        (options.out / "yardsticks.json").write_text("".join(json.dumps(entry) + "\n" for entry in found))
        (options.out / "yardsticks.md").write_text(report.markdown(summary, options.only, options.peers, how))
        (options.out / "yardsticks.svg").write_text(report.chart(summary, options.only, options.peers))
    if not found:
        sys.exit("nothing could be measured")
    print((options.out / "yardsticks.md").read_text())
    apart = disagreements(found)
    if apart:
        sys.exit("not the same results:\n" + "\n".join(apart))


if __name__ == "__main__":
    main()
