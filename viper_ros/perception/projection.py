"""From a region's mask and a depth image to metres.

Everything here is in the camera's optical frame (REP 103: x right, y down, z forward, metres) unless a transform is
applied. Depth is z-depth in metres along the optical axis (REP 118); 0, NaN and infinity mean "no measurement".

How a region becomes a position:

1. Depth pixels under the mask are taken, less its border: there the object mixes with what lies behind it.
2. The support plane is fitted in a ring around the mask; points on or under it are dropped (`support.py`).
3. Points far from the others are dropped (median and MAD): what is seen through a hole, another thing behind.
4. A camera sees one side of a thing, so the mean of the points leans towards the camera. The position is the centre of
   a body that rests on the plane and is completed behind what was seen (`_body`).

The error against truth, over distance, object size and depth noise, is measured by `bench/projection.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from viper_ros.perception.camera import CameraModel, transform_points
from viper_ros.perception.regions import Region
from viper_ros.perception.support import Plane, above, fit_support_plane

__all__ = ["CameraModel", "NotEnoughDepth", "RegionPosition", "lift_found", "lift_region", "transform_points"]

MIN_POINTS = 12
"""Fewer depth pixels than this are no ground for a position."""

EDGE_QUANTILE = 0.01
"""Share of the points that may lie beyond each edge of the body: stray depth pixels."""

PEEL_PX = 1.5
"""What the peeled border and the pixel's own half width take from an edge of the body [px of the depth image]."""

SHAPE_SIGMA = (0.06, 0.03, 0.05)
"""Standard deviation of the centre along (away from the camera, sideways, up), as a share of the body's extent."""

FLOOR_SIGMA_M = 0.003
"""Standard deviation that is added whatever the size: depth bias and calibration [m]."""


class NotEnoughDepth(ValueError):
    """A region has too few usable depth pixels under its mask for a position."""


@dataclass(frozen=True, eq=False)
class RegionPosition:
    """Where a region is; all fields are in one frame: the optical frame, or the one it was `transformed` to.

    `position_m` (3,) is the centre of the object's body, `covariance_m2` (3, 3) its uncertainty, `size_m` (3,) > 0 the
    body's extent along the axes of the frame. `points_m` (N, 3) float32 are the surface points that it stands on, and
    `pixels_px` (N, 2) int32 the pixels (x, y) of the source image where they were seen. `valid_fraction` is the share
    of the mask's pixels that had depth, [0, 1].
    """

    position_m: np.ndarray
    covariance_m2: np.ndarray
    size_m: np.ndarray
    valid_fraction: float
    points_m: np.ndarray
    pixels_px: np.ndarray

    def transformed(self, T_target_source: np.ndarray) -> RegionPosition:
        """The same region in another frame; `T_target_source` (4, 4) takes points of this frame to that one."""
        rotation = T_target_source[:3, :3]
        position = transform_points(T_target_source, self.position_m[None])[0]
        points = transform_points(T_target_source, self.points_m)
        return replace(
            self,
            position_m=position,
            covariance_m2=rotation @ self.covariance_m2 @ rotation.T,
            size_m=_completed_size(points, position),
            points_m=points.astype(np.float32),
        )


def lift_region(
    mask_window: tuple[int, int, np.ndarray],
    depth_m: np.ndarray,
    camera: CameraModel,
    weights: np.ndarray | None = None,
) -> RegionPosition:
    """Lift one region of an image to the camera's optical frame.

    `mask_window` is (x0, y0, mask (h, w) bool): the region's mask in a window of the source image. `camera` describes
    the source image. `depth_m` (H, W) float is registered to it; another resolution of the same view will do.
    `weights` (h, w) >= 0, such as the relevance, say how far each pixel of the window is to be believed.
    Raises NotEnoughDepth when fewer than MIN_POINTS pixels of the mask have depth, ValueError on malformed input.
    """
    x0, y0, mask = mask_window
    _check(mask, weights, depth_m)
    depth_camera = camera
    if depth_m.shape != (camera.height, camera.width):
        depth_camera = camera.scaled(depth_m.shape[1], depth_m.shape[0])
    window = _Window.cut(x0, y0, mask, weights, depth_m, depth_camera, depth_camera.width / camera.width)

    inside = window.mask & window.valid
    count, wanted = int(inside.sum()), int(window.mask.sum())
    if count < MIN_POINTS:
        raise NotEnoughDepth(
            f"{count} of {wanted} pixels under the mask have depth, at least {MIN_POINTS} are needed: "
            f"the object may be too near, too shiny or too small for the depth camera"
        )
    selected = _peeled(inside)
    points, believed = window.points(selected), window.weights[selected]
    plane = fit_support_plane(window.points(window.ring()))
    keep = np.ones(len(points), dtype=bool) if plane is None else above(plane, points)
    keep[keep] = _near_the_others(points[keep], believed[keep])
    points, believed, pixels = points[keep], believed[keep], window.source_pixels(selected)[keep]

    pixel_m = points[:, 2].mean() / depth_camera.K[0, 0]
    centre, extent, axes = _body(points, believed, plane, pixel_m)
    position = _held_in_box(centre, camera, (x0, y0, x0 + mask.shape[1], y0 + mask.shape[0]))
    sigma = np.hypot(np.array(SHAPE_SIGMA) * extent, FLOOR_SIGMA_M)
    return RegionPosition(
        position_m=position,
        covariance_m2=axes.T @ np.diag(sigma**2) @ axes,
        size_m=_completed_size(points, position),
        valid_fraction=count / wanted,
        points_m=points.astype(np.float32),
        pixels_px=pixels,
    )


