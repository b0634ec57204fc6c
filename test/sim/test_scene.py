import mujoco
import numpy as np
import pytest

from viper_ros.sim import Split, sample_scene, scene_seed
from viper_ros.sim.physics import build_spec, moved
from viper_ros.sim.scene import WORKSPACE_HALF_M


def scenes(split, count=20):
    return [sample_scene(np.random.default_rng(scene_seed(split, index)), split) for index in range(count)]


def test_a_seed_gives_the_same_scene_again():
    first, second = (sample_scene(np.random.default_rng(scene_seed(Split.TEST, 3)), Split.TEST) for _ in range(2))
    assert [(t.name, t.rgb, t.yaw, t.supports) for t in first.objects] == [
        (t.name, t.rgb, t.yaw, t.supports) for t in second.objects
    ]
    assert all(np.array_equal(a.points_m, b.points_m) for a, b in zip(first.objects, second.objects, strict=True))
    assert (first.lights, first.table, first.floor) == (second.lights, second.table, second.floor)


def test_scenes_hold_three_to_ten_things_with_ids_in_order():
    for scene in scenes(Split.TRAIN, 40):
        assert 3 <= len(scene.objects) <= 10
        assert [thing.id for thing in scene.objects] == list(range(1, len(scene.objects) + 1))
        for thing in scene.objects:
            assert scene.object(thing.id) is thing
            assert (np.abs(thing.position_m[:2]) < np.array(WORKSPACE_HALF_M) + 0.15).all()


def test_some_things_lie_on_or_in_others():
    supported = [(thing, scene) for scene in scenes(Split.TRAIN, 40) for thing in scene.objects if thing.supports]
    assert {scene.object(thing.supports).shape.surface.relation for thing, scene in supported} == {"on", "in"}
    for thing, scene in supported:
        support = scene.object(thing.supports)
        assert np.allclose(thing.base_m[:2], support.base_m[:2])
        assert thing.base_m[2] > 0


def test_things_often_share_a_colour_or_a_category():
    shared = [
        len({t.colour for t in scene.objects}) < len(scene.objects)
        and len({t.category for t in scene.objects}) < len(scene.objects)
        for scene in scenes(Split.TRAIN, 40)
    ]
    assert sum(shared) > 10


@pytest.mark.parametrize("split", [Split.TRAIN, Split.NOVEL])
def test_scenes_start_near_rest_and_apart(split):
    for scene in scenes(split, 6):
        model = build_spec(scene).compile()
        data = mujoco.MjData(model)
        mujoco.mj_forward(model, data)
        assert all(contact.dist > -0.002 for contact in data.contact)
        for _ in range(150):
            mujoco.mj_step(model, data)
        after = moved(scene, model, data)
        for before, now in zip(scene.objects, after.objects, strict=True):
            assert np.linalg.norm(now.base_m - before.base_m) < 0.015, before.name
            assert 0.003 < model.body(f"object_{before.id}").subtreemass[0] < 3.0, before.name
