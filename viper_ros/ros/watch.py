"""What a `~/ground` goal gathers over frames: the best grounding and a smoothed position."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import numpy as np
from std_msgs.msg import Header

from viper_ros.action import Ground
from viper_ros.msg import Status
from viper_ros.ros.conversions import pose_to_ros, result_to_ros
from viper_ros.ros.requests import Request
from viper_ros.ros.results import Result, refused
from viper_ros.ros.stamps import duration_from_s


class SmoothedPosition:
    """Positions over frames as their inverse-covariance mean.

    Its covariance is that of a mean of independent errors: what all frames have wrong alike (calibration, the hidden
    side of the object) is not in it.
    """

    def __init__(self) -> None:
        self._restart(Header())

    def add(self, position_m: np.ndarray, covariance_m2: np.ndarray, header: Header) -> None:
        """Take in a position; one in another frame than those before (TF came late) starts anew."""
        if header.frame_id != self.header.frame_id:
            self._restart(header)
        information = np.linalg.inv(covariance_m2)
        self._information += information
        self._weighted += information @ position_m
        self.count += 1
        self.header = header

    def mean(self) -> tuple[np.ndarray, np.ndarray]:
        """(position (3,) [m], covariance (3, 3) [m^2]); `count` must be > 0."""
        covariance = np.linalg.inv(self._information)
        return covariance @ self._weighted, covariance

    def _restart(self, header: Header) -> None:
        self.header = header
        self.count = 0
        self._information = np.zeros((3, 3))
        self._weighted = np.zeros(3)


@dataclass
class Watch:
    """What one goal has seen so far."""

    request: Request
    started_s: float = field(default_factory=time.monotonic)
    best: Result | None = None
    frames: int = 0
    frames_present: int = 0
    smoothed: SmoothedPosition = field(default_factory=SmoothedPosition)

    def add(self, result: Result) -> None:
        """Take in the result of a frame that was grounded."""
        self.frames += 1
        self.frames_present += result.grounding.present
        if self.best is None or result.grounding.confidence > self.best.grounding.confidence:
            self.best = result
        place = result.best_place
        if place is not None:
            header = Header(stamp=result.header.stamp, frame_id=place.frame_id)
            self.smoothed.add(place.position.position_m, place.position.covariance_m2, header)

    def feedback(self, newest: Result) -> Ground.Feedback:
        """The action's feedback after the frame of `newest`."""
        elapsed = duration_from_s(time.monotonic() - self.started_s)
        return Ground.Feedback(grounding=result_to_ros(newest), elapsed=elapsed, frames=self.frames)

    def result(self, status: Status | None = None) -> Ground.Result:
        """The action's result: the best grounding, with `status` in place of its own where one is given."""
        best = self.best or refused(self.request, status or Status())
        message = Ground.Result(
            grounding=result_to_ros(best),
            frames=self.frames,
            frames_present=self.frames_present,
            frames_with_position=self.smoothed.count,
        )
        message.grounding.status = status or best.status
        if self.smoothed.count:
            message.pose.header = self.smoothed.header
            message.pose.pose = pose_to_ros(*self.smoothed.mean())
        return message
