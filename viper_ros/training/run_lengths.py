"""COCO's run lengths: a mask as the lengths of its runs of 0 and 1, plain or packed into a string."""

from __future__ import annotations

import numpy as np

from viper_ros.training.annotations import BadAnnotation


def decode_rle(rle: dict, size: tuple[int, int]) -> np.ndarray:
    """COCO's run lengths -> mask (H, W) bool. Runs of 0 and 1 in turn go down the columns; a string packs them.

    Raises:
        BadAnnotation: the runs do not fill an image of ``size`` (width, height).
    """
    counts = rle.get("counts", ())
    runs = _unpack(counts) if isinstance(counts, str) else [int(v) for v in counts]
    height, width = rle.get("size", (0, 0))
    if (width, height) != size or sum(runs) != width * height or min(runs, default=0) < 0:
        raise BadAnnotation("a mask's run lengths do not fill the image")
    values = np.arange(len(runs)) % 2 == 1
    return np.repeat(values, runs).reshape(width, height).T


def _unpack(text: str) -> list[int]:
    """Read numbers of 5 bits a character from code 48 on, low bits first; bit 6 says that more follow.

    From the fourth number on, it is the difference from the last but one.
    """
    runs: list[int] = []
    value = shift = 0
    for character in text:
        code = ord(character) - 48
        value |= (code & 31) << shift
        shift += 5
        if code & 32:
            continue
        if code & 16:
            value -= 1 << shift
        runs.append(value + (runs[-2] if len(runs) > 2 else 0))
        value = shift = 0
    return runs