def lift_found(region: Region, heatmap: np.ndarray, depth_m: np.ndarray, camera: CameraModel) -> RegionPosition:
    """`lift_region` of a region of `heatmap` (H, W), which says how far each of its pixels is to be believed."""
    x0, y0, mask = window = region.mask_window()
    return lift_region(window, depth_m, camera, heatmap[y0 : y0 + mask.shape[0], x0 : x0 + mask.shape[1]])


def _check(mask: np.ndarray, weights: np.ndarray | None, depth_m: np.ndarray) -> None:
    if depth_m.ndim != 2 or not np.issubdtype(depth_m.dtype, np.floating):
        raise ValueError(f"depth_m must be (H, W) float metres, got {depth_m.shape} {depth_m.dtype}")
    if mask.ndim != 2 or mask.dtype != bool:
        raise ValueError(f"mask must be (h, w) bool, got {mask.shape} {mask.dtype}")
    if weights is not None and weights.shape != mask.shape:
        raise ValueError(f"weights must have the mask's shape {mask.shape}, got {weights.shape}")


@dataclass(frozen=True, eq=False)
class _Window:
    """The part of the depth image around a region, at the depth image's resolution."""

    mask: np.ndarray  # (h, w) bool
    weights: np.ndarray  # (h, w) float
    depth_m: np.ndarray  # (h, w) float
    origin_px: tuple[int, int]  # of the window in the depth image
    camera: CameraModel  # of the depth image
    scale: float  # depth pixels per source pixel

    @classmethod
    def cut(cls, x0, y0, mask, weights, depth_m, camera, scale) -> _Window:
        """Cut the region's window with a margin for the ring, and bring the mask to the depth image's resolution."""
        height, width = mask.shape
        margin = max(8.0 / scale, 0.5 * max(height, width))
        left, top = (max(0, int((edge - margin) * scale)) for edge in (x0, y0))
        right = min(camera.width, int(np.ceil((x0 + width + margin) * scale)))
        bottom = min(camera.height, int(np.ceil((y0 + height + margin) * scale)))
        columns = _to_source(np.arange(left, right), scale) - x0
        rows = _to_source(np.arange(top, bottom), scale) - y0
        held = ((rows >= 0) & (rows < height))[:, None] & ((columns >= 0) & (columns < width))
        index = np.ix_(rows.clip(0, height - 1), columns.clip(0, width - 1))
        believed = np.ones(mask.shape) if weights is None or not weights.any() else weights.astype(np.float64)
        return cls(
            mask[index] & held, believed[index], depth_m[top:bottom, left:right], (left, top), camera, float(scale)
        )

    @property
    def valid(self) -> np.ndarray:
        """Which pixels (h, w) have a measurement."""
        return np.isfinite(self.depth_m) & (self.depth_m > 0)

    def ring(self) -> np.ndarray:
        """The valid pixels around the mask, a little away from it."""
        return self.valid & ~cv2.dilate(self.mask.astype(np.uint8), np.ones((5, 5), np.uint8)).astype(bool)

    def points(self, selected: np.ndarray) -> np.ndarray:
        """The selected pixels (h, w) bool as points (N, 3)."""
        rows, columns = np.nonzero(selected)
        pixels = np.stack([columns, rows], axis=1) + self.origin_px
        return self.camera.rays(pixels) * self.depth_m[rows, columns, None].astype(np.float64)

    def source_pixels(self, selected: np.ndarray) -> np.ndarray:
        """The selected pixels as (N, 2) int32 pixels (x, y) of the source image."""
        rows, columns = np.nonzero(selected)
        return _to_source(np.stack([columns, rows], axis=1) + self.origin_px, self.scale)


def _to_source(pixels: np.ndarray, scale: float) -> np.ndarray:
    return np.floor((pixels + 0.5) / scale).astype(np.int32)


def _peeled(mask: np.ndarray) -> np.ndarray:
    """The mask without its border, where enough of it is left."""
    inner = cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
    return inner if inner.sum() >= max(MIN_POINTS, 0.5 * mask.sum()) else mask


