"""Several viper nodes in one process, one for each namespace: they share one model in memory.

    ros2 run viper_ros viper_nodes left right --ros-args -p autostart:=true -r /left/image:=/left_camera/image_raw

Each is a node of its own, `/left/viper` and `/right/viper`, with its own topics, parameters, lifecycle and worker.
Parameters given on the command line hold for all; a parameter file may name each node by its full name.
"""

from __future__ import annotations

import sys
from functools import partial

from rclpy.utilities import remove_ros_args
from rclpy.validate_namespace import validate_namespace

from viper_ros.ros.spinning import run_nodes
from viper_ros.ros.viper_node import EXECUTOR_THREADS, ViperNode


def main(args: list[str] | None = None) -> int:
    """Run the nodes as a process; the exit status."""
    args = sys.argv if args is None else args
    try:
        namespaces = parse_namespaces(remove_ros_args(args)[1:])
    except ValueError as error:
        print(f"viper_nodes: {error}", file=sys.stderr)
        return 2
    return run_nodes([partial(ViperNode, namespace=name) for name in namespaces], EXECUTOR_THREADS, args)


def parse_namespaces(arguments: list[str]) -> list[str]:
    """The namespaces, each with a leading slash. Raises ValueError for none, a name twice and no name."""
    namespaces = ["/" + name.strip("/") for name in arguments]
    if not namespaces:
        raise ValueError("name the namespaces, one for each camera, e.g. `viper_nodes left right`")
    for name in namespaces:
        try:
            validate_namespace(name)
        except Exception as error:
            raise ValueError(f"{name!r} is no namespace: {str(error).splitlines()[0]}") from error
        if namespaces.count(name) > 1:
            raise ValueError(f"{name!r} is named more than once: two nodes of one name answer each other's requests")
    return namespaces


if __name__ == "__main__":
    sys.exit(main())
