from dataclasses import replace

import numpy as np
import pytest

from viper_ros.sim import Camera, Renderer, Split, project, sample_camera, sample_scene, scene_seed
from viper_ros.sim.assets import build_shape
from viper_ros.sim.scene import SceneObject
from viper_ros.sim.view import View
from viper_ros.sim.vocabulary import CATEGORIES


def back_project(frame):
    """World points (H, W, 3) of every pixel."""
    v, u = np.indices(frame.depth_m.shape)
    K = frame.K
    local = (
        np.stack([(u - K[0, 2]) / K[0, 0], (v - K[1, 2]) / K[1, 1], np.ones(u.shape)], -1) * frame.depth_m[..., None]
    )
    return local @ frame.T_world_camera[:3, :3].T + frame.T_world_camera[:3, 3]


def everything(looks):
    return [pair for pairs in looks.values() for pair in pairs]


def test_a_frame_has_the_promised_shapes_and_types(looks):
    _, frame = looks[Split.TRAIN][0]
    assert frame.rgb.shape == (192, 256, 3) and frame.rgb.dtype == np.uint8
    assert frame.depth_m.shape == (192, 256) and frame.depth_m.dtype == np.float32
    assert frame.ids.shape == (192, 256) and frame.ids.dtype == np.int32
    assert frame.K.shape == (3, 3) and frame.T_world_camera.shape == (4, 4)


def test_ids_are_those_of_the_scene(looks):
    for scene, frame in everything(looks):
        assert set(np.unique(frame.ids)) <= {0, *(thing.id for thing in scene.objects)}
        assert frame.ids.any()


@pytest.mark.parametrize("category", sorted(CATEGORIES))
def test_every_category_shows_itself_in_its_colour(renderer, looks, category):
    scene, _ = looks[Split.TRAIN][0]
    rng = np.random.default_rng(0)
    shape = build_shape(rng, category)
    thing = SceneObject(1, category, "red", (0.9, 0.05, 0.05), (1, 1, 1), "medium", "plastic", shape, np.zeros(3), 0.4)
    scene = replace(scene, objects=(thing,), lights=(replace(scene.lights[0], ambient=(0.5,) * 3),))
    camera = Camera.look_at(np.array([0.1, -0.3, 0.45]), thing.position_m, 45)
    frame = renderer.render(scene, camera)
    pixels = frame.rgb[frame.ids == 1].astype(int)
    assert len(pixels) > 150
    red = (pixels[:, 0] > 1.8 * pixels[:, 1]) & (pixels[:, 0] > 1.8 * pixels[:, 2])
    assert red.mean() > 0.12


def test_depth_of_the_table_back_projects_to_its_height(looks):
    for scene, frame in everything(looks):
        points = back_project(frame)
        x, y = scene.table_half_m
        on_table = (frame.ids == 0) & (np.abs(points[..., 0]) < x - 0.02) & (np.abs(points[..., 1]) < y - 0.02)
        on_table &= points[..., 2] > -0.1
        if on_table.sum() > 100:
            assert np.abs(points[on_table][:, 2]).max() < 0.002


def test_depth_of_a_thing_back_projects_into_its_bounding_box(looks):
    for scene, frame in everything(looks):
        points = back_project(frame)
        for thing in scene.objects:
            seen = points[frame.ids == thing.id]
            local = (seen - thing.base_m) @ thing.T_world_object[:3, :3]
            low, high = thing.shape.bounds_m
            assert (local > low - 0.004).all() and (local < high + 0.004).all(), thing.name


def test_the_surface_of_a_thing_in_clear_sight_projects_onto_its_mask(looks):
    for scene, frame in everything(looks):
        for sight in View(scene, frame).sights.values():
            pixels, depth = project(sight.thing.points_m, frame.K, frame.T_world_camera)
            assert (depth > 0).all()
            rows, columns = np.nonzero(frame.ids == sight.thing.id)
            assert columns.min() > pixels[:, 0].min() - 1.5 and columns.max() < pixels[:, 0].max() + 1.5
            assert rows.min() > pixels[:, 1].min() - 1.5 and rows.max() < pixels[:, 1].max() + 1.5
            if sight.clear:
                assert sight.fraction >= 0.4


def test_the_same_scene_renders_the_same_after_another_one(renderer):
    def draw(index):
        rng = np.random.default_rng(scene_seed(Split.TRAIN, index))
        scene = sample_scene(rng)
        return renderer.render(scene, sample_camera(rng, scene))

    first, _, again = draw(5), draw(6), draw(5)
    assert np.array_equal(first.ids, again.ids)
    assert np.array_equal(first.rgb, again.rgb)
    assert np.array_equal(first.depth_m, again.depth_m)


def test_the_optical_frame_has_x_right_y_down_z_forward():
    camera = Camera.look_at(np.array([0.0, -1.0, 1.0]), np.zeros(3), 50)
    K = camera.intrinsics(200, 100)
    (centre, right, ahead, up), depth = project(
        np.array([[0, 0, 0], [0.1, 0, 0], [0, 0.1, 0], [0, 0, 0.1]]), K, camera.T_world_camera
    )
    assert np.allclose(centre, [99.5, 49.5]) and np.isclose(depth[0], np.sqrt(2))
    assert right[0] > centre[0] and ahead[1] < centre[1] and up[1] < centre[1]
    assert np.isclose(np.linalg.det(camera.T_world_camera[:3, :3]), 1)


def test_a_vertical_view_and_a_bad_size_are_refused():
    with pytest.raises(ValueError, match="vertical"):
        Camera.look_at(np.array([0.0, 0.0, 1.0]), np.zeros(3), 50)
    with pytest.raises(ValueError, match="got 0 x 100"):
        Renderer(0, 100)


def test_a_closed_renderer_says_so(looks):
    scene, _ = looks[Split.TRAIN][0]
    renderer = Renderer(32, 24)
    renderer.close()
    renderer.close()
    with pytest.raises(RuntimeError, match="closed"):
        renderer.render(scene, sample_camera(np.random.default_rng(0), scene))
