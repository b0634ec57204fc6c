"""What a labelled photograph is, whatever format its labels came in, and its picture and instance map at our size.

Readers (`annotation_formats`) yield `Annotated`: a path and instances in pixels of the file. `load_picture` and
`rasterise` turn one into arrays. Nothing bad is passed over in silence: a photograph that cannot be used is counted in
`Skips` with its reason, because half of its labels would make "there is no cup" a lie.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import numpy as np

from viper_ros.training.shards import LONGER_SIDE_PX

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")
MAX_INSTANCES = 255  # ids are uint8 and 0 is background
_FRAME = re.compile(r"_(mp4|mov|avi|webm)-\d+.*$", re.IGNORECASE)
OVERHANG = 0.02  # of the image's side: labels that stick out no further are rounding and are cut off


class BadAnnotation(ValueError):
    """Something is wrong with one photograph or its labels; the message says what came and what was expected."""


@dataclass(frozen=True, eq=False)
class Instance:
    """One labelled thing, in pixels of the image file.

    ``polygons`` hold (N, 2) float arrays of x, y, their union is the mask; ``mask`` (H, W) bool comes from run lengths.
    With neither, the box is all that is known and the instance is loose. ``doubtful``: a crowd or a thing marked
    difficult, never asked about. ``key`` is the label's own id, by which sentences name it.
    """

    label: str
    box_xyxy_px: tuple[float, float, float, float]
    polygons: tuple[np.ndarray, ...] = ()
    mask: np.ndarray | None = None
    doubtful: bool = False
    key: int | str | None = None

    @property
    def loose(self) -> bool:
        """Whether only a box is known."""
        return not self.polygons and self.mask is None


@dataclass(frozen=True)
class Sentence:
    """A user's own sentence about a photograph. ``targets`` index its instances; () is something that is absent."""

    text: str
    targets: tuple[int, ...]
    kind: str = "refer"
    answer: str | None = None


@dataclass(frozen=True, eq=False)
class Annotated:
    """A photograph and its labels. ``size_px`` (width, height) is what the labels say, None where they say nothing.

    ``relative``: boxes and polygons are in fractions of the image, as in YOLO's files; `in_pixels` scales them.
    """

    path: Path
    instances: tuple[Instance, ...]
    size_px: tuple[int, int] | None = None
    sentences: tuple[Sentence, ...] = ()
    relative: bool = False

    @property
    def original(self) -> str:
        """Name of the photograph that this file is a copy of, or of the film that it is a frame of.

        Roboflow names augmented copies ``original.rf.hash.jpg`` and frames ``film_mp4-12_jpg``.
        """
        name = self.path.name.split(".rf.")[0] if ".rf." in self.path.name else self.path.stem
        return _FRAME.sub("", name)


@dataclass
class Skips:
    """Photographs left out: how many for each reason and the first of each. ``strict`` makes the first one an error."""

    strict: bool = False
    counts: dict[str, int] = field(default_factory=dict)
    first: dict[str, str] = field(default_factory=dict)

    def add(self, reason: str, what: str) -> None:
        """Count one; raises `BadAnnotation` in strict use."""
        if self.strict:
            raise BadAnnotation(f"{reason}: {what}")
        self.counts[reason] = self.counts.get(reason, 0) + 1
        self.first.setdefault(reason, what)

    def lines(self) -> list[str]:
        """One line for each reason, the commonest first."""
        ordered = sorted(self.counts.items(), key=lambda item: -item[1])
        return [f"left out {count}: {reason}, first {self.first[reason]}" for reason, count in ordered]


def in_test(original: str, test_percent: int) -> bool:
    """Say whether a photograph belongs to the test part. The name alone decides, so no later run can move it."""
    return int.from_bytes(hashlib.sha256(original.encode()).digest()[:4], "big") % 100 < test_percent


