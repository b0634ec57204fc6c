"""Cameras of household scenes: as a benchmark's agent view, from a side, near and looking down as on a wrist, above."""

from __future__ import annotations

import numpy as np

from viper_ros.sim.camera import Camera, sample_camera
from viper_ros.sim.household_robot import HAND
from viper_ros.sim.parts import rotation
from viper_ros.sim.scene import Scene

_KINDS = {"agent": 0.42, "side": 0.13, "wrist": 0.22, "top": 0.08, "free": 0.15}


def sample_household_camera(rng: np.random.Generator, scene: Scene) -> Camera:
    """Sample a camera: in front of the robot and looking at it (most often), or one of the others."""
    kind = str(rng.choice(list(_KINDS), p=list(_KINDS.values())))
    if kind == "free":
        return sample_camera(rng, scene)
    return {"agent": _agent, "side": _side, "wrist": _wrist, "top": _top}[kind](rng, scene)


def _agent(rng: np.random.Generator, scene: Scene) -> Camera:
    """Opposite the robot, 0.5 to 1.3 m away from the middle, 15 to 55 degrees up."""
    return _around(rng, azimuth_deg=float(rng.normal(0, 12)), elevation_deg=float(rng.uniform(18, 58)))


def _side(rng: np.random.Generator, scene: Scene) -> Camera:
    azimuth_deg = float(rng.choice([-1, 1]) * rng.uniform(35, 150))
    return _around(rng, azimuth_deg, elevation_deg=float(rng.uniform(15, 60)))


def _around(rng: np.random.Generator, azimuth_deg: float, elevation_deg: float) -> Camera:
    target = rng.uniform([-0.16, -0.1, 0.0], [0.08, 0.1, 0.12])
    fov_y_deg = float(rng.uniform(38, 66))
    distance = np.clip(0.5 * rng.uniform(0.75, 1.35) / np.tan(np.radians(0.5 * fov_y_deg)), 0.5, 1.6)
    return Camera.look_at(
        target + distance * _direction(azimuth_deg, elevation_deg), target, fov_y_deg, rng.normal(0, 1.5)
    )


def _wrist(rng: np.random.Generator, scene: Scene) -> Camera:
    """On the robot's hand; without a robot, above a place among the things, looking down with any heading."""
    hand = [item.T_world_asset for item in scene.backdrop if item.asset == HAND]
    if hand and rng.random() < 0.7:
        return _hand(rng, hand[0])
    target = scene.objects[rng.integers(len(scene.objects))].position_m * [1, 1, 0.5] if scene.objects else np.zeros(3)
    target = target + rng.uniform([-0.12, -0.12, 0.0], [0.12, 0.12, 0.03])
    height = rng.uniform(0.22, 0.55)
    away = _direction(float(rng.uniform(-180, 180)), float(rng.uniform(52, 87)))
    return Camera.look_at(target + height * away, target, float(rng.uniform(55, 85)), float(rng.uniform(-180, 180)))


def _hand(rng: np.random.Generator, hand: np.ndarray) -> Camera:
    """On the robot's hand (4, 4), beside the fingers and looking along them, either way up."""
    turn = hand[:3, :3] @ rotation(*rng.normal(0, 4, 3)) @ rotation(z_deg=float(rng.choice([0, 180])))
    offset = rng.uniform([0.04, -0.02, -0.04], [0.08, 0.02, 0.03])
    pose = np.eye(4)
    pose[:3, :3] = np.stack([turn[:, 1], -turn[:, 0], turn[:, 2]], axis=1)
    pose[:3, 3] = hand[:3, 3] + hand[:3, :3] @ offset
    return Camera(pose[:3, 3].copy(), pose[:3, 3] + pose[:3, 2], float(rng.uniform(62, 85)), pose)


def _top(rng: np.random.Generator, scene: Scene) -> Camera:
    target = rng.uniform([-0.12, -0.1, 0.0], [0.08, 0.1, 0.0])
    away = _direction(float(rng.uniform(-180, 180)), float(rng.uniform(76, 88)))
    return Camera.look_at(target + rng.uniform(0.7, 1.2) * away, target, float(rng.uniform(40, 70)), rng.normal(0, 2))


def _direction(azimuth_deg: float, elevation_deg: float) -> np.ndarray:
    azimuth, elevation = np.radians([azimuth_deg, elevation_deg])
    return np.array([np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)])
