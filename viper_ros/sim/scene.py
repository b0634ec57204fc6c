"""Sampling of tabletop scenes: which things, in which colours, where, under which light.

World frame: z up, origin in the middle of the table's top, metres. Labels come from the sampler's own choices.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from viper_ros.sim.assets import build_shape
from viper_ros.sim.parts import Shape
from viper_ros.sim.splits import HELD_OUT_CATEGORIES, HELD_OUT_PAIRS, Split, is_held_out
from viper_ros.sim.textures import RGB, Photo, Texture, sample_texture
from viper_ros.sim.vocabulary import CATEGORIES, TABLETOP, Words, sample_rgb

WORKSPACE_HALF_M = (0.30, 0.25)
"""Things stand within this rectangle around the middle of the table."""

FLOOR_M = -0.75
"""Height of the floor; the table's top is at 0."""

_SIZE_FACTORS = {"small": (0.74, 0.82), "medium": (0.95, 1.05), "large": (1.2, 1.3)}
_GAP_M = 0.012


@dataclass(frozen=True, eq=False)
class SceneObject:
    """One thing. ``base_m`` (3,) is the middle of its underside, ``yaw`` its heading in radians about world z."""

    id: int
    category: str
    colour: str | None
    rgb: RGB
    accent_rgb: RGB
    size_word: str | None
    material: str
    shape: Shape
    base_m: np.ndarray
    yaw: float
    supports: int | None = None
    """Id of the thing that this one lies on or in; None on the table."""
    rests: str | None = None
    """"on" or "in", if a thing supports it."""
    asset: str | None = None
    """Its name in the household library; None for a thing that is built from parts."""
    other_colours: tuple[str, ...] = ()
    """Colours that a person may call it by as well: whether it has them is neither true nor false."""

    @property
    def name(self) -> str:
        """Its canonical name: colour and category, or the category alone where it has no colour to be named by."""
        return self.category if self.colour is None else f"{self.colour} {self.category}"

    @property
    def held_out(self) -> bool:
        """Whether training never shows it."""
        return is_held_out(self.colour, self.category, self.asset)

    @cached_property
    def T_world_object(self) -> np.ndarray:
        """Pose (4, 4) of the thing's own frame."""
        pose, c, s = np.eye(4), np.cos(self.yaw), np.sin(self.yaw)
        pose[:2, :2] = [[c, -s], [s, c]]
        pose[:3, 3] = self.base_m
        return pose

    @cached_property
    def extent_m(self) -> np.ndarray:
        """Size (3,) of its bounding box along its own axes."""
        return self.shape.bounds_m[1] - self.shape.bounds_m[0]

    @cached_property
    def position_m(self) -> np.ndarray:
        """World position (3,) of the middle of its bounding box."""
        return self.T_world_object[:3, :3] @ self.shape.bounds_m.mean(axis=0) + self.base_m

    @cached_property
    def points_m(self) -> np.ndarray:
        """World positions (P, 3) of points on its surface."""
        return self.shape.points_m @ self.T_world_object[:3, :3].T + self.base_m

    @cached_property
    def footprint_m(self) -> np.ndarray:
        """Corners (4, 2) of its bounding box on the table, in turn."""
        (x0, y0, _), (x1, y1, _) = self.shape.bounds_m
        corners = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])
        return corners @ self.T_world_object[:2, :2].T + self.base_m[:2]


@dataclass(frozen=True)
class Light:
    """A directional light; ``direction`` is where its rays go. Intensities are RGB in [0, 1]."""

    direction: tuple[float, float, float]
    diffuse: RGB
    ambient: RGB
    specular: RGB
    shadow: bool


@dataclass(frozen=True, eq=False)
class Backdrop:
    """Something in view that nobody asks about, such as a robot's link: an asset of the household library.

    ``T_world_asset`` (4, 4) is a rotation, maybe scaled, and a place in metres.
    """

    asset: str
    T_world_asset: np.ndarray


@dataclass(frozen=True)
class Scene:
    """A tabletop. ``table_half_m`` are half its sides along x and y; ``words`` what may be said of it."""

    objects: tuple[SceneObject, ...]
    table_half_m: tuple[float, float]
    table: Texture | Photo
    floor: Texture | Photo
    wall: Texture | Photo
    lights: tuple[Light, ...]
    backdrop: tuple[Backdrop, ...] = ()
    words: Words = TABLETOP

    def object(self, id: int) -> SceneObject:
        """Find a thing by its id."""
        return self.objects[id - 1]


