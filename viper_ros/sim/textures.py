"""Procedural surfaces for tables, floors and walls."""

from dataclasses import dataclass

import numpy as np

RGB = tuple[float, float, float]

KINDS = ("plain", "wood", "checker", "gradient", "speckle", "stripes")


@dataclass(frozen=True)
class Texture:
    """A pattern between two RGB colours in [0, 1]; ``seed`` fixes its noise, ``repeat`` its periods over a surface."""

    kind: str
    first: RGB
    second: RGB
    seed: int
    repeat: float = 1.0

    def pixels(self, size: int) -> np.ndarray:
        """Paint (size, size, 3) uint8 RGB."""
        rng = np.random.default_rng(self.seed)
        mix = np.clip(_PATTERNS[self.kind](rng, size), 0, 1)[..., None]
        return np.round(255 * ((1 - mix) * np.array(self.first) + mix * np.array(self.second))).astype(np.uint8)


@dataclass(frozen=True)
class Photo:
    """A picture of a surface, by its name in the household library; ``tint`` multiplies it, ``repeat`` as above."""

    name: str
    tint: RGB = (1.0, 1.0, 1.0)
    repeat: float = 1.0


def sample_texture(rng: np.random.Generator, kinds: tuple[str, ...] = KINDS) -> Texture:
    """Sample a muted texture: furniture is mostly less colourful than the things on it."""
    kind = str(rng.choice(kinds))
    first = _muted(rng, wood=kind == "wood")
    contrast = rng.uniform(0.75, 1.25) if kind in ("wood", "gradient", "speckle") else rng.uniform(0.55, 1.45)
    second = tuple(float(np.clip(v * contrast, 0.04, 0.97)) for v in first)
    return Texture(kind, first, second, int(rng.integers(2**31)), float(rng.uniform(1.0, 5.0)))


def _muted(rng: np.random.Generator, wood: bool) -> RGB:
    if wood:
        base = np.array([0.62, 0.45, 0.30]) * rng.uniform(0.45, 1.35) * rng.uniform(0.92, 1.08, 3)
    elif rng.random() < 0.8:
        base = rng.uniform(0.12, 0.9) + rng.uniform(-0.07, 0.07, 3)
    else:
        base = rng.uniform(0.15, 0.85, 3)
    return tuple(float(v) for v in np.clip(base, 0.04, 0.97))


def _noise(rng: np.random.Generator, rows: int, columns: int, size: int) -> np.ndarray:
    """Bilinear value noise in [0, 1] with (rows, columns) knots, shape (size, size)."""
    knots = rng.random((rows + 1, columns + 1))
    y, x = np.linspace(0, rows, size, endpoint=False), np.linspace(0, columns, size, endpoint=False)
    i, j = y.astype(int), x.astype(int)
    v, u = (y - i)[:, None], (x - j)[None, :]
    top = (1 - u) * knots[np.ix_(i, j)] + u * knots[np.ix_(i, j + 1)]
    bottom = (1 - u) * knots[np.ix_(i + 1, j)] + u * knots[np.ix_(i + 1, j + 1)]
    return (1 - v) * top + v * bottom


def _wood(rng: np.random.Generator, size: int) -> np.ndarray:
    """Grain along x: rings of a warped height, with fine fibres."""
    height = np.linspace(0, rng.uniform(4, 9), size)[:, None] + 2.0 * _noise(rng, 5, 2, size)
    return 0.35 + 0.3 * np.sin(2 * np.pi * height) + 0.5 * (_noise(rng, size // 2, 6, size) - 0.35)


def _plain(rng: np.random.Generator, size: int) -> np.ndarray:
    return np.zeros((size, size))


def _checker(rng: np.random.Generator, size: int) -> np.ndarray:
    cell = np.arange(size) // max(1, size // int(rng.integers(2, 9)))
    return ((cell[:, None] + cell[None, :]) % 2).astype(float)


def _gradient(rng: np.random.Generator, size: int) -> np.ndarray:
    return 0.6 * np.linspace(0, 1, size)[None, :] + 0.4 * _noise(rng, 3, 3, size)


def _speckle(rng: np.random.Generator, size: int) -> np.ndarray:
    return 0.5 * _noise(rng, 8, 8, size) + 0.5 * rng.random((size, size))


def _stripes(rng: np.random.Generator, size: int) -> np.ndarray:
    wave = np.sin(2 * np.pi * int(rng.integers(3, 10)) * np.arange(size) / size)
    return np.broadcast_to((wave > rng.uniform(-0.5, 0.8))[:, None].astype(float), (size, size))


_PATTERNS = {
    "plain": _plain,
    "wood": _wood,
    "checker": _checker,
    "gradient": _gradient,
    "speckle": _speckle,
    "stripes": _stripes,
}
