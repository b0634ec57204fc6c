"""Training: one configuration, resumable, its progress in a file that a plot can read."""

from __future__ import annotations

import dataclasses
import json
import math
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from tqdm import tqdm

from viper_ros.model import Grid, ViperConfig, ViperF1
from viper_ros.model.config import from_values
from viper_ros.perception.checkpoint import load_tokenizer, read_json, save_checkpoint
from viper_ros.perception.tokenizer import Tokenizer
from viper_ros.training.batches import Batch, Labels, Source, sample_batch
from viper_ros.training.losses import DeepSupervision, WordHead, question_losses, total_loss
from viper_ros.training.mixture import Mixture
from viper_ros.training.pretrained import load_encoder, load_imagenet, load_known_words

LEAST_SAID = 20
"""Times that a word is said in the data of a fine-tuning before it gets a piece of its own."""
LEAST_SHARE = 1.5e-5
"""Its share of all words said must be this as well: of much data, typing errors would get pieces otherwise."""


@dataclass(frozen=True)
class TrainingConfig:
    """A run. Paths are relative to the working directory."""

    data: str | dict[str, float] = "data/tabletop"  # a folder of shards, or several with their shares of the batches
    out: str = "runs/nano"
    start_from: str | None = None  # a checkpoint whose weights and words to start with: fine-tuning
    validation_shards: int = 4  # of each folder, never trained on: the first of each source in turn, for calibration
    dense_steps: int = 400  # first, the grid encoder alone learns to name cells: a third of the cost of a full step
    steps: int = 4000  # in all
    images: int = 16
    questions: int = 4  # on each image of a batch
    imagenet: bool = False  # start the grid encoder's backbone from ImageNet weights (efficientnet_lite0 only)
    encoder_from: str | None = None  # a checkpoint whose grid encoder to start with
    frozen_encoder: bool = False
    frozen_stages: int = 0  # of that backbone stay as they are; the first three cost most of a step and know edges
    backbone_rate: float = 0.25  # of the learning rate, for the rest of the backbone
    learning_rate: float = 1.5e-3
    warmup_steps: int = 150
    weight_decay: float = 0.05
    ema_decay: float = 0.997
    clip_norm: float = 1.0
    threads: int = 2  # on a CPU each learns from its share of the images, which it also normalises over
    photometric: float = 1.0  # strength of changes of exposure, colour, blur, noise and JPEG quality; 0: none
    seed: int = 0
    log_every: int = 20
    save_every: int = 100
    reload_every: int = 200  # look for newly rendered shards
    device: str = "cpu"
    bfloat16: bool = False  # compute in it, keep weights in float32: for GPUs; on CPUs it was no faster (docs/log.md)
    vocab_size: int = 2048  # at most; a small language has fewer pieces
    model: dict[str, Any] = field(default_factory=dict)  # what differs from the nano preset, as in config.json

    @classmethod
    def from_json(cls, path: Path | str) -> TrainingConfig:
        """Read a configuration; ValueError for an unknown key."""
        return from_values(cls, read_json(Path(path)), str(path))