def sample_scene(rng: np.random.Generator, split: Split = Split.TRAIN) -> Scene:
    """Sample a scene of 3 to 10 things, at rest and apart, with the categories and colours of ``split``."""
    wanted = int(rng.integers(3, 11))
    things: list[SceneObject] = []
    for attempt in range(4 * wanted):
        if len(things) >= wanted:
            break
        novel = split is Split.NOVEL and attempt < 2
        placed = _place(rng, things, sample_part_object(rng, len(things) + 1, things, split, novel))
        if placed is not None:
            things.append(placed)
    table_half = (float(rng.uniform(0.42, 0.75)), float(rng.uniform(0.38, 0.6)))
    textures = [sample_texture(rng) for _ in range(3)]
    return Scene(tuple(things), table_half, *textures, lights=sample_lights(rng))


def sample_part_object(
    rng: np.random.Generator, id: int, things: list[SceneObject], split: Split, novel: bool = False
) -> SceneObject:
    """Sample a thing that is built from parts, at the origin, to join ``things``; ``novel`` makes it a held-out one."""
    category, colour = _sample_kind(rng, things, split, novel)
    return _sample_object(rng, id, category, colour, _sample_size(rng, things, category))


def _sample_kind(
    rng: np.random.Generator, things: list[SceneObject], split: Split, novel: bool = False
) -> tuple[str, str]:
    """Choose a category and a colour; often one of them is shared with a thing that is already there."""
    if novel:
        return _sample_novel_kind(rng)
    while True:
        category = str(rng.choice(list(CATEGORIES)))
        colour = str(rng.choice(CATEGORIES[category].colours))
        draw = rng.random()
        known = [thing for thing in things if thing.asset is None]
        if known and draw < 0.3:
            category = known[rng.integers(len(known))].category
            colour = str(rng.choice(CATEGORIES[category].colours))
        elif known and draw < 0.6:
            colour = known[rng.integers(len(known))].colour
        twins = sum(thing.category == category and thing.colour == colour for thing in things)
        if colour not in CATEGORIES[category].colours or (twins and rng.random() < 0.7):
            continue
        if split is Split.NOVEL or not is_held_out(colour, category):
            return category, colour


def _sample_novel_kind(rng: np.random.Generator) -> tuple[str, str]:
    if rng.random() < 0.5:
        pairs = sorted(HELD_OUT_PAIRS)
        colour, category = pairs[rng.integers(len(pairs))]
        return category, colour
    category = str(rng.choice(sorted(HELD_OUT_CATEGORIES)))
    return category, str(rng.choice(CATEGORIES[category].colours))


def _sample_size(rng: np.random.Generator, things: list[SceneObject], category: str) -> str:
    """Choose a size word; a small thing often meets a large one of its category, so that the words mean something."""
    rivals = [thing.size_word for thing in things if thing.category == category]
    if rivals and rivals[-1] != "medium" and rng.random() < 0.6:
        return "large" if rivals[-1] == "small" else "small"
    return str(rng.choice(list(_SIZE_FACTORS), p=[0.27, 0.46, 0.27]))


def _sample_object(rng: np.random.Generator, id: int, category: str, colour: str, size_word: str) -> SceneObject:
    """Sample a thing of this kind at the origin."""
    shape = build_shape(rng, category).scaled(rng.uniform(*_SIZE_FACTORS[size_word]))
    material = _sample_material(rng, category, colour)
    accent = str(rng.choice(["black", "grey"] if colour in ("white", "yellow") else ["white", "white", "black"]))
    if colour == "black" or category in ("die", "can", "book"):
        accent = "white" if colour != "white" else "black"
    rgb, accent_rgb = _sample_paint(rng, category, colour, material), sample_rgb(rng, accent)
    yaw = float(rng.uniform(-np.pi, np.pi))
    return SceneObject(id, category, colour, rgb, accent_rgb, size_word, material, shape, np.zeros(3), yaw)


