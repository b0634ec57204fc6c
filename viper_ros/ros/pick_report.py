"""How a pick went: the cause of a failure, and the counts over many."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from viper_ros.msg import Grounding
from viper_ros.ros.images import image_to_rgb
from viper_ros.sim.gripper import HELD_M

PICKED = "picked"
CAUSES = ("not seen", "wrong object", "bad position", "slipped")


@dataclass(frozen=True)
class PickRow:
    """One pick. `outcome` is PICKED or one of CAUSES; `pointed_at` is the thing under the region's mask."""

    scene: int
    instruction: str
    target: str
    outcome: str
    answer: str
    confidence: float
    pointed_at: str
    position_m: tuple[float, ...] | None
    true_position_m: tuple[float, ...]
    error_cm: float | None
    lifted_cm: float
    inference_time_ms: float
    note: str = ""


def outcome_of(
    target_id: int, pointed_id: int | None, lifted_m: dict[int, float] | None, true_position_lifts: bool | None
) -> str:
    """Name what happened, the first of the causes that holds.

    `lifted_m` None: nothing was tried. `pointed_id` is the thing under the region's mask, None where that is not known.
    `true_position_lifts` says whether the same gripper lifts the thing when it is told where it is: then the position
    was to blame, otherwise the grip. None: it was told.
    """
    if lifted_m is None:
        return "not seen"
    if lifted_m[target_id] >= HELD_M:
        return PICKED
    if pointed_id not in (None, target_id):
        return "wrong object"
    return "bad position" if true_position_lifts else "slipped"


def pointed_id(found: Grounding, ids: np.ndarray) -> int | None:
    """Id of the thing that most of the best region's mask lies on; `ids` (H, W) int. None: it lies on the table."""
    region = found.regions[0]
    mask = image_to_rgb(region.mask)[..., 0] > 127
    x, y = region.roi.x_offset, region.roi.y_offset
    under = ids[y : y + mask.shape[0], x : x + mask.shape[1]][mask]
    under = under[under > 0]
    return int(np.bincount(under).argmax()) if under.size else None


def summary(rows: Sequence[PickRow]) -> dict:
    """The rows and their counts, ready for JSON."""
    outcomes = Counter(row.outcome for row in rows)
    errors = [row.error_cm for row in rows if row.error_cm is not None and row.outcome != "wrong object"]
    return {
        "picks": len(rows),
        PICKED: outcomes[PICKED],
        "success_rate": round(outcomes[PICKED] / len(rows), 3) if rows else None,
        "failures": {cause: outcomes[cause] for cause in CAUSES},
        "error_cm_median": round(float(np.median(errors)), 2) if errors else None,
        "rows": [asdict(row) for row in rows],
    }


def told(figures: dict) -> str:
    """The counts for people."""
    causes = ", ".join(f"{cause} {count}" for cause, count in figures["failures"].items())
    lines = [f"picked: {figures[PICKED]} of {figures['picks']}", f"failures: {causes}"]
    if figures["error_cm_median"] is not None:
        lines.append(f"median position error, right thing: {figures['error_cm_median']} cm")
    return "\n".join(lines)
