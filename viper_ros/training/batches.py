"""Shards -> batches of tensors: images with photometric augmentation, several questions on each.

B images, K questions on each, T tokens, H x W input pixels.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor

from viper_ros.model.presets import nano_config
from viper_ros.perception.letterbox import Letterbox
from viper_ros.perception.tokenizer import Tokenizer
from viper_ros.sim.vocabulary import CATEGORIES, PAINTED
from viper_ros.training.shards import Shard

CATEGORY_INDEX = {name: i + 1 for i, name in enumerate(CATEGORIES)}  # 0 is background
COLOUR_INDEX = {name: i + 1 for i, name in enumerate(PAINTED)}
IGNORE = -100
NANO = nano_config()


class Batch(NamedTuple):
    """What one step of training sees."""

    pixel_values: Tensor  # (B, 3, H, W) float32, normalised
    input_ids: Tensor  # (B * K, T) int64: instruction, ground token, answer, end, padding
    labels: Tensor  # (B * K, T) int64: the next token where it is of the answer, IGNORE elsewhere
    target: Tensor  # (B * K, H / 4, W / 4) float32: share of the fine cell that the referred objects cover
    present: Tensor  # (B * K,) float32
    grounded: Tensor  # (B * K,) float32: 1 where target and present are defined (not for "how many things ...")
    categories: Tensor  # (B, H / 8, W / 8) int64, what the middle of the cell shows
    colours: Tensor  # (B, H / 8, W / 8) int64


def sample_batch(
    rng: np.random.Generator, shards: list[Shard], tokenizer: Tokenizer, images: int, questions: int, augment: bool
) -> Batch:
    """Sample a batch from one shard, so that all its images have one size."""
    shard = shards[rng.integers(len(shards))]
    picks = rng.choice(len(shard), images, replace=len(shard) < images)
    return make_batch(rng, shard, picks, tokenizer, questions, augment)


def make_batch(
    rng: np.random.Generator,
    shard: Shard,
    picks: np.ndarray,
    tokenizer: Tokenizer,
    questions: int,
    augment: bool,
) -> Batch:
    """Batch of the scenes ``picks`` of a shard with ``questions`` sampled questions on each."""
    height, width = shard.ids.shape[1:]
    box = Letterbox.fit(width, height, NANO.image_size, NANO.stride)
    pixels, categories, colours, sequences, targets, present, grounded = [], [], [], [], [], [], []
    for i in picks:
        scene, ids = shard.scenes[i], np.zeros((box.input_height, box.input_width), np.uint8)
        ids[:height, :width] = shard.ids[i]
        rgb = augment_photometric(rng, shard.rgb[i]) if augment else shard.rgb[i]
        pixels.append(torch.from_numpy(box.apply(rgb, NANO.pixel_mean, NANO.pixel_std)))
        category, colour = _label_maps(scene["objects"], ids[4::8, 4::8])
        categories.append(torch.from_numpy(category))
        colours.append(torch.from_numpy(colour))
        bank = scene["questions"]
        for j in rng.choice(len(bank), questions, replace=len(bank) < questions):
            question = bank[j]
            sequences.append(
                (tokenizer.encode_instruction(question["text"]), tokenizer.encode_answer(question["answer"]))
            )
            covered = np.isin(ids, question["targets"]) if question["targets"] else np.zeros_like(ids, bool)
            targets.append(torch.from_numpy(_coverage(covered, 4)))
            present.append(float(question["present"]))
            grounded.append(float(bool(question["targets"]) or not question["present"]))
    input_ids, labels = _pad(sequences)
    return Batch(
        torch.stack(pixels),
        input_ids,
        labels,
        torch.stack(targets),
        torch.tensor(present),
        torch.tensor(grounded),
        torch.stack(categories),
        torch.stack(colours),
    )


def augment_photometric(rng: np.random.Generator, rgb: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8 -> the same under another exposure, white balance, blur, noise and JPEG quality."""
    image = rgb.astype(np.float32) / 255
    image = image ** rng.uniform(0.75, 1.3) * rng.uniform(0.75, 1.25)  # gamma, exposure
    image = (image - 0.5) * rng.uniform(0.8, 1.2) + 0.5  # contrast
    image = image * rng.uniform(0.93, 1.07, 3).astype(np.float32)  # white balance, too small to rename a colour
    if rng.random() < 0.3:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.3, 1.2))
    if rng.random() < 0.5:
        image = image + rng.normal(0, rng.uniform(0, 0.04), image.shape).astype(np.float32)
    image = (np.clip(image, 0, 1) * 255).astype(np.uint8)
    if rng.random() < 0.3:
        quality = int(rng.integers(35, 95))
        image = cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_COLOR)
    return image


def _coverage(mask: np.ndarray, cell: int) -> np.ndarray:
    """Mask (H, W) bool -> share of each cell of ``cell`` px that it covers, (H / cell, W / cell) float32."""
    h, w = mask.shape
    return mask.reshape(h // cell, cell, w // cell, cell).mean(axis=(1, 3), dtype=np.float32)


def _label_maps(objects: dict[str, list[str]], ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ids of cell middles -> category and colour index of each."""
    category, colour = np.zeros(256, np.int64), np.zeros(256, np.int64)
    for key, (name, paint) in objects.items():
        category[int(key)], colour[int(key)] = CATEGORY_INDEX[name], COLOUR_INDEX[paint]
    return category[ids], colour[ids]


def _pad(sequences: list[tuple[list[int], list[int]]]) -> tuple[Tensor, Tensor]:
    """(instruction, answer) ids -> input_ids and labels, padded on the right."""
    length = max(len(a) + len(b) for a, b in sequences) - 1  # the last token is only ever predicted
    input_ids = torch.zeros(len(sequences), length, dtype=torch.int64)
    labels = torch.full((len(sequences), length), IGNORE)
    for row, (instruction, answer) in enumerate(sequences):
        whole = [*instruction, *answer]
        input_ids[row, : len(whole) - 1] = torch.tensor(whole[:-1])
        labels[row, len(instruction) - 1 : len(whole) - 1] = torch.tensor(answer)
    return input_ids, labels
