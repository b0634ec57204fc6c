"""Parts and shapes: what a thing is made of, before it has a place or a colour."""

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from viper_ros.sim.meshes import MESH_NAMES, mesh

PRIMITIVES = ("box", "cylinder", "sphere")
"""Box [-1, 1]^3; cylinder of radius 1 with z in [-1, 1]; sphere of radius 1. Everything else is a mesh."""

Paint = str | tuple[float, float, float]
"""``"main"`` (the colour that the thing is named by), ``"accent"``, or an RGB in [0, 1]."""

STEEL = (0.56, 0.57, 0.60)
DARK = (0.08, 0.08, 0.09)
CREAM = (0.93, 0.90, 0.80)
LEAF = (0.18, 0.45, 0.12)
STALK = (0.30, 0.20, 0.10)


def rotation(x_deg: float = 0.0, y_deg: float = 0.0, z_deg: float = 0.0) -> np.ndarray:
    """Give the (3, 3) rotation about x, then y, then z of the fixed frame."""
    (cx, cy, cz), (sx, sy, sz) = (f(np.radians([x_deg, y_deg, z_deg])) for f in (np.cos, np.sin))
    rx = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    ry = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    rz = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return rz @ ry @ rx


@dataclass(frozen=True, eq=False)
class Part:
    """A unit shape scaled by ``size``, then rotated, then moved to ``position_m`` in the thing's frame."""

    shape: str
    size: tuple[float, float, float]
    position_m: tuple[float, float, float] = (0.0, 0.0, 0.0)
    rotation: np.ndarray = field(default_factory=lambda: np.eye(3))
    paint: Paint = "main"
    solid: bool = True
    """False for an open vessel: its convex hull would close it, so physics builds it from a floor and walls."""

    def __post_init__(self) -> None:
        if self.shape not in PRIMITIVES and self.shape not in MESH_NAMES:
            raise ValueError(f"shape must be one of {PRIMITIVES + MESH_NAMES}, got {self.shape!r}")

    def points_m(self) -> np.ndarray:
        """Surface points (P, 3) in the thing's frame."""
        return unit_points(self.shape) * self.size @ self.rotation.T + self.position_m

    def scaled(self, factor: float) -> "Part":
        """Give the same part ``factor`` times as big, about the origin of the thing."""
        size, position = (tuple(factor * v for v in values) for values in (self.size, self.position_m))
        return replace(self, size=size, position_m=position)


@dataclass(frozen=True)
class Surface:
    """Where something else can lie: a flat disc at ``height_m``, open above.

    ``relation`` is "on" or "in". For "in", a straight wall leads from the disc to the rim.
    """

    relation: str
    height_m: float
    radius_m: float
    rim_height_m: float = 0.0
    rim_radius_m: float = 0.0
    centre_m: tuple[float, float] = (0.0, 0.0)
    """Its middle, in the frame of the thing that has it."""
    overhang: float = 1.6
    """How much wider than the disc, or the rim, a thing that lies on it may be."""
    foot: float = 0.25
    """The lowest share of a thing's height that has to stand on the disc."""
    rim_carries: bool = False
    """Whether what is too wide for the rim may lie on it."""

    def fit(self, points_m: np.ndarray) -> tuple[str, float] | None:
        """Say how a thing with these (P, 3) points would lie in the middle: "on" or "in", and how high its underside.

        None: it does not fit. Its points are in its own frame, z from its underside.
        """
        radius, height = np.hypot(points_m[:, 0], points_m[:, 1]), points_m[:, 2]
        if self.relation == "on":
            lowest = height < max(self.foot * height.max(), height.min() + 0.001)
            stands = radius[lowest].max() < self.radius_m
            return ("on", self.height_m) if stands and radius.max() < self.overhang * self.radius_m else None
        sticks_out = height.max() + self.height_m > 0.6 * self.rim_height_m
        if (radius < 0.97 * self._room_m(height + self.height_m)).all() and sticks_out:
            return "in", self.height_m
        return self._on_the_rim(points_m, radius) if self.rim_carries else None

    def _room_m(self, height_m: np.ndarray) -> np.ndarray:
        """Radius that is free at heights above the underside of the thing that has this surface."""
        rise = np.clip(height_m / self.rim_height_m, 0, 1)
        return self.radius_m + (self.rim_radius_m - self.radius_m) * rise

    def _on_the_rim(self, points_m: np.ndarray, radius: np.ndarray) -> tuple[str, float] | None:
        """What is wider than the rim sinks in until it meets it, if it does so on opposite sides."""
        wide, height = radius > 1.02 * self.rim_radius_m, points_m[:, 2]
        if not wide.any() or radius.max() > self.overhang * self.rim_radius_m:
            return None
        sunk = float(height[wide].min())
        meets = points_m[wide & (height < sunk + 0.1 * height.max()), :2]
        one_sided = np.linalg.norm((meets / np.linalg.norm(meets, axis=1, keepdims=True)).mean(axis=0))
        underside = self.rim_height_m - sunk
        below = height < sunk
        clear = (radius[below] < self._room_m(height[below] + underside) + _WALL_M).all()
        if one_sided > 0.6 or sunk > 0.45 * height.max() or underside < self.height_m or not clear:
            return None
        return "on", underside


