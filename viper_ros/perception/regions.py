"""Heatmap -> regions of interest in pixels of the source image."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np

MASK_SHARE = 0.4
"""Of the maximum: 0.67 box IoU on held-back training scenes, 0.64 at 0.3 and 0.65 at 0.5 (docs/log.md)."""

SEED_SHARE = 0.5
"""Of the maximum, which a region reaches somewhere; a fainter one is an echo."""


@dataclass(frozen=True)
class Region:
    """One connected region, in pixels of the source image; x right, y down, pixel centres at .5."""

    box_xyxy_px: tuple[float, float, float, float]
    score: float  # highest probability in the region, [0, 1]
    centroid_px: tuple[float, float]  # relevance-weighted
    window: np.ndarray = field(repr=False)  # (h, w) bool, the mask inside its box
    image_size: tuple[int, int] = field(repr=False)  # (width, height) of the source

    def mask(self) -> np.ndarray:
        """(H, W) bool at the size of the source image."""
        full = np.zeros(self.image_size[::-1], bool)
        x0, y0, window = self.mask_window()
        full[y0 : y0 + window.shape[0], x0 : x0 + window.shape[1]] = window
        return full

    def mask_window(self) -> tuple[int, int, np.ndarray]:
        """(x0, y0, mask (h, w) bool): the mask without the image around it."""
        return int(self.box_xyxy_px[0]), int(self.box_xyxy_px[1]), self.window


def find_regions(heatmap: np.ndarray, max_regions: int, min_area_px: float = 1.0) -> tuple[Region, ...]:
    """Connected regions of ``heatmap`` at or above ``MASK_SHARE`` of its maximum, best first.

    Relative to the maximum, since a cell at the edge of a thing, which is half covered, is never as probable as one
    inside, and a map that is unsure of all cells still has a shape.

    Args:
        heatmap: (H, W) float32 in [0, 1]; one that is all zero has no region.
        max_regions: at most this many.
        min_area_px: smaller regions are dropped, unless nothing else is left.
    """
    peak = float(heatmap.max())
    if peak <= 0 or max_regions < 1:
        return ()
    mask = heatmap >= MASK_SHARE * peak
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    found = [_region(heatmap, labels, stats[i], i) for i in range(1, count)]
    found = sorted((r for r in found if r.score >= SEED_SHARE * peak), key=lambda region: region.score, reverse=True)
    large = [region for region in found if region.window.sum() >= min_area_px]
    return tuple((large or found[:1])[:max_regions])


def _region(heatmap: np.ndarray, labels: np.ndarray, stats: np.ndarray, index: int) -> Region:
    x, y, w, h = (int(v) for v in stats[:4])
    window = labels[y : y + h, x : x + w] == index
    weights = np.where(window, heatmap[y : y + h, x : x + w], 0)
    total = weights.sum()
    cx = float((weights.sum(axis=0) * (np.arange(w) + 0.5)).sum() / total) + x
    cy = float((weights.sum(axis=1) * (np.arange(h) + 0.5)).sum() / total) + y
    box = (float(x), float(y), float(x + w), float(y + h))
    return Region(box, float(weights.max()), (cx, cy), window, (heatmap.shape[1], heatmap.shape[0]))
