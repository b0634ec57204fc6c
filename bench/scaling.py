"""Time and memory against text tokens and against grid cells: nano, base's modulator and a cross-attention peer.

    python bench/scaling.py [--rounds 3] [--threads 1] [--plot bench_out/scaling.png]

Prints one JSON object; the plot needs matplotlib. The peer is nano with a Transformer decoder's layers (attention over
the text, then over the grid) in the place of its modulator blocks. Weights are random; speed does not depend on them.
`exponent` is the slope in log-log over all sizes, `exponent_last` over the last two, where fixed costs weigh least and
caches overflow; both are of the processor's time. `exponent_flops*` is of the counted work, which no cache changes,
`exponent_memory*` of the peak above what lay in memory before.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

from support.timing import exponent, gigaflops, machine, measure, peak_mb, ratio

# isort: split
import torch

from viper_ros.model import Grid, ViperF1, nano_config
from viper_ros.model.modulator import ModulatorBlock
from viper_ros.model.presets import released_modulator
from viper_ros.model.s4 import S4StateSpace
from viper_ros.perception.precision import for_inference

TOKENS = [64, 256, 1024, 4096]
SIDES_PX = [128, 256, 512, 1024]  # of nano's input: 256 to 16384 cells
FEW_TOKENS, FEW_CELLS = 16, 1024
BASE_WIDTH, BASE_GRID_WIDTH = 1024, 768


def cross_attention_peer() -> ViperF1:
    """nano with layers of a Transformer decoder in the place of its modulator blocks."""
    nano = nano_config()
    return ViperF1(dataclasses.replace(nano, modulator=dataclasses.replace(nano.modulator, block="cross_attention")))


def base_block() -> ModulatorBlock:
    """The one modulator block of base."""
    config = released_modulator()
    return ModulatorBlock(BASE_WIDTH, BASE_GRID_WIDTH, config, S4StateSpace.from_config(BASE_WIDTH, config))


class Systems:
    """The three, and one forward of each at a given size."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.nano = for_inference(ViperF1(nano_config()).eval())
        self.block = base_block().eval()
        self.peer = for_inference(cross_attention_peer().eval())

    def at(self, tokens: int, cells: int) -> dict[str, Callable[[], object]]:
        """One forward of each, given an encoded image."""
        c = self.nano.config
        side = int(cells**0.5)
        ids = torch.randint(3, c.vocab_size, (1, tokens))
        grid = Grid(
            torch.randn(1, cells, c.grid.width), (side, side), torch.randn(1, c.grid.fine_width, 2 * side, 2 * side)
        )
        wide = torch.randn(1, tokens, BASE_WIDTH)
        wide_cells = torch.randn(1, cells, BASE_GRID_WIDTH)
        return {
            "nano": lambda: self.nano.prefill(ids, grid),
            "base_modulator": lambda: self.block(wide, self.block.correlation.remember(wide_cells), None),
            "cross_attention_peer": lambda: self.peer.prefill(ids, grid),
        }

    def nano_image(self, side_px: int) -> Callable[[], object]:
        """nano from the pixels on."""
        pixels = torch.randn(1, 3, side_px, side_px)
        ids = torch.randint(3, self.nano.config.vocab_size, (1, FEW_TOKENS))
        return lambda: self.nano(ids, pixels)

    def steps_after(self, tokens: int) -> dict[str, Callable[[], object]]:
        """One further token after so many, in the modulators alone and in the whole of nano."""
        c = self.nano.config
        with torch.inference_mode():
            memory = self.block.correlation.remember(torch.randn(1, 5, BASE_GRID_WIDTH))
            past = self.block(torch.randn(1, tokens, BASE_WIDTH), memory, None)[2]
            state = self.nano.prefill(torch.randint(3, c.vocab_size, (1, tokens)), random_grid(c))[1]
        word, wide, token = torch.randn(1, 1, c.width), torch.randn(1, 1, BASE_WIDTH), torch.tensor([[7]])
        return {
            f"nano_modulator_after_{tokens}": lambda: self.nano.modulate(word, state.memories, state.spaces),
            f"nano_after_{tokens}": lambda: self.nano.step(token, state),
            f"base_modulator_after_{tokens}": lambda: self.block(wide, memory, past),
        }


