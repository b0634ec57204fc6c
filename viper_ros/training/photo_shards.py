"""Labelled photographs -> shards in the form of `shards`, so that a training reads them as it reads rendered ones.

Beside what a rendered scene says, a photograph's has ``source``, ``photo`` (its file), ``size`` (width and height
of the picture inside its canvas, padding lies right and below), ``complete`` (everything is labelled), ``loose``
(ids of which only the box is known) and ``boxes`` (id -> x0, y0, x1, y1 in pixels of the canvas).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file
from tqdm import tqdm

from viper_ros.model.presets import nano_config
from viper_ros.perception.letterbox import Letterbox
from viper_ros.sim.splits import Split, may_not_be_named
from viper_ros.training.annotations import (
    Annotated,
    BadAnnotation,
    Instance,
    Skips,
    by_hash,
    in_pixels,
    in_test,
    load_picture,
    rasterise,
)
from viper_ros.training.class_names import ClassName, ClassNames
from viper_ros.training.photo_questions import MIN_AREA, MIN_FRACTION, Labelled, Thing, sample_questions
from viper_ros.training.shards import (
    FOUR_BY_THREE_PX,
    LONGER_SIDE_PX,
    QUESTIONS_PER_SCENE,
    SHARD_SCENES,
    SQUARE_PX,
    TYPO_RATE,
    WIDE_PX,
)

CANVASES_PX = (WIDE_PX, FOUR_BY_THREE_PX, FOUR_BY_THREE_PX[::-1], SQUARE_PX)
"""(Width, height); a picture goes onto the first that it fits into."""

FEWEST = 32  # a smaller rest goes onto square canvases: a batch is drawn from one shard
_PAD_RGB = np.array([round(255 * mean) for mean in nano_config().pixel_mean], np.uint8)  # as `Letterbox` pads


@dataclass(frozen=True)
class Source:
    """Where photographs come from and how far their labels can be trusted. ``name`` is part of the shards' names."""

    name: str
    table: dict[str, Any] = field(default_factory=dict)
    complete: bool = True
    surely_absent: tuple[ClassName, ...] = ()
    test_percent: int = 15
    limit: int | None = None  # photographs of each part at most
    hold_out: bool = False  # keep the categories of suite ``novel`` out of training: neither named nor labelled


@dataclass
class _Row:
    """One photograph on its canvas: rgb (H, W, 3) uint8, ids (H, W) uint8, and what the JSON says."""

    rgb: np.ndarray
    ids: np.ndarray
    scene: dict[str, Any]


def write_photo_shards(
    photographs: Iterator[Annotated], source: Source, train: Path, test: Path, skips: Skips
) -> Counter[str]:
    """Write ``train-<name>-<index>`` below ``train`` and ``test-<name>-<index>`` below ``test`` -> counts.

    Shards that an earlier run wrote under the same name are replaced. The test part takes one copy of each original.

    Raises:
        ValueError: nothing could be used; the message says why.
    """
    chosen = by_hash(photographs)
    names = ClassNames({i.label for photograph in chosen for i in photograph.instances}, source.table)
    counts: Counter[str] = Counter()
    for split, folder in ((Split.TRAIN, train), (Split.TEST, test)):
        part = [p for p in chosen if in_test(p.original, source.test_percent) == (split is Split.TEST)]
        if split is Split.TEST:
            part = list({p.original: p for p in reversed(part)}.values())
        _write_split(part[: source.limit], source, names, split, folder, skips, counts)
    if not counts:
        raise ValueError("\n".join(["no photograph could be used", *skips.lines()]))
    return counts


def _write_split(
    part: list[Annotated],
    source: Source,
    names: ClassNames,
    split: Split,
    folder: Path,
    skips: Skips,
    counts: Counter[str],
) -> None:
    writer = _Writer(folder, f"{split.name.lower()}-{source.name}")
    for photograph in tqdm(part, unit="photo", desc=writer.stem):
        try:
            row = make_row(photograph, source, names, split)
        except BadAnnotation as error:
            skips.add(str(error), str(photograph.path))
            continue
        writer.add(row)
        counts[f"{split.name.lower()} photographs"] += 1
        counts[f"{split.name.lower()} questions"] += len(row.scene["questions"])
        counts[f"{split.name.lower()} questions about something absent"] += sum(
            not question["present"] for question in row.scene["questions"]
        )
    writer.close()


