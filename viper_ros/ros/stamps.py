"""builtin_interfaces' Time and Duration to and from seconds."""

from __future__ import annotations

import math

from builtin_interfaces.msg import Duration, Time


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
