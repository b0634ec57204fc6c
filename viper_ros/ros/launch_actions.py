"""The graph as launch_ros actions, shared by launch/*.launch.py. The only module that imports launch."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from viper_ros.ros.graph import LOG_LEVELS, PACKAGE, NodeSpec, default_params_file, large_image_environment

STOP_TIMEOUT_S = "15"
"""How long a node may take to end after Ctrl-C before launch insists: a busy machine takes seconds to unload torch."""

COMMON_ARGUMENTS = {
    "params_file": (default_params_file, "Parameters of the viper node"),
    "autostart": ("true", "Configure and activate the viper node at start; false leaves that to a lifecycle manager"),
    "use_sim_time": ("false", "Take the time from /clock"),
    "log_level": ("info", ", ".join(LOG_LEVELS)),
}
"""Arguments of every launch file: name -> (default, or a function that finds it; description)."""

CHOICES = {"log_level": LOG_LEVELS}
"""What those may be of which a wrong one would end the nodes, but not the launch."""


REAL_TIME = {"use_sim_time": ("false",)}
"""Further choices of graphs with simulated cameras, which live in real time: nobody would publish /clock."""


def describe(
    build: Callable[[Mapping[str, str]], list[NodeSpec]],
    arguments: Mapping[str, tuple[str, str]],
    choices: Mapping[str, tuple[str, ...]] = CHOICES,
) -> LaunchDescription:
    """A launch description with `arguments` (name -> (default, description)), whose values `build` turns into nodes."""
    declared = {**arguments, **{name: (_value(default), text) for name, (default, text) in COMMON_ARGUMENTS.items()}}

    def actions(context: LaunchContext) -> list[Node]:
        return [
            node_action(spec) for spec in build({name: LaunchConfiguration(name).perform(context) for name in declared})
        ]

    return LaunchDescription(
        [
            *(
                DeclareLaunchArgument(name, default_value=default, description=text, choices=choices.get(name))
                for name, (default, text) in declared.items()
            ),
            OpaqueFunction(function=actions),
        ]
    )


def node_action(spec: NodeSpec) -> Node:
    """One process of the graph as an action; it dies with the launch."""
    return Node(
        package=PACKAGE,
        executable=spec.executable,
        name=spec.name or None,  # None leaves name and namespace to the process; "" would put all its nodes into "/"
        namespace=spec.namespace if spec.name else None,
        arguments=list(spec.arguments),
        parameters=[part for part in (spec.params_file, dict(spec.parameters)) if part],
        remappings=list(spec.remappings),
        ros_arguments=["--log-level", spec.log_level] if spec.log_level else [],
        additional_env=large_image_environment(),
        output="screen",
        emulate_tty=True,
        sigterm_timeout=STOP_TIMEOUT_S,
    )


def viper_parameters(values: Mapping[str, str]) -> dict[str, bool]:
    """The parameters of the viper node that are launch arguments."""
    return {name: to_bool(name, values[name]) for name in ("autostart", "use_sim_time")}


def to_bool(name: str, text: str) -> bool:
    """A launch argument that is true or false. Raises ValueError for anything else."""
    if text.lower() not in ("true", "false"):
        raise ValueError(f"{name} must be true or false, got {text!r}")
    return text.lower() == "true"


def _value(default: str | Callable[[], str]) -> str:
    return default() if callable(default) else default
