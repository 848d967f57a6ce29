"""What `yardsticks.py` measured, as tables in Markdown and as a chart in SVG.

Both take a summary: for each workload and peer, times in milliseconds (`first`, `steady`, `median`) and the peak of the memory in bytes (`peak`).
"""

import math
from html import escape

OURS = "pullback"
PEERS = [OURS, "jax", "torch", "torch.compile"]
# What a peer has no program for. PyTorch has no loops, and compiling what it unrolls takes minutes.
MISSING = {("torch", "lorenz"), ("torch.compile", "lorenz"), ("torch.compile", "rnn_scan"), ("torch.compile", "rnn_unrolled")}
# Every workload with the target of its steady time: a factor and the peer that it is of, or milliseconds on the machine that the targets were set on (two cores, Zen 4).
WORKLOADS = {
    "mlp_tiny": (0.001, None),
    "mlp_small": (0.75, "jax"),
    "mlp_large": (0.9, "jax"),
    "elementwise_1m": (0.7, "jax"),
    "elementwise_16m": (0.35, "jax"),
    "norm_softmax": (0.5, "torch.compile"),
    "attention": (1.0, "torch"),
    "cnn": (10.0, None),
    "rnn_scan": (0.7, "jax"),
    "rnn_unrolled": (2.0, None),
    "lorenz": (0.19, None),
}
# Targets of the first gradient: this share of JAX's, and milliseconds for some.
FIRST_SHARE = 1 / 30
FIRST_MS = {"mlp_small": 10.0, "rnn_unrolled": 250.0}


def number(x):
    """Three digits, thousands apart."""
    if x is None:
        return "-"
    digits = max(0, 2 - math.floor(math.log10(x))) if x > 0 else 0
    return f"{x:,.{digits}f}".replace(",", " ")


def met(ours, limit):
    """Whether a time keeps to a limit, as a sign; nothing if either is not known."""
    return "" if ours is None or limit is None else " ✓" if ours <= limit else " ✗"


def rows(header, body):
    """A table: text in the first column, figures to the right in the others."""
    lines = ["| " + " | ".join(header) + " |", "|---" + "|---:" * (len(header) - 1) + "|"]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in body]) + "\n"


def markdown(summary, workloads, peers, machine):
    """Tables of steady times, first gradients and memory."""

    def figure(workload, peer, name):
        return summary.get((workload, peer), {}).get(name)

    def ratio(workload, name):
        others = [figure(workload, peer, name) for peer in peers if peer != OURS]
        best = min((x for x in others if x is not None), default=None)
        ours = figure(workload, OURS, name)
        return "-" if best is None or ours is None else f"{ours / best:.3g}"

    def steady(workload):
        cells = []
        for peer in peers:
            least, median = figure(workload, peer, "steady"), figure(workload, peer, "median")
            cells.append("-" if least is None else f"{number(least)} ({number(median)})")
        factor, peer = WORKLOADS[workload]
        of = figure(workload, peer, "steady") if peer else 1.0
        limit = None if of is None else factor * of
        target = f"{factor:g} × {peer}" if peer else f"{factor:g} ms"
        return [f"`{workload}`", *cells, ratio(workload, "steady"), target + met(figure(workload, OURS, "steady"), limit)]

    def first(workload):
        jax = figure(workload, "jax", "first")
        limits = ([] if jax is None else [jax * FIRST_SHARE]) + ([FIRST_MS[workload]] if workload in FIRST_MS else [])
        limit = min(limits, default=None)
        cells = [number(figure(workload, peer, "first")) for peer in peers]
        target = number(limit) + met(figure(workload, OURS, "first"), limit)
        return [f"`{workload}`", *cells, ratio(workload, "first"), target]

    def memory(workload):
        peaks = [figure(workload, peer, "peak") for peer in peers]
        return [f"`{workload}`", *("-" if peak is None else f"{peak / 2**20:.0f}" for peak in peaks)]

    ours = f"{OURS} / best peer"
    return "\n".join(
        [
            machine + "\n",
            "One more call, results written; the median is in brackets:\n",
            rows(["workload", *peers, ours, "target"], map(steady, workloads)),
            "From the program's text to the first gradient:\n",
            rows(["workload", *peers, ours, "target"], map(first, workloads)),
            "Peak memory of the process, MiB:\n",
            rows(["workload", *peers], map(memory, workloads)),
        ]
    )


# ------------------------------------------------------------------------------------------------ chart

COLORS = {OURS: "#c0392b", "jax": "#2e6da4", "torch": "#e08e2b", "torch.compile": "#f2c572"}
LEFT, RIGHT, TOP, BAR, GAP, WIDTH = 130, 70, 56, 13, 12, 860


def chart(summary, workloads, peers):
    """Steady times as bars, on a logarithmic scale."""
    times = {key: entry["steady"] for key, entry in summary.items() if key[0] in workloads and key[1] in peers}
    if not times:
        return ""
    low = math.floor(math.log10(min(times.values())))
    high = math.ceil(math.log10(max(times.values())))
    span = max(1, high - low)

    def x(time):
        return LEFT + (math.log10(time) - low) / span * (WIDTH - LEFT - RIGHT)

    parts, y = [], TOP
    for workload in workloads:
        present = [peer for peer in peers if (workload, peer) in times]
        middle = y + BAR * len(present) / 2
        parts.append(f'<text x="{LEFT - 8}" y="{middle + 4:.1f}" text-anchor="end">{escape(workload)}</text>')
        for peer in present:
            time = times[workload, peer]
            length = max(1.0, x(time) - LEFT)
            parts.append(f'<rect x="{LEFT}" y="{y}" width="{length:.1f}" height="{BAR - 2}" fill="{COLORS[peer]}"/>')
            parts.append(f'<text x="{LEFT + length + 4:.1f}" y="{y + BAR - 3}" class="figure">{number(time)}</text>')
            y += BAR
        y += GAP
    lines = []
    for power in range(low, low + span + 1):
        at = x(10.0**power)
        lines.append(f'<line x1="{at:.1f}" y1="{TOP - 8}" x2="{at:.1f}" y2="{y - GAP + 4}"/>')
        lines.append(f'<text x="{at:.1f}" y="{TOP - 14}" text-anchor="middle" class="figure">{10.0**power:g} ms</text>')
    legend = []
    for position, peer in enumerate(peers):
        at = LEFT + 130 * position
        legend.append(f'<rect x="{at}" y="12" width="11" height="11" fill="{COLORS[peer]}"/><text x="{at + 16}" y="22">{escape(peer)}</text>')
    style = "text{font:12px sans-serif;fill:#222}.figure{font-size:10px;fill:#555}line{stroke:#ddd}"
    body = "\n".join([*legend, *lines, *parts])
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" width="{WIDTH}" height="{y}">\n'
        f'<title>Milliseconds of a call, least of all rounds</title>\n<style>{style}</style>\n'
        f'<rect width="100%" height="100%" fill="#fff"/>\n{body}\n</svg>\n'
    )
