"""Shards -> batches of tensors: images with photometric augmentation, several questions on each.

B images, K questions on each, T tokens, H x W input pixels, C things that have a name, L pieces of a name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor

from viper_ros.model import ViperConfig
from viper_ros.model.grid import CELL_PX
from viper_ros.perception.letterbox import Letterbox
from viper_ros.perception.tokenizer import Tokenizer
from viper_ros.sim.household_words import HOUSEHOLD
from viper_ros.sim.vocabulary import COLOUR_SYNONYMS, PAINTED
from viper_ros.training.augment import MIRROR_RATE, augment_photometric, augment_words, mirror, swap_sides
from viper_ros.training.shards import Shard

IGNORE = -100
FINE_PX = 4
SYNONYM_RATE = 0.3
SELDOM = {
    **{"next to": 3.0, "nearest to": 3.0, "smallest": 2.0, "largest": 2.0},
    **{"second from the left": 4.0, "second from the right": 4.0},
}
"""Relation -> how much more often it is asked than what most scenes give many questions of."""
ASKED_OF_PLACES = {True: 1.3, False: 2.5}
"""How much more often than others it is asked what is at a place, where something is there and where nothing is."""
LOOSE_CORE = 0.5
"""Where only a box is known, the ellipse of this share of its sides surely lies on the thing; the rest may not."""


@dataclass(frozen=True)
class Labels:
    """What cells are named by: categories with their other names, and colours. Index 0 stays for background."""

    categories: tuple[tuple[str, ...], ...]  # the first name of each is the one that scenes are written with
    colours: tuple[tuple[str, ...], ...]

    @classmethod
    def of(cls, shards: list[Shard]) -> Labels:
        """Every category that occurs in shards, in alphabetical order, and the colours of the simulated worlds."""
        names = {category for shard in shards for scene in shard.scenes for category, _ in scene["objects"].values()}
        categories = tuple((name, *_synonyms(name)) for name in sorted(names))
        return cls(categories, tuple((name, *COLOUR_SYNONYMS.get(name, ())) for name in PAINTED))

    def index(self) -> tuple[dict[str, int], dict[str | None, int]]:
        """Category -> index and colour -> index; no colour is one that nothing is asked about."""
        categories = {names[0]: i + 1 for i, names in enumerate(self.categories)}
        colours = {names[0]: i + 1 for i, names in enumerate(self.colours)}
        return categories, {**colours, None: IGNORE}


def _synonyms(name: str) -> tuple[str, ...]:
    return HOUSEHOLD.categories[name].synonyms if name in HOUSEHOLD.categories else ()


@dataclass(frozen=True)
class Source:
    """What every batch of a run is made with."""

    config: ViperConfig
    tokenizer: Tokenizer
    labels: Labels


class Batch(NamedTuple):
    """What one step of training sees."""

    pixel_values: Tensor  # (B, 3, H, W) float32, normalised
    input_ids: Tensor  # (B * K, T) int64: instruction, ground token, answer, end, padding
    labels: Tensor  # (B * K, T) int64: the next token where it is of the answer, IGNORE elsewhere
    target: Tensor  # (B * K, H / 4, W / 4) float32: share of the fine cell that the referred objects cover
    anchors: Tensor  # (B * K, H / 8, W / 8) float32: share of the cell that things cover which are mentioned on the way
    known: Tensor  # (B * K, H / 4, W / 4) float32: 1 where ``target`` is known, 0 inside a loose box
    present: Tensor  # (B * K,) float32
    grounded: Tensor  # (B * K,) float32: 1 where target and present are defined
    counts: Tensor  # (B * K,) float32: how many things are referred to
    categories: Tensor  # (B, H / 8, W / 8) int64, what the middle of the cell shows; IGNORE where unknown
    colours: Tensor  # (B, H / 8, W / 8) int64
    category_names: Tensor  # (C, L) int64, one of the names of each category, padded
    colour_names: Tensor  # (C', L') int64


def sample_batch(
    rng: np.random.Generator,
    shards: list[Shard],
    source: Source,
    images: int,
    questions: int,
    augment: bool,
    photometric: float = 1.0,
) -> Batch:
    """Sample a batch from one shard, so that all its images have one size."""
    shard = shards[rng.integers(len(shards))]
    picks = rng.choice(len(shard), images, replace=len(shard) < images)
    return make_batch(rng, shard, picks, source, questions, augment, photometric)


def make_batch(
    rng: np.random.Generator,
    shard: Shard,
    picks: np.ndarray,
    source: Source,
    questions: int,
    augment: bool,
    photometric: float = 1.0,
) -> Batch:
    """Batch of the scenes ``picks`` of a shard with ``questions`` sampled questions on each.

    ``augment`` mirrors images, puts made-up words into questions and changes pixels, these with strength
    ``photometric``.

    Raises:
        ValueError: the shard's images are not of the model's size.
    """
    config, tokenizer = source.config, source.tokenizer
    height, width = shard.ids.shape[1:]
    if max(width, height) != config.image_size:
        raise ValueError(
            f"a shard holds images of {width} x {height} px, the model takes {config.image_size} px in length; "
            "make the data anew with `viper render` or `viper annotate`"
        )
    box = Letterbox.fit(width, height, config.image_size, config.stride)
    category_index, colour_index = source.labels.index()
    pixels, categories, colours, sequences, targets, known = [], [], [], [], [], []
    anchors, present, grounded, counts = [], [], [], []
    for i in picks:
        scene, ids = shard.scenes[i], np.zeros((box.input_height, box.input_width), np.uint8)
        rgb, mirrored = shard.rgb[i], augment and rng.random() < MIRROR_RATE
        ids[:height, :width] = shard.ids[i]
        if mirrored:
            columns, rows = scene.get("size", (width, height))  # of the picture inside its padding
            inside = np.s_[:rows, :columns]
            rgb, ids = mirror(rgb, inside), mirror(ids, inside)
        rgb = augment_photometric(rng, rgb, photometric) if augment else rgb
        pixels.append(torch.from_numpy(box.apply(rgb, config.pixel_mean, config.pixel_std)))
        doubtful = _doubtful(scene, ids)
        category, colour = _label_maps(scene, ids, doubtful, category_index, colour_index)
        categories.append(torch.from_numpy(category))
        colours.append(torch.from_numpy(colour))
        bank = scene["questions"]
        often = np.array([how_often(question) for question in bank])
        for j in rng.choice(len(bank), questions, replace=len(bank) < questions, p=often / often.sum()):
            question = augment_words(rng, bank[j]) if augment else bank[j]
            text, answer = (swap_sides(question[key]) if mirrored else question[key] for key in ("text", "answer"))
            sequences.append((tokenizer.encode_instruction(text), tokenizer.encode_answer(answer)))
            covered = _mask(ids, question["targets"])
            targets.append(torch.from_numpy(_coverage(covered, FINE_PX)))
            anchors.append(torch.from_numpy(_coverage(_mask(ids, question["anchors"]), CELL_PX)))
            known.append(torch.from_numpy(1 - _coverage(covered & doubtful, FINE_PX)))
            present.append(float(question["present"]))
            grounded.append(float(bool(question["targets"]) or not question["present"]))
            counts.append(float(len(question["targets"])))
    input_ids, labels = _pad_sequences(sequences)
    return Batch(
        torch.stack(pixels),
        input_ids,
        labels,
        torch.stack(targets),
        torch.stack(anchors),
        torch.stack(known),
        torch.tensor(present),
        torch.tensor(grounded),
        torch.tensor(counts),
        torch.stack(categories),
        torch.stack(colours),
        _names(rng, source.labels.categories, tokenizer),
        _names(rng, source.labels.colours, tokenizer),
    )


def how_often(question: dict[str, Any]) -> float:
    """Give how much more often than others a question of a scene's bank is asked: what is seldom and what is hard."""
    often = SELDOM.get(question["relation"], 1.0)
    return often * ASKED_OF_PLACES[question["present"]] if question["kind"] == "relation" else often


