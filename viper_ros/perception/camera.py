"""The camera as geometry: pixels to rays and points to pixels.

Frame: the optical frame (REP 103: x right, y down, z forward, metres). Pixel (0, 0) is the centre of the top left
pixel, as in OpenCV and ROS.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import cv2
import numpy as np

DISTORTION_MODELS = ("plumb_bob", "rational_polynomial", "equidistant")
"""ROS's names: the first two are OpenCV's default model, the last is its fisheye model."""


@dataclass(frozen=True, eq=False)
class CameraModel:
    """A pinhole camera with distortion, for images of `width` x `height` pixels.

    `K` (3, 3) float64 in pixels; `D` (n,) float64 distortion coefficients in OpenCV's order, empty for none;
    `distortion_model` one of DISTORTION_MODELS. Raises ValueError for a camera that cannot be used.
    """

    width: int
    height: int
    K: np.ndarray
    D: np.ndarray = field(default_factory=lambda: np.zeros(0))
    distortion_model: str = "plumb_bob"

    def __post_init__(self) -> None:
        """Bring the arrays to their shapes and refuse what is no camera."""
        K = np.array(self.K, dtype=np.float64)
        D = np.array(self.D, dtype=np.float64).ravel()
        if self.width <= 0 or self.height <= 0:
            raise ValueError(f"camera must have a size in pixels, got {self.width}x{self.height}")
        if K.shape != (3, 3) or not np.isfinite(K).all() or K[0, 0] <= 0 or K[1, 1] <= 0:
            raise ValueError(f"K must be (3, 3) with positive focal lengths, got {K.tolist()}: calibrate the camera")
        if not np.isfinite(D).all() or len(D) not in (0, 4, 5, 8, 12, 14):
            raise ValueError(f"D must hold 0, 4, 5, 8, 12 or 14 finite coefficients, got {D.tolist()}")
        if D.any() and self.distortion_model not in DISTORTION_MODELS:
            raise ValueError(
                f"distortion_model must be one of {', '.join(DISTORTION_MODELS)}, got {self.distortion_model!r}: "
                f"send rectified images or calibrate with one of these"
            )
        if D.any() and self.distortion_model == "equidistant" and len(D) != 4:
            raise ValueError(f"D must hold 4 coefficients for the equidistant model, got {len(D)}")
        object.__setattr__(self, "K", K)
        object.__setattr__(self, "D", D if D.any() else np.zeros(0))

    def scaled(self, width: int, height: int) -> CameraModel:
        """The same view read out at another size: a registered depth image that is smaller than the colour image."""
        scale = np.array([width / self.width, height / self.height])
        if abs(scale[0] / scale[1] - 1.0) > 0.02:
            raise ValueError(
                f"an image of {width}x{height} does not cover the view of one of {self.width}x{self.height}: "
                f"register depth to colour, with the same aspect ratio"
            )
        K = self.K.copy()
        K[:2, :2] *= scale[:, None]
        K[:2, 2] = (self.K[:2, 2] + 0.5) * scale - 0.5
        return replace(self, width=width, height=height, K=K)

    def rays(self, pixels_px: np.ndarray) -> np.ndarray:
        """Pixels (N, 2) of the (distorted) image -> (N, 3) float64 rays with z = 1: times z-depth they are points."""
        pixels = np.asarray(pixels_px, dtype=np.float64).reshape(-1, 2)
        if self.D.size and len(pixels):
            undistort = cv2.fisheye.undistortPoints if self.distortion_model == "equidistant" else cv2.undistortPoints
            normalised = undistort(pixels[:, None], self.K, self.D).reshape(-1, 2)
        else:
            normalised = (pixels - self.K[:2, 2]) @ np.linalg.inv(self.K[:2, :2]).T
        return np.concatenate([normalised, np.ones((len(pixels), 1))], axis=1)

    def project(self, points_m: np.ndarray) -> np.ndarray:
        """Points (N, 3) in the optical frame, z > 0 -> pixels (N, 2) float64 of the (distorted) image."""
        points = np.asarray(points_m, dtype=np.float64).reshape(-1, 3)
        if not self.D.size or not len(points):
            return (points[:, :2] / points[:, 2:]) @ self.K[:2, :2].T + self.K[:2, 2]
        project = cv2.fisheye.projectPoints if self.distortion_model == "equidistant" else cv2.projectPoints
        return project(points[:, None], np.zeros(3), np.zeros(3), self.K, self.D)[0].reshape(-1, 2)


def transform_points(T_target_source: np.ndarray, points_m: np.ndarray) -> np.ndarray:
    """Points (N, 3) of the source frame -> (N, 3) float64 in the target frame, through `T_target_source` (4, 4)."""
    return np.asarray(points_m, dtype=np.float64) @ T_target_source[:3, :3].T + T_target_source[:3, 3]
