"""A tree of frames over time: what tf2's buffer does, for machines where tf2_ros is not installed.

Knows no ROS: stamps are nanoseconds, transforms are (4, 4) float64. `T_parent_child` takes points of the child frame to
the parent frame. Frames form a tree: a frame has one parent, and a new parent replaces the old one.
"""

from __future__ import annotations

import threading
import time
from bisect import bisect_left
from dataclasses import dataclass, field

import numpy as np
from transforms3d import quaternions

HISTORY_NS = 10_000_000_000
"""How long transforms are kept: tf2's default, 10 s."""

MAX_DEPTH = 1000
"""A chain longer than this is a loop."""


class TransformUnavailable(ValueError):
    """No transform between two frames at the time asked for; the text has the frames and the times."""


@dataclass
class _Edge:
    """The motion of one frame in its parent: ascending stamps (ns), for each a translation and a quaternion (wxyz)."""

    parent: str
    is_static: bool
    stamps_ns: list[int] = field(default_factory=list)
    poses: list[tuple[np.ndarray, np.ndarray]] = field(default_factory=list)

    def insert(self, stamp_ns: int, pose: tuple[np.ndarray, np.ndarray]) -> None:
        """Keep a pose; a pose of the same stamp is replaced, and what is older than the history goes."""
        if self.is_static:
            self.stamps_ns, self.poses = [stamp_ns], [pose]
            return
        if self.stamps_ns and stamp_ns < self.stamps_ns[-1] - HISTORY_NS:
            return
        index = bisect_left(self.stamps_ns, stamp_ns)
        if index < len(self.stamps_ns) and self.stamps_ns[index] == stamp_ns:
            self.poses[index] = pose
            return
        self.stamps_ns.insert(index, stamp_ns)
        self.poses.insert(index, pose)
        stale = bisect_left(self.stamps_ns, self.stamps_ns[-1] - HISTORY_NS)
        del self.stamps_ns[:stale], self.poses[:stale]

    def covers(self, stamp_ns: int) -> bool:
        """Whether the pose at this time is known or lies between two known ones."""
        return self.is_static or self.stamps_ns[0] <= stamp_ns <= self.stamps_ns[-1]

    def at(self, stamp_ns: int) -> np.ndarray:
        """T_parent_child (4, 4), interpolated between the two poses around the time; `covers` must hold."""
        if self.is_static:
            return _matrix(*self.poses[0])
        after = bisect_left(self.stamps_ns, stamp_ns)
        if self.stamps_ns[after] == stamp_ns:
            return _matrix(*self.poses[after])
        start, end = self.stamps_ns[after - 1], self.stamps_ns[after]
        share = (stamp_ns - start) / (end - start)
        (position_0, rotation_0), (position_1, rotation_1) = self.poses[after - 1], self.poses[after]
        return _matrix(position_0 + share * (position_1 - position_0), slerp(rotation_0, rotation_1, share))


