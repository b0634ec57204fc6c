"""Folders of shards with their shares of a training's batches."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from viper_ros.sim import Split
from viper_ros.training.shards import Shard, shard_files


class Mixture:
    """Shards of several folders. ``held_back`` of each are for validation and never come out of here.

    Args:
        shares: a folder, or several with the share of the batches that comes from each (any positive numbers).
        held_back: shards of each folder that are not trained on: the first of each source in turn, then the second.

    Raises:
        FileNotFoundError: a folder has nothing to train on.
    """

    def __init__(self, shares: str | dict[str, float], held_back: int) -> None:
        self.shares = {shares: 1.0} if isinstance(shares, str) else shares
        self._seen = {folder: _first_of_each_source(folder)[:held_back] for folder in self.shares}
        self._shards: dict[str, dict[str, list[Shard]]] = {folder: {} for folder in self.shares}  # folder, source
        self.reload()
        for folder, sources in self._shards.items():
            if not sources:
                raise FileNotFoundError(
                    f"no shards to train on in {folder}, {held_back} held back for validation; "
                    "make some with `viper render` or `viper annotate`"
                )
        total = sum(self.shares.values())
        self._probabilities = [share / total for share in self.shares.values()]

    def reload(self) -> None:
        """Look for shards that were made meanwhile."""
        for folder in self.shares:
            new = [path for path in shard_files(Path(folder), Split.TRAIN) if path not in self._seen[folder]]
            sources = {name: list(shards) for name, shards in self._shards[folder].items()}
            for path in new:
                sources.setdefault(_source(path), []).append(Shard(path))
            self._shards[folder] = sources  # whole at once: another thread may be counting
            self._seen[folder] += new

    def choose(self, rng: np.random.Generator) -> list[Shard]:
        """The shards of one source of one folder: a folder as its share says, a source by the root of its scenes.

        The root is between as often as it is large, which drowns what is small, and all alike, which repeats it.
        """
        sources = list(self._shards.values())[rng.choice(len(self._shards), p=self._probabilities)]
        often = np.sqrt([sum(map(len, shards)) for shards in sources.values()])
        return list(sources.values())[rng.choice(len(sources), p=often / often.sum())]

    def shards(self) -> list[Shard]:
        """All of them."""
        return [shard for sources in self._shards.values() for shards in sources.values() for shard in shards]

    def scenes(self) -> Iterator[dict[str, Any]]:
        """Every scene's objects and questions."""
        return (scene for shard in self.shards() for scene in shard.scenes)

    def __len__(self) -> int:
        return sum(len(shards) for sources in self._shards.values() for shards in sources.values())


def held_back_shards(shares: str | dict[str, float], count: int) -> list[Shard]:
    """The shards of each folder that a :class:`Mixture` keeps for validation."""
    folders = [shares] if isinstance(shares, str) else list(shares)
    return [Shard(path) for folder in folders for path in _first_of_each_source(folder)[:count]]


def _source(path: Path) -> str:
    """``train-coco-00003`` is of ``train-coco``, ``train-00003`` of ``train``."""
    return path.stem.rpartition("-")[0]


def _first_of_each_source(folder: str) -> list[Path]:
    """A folder's shards, number by number: ``train-coco-00000``, ``train-fruit-00000``, ..., ``train-coco-00001``."""
    return sorted(shard_files(Path(folder), Split.TRAIN), key=lambda path: (path.stem.rpartition("-")[2], path.stem))