_WALL_M = 0.002
"""How far what sinks into an opening may reach into its wall, which is known roughly."""
_LENGTHS = ("height_m", "radius_m", "rim_height_m", "rim_radius_m")


@dataclass(frozen=True)
class Shape:
    """A thing standing on z = 0 of its own frame, x and y across, in metres."""

    parts: tuple[Part, ...]
    surface: Surface | None = None

    @cached_property
    def points_m(self) -> np.ndarray:
        """Surface points (P, 3) of all parts."""
        return np.concatenate([part.points_m() for part in self.parts])

    @cached_property
    def bounds_m(self) -> np.ndarray:
        """Least and greatest x, y, z, shape (2, 3)."""
        return np.stack([self.points_m.min(axis=0), self.points_m.max(axis=0)])

    @cached_property
    def reach_m(self) -> float:
        """Half the diagonal of its footprint."""
        return 0.5 * float(np.hypot(*(self.bounds_m[1] - self.bounds_m[0])[:2]))

    def scaled(self, factor: float) -> "Shape":
        """Give the same shape ``factor`` times as big."""
        surface = self.surface
        if surface is not None:
            lengths = {name: factor * getattr(surface, name) for name in _LENGTHS}
            surface = replace(surface, centre_m=tuple(factor * v for v in surface.centre_m), **lengths)
        return Shape(tuple(part.scaled(factor) for part in self.parts), surface)


def unit_points(shape: str) -> np.ndarray:
    """Give (P, 3) points spread over the unit shape's surface; they span its bounding box."""
    if shape not in _UNIT_POINTS:
        _UNIT_POINTS[shape] = mesh(shape).vertices
    return _UNIT_POINTS[shape]


def _box_points() -> np.ndarray:
    grid = np.stack(np.meshgrid(*[np.linspace(-1, 1, 5)] * 3), -1).reshape(-1, 3)
    return grid[np.abs(grid).max(axis=1) == 1]


def _cylinder_points() -> np.ndarray:
    angle = np.linspace(0, 2 * np.pi, 16, endpoint=False)
    rings = [(r, z) for r, z in ((0.5, -1), (1, -1), (1, -0.5), (1, 0), (1, 0.5), (1, 1), (0.5, 1))]
    return np.concatenate([np.stack([r * np.cos(angle), r * np.sin(angle), 0 * angle + z], -1) for r, z in rings])


def _sphere_points() -> np.ndarray:
    latitude, angle = np.meshgrid(np.linspace(-np.pi / 2, np.pi / 2, 9), np.linspace(0, 2 * np.pi, 16, endpoint=False))
    return np.stack([np.cos(latitude) * np.cos(angle), np.cos(latitude) * np.sin(angle), np.sin(latitude)], -1).reshape(
        -1, 3
    )


_UNIT_POINTS = {"box": _box_points(), "cylinder": _cylinder_points(), "sphere": _sphere_points()}
