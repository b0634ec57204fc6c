"""The parameters of the node `viper`, each declared once: name, default, description, range, when it may change.

`Settings` is that one place; everything else is read off its fields. `declare_parameters` declares them on a node,
`check_parameters` judges a change (the reason comes back as text), `read_settings` reads them into a `Settings`.
config/viper.yaml documents the same table for users; a test holds the two equal.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import Field, dataclass, field, fields
from typing import TYPE_CHECKING, Any

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor, SetParametersResult

if TYPE_CHECKING:
    from rclpy.node import Node
    from rclpy.parameter import Parameter

LIVE = "live"
"""The parameter may change at any time."""

UNCONFIGURED = "unconfigured"
"""The parameter may change while the node is unconfigured."""

READ_ONLY = "read_only"
"""The parameter is what it was at start."""


@dataclass(frozen=True)
class ParameterRule:
    """What a parameter may be. `bounds` is inclusive; `choices` lists the strings allowed, where only some are."""

    description: str
    bounds: tuple[float, float] | None = None
    choices: tuple[str, ...] = ()
    change: str = LIVE


def parameter(default: Any, description: str, **rule: Any) -> Any:
    """A field of `Settings`: its default and its rule."""
    return field(default=default, metadata={"rule": ParameterRule(description, **rule)})


@dataclass(frozen=True)
class Settings:
    """The values of all parameters at one moment."""

    model: str = parameter("nano", "Checkpoint: a name under models/ or the path of a folder", change=UNCONFIGURED)
    device: str = parameter(
        "cpu",
        "Where the model runs; auto: cuda if there is one, otherwise cpu",
        choices=("cpu", "cuda", "auto"),
        change=UNCONFIGURED,
    )
    require_gpu: bool = parameter(False, "Refuse to configure when the model would run on the CPU", change=UNCONFIGURED)
    precision: str = parameter(
        "float32",
        "Numbers that the model computes with: bfloat16 halves its memory, int8 is for a CPU alone",
        choices=("float32", "bfloat16", "int8"),
        change=UNCONFIGURED,
    )
    image_size: int = parameter(
        0,
        "Longer side that images are scaled to for the model [px]; 0: the checkpoint's own. More shows smaller things "
        "and takes longer, in proportion to its square",
        bounds=(0, 1024),
        change=UNCONFIGURED,
    )
    num_threads: int = parameter(
        1,
        "CPU threads of the model; more than there are free cores makes it slower",
        bounds=(1, 256),
        change=READ_ONLY,
    )
    autostart: bool = parameter(False, "Configure and activate at start, without a lifecycle manager", change=READ_ONLY)
    image_transport: str = parameter(
        "raw",
        "raw: sensor_msgs/Image on `image`; compressed: sensor_msgs/CompressedImage on `image`/compressed",
        choices=("raw", "compressed"),
        change=UNCONFIGURED,
    )
    image_is_rectified: bool = parameter(
        False, "The image is rectified (image_rect): 3D uses P of camera_info, not K and D"
    )
    instruction: str = parameter("", "Standing instruction: every frame is grounded with it; empty: none")
    standing_answer: bool = parameter(False, "Decode a text answer for the standing instruction as well")
    max_rate_hz: float = parameter(
        10.0, "Most frames per second that the standing instruction looks at [Hz]", bounds=(0.01, 1000.0)
    )
    threshold: float = parameter(
        0.0, "Probability from which a thing counts as present; 0: the checkpoint's own", bounds=(0.0, 1.0)
    )
    max_regions: int = parameter(5, "Most regions in a result, unless a request says otherwise", bounds=(1, 100))
    want_3d: bool = parameter(True, "Lift regions to 3D for the standing instruction")
    target_frame: str = parameter(
        "", "TF frame of positions, unless a request names one; empty: the camera's optical frame"
    )
    sync_slop: float = parameter(
        0.05, "Largest difference of the stamps of a colour and a depth image that make a pair [s]", bounds=(0.0, 10.0)
    )
    max_image_age: float = parameter(
        1.0, "Oldest image that a request is answered with, unless it says otherwise [s]", bounds=(0.001, 3600.0)
    )
    query_timeout: float = parameter(
        5.0, "~/query is answered within this time, unless it says otherwise [s]", bounds=(0.001, 3600.0)
    )
    ground_timeout: float = parameter(
        10.0, "~/ground ends after this time, unless the goal says otherwise [s]", bounds=(0.001, 86400.0)
    )
    tf_timeout: float = parameter(0.1, "How long to wait for a transform at an image's stamp [s]", bounds=(0.0, 10.0))


_FIELDS: dict[str, Field] = {entry.name: entry for entry in fields(Settings)}


def rule_of(name: str) -> ParameterRule:
    """The rule of the parameter `name`. Raises KeyError when there is none of that name."""
    return _FIELDS[name].metadata["rule"]


def default_of(name: str) -> Any:
    """The default of the parameter `name`. Raises KeyError when there is none of that name."""
    return _FIELDS[name].default


def descriptor_of(name: str) -> ParameterDescriptor:
    """What `ros2 param describe` shows of the parameter `name`, with the range that rclpy itself enforces."""
    rule, default = rule_of(name), default_of(name)
    descriptor = ParameterDescriptor(description=rule.description, read_only=rule.change == READ_ONLY)
    limits = [f"one of: {', '.join(rule.choices)}"] if rule.choices else []
    if rule.change == UNCONFIGURED:
        limits.append("may change while the node is unconfigured")
    descriptor.additional_constraints = "; ".join(limits)
    if rule.bounds and isinstance(default, float):
        low, high = rule.bounds
        descriptor.floating_point_range = [FloatingPointRange(from_value=low, to_value=high)]
    elif rule.bounds:
        low, high = rule.bounds
        descriptor.integer_range = [IntegerRange(from_value=int(low), to_value=int(high), step=1)]
    return descriptor


def refusal(name: str, value: Any, configured: bool) -> str | None:
    """Why the parameter may not have this value now, or None when it may. `configured`: the node is past configure."""
    rule, default = rule_of(name), default_of(name)
    if type(value) is not type(default):
        return f"{name} must be a {type(default).__name__}, got {type(value).__name__} {value!r}"
    if isinstance(value, float) and not math.isfinite(value):
        return f"{name} must be finite, got {value}"
    if rule.bounds and not rule.bounds[0] <= value <= rule.bounds[1]:
        return f"{name} must be in [{rule.bounds[0]}, {rule.bounds[1]}], got {value}"
    if rule.choices and value not in rule.choices:
        return f"{name} must be one of {', '.join(rule.choices)}, got {value!r}"
    if configured and rule.change == UNCONFIGURED:
        return f"{name} can change only while the node is unconfigured: deactivate and clean up first"
    return None


def declare_parameters(node: Node) -> None:
    """Declare all parameters on `node`. Raises rclpy's error when a value given at start is outside its range."""
    for name in _FIELDS:
        node.declare_parameter(name, default_of(name), descriptor_of(name))


def read_settings(node: Node, changed: Iterable[Parameter] = ()) -> Settings:
    """The settings of `node`, with the values in `changed` already in force.

    Raises ValueError with every fault on a line of its own, so that one try shows all of them.
    """
    values = {name: node.get_parameter(name).value for name in _FIELDS}
    values.update((parameter.name, parameter.value) for parameter in changed if parameter.name in values)
    faults = [fault for name, value in values.items() if (fault := refusal(name, value, configured=False))]
    if faults:
        raise ValueError("\n".join(faults))
    return Settings(**values)


def check_parameters(parameters: Iterable[Parameter], configured: bool) -> SetParametersResult:
    """Judge a change of parameters as a whole; parameters that are not ours (use_sim_time) pass."""
    for changed in parameters:
        reason = refusal(changed.name, changed.value, configured) if changed.name in _FIELDS else None
        if reason:
            return SetParametersResult(successful=False, reason=reason)
    return SetParametersResult(successful=True)
