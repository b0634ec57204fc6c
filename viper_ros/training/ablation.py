"""What each part of Viper-F1, or of its training, brings: variants trained for the same steps, then measured.

Variants of the model start with one grid encoder that is already trained and stays as it is, so that the comparison is
about what reads the grid. Widths of the perceptrons are set so that all have the same number of parameters. Variants of
the training differ in its configuration.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from viper_ros.evaluation.suites import run_suite, summarise
from viper_ros.model import ModulatorConfig, ViperConfig, ViperF1
from viper_ros.model.config import from_values
from viper_ros.perception import Predictor
from viper_ros.perception.checkpoint import read_json
from viper_ros.training.loop import TrainingConfig, train
from viper_ros.training.photo_suite import FOLDERS, run_photos

VARIANTS: dict[str, dict[str, Any]] = {
    "whole": {},
    "mean of the grid as context": {"correlation": False},
    "no token-grid correlation": {"correlation": False, "pointer": False},
    "no FiLM": {"film": False},
    "constant dt": {"state_space": "constant_dt"},
    "no anchors": {"anchors": False},
    "one block": {"blocks": 1},
    "closing token points alone": {"pointer": False},
    "cross-attention Transformer": {"block": "cross_attention"},
}
"""Name -> what differs in the modulator's configuration. Something has to point: without any correlation of words with
cells it is the closing token in the last block."""


@dataclasses.dataclass(frozen=True)
class AblationConfig:
    """Paths are relative to the working directory."""

    training: dict[str, Any]  # as a training's configuration; ``out`` is the folder for all variants
    scenes: int = 60  # of suite tabletop, rendered for each variant anew from the same seeds
    variants: tuple[str, ...] = tuple(VARIANTS)
    trainings: dict[str, dict[str, Any]] | None = None  # name -> what its training differs in; instead of variants
    photographs: int = 0  # of each source of suite photos, which is measured as well; 0: it is not

    @classmethod
    def from_json(cls, path: Path | str) -> AblationConfig:
        """Read a configuration; ValueError for an unknown key."""
        return from_values(cls, read_json(Path(path)), str(path))


def run_ablation(config: AblationConfig) -> Iterator[dict[str, Any]]:
    """Train and measure the variants in turn -> one row each. A variant that is finished is only read again.

    Raises:
        ValueError: an unknown variant.
    """
    if unknown := sorted(set(config.variants) - set(VARIANTS)):
        raise ValueError(f"unknown variants {unknown}; valid are {sorted(VARIANTS)}")
    for name in config.variants if config.trainings is None else config.trainings:
        folder = Path(config.training["out"]) / name.replace(" ", "_")
        result = folder / "figures.json"
        if not result.exists():
            differs = {"model": variant_model(name)} if config.trainings is None else config.trainings[name]
            train(TrainingConfig(**config.training | differs | {"out": str(folder)}))
            figures = _measure(name, folder / "checkpoint", config)
            result.write_text(json.dumps(figures, indent=2) + "\n")
        yield json.loads(result.read_text())


def variant_model(name: str) -> dict[str, Any]:
    """Model settings of a variant, as in a training's configuration, with as many parameters as the whole has."""
    whole, changed = ModulatorConfig(), dataclasses.replace(ModulatorConfig(), **VARIANTS[name])
    missing = _parameters(whole) - _parameters(changed)
    # two matrices of D x hidden in each block
    per_ratio = _parameters(dataclasses.replace(changed, ffn_ratio=changed.ffn_ratio + 1)) - _parameters(changed)
    ratio = max(1, changed.ffn_ratio + round(missing / per_ratio))
    return {"modulator": dataclasses.asdict(dataclasses.replace(changed, ffn_ratio=ratio))}


def _parameters(modulator: ModulatorConfig) -> int:
    model = ViperF1(dataclasses.replace(ViperConfig(), modulator=modulator))
    return sum(parameter.numel() for parameter in model.parameters())


def _measure(name: str, checkpoint: Path, config: AblationConfig) -> dict[str, Any]:
    predictor = Predictor.from_pretrained(checkpoint)
    figures = summarise(run_suite(predictor, "tabletop", config.scenes))
    photos = {}
    if config.photographs:
        groups = summarise(run_photos(predictor, photographs=config.photographs))["pointing_by_group"]
        photos = {folder.name: groups[folder.name] for folder in FOLDERS}
    of_relations = list(figures["relations"].values())
    count = sum(row["n"] for row in of_relations)
    return {
        "variant": name,
        "parameters": predictor.info["parameters"],
        "pointing": figures["pointing"],
        "pointing_with_relation": {"rate": sum(row["rate"] * row["n"] for row in of_relations) / count, "n": count},
        "box_iou": figures["box_iou"]["mean"],
        "presence_auroc": figures["presence_auroc"],
        "answers": figures["answers"],
        "query_ms_median": figures["query_ms_median"],
        **photos,
    }


def markdown(rows: list[dict[str, Any]]) -> str:
    """Rows as a table."""
    photos = [folder.name for folder in FOLDERS if any(folder.name in row for row in rows)]
    titles = ["variant", "parameters", "pointing", "with a relation", "box IoU", "presence AUROC", "answers"]
    titles += ["ms a question", *(f"pointing, {name}" for name in photos)]
    lines = [f"| {' | '.join(titles)} |", "|" + " --- |" * len(titles)]
    for row in rows:
        rates = [row[key]["rate"] for key in ("pointing", "pointing_with_relation")]
        cells = [f"{row['parameters'] / 1e6:.2f} M", *(f"{rate:.3f}" for rate in rates), f"{row['box_iou']:.3f}"]
        cells += [f"{row['presence_auroc']:.3f}", f"{row['answers']['rate']:.3f}", f"{row['query_ms_median']:.0f}"]
        cells += [f"{row[name]['rate']:.3f}" if name in row else "-" for name in photos]
        lines.append(f"| {row['variant']} | {' | '.join(cells)} |")
    return "\n".join(lines)
