"""The gripper over the physics, the grasps that are planned for it, and the things that it is asked to pick."""

from dataclasses import replace

import numpy as np
import pytest

from viper_ros.sim import Split, sample_camera, sample_scene, scene_seed
from viper_ros.sim.grasp import MAX_OPENING_M, TABLE_CLEARANCE_M, plan_grasp
from viper_ros.sim.gripper import HELD_M, GripperWorld
from viper_ros.sim.targets import candidates, is_graspable, named_kind, named_target


def bar(length_m=0.16, width_m=0.04, height_m=0.05, yaw=0.5, middle=(0.1, -0.05), seen_from=None):
    """Points on a bar that stands on the table; `seen_from` leaves those on that half alone."""
    rng = np.random.default_rng(0)
    points = rng.uniform(-0.5, 0.5, (2000, 3)) * [length_m, width_m, height_m]
    axis = rng.integers(0, 3, len(points))
    sizes = np.array([length_m, width_m, height_m])
    rows = np.arange(len(points))
    points[rows, axis] = 0.5 * sizes[axis] * np.sign(points[rows, axis])
    if seen_from is not None:
        points = points[points @ np.array(seen_from) > 0]
    turn = np.array([[np.cos(yaw), -np.sin(yaw), 0], [np.sin(yaw), np.cos(yaw), 0], [0, 0, 1]])
    return points @ turn.T + [*middle, 0.5 * height_m], np.array([*middle, 0.5 * height_m])


def angle_between(a, b):
    """Of two directions of a line [rad]."""
    return abs((a - b + np.pi / 2) % np.pi - np.pi / 2)


@pytest.mark.parametrize("seen_from", [None, (1.0, 0.4, 0.8), (-0.2, -1.0, 0.5)])
def test_the_gripper_closes_across_the_narrow_side_also_when_one_side_was_seen(seen_from):
    points, middle = bar(seen_from=seen_from)
    grasp = plan_grasp(middle, points)
    assert angle_between(grasp.yaw, 0.5 + np.pi / 2) < 0.05
    np.testing.assert_allclose(grasp.tip_m[:2], middle[:2])
    assert 0.04 < grasp.opening_m < 0.09 and not grasp.rim


def test_an_uncertain_position_opens_the_gripper_wider():
    points, middle = bar()
    sure, unsure = (plan_grasp(middle, points, sigma**2 * np.eye(3)) for sigma in (0.0, 0.01))
    assert unsure.opening_m == pytest.approx(sure.opening_m + 0.04, abs=1e-6)
    assert plan_grasp(middle, points, np.eye(3)).opening_m == MAX_OPENING_M


def test_the_fingers_go_to_the_middle_of_a_thing_but_neither_into_the_table_nor_with_the_palm_into_it():
    low, middle_low = bar(height_m=0.01)
    tall, middle_tall = bar(height_m=0.28)
    assert plan_grasp(middle_low, low).tip_m[2] == TABLE_CLEARANCE_M
    assert 0.28 - plan_grasp(middle_tall, tall).tip_m[2] < 0.11


def test_what_is_too_wide_is_held_at_its_edge():
    points, middle = bar(length_m=0.3, width_m=0.2)
    grasp = plan_grasp(middle, points)
    assert grasp.rim and np.linalg.norm(grasp.tip_m[:2] - middle[:2]) == pytest.approx(0.1, abs=0.005)


def test_too_few_points_are_an_error_that_says_so():
    with pytest.raises(ValueError, match="N >= 3"):
        plan_grasp(np.zeros(3), np.zeros((2, 3)))


def scene_of(*categories, split=Split.TEST):
    """A scene of one thing of each category, apart from each other."""
    things = {}
    for index in range(200):
        scene = sample_scene(np.random.default_rng(scene_seed(split, index)), split)
        for thing in scene.objects:
            if thing.category in categories:
                things.setdefault(thing.category, thing)
        if len(things) == len(categories):
            break
    placed = [
        replace(things[category], id=1 + k, supports=None, base_m=np.array([0.25 * k - 0.12, 0.0, 0.0]))
        for k, category in enumerate(categories)
    ]
    return replace(scene, objects=tuple(placed))


