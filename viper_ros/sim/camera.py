"""Cameras that look at a tabletop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from viper_ros.sim.scene import Scene


@dataclass(frozen=True, eq=False)
class Camera:
    """A pinhole camera without distortion, its principal point in the middle of the image.

    ``T_world_camera`` (4, 4) takes points of the optical frame (REP 103: x right, y down, z forward) to the world,
    whose z is up and whose origin is the middle of the table's top; metres.
    """

    position_m: np.ndarray
    target_m: np.ndarray
    fov_y_deg: float
    T_world_camera: np.ndarray

    @staticmethod
    def look_at(position_m: np.ndarray, target_m: np.ndarray, fov_y_deg: float, roll_deg: float = 0.0) -> Camera:
        """Place a camera at ``position_m`` (3,) that has ``target_m`` (3,) in its middle; not straight up or down."""
        position, target = np.asarray(position_m, dtype=float), np.asarray(target_m, dtype=float)
        forward = (target - position) / np.linalg.norm(target - position)
        right = np.cross(forward, [0.0, 0.0, 1.0])
        if np.linalg.norm(right) < 1e-6:
            raise ValueError(f"the view from {position} to {target} is vertical; move the camera a little aside")
        right /= np.linalg.norm(right)
        down = np.cross(forward, right)
        c, s = np.cos(np.radians(roll_deg)), np.sin(np.radians(roll_deg))
        pose = np.eye(4)
        pose[:3, :3] = np.stack([c * right + s * down, c * down - s * right, forward], axis=1)
        pose[:3, 3] = position
        return Camera(position, target, float(fov_y_deg), pose)

    def intrinsics(self, width: int, height: int) -> np.ndarray:
        """Give K (3, 3) in pixels; the centre of pixel (column u, row v) is at (u, v)."""
        focal = 0.5 * height / np.tan(np.radians(0.5 * self.fov_y_deg))
        return np.array([[focal, 0, 0.5 * (width - 1)], [0, focal, 0.5 * (height - 1)], [0, 0, 1]])


def project(points_m: np.ndarray, K: np.ndarray, T_world_camera: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Project world points (..., 3) to pixels (..., 2) as (u, v), with their z-depth (...) in metres."""
    local = (np.asarray(points_m) - T_world_camera[:3, 3]) @ T_world_camera[:3, :3]
    depth = local[..., 2]
    pixels = local[..., :2] / np.maximum(depth, 1e-9)[..., None] * [K[0, 0], K[1, 1]] + K[:2, 2]
    return pixels, depth


def sample_camera(rng: np.random.Generator, scene: Scene) -> Camera:
    """Sample a camera as on a robot's head or wrist: mostly 35-65 degrees up, sometimes steeper, a small roll."""
    target = np.mean([thing.position_m for thing in scene.objects], axis=0) * [1, 1, 0]
    target += rng.uniform([-0.06, -0.06, 0.0], [0.06, 0.06, 0.05])
    elevation = np.radians(rng.uniform(35, 65) if rng.random() < 0.75 else rng.uniform(65, 85))
    azimuth = rng.uniform(-np.pi, np.pi)
    fov_y_deg = rng.uniform(40, 70)
    across_m = rng.uniform(0.45, 0.95)
    distance = np.clip(0.5 * across_m / np.tan(np.radians(0.5 * fov_y_deg)), 0.6, 1.4)
    direction = [np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)]
    return Camera.look_at(target + distance * np.array(direction), target, fov_y_deg, rng.normal(0, 2.0))
