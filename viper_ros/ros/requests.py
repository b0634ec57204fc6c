"""What a caller asks for, checked: srv/Query and action/Ground requests become one frozen `Request`."""

from __future__ import annotations

import math
from dataclasses import dataclass

from builtin_interfaces.msg import Duration

from viper_ros.action import Ground
from viper_ros.ros.parameters import Settings
from viper_ros.ros.stamps import stamp_s
from viper_ros.srv import Query

MAX_INSTRUCTION_CHARACTERS = 500
MAX_REGIONS = 100


class BadRequest(ValueError):
    """A request cannot be served as it is; the text says what came, what was expected and what to do."""


@dataclass(frozen=True)
class Request:
    """An instruction and how to answer it. `threshold` None: the checkpoint's own; `target_frame` "": the camera's."""

    instruction: str
    threshold: float | None = None
    max_regions: int = 5
    target_frame: str = ""
    want_3d: bool = False
    want_answer: bool = False
    max_image_age_s: float = math.inf
    not_before_s: float = 0.0
    timeout_s: float = math.inf


def request_from_query(query: Query.Request, settings: Settings) -> Request:
    """Raises BadRequest."""
    return Request(
        **_common(query, settings),
        want_answer=query.want_answer,
        max_image_age_s=_seconds("max_image_age", query.max_image_age, settings.max_image_age),
        not_before_s=stamp_s(query.not_before),
        timeout_s=_seconds("timeout", query.timeout, settings.query_timeout),
    )


def request_from_goal(goal: Ground.Goal, settings: Settings) -> Request:
    """Raises BadRequest."""
    return Request(
        **_common(goal, settings),
        max_image_age_s=settings.max_image_age,
        timeout_s=_seconds("timeout", goal.timeout, settings.ground_timeout),
    )


def standing_request(settings: Settings) -> Request:
    """The standing instruction of the parameters. Raises BadRequest."""
    return Request(
        instruction=check_instruction(settings.instruction),
        threshold=settings.threshold or None,
        max_regions=settings.max_regions,
        target_frame=check_frame(settings.target_frame),
        want_3d=settings.want_3d,
        want_answer=settings.standing_answer,
        max_image_age_s=settings.max_image_age,
    )


def check_settings(settings: Settings) -> None:
    """Whether requests and the standing instruction can be served with these parameters. Raises BadRequest."""
    check_frame(settings.target_frame)
    if settings.instruction.strip():
        standing_request(settings)


def check_instruction(text: str) -> str:
    """The instruction without surrounding space. Raises BadRequest."""
    instruction = text.strip()
    if not instruction:
        raise BadRequest("instruction is empty: say what to find or to answer, e.g. 'pick up the red mug'")
    if len(instruction) > MAX_INSTRUCTION_CHARACTERS:
        raise BadRequest(
            f"instruction has {len(instruction)} characters, at most {MAX_INSTRUCTION_CHARACTERS} are read: shorten it"
        )
    return instruction


def check_frame(name: str) -> str:
    """A TF frame name, possibly empty. Raises BadRequest."""
    if name.startswith("/") or name != name.strip():
        raise BadRequest(f"target_frame must be a frame name without a leading / or spaces, got {name!r}")
    return name


def _common(message: Query.Request | Ground.Goal, settings: Settings) -> dict[str, object]:
    threshold = float(message.threshold)
    if not 0.0 <= threshold <= 1.0:
        raise BadRequest(f"threshold must be in (0, 1], or 0 for the node's own, got {threshold}")
    if message.max_regions > MAX_REGIONS:
        raise BadRequest(f"max_regions must be at most {MAX_REGIONS}, got {message.max_regions}")
    return {
        "instruction": check_instruction(message.instruction),
        "threshold": threshold or settings.threshold or None,
        "max_regions": message.max_regions or settings.max_regions,
        "target_frame": check_frame(message.target_frame or settings.target_frame),
        "want_3d": message.want_3d,
    }


def _seconds(name: str, duration: Duration, default_s: float) -> float:
    seconds = stamp_s(duration)
    if seconds < 0.0:
        raise BadRequest(f"{name} must be >= 0 s (0: the node's parameter), got {seconds} s")
    return seconds or default_s
