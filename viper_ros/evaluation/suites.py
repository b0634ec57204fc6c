"""Suites: scenes and sentences that training never saw -> one dict of figures, with counts.

``tabletop``   held-out seeds of the training world.
``novel``      scenes with held-out categories and colour-category pairs, told by attributes.
``phrasing``   sentences of templates that training never uses.
``relations``  only the sentences of ``tabletop`` that need a relation between objects.
``unknown``    plain questions about what is there, each asked again with a made-up brand, which changes nothing, and
               with a made-up noun, of which nothing is there.
``household``, ``household_novel``  held-out seeds and held-out things of the household world; they need its library.

Suite ``libero`` is in `viper_ros.evaluation.libero`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from tqdm import tqdm

from viper_ros.evaluation.metrics import auroc, box_iou, expected_calibration_error, mask_box, pointing_hit
from viper_ros.perception import Grounding, Predictor
from viper_ros.perception.projection import CameraModel, NotEnoughDepth, lift_found
from viper_ros.sim import Split, sample_questions, scene_seed
from viper_ros.sim.depth_noise import noisy_depth
from viper_ros.sim.language import ABSENT_ANSWERS, Question
from viper_ros.sim.render import Frame
from viper_ros.sim.strange import with_made_up_brand, with_made_up_noun
from viper_ros.sim.worlds import open_world

SUITES = {
    "tabletop": ("tabletop", Split.TEST),
    "novel": ("tabletop", Split.NOVEL),
    "phrasing": ("tabletop", Split.PHRASING),
    "relations": ("tabletop", Split.TEST),  # of its questions, those with a relation or superlative
    "unknown": ("tabletop", Split.TEST),  # plain questions, each again with a made-up brand and with a made-up noun
    "household": ("household", Split.TEST),
    "household_novel": ("household", Split.NOVEL),
}
"""World and split of each suite."""

WIDTH, HEIGHT, QUESTIONS = 640, 480, 12
DEPTH_SIGMA_1M_M = 0.001
"""Noise of the depth images at 1 m, as a good depth camera has it [m]."""


@dataclass(frozen=True)
class Case:
    """One question, what was true, and what the model said. ``groups`` name parts of a suite with their own rates."""

    frame: Frame
    question: Question
    grounding: Grounding
    encode_time_ms: float
    groups: tuple[str, ...] = ()
    truth_m: np.ndarray | None = None  # (3,) in the world, the middle of the one thing that is referred to

    @property
    def mask(self) -> np.ndarray:
        """(H, W) bool of the referred objects."""
        return np.isin(self.frame.ids, self.question.target_ids)

    @property
    def is_referring(self) -> bool:
        """Whether the question names a thing whose place is defined."""
        return bool(self.question.target_ids) or not self.question.present

    @property
    def answered(self) -> bool | None:
        """Whether the answer is the true one; None where the truth has no words ("")."""
        return self.grounding.answer == self.question.answer if self.question.answer else None

    @property
    def hit(self) -> bool:
        """Whether the hottest pixel lies on what was referred to."""
        return pointing_hit(self.grounding.heatmap(), self.mask)

    @property
    def position_error_m(self) -> float | None:
        """How far the best region lies from the truth in metres, with metric depth; None without region or depth."""
        if self.truth_m is None or not self.grounding.regions:
            return None
        depth_m, heatmap = self.frame.depth_m, self.grounding.heatmap()
        camera = CameraModel(depth_m.shape[1], depth_m.shape[0], self.frame.K)
        try:
            found = lift_found(self.grounding.regions[0], heatmap, depth_m, camera)
        except NotEnoughDepth:
            return None
        return float(np.linalg.norm(found.transformed(self.frame.T_world_camera).position_m - self.truth_m))


def run_suite(
    predictor: Predictor, name: str, scenes: int, assets: Path | None = None, robot: Path | None = None
) -> Iterator[Case]:
    """Render ``scenes`` scenes of a suite at 640 x 480 and ask the model all their questions, one case at a time.

    ``assets`` and ``robot`` are the household library's folders where they are not installed (`sim.worlds`).
    """
    world_name, split = SUITES[name]
    world = open_world(world_name, assets, robot)
    with world.renderer(WIDTH, HEIGHT) as renderer:
        for index in tqdm(range(scenes), unit="scene", desc=name):
            rng = np.random.default_rng(scene_seed(split, index))
            scene, camera = world.sample(rng, split)
            frame = renderer.render(scene, camera)
            questions = sample_questions(rng, scene, frame, QUESTIONS, split=split)
            if name == "relations":
                questions = tuple(q for q in questions if q.relation is not None)
            asked = [(question, ()) for question in questions]
            if name == "unknown":
                asked = list(_with_unknown_words(rng, questions))
            frame = replace(frame, depth_m=noisy_depth(frame.depth_m, rng, DEPTH_SIGMA_1M_M))
            encoded = predictor.encode(frame.rgb)
            for question, groups in asked:
                grounding, only_one = predictor.query(encoded, question.text), len(question.target_ids) == 1
                truth_m = scene.object(question.target_ids[0]).position_m if only_one else None
                yield Case(frame, question, grounding, encoded.encode_time_ms, groups, truth_m)


def _with_unknown_words(
    rng: np.random.Generator, questions: tuple[Question, ...]
) -> Iterator[tuple[Question, tuple[str, ...]]]:
    """Plain questions about something in view, each followed by itself with a made-up brand and with a made-up noun.

    Beside each stand its groups: a question that has no brand, such as one about fruit, is in none.
    """
    for question in questions:
        text = with_made_up_noun(rng, question.text) if question.present and question.kind in ABSENT_ANSWERS else None
        if text is not None:
            answer = ABSENT_ANSWERS[question.kind]
            branded = with_made_up_brand(rng, question.text)
            yield question, ("without a brand",) if branded else ()
            if branded is not None:
                yield replace(question, text=branded), ("with a made-up brand",)
            yield replace(question, text=text, answer=answer, target_ids=(), present=False), ()


def summarise(cases: Iterator[Case]) -> dict[str, Any]:
    """Figures of a suite; every rate stands beside the number of cases that it is over."""
    hits: list[bool] = []
    chance: list[float] = []
    ious: list[float] = []
    confidence: list[float] = []
    present: list[bool] = []
    answers: dict[str, list[bool]] = defaultdict(list)
    relations: dict[str, list[bool]] = defaultdict(list)
    groups: dict[str, list[tuple[bool, float]]] = defaultdict(list)
    cell_error: list[float] = []
    position_error_m: list[float] = []
    times: list[tuple[float, float]] = []
    for case in cases:
        question, grounding = case.question, case.grounding
        if case.answered is not None:
            answers[question.kind].append(case.answered)
        times.append((case.encode_time_ms, grounding.inference_time_ms))
        if not case.is_referring:
            continue
        confidence.append(grounding.confidence)
        present.append(question.present)
        cell_error.append(_cell_calibration_error(case))
        if not question.target_ids:
            continue
        hits.append(case.hit)
        chance.append(float(case.mask.mean()))
        if question.relation:
            relations[question.relation].append(hits[-1])
        if hits[-1] and (error_m := case.position_error_m) is not None:
            position_error_m.append(error_m)
        for group in case.groups:
            groups[group].append((hits[-1], chance[-1]))
        if len(question.target_ids) == 1:
            best = grounding.regions[0].box_xyxy_px if grounding.regions else (0.0, 0.0, 0.0, 0.0)
            ious.append(box_iou(best, mask_box(case.mask)))
    threshold = grounding.threshold
    said = np.array(confidence) >= threshold
    every_answer = [right for rights in answers.values() for right in rights]
    encode_ms, query_ms = np.median(np.array(times), axis=0)
    return {
        "questions": len(times),
        "pointing": _rate(hits),
        "pointing_by_chance": round(float(np.mean(chance)), 4),
        **({"pointing_by_group": {k: _group_rate(v) for k, v in sorted(groups.items())}} if groups else {}),
        "box_iou": {"mean": round(float(np.mean(ious)), 4), "n": len(ious)},
        **({"position_error_cm": _spread_cm(position_error_m)} if position_error_m else {}),
        "presence_auroc": round(auroc(np.array(confidence), np.array(present)), 4),
        "presence_accuracy": _rate(list(said == np.array(present))),
        "presence_ece": round(expected_calibration_error(np.array(confidence), np.array(present)), 4),
        "cell_ece": round(float(np.mean(cell_error)), 4),
        **({"answers": _rate(every_answer) | {"by_kind": _rates(answers)}} if answers else {}),
        "relations": _rates(relations),
        "encode_ms_median": round(float(encode_ms), 1),
        "query_ms_median": round(float(query_ms), 1),
    }


def _rate(rights: list[bool]) -> dict[str, float]:
    return {"rate": round(float(np.mean(rights)), 4) if rights else float("nan"), "n": len(rights)}


def _spread_cm(errors_m: list[float]) -> dict[str, float]:
    """Of the answers that pointed right: a position on the wrong thing is no measure of the third dimension."""
    median, p90 = 100 * np.quantile(np.array(errors_m), [0.5, 0.9])
    return {"median": round(float(median), 2), "p90": round(float(p90), 2), "n": len(errors_m)}


def _rates(rights: dict[str, list[bool]]) -> dict[str, dict[str, float]]:
    return {kind: _rate(values) for kind, values in sorted(rights.items())}


def _group_rate(hits: list[tuple[bool, float]]) -> dict[str, float]:
    rights, chance = zip(*hits, strict=True)
    return _rate(list(rights)) | {"chance": round(float(np.mean(chance)), 4)}


def _cell_calibration_error(case: Case) -> float:
    """ECE of one map against the share of each cell that the referred objects cover."""
    rows, columns = case.grounding.relevance.shape
    mapping, mask = case.grounding.mapping, case.mask
    h, w = round(rows * mapping.cell_height), round(columns * mapping.cell_width)
    padding = max(0, h - mask.shape[0]), max(0, w - mask.shape[1])  # right and below, as images are padded
    padded = np.pad(mask.astype(np.float32), ((0, padding[0]), (0, padding[1])))[:h, :w]
    covered = cv2.resize(padded, (columns, rows), interpolation=cv2.INTER_AREA)
    return expected_calibration_error(case.grounding.relevance, covered)


BESIDE = ("pointing", "box_iou", "presence_accuracy", "answers")
"""Figures of other models that are worth a line in the table; the JSON has all."""


def table(figures: dict[str, Any]) -> str:
    """Figures of one suite as lines of text: name, value, number of cases."""
    lines = [f"{'suite ' + figures['suite']:<28}{figures['scenes']} scenes, {figures['questions']} questions"]
    for name, value in figures.items():
        if isinstance(value, float):
            lines.append(f"{name:<28}{value:>8.3f}")
        elif isinstance(value, dict) and "n" in value:
            lines.append(_row(name, value))
            lines += [_row(f"  {kind}", rate) for kind, rate in value.get("by_kind", {}).items()]
        elif name == "beside":
            for other, told in value.items():
                lines += [f"beside it: {other}", *(_row(f"  {k}", v) for k, v in told.items() if k in BESIDE)]
        elif isinstance(value, dict):
            lines += [name, *(_row(f"  {kind}", rate) for kind, rate in value.items())]
    return "\n".join(lines)


def _row(name: str, value: dict[str, Any]) -> str:
    rate = next(value[key] for key in ("rate", "mean", "median") if key in value)
    chance = f", by chance {value['chance']:.3f}" if "chance" in value else ""
    return f"{name:<28}{rate:>8.3f}  of {value['n']}{chance}"
