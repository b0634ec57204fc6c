"""The shapes of household things: points on their meshes, and where on them other things can lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from viper_ros.sim.household_mesh import TexturedMesh
from viper_ros.sim.parts import Shape, Surface

_POINTS = 400
_RIM = 0.12
"""The top share of an open thing's height that counts as its rim."""
_OVERHANG, _FOOT = 2.2, 0.1
"""A bowl stands on a box of cookies that is half as wide, with its foot alone."""
_SECTORS = 12


@dataclass(frozen=True, eq=False)
class AssetShape(Shape):
    """A thing of the library, standing on z = 0 of its own frame.

    ``asset_points_m`` (P, 3) are points on its surface in the frame of its pack; ``T_shape_asset`` (4, 4) scales and
    turns them into its own. It has no parts: the renderer draws its meshes.
    """

    asset_points_m: np.ndarray = field(default_factory=lambda: np.zeros((0, 3)))
    T_shape_asset: np.ndarray = field(default_factory=lambda: np.eye(4))

    @cached_property
    def points_m(self) -> np.ndarray:
        """Surface points (P, 3)."""
        return self.asset_points_m @ self.T_shape_asset[:3, :3].T + self.T_shape_asset[:3, 3]

    def scaled(self, factor: float) -> AssetShape:
        """Give the same shape ``factor`` times as big."""
        pose = self.T_shape_asset.copy()
        pose[:3] *= factor
        surface = None if self.surface is None else Shape((), self.surface).scaled(factor).surface
        return replace(self, surface=surface, T_shape_asset=pose)

    def turned(self, rotation: np.ndarray) -> AssetShape:
        """Give the shape turned by ``rotation`` (3, 3), standing on z = 0 with its middle above the origin again.

        Nothing can lie on it then.
        """
        pose = np.eye(4)
        pose[:3] = rotation @ self.T_shape_asset[:3]
        points = self.asset_points_m @ pose[:3, :3].T + pose[:3, 3]
        low, high = points.min(axis=0), points.max(axis=0)
        pose[:3, 3] -= [*(0.5 * (low + high))[:2], low[2]]
        return replace(self, surface=None, T_shape_asset=pose)


def surface_points(meshes: Sequence[TexturedMesh], count: int = _POINTS) -> np.ndarray:
    """Spread ``count`` points over the meshes by area, always the same ones, with the vertices furthest out: (P, 3)."""
    corners = np.concatenate([mesh.vertices[mesh.faces] for mesh in meshes]).astype(float)  # (F, 3, 3)
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    rng = np.random.default_rng(0)
    picked = corners[rng.choice(len(corners), count, p=area / area.sum())]
    points = np.einsum("nk,nkd->nd", rng.dirichlet((1.0, 1.0, 1.0), count), picked)
    ends = corners.reshape(-1, 3)
    return np.concatenate([points, ends[ends.argmin(axis=0)], ends[ends.argmax(axis=0)]])


def asset_shape(
    meshes: Sequence[TexturedMesh], relation: str | None, at_m: tuple[float, float] = (0.0, 0.0)
) -> AssetShape:
    """Give the shape of an asset; ``relation`` says whether things lie "on" or "in" it around ``at_m``, if at all."""
    points = surface_points(meshes)
    if relation is None:
        return AssetShape((), None, points)
    dense = surface_points(meshes, 6000)
    radius = np.hypot(*(dense[:, :2] - at_m).T)
    across = float(np.ptp(points[:, :2], axis=0).min())
    floor = float(dense[radius < 0.12 * across, 2].max(initial=0.0))
    high = float(points[:, 2].max())
    if relation == "on":
        return AssetShape(
            (), Surface("on", floor, 0.47 * across, centre_m=at_m, overhang=_OVERHANG, foot=_FOOT), points
        )
    rim = dense[:, 2] > (1 - _RIM) * high
    inside = float(np.quantile(radius[rim], 0.02))
    low = (dense[:, 2] > floor + 0.2 * (high - floor)) & (dense[:, 2] < floor + 0.4 * (high - floor))
    bottom = float(np.quantile(radius[low], 0.02)) if low.any() else 0.7 * inside
    radii_m = 0.9 * min(bottom, inside), 0.95 * inside
    ring = _is_ring(dense[rim, :2] - at_m)
    surface = Surface("in", floor, radii_m[0], high, radii_m[1], at_m, overhang=_OVERHANG, rim_carries=ring)
    return AssetShape((), surface, points)


def _is_ring(points_m: np.ndarray) -> bool:
    """Whether points (P, 2) go all around the origin at about one distance: a rim, unlike two handles or a square."""
    radius, angle = np.hypot(*points_m.T), np.arctan2(*points_m.T)
    sectors = ((angle / (2 * np.pi) + 0.5) * _SECTORS).astype(int) % _SECTORS
    if len(np.unique(sectors)) < _SECTORS:
        return False
    inner = np.array([radius[sectors == sector].min() for sector in range(_SECTORS)])
    return bool(inner.max() < 1.15 * inner.min())
