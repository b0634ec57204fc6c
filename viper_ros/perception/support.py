"""The plane that an object rests on, found in the depth around it.

RANSAC (Fischler and Bolles, 1981) with a fixed seed, so that equal images give equal planes, then a least-squares fit
to the inliers. Points are (N, 3) in metres in the camera's optical frame.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

HYPOTHESES = 100
MAX_POINTS = 1500
MIN_POINTS = 40
MIN_INLIER_SHARE = 0.35
INLIER_M = 0.008
"""A point this near to a hypothesis supports it: above the noise of a depth camera at 1 m, below most objects [m]."""
CLEARANCE_M = 0.005
"""Points lower than this over the plane belong to the plane [m]; more when the plane itself is noisier."""


@dataclass(frozen=True, eq=False)
class Plane:
    """Points p with `normal` . p + `offset_m` = 0; `normal` (3,) is a unit vector that points to the camera's side.

    `noise_m` is the standard deviation of the plane's own points (by MAD).
    """

    normal: np.ndarray
    offset_m: float
    noise_m: float

    def heights(self, points_m: np.ndarray) -> np.ndarray:
        """Distance (N,) of points (N, 3) over the plane [m], positive on the camera's side."""
        return points_m @ self.normal + self.offset_m


def fit_support_plane(points_m: np.ndarray) -> Plane | None:
    """The plane under most of the points (N, 3), or None where no plane holds a good share of them."""
    if len(points_m) < MIN_POINTS:
        return None
    rng = np.random.default_rng(0)
    if len(points_m) > MAX_POINTS:
        points_m = points_m[rng.choice(len(points_m), MAX_POINTS, replace=False)]
    normals, offsets = _hypotheses(points_m, rng)
    inliers = np.abs(points_m @ normals.T + offsets) < INLIER_M  # (N, hypotheses)
    best = inliers[:, inliers.sum(0).argmax()]
    if best.mean() < MIN_INLIER_SHARE:
        return None
    plane = _least_squares(points_m[best])
    return _least_squares(points_m[np.abs(plane.heights(points_m)) < INLIER_M])


def above(plane: Plane, points_m: np.ndarray, least_share: float = 0.2) -> np.ndarray:
    """Which points (N,) bool stand on the plane and are no part of it.

    Of a thing as flat as a plate little is left over the clearance: below `least_share` it is halved, and if that does
    not help, everything down to the plane's lower side counts.
    """
    heights = plane.heights(points_m)
    clearance = max(CLEARANCE_M, 2.5 * plane.noise_m)
    for least in (clearance, clearance / 2):
        kept = heights > least
        if kept.mean() >= least_share:
            return kept
    kept = heights > -clearance
    return kept if kept.mean() >= least_share else np.ones(len(points_m), dtype=bool)


def _hypotheses(points_m: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Planes through random triples: normals (M, 3) and offsets (M,)."""
    a, b, c = (points_m[rng.integers(len(points_m), size=HYPOTHESES)] for _ in range(3))
    normals = np.cross(b - a, c - a)
    lengths = np.linalg.norm(normals, axis=1)
    usable = lengths > 1e-8
    normals = normals[usable] / lengths[usable, None]
    if not len(normals):
        return np.zeros((1, 3)), np.full(1, np.inf)
    return normals, -np.einsum("ij,ij->i", normals, a[usable])


def _least_squares(points_m: np.ndarray) -> Plane:
    """The plane with the least squared distance to the points, its normal towards the camera at the origin."""
    middle = points_m.mean(0)
    normal = np.linalg.svd(points_m - middle, full_matrices=False)[2][2]
    offset = -float(normal @ middle)
    if offset < 0:  # the height of the camera itself
        normal, offset = -normal, -offset
    residual = points_m @ normal + offset
    return Plane(normal, offset, 1.4826 * float(np.median(np.abs(residual - np.median(residual)))))
