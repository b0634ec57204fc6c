"""Suite ``photos``: labelled photographs that training never saw, as `viper annotate` writes them.

Sources that training knows other photographs of lie in one folder, sources that it knows nothing of in another. Where
only a box is known, pointing counts inside the box.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
from tqdm import tqdm

from viper_ros.evaluation.suites import QUESTIONS, Case
from viper_ros.perception import Predictor
from viper_ros.sim.language import Question
from viper_ros.sim.render import Frame
from viper_ros.training.shards import Shard

FOLDERS = (Path("data/photos_test"), Path("data/photos_heldout"))


def run_photos(predictor: Predictor, folders: tuple[Path, ...] = FOLDERS, photographs: int = 200) -> Iterator[Case]:
    """Ask the model up to 12 questions on each photograph, at most so many photographs of a source, case by case.

    Each case is in the group of its folder, and in that of its source.

    Raises:
        FileNotFoundError: a folder has no test shards; the message says how to make some.
    """
    for folder in folders:
        paths = sorted(folder.glob("test-*.json"))
        if not paths:
            raise FileNotFoundError(f"no test shards in {folder}; make some with `viper annotate` (docs/photos.md)")
        taken: dict[str, int] = {}
        for path in tqdm(paths, unit="shard", desc=folder.name):
            shard = Shard(path)
            for rgb, ids, scene in zip(shard.rgb, shard.ids, shard.scenes, strict=True):
                taken[scene["source"]] = taken.get(scene["source"], 0) + 1
                if taken[scene["source"]] <= photographs:
                    yield from _cases(predictor, rgb, ids, scene, folder.name)


def _cases(
    predictor: Predictor, rgb: np.ndarray, ids: np.ndarray, scene: dict[str, Any], folder: str
) -> Iterator[Case]:
    unknown = np.full(ids.shape, np.nan, np.float32)
    frame = Frame(rgb, unknown, ids.astype(np.int32), np.eye(3), np.eye(4))  # nothing here asks for metres
    encoded = predictor.encode(rgb)
    bank = scene["questions"]  # kind by kind, so the first ones would be of one kind
    for index in np.random.default_rng(crc32(scene["photo"].encode())).permutation(len(bank))[:QUESTIONS]:
        row = bank[index]
        question = Question(
            row["text"], row["kind"], row["answer"], tuple(row["targets"]), row["present"], "photo", row["relation"]
        )
        groups = (folder, f"{folder}, {scene['source']}")
        yield Case(frame, question, predictor.query(encoded, question.text), encoded.encode_time_ms, groups)
