"""builtin_interfaces' Time and Duration to and from seconds, and a clock that turns back."""

from __future__ import annotations

import math
from collections.abc import Callable

from builtin_interfaces.msg import Duration, Time
from rclpy.clock import JumpHandle, JumpThreshold
from rclpy.duration import Duration as ClockDuration
from rclpy.node import Node


def stamp_s(stamp: Time | Duration) -> float:
    """Seconds of a Time or a Duration (a double keeps about 0.2 microseconds of a Unix time)."""
    return stamp.sec + stamp.nanosec * 1e-9


def duration_from_s(seconds: float) -> Duration:
    """A Duration of the seconds, which may be negative."""
    whole = math.floor(seconds)
    return Duration(sec=whole, nanosec=min(round((seconds - whole) * 1e9), 999_999_999))


def time_from_s(seconds: float) -> Time:
    """A Time of the seconds >= 0."""
    duration = duration_from_s(seconds)
    return Time(sec=duration.sec, nanosec=duration.nanosec)


def on_jump_back(node: Node, forget: Callable[[], None]) -> JumpHandle:
    """Call `forget` whenever the node's clock jumps back or changes its source, as when a bag begins again.

    What was received before is of another run. Unregister the handle when done.
    """
    back = JumpThreshold(min_forward=None, min_backward=ClockDuration(nanoseconds=-1), on_clock_change=True)
    return node.get_clock().create_jump_callback(back, post_callback=lambda _: forget())
