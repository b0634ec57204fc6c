"""Textured triangle meshes of the household library: what they hold, and how they are made small.

V vertices, F triangles; metres. A texture coordinate (u, v) is as MuJoCo stores it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_UV_CELL = 0.06
"""Corners at one place whose texture coordinates differ by more stay apart: that is where a texture has a seam."""


@dataclass(frozen=True, eq=False)
class TexturedMesh:
    """One surface of one paint.

    ``vertices`` (V, 3), ``normals`` (V, 3) and ``uv`` (V, 2) float32, ``faces`` (F, 3) int32. ``texture`` (h, w, 3)
    uint8 RGB, or None for a surface of the plain colour ``rgb``, three floats in [0, 1]; a texture is multiplied by it.
    """

    vertices: np.ndarray
    normals: np.ndarray
    uv: np.ndarray
    faces: np.ndarray
    rgb: tuple[float, float, float]
    texture: np.ndarray | None = None

    def moved(self, linear: np.ndarray, offset_m: np.ndarray) -> TexturedMesh:
        """Give the mesh under ``x -> linear @ x + offset_m``; ``linear`` (3, 3) is a rotation, maybe scaled."""
        normals = self.normals @ linear.T / np.cbrt(np.linalg.det(linear))
        vertices = self.vertices @ linear.T + offset_m
        return TexturedMesh(
            vertices.astype(np.float32), normals.astype(np.float32), self.uv, self.faces, self.rgb, self.texture
        )

    def joined(self, other: TexturedMesh) -> TexturedMesh:
        """Give one mesh of this one and another of the same paint."""
        stacked = [np.concatenate([getattr(m, name) for m in (self, other)]) for name in ("vertices", "normals", "uv")]
        faces = np.concatenate([self.faces, other.faces + len(self.vertices)])
        return TexturedMesh(*stacked, faces.astype(np.int32), self.rgb, self.texture)


def from_corners(
    positions: np.ndarray, normals: np.ndarray, uv: np.ndarray, cell_m: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Build an indexed mesh from triangle corners (3 F, 3), (3 F, 3), (3 F, 2), merged on a grid of ``cell_m``.

    Vertex clustering (Rossignac and Borrel 1993): corners of one cell meet at their mean, so the surface stays
    closed, while their normals and texture coordinates are averaged only among those that agree. Triangles that
    fall together are dropped. Gives vertices, normals, uv and faces.
    """
    place = _group(np.round(positions / cell_m).astype(np.int64))
    facing = np.abs(normals).argmax(axis=1)
    facing = 2 * facing + (normals[np.arange(len(normals)), facing] > 0)
    corner = _group(np.column_stack([place, np.floor(uv / _UV_CELL).astype(np.int64), facing]))
    vertex_place = np.zeros(corner.max() + 1, np.int64)
    vertex_place[corner] = place
    faces = corner.reshape(-1, 3)
    at = vertex_place[faces]
    solid = (at[:, 0] != at[:, 1]) & (at[:, 1] != at[:, 2]) & (at[:, 2] != at[:, 0])
    faces = faces[solid][np.unique(_group(at[solid]), return_index=True)[1]]
    used, faces = np.unique(faces, return_inverse=True)
    normal = _means(normals, corner)[used]
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9)
    vertices = _means(positions, place)[vertex_place[used]]
    return vertices, normal, _means(uv, corner)[used], faces.reshape(-1, 3).astype(np.int32)


def _group(rows: np.ndarray) -> np.ndarray:
    """Number equal rows of (N, K) int64 alike, from 0: (N,) int64. Pairs of columns are numbered together in turn."""
    group = np.unique(rows[:, 0], return_inverse=True)[1].reshape(-1)
    for column in rows.T[1:]:
        low, span = column.min(), int(np.ptp(column)) + 1
        group = np.unique(group * span + (column - low), return_inverse=True)[1].reshape(-1)
    return group


def _means(values: np.ndarray, group: np.ndarray) -> np.ndarray:
    counts = np.bincount(group)[:, None]
    return np.stack([np.bincount(group, column) for column in values.T], -1) / counts


def simplified(
    positions: np.ndarray, normals: np.ndarray, uv: np.ndarray, most_faces: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Merge triangle corners as `from_corners` does, on a grid about as fine as leaves ``most_faces`` triangles.

    A surface that is small enough already only has its equal corners merged.
    """
    size_m = float(np.ptp(positions, axis=0).max())
    cell_m = 1e-5 * size_m
    if 3 * most_faces < len(positions):
        a, b, c = positions.reshape(-1, 3, 3).swapaxes(0, 1)
        area_m2 = 0.5 * np.linalg.norm(np.cross(b - a, c - a), axis=1).sum()
        cell_m = 0.85 * float(np.sqrt(2 * area_m2 / most_faces))  # a cell of a fine flat surface keeps two triangles
    while True:
        mesh = from_corners(positions, normals, uv, cell_m)
        if len(mesh[3]) <= most_faces or cell_m > size_m / 8:
            return mesh
        cell_m *= 1.12


def box_corners(half_m: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give the 36 triangle corners of a box of half sides (3,): positions, normals and uv, each face one texture."""
    square = np.array([[-1, -1], [1, -1], [1, 1], [-1, -1], [1, 1], [-1, 1]], dtype=float)
    positions, normals = [], []
    for axis in range(3):
        for sign in (-1.0, 1.0):
            side = np.zeros((6, 3))
            across = square[:, ::-1] if sign < 0 else square  # keeps the triangles counter-clockwise from outside
            side[:, (axis + 1) % 3], side[:, (axis + 2) % 3], side[:, axis] = across[:, 0], across[:, 1], sign
            positions.append(side * half_m)
            normals.append(np.broadcast_to(sign * np.eye(3)[axis], (6, 3)))
    return np.concatenate(positions), np.concatenate(normals), np.tile(0.5 * (square + 1), (6, 1))
