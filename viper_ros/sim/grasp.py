"""Where a parallel gripper takes hold from above, given where a thing is and points on its surface. Geometry only.

World frame: z up, the table's top at 0, metres. The gripper points straight down; it closes along one horizontal axis.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

MAX_OPENING_M = 0.14
"""Between the fingers when they are open: that of a large industrial gripper."""

REACH_M = 0.095
"""How far a thing may stand out between the fingers before the palm touches it."""

TABLE_CLEARANCE_M = 0.001
BELOW_CENTRE_M = 0.012
"""The fingertips go this far below the middle of the body, so that the fingers hold its widest part."""

SIDE_CLEARANCE_M = 0.012
"""Room on each side of a thing while the gripper descends, before the position's own uncertainty is added."""

SLICE_M = 0.02
"""The width counts within this distance of the middle, along the thing: a hammer is held by its handle."""

RIM_DEPTH_M, RIM_OPENING_M = 0.025, 0.06
"""What is too wide is held by its rim: the fingers straddle it and reach this far down."""


@dataclass(frozen=True, eq=False)
class Grasp:
    """A grasp from above: ``tip_m`` (3,) is the middle between the fingertips, ``yaw`` [rad, about z] the direction in
    which they close, ``opening_m`` how far they are apart on the way down. ``rim``: it takes the thing's edge.
    """  # noqa: D205

    tip_m: np.ndarray
    yaw: float
    opening_m: float
    rim: bool = False


def plan_grasp(position_m: np.ndarray, points_m: np.ndarray, covariance_m2: np.ndarray | None = None) -> Grasp:
    """Plan to close across the narrow side of a thing, at half of its height or as deep as the fingers reach.

    ``position_m`` (3,) is the middle of its body, ``points_m`` (N, 3) are on its surface, one side of it will do: they
    are mirrored at the middle. ``covariance_m2`` (3, 3) of the position opens the gripper wider by two sigma.
    Raises ValueError when there are fewer than three points.
    """
    if points_m.ndim != 2 or points_m.shape[1] != 3 or len(points_m) < 3:
        raise ValueError(f"points_m must be (N, 3) with N >= 3, got {points_m.shape}; look at the thing from nearer")
    outline = points_m[:, :2] - position_m[:2]
    outline = np.concatenate([outline, -outline])
    yaw = _narrow_direction(outline)
    across = np.array([np.cos(yaw), np.sin(yaw)])
    width = 2 * _half_width(outline, across)
    top = float(np.quantile(points_m[:, 2], 0.99))
    sigma = 0.0 if covariance_m2 is None else float(np.sqrt(across @ covariance_m2[:2, :2] @ across))
    if width + SIDE_CLEARANCE_M > MAX_OPENING_M:
        tip = np.array([*(position_m[:2] + 0.5 * width * across), max(TABLE_CLEARANCE_M, top - RIM_DEPTH_M)])
        return Grasp(tip, yaw, RIM_OPENING_M, rim=True)
    depth = max(TABLE_CLEARANCE_M, top - REACH_M, float(position_m[2]) - BELOW_CENTRE_M)
    opening = min(MAX_OPENING_M, width + 2 * (SIDE_CLEARANCE_M + 2 * sigma))
    return Grasp(np.array([*position_m[:2], depth]), yaw, opening)


def _narrow_direction(outline_m: np.ndarray) -> float:
    """Direction [rad], within a quarter turn of x, of the shorter side of the least rectangle around points (N, 2)."""
    _, (a, b), degrees = cv2.minAreaRect(outline_m.astype(np.float32))
    yaw = np.radians(degrees) + (0.0 if a <= b else np.pi / 2)
    return float((yaw + np.pi / 2) % np.pi - np.pi / 2)


def _half_width(outline_m: np.ndarray, across: np.ndarray) -> float:
    """Half the width [m] of points (N, 2) along ``across`` (2,), near their middle where there are enough of them."""
    along = outline_m @ np.array([-across[1], across[0]])
    near = np.abs(along) < SLICE_M
    sideways = np.abs(outline_m @ across)
    return float(np.quantile(sideways[near] if near.sum() >= 10 else sideways, 0.98))
