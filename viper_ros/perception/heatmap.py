"""Relevance per cell -> relevance per pixel of the source image."""

from __future__ import annotations

import cv2
import numpy as np

from viper_ros.perception.letterbox import GridMapping


def heatmap_from_grid(relevance: np.ndarray, mapping: GridMapping, width: int, height: int) -> np.ndarray:
    """Bilinear between cell centres: relevance (Gh, Gw) float32 -> (height, width) float32 of the same range."""
    scale_x, scale_y = 1 / mapping.cell_width, 1 / mapping.cell_height
    # pixel centre (x + 0.5) -> grid coordinate whose integers are cell centres
    to_grid = np.float32(
        [
            [scale_x, 0, (0.5 - mapping.offset_x) * scale_x - 0.5],
            [0, scale_y, (0.5 - mapping.offset_y) * scale_y - 0.5],
        ]
    )
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(relevance, to_grid, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)


def overlay_heatmap(image: np.ndarray, heatmap: np.ndarray, opacity: float = 0.55) -> np.ndarray:
    """Image (H, W, 3) uint8 RGB and heatmap (H, W) in [0, 1] -> RGB with the map painted where it is warm."""
    colours = cv2.applyColorMap((heatmap * 255).astype(np.uint8), cv2.COLORMAP_TURBO)[..., ::-1]
    weight = opacity * np.clip(heatmap * 2, 0, 1)[..., None]
    return (image * (1 - weight) + colours * weight).astype(np.uint8)
