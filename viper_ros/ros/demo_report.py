"""What the demo asks, how its answers are judged against the simulator's truth, and how they are printed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import cv2
import numpy as np

from viper_ros.msg import Grounding
from viper_ros.ros.client import ANSWERED, STATUS_NAMES
from viper_ros.ros.conversions import relevance_from_ros

QUESTIONS_PER_SCENE = 4


@dataclass(frozen=True)
class Row:
    """One instruction with what came back and whether it was right.

    `kind` is the simulator's (refer, colour, count ...), `expected` its answer. `right`: what was asked for is pointed
    at (the most relevant cell lies on it), or is rightly said to be absent, or the answer to a question is true.
    `note` is the node's own word on what is missing.
    """

    instruction: str
    kind: str
    expected: str
    answer: str
    status: str
    answered: bool
    present: bool
    truly_present: bool
    confidence: float
    box_xyxy_px: tuple[float, ...] | None
    position_m: tuple[float, ...] | None
    true_position_m: tuple[float, ...] | None
    error_cm: float | None
    right: bool
    inference_time_ms: float
    note: str = ""
    picture: str = ""

    @property
    def points(self) -> bool:
        """Whether this is an instruction to point at something that is there."""
        return self.kind == "refer" and self.truly_present


def choose(questions: Sequence[dict], scene: int, count: int = QUESTIONS_PER_SCENE) -> list[dict]:
    """Of a scene's questions: things to point at, one that is absent, and one question of another kind."""
    pointing = [q for q in questions if q["kind"] == "refer" and q["present"] and len(q["target_ids"]) == 1]
    absent = [q for q in questions if q["kind"] == "refer" and not q["present"]]
    wanted = "colour" if scene % 2 == 0 else "count"
    asking = [q for q in questions if q["kind"] == wanted and q["present"]]
    others = absent[:1] + asking[:1]
    return _different_targets(pointing)[: count - len(others)] + others


def _different_targets(questions: Sequence[dict]) -> list[dict]:
    """One question for each target first, then the rest."""
    first = {question["target_ids"][0]: question for question in reversed(questions)}
    chosen = [question for question in questions if first[question["target_ids"][0]] is question]
    return chosen + [question for question in questions if question not in chosen]


def judge(question: dict, found: Grounding, truth: dict, ids: np.ndarray) -> Row:
    """Hold an answer against the truth; `ids` (H, W) uint8 is the id of the object at each pixel."""
    region = found.regions[0] if found.regions else None
    position = None
    if region is not None and region.has_position and region.position_header.frame_id == truth["world_frame"]:
        point = region.pose.pose.position
        position = (point.x, point.y, point.z)
    targets = [thing for thing in truth["objects"] if thing["id"] in question["target_ids"]]
    true_position, error_cm = _nearest(targets, position)
    return Row(
        instruction=question["text"],
        kind=question["kind"],
        expected=question["answer"],
        answer=found.answer,
        status=STATUS_NAMES.get(found.status.code, str(found.status.code)),
        answered=found.status.code in ANSWERED,
        present=found.present,
        truly_present=question["present"],
        confidence=round(found.confidence, 3),
        box_xyxy_px=None if region is None else tuple(round(float(edge), 1) for edge in region.box_xyxy_px),
        position_m=None if position is None else tuple(round(value, 3) for value in position),
        true_position_m=true_position,
        error_cm=None if error_cm is None else round(error_cm, 2),
        right=_is_right(question, found, ids),
        inference_time_ms=round(found.inference_time_ms, 1),
        note=found.status.message or (region.position_message if region is not None else ""),
    )


def _nearest(targets: Sequence[dict], position: tuple | None) -> tuple[tuple | None, float | None]:
    """The true position of the target nearest to `position`, and its distance [cm]."""
    if not targets:
        return None, None
    places = [np.array(target["position_m"]) for target in targets]
    if position is None:
        return tuple(targets[0]["position_m"]), None
    distances = [float(np.linalg.norm(place - position)) for place in places]
    nearest = int(np.argmin(distances))
    return tuple(targets[nearest]["position_m"]), 100 * distances[nearest]


def _is_right(question: dict, found: Grounding, ids: np.ndarray) -> bool:
    if found.status.code not in ANSWERED:
        return False
    if question["kind"] != "refer":
        return found.answer == question["answer"]
    if not question["present"]:
        return not found.present
    return found.present and _points_at(found, np.isin(ids, question["target_ids"]))


def _points_at(found: Grounding, mask: np.ndarray) -> bool:
    """Whether the middle of the most relevant cell lies on the mask (H, W) bool, or within half a cell of it."""
    relevance, grid = relevance_from_ros(found.relevance)
    row, column = np.unravel_index(int(relevance.argmax()), relevance.shape)
    x = int(grid.offset_x + (column + 0.5) * grid.cell_width)
    y = int(grid.offset_y + (row + 0.5) * grid.cell_height)
    reach = max(1, round(max(grid.cell_width, grid.cell_height) / 2))
    near = cv2.dilate(mask.astype(np.uint8), np.ones((2 * reach + 1,) * 2, np.uint8))
    return 0 <= y < mask.shape[0] and 0 <= x < mask.shape[1] and bool(near[y, x])


def succeeded(rows: Sequence[Row]) -> bool:
    """Every instruction was answered, and most of what had to be pointed at was."""
    pointing = [row.right for row in rows if row.points]
    return bool(rows) and all(row.answered for row in rows) and sum(pointing) > len(pointing) / 2


def summary(rows: Sequence[Row]) -> dict:
    """The rows and their counts, ready for JSON."""
    errors = [row.error_cm for row in rows if row.points and row.right and row.error_cm is not None]
    return {
        "succeeded": succeeded(rows),
        "asked": len(rows),
        "answered": sum(row.answered for row in rows),
        "pointed": [sum(row.right for row in rows if row.points), sum(row.points for row in rows)],
        "absent": _share(rows, lambda row: not row.truly_present and row.kind == "refer"),
        "questions": _share(rows, lambda row: row.kind != "refer"),
        "error_cm_median": round(float(np.median(errors)), 2) if errors else None,
        "rows": [asdict(row) for row in rows],
    }


def _share(rows: Sequence[Row], belongs) -> list[int]:
    chosen = [row.right for row in rows if belongs(row)]
    return [sum(chosen), len(chosen)]


def table(rows: Sequence[Row]) -> str:
    """The rows for people."""
    head = ["instruction", "answer", "there?", "box px", "position m", "true position m", "cm", "right"]
    lines = [head, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    text = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
    return "\n".join([text[0], "-" * max(map(len, text)), *text[1:]])


def _cells(row: Row) -> list[str]:
    return [
        row.instruction,
        row.answer or "-" if row.answered else row.status,
        f"{'yes' if row.present else 'no'} {row.confidence:.2f}",
        "-" if row.box_xyxy_px is None else " ".join(f"{edge:.0f}" for edge in row.box_xyxy_px),
        _point(row.position_m),
        _point(row.true_position_m),
        "-" if row.error_cm is None else f"{row.error_cm:.1f}",
        "yes" if row.right else f"NO ({row.expected})",
    ]


def _point(position_m: tuple | None) -> str:
    return "-" if position_m is None else " ".join(f"{value:6.3f}" for value in position_m)
