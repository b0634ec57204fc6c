"""float32, bfloat16 and int8 weights on this CPU: what each loses in agreement and gains in speed and memory.

    python bench/precision.py [--model models/nano] [--scenes 20] [--rounds 10] [--threads 1]

Prints one JSON object. nano is a trained checkpoint, asked about simulated scenes that training never saw; agreement
is with its own float32 answers. base has random weights, so only its speed, its memory and the error of its logits
mean something.
"""

from __future__ import annotations

import argparse
import copy
import gc
import json
import warnings
from collections.abc import Callable

from support.timing import machine, measure, ratio

# isort: split
import numpy as np
import torch

from viper_ros.model import ViperF1, base_config
from viper_ros.perception import Predictor
from viper_ros.perception.precision import PRECISIONS, with_precision

PROMPT_TOKENS = 24


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="nano", help="a name under models/ or a folder")
    parser.add_argument("--scenes", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--without-base", action="store_true")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    report: dict = {"machine": machine(options.threads)}
    report["nano"] = nano(options.model, options.scenes, options.rounds)
    if not options.without_base:
        report["base"] = base(options.rounds)
    print(json.dumps(report, indent=1))


def nano(model: str, scenes: int, rounds: int) -> dict:
    predictors = {p: Predictor.from_pretrained(model, precision=p) for p in PRECISIONS}
    questions = list(simulated(scenes))
    exact = [predictors["float32"].query(image, text) for image, text in questions]
    image, text = questions[0]
    calls: dict[str, Callable[[], object]] = {}
    for name, predictor in predictors.items():
        calls[f"{name}/encode"] = lambda p=predictor: p.encode(image)
        calls[f"{name}/query"] = lambda p=predictor: p.query(image, text)
    times = measure(calls, rounds)
    report = {"questions": len(questions)}
    for name, predictor in predictors.items():
        found = [predictor.query(image, text) for image, text in questions]
        report[name] = agreement(exact, found) | {
            "weights_mb": weights_mb(predictor.model),
            "encode": times[f"{name}/encode"],
            "query": times[f"{name}/query"],
            "query_speedup": ratio(times["float32/query"], times[f"{name}/query"]),
        }
    return report


def simulated(scenes: int):
    """(image, instruction) of scenes of the test split."""
    from viper_ros.sim.camera import sample_camera
    from viper_ros.sim.render import Renderer
    from viper_ros.sim.scene import sample_scene
    from viper_ros.sim.splits import Split, scene_seed

    with Renderer(320, 240) as renderer:
        for index in range(scenes):
            rng = np.random.default_rng(scene_seed(Split.TEST, index))
            scene = sample_scene(rng, split=Split.TEST)
            frame = renderer.render(scene, sample_camera(rng, scene))
            for thing in scene.objects[:3]:
                yield frame.rgb, f"pick up the {thing.name}"


def agreement(exact: list, found: list) -> dict:
    pairs = list(zip(exact, found, strict=True))
    return {
        "same_answer": round(float(np.mean([a.answer == b.answer for a, b in pairs])), 4),
        "same_presence": round(float(np.mean([a.present == b.present for a, b in pairs])), 4),
        "confidence_error_mean": round(float(np.mean([abs(a.confidence - b.confidence) for a, b in pairs])), 5),
        "relevance_error_mean": round(float(np.mean([np.abs(a.relevance - b.relevance).mean() for a, b in pairs])), 6),
        "same_best_cell": round(float(np.mean([a.relevance.argmax() == b.relevance.argmax() for a, b in pairs])), 4),
    }


@torch.inference_mode()
def base(rounds: int) -> dict:
    torch.manual_seed(0)
    exact = ViperF1(base_config()).eval()
    ids, pixels = torch.randint(400, 60_000, (1, PROMPT_TOKENS)), torch.randn(1, 3, 256, 256)
    logits, report, baseline = exact(ids, pixels).logits, {}, None
    for name in PRECISIONS:
        model = with_precision(copy.deepcopy(exact), name)
        image = pixels.to(next(model.parameters()).dtype)
        grid = model.encode(image)
        _, state = model.prefill(ids, grid)
        token = ids[:, :1]
        times = measure(
            {
                "encode": lambda m=model, i=image: m.encode(i),
                "prefill": lambda m=model, g=grid: m.prefill(ids, g),
                "token": lambda m=model, s=state, i=token: m.step(i, s),
            },
            rounds,
        )
        baseline = baseline or times
        found = model.prefill(ids, grid)[0].logits.float()
        report[name] = {
            "weights_mb": weights_mb(model),
            "logits_relative_error": round(float((found - logits).norm() / logits.norm()), 5),
            "same_greedy_token": round(float((found.argmax(-1) == logits.argmax(-1)).float().mean()), 3),
            **times,
            "speedup": {what: ratio(baseline[what], times[what]) for what in times},
        }
        del model, grid, state
        gc.collect()
    return report


def weights_mb(model: torch.nn.Module) -> float:
    """Bytes of all weights, packed int8 ones included, in MB."""
    total = sum(t.numel() * t.element_size() for t in [*model.parameters(), *model.buffers()])
    for module in model.modules():
        if isinstance(module, torch.ao.nn.quantized.Linear):  # its weight is packed behind a method
            total += module.weight().numel()
    return round(total / 1e6, 1)


if __name__ == "__main__":
    main()