def _sample_material(rng: np.random.Generator, category: str, colour: str) -> str:
    """Where a thing may be wooden or metal, brown means wood and grey means metal, so that the words agree."""
    materials = CATEGORIES[category].materials
    if len(materials) == 1:
        return materials[0]
    if colour == "brown" and "wooden" in materials:
        return "wooden"
    if colour == "grey" and "metal" in materials:
        return "metal"
    return str(rng.choice([m for m in materials if m not in ("wooden", "metal")]))


def _sample_paint(rng: np.random.Generator, category: str, colour: str, material: str) -> RGB:
    if material == "wooden":
        return tuple(float(v) for v in np.array([0.50, 0.31, 0.15]) * rng.uniform(0.8, 1.1))
    if category == "egg" and colour == "brown":
        return tuple(float(v) for v in np.array([0.72, 0.47, 0.32]) * rng.uniform(0.85, 1.0))
    return sample_rgb(rng, colour)


def _place(rng: np.random.Generator, things: list[SceneObject], thing: SceneObject) -> SceneObject | None:
    """Put a thing on or in another one (often, where one has room for it), or on the table; None: no room."""
    if rng.random() < 0.7:
        for support in rng.permutation(len(things)):
            placed = put_on(things, things[support], thing)
            if placed is not None:
                return placed
    for _ in range(30):
        half = np.maximum(np.array(WORKSPACE_HALF_M) - 0.5 * thing.shape.reach_m, 0.05)
        placed = replace(thing, base_m=np.array([*rng.uniform(-half, half), 0.0]))
        if all(apart(placed, other) for other in things):
            return placed
    return None


def put_on(things: list[SceneObject], support: SceneObject, thing: SceneObject) -> SceneObject | None:
    """Put a thing in the middle of a free surface of ``support``, which stands on the table; None: it does not fit."""
    surface = support.shape.surface
    taken = any(other.supports == support.id for other in things)
    fit = None if surface is None or taken or support.supports is not None else surface.fit(thing.shape.points_m)
    if fit is None:
        return None
    rests, height_m = fit
    middle = support.T_world_object[:3, :3] @ [*surface.centre_m, height_m + 0.0005]
    placed = replace(thing, base_m=support.base_m + middle, supports=support.id, rests=rests)
    return placed if all(other is support or apart(placed, other) for other in things) else None


def apart(a: SceneObject, b: SceneObject) -> bool:
    """Say whether two footprints keep a gap: some side of one separates them (separating axis theorem)."""
    (ax, ay, _), (bx, by, _) = a.position_m, b.position_m
    if (ax - bx) ** 2 + (ay - by) ** 2 > (a.shape.reach_m + b.shape.reach_m + _GAP_M) ** 2:
        return True
    axes = np.concatenate([a.T_world_object[:2, :2], b.T_world_object[:2, :2]], axis=1)  # (2, 4), one per column
    p, q = a.footprint_m @ axes, b.footprint_m @ axes
    gaps_m = np.maximum(p.min(axis=0) - q.max(axis=0), q.min(axis=0) - p.max(axis=0))
    return bool(gaps_m.max() > _GAP_M)


def sample_lights(rng: np.random.Generator) -> tuple[Light, ...]:
    """Sample 1 to 3 lights from above; the first one carries the ambient light and may throw shadows."""
    count = int(rng.integers(1, 4))
    ambient, total = rng.uniform(0.28, 0.5), rng.uniform(0.5, 0.75)
    shares = rng.dirichlet([3.0, 1.0, 1.0][:count])
    tint = 1 + rng.uniform(-0.05, 0.05) * np.array([1, 0, -1])
    lights = []
    for k, share in enumerate(shares):
        tilt, turn = np.radians(rng.uniform(5, 55)), rng.uniform(-np.pi, np.pi)
        direction = (np.sin(tilt) * np.cos(turn), np.sin(tilt) * np.sin(turn), -np.cos(tilt))
        diffuse, background = (tuple(float(v * t) for t in tint) for v in (share * total, ambient * (k == 0)))
        specular = (float(rng.uniform(0.1, 0.5)),) * 3
        lights.append(Light(tuple(map(float, direction)), diffuse, background, specular, k == 0 and rng.random() < 0.4))
    return tuple(lights)
