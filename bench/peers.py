"""nano and base beside CLIPSeg, LFM2-VL-450M and SmolVLM2-256M on this machine: heatmap, first token, answer, memory.

    python bench/peers.py [--rounds 5] [--threads 2] [--without base ...]

Prints one JSON object. All weights are random (speed does not depend on them), float32, batch of one, an instruction
of 16 tokens, calls of all systems in turn. nano's input is 384x288, a 4:3 camera's. Times are from pixels on; an
answer has 8 tokens. Memory is what building the system added to the process, and the most an answer needed beyond.
"""

from __future__ import annotations

import argparse
import gc
import json
import warnings
from collections.abc import Callable

from support.timing import machine, measure, peak_mb, ratio, status_mb

# isort: split
import torch
import transformers
from support import peers

from viper_ros.model import ViperF1, base_config, nano_config
from viper_ros.perception.precision import for_inference

ANSWER_TOKENS = 8


def viper(config, height: int, width: int) -> peers.System:
    model = for_inference(ViperF1(config).eval())
    ids, pixels = torch.randint(3, 2000, (1, peers.QUESTION_TOKENS)), torch.randn(1, 3, height, width)

    def write(tokens: int) -> object:
        """Of random weights that may say the end at once: the loop without its end."""
        output, state = model.prefill(ids, model.encode(pixels))
        token = output.logits[:, -1].argmax(dim=-1, keepdim=True)
        for _ in range(tokens - 1):
            logits, _, state = model.step(token, state)
            token = logits[:, -1].argmax(dim=-1, keepdim=True)
        return token

    return peers.System(model, heatmap=lambda: model.prefill(ids, model.encode(pixels))[0].target_logits, write=write)


BUILDERS: dict[str, Callable[[dict[str, peers.System]], peers.System]] = {
    "nano": lambda _: viper(nano_config(), 288, 384),
    "base": lambda _: viper(base_config(), 256, 256),
    "clipseg_rd64_352": lambda _: peers.clipseg(),
    "lfm2_vl_450m_256": lambda _: peers.lfm2_vl(256),
    "lfm2_vl_450m_512": lambda built: peers.lfm2_vl(512, getattr(built.get("lfm2_vl_450m_256"), "module", None)),
    "smolvlm2_256m_512": lambda _: peers.smolvlm2(),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--without", nargs="*", default=[], choices=sorted(BUILDERS), help="leave these out")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    transformers.logging.set_verbosity_error()
    report: dict = {"machine": machine(options.threads), "answer_tokens": ANSWER_TOKENS}
    systems, held = build(set(options.without))
    report["systems"] = {name: {"parameters_m": parameters_m(s), "held_mb": held[name]} for name, s in systems.items()}
    times = measure(calls_of(systems), options.rounds)
    for name, system in systems.items():
        entry = report["systems"][name]
        entry |= {
            what: times[f"{name}/{what}"] for what in ("heatmap", "first_token", "answer") if f"{name}/{what}" in times
        }
        if "answer" in entry:
            entry["per_token_ms"] = {
                key: round((entry["answer"][key] - entry["first_token"][key]) / (ANSWER_TOKENS - 1), 2)
                for key in ("median_ms", "cpu_median_ms")
            }
        call = system.heatmap if system.write is None else lambda system=system: system.write(ANSWER_TOKENS)
        entry["answer_peak_mb"] = peak_mb(call)
    report["nano_is_faster_by"] = {
        f"{name}/{what}": ratio(report["systems"][name][what], report["systems"]["nano"][what])
        for name in systems
        for what in ("heatmap", "answer")
        if name != "nano" and what in report["systems"][name]
    }
    print(json.dumps(report, indent=1))


def build(without: set[str]) -> tuple[dict[str, peers.System], dict[str, float]]:
    systems: dict[str, peers.System] = {}
    held: dict[str, float] = {}
    for name, builder in BUILDERS.items():
        if name in without:
            continue
        torch.manual_seed(0)
        gc.collect()
        before = status_mb("VmRSS")
        systems[name] = builder(systems)
        held[name] = round(status_mb("VmRSS") - before, 1)
    return systems, held


def calls_of(systems: dict[str, peers.System]) -> dict[str, Callable[[], object]]:
    calls: dict[str, Callable[[], object]] = {}
    for name, system in systems.items():
        if system.heatmap:
            calls[f"{name}/heatmap"] = system.heatmap
        if system.write:
            calls[f"{name}/first_token"] = lambda system=system: system.write(1)
            calls[f"{name}/answer"] = lambda system=system: system.write(ANSWER_TOKENS)
    return calls


def parameters_m(system: peers.System) -> float:
    return round(sum(p.numel() for p in system.module.parameters()) / 1e6, 1)


if __name__ == "__main__":
    main()
