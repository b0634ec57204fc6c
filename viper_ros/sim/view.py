"""What is true of a scene as a camera sees it.

Truth has three values: True, False, and None where reasonable people could disagree. Questions are only asked
where nothing is None.

Axes on the table: "right" is the camera's x axis laid flat, "ahead" is a quarter turn to the left of it, away from
the camera; "left of" and "in front of" are as the camera sees them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from viper_ros.sim.camera import project
from viper_ros.sim.render import Frame
from viper_ros.sim.scene import Scene, SceneObject

Truth = bool | None
Judge = Callable[..., Truth]
"""Takes a view, a thing and its anchors."""

MIN_VISIBLE_PX = 60.0
"""Pixels, of an image scaled to 256 x 192, that a thing must show to be asked about."""

MIN_VISIBLE_FRACTION = 0.4
HIDDEN_PX = 4.0
"""A thing that shows no more than this many pixels counts as absent; between the two it is doubtful."""


@dataclass(frozen=True, eq=False)
class Sight:
    """How one thing appears: pixel count (scaled to 256 x 192), fraction of it in sight, mask centre in [0, 1]."""

    thing: SceneObject
    area_px: float
    fraction: float
    centre_uv: tuple[float, float]

    @property
    def clear(self) -> bool:
        """Whether it shows enough to be asked about."""
        return self.area_px >= MIN_VISIBLE_PX and self.fraction >= MIN_VISIBLE_FRACTION


class View:
    """A scene, a frame of it, and the relations between the things in sight."""

    def __init__(self, scene: Scene, frame: Frame) -> None:
        self.scene, self.frame = scene, frame
        right = frame.T_world_camera[:2, 0] / np.linalg.norm(frame.T_world_camera[:2, 0])
        self._axes = np.array([right, [-right[1], right[0]]])
        seen = [self._look(thing) for thing in scene.objects]
        self.sights = {sight.thing.id: sight for sight in seen if sight.area_px > HIDDEN_PX}
        self._gaps: dict[tuple[int, int], float] = {}
        self._truths: dict[tuple, Truth] = {}

    @cached_property
    def clear(self) -> tuple[SceneObject, ...]:
        """The things that show enough to be asked about."""
        return tuple(sight.thing for sight in self.sights.values() if sight.clear)

    @cached_property
    def things(self) -> tuple[SceneObject, ...]:
        """Everything in sight, the doubtful things too."""
        return tuple(sight.thing for sight in self.sights.values())

    def _look(self, thing: SceneObject) -> Sight:
        ids = self.frame.ids
        height, width = ids.shape
        rows, columns = np.nonzero(ids == thing.id)
        area = len(rows) * (256 * 192) / (height * width)
        if len(rows) == 0:
            return Sight(thing, 0.0, 0.0, (0.5, 0.5))
        # Every surface point, front or back, projects into the silhouette: those that hit the mask are in sight.
        pixels, _ = project(thing.points_m, self.frame.K, self.frame.T_world_camera)
        u, v = np.round(pixels).astype(int).T
        inside = (u >= 0) & (u < width) & (v >= 0) & (v < height)
        hit = np.zeros(len(u), bool)
        hit[inside] = ids[v[inside], u[inside]] == thing.id
        return Sight(thing, area, float(hit.mean()), (float(columns.mean() / width), float(rows.mean() / height)))

    def offset_m(self, thing: SceneObject, anchor: SceneObject) -> tuple[float, float]:
        """Give how far ``thing`` is to the right of and behind ``anchor``, on the table."""
        right, ahead = self._axes @ (thing.position_m - anchor.position_m)[:2]
        return float(right), float(ahead)

    def gap_m(self, a: SceneObject, b: SceneObject) -> float:
        """Give the distance between the nearest points of two things, seen from above."""
        key = (min(a.id, b.id), max(a.id, b.id))
        if key not in self._gaps:
            p, q = (_thin(thing.points_m[:, :2]) for thing in (a, b))
            self._gaps[key] = float(np.linalg.norm(p[:, None] - q[None], axis=-1).min())
        return self._gaps[key]

    def distance_m(self, thing: SceneObject) -> float:
        """Give the distance of a thing's middle from the camera."""
        return float(np.linalg.norm(thing.position_m - self.frame.T_world_camera[:3, 3]))

    def relation(self, name: str, thing: SceneObject, anchors: tuple[SceneObject, ...]) -> Truth:
        """Say whether ``thing`` stands in the relation, one of ``RELATIONS``, to one anchor (``between``: to two)."""
        if any(anchor.id == thing.id for anchor in anchors):
            return False
        key = (name, thing.id, *(anchor.id for anchor in anchors))
        if key not in self._truths:
            self._truths[key] = RELATIONS[name](self, thing, *anchors)
        return self._truths[key]


