"""One object for geometry: moves an image into the network and coordinates back out of it.

The longer side is scaled to the network's size, the aspect is kept, and the short side is padded at the right and
bottom to a multiple of the network's stride; so a 4:3 camera costs three quarters of a square.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

RGB = tuple[float, float, float]


@dataclass(frozen=True)
class GridMapping:
    """Where the cells of a grid lie in the source image: cell (r, c) starts at (offset + index * cell size) [px]."""

    offset_x: float
    offset_y: float
    cell_width: float
    cell_height: float


@dataclass(frozen=True)
class Letterbox:
    """Geometry between a source image of ``width`` x ``height`` px and the network's input."""

    width: int
    height: int
    inner_width: int  # the scaled image inside the input [px of the input]
    inner_height: int
    input_width: int  # with padding, a multiple of the stride
    input_height: int

    @classmethod
    def fit(cls, width: int, height: int, size: int, stride: int) -> Letterbox:
        """For a source of width x height px; ``size`` is the longer side of the input."""
        scale = size / max(width, height)
        inner_w, inner_h = max(1, round(width * scale)), max(1, round(height * scale))
        return cls(width, height, inner_w, inner_h, _ceil_to(inner_w, stride), _ceil_to(inner_h, stride))

    def apply(self, image: np.ndarray, mean: RGB, std: RGB) -> np.ndarray:
        """Source (H, W, 3) uint8 RGB -> network input (3, input_height, input_width) float32.

        ``mean`` and ``std`` are the checkpoint's statistics of RGB in [0, 1]; padding is the mean colour.
        """
        shrinks = self.inner_width < self.width
        inner = cv2.resize(
            image,
            (self.inner_width, self.inner_height),
            interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR,
        )
        canvas = np.zeros((self.input_height, self.input_width, 3), np.float32)
        normalised = (inner.astype(np.float32) / 255 - np.float32(mean)) / np.float32(std)
        canvas[: self.inner_height, : self.inner_width] = normalised
        return np.ascontiguousarray(canvas.transpose(2, 0, 1))

    def grid_mapping(self, rows: int, columns: int) -> GridMapping:
        """Mapping of a rows x columns grid over the whole input (padding included) to source pixels."""
        return GridMapping(
            0.0,
            0.0,
            self.input_width / columns * self.width / self.inner_width,
            self.input_height / rows * self.height / self.inner_height,
        )


def check_image(image: object) -> np.ndarray:
    """Return ``image`` if it is (H, W, 3) uint8 RGB with at least one pixel, else raise ValueError saying what came."""
    if not isinstance(image, np.ndarray):
        raise ValueError(f"image must be (H, W, 3) uint8 RGB, got {type(image).__name__}")
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or 0 in image.shape:
        raise ValueError(f"image must be (H, W, 3) uint8 RGB, got {image.shape} {image.dtype}")
    return image


def _ceil_to(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple
