"""Closed triangle meshes made from formulas: surfaces of revolution and swept tubes.

V vertices, F triangles. Every mesh is in a unit frame (about [-1, 1] across, z from 0 to 1 for vessels) and is
scaled where it is used. Triangles wind counter-clockwise seen from outside.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

Profile = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Mesh:
    """Vertices (V, 3) float64 and triangles (F, 3) int32."""

    vertices: np.ndarray
    faces: np.ndarray


def _outward(vertices: np.ndarray, faces: np.ndarray) -> Mesh:
    """Turn the triangles so that the signed volume is positive."""
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    if np.einsum("ij,ij->", a, np.cross(b, c)) < 0:
        faces = faces[:, ::-1]
    return Mesh(vertices, np.ascontiguousarray(faces, dtype=np.int32))


def _grid_faces(rows: int, columns: int, wrap_rows: bool = False) -> np.ndarray:
    """Triangles of a (rows, columns) vertex grid, closed around its columns."""
    i = np.arange(rows if wrap_rows else rows - 1)[:, None] * columns
    j = np.arange(columns)[None, :]
    a, b = i + j, i + (j + 1) % columns
    c, d = (a + columns) % (rows * columns), (b + columns) % (rows * columns)
    return np.concatenate([np.stack([a, b, d], -1).reshape(-1, 3), np.stack([a, d, c], -1).reshape(-1, 3)])


def smooth(profile: Profile, rounds: int = 2) -> Profile:
    """Cut the corners of an open polyline (Chaikin 1974); its ends stay."""
    points = np.asarray(profile, dtype=float)
    for _ in range(rounds):
        cut = np.stack([0.75 * points[:-1] + 0.25 * points[1:], 0.25 * points[:-1] + 0.75 * points[1:]], 1)
        points = np.concatenate([points[:1], cut.reshape(-1, 2), points[-1:]])
    return [(float(r), float(z)) for r, z in points]


def lathe(profile: Profile, segments: int = 28, ring: bool = False) -> Mesh:
    """Turn a (radius, height) profile around z.

    An open profile starts and ends on the axis (radius 0) or is capped there; ``ring`` closes it on itself.
    """
    r, z = np.asarray(profile, dtype=float).T
    if not ring:
        keep = r > 1e-9
        bottom, top, r, z = z[0], z[-1], r[keep], z[keep]
    angle = np.linspace(0, 2 * np.pi, segments, endpoint=False)
    grid = np.stack(np.broadcast_arrays(r[:, None] * np.cos(angle), r[:, None] * np.sin(angle), z[:, None]), -1)
    vertices, faces = grid.reshape(-1, 3), _grid_faces(len(r), segments, wrap_rows=ring)
    if ring:
        return _outward(vertices, faces)
    return _outward(*_with_caps(vertices, faces, len(r), segments, np.array([[0, 0, bottom], [0, 0, top]])))


def tube(path: np.ndarray, radius: float | np.ndarray, normal: tuple[float, float, float], segments: int = 12) -> Mesh:
    """Sweep a circle along a planar (P, 3) path whose plane has the given normal; the ends are capped."""
    path = np.asarray(path, dtype=float)
    radii = np.broadcast_to(np.asarray(radius, dtype=float), len(path))[:, None, None]
    tangent = np.gradient(path, axis=0)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    n = np.asarray(normal, dtype=float)
    side = np.cross(tangent, n)
    angle = np.linspace(0, 2 * np.pi, segments, endpoint=False)[None, :, None]
    grid = path[:, None] + radii * (np.cos(angle) * n + np.sin(angle) * side[:, None])
    faces = _grid_faces(len(path), segments)
    return _outward(*_with_caps(grid.reshape(-1, 3), faces, len(path), segments, path[[0, -1]]))


def _with_caps(
    vertices: np.ndarray, faces: np.ndarray, rows: int, columns: int, poles: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Close the first and the last row of a grid with a fan around the two poles (2, 3)."""
    j, k = np.arange(columns), (np.arange(columns) + 1) % columns
    first, last, count = np.full(columns, len(vertices)), np.full(columns, len(vertices) + 1), (rows - 1) * columns
    fans = [np.stack([first, k, j], -1), np.stack([last, count + j, count + k], -1)]
    return np.concatenate([vertices, poles]), np.concatenate([faces, *fans])


