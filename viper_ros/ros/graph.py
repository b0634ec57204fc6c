"""The graph: which nodes run, under which names, with which parameters. The one definition behind both front doors.

`launch/*.launch.py` turns it into launch_ros actions, `bringup.py` into plain processes. So this module imports neither
launch nor rclpy.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

PACKAGE = "viper_ros"
INPUTS = ("image", "camera_info", "depth/image", "depth/camera_info")
"""What the viper node listens to, relative to its namespace; remap them to a camera driver's topics."""

LOG_LEVELS = ("debug", "info", "warn", "error", "fatal")

Value = bool | int | float | str


@dataclass(frozen=True)
class NodeSpec:
    """One process. `executable` is its name in lib/viper_ros, `module` what `python -m` runs: both are the same code.

    It is one node, or, with an empty `name`, several that `arguments` name.
    """

    executable: str
    name: str
    namespace: str = ""
    parameters: Mapping[str, Value] = field(default_factory=dict)
    params_file: str = ""
    remappings: tuple[tuple[str, str], ...] = ()
    log_level: str = ""
    arguments: tuple[str, ...] = ()

    @property
    def module(self) -> str:
        """The Python module of the executable."""
        return f"{PACKAGE}.ros.{self.executable}"

    @property
    def full_name(self) -> str:
        """The node's name with its namespace, as `ros2 node list` prints it; of several nodes, the executable's."""
        return "/".join(["", *filter(None, self.namespace.split("/")), self.name or self.executable])

    def command_line(self) -> list[str]:
        """What follows the program's name on a command line; later values override earlier ones."""
        namespace = "/" + self.namespace.strip("/")
        arguments = [*self.arguments, "--ros-args"]
        if self.name:
            arguments += ["-r", f"__node:={self.name}", "-r", f"__ns:={namespace}"]
        if self.params_file:
            arguments += ["--params-file", self.params_file]
        for name, value in self.parameters.items():
            arguments += ["-p", f"{name}:={json.dumps(value)}"]
        for source, target in self.remappings:
            arguments += ["-r", f"{source}:={target}"]
        return arguments + (["--log-level", self.log_level] if self.log_level else [])


def viper(
    namespace: str = "",
    params_file: str = "",
    remappings: Mapping[str, str] | None = None,
    log_level: str = "",
    **parameters: Value,
) -> NodeSpec:
    """The viper node. Without `params_file` it takes config/viper.yaml; `parameters` override the file."""
    return NodeSpec(
        "viper_node",
        "viper",
        namespace,
        parameters,
        params_file or default_params_file(),
        tuple((remappings or {}).items()),
        log_level,
    )


def sim_camera(namespace: str = "", log_level: str = "", **parameters: Value) -> NodeSpec:
    """The simulated camera; it publishes what the viper node of the same namespace listens to."""
    return NodeSpec("sim_camera_node", "sim_camera", namespace, parameters, log_level=log_level)


def demo_graph(
    namespace: str = "",
    params_file: str = "",
    camera: Mapping[str, Value] | None = None,
    log_level: str = "",
    **parameters: Value,
) -> list[NodeSpec]:
    """A simulated camera and the viper node that looks through it."""
    return [
        sim_camera(namespace, log_level, **(camera or {})),
        viper(namespace, params_file, log_level=log_level, **parameters),
    ]


def vipers(
    namespaces: Sequence[str],
    params_file: str = "",
    remappings: Mapping[str, str] | None = None,
    log_level: str = "",
    **parameters: Value,
) -> NodeSpec:
    """A viper node in each namespace, all in one process with one model; remap by full name, e.g. `/left/image`."""
    spec = viper("", params_file, remappings, log_level, **parameters)
    return replace(spec, executable="viper_nodes", name="", arguments=tuple(namespaces))


def two_cameras_graph(
    params_file: str = "", log_level: str = "", one_process: bool = False, **parameters: Value
) -> list[NodeSpec]:
    """Two cameras on two tabletops, each with its viper node, told apart by namespace and frame alone.

    `one_process`: both viper nodes are in one process and share its model; otherwise each has a process of its own.
    """
    nodes: list[NodeSpec] = []
    namespaces = ("left", "right")
    for seed, namespace in enumerate(namespaces):
        camera = {
            "seed": seed,
            "frame_id": f"{namespace}_camera_color_optical_frame",
            "world_frame": f"{namespace}_table",
        }
        nodes += demo_graph(namespace, params_file, camera, log_level, **parameters)
    if one_process:
        cameras = [spec for spec in nodes if spec.name == "sim_camera"]
        return [*cameras, vipers(namespaces, params_file, log_level=log_level, **parameters)]
    return nodes


def share_folder() -> Path:
    """Where config/ and launch/ are: the checkout that this file is in, or the package's share folder."""
    checkout = Path(__file__).resolve().parents[2]
    if (checkout / "package.xml").is_file():
        return checkout
    prefixes = [*filter(None, os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep)), sys.prefix]
    shares = [Path(prefix) / "share" / PACKAGE for prefix in prefixes]
    found = next((share for share in shares if (share / "package.xml").is_file()), None)
    if found is None:
        looked = ", ".join(map(str, [checkout, *shares]))
        raise FileNotFoundError(f"no share folder of {PACKAGE} in any of {looked}: source the workspace's setup file")
    return found


def default_params_file() -> str:
    """config/viper.yaml of the package."""
    return str(share_folder() / "config" / "viper.yaml")


def large_image_environment() -> dict[str, str]:
    """Environment of nodes that publish images: shared memory that images fit into (see config/fastdds.xml)."""
    old, new = "FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE"
    if os.environ.get(old) or os.environ.get(new):
        return {}
    name = old if os.environ.get("ROS_DISTRO") in ("humble", "iron") else new
    return {name: str(share_folder() / "config" / "fastdds.xml")}