class Run:
    """Model, optimiser, averaged weights and the step, saved and resumed as a whole (safetensors and JSON)."""

    def __init__(self, config: TrainingConfig, tokenizer: Tokenizer, labels: Labels) -> None:
        torch.manual_seed(config.seed)
        self.config, self.tokenizer, self.step = config, tokenizer, 0
        tokens = {
            "vocab_size": len(tokenizer),
            "ground_token_id": tokenizer.ground_id,
            "eos_token_id": tokenizer.end_id,
        }
        model_config = ViperConfig.from_dict(config.model | tokens)
        # channels last: 10 % faster convolutions on a CPU
        self.model = ViperF1(model_config).to(config.device, memory_format=torch.channels_last)
        self.source = Source(model_config, tokenizer, labels)
        self.words = WordHead(self.model).to(config.device)
        self.deep = DeepSupervision(self.model)
        self.trained = nn.ModuleDict({"model": self.model, "words": self.words})
        self._start()
        self.frozen = self._frozen_modules()
        for module in self.frozen:
            module.requires_grad_(False)
        self.optimizer = torch.optim.AdamW(self._groups(), lr=config.learning_rate, betas=(0.9, 0.98))
        self.average = {name: tensor.clone() for name, tensor in self.model.state_dict().items()}
        parts = min(config.threads, config.images) if config.device == "cpu" else 1
        self.learners = ThreadPoolExecutor(
            parts, initializer=torch.set_num_threads, initargs=(config.threads // parts,)
        )
        self.shares = [len(part) / config.images for part in np.array_split(np.arange(config.images), parts)]

    @property
    def state_path(self) -> Path:
        """Where the run is kept."""
        return Path(self.config.out) / "state.safetensors"

    def train_step(self, batch: Batch) -> dict[str, float]:
        """One step of the optimiser -> losses by name."""
        self.trained.train()
        for module in self.frozen:
            module.eval()  # batch normalisation by the statistics it came with
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.step, self.config) * group["rate"]
        parts = list(self.learners.map(self._learn, split_batch(batch, len(self.shares), self.config.questions)))
        for parameter, *gradients in zip(self._learning(), *(gradients for _, gradients in parts), strict=True):
            known = [share * g for share, g in zip(self.shares, gradients, strict=True) if g is not None]
            parameter.grad = sum(known[1:], start=known[0]) if known else None
        norm = nn.utils.clip_grad_norm_(self.trained.parameters(), self.config.clip_norm)
        self.optimizer.step()
        self.step += 1
        self._update_average()
        sums = {"norm": float(norm)}
        for share, (losses, _) in zip(self.shares, parts, strict=True):
            for name, value in losses.items():
                sums[name] = sums.get(name, 0.0) + share * value
        return sums

    def _learning(self) -> list[nn.Parameter]:
        return [parameter for parameter in self.trained.parameters() if parameter.requires_grad]

    def _learn(self, batch: Batch) -> tuple[dict[str, float], tuple[Tensor | None, ...]]:
        """Losses of a part of a batch by name, and the gradients of their weighted sum.

        Parts that are learnt at once race for the running statistics of normalisations: runs of several threads are not
        the same to the last bit.
        """
        with torch.autocast(batch.pixel_values.device.type, torch.bfloat16, enabled=self.config.bfloat16):
            grid = self.model.encode(batch.pixel_values)
            losses = self.words.losses(grid, batch)
            if self.step >= self.config.dense_steps:
                with self.deep.listening():
                    output, _ = self.model.prefill(batch.input_ids, repeat_grid(grid, self.config.questions))
                    losses |= question_losses(output, batch) | self.deep.losses(batch)
        gradients = torch.autograd.grad(total_loss(losses), self._learning(), allow_unused=True)
        return {name: float(value.detach()) for name, value in losses.items()}, gradients

    def _start(self) -> None:
        """Weights to start with, by the configuration."""
        if self.config.imagenet:
            load_imagenet(self.model.grid_encoder.backbone)
        if self.config.encoder_from:
            load_encoder(self.model, self.config.encoder_from)
        if self.config.start_from:
            load_known_words(self.model, self.tokenizer, self.config.start_from)

    def _frozen_modules(self) -> list[nn.Module]:
        encoder = self.model.grid_encoder
        if self.config.frozen_encoder:
            return [encoder]
        backbone, count = encoder.backbone, self.config.frozen_stages
        return [backbone.stem, *backbone.stages[:count]] if count else []

    def averaged_model(self) -> ViperF1:
        """A copy of the model with the averaged weights, in evaluation mode."""
        model = ViperF1(self.model.config)
        model.load_state_dict(self.average)
        return model.to(self.config.device).eval()

    def save(self) -> None:
        """Write the run and the averaged checkpoint; a crash while writing leaves the older one whole."""
        tensors: dict[str, Tensor] = {f"trained.{k}": v for k, v in self.trained.state_dict().items()}
        tensors |= {f"average.{k}": v for k, v in self.average.items()}
        for i, parameter in enumerate(self.trained.parameters()):
            for key, value in self.optimizer.state.get(parameter, {}).items():
                tensors[f"optimizer.{i}.{key}"] = value
        tensors["step"] = torch.tensor(self.step)
        temporary = self.state_path.with_suffix(".tmp")
        save_file({k: v.detach().cpu().contiguous().clone() for k, v in tensors.items()}, str(temporary))
        temporary.rename(self.state_path)
        save_checkpoint(Path(self.config.out) / "checkpoint", self.averaged_model(), self.tokenizer)

    def resume(self) -> None:
        """Continue from :meth:`save`, if there is one.

        Raises:
            ValueError: it is a run of another model, such as one from before a part was added.
        """
        if not self.state_path.exists():
            return
        tensors = load_file(str(self.state_path), device=self.config.device)
        try:
            self.trained.load_state_dict(_below(tensors, "trained."))
        except RuntimeError as error:
            raise ValueError(
                f"{self.state_path} is of another model; start from its checkpoint (`start_from`) with another `out` "
                f"or remove it to begin anew: {error}"
            ) from error
        self.average = _below(tensors, "average.")
        for i, parameter in enumerate(self.trained.parameters()):
            if moments := _below(tensors, f"optimizer.{i}."):
                self.optimizer.state[parameter] = moments
        self.step = int(tensors["step"])

    def _groups(self) -> list[dict[str, Any]]:
        """Parameters by weight decay (none on vectors) and by share of the learning rate."""
        groups = []
        for in_backbone in (True, False):
            for decays in (True, False):
                parameters = [
                    parameter
                    for name, parameter in self.trained.named_parameters()
                    if ("grid_encoder.backbone" in name) == in_backbone
                    and (parameter.dim() >= 2) == decays
                    and parameter.requires_grad
                ]
                decay, rate = self.config.weight_decay * decays, self.config.backbone_rate if in_backbone else 1.0
                groups.append({"params": parameters, "weight_decay": decay, "rate": rate})
        return groups

    def _update_average(self) -> None:
        decay = min(self.config.ema_decay, (1 + self.step) / (10 + self.step))
        for name, tensor in self.model.state_dict().items():
            if tensor.is_floating_point():
                self.average[name].lerp_(tensor, 1 - decay)
            else:
                self.average[name].copy_(tensor)