def vessel(outer: Profile, wall: float, floor: float) -> Profile:
    """Give the profile of an open vessel: up the outside, over the rim, down the inside to the floor."""
    inner = [(max(r - wall, 0.02), max(z, floor)) for r, z in outer if z > floor]
    base = np.interp(floor, [z for _, z in outer], [r for r, _ in outer]) - wall
    return [(0.0, 0.0), *outer, *reversed(inner), (float(base), floor), (0.0, floor)]


def _arc(start_deg: float, stop_deg: float, count: int) -> tuple[np.ndarray, np.ndarray]:
    angle = np.radians(np.linspace(start_deg, stop_deg, count))
    return np.cos(angle), np.sin(angle)


def _handle() -> Mesh:
    """A C in the xz plane: x from 0 to 1, z from -1 to 1."""
    x, z = _arc(-90, 90, 13)
    return tube(np.stack([x, 0 * x, z], -1), 0.2, (0, 1, 0))


def _banana() -> Mesh:
    """An arc that lies on the xy plane, stem at one end."""
    x, y = _arc(205, 335, 15)
    path = np.stack([x, y + 0.72, 0 * x], -1)
    radius = 0.21 * np.array([0.25, 0.3, 0.5, 0.75, 0.9, 0.97, 1, 1, 1, 0.97, 0.92, 0.82, 0.65, 0.42, 0.2])
    return tube(path, radius, (0, 0, 1))


def _spout() -> Mesh:
    path = np.array([[0, 0, 0], [0.35, 0, 0.08], [0.6, 0, 0.35], [0.75, 0, 0.7], [1, 0, 1]], dtype=float)
    return tube(path, np.array([0.28, 0.24, 0.18, 0.14, 0.12]), (0, 1, 0))


BOWL = ((0.5, 0.0), (0.62, 0.12), (0.8, 0.38), (0.93, 0.7), (1.0, 1.0))
PLATE = ((0.6, 0.0), (0.68, 0.25), (0.86, 0.7), (1.0, 1.0))

_APPLE = ((0, 0.1), (0.35, 0.0), (0.85, 0.12), (1.08, 0.6), (0.9, 1.02), (0.35, 1.0), (0.1, 0.86), (0, 0.84))
_PEAR = ((0, 0.02), (0.45, 0.0), (1.02, 0.12), (1.06, 0.42), (0.6, 0.62), (0.42, 0.85), (0.3, 1.0), (0, 1.0))
_LEMON = ((0, -1), (0.1, -1), (0.18, -0.9), (0.75, -0.72), (1.08, 0), (0.75, 0.72), (0.18, 0.9), (0.1, 1), (0, 1))
_EGG = ((0, 0), (0.55, 0.0), (1.02, 0.18), (1.06, 0.5), (0.72, 0.88), (0.35, 1.0), (0, 1.0))
_AUBERGINE = ((0, 0), (0.5, 0), (1.04, 0.08), (1.02, 0.38), (0.68, 0.6), (0.55, 0.9), (0.4, 1), (0, 1))
_VASE = ((0.55, 0), (0.95, 0.2), (1.1, 0.42), (0.6, 0.72), (0.45, 0.88), (0.72, 1))
_VASE_TALL = ((0.6, 0), (0.5, 0.15), (0.7, 0.5), (1.0, 0.82), (0.8, 1))
_TEAPOT = ((0, 0), (0.62, 0), (1.02, 0.22), (1.08, 0.55), (0.72, 0.95), (0.45, 1), (0, 1))
_PITCHER = ((0.7, 0), (1.0, 0.15), (1.0, 0.45), (0.66, 0.75), (0.62, 0.88), (0.75, 1))
_BOTTLE = ((0, 0), (0.95, 0), (1, 0.03), (1, 0.55), (0.92, 0.64), (0.4, 0.77), (0.34, 0.82), (0.34, 0.97), (0, 0.97))
_WINE = ((0, 0), (0.95, 0), (1, 0.02), (1, 0.6), (0.85, 0.68), (0.36, 0.76), (0.32, 0.8), (0.32, 1), (0, 1))
_FLASK = (
    (0, 0),
    (0.9, 0),
    (1, 0.05),
    (0.82, 0.28),
    (1, 0.5),
    (0.95, 0.72),
    (0.5, 0.85),
    (0.42, 0.88),
    (0.42, 1),
    (0, 1),
)
_CAN = ((0, 0), (0.86, 0), (1, 0.05), (1, 0.93), (0.88, 1), (0.84, 1), (0.82, 0.97), (0, 0.97))
_JAR = ((0, 0), (0.9, 0), (1, 0.06), (1, 0.75), (0.94, 0.85), (0.78, 0.9), (0.78, 1), (0, 1))
_GRIP = ((0, 0), (0.7, 0), (1, 0.08), (0.85, 0.3), (1, 0.6), (0.95, 0.85), (0.6, 1), (0, 1))
_TORCH = ((0, 0), (0.62, 0), (0.62, 0.66), (1, 0.84), (1, 1), (0.9, 1), (0.88, 0.97), (0, 0.97))
_CONE = ((0, 0), (1, 0), (1, 0.04), (0.06, 1), (0, 1))
_CARROT = ((0, 0), (0.06, 0), (0.5, 0.35), (0.88, 0.8), (1, 0.93), (0.7, 1), (0, 1))

_MAKERS: dict[str, Callable[[], Mesh]] = {
    "mug": lambda: lathe(vessel(((0.9, 0), (1, 0.07), (1, 1)), 0.09, 0.08)),
    "mug_round": lambda: lathe(vessel(smooth(((0.7, 0), (1.05, 0.15), (1.05, 0.6), (0.95, 1))), 0.09, 0.08)),
    "cup": lambda: lathe(vessel(((0.7, 0), (1, 1)), 0.07, 0.06)),
    "bowl": lambda: lathe(vessel(BOWL, 0.06, 0.1)),
    "plate": lambda: lathe(vessel(PLATE, 0.04, 0.3)),
    "pot": lambda: lathe(vessel(((0.94, 0), (1, 0.06), (1, 0.97), (1.04, 1)), 0.06, 0.06)),
    "pan": lambda: lathe(vessel(((0.8, 0), (0.84, 0.1), (1, 1)), 0.04, 0.12)),
    "flower_pot": lambda: lathe(vessel(((0.66, 0), (0.88, 0.76), (1, 0.78), (1, 1)), 0.08, 0.85)),
    "vase": lambda: lathe(vessel(smooth(_VASE), 0.08, 0.08)),
    "vase_tall": lambda: lathe(vessel(smooth(_VASE_TALL), 0.08, 0.08)),
    "pitcher": lambda: lathe(vessel(smooth(_PITCHER), 0.07, 0.06)),
    "teapot": lambda: lathe(smooth(_TEAPOT)),
    "apple": lambda: lathe(smooth(_APPLE)),
    "pear": lambda: lathe(smooth(_PEAR)),
    "lemon": lambda: lathe(smooth(_LEMON)),
    "egg": lambda: lathe(smooth(_EGG)),
    "aubergine": lambda: lathe(smooth(_AUBERGINE)),
    "carrot": lambda: lathe(_CARROT),
    "bottle": lambda: lathe(_BOTTLE),
    "bottle_wine": lambda: lathe(_WINE),
    "bottle_flask": lambda: lathe(smooth(_FLASK, 1)),
    "can": lambda: lathe(_CAN),
    "jar": lambda: lathe(_JAR),
    "grip": lambda: lathe(smooth(_GRIP, 1), segments=16),
    "torch": lambda: lathe(_TORCH),
    "cone": lambda: lathe(_CONE),
    "ring": lambda: lathe(((0.6, -1), (0.6, 1), (1, 1), (1, -1)), ring=True),
    "dome": lambda: lathe([(np.cos(a), np.sin(a)) for a in np.linspace(0, np.pi / 2, 8)] + [(0, 1)]),
    "handle": _handle,
    "banana": _banana,
    "spout": _spout,
}

MESH_NAMES = tuple(_MAKERS)


@cache
def mesh(name: str) -> Mesh:
    """Give the mesh called ``name``, one of ``MESH_NAMES``; built once."""
    if name not in _MAKERS:
        raise KeyError(f"no mesh is called {name!r}; there are {', '.join(MESH_NAMES)}")
    return _MAKERS[name]()
