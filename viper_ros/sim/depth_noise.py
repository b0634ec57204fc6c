"""What a stereo camera does to depth: noise that grows with the square of the distance, edges that fly or fail."""

from __future__ import annotations

import cv2
import numpy as np

EDGE_M = 0.02
"""Neighbouring pixels that differ by more than this are an edge."""

FLYING_SHARE, HOLE_SHARE = 0.4, 0.3
"""Of the pixels at an edge: those measured between the near and the far side, and those not measured."""


def noisy_depth(depth_m: np.ndarray, rng: np.random.Generator, sigma_1m_m: float) -> np.ndarray:
    """Depth (H, W) float32 in metres as a camera would measure it; 0 where it would not.

    `sigma_1m_m` is the standard deviation at 1 m; it grows with the square of the distance. 0 leaves the depth exact.
    """
    if sigma_1m_m < 0:
        raise ValueError(f"sigma_1m_m must be >= 0 m, got {sigma_1m_m}")
    depth = depth_m.astype(np.float32, copy=True)
    if sigma_1m_m == 0:
        return depth
    near, far = (change(depth, np.ones((3, 3), np.uint8)) for change in (cv2.erode, cv2.dilate))
    edge = far - near > EDGE_M
    draw, share = rng.random(depth.shape, dtype=np.float32), rng.random(depth.shape, dtype=np.float32)
    flying = edge & (draw < FLYING_SHARE)
    depth[flying] = (near + share * (far - near))[flying]
    depth += sigma_1m_m * depth**2 * rng.standard_normal(depth.shape, dtype=np.float32)
    depth[edge & (draw > 1 - HOLE_SHARE)] = 0
    return np.maximum(depth, 0)
