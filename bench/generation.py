"""Tokens per second of base beside the authors' way of generating: same weights, same machine, same run.

    python bench/generation.py [--tokens 128] [--samples 5] [--threads 2]

Prints one JSON object. Weights are random, sizes those of the released checkpoint (SigLIP base with its unused
multilingual text tower, LFM2-350M; 256 px). Their way, for each new token: encode the image, run the whole text, no
cache. A token of theirs takes about a second, so only ``--samples`` of the ``--tokens`` positions are timed, evenly
spread and between our tokens; ``tokens_per_s`` of theirs is that of their mean. Left out in their favour: they also
compute S4's kernel anew every time.
Each memory figure is the peak of a process of its own that loads one of the two and writes two tokens.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time

from support.timing import machine, ratio, status_mb, summary

# isort: split
import torch
from torch import nn

from viper_ros.model import Grid, ViperF1, base_config

PROMPT_TOKENS = 24
TEXT_TOWER = {
    "vocab_size": 250_000,
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "projection_size": 768,
}


class TheirWay:
    """A step of the authors' loop on our modules: same arithmetic, nothing kept."""

    def __init__(self, model: ViperF1) -> None:
        self.model = model

    def next_token(self, ids: torch.Tensor, pixels: torch.Tensor) -> torch.Tensor:
        """Sequence (1, T) and image -> next token (1, 1)."""
        model = self.model
        block = model.blocks[0]
        words = model.embed(ids)
        fused, _, _ = block(words, block.correlation.remember(self.encode(pixels)), None)
        hidden, _ = model.decoder(fused)
        return (hidden @ model.embed.weight.T)[:, -1:].argmax(dim=-1)

    def encode(self, pixels: torch.Tensor) -> torch.Tensor:
        """The five cells, without our dense grid."""
        encoder = self.model.grid_encoder
        tiles = encoder.tiles(pixels).flatten(0, 1)
        views = [encoder.vision(v, interpolate_pos_encoding=True).pooler_output for v in (pixels, tiles)]
        return torch.cat(views).unsqueeze(0)


def text_tower() -> nn.Module:
    import transformers

    return transformers.SiglipTextModel(transformers.SiglipTextConfig(**TEXT_TOWER))


def prompt() -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(1)
    return torch.randint(400, 60_000, (1, PROMPT_TOKENS)), torch.randn(1, 3, 256, 256)


@torch.inference_mode()
def compare(tokens: int, samples: int) -> dict:
    model = ViperF1(base_config()).eval()
    theirs, (ids, pixels) = TheirWay(model), prompt()
    theirs.next_token(ids, pixels)  # warm up both
    model.generate(ids, pixels, 2)
    timed_at = {round(i * (tokens - 1) / (samples - 1)) for i in range(samples)}
    ours, their_times, agree = [], [], 0
    clock = Clock()
    grid: Grid = model.encode(pixels)
    encode = clock.lap()
    output, state = model.prefill(ids, grid)
    prefill = clock.lap()
    stream = model.stream(output.logits[:, -1], state, tokens)
    for position in range(tokens):
        clock.lap()
        token = next(stream, None)
        if token is None:  # random weights seldom say the end
            break
        ours.append(clock.lap())
        if position in timed_at:
            clock.lap()
            agree += int(theirs.next_token(ids, pixels)) == int(token)
            their_times.append(clock.lap())
        ids = torch.cat([ids, token.unsqueeze(1)], dim=1)
    ours_total = [sum(column) for column in zip(encode, prefill, *ours, strict=True)]
    our_mean = {"median_ms": 1000 * ours_total[0] / len(ours), "cpu_median_ms": 1000 * ours_total[1] / len(ours)}
    their_mean = {
        "median_ms": 1000 * statistics.mean(t[0] for t in their_times),
        "cpu_median_ms": 1000 * statistics.mean(t[1] for t in their_times),
    }
    speedup = ratio(their_mean, our_mean)
    return {
        "new_tokens": len(ours),
        "parameters_ours_m": round(sum(p.numel() for p in model.parameters()) / 1e6, 1),
        "ours": {
            "encode_ms": round(1000 * encode[0], 1),
            "prefill_ms": round(1000 * prefill[0], 1),
            "token": summary(ours),
            "mean_ms_all_included": {key: round(value, 1) for key, value in our_mean.items()},
            "tokens_per_s": round(len(ours) / ours_total[0], 2),
        },
        "theirs": {
            "token": summary(their_times),
            "positions_timed": sorted(timed_at),
            "mean_ms": {key: round(value, 1) for key, value in their_mean.items()},
            "tokens_per_s": round(1000 / their_mean["median_ms"], 3),
        },
        "same_token": f"{agree} of {len(their_times)}",
        "speedup_wall": speedup["median_ms"],
        "speedup_cpu": speedup["cpu_median_ms"],
    }


class Clock:
    """(wall, CPU) seconds since the last lap."""

    def __init__(self) -> None:
        self.last = (time.perf_counter(), time.process_time())

    def lap(self) -> tuple[float, float]:
        """Seconds since the last call, and start again."""
        now = (time.perf_counter(), time.process_time())
        spent = (now[0] - self.last[0], now[1] - self.last[1])
        self.last = now
        return spent


@torch.inference_mode()
def load_and_write(who: str) -> dict:
    """In a process of its own: what it takes to hold one of the two."""
    model, (ids, pixels) = ViperF1(base_config()).eval(), prompt()
    ballast = text_tower() if who == "theirs" else nn.Module()
    loaded = sum(p.numel() for module in (model, ballast) for p in module.parameters())
    for _ in range(2):
        if who == "theirs":
            ids = torch.cat([ids, TheirWay(model).next_token(ids, pixels)], dim=1)
    if who == "ours":
        model.generate(ids, pixels, 2)
    return {"peak_mb": round(status_mb("VmHWM")), "parameters_loaded_m": round(loaded / 1e6, 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--samples", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--memory-of", choices=("ours", "theirs"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    report: dict = {"machine": machine(options.threads)}
    if options.memory_of:
        print(json.dumps(load_and_write(options.memory_of)))
        return
    report["memory"] = {
        who: json.loads(subprocess.check_output([sys.executable, __file__, "--memory-of", who]))
        for who in ("ours", "theirs")
    }
    report |= compare(options.tokens, options.samples)
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
