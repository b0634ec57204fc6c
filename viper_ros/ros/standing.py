"""The standing instruction: every frame is grounded, newest first, at most `max_rate_hz` of them."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

from viper_ros.ros.frames import Frame
from viper_ros.ros.host import Host
from viper_ros.ros.picking import FramePicker
from viper_ros.ros.requests import standing_request
from viper_ros.ros.worker import Job


class StandingInstruction:
    """One job that stays in the queue as long as the node is active; idle while there is no instruction.

    `frames_dropped` counts the frames that came while the worker was busy or the rate was spent.
    """

    def __init__(self, host: Host) -> None:
        self._host = host
        self._picker: FramePicker | None = None
        self._picked: FramePicker | None = None
        self._last_number = 0
        self._next_s = 0.0
        self.frames_dropped = 0

    def start(self) -> None:
        """Take part in the worker's queue; closing the worker ends it."""
        self.renew()
        job = Job(pick=self._pick, work=lambda frame: self._work(frame, job), refuse=lambda refusal: None)
        self._host.worker.submit(job)

    def renew(self) -> None:
        """Take over the settings. A changed instruction looks at the newest frame again, and at once."""
        settings = self._host.settings
        if not settings.instruction.strip():
            self._picker = None
            return
        request = standing_request(settings)
        if self._picker is None or self._picker.request != request:
            self._picker = FramePicker(request, self._host.frames, self._host.now_s)
            self._last_number, self._next_s = 0, 0.0

    def _pick(self, frames: Sequence[Frame], now_s: float) -> Frame | float:
        self._picked = self._picker
        if self._picked is None:
            return math.inf
        if now_s < self._next_s:
            return self._next_s
        return self._picked.pick(frames, now_s)

    def _work(self, frame: Frame, job: Job) -> bool:
        self._next_s = time.monotonic() + 1.0 / self._host.settings.max_rate_hz
        if self._last_number:
            self.frames_dropped += max(frame.number - self._last_number - 1, 0)
        self._last_number = frame.number
        result = self._host.answer(self._picked.request, frame, job)
        if not job.is_over():
            self._host.publish(result)
        return True
