"""A finished (or running) training -> a calibrated checkpoint under ``models/``."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from viper_ros.evaluation.calibration import calibrated
from viper_ros.perception.checkpoint import load_checkpoint, load_tokenizer, save_checkpoint
from viper_ros.sim.language import ABSENT_ANSWERS
from viper_ros.sim.phrases import NUMBER_WORDS
from viper_ros.training.batches import Labels, Source, make_batch
from viper_ros.training.loop import TrainingConfig
from viper_ros.training.mixture import held_back_shards

BATCH_IMAGES = 8
DENIALS = (*ABSENT_ANSWERS.values(), NUMBER_WORDS[0])
"""What is answered where nothing is there."""


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
    denying = sorted({tokenizer.encode_answer(answer)[0] for answer in DENIALS})
    calibration = calibrated(model, batches, denying)
    model.config = dataclasses.replace(model.config, calibration=calibration, absent_answer_ids=tuple(denying))
    save_checkpoint(out, model, tokenizer)
