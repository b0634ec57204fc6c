"""What the gripper of `viper demo pick` can hold when it is told where a thing is: alone on the table, by category.

    python bench/grasp.py [--things 4]

Prints one JSON object. `held` is the share of all things that were lifted by 5 cm and held for 1 s; `graspable` the
same of those that are narrow enough or have a rim. `by_category` has [held, tried].
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from dataclasses import replace

import numpy as np

from viper_ros.sim import Scene, SceneObject, Split, sample_scene, scene_seed
from viper_ros.sim.grasp import plan_grasp
from viper_ros.sim.gripper import HELD_M, GripperWorld
from viper_ros.sim.targets import is_graspable
from viper_ros.sim.vocabulary import CATEGORIES


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--things", type=int, default=4, help="of each category (default: %(default)s)")
    wanted = parser.parse_args().things
    rows: dict[str, list[tuple[bool, bool]]] = defaultdict(list)
    for category, scenes in sorted(collect(wanted).items()):
        rows[category] = [attempt(scene) for scene in scenes]
    print(json.dumps(report(rows), indent=1))


def collect(wanted: int) -> dict[str, list[Scene]]:
    """Scenes of one thing each, `wanted` for every category."""
    found: dict[str, list[Scene]] = defaultdict(list)
    index = 0
    while len(found) < len(CATEGORIES) or min(map(len, found.values())) < wanted:
        scene = sample_scene(np.random.default_rng(scene_seed(Split.NOVEL, index)), Split.NOVEL)
        for thing in scene.objects:
            if len(found[thing.category]) < wanted:
                found[thing.category].append(replace(scene, objects=(alone(thing),)))
        index += 1
    return found


def alone(thing: SceneObject) -> SceneObject:
    """The thing by itself in the middle of the table."""
    return replace(thing, id=1, supports=None, base_m=np.zeros(3))


def attempt(scene: Scene) -> tuple[bool, bool]:
    """Whether the thing is held, and whether it counts as graspable."""
    world = GripperWorld(scene)
    thing = world.scene.objects[0]
    return world.pick(plan_grasp(thing.position_m, thing.points_m))[1] >= HELD_M, is_graspable(thing)


def report(rows: dict[str, list[tuple[bool, bool]]]) -> dict:
    tried = [row for category in rows.values() for row in category]
    possible = [held for held, graspable in tried if graspable]
    return {
        "things": len(tried),
        "held": round(sum(held for held, _ in tried) / len(tried), 3),
        "graspable": {"things": len(possible), "held": round(sum(possible) / len(possible), 3)},
        "by_category": {category: [sum(held for held, _ in one), len(one)] for category, one in rows.items()},
    }


if __name__ == "__main__":
    main()
