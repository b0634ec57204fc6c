"""Rendered scenes on disk: shards that a training run reads and that nothing but numbers and text goes into.

A shard ``<split>-<index>.safetensors`` holds ``rgb`` (N, H, W, 3) uint8 and ``ids`` (N, H, W) uint8 (object ids, 0 is
background); beside it a ``.json`` holds for each scene its ``objects``, id -> [category, colour or null], and a bank of
``questions`` with true answers: ``text``, ``kind``, ``answer``, ``targets`` (ids), ``anchors`` (ids of what it mentions
on the way, see `Question`), ``present`` and ``relation``.
"""

from __future__ import annotations

import json
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from safetensors.numpy import load_file, save_file
from tqdm import tqdm

from viper_ros.model.presets import nano_config
from viper_ros.sim import Question, Scene, Split, sample_questions, scene_seed
from viper_ros.sim.vocabulary import PAINTED
from viper_ros.sim.worlds import open_world

SHARD_SCENES = 128
QUESTIONS_PER_SCENE = 24
TYPO_RATE = 0.03
LONGER_SIDE_PX = nano_config().image_size
WIDE_PX, FOUR_BY_THREE_PX, SQUARE_PX = ((LONGER_SIDE_PX, LONGER_SIDE_PX * k // 16) for k in (9, 12, 16))
SIZES_PX = (FOUR_BY_THREE_PX, FOUR_BY_THREE_PX, FOUR_BY_THREE_PX, SQUARE_PX, WIDE_PX)
"""(Width, height), one a shard in turn."""

_CAMERA = 1.5
"""Times as large a scene is rendered and then averaged, as a camera image that is scaled down for the network."""


def render_shards(
    folder: Path,
    split: Split,
    shards: range,
    workers: int = 1,
    world: str = "tabletop",
    assets: Path | None = None,
    robot: Path | None = None,
) -> None:
    """Render the missing ones of ``shards`` of ``split`` into ``folder``; a finished shard is never rendered again.

    ``world`` is one of ``sim.worlds.WORLDS``, a folder holds shards of one. ``assets`` and ``robot`` are the folders
    of the household library and of robosuite's assets where they are not installed; the pack is made before the workers
    start, so that they share it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    missing = [i for i in shards if not _path(folder, split, i).with_suffix(".json").exists()]
    open_world(world, assets, robot)
    render = partial(_render_shard, folder, split, (world, assets, robot))
    with ProcessPoolExecutor(workers) as pool, tqdm(total=len(missing) * SHARD_SCENES, unit="scene") as progress:
        for _ in pool.map(render, missing):
            progress.update(SHARD_SCENES)


def shard_files(folder: Path, split: Split) -> list[Path]:
    """The finished shards of ``split`` in ``folder``, in order."""
    return sorted(folder.glob(f"{split.name.lower()}-*.json"))


def load_shards(folder: Path, split: Split) -> list[Shard]:
    """The same, read."""
    return [Shard(path) for path in shard_files(folder, split)]


class Shard:
    """A shard in memory: ``rgb``, ``ids`` as in the module's docstring and ``scenes``, a list of dicts."""

    def __init__(self, path: Path) -> None:
        arrays = load_file(str(path.with_suffix(".safetensors")))
        self.rgb, self.ids = arrays["rgb"], arrays["ids"]
        self.scenes: list[dict[str, Any]] = json.loads(path.with_suffix(".json").read_text())
        if not all("anchors" in question for scene in self.scenes for question in scene["questions"]):
            raise ValueError(
                f"{path.stem} in {path.parent} has questions without anchors, as older versions wrote them; remove the "
                "folder and make it anew with `viper render` or `viper annotate`"
            )

    def __len__(self) -> int:
        return len(self.scenes)


def _path(folder: Path, split: Split, index: int) -> Path:
    return folder / f"{split.name.lower()}-{index:05d}"


def _render_shard(folder: Path, split: Split, told: tuple[str, Path | None, Path | None], index: int) -> None:
    width, height = SIZES_PX[index % len(SIZES_PX)]
    world = open_world(*told)
    rgb, ids, scenes = [], [], []
    with world.renderer(round(width * _CAMERA), round(height * _CAMERA)) as renderer:
        for n in range(index * SHARD_SCENES, (index + 1) * SHARD_SCENES):
            rng = np.random.default_rng(scene_seed(split, n))
            scene, camera = world.sample(rng, split)
            frame = renderer.render(scene, camera)
            questions = sample_questions(rng, scene, frame, QUESTIONS_PER_SCENE, split=split, typo_rate=TYPO_RATE)
            if not questions:  # a view that shows next to nothing
                continue
            rgb.append(cv2.resize(frame.rgb, (width, height), interpolation=cv2.INTER_AREA))
            ids.append(cv2.resize(frame.ids.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST_EXACT))
            scenes.append(_told(scene, questions))
    path = _path(folder, split, index)
    save_file({"rgb": np.stack(rgb), "ids": np.stack(ids)}, str(path.with_suffix(".safetensors")))
    path.with_suffix(".json").write_text(json.dumps(scenes))  # last: its presence says that the shard is whole


def _told(scene: Scene, questions: tuple[Question, ...]) -> dict[str, Any]:
    """What a shard's JSON says of one scene; a colour that has no name of its own ("yellow and white") is null."""
    return {
        "objects": {str(o.id): [o.category, o.colour if o.colour in PAINTED else None] for o in scene.objects},
        "questions": [
            {
                "text": q.text,
                "kind": q.kind,
                "answer": q.answer,
                "targets": list(q.target_ids),
                "anchors": list(q.anchor_ids),
                "present": q.present,
                "relation": q.relation,
            }
            for q in questions
        ],
    }