class TransformTree:
    """Transforms between frames at a time. All methods may be called from any thread."""

    def __init__(self) -> None:
        """Start without frames."""
        self._edges: dict[str, _Edge] = {}
        self._changed = threading.Condition()

    def insert(
        self,
        parent: str,
        child: str,
        stamp_ns: int,
        translation_m: np.ndarray,
        rotation_wxyz: np.ndarray,
        is_static: bool = False,
    ) -> None:
        """Add the pose of `child` in `parent` at a time. Raises ValueError for what is no rigid transform."""
        parent, child = parent.lstrip("/"), child.lstrip("/")
        translation = np.array(translation_m, dtype=np.float64)
        rotation = np.array(rotation_wxyz, dtype=np.float64)
        length = np.linalg.norm(rotation)
        if not parent or not child or parent == child:
            raise ValueError(f"a transform needs two different frames, got {parent!r} -> {child!r}")
        if not np.isfinite(translation).all() or not abs(length - 1.0) < 0.01:
            raise ValueError(
                f"transform {parent!r} -> {child!r} must be finite with a unit quaternion, got translation "
                f"{translation.tolist()} and quaternion (w, x, y, z) {rotation.tolist()}"
            )
        with self._changed:
            edge = self._edges.get(child)
            if edge is None or edge.parent != parent or edge.is_static != is_static:
                edge = self._edges[child] = _Edge(parent, is_static)
            edge.insert(stamp_ns, (translation, rotation / length))
            self._changed.notify_all()

    def clear_moving(self) -> None:
        """Forget all transforms that are not static: the clock went back, as when a recording starts again."""
        with self._changed:
            self._edges = {child: edge for child, edge in self._edges.items() if edge.is_static}

    def lookup(self, target_frame: str, source_frame: str, stamp_ns: int = 0, timeout_s: float = 0.0) -> np.ndarray:
        """T_target_source (4, 4) at a time (0: the newest time at which all of the chain is known).

        Waits up to `timeout_s` of wall time, also while simulated time stands still. Raises TransformUnavailable.
        """
        target, source = target_frame.lstrip("/"), source_frame.lstrip("/")
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while True:
                try:
                    return self._lookup_now(target, source, stamp_ns)
                except TransformUnavailable:
                    left_s = deadline - time.monotonic()
                    if left_s <= 0:
                        raise
                self._changed.wait(left_s)

    def _lookup_now(self, target: str, source: str, stamp_ns: int) -> np.ndarray:
        up_target, up_source = self._chain(target), self._chain(source)
        if target != source and (missing := [frame for frame in (target, source) if not self._knows(frame)]):
            raise TransformUnavailable(
                f"no transform from {source!r} to {target!r}: frame {missing[0]!r} does not exist on /tf; "
                f"known frames: {', '.join(self._frames()) or 'none'}"
            )
        common = next((frame for frame in up_target if frame in up_source), None)
        if common is None:
            raise TransformUnavailable(
                f"no transform from {source!r} to {target!r}: they are in two trees, under {up_source[-1]!r} "
                f"and {up_target[-1]!r}"
            )
        up_target, up_source = up_target[: up_target.index(common)], up_source[: up_source.index(common)]
        stamp_ns = stamp_ns or self._newest_common(up_target + up_source)
        for child in up_target + up_source:
            self._require(child, stamp_ns, f"from {source!r} to {target!r}")
        return np.linalg.inv(self._product(up_target, stamp_ns)) @ self._product(up_source, stamp_ns)

    def _chain(self, frame: str) -> list[str]:
        """The frame, its parent and so on up to the root."""
        chain = [frame]
        while (edge := self._edges.get(chain[-1])) is not None:
            chain.append(edge.parent)
            if len(chain) > MAX_DEPTH:
                raise TransformUnavailable(f"the frames above {frame!r} form a loop: {' -> '.join(chain[:5])} ...")
        return chain

    def _knows(self, frame: str) -> bool:
        return frame in self._edges or any(edge.parent == frame for edge in self._edges.values())

    def _frames(self) -> list[str]:
        return sorted({*self._edges, *(edge.parent for edge in self._edges.values())})

    def _newest_common(self, children: list[str]) -> int:
        moving = [self._edges[child].stamps_ns[-1] for child in children if not self._edges[child].is_static]
        return min(moving, default=0)

    def _require(self, child: str, stamp_ns: int, asked: str) -> None:
        edge = self._edges[child]
        if not edge.covers(stamp_ns):
            raise TransformUnavailable(
                f"no transform {asked} at {stamp_ns / 1e9:.3f} s: {edge.parent!r} -> {child!r} is known from "
                f"{edge.stamps_ns[0] / 1e9:.3f} s to {edge.stamps_ns[-1] / 1e9:.3f} s; extrapolation is refused. "
                f"Check that the publisher's clock is the camera's, or wait longer (tf_timeout)"
            )

    def _product(self, children: list[str], stamp_ns: int) -> np.ndarray:
        """T_ancestor_frame over the chain of frames that starts with the frame itself."""
        T = np.eye(4)
        for child in children:
            T = self._edges[child].at(stamp_ns) @ T
        return T


def slerp(start_wxyz: np.ndarray, end_wxyz: np.ndarray, share: float) -> np.ndarray:
    """The quaternion at `share` in [0, 1] of the shorter way from start to end (Shoemake, 1985)."""
    end = end_wxyz if start_wxyz @ end_wxyz >= 0 else -end_wxyz
    axis, angle_rad = quaternions.quat2axangle(quaternions.qmult(quaternions.qinverse(start_wxyz), end))
    return quaternions.qmult(start_wxyz, quaternions.axangle2quat(axis, share * angle_rad))


def _matrix(translation_m: np.ndarray, rotation_wxyz: np.ndarray) -> np.ndarray:
    T = np.eye(4)
    T[:3, :3] = quaternions.quat2mat(rotation_wxyz)
    T[:3, 3] = translation_m
    return T
