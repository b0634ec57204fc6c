"""The contract without ROS: an image and a sentence in, a frozen :class:`Grounding` out."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from viper_ros.model import Grid, ViperF1, ViperOutput, ViperState
from viper_ros.perception.checkpoint import find_checkpoint, load_checkpoint, load_tokenizer
from viper_ros.perception.heatmap import heatmap_from_grid
from viper_ros.perception.letterbox import GridMapping, Letterbox, check_image
from viper_ros.perception.regions import Region, find_regions
from viper_ros.perception.tokenizer import Tokenizer

MASK_THRESHOLD = 0.5  # a pixel belongs to a region if it is more likely than not
MAX_ANSWER_TOKENS = 16


@dataclass(frozen=True)
class EncodedImage:
    """An image that went through the grid encoder once; ask it as many questions as you like."""

    grid: Grid = field(repr=False)
    letterbox: Letterbox
    encode_time_ms: float


@dataclass(frozen=True)
class Grounding:
    """What the model found for one instruction in one image. Pixels are those of the source image."""

    instruction: str
    answer: str | None  # None if no answer was asked for
    present: bool  # confidence >= threshold
    confidence: float  # probability that the referred thing is in view, [0, 1]
    threshold: float
    relevance: np.ndarray = field(repr=False)  # (Gh, Gw) float32, probability per cell
    mapping: GridMapping = field(repr=False)  # of the cells into the source image
    regions: tuple[Region, ...]  # best first; empty if not present
    image_size: tuple[int, int]  # (width, height) of the source image
    inference_time_ms: float  # of this question, without encoding the image

    def heatmap(self) -> np.ndarray:
        """(H, W) float32 in [0, 1]: relevance at the size of the source image."""
        return heatmap_from_grid(self.relevance, self.mapping, *self.image_size)


class Predictor:
    """Runs a Viper-F1 checkpoint on images. Not for several threads at once."""

    def __init__(self, model: ViperF1, tokenizer: Tokenizer, name: str = "") -> None:
        self.model, self.tokenizer = model.eval(), tokenizer
        parameter = next(model.parameters())
        self.device = parameter.device
        self.info: dict[str, Any] = {
            "model": name or model.config.name,
            "parameters": sum(p.numel() for p in model.parameters()),
            "device": str(parameter.device),
            "dtype": str(parameter.dtype).removeprefix("torch."),
            "threshold": model.config.calibration.threshold,
        }

    @classmethod
    def from_pretrained(cls, name_or_folder: str | Path = "nano", device: str = "cpu") -> Predictor:
        """Load a checkpoint by its name under ``models/`` or by its folder; see :func:`load_checkpoint` for errors."""
        folder = find_checkpoint(name_or_folder)
        return cls(load_checkpoint(folder, device), load_tokenizer(folder), folder.name)

    @torch.inference_mode()
    def encode(self, image: np.ndarray) -> EncodedImage:
        """Image (H, W, 3) uint8 RGB -> :class:`EncodedImage`.

        Raises:
            ValueError: the image is anything else.
        """
        started = time.perf_counter()
        height, width = check_image(image).shape[:2]
        letterbox = Letterbox.fit(width, height, self.model.config.image_size, self.model.config.stride)
        pixels = torch.from_numpy(letterbox.apply(image)).unsqueeze(0).to(self.device)
        grid = self.model.encode(pixels)
        return EncodedImage(grid, letterbox, _ms_since(started))

    def ground(
        self,
        image: np.ndarray | EncodedImage,
        instruction: str,
        threshold: float | None = None,
        max_regions: int = 8,
    ) -> Grounding:
        """Relevance and regions, no text: what a planner needs in every frame. Arguments as :meth:`query`."""
        return self._ask(image, instruction, threshold, max_regions, answer=False)

    def query(
        self,
        image: np.ndarray | EncodedImage,
        instruction: str,
        threshold: float | None = None,
        max_regions: int = 8,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> Grounding:
        """Relevance, regions and a text answer.

        Args:
            image: (H, W, 3) uint8 RGB, or what :meth:`encode` returned.
            instruction: what to find or to answer; not empty.
            threshold: presence threshold in (0, 1]; None takes the checkpoint's calibrated one.
            max_regions: at most this many regions.
            should_stop: asked before each token of the answer; True ends the answer there.

        Raises:
            ValueError: malformed image, empty or overlong instruction, threshold out of range.
        """
        return self._ask(image, instruction, threshold, max_regions, answer=True, should_stop=should_stop)

    @torch.inference_mode()
    def _ask(
        self,
        image: np.ndarray | EncodedImage,
        instruction: str,
        threshold: float | None,
        max_regions: int,
        answer: bool,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> Grounding:
        input_ids = self._instruction_ids(instruction)
        threshold = self.model.config.calibration.threshold if threshold is None else threshold
        if not 0 < threshold <= 1:
            raise ValueError(f"threshold must be in (0, 1], got {threshold}")
        encoded = image if isinstance(image, EncodedImage) else self.encode(image)
        started = time.perf_counter()
        output, state = self.model.prefill(input_ids, encoded.grid)
        confidence, relevance = self._probabilities(output)
        text = self._answer(output, state, should_stop) if answer else None
        box = encoded.letterbox
        mapping = box.grid_mapping(*relevance.shape)
        present = confidence >= threshold
        regions: tuple[Region, ...] = ()
        if present:
            heatmap = heatmap_from_grid(relevance, mapping, box.width, box.height)
            cell_area = mapping.cell_width * mapping.cell_height
            regions = find_regions(heatmap, MASK_THRESHOLD, max_regions, min_area_px=cell_area / 2)
        return Grounding(
            instruction,
            text,
            present,
            confidence,
            threshold,
            relevance,
            mapping,
            regions,
            (box.width, box.height),
            _ms_since(started),
        )

    def _instruction_ids(self, instruction: str) -> torch.Tensor:
        if not isinstance(instruction, str) or not instruction.strip():
            raise ValueError(f"instruction must be a sentence, got {instruction!r}")
        ids = self.tokenizer.encode_instruction(instruction)
        if len(ids) > self.model.config.max_tokens:
            raise ValueError(
                f"instruction has {len(ids)} tokens, at most {self.model.config.max_tokens} fit; say it shorter"
            )
        return torch.tensor([ids], device=self.device)

    def _probabilities(self, output: ViperOutput) -> tuple[float, np.ndarray]:
        """Calibrated probability of presence and of each cell."""
        c = self.model.config.calibration
        logit = c.presence_scale * float(output.presence_logit[0]) + c.presence_bias
        confidence = 1 / (1 + math.exp(-max(-60.0, min(60.0, logit))))
        relevance = torch.sigmoid(c.cell_scale * output.target_logits[0] + c.cell_bias)
        return confidence, relevance.float().cpu().numpy()

    def _answer(self, output: ViperOutput, state: ViperState, should_stop: Callable[[], bool]) -> str:
        tokens = self.model.stream(output.logits[:, -1], state, MAX_ANSWER_TOKENS, should_stop)
        return self.tokenizer.decode(int(token) for token in tokens)


def _ms_since(started: float) -> float:
    return (time.perf_counter() - started) * 1000
