"""Sampling of household scenes: groceries, crockery and furniture on a table or on the floor, maybe with a robot.

World frame as in `scene`: z up, origin in the middle of the table's top, metres. A robot stands at negative x and
reaches towards positive x; furniture looks there too.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np

from viper_ros.sim.household_names import ASSETS, BACKDROP, FLOORS, TABLES, WALLS, Asset
from viper_ros.sim.household_pack import Pack
from viper_ros.sim.household_robot import HAND, sample_robot
from viper_ros.sim.household_shape import AssetShape, asset_shape
from viper_ros.sim.household_words import HOUSEHOLD
from viper_ros.sim.parts import rotation
from viper_ros.sim.scene import (
    FLOOR_M,
    Backdrop,
    Scene,
    SceneObject,
    apart,
    put_on,
    sample_lights,
    sample_part_object,
)
from viper_ros.sim.splits import HELD_OUT_ASSETS, Split
from viper_ros.sim.textures import Photo, Texture, sample_texture

AREA_HALF_M = (0.30, 0.36)
"""Small things stand within this rectangle around the middle of the table, furniture further out."""

_MOST_THINGS = 12
_SMALL_M = 0.14
_ROBOT = 0.55
"""Share of the scenes with a robot, most of them with all of it out of a near camera's sight."""

_TIPPED, _TWIN, _SUPPORTED = 0.15, 0.4, 0.4
"""How often a thing lies on its side, repeats another one, lies on another one."""

_BUILT_FROM_PARTS, _BUILT_SCENES, _BUILT_THERE = 0.12, 0.2, 0.75
"""How often a thing comes from the tabletop world; how many scenes are full of such; how often a thing is one there."""

_STACKED_TWINS = 0.25
"""How often it is tried to lay one of two of the same on a small thing: to tell it takes more than a name."""
_CROCKERY = 0.4
"""How often these are things that hold others themselves, such as bowls and plates."""

_SAME = 0.6
"""How often a repetition is of the very same asset and not of another one of its category."""


class Household:
    """A pack with the shapes of its assets, measured once; the same pack gives the same scenes for the same seeds."""

    def __init__(self, pack: Pack) -> None:
        self.pack = pack
        self.shapes: dict[str, AssetShape] = {
            name: asset_shape(pack.meshes[name], asset.holds, asset.at_m)
            for name, asset in ASSETS.items()
            if name in pack.meshes
        }
        self.has_robot = HAND in pack.meshes

    def sample_scene(self, rng: np.random.Generator, split: Split = Split.TRAIN) -> Scene:
        """Sample a scene of 3 to 12 things, at rest and apart, with the assets of ``split``."""
        things: list[SceneObject] = []
        for _ in range(int(rng.choice([0, 1, 2], p=[0.35, 0.4, 0.25]))):
            self._add_furniture(rng, things, split)
        built = _BUILT_THERE if rng.random() < _BUILT_SCENES else _BUILT_FROM_PARTS
        wanted = min(len(things) + int(rng.integers(3, 10)), _MOST_THINGS)
        if split is not Split.NOVEL and rng.random() < _STACKED_TWINS:  # there, what is new comes first
            self._add_stacked_twins(rng, things, split)
        for attempt in range(4 * wanted):
            if len(things) >= wanted:
                break
            self._add_small(rng, things, split, built, novel=split is Split.NOVEL and attempt < 2)
        half, table, floor, wall = _sample_room(rng)
        backdrop = _sample_backdrop(rng, self.pack)
        if self.has_robot and rng.random() < _ROBOT:
            backdrop += sample_robot(rng)
        return Scene(tuple(things), half, table, floor, wall, sample_lights(rng), backdrop, HOUSEHOLD)

    def _add_furniture(self, rng: np.random.Generator, things: list[SceneObject], split: Split) -> None:
        """Stand a large thing at the back or at a side, its front towards positive x."""
        asset = _choose(rng, split, large=True)
        thing = self.make(rng, len(things) + 1, asset, yaw=0.5 * np.pi + float(rng.normal(0, 0.25)))
        for _ in range(10):
            place = rng.uniform([-0.34, -0.42, 0], [0.05, 0.42, 0])
            placed = replace(thing, base_m=place)
            if (abs(place[1]) > 0.18 or place[0] < -0.2) and all(apart(placed, other) for other in things):
                things.append(placed)
                return

    def _add_small(
        self, rng: np.random.Generator, things: list[SceneObject], split: Split, built: float, novel: bool
    ) -> None:
        twins = [t for t in things if t.asset and not ASSETS[t.asset].large and t.shape.reach_m < _SMALL_M]
        if rng.random() < built and not novel:
            thing = sample_part_object(rng, len(things) + 1, things, split)
        elif twins and rng.random() < _TWIN and not novel:
            thing = self.make(rng, len(things) + 1, self._relative(rng, twins[rng.integers(len(twins))], split))
        else:
            thing = self.make(rng, len(things) + 1, _choose(rng, split, large=False, novel=novel))
        placed = _place(rng, things, thing)
        if placed is not None:
            things.append(placed)

    def _add_stacked_twins(self, rng: np.random.Generator, things: list[SceneObject], split: Split) -> None:
        """Stand a thing that carries others, one of these on or in it and the same once more beside it, if they fit."""
        carriers = [a for a in _allowed(split) if not a.large and self.shapes[a.name].surface is not None]
        carrier = _on_table(rng, things, self.make(rng, len(things) + 1, _by_category(rng, carriers)))
        if carrier is None or carrier.shape.surface is None:  # it lies on its side
            return
        for _ in range(12):
            asset = _by_category(rng, carriers) if rng.random() < _CROCKERY else _choose(rng, split, large=False)
            carried = put_on([*things, carrier], carrier, self.make(rng, len(things) + 2, asset))
            if carried is not None:
                things += [carrier, carried]
                twin = _on_table(rng, things, self.make(rng, len(things) + 1, asset))
                things += [] if twin is None else [twin]
                return

    def _relative(self, rng: np.random.Generator, thing: SceneObject, split: Split) -> Asset:
        """Give the same asset again, or another one of its category: questions then need more than a name."""
        same = [a for a in _allowed(split) if a.category == thing.category and not a.large]
        return ASSETS[thing.asset] if rng.random() < _SAME else same[rng.integers(len(same))]

    def make(self, rng: np.random.Generator, id: int, asset: Asset, yaw: float | None = None) -> SceneObject:
        """Make a thing of ``asset`` at the origin, about as big as it really is; ``yaw`` in radians, None for any."""
        shape = self.shapes[asset.name].scaled(float(rng.uniform(0.92, 1.12)))
        if asset.tips and rng.random() < _TIPPED:
            shape = shape.turned(rotation(*((90, 0, 0) if rng.random() < 0.5 else (0, 90, 0))))
        heading = float(rng.uniform(-np.pi, np.pi)) if yaw is None else yaw
        tint = tuple(float(v) for v in rng.uniform(0.82, 1.0) * rng.uniform(0.96, 1.0, 3))
        return SceneObject(
            id, asset.category, asset.colour, tint, tint, "medium", asset.material, shape, np.zeros(3), heading,
            asset=asset.name, other_colours=asset.also,
        )  # fmt: skip


