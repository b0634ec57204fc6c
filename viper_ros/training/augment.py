"""What training changes in pictures and words, so that what is learnt does not hang on them."""

from __future__ import annotations

import re
from typing import Any

import cv2
import numpy as np

from viper_ros.sim.language import ABSENT_ANSWERS
from viper_ros.sim.strange import with_made_up_brand, with_made_up_noun, with_made_up_verb

MIRROR_RATE = 0.5
STRANGE_RATE = 0.12
"""Share of the instructions that begin with made-up words instead: a verb that nobody taught is no obstacle."""
UNKNOWN_RATE = 0.08
"""Share of the plain questions about a thing that ask for a made-up one instead, which is not there."""
BRAND_RATE = 0.06
"""Share of them that name a thing with a made-up brand, which changes nothing."""
_SIDE = re.compile("left|right")


def mirror(image: np.ndarray, inside: tuple[slice, slice]) -> np.ndarray:
    """(H, W) or (H, W, 3) -> the same with left and right exchanged in ``inside``; padding stays where it is."""
    result = image.copy()
    result[inside] = image[inside][:, ::-1]
    return result


def swap_sides(text: str) -> str:
    """Say of a picture in the mirror what ``text`` says of the picture: left for right and right for left."""
    return _SIDE.sub(lambda found: "right" if found[0] == "left" else "left", text)


def augment_words(rng: np.random.Generator, question: dict[str, Any]) -> dict[str, Any]:
    """At times, put made-up words into a question: verbs and brands change nothing, of the nouns there is nothing."""
    kind = question["kind"]
    if kind in ABSENT_ANSWERS and rng.random() < UNKNOWN_RATE:
        text = with_made_up_noun(rng, question["text"])
        if text is not None:
            nothing = {"targets": [], "anchors": [], "present": False}
            return question | nothing | {"text": text, "answer": ABSENT_ANSWERS[kind]}
    if kind in ABSENT_ANSWERS and rng.random() < BRAND_RATE:
        question = question | {"text": with_made_up_brand(rng, question["text"]) or question["text"]}
    if kind == "refer" and rng.random() < STRANGE_RATE:
        return question | {"text": with_made_up_verb(rng, question["text"])}
    return question


def augment_photometric(rng: np.random.Generator, rgb: np.ndarray, strength: float = 1.0) -> np.ndarray:
    """(H, W, 3) uint8 -> the same under another exposure, white balance, blur, noise and JPEG quality.

    ``strength`` in [0, 1.5] scales how far they go; at 0 nothing changes.
    """
    if strength == 0:
        return rgb

    def factor(low: float, high: float, size: int | None = None) -> Any:
        return 1 + strength * rng.uniform(low, high, size)

    image = rgb.astype(np.float32) / 255
    image = image ** factor(-0.3, 0.4) * factor(-0.35, 0.3)  # gamma, exposure
    image = (image - 0.5) * factor(-0.25, 0.25) + 0.5  # contrast
    image = image * factor(-0.08, 0.08, 3).astype(np.float32)  # white balance, too small to rename a colour
    if rng.random() < 0.3:
        image = cv2.GaussianBlur(image, (0, 0), strength * rng.uniform(0.3, 1.2))
    if rng.random() < 0.5:
        image = image + rng.normal(0, strength * rng.uniform(0, 0.04), image.shape).astype(np.float32)
    image = (np.clip(image, 0, 1) * 255).astype(np.uint8)
    if rng.random() < 0.3:
        quality = round(100 - strength * rng.uniform(5, 65))
        image = cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_COLOR)
    return image
