"""A picture of a grounding: what people look at in RViz, in a terminal's image viewer, on a page of results."""

from __future__ import annotations

import cv2
import numpy as np

from viper_ros.perception.heatmap import overlay_heatmap
from viper_ros.perception.predictor import Grounding

BEST_RGB = (64, 255, 96)
OTHER_RGB = (255, 208, 64)

_FONT = cv2.FONT_HERSHEY_SIMPLEX


def draw_grounding(image: np.ndarray, found: Grounding) -> np.ndarray:
    """Image (H, W, 3) uint8 RGB -> the same with heat, boxes, scores and a caption: instruction, answer, confidence.

    Line widths and letters follow the image's size, so that the picture is legible from 160 to 4000 px.
    """
    picture = np.ascontiguousarray(overlay_heatmap(image, found.heatmap()))
    scale = max(picture.shape[:2]) / 640.0
    for index, region in reversed(list(enumerate(found.regions))):
        colour = OTHER_RGB if index else BEST_RGB
        x0, y0, x1, y1 = (round(edge) for edge in region.box_xyxy_px)
        cv2.rectangle(picture, (x0, y0), (x1 - 1, y1 - 1), colour, max(1, round(2 * scale)))
        _label(picture, f"{region.score:.2f}", (x0, y0), colour, scale)
    for row, text in enumerate(_caption(found)):
        _label(picture, text, (0, round((row + 1) * 24 * scale)), (255, 255, 255), scale)
    return picture


def _caption(found: Grounding) -> list[str]:
    lines = [ascii_line(found.instruction)]
    if found.answer:
        lines.append(f"answer: {ascii_line(found.answer)}")
    lines.append(f"{'present' if found.present else 'not present'} {found.confidence:.2f}")
    return lines


def ascii_line(text: str) -> str:
    """OpenCV's built-in letters know ASCII only, and a long line would leave the picture."""
    text = text.encode("ascii", "replace").decode()
    return text if len(text) <= 60 else f"{text[:57]}..."


def _label(picture: np.ndarray, text: str, corner_px: tuple[int, int], colour: tuple[int, ...], scale: float) -> None:
    """Text on a dark ground with its lower left corner at `corner_px`, moved so that it stays in the picture."""
    size, thickness = 0.55 * scale, max(1, round(1.4 * scale))
    (width, height), below = cv2.getTextSize(text, _FONT, size, thickness)
    if width > picture.shape[1]:
        size *= picture.shape[1] / width
        (width, height), below = cv2.getTextSize(text, _FONT, size, thickness)
    x = min(max(corner_px[0], 0), max(picture.shape[1] - width, 0))
    y = min(max(corner_px[1], height + below), picture.shape[0] - below)
    cv2.rectangle(picture, (x, y - height - below), (x + width, y + below), (16, 16, 16), cv2.FILLED)
    cv2.putText(picture, text, (x, y), _FONT, size, colour, thickness, cv2.LINE_AA)
