"""The worlds that scenes are sampled from, behind one interface: the built tabletop and the household library."""

from __future__ import annotations

from functools import cache, partial
from pathlib import Path
from typing import Protocol

import numpy as np

from viper_ros.sim.camera import Camera, sample_camera
from viper_ros.sim.household_camera import sample_household_camera
from viper_ros.sim.household_names import ASSETS, BACKDROP, SURFACES
from viper_ros.sim.household_pack import load_pack
from viper_ros.sim.household_render import HouseholdRenderer
from viper_ros.sim.household_robot import find_robot, read_robot
from viper_ros.sim.household_scene import Household
from viper_ros.sim.render import Renderer
from viper_ros.sim.scene import Scene, sample_scene
from viper_ros.sim.splits import Split

WORLDS = ("tabletop", "household")


class World(Protocol):
    """Samples what to see and from where, and draws it."""

    def sample(self, rng: np.random.Generator, split: Split) -> tuple[Scene, Camera]:
        """Sample a scene of ``split`` and a camera that looks at it."""

    def renderer(self, width: int, height: int) -> Renderer:
        """Make a renderer of images of this size in pixels, to be closed after use."""


class TabletopWorld:
    """Things built from parts on a table."""

    def sample(self, rng: np.random.Generator, split: Split) -> tuple[Scene, Camera]:
        """See `World`."""
        scene = sample_scene(rng, split=split)
        return scene, sample_camera(rng, scene)

    def renderer(self, width: int, height: int) -> Renderer:
        """See `World`."""
        return Renderer(width, height)


class HouseholdWorld:
    """Textured things of the household library, with furniture, and a robot in view where its meshes are found.

    ``assets`` is the library's folder (`household_pack.find_root`), ``robot`` the robot's
    (`household_robot.find_robot`), ``cache_folder`` where the pack is kept.
    """

    def __init__(self, assets: Path | None = None, robot: Path | None = None, cache_folder: Path | None = None) -> None:
        sources = [*(asset.source for asset in ASSETS.values()), *BACKDROP]
        found = find_robot(robot)
        extra = {} if found is None else {"panda": partial(read_robot, found)}
        self.household = Household(load_pack(sources, SURFACES, assets, cache_folder, extra))

    def sample(self, rng: np.random.Generator, split: Split) -> tuple[Scene, Camera]:
        """See `World`."""
        scene = self.household.sample_scene(rng, split)
        return scene, sample_household_camera(rng, scene)

    def renderer(self, width: int, height: int) -> Renderer:
        """See `World`."""
        return HouseholdRenderer(self.household.pack, width, height)


@cache
def open_world(name: str, assets: Path | None = None, robot: Path | None = None) -> World:
    """Open a world of ``WORLDS``; the household library is read once a process."""
    if name not in WORLDS:
        raise ValueError(f"unknown world {name!r}; valid are {WORLDS}")
    return TabletopWorld() if name == "tabletop" else HouseholdWorld(assets, robot)
