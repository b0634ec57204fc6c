"""Time and memory against text tokens and against grid cells: nano, base's modulator and a cross-attention peer.

    python bench/scaling.py [--rounds 3] [--threads 1] [--plot bench_out/scaling.png]

Prints one JSON object. The peer is a Transformer decoder of nano's width and depth: attention over the text, then over
the grid. Weights are random; speed does not depend on them. `exponent` is the slope in log-log over all sizes,
`exponent_last` over the last two, where fixed costs weigh least. Exponents are of the processor's time.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path

from support.timing import exponent, machine, measure, peak_mb, ratio

# isort: split
import torch
from torch import nn

from viper_ros.model import Grid, ViperF1, nano_config
from viper_ros.model.modulator import ModulatorBlock
from viper_ros.model.presets import released_modulator

TOKENS = [64, 256, 1024, 4096]
SIDES_PX = [128, 256, 512, 1024]  # of nano's input: 256 to 16384 cells
FEW_TOKENS, FEW_CELLS = 16, 1024
BASE_WIDTH, BASE_GRID_WIDTH = 1024, 768


class CrossAttentionPeer(nn.Module):
    """As many layers as nano has blocks and decoder layers, of nano's width."""

    def __init__(self, width: int, grid_width: int, layers: int) -> None:
        super().__init__()
        layer = nn.TransformerDecoderLayer(width, 4, 2 * width, dropout=0.0, batch_first=True, norm_first=True)
        self.layers = nn.TransformerDecoder(layer, layers)
        self.project = nn.Linear(grid_width, width)

    def forward(self, tokens: torch.Tensor, cells: torch.Tensor) -> torch.Tensor:
        """Tokens (B, T, D), cells (B, G, Dv) -> (B, T, D)."""
        mask = nn.Transformer.generate_square_subsequent_mask(tokens.shape[1])
        return self.layers(tokens, self.project(cells), tgt_mask=mask, tgt_is_causal=True)


class Systems:
    """The three, and one forward of each at a given size."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.nano = ViperF1(nano_config()).eval()
        c = self.nano.config
        self.block = ModulatorBlock(BASE_WIDTH, BASE_GRID_WIDTH, released_modulator()).eval()
        self.peer = CrossAttentionPeer(c.width, c.grid.width, c.modulator.blocks + c.decoder.layers).eval()

    def at(self, tokens: int, cells: int) -> dict[str, Callable[[], object]]:
        """One forward of each, given an encoded image."""
        c = self.nano.config
        side = int(cells**0.5)
        ids = torch.randint(3, c.vocab_size, (1, tokens))
        grid = Grid(
            torch.randn(1, cells, c.grid.width), (side, side), torch.randn(1, c.grid.fine_width, 2 * side, 2 * side)
        )
        words, wide = torch.randn(1, tokens, c.width), torch.randn(1, tokens, BASE_WIDTH)
        wide_cells = torch.randn(1, cells, BASE_GRID_WIDTH)
        return {
            "nano": lambda: self.nano.prefill(ids, grid),
            "base_modulator": lambda: self.block(wide, self.block.correlation.remember(wide_cells), None),
            "cross_attention_peer": lambda: self.peer(words, grid.cells),
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
            rows = found.setdefault(name, {"size": [], "time": [], "peak_mb": []})
            rows["size"].append(size)
            rows["time"].append(times[name])
            rows["peak_mb"].append(peak_mb(call))
    for rows in found.values():
        cpu = [row["cpu_median_ms"] for row in rows["time"]]
        rows["exponent"] = exponent(sizes, cpu)
        rows["exponent_last"] = exponent(sizes[-2:], cpu[-2:])
        rows["exponent_memory_last"] = exponent(sizes[-2:], [max(0.1, mb) for mb in rows["peak_mb"][-2:]])
    return found


def plot(report: dict, path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(10, 4))
    for axis, key in zip(axes, ("tokens", "cells"), strict=True):
        for name, rows in report[key].items():
            times = [row["cpu_median_ms"] for row in rows["time"]]
            axis.loglog(rows["size"], times, "o-", label=f"{name}, exponent {rows['exponent_last']}")
        axis.set_xlabel("text tokens" if key == "tokens" else "grid cells")
        axis.set_ylabel("processor time [ms]")
        axis.grid(True, which="both", alpha=0.3)
        axis.legend()
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
    if options.plot:
        plot(report, options.plot)
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
