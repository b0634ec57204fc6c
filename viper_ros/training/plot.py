"""The curves of a training from its log."""

from __future__ import annotations

import json
from pathlib import Path

_NOT_LOSSES = ("step", "shards", "lr", "norm", "s_per_step")


def plot_log(log: Path, out: Path) -> None:
    """Write a picture of every loss of ``log.jsonl`` over the steps. Needs matplotlib, of the ``train`` extra.

    Raises:
        FileNotFoundError: no such log.
        ValueError: an empty log.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    records = [json.loads(line) for line in log.read_text().splitlines()]
    if not records:
        raise ValueError(f"{log} is empty; it gets its first line after `log_every` steps")
    names = sorted({name for record in records for name in record} - set(_NOT_LOSSES))
    figure, axes = pyplot.subplots(-(-len(names) // 3), 3, figsize=(12, 3 * -(-len(names) // 3)), squeeze=False)
    for axis, name in zip(axes.flat, names, strict=False):
        points = [(record["step"], record[name]) for record in records if name in record]
        axis.plot(*zip(*points, strict=True))
        axis.set_title(name)
        axis.set_xlabel("step")
        axis.set_ylim(bottom=0)
        axis.grid(True, alpha=0.3)
    for axis in axes.flat[len(names) :]:
        axis.axis("off")
    figure.tight_layout()
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, dpi=100)
    pyplot.close(figure)