@pytest.mark.parametrize("category", ["mug", "bottle", "spoon", "ball", "hammer", "bowl"])
def test_a_thing_whose_place_is_known_is_lifted_alone(category):
    world = GripperWorld(scene_of(category, "cube"))
    thing = world.scene.objects[0]
    heights_m = world.pick(plan_grasp(thing.position_m, thing.points_m))
    assert heights_m[1] >= HELD_M and abs(heights_m[2]) < 0.002


def test_nothing_is_lifted_where_nothing_is_and_a_reset_brings_the_same_tabletop_back():
    world = GripperWorld(scene_of("mug", "cube"))
    thing = world.scene.objects[0]
    grasp = plan_grasp(thing.position_m, thing.points_m)
    missed = world.pick(replace(grasp, tip_m=grasp.tip_m + np.array([0.0, 0.15, 0.0])))
    assert max(missed.values()) < 0.002
    world.reset()
    held = world.pick(grasp)
    assert held[1] >= HELD_M
    world.reset()
    assert world.pick(grasp) == held  # physics is the same each time
    world.reset()
    for before, now in zip(world.scene.objects, world.shown(with_gripper=False).objects, strict=True):
        np.testing.assert_allclose(now.T_world_object, before.T_world_object, atol=1e-9)


def test_the_gripper_and_what_it_lifts_are_seen_by_the_camera(renderer):
    world = GripperWorld(scene_of("mug", "cube"))
    camera = sample_camera(np.random.default_rng(0), world.scene)
    mug, frames = world.scene.objects[0], []
    world.pick(
        plan_grasp(mug.position_m, mug.points_m), lambda stage: frames.append(renderer.render(world.shown(), camera))
    )
    before = renderer.render(world.scene, camera)
    above, grasp, lifted = frames
    assert 3 not in before.ids and all((frame.ids == 3).any() for frame in (grasp, lifted))
    rows = [np.nonzero(frame.ids == mug.id)[0].mean() for frame in (before, lifted)]
    assert rows[1] < rows[0] - 5  # higher in the picture
    assert (above.ids == mug.id).sum() > 100


def test_an_instruction_names_one_category_and_maybe_a_colour():
    assert named_kind("the red mug") == ("mug", "red")
    assert named_kind("Please pick up the violet coffee mug!") == ("mug", "purple")
    assert named_kind("grab the flower pot") == ("flower pot", None)
    assert named_kind("the orange") == ("orange", None)
    assert named_kind("the orange ball") == ("ball", "orange")


@pytest.mark.parametrize("text", ["the thing", "", "the mug on the plate", "the red or blue mug"])
def test_an_instruction_that_cannot_be_judged_is_refused_with_the_words_that_can_be(text):
    with pytest.raises(ValueError, match=r"things: mug, .*colours: red"):
        named_kind(text)


def test_a_target_has_its_name_alone_and_nothing_on_it():
    scene = scene_of("mug", "cube")
    mug, cube = scene.objects
    assert named_target(f"the {mug.name}", scene) is mug and named_target("the cube", scene) is cube
    assert candidates(scene) == [mug, cube]
    twin = replace(mug, id=3, base_m=np.array([0.0, 0.2, 0.0]))
    assert named_target(f"the {mug.name}", replace(scene, objects=(mug, cube, twin))) is None
    inside = replace(cube, supports=1)
    assert candidates(replace(scene, objects=(mug, inside))) == []


def test_a_bowl_is_graspable_by_its_rim_and_a_plate_is_not():
    assert is_graspable(scene_of("bowl").objects[0]) and not is_graspable(scene_of("plate").objects[0])