def _near_the_others(points: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Which points (N,) bool are not strays: within 6 sigma of the median distance to the median point."""
    middle = np.array([_quantile(axis, weights, 0.5) for axis in points.T])
    distance = np.linalg.norm(points - middle, axis=1)
    usual = np.median(distance)
    sigma = 1.4826 * np.median(np.abs(distance - usual))
    return distance <= usual + 6.0 * sigma + 0.005


def _body(
    points: np.ndarray, weights: np.ndarray, plane: Plane | None, pixel_m: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The completed body: its centre (3,), extent (3,) and axes (3, 3), whose rows are away, sideways and up."""
    view = points.mean(0)
    view = view / np.linalg.norm(view)
    if plane is None or plane.normal @ view > -0.1:
        return _floating_body(points, weights, view)
    return _body_on_plane(points, weights, plane, view, pixel_m)


def _body_on_plane(points, weights, plane, view, pixel_m) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A body from the plane up to its highest points, its far side completed where the body hides it.

    A box shows the far edge of its top; a ball hides a part of its far side. So the length away from the camera is
    what an ellipsoid with this visible length would have, but no more than the body is wide.
    """
    sine = float(-plane.normal @ view)  # of the camera's elevation over the plane
    away = view + sine * plane.normal
    if np.linalg.norm(away) < 0.05:  # seen from straight above: any direction will do
        away = np.cross(plane.normal, [1.0, 0.0, 0.0])
    away /= np.linalg.norm(away)
    axes = np.stack([away, np.cross(plane.normal, away), plane.normal])
    peel_m = PEEL_PX * pixel_m
    near, far = _edges(points @ axes[0], weights) + np.array([0, peel_m / sine])
    left, right = _edges(points @ axes[1], weights) + np.array([-peel_m, peel_m])
    low, top = (_quantile(plane.heights(points), weights, q) for q in (0.05, 1 - EDGE_QUANTILE))
    if low > 0.5 * top > 2.5 * (right - left):
        return _floating_body(points, weights, view)
    far = max(far, near + min(_ellipsoid_length(far - near, top, sine), right - left))
    centre = np.array([(near + far) / 2, (left + right) / 2, top / 2 - plane.offset_m])
    return axes.T @ centre, np.array([far - near, right - left, top]), axes


def _ellipsoid_length(seen_m: float, height_m: float, sine: float) -> float:
    """Length of an ellipsoid of which `seen_m` is visible along the ground from an elevation with this sine.

    With half axes p along the ground and q up, the limb lies p * p sin / sqrt(p^2 sin^2 + q^2 cos^2) behind the centre.
    """
    p, q = seen_m / 2, max(height_m, 1e-4) / 2
    for _ in range(8):
        limb = p * sine / np.sqrt((p * sine) ** 2 + q**2 * (1.0 - sine**2))
        p = seen_m / (1.0 + limb)
    return 2 * p


def _floating_body(points, weights, view) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A body with nothing known under it: three times as deep as what was seen, but no deeper than its lesser width.

    That is right for a ball, which shows half of its depth, less the steep rim that is peeled off; and it leaves the
    position of a flat front on that front. How deep the thing behind it may be shows in extent and covariance.
    """
    sideways = np.cross([0.0, 1.0, 0.0], view)
    sideways /= np.linalg.norm(sideways)
    axes = np.stack([view, sideways, np.cross(view, sideways)])
    edges = np.array([_edges(points @ axis, weights) for axis in axes])  # (3, 2)
    seen, width, height = edges[:, 1] - edges[:, 0]
    depth = max(seen, min(3 * seen, width, height))
    centre = edges.mean(1)
    centre[0] = edges[0, 0] + depth / 2
    return axes.T @ centre, np.array([max(seen, min(width, height)), width, height]), axes


def _edges(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return np.array([_quantile(values, weights, q) for q in (EDGE_QUANTILE, 1 - EDGE_QUANTILE)])


def _quantile(values: np.ndarray, weights: np.ndarray, q: float) -> float:
    """The weighted quantile."""
    order = np.argsort(values)
    cumulative = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(cumulative, q * cumulative[-1]).clip(0, len(values) - 1)])


def _held_in_box(centre: np.ndarray, camera: CameraModel, box_xyxy_px: tuple[int, int, int, int]) -> np.ndarray:
    """The centre, moved sideways if need be so that it is seen inside the region's box."""
    low = np.array(box_xyxy_px[:2], dtype=np.float64)
    high = np.array(box_xyxy_px[2:], dtype=np.float64) - 1.0
    pixel = camera.project(centre)[0]
    held = pixel.clip(low, high)
    return centre if (held == pixel).all() else camera.rays(held)[0] * centre[2]


def _completed_size(points: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """Extent (3,) along the axes of the points and their mirror images behind the centre, at least 1 mm."""
    return np.maximum(2 * np.quantile(np.abs(points - centre), 1 - EDGE_QUANTILE, axis=0), 1e-3)
