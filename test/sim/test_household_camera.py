"""The cameras of household scenes: agent view, side, wrist, top and free, as a robot's own would look."""

import numpy as np
import pytest

from viper_ros.sim import Split, household_camera, sample_scene, scene_seed
from viper_ros.sim.household_camera import sample_household_camera
from viper_ros.sim.household_robot import HAND
from viper_ros.sim.scene import Backdrop


@pytest.fixture(scope="module")
def scene():
    return sample_scene(np.random.default_rng(scene_seed(Split.TRAIN, 0)), split=Split.TRAIN)


def look(scene, kind, count=200):
    """Cameras of one kind: heights, elevations, azimuths and fields of view [deg], where they look on the table."""
    rng = np.random.default_rng(0)
    cameras = [getattr(household_camera, f"_{kind}")(rng, scene) for _ in range(count)]
    away = np.array([-c.T_world_camera[:3, 2] for c in cameras])
    elevation = np.degrees(np.arcsin(away[:, 2]))
    azimuth = np.degrees(np.arctan2(away[:, 1], away[:, 0]))
    places = np.array([c.position_m for c in cameras])
    hits = places - away * (places[:, 2:] / away[:, 2:])
    return places[:, 2], elevation, azimuth, np.array([c.fov_y_deg for c in cameras]), hits


def test_the_agent_view_faces_the_robot_over_the_table(scene):
    _, elevation, azimuth, fov, hits = look(scene, "agent")
    assert elevation.min() > 10 and elevation.max() < 65 and np.ptp(elevation) > 25
    assert np.abs(azimuth).max() < 60
    assert np.ptp(fov) > 20 and np.abs(np.median(hits, axis=0)).max() < 0.3


def test_the_wrist_view_is_near_and_looks_down(scene):
    height, elevation, _, fov, _ = look(scene, "wrist")
    assert np.median(height) < 0.6 and np.quantile(elevation, 0.1) > 45 and fov.min() > 50


def test_on_a_robot_the_wrist_camera_rides_on_the_hand(scene):
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = np.diag([1.0, -1.0, -1.0]), [0.1, 0.05, 0.4]  # fingers down
    with_hand = type(scene)(**{**scene.__dict__, "backdrop": (Backdrop(HAND, pose),)})
    rng = np.random.default_rng(0)
    away = [np.linalg.norm(household_camera._wrist(rng, with_hand).position_m - pose[:3, 3]) for _ in range(200)]
    assert 0.5 < np.mean(np.array(away) < 0.12) < 0.9


def test_the_top_view_looks_straight_down(scene):
    height, elevation, azimuth, *_ = look(scene, "top")
    assert elevation.min() > 70 and height.min() > 0.6 and np.ptp(azimuth) > 300


def test_all_kinds_come_up_and_none_looks_from_below_the_table(scene):
    rng = np.random.default_rng(0)
    cameras = [sample_household_camera(rng, scene) for _ in range(400)]
    down = np.array([c.T_world_camera[2, 2] for c in cameras])
    assert all(c.position_m[2] > 0.05 for c in cameras)
    assert (down < -0.95).mean() > 0.1 and (down > -0.7).mean() > 0.2