def train(config: TrainingConfig) -> None:
    """Run (or resume) a training to its end. Losses go to ``<out>/log.jsonl``, one line each ``log_every`` steps."""
    torch.set_num_threads(config.threads)
    out = Path(config.out)
    out.mkdir(parents=True, exist_ok=True)
    (out / "training.json").write_text(json.dumps(dataclasses.asdict(config), indent=2) + "\n")
    data = Mixture(config.data, config.validation_shards)
    run = Run(config, _tokenizer(out / "tokenizer.json", data, config), _labels(out / "labels.json", data))
    run.resume()
    sums: dict[str, float] = {}
    since = time.perf_counter()

    def batch_of(step: int) -> Batch:
        if step % config.reload_every == 0:
            data.reload()
        rng = np.random.default_rng([config.seed, step])  # resuming repeats nothing and skips nothing
        shards = data.choose(rng)
        return sample_batch(rng, shards, run.source, config.images, config.questions, True, config.photometric)

    with (
        ThreadPoolExecutor(1) as ahead,  # makes the next batch while the model learns from this one
        tqdm(total=config.steps, initial=run.step, unit="step", smoothing=0.05) as progress,
    ):
        if run.step < config.steps:
            upcoming = ahead.submit(batch_of, run.step)
        while run.step < config.steps:
            batch = upcoming.result()
            if run.step + 1 < config.steps:
                upcoming = ahead.submit(batch_of, run.step + 1)
            for name, value in run.train_step(to_device(batch, config.device)).items():
                sums[name] = sums.get(name, 0.0) + value / config.log_every
            progress.update()
            if run.step % config.log_every == 0:
                record = {"step": run.step, "shards": len(data), "lr": learning_rate(run.step, config)}
                record |= sums | {"s_per_step": (time.perf_counter() - since) / config.log_every}
                with (out / "log.jsonl").open("a") as log:
                    log.write(json.dumps(record) + "\n")
                progress.set_postfix_str(" ".join(f"{name} {value:.3f}" for name, value in sums.items()))
                sums, since = {}, time.perf_counter()
            if run.step % config.save_every == 0 or run.step == config.steps:
                run.save()


def learning_rate(step: int, config: TrainingConfig) -> float:
    """Warm-up and a constant while only the encoder learns; then warm-up and half a cosine down to 2 % of the peak."""
    phase_step = step - (config.dense_steps if step >= config.dense_steps else 0)
    if phase_step < config.warmup_steps:
        return config.learning_rate * (phase_step + 1) / config.warmup_steps
    if step < config.dense_steps:
        return config.learning_rate
    done = (phase_step - config.warmup_steps) / max(1, config.steps - config.dense_steps - config.warmup_steps)
    return config.learning_rate * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(1.0, done))))


def repeat_grid(grid: Grid, times: int) -> Grid:
    """A grid of B images -> of B * times, each image ``times`` times in a row."""
    return Grid(grid.cells.repeat_interleave(times, 0), grid.shape, grid.fine.repeat_interleave(times, 0))


def split_batch(batch: Batch, parts: int, questions: int) -> list[Batch]:
    """A batch as parts of about as many images each, with their ``questions``."""
    images = batch.pixel_values.tensor_split(parts)
    ends = torch.tensor([len(part) for part in images]).cumsum(0)[:-1].tolist()

    def pieces(name: str, tensor: Tensor) -> tuple[Tensor, ...]:
        if name.endswith("_names"):  # the same for all
            return (tensor,) * parts
        return tensor.tensor_split(ends if len(tensor) == len(batch.pixel_values) else [questions * e for e in ends])

    return [Batch(*part) for part in zip(*(pieces(n, t) for n, t in batch._asdict().items()), strict=True)]


def to_device(batch: Batch, device: str) -> Batch:
    """Move every tensor of a batch."""
    return Batch(*(tensor.to(device) for tensor in batch))


def _tokenizer(path: Path, data: Mixture, config: TrainingConfig) -> Tokenizer:
    """The run's own, or a new one of all sentences; a model that is fine-tuned keeps its words and learns the new."""
    if not path.exists():
        questions = [question for scene in data.scenes() for question in scene["questions"]]
        sentences = [question[key] for question in questions for key in ("text", "answer")]
        if config.start_from:
            least = max(LEAST_SAID, LEAST_SHARE * sum(len(sentence.split()) for sentence in sentences))
            load_tokenizer(config.start_from).extended(sentences, least).save(path)
        else:
            Tokenizer.train(sentences, config.vocab_size).save(path)
    return Tokenizer.from_file(path)


def _labels(path: Path, data: Mixture) -> Labels:
    """The run's own, or new ones of all scenes."""
    if not path.exists():
        path.write_text(json.dumps(dataclasses.asdict(Labels.of(data.shards()))))
    values = json.loads(path.read_text())
    return Labels(*(tuple(tuple(names) for names in values[key]) for key in ("categories", "colours")))


def _below(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}
