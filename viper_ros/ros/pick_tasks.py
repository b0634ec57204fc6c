"""What there is to pick: simulated tabletops, each with one thing that is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from viper_ros.ros.sim_camera_node import SCENES_PER_SEED
from viper_ros.sim import Camera, Frame, Renderer, SceneObject, Split, sample_camera, sample_scene, scene_seed
from viper_ros.sim.gripper import GripperWorld
from viper_ros.sim.splits import is_held_out
from viper_ros.sim.targets import candidates, named_kind, named_target


@dataclass(frozen=True, eq=False)
class Task:
    """A tabletop at rest under the gripper, the camera's view of it, and what is asked for."""

    number: int
    world: GripperWorld
    camera: Camera
    frame: Frame
    target: SceneObject
    instruction: str


def tasks(renderer: Renderer, seed: int, instruction: str | None) -> Iterator[Task]:
    """The tabletops of a series that have something to pick: what the instruction names, None: anything, by its name.

    They are those of `viper demo` with the same seed; training has seen none of them. Raises ValueError for an
    instruction that names nothing known, or nothing that is in any tabletop of the series.
    """
    nothing = f"no tabletop of series {seed} has one thing {instruction!r} that can be picked; try another"
    if instruction is not None:
        category, colour = named_kind(instruction)
        if is_held_out(colour, category):
            raise ValueError(nothing)
    yielded = False
    for number in range(SCENES_PER_SEED):
        rng = np.random.default_rng(scene_seed(Split.TEST, seed * SCENES_PER_SEED + number))
        scene = sample_scene(rng, split=Split.TEST)
        if instruction is not None and named_target(instruction, scene) is None:
            continue
        world = GripperWorld(scene)
        camera = sample_camera(rng, scene)
        frame = renderer.render(world.scene, camera)
        choice = candidates(world.scene, frame)
        if instruction is not None:
            choice = [thing for thing in choice if thing is named_target(instruction, world.scene, frame)]
        if choice:
            yielded = True
            target = choice[rng.integers(len(choice))]
            yield Task(number, world, camera, frame, target, instruction or f"pick up the {target.name}")
    if not yielded:
        raise ValueError(nothing)