def random_grid(config) -> Grid:
    side = int(FEW_CELLS**0.5)
    fine = torch.randn(1, config.grid.fine_width, 2 * side, 2 * side)
    return Grid(torch.randn(1, FEW_CELLS, config.grid.width), (side, side), fine)


def curve(at: Callable[[int], dict[str, Callable[[], object]]], sizes: list[int], rounds: int) -> dict:
    """Time and memory of each system at each size, with the exponents."""
    found: dict[str, dict] = {}
    for size in sizes:
        calls = at(size)
        times = measure(calls, rounds)
        for name, call in calls.items():
            rows = found.setdefault(name, {"size": [], "time": [], "peak_mb": [], "gigaflops": []})
            rows["size"].append(size)
            rows["time"].append(times[name])
            rows["peak_mb"].append(peak_mb(call))
            rows["gigaflops"].append(round(gigaflops(call), 4))
    for rows in found.values():
        cpu = [row["cpu_median_ms"] for row in rows["time"]]
        rows["exponent"] = exponent(sizes, cpu)
        rows["exponent_last"] = exponent(sizes[-2:], cpu[-2:])
        for key, values in (("flops", rows["gigaflops"]), ("memory", [max(0.1, mb) for mb in rows["peak_mb"]])):
            rows[f"exponent_{key}"] = exponent(sizes, values)
            rows[f"exponent_{key}_last"] = exponent(sizes[-2:], values[-2:])
    return found


def plot(report: dict, path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(2, 2, figsize=(10, 7))
    for column, key in enumerate(("tokens", "cells")):
        for name, rows in report[key].items():
            times = [row["cpu_median_ms"] for row in rows["time"]]
            label, sizes = name.replace("_", " "), rows["size"]
            axes[0, column].loglog(sizes, times, "o-", label=f"{label}: {rows['exponent']:.2f}")
            axes[1, column].loglog(sizes, rows["peak_mb"], "o-", label=f"{label}: {rows['exponent_memory']:.2f}")
        for axis, what in zip(axes[:, column], ("processor time [ms]", "peak memory [MB]"), strict=True):
            axis.set_xlabel("text tokens" if key == "tokens" else "grid cells")
            axis.set_ylabel(what)
            axis.grid(True, which="both", alpha=0.3)
            axis.legend(title="fitted exponent", fontsize=8, title_fontsize=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.tight_layout()
    figure.savefig(path, dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--plot", type=Path)
    options = parser.parse_args()
    report: dict = {"machine": machine(options.threads), "few_tokens": FEW_TOKENS, "few_cells": FEW_CELLS}
    systems = Systems()
    report["tokens"] = curve(lambda t: systems.at(t, FEW_CELLS), TOKENS, options.rounds)
    report["cells"] = curve(lambda g: systems.at(FEW_TOKENS, g), [(s // 8) ** 2 for s in SIDES_PX], options.rounds)
    cells = [(s // 8) ** 2 for s in SIDES_PX]
    report["cells"] |= curve(lambda g: {"nano_with_image": systems.nano_image(8 * int(g**0.5))}, cells, options.rounds)
    steps = measure(systems.steps_after(TOKENS[0]) | systems.steps_after(TOKENS[-1]), 20 * options.rounds)
    report["step"] = steps
    report["step_late_over_early"] = {
        name: ratio(steps[f"{name}_after_{TOKENS[-1]}"], steps[f"{name}_after_{TOKENS[0]}"])
        for name in ("nano_modulator", "nano", "base_modulator")
    }
    print(json.dumps(report, indent=1))
    if options.plot:
        plot(report, options.plot)


if __name__ == "__main__":
    main()
