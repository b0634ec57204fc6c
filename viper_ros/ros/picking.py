"""Which frame fits a request, and why none does."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from viper_ros.msg import Status
from viper_ros.ros.frames import Frame, FrameBuffer
from viper_ros.ros.requests import Request

DEPTH_GRACE_S = 0.15
"""How long a request for 3D waits for the depth of a frame that is otherwise fit: depth comes a little after colour."""

CLOCKS_APART_S = 3600.0
"""An image as old as this was not taken long ago: two clocks differ."""


@dataclass
class FramePicker:
    """Picks frames for one request, each at most once (`number` grows). `now_s` is the node's clock."""

    request: Request
    frames: FrameBuffer
    now_s: Callable[[], float]
    last_number: int = 0
    _grace_ends_s: float | None = None

    def pick(self, frames: Sequence[Frame], steady_s: float) -> Frame | float:
        """The newest frame that fits, with depth if 3D is wanted and depth comes; otherwise when to look again."""
        fitting = [frame for frame in frames if frame.number > self.last_number and self._fits(frame)]
        if not fitting:
            self._grace_ends_s = None
            return math.inf
        if self.request.want_3d and self.frames.awaits_depth():
            paired = next((frame for frame in fitting if frame.depth is not None), None)
            if paired is not None:
                return self._take(paired)
            if self._grace_ends_s is None:
                self._grace_ends_s = steady_s + DEPTH_GRACE_S
            if steady_s < self._grace_ends_s:
                return self._grace_ends_s
        return self._take(fitting[0])

    def refusal(self) -> Status:
        """Why nothing fits, once the time is over."""
        newest = self.frames.newest()
        within = f"within {self.request.timeout_s:.2f} s"
        if newest is None:
            return Status(
                code=Status.NO_IMAGE,
                message=f"no image has arrived {within}: check that a camera publishes on `image` and the remapping",
            )
        if newest.taken_s < self.request.not_before_s:
            early_s = self.request.not_before_s - newest.taken_s
            text = f"the newest image is {early_s:.3f} s older than not_before; none newer came {within}"
            return Status(code=Status.STALE_IMAGE, message=text)
        age_s = self.now_s() - newest.taken_s
        if abs(age_s) > self.request.max_image_age_s:
            text = f"the newest image is {age_s:.3f} s old, at most {self.request.max_image_age_s:.3f} s is allowed"
            if age_s < 0:
                text = f"the newest image lies {-age_s:.3f} s in the future: synchronise the clocks"
            if age_s > CLOCKS_APART_S:
                text += ": synchronise the clocks, or set use_sim_time when a recording is played"
            return Status(code=Status.STALE_IMAGE, message=text)
        return self.too_slow()

    def too_slow(self) -> Status:
        """The frame was there, the answer was not."""
        return Status(
            code=Status.TIMEOUT,
            message=f"no answer was ready within {self.request.timeout_s:.3f} s: the worker was busy with this or "
            f"earlier requests; ask less often or raise the timeout",
        )

    def _fits(self, frame: Frame) -> bool:
        age_s = self.now_s() - frame.taken_s
        fresh = abs(age_s) <= self.request.max_image_age_s  # an image of the future is of another clock
        return fresh and frame.taken_s >= self.request.not_before_s

    def _take(self, frame: Frame) -> Frame:
        self.last_number, self._grace_ends_s = frame.number, None
        return frame


def deadline_after(seconds: float) -> float:
    """The time on the steady clock that is `seconds` from now."""
    return time.monotonic() + seconds
