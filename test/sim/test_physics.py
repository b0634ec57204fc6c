"""Scenes as physics: masses, rest, poses."""

import mujoco
import numpy as np
import pytest

from viper_ros.sim import Split, sample_scene, scene_seed
from viper_ros.sim.physics import build_spec, moved


def simulated(index):
    scene = sample_scene(np.random.default_rng(scene_seed(Split.TEST, index)), Split.TEST)
    model = build_spec(scene).compile()
    return scene, model, mujoco.MjData(model)


def test_things_weigh_what_such_things_weigh():
    masses = {}
    for index in range(40):
        scene, model, _ = simulated(index)
        for thing in scene.objects:
            masses.setdefault(thing.category, []).append(float(model.body(f"object_{thing.id}").mass[0]))
    usual = {"mug": (0.1, 0.6), "hammer": (0.05, 0.6), "spoon": (0.003, 0.05), "apple": (0.03, 0.3), "can": (0.1, 1.5)}
    for category, (least, most) in usual.items():
        assert all(least < mass < most for mass in masses[category]), (category, masses[category])


def test_round_things_come_to_rest_and_do_not_roll_away():
    seen = set()
    for index in range(12):
        scene, model, data = simulated(index)
        mujoco.mj_step(model, data, 500)
        for before, now in zip(scene.objects, moved(scene, model, data).objects, strict=True):
            if before.category in ("ball", "marker", "egg", "orange", "lemon") and before.supports is None:
                seen.add(before.category)
                assert np.linalg.norm(now.base_m - before.base_m) < 0.01, before.name
    assert len(seen) >= 2


def test_a_thing_that_was_tipped_over_is_shown_lying():
    scene, model, data = simulated(0)
    first = scene.objects[0]
    joint = data.joint(f"object_{first.id}_free")
    quarter = np.sqrt(0.5)
    joint.qpos[:] = [0.1, 0.2, 0.3, quarter, quarter, 0, 0]  # a quarter turn about x
    mujoco.mj_forward(model, data)
    now = moved(scene, model, data).objects[0]
    np.testing.assert_allclose(now.T_world_object[:3, 3], [0.1, 0.2, 0.3])
    np.testing.assert_allclose(now.T_world_object[:3, 2], [0, -1, 0], atol=1e-9)
    assert np.ptp(now.points_m[:, 1]) == pytest.approx(first.extent_m[2])
    assert (now.id, now.name, now.shape) == (first.id, first.name, first.shape)