@cache
def _allowed(split: Split) -> tuple[Asset, ...]:
    return tuple(a for a in ASSETS.values() if split is Split.NOVEL or a.name not in HELD_OUT_ASSETS)


def _choose(rng: np.random.Generator, split: Split, large: bool, novel: bool = False) -> Asset:
    """Choose a category, then one of its assets: a name with many assets is no more frequent than another."""
    return _by_category(
        rng, [a for a in _allowed(split) if a.large == large and (not novel or a.name in HELD_OUT_ASSETS)]
    )


def _by_category(rng: np.random.Generator, assets: list[Asset]) -> Asset:
    categories = list(dict.fromkeys(a.category for a in assets))
    category = categories[rng.integers(len(categories))]
    assets = [a for a in assets if a.category == category]
    return assets[rng.integers(len(assets))]


def _place(rng: np.random.Generator, things: list[SceneObject], thing: SceneObject) -> SceneObject | None:
    """Put a thing on or in another one, or on the table; None: no room."""
    if rng.random() < _SUPPORTED:
        for support in rng.permutation(len(things)):
            placed = put_on(things, things[support], thing)
            if placed is not None:
                return placed
    return _on_table(rng, things, thing)


def _on_table(rng: np.random.Generator, things: list[SceneObject], thing: SceneObject) -> SceneObject | None:
    for _ in range(20):
        placed = replace(thing, base_m=np.array([*rng.uniform(-1, 1, 2) * AREA_HALF_M, 0.0]))
        if all(apart(placed, other) for other in things):
            return placed
    return None


def _sample_room(
    rng: np.random.Generator,
) -> tuple[tuple[float, float], Photo | Texture, Photo | Texture, Photo | Texture]:
    """Sample the table's half sides and the surfaces of table, floor and walls; a huge table is a floor."""
    half = (float(rng.uniform(0.5, 0.9)), float(rng.uniform(0.5, 1.0)))
    tables: tuple[str, ...] = TABLES
    if rng.random() < 0.25:
        half, tables = (2.15, 2.15), FLOORS
    return half, _sample_surface(rng, tables), _sample_surface(rng, FLOORS), _sample_surface(rng, WALLS)


def _sample_surface(rng: np.random.Generator, names: tuple[str, ...]) -> Photo | Texture:
    if rng.random() < 0.25:
        return sample_texture(rng)
    tint = tuple(float(v) for v in np.clip(rng.uniform(0.6, 1.1) * rng.uniform(0.92, 1.05, 3), 0, 1))
    return Photo(names[rng.integers(len(names))], tint, float(rng.uniform(0.8, 4.0)))


def _sample_backdrop(rng: np.random.Generator, pack: Pack) -> tuple[Backdrop, ...]:
    """Sample furniture of the room, along its walls."""
    items = []
    names = [source.name for source in BACKDROP if source.name in pack.meshes]
    for _ in range(int(rng.integers(0, 3)) if names else 0):
        pose, yaw, angle = np.eye(4), rng.uniform(-np.pi, np.pi), rng.uniform(-np.pi, np.pi)
        pose[:3, :3] = rotation(z_deg=float(np.degrees(yaw)))
        pose[:3, 3] = [1.6 * np.cos(angle), 1.6 * np.sin(angle), FLOOR_M]
        items.append(Backdrop(names[rng.integers(len(names))], pose))
    return tuple(items)