def _mask(ids: np.ndarray, chosen: list[int]) -> np.ndarray:
    """Ids (H, W) uint8 -> 255 where one of the ``chosen`` is, 0 elsewhere, (H, W) uint8."""
    table = np.zeros(256, np.uint8)
    table[chosen] = 255
    return table[ids]


def _coverage(mask: np.ndarray, cell_px: int) -> np.ndarray:
    """Mask (H, W) uint8 of 0 and 255 -> share of each square cell that it covers, (H / cell, W / cell) float32."""
    h, w = mask.shape
    return cv2.resize(mask, (w // cell_px, h // cell_px), interpolation=cv2.INTER_AREA).astype(np.float32) / 255


def _doubtful(scene: dict[str, Any], ids: np.ndarray) -> np.ndarray:
    """Pixels (H, W) uint8, 255 where only a box says that its thing is there, away from the box's core."""
    doubtful = np.zeros(ids.shape, np.uint8)
    for thing in scene.get("loose", ()):
        inside = (ids == thing).astype(np.uint8)
        x, y, w, h = cv2.boundingRect(inside)
        core = np.zeros_like(inside)
        centre = (x + w // 2, y + h // 2)
        cv2.ellipse(core, centre, (int(w * LOOSE_CORE / 2), int(h * LOOSE_CORE / 2)), 0, 0, 360, 1, -1)
        doubtful[(inside > 0) & (core == 0)] = 255
    return doubtful


def _label_maps(
    scene: dict[str, Any],
    ids: np.ndarray,
    doubtful: np.ndarray,
    category_index: dict[str, int],
    colour_index: dict[str | None, int],
) -> tuple[np.ndarray, np.ndarray]:
    """Category and colour index at the middle of each cell. Where not everything is labelled, the rest is unknown."""
    category, colour = np.full(256, 0, np.int64), np.full(256, 0, np.int64)
    if not scene.get("complete", True):
        category[0] = colour[0] = IGNORE
    for key, (name, paint) in scene["objects"].items():
        category[int(key)], colour[int(key)] = category_index.get(name, IGNORE), colour_index[paint]
    middle = (slice(CELL_PX // 2, None, CELL_PX),) * 2
    maps = category[ids[middle]], colour[ids[middle]]
    for labels in maps:
        labels[doubtful[middle] > 0] = IGNORE
    return maps


def _names(rng: np.random.Generator, rows: tuple[tuple[str, ...], ...], tokenizer: Tokenizer) -> Tensor:
    """One name of each row in pieces, (C, L) int64: the first one, or at times a synonym."""
    said = [names[rng.integers(len(names))] if rng.random() < SYNONYM_RATE else names[0] for names in rows]
    pieces = [tokenizer.encode_instruction(name)[:-1] for name in said]
    table = torch.zeros(len(pieces), max(map(len, pieces), default=1), dtype=torch.int64)
    for row, ids in zip(table, pieces, strict=True):
        row[: len(ids)] = torch.tensor(ids)
    return table


def _pad_sequences(sequences: list[tuple[list[int], list[int]]]) -> tuple[Tensor, Tensor]:
    """(instruction, answer) ids -> input_ids and labels, padded on the right."""
    length = max(len(a) + len(b) for a, b in sequences) - 1  # the last token is only ever predicted
    input_ids = torch.zeros(len(sequences), length, dtype=torch.int64)
    labels = torch.full((len(sequences), length), IGNORE)
    for row, (instruction, answer) in enumerate(sequences):
        whole = [*instruction, *answer]
        input_ids[row, : len(whole) - 1] = torch.tensor(whole[:-1])
        labels[row, len(instruction) - 1 : len(whole) - 1] = torch.tensor(answer)
    return input_ids, labels