def make_row(photograph: Annotated, source: Source, names: ClassNames, split: Split) -> _Row:
    """Read, scale and question one photograph.

    Raises:
        BadAnnotation: it cannot be used.
    """
    image = load_picture(photograph)
    height, width = image.shape[:2]
    instances = in_pixels(photograph, width, height)
    ids, fractions = rasterise(instances, width, height)
    things = tuple(
        _thing(k, instance, names, (ids == k + 1).mean(), fractions[k], width, height)
        for k, instance in enumerate(instances)
    )
    held_out = source.hold_out and split is Split.TRAIN
    never = frozenset(noun for noun in names.nouns if held_out and may_not_be_named(noun))
    hidden = {t.id for t in things if t.named is None or never & {t.named.name, *t.named.kinds}}
    if any(things[k].id in hidden for said in photograph.sentences for k in said.targets):
        raise BadAnnotation("a sentence is about a class that is never named")
    labelled = Labelled(things, names, source.complete, never, source.surely_absent)
    rng = np.random.default_rng([split.value, *photograph.path.name.encode()])
    typo_rate = TYPO_RATE if split is Split.TRAIN else 0.0
    questions = sample_questions(rng, labelled, QUESTIONS_PER_SCENE, photograph.sentences, split, typo_rate)
    if not questions:
        raise BadAnnotation("nothing in it can be asked about without doubt")
    ids[np.isin(ids, list(hidden))] = 0  # part of what is not labelled
    scene = _scene(photograph, source, [t for t in things if t.id not in hidden], instances, ids.shape, (width, height))
    scene["complete"] = source.complete and not hidden
    return _on_canvas(image, ids, scene | {"questions": questions})


def _thing(
    k: int, instance: Instance, names: ClassNames, area: float, fraction: float, width: int, height: int
) -> Thing:
    x0, y0, x1, y1 = instance.box_xyxy_px
    clear = not instance.doubtful and area >= MIN_AREA and fraction >= MIN_FRACTION
    centre = ((x0 + x1) / 2 / width, (y0 + y1) / 2 / height)
    return Thing(k + 1, names.by_label[instance.label], centre, clear, instance.loose)


def _scene(
    photograph: Annotated,
    source: Source,
    things: list[Thing],
    instances: tuple[Instance, ...],
    shape: tuple[int, int],
    size_px: tuple[int, int],
) -> dict[str, Any]:
    scale = np.array([shape[1] / size_px[0], shape[0] / size_px[1]] * 2)
    boxes = {str(t.id): np.round(scale * instances[t.id - 1].box_xyxy_px, 1).tolist() for t in things}
    return {
        "source": source.name,
        "photo": photograph.path.name,
        "size": [shape[1], shape[0]],
        "objects": {str(thing.id): [thing.named.name, None] for thing in things},
        "loose": [thing.id for thing in things if thing.loose],
        "boxes": boxes,
    }


def _on_canvas(image: np.ndarray, ids: np.ndarray, scene: dict[str, Any]) -> _Row:
    """Scale a picture to its ids' size and put both at the top left of the smallest canvas that they fit."""
    h, w = ids.shape
    canvas = next(size for size in CANVASES_PX if w <= size[0] and h <= size[1])
    box = Letterbox.fit(image.shape[1], image.shape[0], LONGER_SIDE_PX, 1)
    rgb = box.apply(image, (0.0, 0.0, 0.0), (1 / 255,) * 3).transpose(1, 2, 0).round().astype(np.uint8)
    return _padded(_Row(rgb, ids, scene), *canvas)


def _padded(row: _Row, width: int, height: int) -> _Row:
    h, w = row.ids.shape
    rgb = np.empty((height, width, 3), np.uint8)
    rgb[:] = _PAD_RGB
    rgb[:h, :w] = row.rgb
    return _Row(rgb, np.pad(row.ids, ((0, height - h), (0, width - w))), row.scene)


class _Writer:
    """Collects rows by canvas and writes a shard whenever one is full."""

    def __init__(self, folder: Path, stem: str) -> None:
        self.folder, self.stem, self.index = folder, stem, 0
        self.rows: dict[tuple[int, int], list[_Row]] = {}
        folder.mkdir(parents=True, exist_ok=True)
        for path in folder.glob(f"{stem}-[0-9][0-9][0-9][0-9][0-9].*"):
            path.unlink()

    def add(self, row: _Row) -> None:
        rows = self.rows.setdefault(row.ids.shape, [])
        rows.append(row)
        if len(rows) == SHARD_SCENES:
            self._write(self.rows.pop(row.ids.shape))

    def close(self) -> None:
        """Write what is left: small rests together, on square canvases."""
        rest: list[_Row] = self.rows.pop(SQUARE_PX, [])
        for rows in self.rows.values():
            if len(rows) >= FEWEST:
                self._write(rows)
            else:
                rest += [_padded(row, *SQUARE_PX) for row in rows]
        for at in range(0, len(rest), SHARD_SCENES):
            self._write(rest[at : at + SHARD_SCENES])

    def _write(self, rows: list[_Row]) -> None:
        path = self.folder / f"{self.stem}-{self.index:05d}.safetensors"
        save_file({"rgb": np.stack([row.rgb for row in rows]), "ids": np.stack([row.ids for row in rows])}, str(path))
        path.with_suffix(".json").write_text(json.dumps([row.scene for row in rows]))  # last: the shard is whole
        self.index += 1
