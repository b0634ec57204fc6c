"""A finished (or running) training -> a calibrated checkpoint under ``models/``."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from viper_ros.evaluation.calibration import calibrated
from viper_ros.perception.checkpoint import load_checkpoint, load_tokenizer, save_checkpoint
from viper_ros.training.batches import Labels, Source, make_batch
from viper_ros.training.loop import TrainingConfig
from viper_ros.training.mixture import held_back_shards

BATCH_IMAGES = 8


def export(config: TrainingConfig, out: Path) -> None:
    """Calibrate the averaged weights of a run on its validation shards and write them to ``out``."""
    folder = Path(config.out) / "checkpoint"
    model, tokenizer = load_checkpoint(folder), load_tokenizer(folder)
    rng = np.random.default_rng(config.seed)
    shards = held_back_shards(config.data, config.validation_shards)
    source = Source(model.config, tokenizer, Labels.of(shards))
    batches = [
        make_batch(rng, shard, picks, source, questions=6, augment=False)
        for shard in shards
        for picks in np.array_split(np.arange(len(shard)), -(-len(shard) // BATCH_IMAGES))
    ]
    model.config = dataclasses.replace(model.config, calibration=calibrated(model, batches))
    save_checkpoint(out, model, tokenizer)
