"""The contract without ROS: an image and a sentence in, a frozen :class:`Grounding` out."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from viper_ros.model import GREEDY, Grid, Sampling, ViperF1, ViperOutput, ViperState
from viper_ros.perception.chat import ChatTokenizer
from viper_ros.perception.checkpoint import find_checkpoint, load_checkpoint, load_tokenizer
from viper_ros.perception.heatmap import heatmap_from_grid
from viper_ros.perception.letterbox import GridMapping, Letterbox, check_image
from viper_ros.perception.precision import for_inference, with_precision
from viper_ros.perception.regions import Region, find_regions
from viper_ros.perception.tokenizer import Tokenizer

MAX_ANSWER_TOKENS = 16
SIZES_PX = (64, 1024)


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


class Answering(NamedTuple):
    """How the text of an answer is to be written."""

    should_stop: Callable[[], bool]
    max_tokens: int
    sampling: Sampling


class Predictor:
    """Runs a Viper-F1 checkpoint on images. Its methods change nothing, so threads may share a model."""

    def __init__(self, model: ViperF1, tokenizer: Tokenizer | ChatTokenizer, name: str = "") -> None:
        self.model, self.tokenizer = model.eval(), tokenizer
        self.image_size = model.config.image_size  # longer side of the network's input [px]
        parameter = next(model.parameters())
        self.device, self.dtype = parameter.device, parameter.dtype
        self.info: dict[str, Any] = {
            "model": name or model.config.name,
            "parameters": sum(p.numel() for p in model.parameters()),
            "device": str(parameter.device),
            "dtype": str(parameter.dtype).removeprefix("torch."),
            "threshold": model.config.calibration.threshold,
        }

    @classmethod
    def from_pretrained(
        cls,
        name_or_folder: str | Path = "nano",
        device: str = "cpu",
        precision: str = "float32",
        image_size: int | None = None,
    ) -> Predictor:
        """Load a checkpoint by its name under ``models/`` or by its folder.

        Errors are those of :func:`load_checkpoint`; for ``precision`` of :func:`with_precision`, and for ``image_size``
        of :meth:`at_image_size`.
        """
        folder = find_checkpoint(name_or_folder)
        tokenizer = load_tokenizer(folder)
        model = with_precision(for_inference(load_checkpoint(folder, device)), precision)
        predictor = cls(model, tokenizer, folder.name)
        predictor.info["dtype"] = precision
        return predictor if image_size is None else predictor.at_image_size(image_size)

    def at_image_size(self, image_size: int) -> Predictor:
        """The same model on larger or smaller images (longer side [px]); the cost grows with the square of it.

        Raises:
            ValueError: out of [64, 1024], or the checkpoint's grid encoder works at its own size alone.
        """
        own = self.model.config.image_size
        if not SIZES_PX[0] <= image_size <= SIZES_PX[1]:
            raise ValueError(f"image_size must be in [{SIZES_PX[0]}, {SIZES_PX[1]}] px, got {image_size}")
        if image_size != own and not self.model.grid_encoder.any_size:
            raise ValueError(f"{self.info['model']} sees images of {own} px alone, got image_size {image_size}")
        predictor = copy(self)
        predictor.image_size = image_size
        return predictor

    @torch.inference_mode()
    def encode(self, image: np.ndarray) -> EncodedImage:
        """Image (H, W, 3) uint8 RGB -> :class:`EncodedImage`.

        Raises:
            ValueError: the image is anything else.
        """
        started = time.perf_counter()
        height, width = check_image(image).shape[:2]
        config = self.model.config
        letterbox = Letterbox.fit(width, height, self.image_size, config.stride)
        pixels = torch.from_numpy(letterbox.apply(image, config.pixel_mean, config.pixel_std))
        pixels = pixels.unsqueeze(0).to(self.device, self.dtype)
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
        return self._ask(image, instruction, threshold, max_regions, None)

    def query(
        self,
        image: np.ndarray | EncodedImage,
        instruction: str,
        threshold: float | None = None,
        max_regions: int = 8,
        should_stop: Callable[[], bool] = lambda: False,
        max_answer_tokens: int = MAX_ANSWER_TOKENS,
        sampling: Sampling = GREEDY,
    ) -> Grounding:
        """Relevance, regions and a text answer.

        Args:
            image: (H, W, 3) uint8 RGB, or what :meth:`encode` returned.
            instruction: what to find or to answer; not empty.
            threshold: presence threshold in (0, 1]; None takes the checkpoint's calibrated one.
            max_regions: at most this many regions.
            should_stop: asked before each token of the answer; True ends the answer there.
            max_answer_tokens: the answer is cut after this many.
            sampling: how to choose them; greedy unless told otherwise.

        Raises:
            ValueError: malformed image, empty or overlong instruction, threshold out of range.
        """
        return self._ask(
            image, instruction, threshold, max_regions, Answering(should_stop, max_answer_tokens, sampling)
        )

    @torch.inference_mode()
    def stream(
        self,
        image: np.ndarray | EncodedImage,
        instruction: str,
        should_stop: Callable[[], bool] = lambda: False,
        max_answer_tokens: int = MAX_ANSWER_TOKENS,
        sampling: Sampling = GREEDY,
    ) -> Iterator[str]:
        """Pieces of the answer while it is written, no regions. Arguments and errors as :meth:`query`."""
        input_ids = self._instruction_ids(instruction)
        encoded = image if isinstance(image, EncodedImage) else self.encode(image)
        output, state = self.model.prefill(input_ids, encoded.grid)
        confidence = self._confidence(output)
        first = self._first_logits(output, confidence >= self.model.config.calibration.threshold)
        answering = Answering(should_stop, max_answer_tokens, sampling)
        yield from self.tokenizer.stream(self._tokens(first, state, input_ids, answering))

    @torch.inference_mode()
    def _ask(
        self,
        image: np.ndarray | EncodedImage,
        instruction: str,
        threshold: float | None,
        max_regions: int,
        answering: Answering | None,
    ) -> Grounding:
        input_ids = self._instruction_ids(instruction)
        threshold = self.model.config.calibration.threshold if threshold is None else threshold
        if not 0 < threshold <= 1:
            raise ValueError(f"threshold must be in (0, 1], got {threshold}")
        encoded = image if isinstance(image, EncodedImage) else self.encode(image)
        started = time.perf_counter()
        output, state = self.model.prefill(input_ids, encoded.grid)
        confidence, relevance = self._confidence(output), self._relevance(output)
        present = confidence >= threshold
        first = self._first_logits(output, present)
        text = self.tokenizer.decode(self._tokens(first, state, input_ids, answering)) if answering else None
        box = encoded.letterbox
        mapping = box.grid_mapping(*relevance.shape)
        regions: tuple[Region, ...] = ()
        if present:
            heatmap = heatmap_from_grid(relevance, mapping, box.width, box.height)
            cell_area = mapping.cell_width * mapping.cell_height
            regions = find_regions(heatmap, max_regions, min_area_px=cell_area / 2)
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

    def _confidence(self, output: ViperOutput) -> float:
        """Calibrated probability of presence."""
        c = self.model.config.calibration
        logit = c.presence_scale * float(output.presence_logit[0]) + c.presence_bias
        if c.affirmation_scale:
            logit += c.affirmation_scale * float(affirmation(output.logits[0, -1], self.model.config.absent_answer_ids))
        return 1 / (1 + math.exp(-max(-60.0, min(60.0, logit))))

    def _relevance(self, output: ViperOutput) -> np.ndarray:
        """Calibrated probability of each cell (rows, columns)."""
        c = self.model.config.calibration
        return torch.sigmoid(c.cell_scale * output.target_logits[0] + c.cell_bias).float().cpu().numpy()

    def _first_logits(self, output: ViperOutput, present: bool) -> torch.Tensor:
        """Logits (1, V) of an answer's first token, so that it denies if and only if the thing is not present."""
        logits = output.logits[:, -1]
        if not self.model.config.absent_answer_ids:
            return logits
        denies = _denies(logits, self.model.config.absent_answer_ids)
        return logits.masked_fill(denies if present else ~denies, float("-inf"))

    def _tokens(
        self, first: torch.Tensor, state: ViperState, prompt_ids: torch.Tensor, answering: Answering
    ) -> Iterator[int]:
        should_stop, limit, sampling = answering
        for token in self.model.stream(first, state, limit, should_stop, sampling, prompt_ids):
            yield int(token)


def affirmation(logits: torch.Tensor, absent_answer_ids: Sequence[int]) -> torch.Tensor:
    """Logits (..., V) of an answer's first token -> log-odds (...) that it does not deny that anything is there."""
    denies = _denies(logits, absent_answer_ids)
    minus_infinity = float("-inf")
    said, denied = logits.masked_fill(denies, minus_infinity), logits.masked_fill(~denies, minus_infinity)
    return said.logsumexp(dim=-1) - denied.logsumexp(dim=-1)


def _denies(logits: torch.Tensor, absent_answer_ids: Sequence[int]) -> torch.Tensor:
    """Which tokens (V,) begin a denial, bool."""
    denies = torch.zeros(logits.shape[-1], dtype=torch.bool, device=logits.device)
    denies[list(absent_answer_ids)] = True
    return denies


def _ms_since(started: float) -> float:
    return (time.perf_counter() - started) * 1000
