"""`/diagnostics` at 1 Hz: what the node gets, what it makes of it, and what is wrong.

Levels: OK while all is well (an inactive node is well). WARN when results are missing or less than they could be: no
image, images without a partner in depth, a peer whose QoS does not fit, stamps of zero. ERROR after a fault of the
node: the last transition failed, or an INTERNAL error within the last ERROR_SHOWN_S.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from diagnostic_msgs.msg import DiagnosticStatus, KeyValue

from viper_ros.ros.engine import Engine
from viper_ros.ros.frames import FrameBuffer
from viper_ros.ros.memory import gpu_bytes, resident_bytes

NO_IMAGE_WARN_S = 2.0
ERROR_SHOWN_S = 30.0


@dataclass(eq=False)
class Health:
    """Faults and misfits, from whatever thread they come."""

    last_error: str = ""
    error_at_s: float | None = None
    transition_error: str = ""
    incompatible_qos: dict[str, str] = field(default_factory=dict)
    sync_misses_told: int = 0

    def record_error(self, text: str) -> None:
        """Remember a fault of the node."""
        self.last_error, self.error_at_s = text, time.monotonic()

    def record_incompatible(self, topic: str, policy: str) -> None:
        """Remember that a peer on `topic` does not fit, and in which QoS policy."""
        self.incompatible_qos[topic] = policy

    def forget_misfits(self, has_misfit: Callable[[str], bool]) -> None:
        """Forget the topics whose misfit peer has gone."""
        for topic in [topic for topic in tuple(self.incompatible_qos) if not has_misfit(topic)]:
            self.incompatible_qos.pop(topic, None)

    def error_is_fresh(self) -> bool:
        """Whether the last fault is recent enough to set the level."""
        return self.error_at_s is not None and time.monotonic() - self.error_at_s < ERROR_SHOWN_S


@dataclass(frozen=True)
class Vitals:
    """The state of the node at one moment, as the diagnostics need it."""

    name: str
    state: str
    active: bool
    settings_model: str
    frames: FrameBuffer
    frames_dropped: int
    rate_out_hz: float
    queue_length: int
    image_age_s: float | None
    health: Health
    engine: Engine | None


def diagnose(vitals: Vitals) -> DiagnosticStatus:
    """The node's entry in a DiagnosticArray."""
    level, message = _judge(vitals)
    values = [KeyValue(key=key, value=value) for key, value in _values(vitals).items()]
    return DiagnosticStatus(
        level=level, name=f"{vitals.name}: grounding", message=message, hardware_id=vitals.name, values=values
    )


def _judge(vitals: Vitals) -> tuple[bytes, str]:
    health = vitals.health
    if health.transition_error:
        return DiagnosticStatus.ERROR, f"the last transition failed: {health.transition_error}"
    if health.error_is_fresh():
        return DiagnosticStatus.ERROR, health.last_error
    warnings = [f"QoS of {topic} does not fit ({policy})" for topic, policy in health.incompatible_qos.items()]
    if vitals.active:
        warnings += _input_warnings(vitals)
    if warnings:
        return DiagnosticStatus.WARN, "; ".join(warnings)
    return DiagnosticStatus.OK, vitals.state


def _input_warnings(vitals: Vitals) -> list[str]:
    frames, warnings = vitals.frames, []
    newest_s = frames.colour.newest_s
    if newest_s is None:
        warnings.append("no image has arrived on `image`")
    elif (silence_s := time.monotonic() - newest_s) > NO_IMAGE_WARN_S:
        warnings.append(f"no image for {silence_s:.1f} s")
    if frames.sync_misses > vitals.health.sync_misses_told:
        vitals.health.sync_misses_told = frames.sync_misses
        warnings.append("images without a depth image within sync_slop")
    if frames.zero_stamps:
        warnings.append("images have a stamp of zero: they cannot be paired with depth or TF")
    return warnings


def _values(vitals: Vitals) -> dict[str, str]:
    now_s, frames, engine = time.monotonic(), vitals.frames, vitals.engine
    info = engine.info if engine else {}
    times = list(engine.times_ms) if engine else []
    return {
        "state": vitals.state,
        "model": str(info.get("model", vitals.settings_model)),
        "device": str(info.get("device", "")),
        "dtype": str(info.get("dtype", "")),
        "image rate [Hz]": f"{frames.colour.rate_hz(now_s):.2f}",
        "depth rate [Hz]": f"{frames.depth.rate_hz(now_s):.2f}",
        "result rate [Hz]": f"{vitals.rate_out_hz:.2f}",
        "images": str(frames.colour.count),
        "images encoded": str(engine.images_encoded if engine else 0),
        "frames dropped": str(vitals.frames_dropped),
        "depth sync misses": str(frames.sync_misses),
        "image age [s]": "" if vitals.image_age_s is None else f"{vitals.image_age_s:.3f}",
        "inference p50 [ms]": f"{np.percentile(times, 50):.1f}" if times else "",
        "inference p99 [ms]": f"{np.percentile(times, 99):.1f}" if times else "",
        "queue length": str(vitals.queue_length),
        "incompatible QoS": "; ".join(
            f"{topic} ({policy})" for topic, policy in vitals.health.incompatible_qos.items()
        ),
        "memory [MB]": f"{resident_bytes() / 1e6:.0f}",
        "GPU memory [MB]": f"{gpu_bytes() / 1e6:.0f}",
        "last error": vitals.health.last_error,
    }