def find_images(folder: Path) -> list[Path]:
    """Every image file beneath a folder, sorted.

    Raises:
        FileNotFoundError: there is no such folder, or no image in it.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"no folder {folder}")
    found = sorted(p for p in folder.rglob("*") if p.suffix.lower() in IMAGE_SUFFIXES and p.is_file())
    if not found:
        raise FileNotFoundError(f"no images in {folder}; expected files ending in {', '.join(IMAGE_SUFFIXES)}")
    return found


def checked_box(box: tuple[float, float, float, float], width: float, height: float) -> tuple[float, ...]:
    """Cut a box (x0, y0, x1, y1) to the image, in the same units.

    Raises:
        BadAnnotation: it is empty or sticks out by more than `OVERHANG` of the image's side.
    """
    x0, y0, x1, y1 = box
    if not np.isfinite(box).all() or x1 <= x0 or y1 <= y0:
        raise BadAnnotation("a box is empty")
    if min(x0 / width, y0 / height, 1 - x1 / width, 1 - y1 / height) < -OVERHANG:
        raise BadAnnotation("a box lies outside the image")
    return max(0.0, x0), max(0.0, y0), min(float(width), x1), min(float(height), y1)


def load_picture(annotated: Annotated) -> np.ndarray:
    """Read the file -> (H, W, 3) uint8 RGB in the orientation that its labels are in.

    Raises:
        BadAnnotation: it is no picture, or its size is not what its labels say.
    """
    first = None
    # cameras note how they were held; labels were drawn on the turned or on the raw picture: their size tells
    for flags in (cv2.IMREAD_COLOR, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION):
        image = cv2.imread(str(annotated.path), flags)
        if image is None:
            raise BadAnnotation("the image cannot be read")
        first = image if first is None else first
        if annotated.size_px is None or (image.shape[1], image.shape[0]) == annotated.size_px:
            return np.ascontiguousarray(image[..., ::-1])
    raise BadAnnotation("the image is not of the size that its labels name")


def in_pixels(annotated: Annotated, width: int, height: int) -> tuple[Instance, ...]:
    """Instances in pixels of the file, which is width x height."""
    if not annotated.relative:
        return annotated.instances
    scale = (width, height)
    return tuple(
        replace(
            instance,
            box_xyxy_px=tuple(float(v) for v in np.multiply(instance.box_xyxy_px, scale * 2)),
            polygons=tuple(polygon * scale for polygon in instance.polygons),
        )
        for instance in annotated.instances
    )


def scaled_size(width: int, height: int) -> tuple[int, int]:
    """Width and height in pixels with the longer side at `LONGER_SIDE_PX`."""
    scale = LONGER_SIDE_PX / max(width, height)
    return max(1, round(width * scale)), max(1, round(height * scale))


def rasterise(instances: tuple[Instance, ...], width: int, height: int) -> tuple[np.ndarray, list[float]]:
    """Instances of a width x height image -> ids (h, w) uint8 at our size, and the fraction in sight of each.

    Instance k has id k + 1. Smaller ones are drawn over larger ones: what lies on a plate hides some of its box.

    Raises:
        BadAnnotation: more than 255 instances.
    """
    if len(instances) > MAX_INSTANCES:
        raise BadAnnotation(f"more than {MAX_INSTANCES} things are labelled")
    w, h = scaled_size(width, height)
    ids = np.zeros((h, w), np.uint8)
    masks = [_mask(instance, w / width, h / height, (h, w)) for instance in instances]
    areas = [int(mask.sum()) for mask in masks]
    for k in sorted(range(len(masks)), key=lambda k: -areas[k]):
        ids[masks[k]] = k + 1
    return ids, [float((ids == k + 1).sum() / area) if area else 0.0 for k, area in enumerate(areas)]


def _mask(instance: Instance, sx: float, sy: float, shape: tuple[int, int]) -> np.ndarray:
    """Mask (h, w) bool of an instance scaled by sx, sy; the filled box of a loose one."""
    if instance.mask is not None:
        shares = cv2.resize(instance.mask.astype(np.float32), shape[::-1], interpolation=cv2.INTER_AREA)
        return shares >= 0.5
    canvas = np.zeros(shape, np.uint8)
    if instance.loose:
        x0, y0, x1, y1 = instance.box_xyxy_px
        canvas[round(y0 * sy) : max(round(y0 * sy) + 1, round(y1 * sy)), round(x0 * sx) : round(x1 * sx)] = 1
        return canvas.astype(bool)
    for polygon in instance.polygons:  # one by one: together they would cancel out where they overlap
        points = np.round((polygon * (sx, sy) - 0.5) * 16).astype(np.int32)
        cv2.fillPoly(canvas, [points], 1, shift=4)
    return canvas.astype(bool)


def by_hash(photographs: Iterator[Annotated]) -> list[Annotated]:
    """Photographs in an order that mixes folders and is the same in every run."""
    return sorted(photographs, key=lambda p: hashlib.sha256(f"order {p.path.name}".encode()).digest())
