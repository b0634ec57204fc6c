"""How far lifted positions are from the truth, in simulation: over depth noise, distance, size of object and mask.

    python bench/projection.py [--scenes 40]

Prints one JSON object. Masks are the simulator's, so this is the error of the 3D step alone. `error_cm` is the
distance between the position found and the middle of the object's bounding box. `mahalanobis_sq` is the squared error
in units of the reported covariance: its median is 2.37 for honest Gaussians of three dimensions, more means too sure.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from itertools import pairwise

import cv2
import numpy as np

from viper_ros.perception.projection import CameraModel, NotEnoughDepth, lift_region
from viper_ros.sim.camera import Camera, sample_camera
from viper_ros.sim.depth_noise import noisy_depth
from viper_ros.sim.render import Frame, Renderer
from viper_ros.sim.scene import Scene, sample_scene
from viper_ros.sim.splits import Split, scene_seed

WIDTH, HEIGHT = 640, 480
MIN_VISIBLE_PX = 150
EXACT = {"noise": 0.0, "grow_px": 0, "divisor": 1}
CONDITIONS = {
    "exact depth": EXACT,
    "depth noise 1 mm at 1 m": {**EXACT, "noise": 0.001},
    "depth noise 3 mm at 1 m": {**EXACT, "noise": 0.003},
    "mask 4 px too large, 1 mm": {**EXACT, "noise": 0.001, "grow_px": 4},
    "mask 8 px too large, 1 mm": {**EXACT, "noise": 0.001, "grow_px": 8},
    "mask 3 px too small, 1 mm": {**EXACT, "noise": 0.001, "grow_px": -3},
    "depth of half the size, 1 mm": {**EXACT, "noise": 0.001, "divisor": 2},
}
USUAL = "depth noise 1 mm at 1 m"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scenes", type=int, default=40)
    scenes = parser.parse_args().scenes
    rows: dict[str, list[dict]] = defaultdict(list)
    with Renderer(WIDTH, HEIGHT) as renderer:
        for index in range(scenes):
            rng = np.random.default_rng(scene_seed(Split.TEST, index))
            scene = sample_scene(rng, split=Split.TEST)
            camera = moved_back(sample_camera(rng, scene), rng.uniform(0.8, 2.0))
            frame = renderer.render(scene, camera)
            for name, condition in CONDITIONS.items():
                rows[name] += measure(scene, frame, rng, **condition)
    print(json.dumps(report(rows, scenes), indent=1))


def moved_back(camera: Camera, factor: float) -> Camera:
    """The same view from farther away."""
    target = camera.target_m
    return Camera.look_at(target + factor * (camera.position_m - target), target, camera.fov_y_deg)


def measure(scene: Scene, frame: Frame, rng: np.random.Generator, noise: float, grow_px: int, divisor: int):
    """One row for each visible object."""
    camera = CameraModel(WIDTH, HEIGHT, frame.K)
    depth = noisy_depth(frame.depth_m, rng, noise)[divisor // 2 :: divisor, divisor // 2 :: divisor]
    for thing in scene.objects:
        mask = frame.ids == thing.id
        if mask.sum() < MIN_VISIBLE_PX or touches_border(mask):
            continue
        started = time.perf_counter()
        try:
            found = lift_region(window(grown(mask, grow_px)), depth, camera)
        except NotEnoughDepth:
            yield {"failed": True}
            continue
        spent_s = time.perf_counter() - started
        found = found.transformed(frame.T_world_camera)
        error = found.position_m - thing.position_m
        extent = np.ptp(thing.points_m, axis=0)
        yield {
            "failed": False,
            "name": thing.name,
            "error_cm": 100 * float(np.linalg.norm(error)),
            "size_error_cm": 100 * float(np.abs(found.size_m - extent).mean()),
            "mahalanobis_sq": float(error @ np.linalg.solve(found.covariance_m2, error)),
            "distance_m": float(np.linalg.norm(thing.position_m - frame.T_world_camera[:3, 3])),
            "extent_cm": 100 * float(extent.max()),
            "ms": 1000 * spent_s,
        }


def touches_border(mask: np.ndarray) -> bool:
    return bool(mask[0].any() or mask[-1].any() or mask[:, 0].any() or mask[:, -1].any())


def grown(mask: np.ndarray, pixels: int) -> np.ndarray:
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * abs(pixels) + 1,) * 2)
    change = cv2.dilate if pixels > 0 else cv2.erode
    return change(mask.astype(np.uint8), kernel).astype(bool) if pixels else mask


def window(mask: np.ndarray) -> tuple[int, int, np.ndarray]:
    x, y, width, height = cv2.boundingRect(mask.astype(np.uint8))
    return x, y, mask[y : y + height, x : x + width]


def report(rows: dict[str, list[dict]], scenes: int) -> dict:
    usual = [row for row in rows[USUAL] if not row["failed"]]
    by_kind = defaultdict(list)
    for row in usual:
        by_kind[row["name"].split(" ", 1)[1]].append(row["error_cm"])
    return {
        "scenes": scenes,
        "image": [WIDTH, HEIGHT],
        "conditions": {name: summary(measured) for name, measured in rows.items()},
        "by_distance_m": binned(usual, "distance_m", [0, 0.8, 1.1, 1.5, 9]),
        "by_extent_cm": binned(usual, "extent_cm", [0, 6, 10, 15, 99]),
        "worst_categories_cm": dict(
            sorted(((k, round(float(np.median(v)), 2)) for k, v in by_kind.items()), key=lambda item: -item[1])[:8]
        ),
    }


def summary(measured: list[dict]) -> dict:
    found = [row for row in measured if not row["failed"]]
    errors = [row["error_cm"] for row in found]
    return {
        "objects": len(measured),
        "failed": len(measured) - len(found),
        "error_cm_median": round(float(np.median(errors)), 2),
        "error_cm_p90": round(float(np.quantile(errors, 0.9)), 2),
        "size_error_cm_median": round(float(np.median([row["size_error_cm"] for row in found])), 2),
        "mahalanobis_sq_median": round(float(np.median([row["mahalanobis_sq"] for row in found])), 2),
        "ms_median": round(float(np.median([row["ms"] for row in found])), 2),
    }


def binned(rows: list[dict], key: str, edges: list[float]) -> dict:
    bins = {}
    for low, high in pairwise(edges):
        errors = [row["error_cm"] for row in rows if low <= row[key] < high]
        if errors:
            bins[f"{low}-{high}"] = {"objects": len(errors), "error_cm_median": round(float(np.median(errors)), 2)}
    return bins


if __name__ == "__main__":
    main()
