"""Rendered scenes on disk: shards that a training run reads and that nothing but numbers and text goes into.

A shard ``<split>-<index>.safetensors`` holds ``rgb`` (N, H, W, 3) uint8 and ``ids`` (N, H, W) uint8 (object ids, 0 is
background); beside it a ``.json`` holds for each scene its objects and a bank of questions with true answers.
"""

from __future__ import annotations

import json
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from safetensors.numpy import load_file, save_file
from tqdm import tqdm

from viper_ros.sim import Renderer, Split, sample_camera, sample_questions, sample_scene, scene_seed

SHARD_SCENES = 128
QUESTIONS_PER_SCENE = 24
TYPO_RATE = 0.03
SIZES_PX = ((256, 192), (256, 192), (256, 192), (256, 256), (256, 144))  # (width, height), one a shard in turn
SUPERSAMPLE = 2  # rendered larger and averaged, as a camera image that is scaled down for the network


def render_shards(folder: Path, split: Split, shards: range, workers: int = 1) -> None:
    """Render the missing ones of ``shards`` of ``split`` into ``folder``; a finished shard is never rendered again."""
    folder.mkdir(parents=True, exist_ok=True)
    missing = [i for i in shards if not _path(folder, split, i).with_suffix(".json").exists()]
    with ProcessPoolExecutor(workers) as pool, tqdm(total=len(missing) * SHARD_SCENES, unit="scene") as progress:
        for _ in pool.map(_render_shard, [folder] * len(missing), [split] * len(missing), missing):
            progress.update(SHARD_SCENES)


def load_shards(folder: Path, split: Split, skip: int = 0) -> list[Shard]:
    """Every finished shard of ``split`` in ``folder``, in order, without the first ``skip``."""
    names = sorted(folder.glob(f"{split.name.lower()}-*.json"))[skip:]
    return [Shard(name) for name in names]


class Shard:
    """A shard in memory: ``rgb``, ``ids`` as in the module's docstring and ``scenes``, a list of dicts."""

    def __init__(self, path: Path) -> None:
        arrays = load_file(str(path.with_suffix(".safetensors")))
        self.rgb, self.ids = arrays["rgb"], arrays["ids"]
        self.scenes: list[dict[str, Any]] = json.loads(path.with_suffix(".json").read_text())

    def __len__(self) -> int:
        return len(self.scenes)


def _path(folder: Path, split: Split, index: int) -> Path:
    return folder / f"{split.name.lower()}-{index:05d}"


def _render_shard(folder: Path, split: Split, index: int) -> None:
    width, height = SIZES_PX[index % len(SIZES_PX)]
    rgb, ids, scenes = [], [], []
    with Renderer(width * SUPERSAMPLE, height * SUPERSAMPLE) as renderer:
        for n in range(index * SHARD_SCENES, (index + 1) * SHARD_SCENES):
            rng = np.random.default_rng(scene_seed(split, n))
            scene = sample_scene(rng, split=split)
            frame = renderer.render(scene, sample_camera(rng, scene))
            questions = sample_questions(rng, scene, frame, QUESTIONS_PER_SCENE, split=split, typo_rate=TYPO_RATE)
            if not questions:  # a view that shows next to nothing
                continue
            rgb.append(cv2.resize(frame.rgb, (width, height), interpolation=cv2.INTER_AREA))
            ids.append(frame.ids[::SUPERSAMPLE, ::SUPERSAMPLE].astype(np.uint8))
            scenes.append(
                {
                    "objects": {str(o.id): [o.category, o.colour] for o in scene.objects},
                    "questions": [
                        {
                            "text": q.text,
                            "kind": q.kind,
                            "answer": q.answer,
                            "targets": list(q.target_ids),
                            "present": q.present,
                            "relation": q.relation,
                        }
                        for q in questions
                    ],
                }
            )
    path = _path(folder, split, index)
    save_file({"rgb": np.stack(rgb), "ids": np.stack(ids)}, str(path.with_suffix(".safetensors")))
    path.with_suffix(".json").write_text(json.dumps(scenes))  # last: its presence says that the shard is whole
