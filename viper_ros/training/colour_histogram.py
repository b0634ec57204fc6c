"""What a model has to beat: the colours that words go with, and the answers that questions begin with.

For every word a histogram of the colours of what it was said about; a pixel's score is the sum over a sentence's words
of how much more often its colour occurs there than anywhere (naive Bayes). It sees no shape and no place. Its answer is
the most frequent one to questions that begin with the same two words.
"""

from __future__ import annotations

import math
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from viper_ros.evaluation.calibration import fit_platt
from viper_ros.perception import Grounding
from viper_ros.perception.heatmap import heatmap_from_grid
from viper_ros.perception.letterbox import Letterbox
from viper_ros.perception.predictor import EncodedImage
from viper_ros.perception.regions import find_regions
from viper_ros.sim import Split
from viper_ros.training.shards import Shard, shard_files

SIZE_PX, CELL_PX = 256, 4  # more of it would not tell more of a colour
HSV_BINS = (12, 4, 4)
BINS = math.prod(HSV_BINS)
SMOOTHING = 2.0  # added to each bin of a word, spread as the colours are anywhere [pictures]
BLUR_CELLS = 1.5  # a cell's neighbours say what it belongs to
FEWEST = 20  # questions that a word has to be in
COLOUR = "colour"
"""What this baseline is called where models are named."""

FOLDERS = tuple(Path("data") / name for name in ("tabletop", "household", "photos"))
SHARDS = 10  # of each folder


class ColourHistogram:
    """Answers as `Predictor` does. Fit on the shards that a model is trained on."""

    def __init__(self, shards: Iterable[Shard]) -> None:
        """Count colours under words, and answers; then calibrate presence on the same questions."""
        self.info: dict[str, Any] = {"model": COLOUR, "threshold": 0.5}
        self._anywhere = np.full(BINS, 1e-3)
        words: dict[str, np.ndarray] = defaultdict(lambda: np.zeros(BINS))
        said, answers = Counter(), defaultdict(Counter)
        scenes = [(shard.rgb[i], shard.ids[i], shard.scenes[i]) for shard in shards for i in range(len(shard))]
        for rgb, ids, scene in scenes:
            bins = colour_bins(rgb)
            self._anywhere += np.bincount(bins.ravel(), minlength=BINS) / bins.size
            of_thing = {int(k): np.bincount(bins[ids == int(k)], minlength=BINS) for k in scene["objects"]}
            for question in scene["questions"]:
                answers[_beginning(question["text"])][question["answer"]] += 1
                counts = sum((of_thing[k] for k in question["targets"]), np.zeros(BINS))
                if counts.sum():
                    for word in _words(question["text"]):
                        words[word] += counts / counts.sum()
                        said[word] += 1
        self._anywhere /= self._anywhere.sum()
        self._scores = {
            word: np.log((counts + SMOOTHING * self._anywhere) / (said[word] + SMOOTHING) / self._anywhere)
            for word, counts in words.items()
            if said[word] >= FEWEST
        }
        self._answers = {key: counts.most_common(1)[0][0] for key, counts in answers.items()}
        self._usual = sum(answers.values(), Counter()).most_common(1)[0][0]
        self._calibrate(scenes[:: max(1, len(scenes) // 100)])

    def _calibrate(self, scenes: list) -> None:
        """Platt scaling of the highest score of a map as presence."""
        scores, present = [], []
        for rgb, _, scene in scenes:
            cells = self.encode(rgb).grid
            for question in scene["questions"]:
                scores.append(float(self._map(cells, question["text"]).max()))
                present.append(float(question["present"]))
        try:
            self._platt = fit_platt(torch.tensor(scores).unsqueeze(1), torch.tensor(present))
        except ValueError:  # colours say nothing about presence
            self._platt = (0.0, float(np.log(np.mean(present) / max(1e-6, 1 - np.mean(present)))))

    def encode(self, image: np.ndarray) -> EncodedImage:
        """Image (H, W, 3) uint8 -> the share of each colour in each cell, (rows, columns, bins) float32."""
        started = time.perf_counter()
        height, width = image.shape[:2]
        box = Letterbox.fit(width, height, SIZE_PX, 2 * CELL_PX)
        small = np.zeros((box.input_height, box.input_width, 3), np.uint8)
        inner = cv2.resize(image, (box.inner_width, box.inner_height), interpolation=cv2.INTER_AREA)
        small[: box.inner_height, : box.inner_width] = inner
        one_hot = np.eye(BINS, dtype=np.float32)[colour_bins(small)]
        rows, columns = box.input_height // CELL_PX, box.input_width // CELL_PX
        cells = one_hot.reshape(rows, CELL_PX, columns, CELL_PX, BINS).mean(axis=(1, 3))
        return EncodedImage(cells, box, 1000 * (time.perf_counter() - started))

    def query(self, encoded: EncodedImage, instruction: str) -> Grounding:
        """See `Predictor.query`."""
        started = time.perf_counter()
        box, scores = encoded.letterbox, self._map(encoded.grid, instruction)
        scale, bias = self._platt
        confidence, threshold = float(_sigmoid(scale * scores.max() + bias)), self.info["threshold"]
        relevance = _sigmoid(scores).astype(np.float32)
        mapping = box.grid_mapping(*relevance.shape)
        present = confidence >= threshold
        heatmap = heatmap_from_grid(relevance, mapping, box.width, box.height)
        regions = find_regions(heatmap, 8, mapping.cell_width * mapping.cell_height / 2) if present else ()
        elapsed_ms = 1000 * (time.perf_counter() - started)
        answer = self._answers.get(_beginning(instruction), self._usual)
        size = (box.width, box.height)
        return Grounding(
            instruction, answer, present, confidence, threshold, relevance, mapping, regions, size, elapsed_ms
        )

    def _map(self, cells: np.ndarray, text: str) -> np.ndarray:
        known = [self._scores[word] for word in _words(text) if word in self._scores]
        scores = cells @ sum(known, np.zeros(BINS)).astype(np.float32)
        return cv2.GaussianBlur(scores, (0, 0), BLUR_CELLS)


def fit_colours(folders: Iterable[Path] | None = None) -> ColourHistogram:
    """Fit on the first shards of folders; FileNotFoundError if there are none."""
    paths = [path for folder in folders or FOLDERS for path in shard_files(folder, Split.TRAIN)[:SHARDS]]
    if not paths:
        raise FileNotFoundError(f"no shards to fit colours on in {', '.join(map(str, folders or FOLDERS))}")
    return ColourHistogram([Shard(path) for path in paths])


def colour_bins(rgb: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8 -> (H, W) int, the number of each pixel's bin of hue, saturation and value."""
    hsv = cv2.cvtColor(rgb, cv2.COLOR_RGB2HSV_FULL).astype(np.int32)
    hue, saturation, value = (hsv[..., k] * bins // 256 for k, bins in enumerate(HSV_BINS))
    return (hue * HSV_BINS[1] + saturation) * HSV_BINS[2] + value


def _words(text: str) -> list[str]:
    return ["".join(c for c in word if c.isalnum()) for word in text.lower().split()]


def _beginning(text: str) -> tuple[str, ...]:
    return tuple(_words(text)[:2])


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.clip(x, -60, 60)))