def _thin(points: np.ndarray, count: int = 64) -> np.ndarray:
    return points[:: max(1, len(points) // count)]


def _stacked(a: SceneObject, b: SceneObject) -> bool:
    return a.supports == b.id or b.supports == a.id


def _direction(along: float, across: float, image_step: float) -> Truth:
    """Judge "on this side of": ``along`` metres that way, ``across`` metres to a side, ``image_step`` in [-1, 1]."""
    if along < 0.0 or abs(across) > 1.7 * along:
        return False
    clear = along > 0.05 and abs(across) < 0.9 * along and image_step > 0.03
    return True if clear else None


def _beside(axis: int, sign: int) -> Judge:
    """Make the relation for one of the four sides; image u grows to the right and v towards the camera."""

    def judge(view: View, thing: SceneObject, anchor: SceneObject) -> Truth:
        if _stacked(thing, anchor):
            return None
        offset = view.offset_m(thing, anchor)
        here, there = (view.sights[t.id].centre_uv[axis] for t in (thing, anchor))
        image_sign = sign if axis == 0 else -sign
        return _direction(sign * offset[axis], offset[1 - axis], image_sign * (here - there))

    return judge


def _next_to(view: View, thing: SceneObject, anchor: SceneObject) -> Truth:
    if _stacked(thing, anchor):
        return None
    gap = view.gap_m(thing, anchor)
    return True if gap < 0.05 else None if gap < 0.10 else False


def _between(view: View, thing: SceneObject, first: SceneObject, second: SceneObject) -> Truth:
    if _stacked(thing, first) or _stacked(thing, second):
        return None
    p, a, b = (t.position_m[:2] for t in (thing, first, second))
    length = float(np.linalg.norm(b - a))
    if length < 0.12:
        return None
    along = float((p - a) @ (b - a)) / length**2
    across = abs(float((b - a)[0] * (p - a)[1] - (b - a)[1] * (p - a)[0])) / length
    if 0.25 < along < 0.75 and across < min(0.05, 0.25 * length):
        return True
    return False if not 0.1 < along < 0.9 or across > min(0.1, 0.45 * length) else None


def _resting(relation: str) -> Judge:
    def judge(view: View, thing: SceneObject, anchor: SceneObject) -> Truth:
        if thing.supports != anchor.id:
            return False
        on_a_rim = thing.rests == "on" and anchor.shape.surface.relation == "in"
        return thing.rests == relation or (None if on_a_rim else False)

    return judge


RELATIONS = {
    "left of": _beside(0, -1),
    "right of": _beside(0, 1),
    "in front of": _beside(1, -1),
    "behind": _beside(1, 1),
    "next to": _next_to,
    "between": _between,
    "on": _resting("on"),
    "in": _resting("in"),
}


def carrying(scene: Scene, anchor: SceneObject) -> str | None:
    """Give the relation, "on" or "in", in which things lie with ``anchor``: that of what lies there, or could."""
    surface = anchor.shape.surface
    return next((t.rests for t in scene.objects if t.supports == anchor.id), surface and surface.relation)


def size_m(thing: SceneObject) -> float:
    """Give one number for how big a thing is: the edge of a cube as large as its bounding box."""
    return float(np.prod(thing.extent_m) ** (1 / 3))


def bigger(view: View, a: SceneObject, b: SceneObject) -> Truth:
    """Say whether ``a`` is clearly bigger than ``b``, in the world and in the image."""
    ratio, seen = size_m(a) / size_m(b), view.sights[a.id].area_px / view.sights[b.id].area_px
    if ratio > 1.25 and seen > 1.15:
        return True
    return False if ratio < 0.8 and seen < 0.87 else None


def region(view: View, thing: SceneObject) -> str | None:
    """Name the ninth of the image that holds the centre of a thing's mask; None near a border.

    Columns are left, middle, right; rows are back (top third), middle, front (bottom third). "middle" is left out
    where the other word says enough: "front left", "left", "back", "middle".
    """
    u, v = view.sights[thing.id].centre_uv
    if min(abs(x - border) for x in (u, v) for border in (1 / 3, 2 / 3)) < 0.025:
        return None
    column = ("left", "", "right")[int(3 * u)]
    row = ("back", "", "front")[int(3 * v)]
    return f"{row} {column}".strip() or "middle"


def order(view: View, name: str, things: list[SceneObject]) -> SceneObject | None:
    """Pick the one that a superlative means among at least two things (three for a second one); None: unclear."""
    key, rank, margin = _ORDERS[name]
    if len(things) < (3 if rank else 2):
        return None
    values = sorted((key(view, thing), thing.id) for thing in things)
    steps = np.diff([value for value, _ in values])[: rank + 1]
    if steps.min() < margin or (name in ("largest", "smallest") and not _agrees(view, values, name)):
        return None
    return view.scene.object(values[rank][1])


def _agrees(view: View, values: list[tuple[float, int]], name: str) -> bool:
    """Say whether the pick is the biggest (smallest) in the image as well."""
    area = {id: view.sights[id].area_px for _, id in values}
    return values[0][1] == (max if name == "largest" else min)(area, key=area.get)


_ORDERS = {  # name: (key, rank, least step between neighbours)
    "leftmost": (lambda view, t: view.sights[t.id].centre_uv[0], 0, 0.05),
    "rightmost": (lambda view, t: -view.sights[t.id].centre_uv[0], 0, 0.05),
    "second from the left": (lambda view, t: view.sights[t.id].centre_uv[0], 1, 0.05),
    "second from the right": (lambda view, t: -view.sights[t.id].centre_uv[0], 1, 0.05),
    "closest": (lambda view, t: view.distance_m(t), 0, 0.05),
    "farthest": (lambda view, t: -view.distance_m(t), 0, 0.05),
    "largest": (lambda view, t: -np.log(size_m(t)), 0, 0.2),
    "smallest": (lambda view, t: np.log(size_m(t)), 0, 0.2),
}
SUPERLATIVES = tuple(_ORDERS)
