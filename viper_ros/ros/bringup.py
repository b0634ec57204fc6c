"""`viper up` and `viper demo`: the graph as plain processes, where there is no `ros2 launch` or no wish for it."""

from __future__ import annotations

import argparse
import importlib.util
import os
import random
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from viper_ros.ros.graph import INPUTS, NodeSpec, demo_graph, two_cameras_graph, viper
from viper_ros.ros.pick_options import add_pick_options, pick_arguments
from viper_ros.ros.processes import Processes


def add_subcommands(subparsers: argparse._SubParsersAction) -> None:
    """Add `up` and `demo` to the command `viper`."""
    up = subparsers.add_parser(
        "up", help="run the viper node (and a simulated camera) until Ctrl-C", description="Run the viper node."
    )
    up.add_argument("--sim", action="store_true", help="with a simulated camera")
    up.add_argument(
        "--two-cameras", action="store_true", help="two simulated cameras, in the namespaces left and right"
    )
    up.add_argument("--one-process", action="store_true", help="with --two-cameras: both viper nodes share one model")
    up.add_argument("--seed", type=int, default=0, help="series of simulated tabletops (default: %(default)s)")
    up.add_argument("--no-autostart", action="store_true", help="leave the lifecycle to a manager")
    up.add_argument("--use-sim-time", action="store_true", help="take the time from /clock")
    up.add_argument(
        "-r", "--remap", action="append", default=[], metavar="FROM:=TO", help=f"of the inputs {', '.join(INPUTS)}"
    )
    up.add_argument("--log-dir", type=Path, help="write a log of each node there instead of to the terminal")
    _add_common(up)
    up.set_defaults(run=_up)

    demo = subparsers.add_parser(
        "demo",
        help="camera, node and planner as processes of their own: ask, point, compare with the truth",
        description="Ask about simulated tabletops over ROS and compare the answers with the truth.",
    )
    demo.add_argument("--seed", type=int, default=0, help="series of tabletops (default: %(default)s)")
    demo.add_argument("--scenes", type=int, default=3, help="how many tabletops (default: %(default)s)")
    demo.add_argument("--out", type=Path, default=Path("demo_out"), help="pictures and logs (default: %(default)s)")
    demo.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    demo.add_argument("--depth-noise", type=float, default=0.001, help="at 1 m [m] (default: %(default)s)")
    _add_common(demo)
    demo.set_defaults(run=_demo)
    pick = demo.add_subparsers(metavar="pick").add_parser(
        "pick",
        help="move a simulated gripper to what the node points at, and lift it",
        description="Ask the node where a thing is, move a simulated gripper there, close, lift; the physics judges.",
    )
    add_pick_options(pick)
    _add_common(pick)
    pick.set_defaults(run=_pick)


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--namespace", default="", help="of all nodes (default: none)")
    parser.add_argument("--params-file", default="", help="parameters of the viper node (default: config/viper.yaml)")
    parser.add_argument("--model", help="a name under models/ or a folder (default: the parameter file's)")
    parser.add_argument("--log-level", default="", help="debug, info, warn or error")


def _up(options: argparse.Namespace) -> int:
    _require_ros()
    with _interruptible(), Processes(options.log_dir) as processes:
        for spec in _up_graph(options):
            processes.start_node(spec)
        print(processes.wait_for_first().describe_exit(), file=sys.stderr)
    return 1


def _up_graph(options: argparse.Namespace) -> list[NodeSpec]:
    parameters = _parameters(options)
    parameters["autostart"] = not options.no_autostart
    if options.use_sim_time:
        parameters["use_sim_time"] = True
    if options.two_cameras:
        return two_cameras_graph(options.params_file, options.log_level, options.one_process, **parameters)
    if options.sim:
        camera = {"seed": options.seed}
        return demo_graph(options.namespace, options.params_file, camera, options.log_level, **parameters)
    remaps = dict(_split_remap(rule) for rule in options.remap)
    return [viper(options.namespace, options.params_file, remaps, options.log_level, **parameters)]


def _split_remap(rule: str) -> tuple[str, str]:
    source, separator, target = rule.partition(":=")
    if not separator or not source or not target:
        raise ValueError(f"a remapping must read FROM:=TO, got {rule!r}")
    return source, target


def _parameters(options: argparse.Namespace) -> dict:
    return {"model": options.model} if options.model else {}


def _demo(options: argparse.Namespace) -> int:
    _require_ros()
    if options.scenes < 1:
        raise ValueError(f"--scenes must be at least 1, got {options.scenes}")
    _keep_to_this_machine()
    out = options.out.resolve()
    camera = {"seed": options.seed, "depth_noise": options.depth_noise, "questions": 40}
    graph = demo_graph(
        options.namespace, options.params_file, camera, options.log_level, autostart=True, **_parameters(options)
    )
    arguments = ["--scenes", str(options.scenes), "--out", str(out), *(["--json"] if options.json else [])]
    return _run_with_client(graph, "demo_client", arguments, options.namespace, out / "log")


def _pick(options: argparse.Namespace) -> int:
    _require_ros()
    if options.scenes < 1:
        raise ValueError(f"--scenes must be at least 1, got {options.scenes}")
    _keep_to_this_machine()
    graph = []
    if not options.oracle:
        parameters = {"autostart": True, **_parameters(options)}
        graph.append(viper(options.namespace, options.params_file, log_level=options.log_level, **parameters))
    log = options.out.resolve().parent / "log"
    return _run_with_client(graph, "pick_client", pick_arguments(options), options.namespace, log)


def _run_with_client(graph: Sequence[NodeSpec], client: str, arguments: list[str], namespace: str, log: Path) -> int:
    """Run the nodes until the client, a module of this folder, is done; its exit status."""
    ros_arguments = ["--ros-args", "-r", f"__ns:=/{namespace.strip('/')}"]
    command = [sys.executable, "-m", f"viper_ros.ros.{client}", *arguments, *ros_arguments]
    with _interruptible(), Processes(log) as processes:
        for spec in graph:
            processes.start_node(spec)
        ours = processes.start(client, command, to_terminal=True)
        first = processes.wait_for_first()
        if first is ours:
            print(f"logs of the nodes: {log}", file=sys.stderr)
            return max(ours.process.returncode, 0) or int(ours.process.returncode < 0)
        print(first.describe_exit(), file=sys.stderr)
    return 1


def _require_ros() -> None:
    """Raise FileNotFoundError where the nodes could not even be imported."""
    for module in ("rclpy", "viper_ros.msg"):
        if importlib.util.find_spec(module) is None:
            raise FileNotFoundError(
                f"{module} cannot be imported: source the ROS 2 workspace's setup file, or run `make setup` in the "
                f"checkout and `source scripts/env.sh`"
            )


def _keep_to_this_machine() -> None:
    """A ROS domain of the demo's own, heard on this machine alone, unless the environment names one."""
    os.environ.setdefault("ROS_DOMAIN_ID", str(random.randint(1, 101)))
    if os.environ.get("ROS_DISTRO") == "humble":
        os.environ.setdefault("ROS_LOCALHOST_ONLY", "1")
    else:
        os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")


@contextmanager
def _interruptible() -> Iterator[None]:
    """Ctrl-C and SIGTERM leave the block, which ends the processes; a second one does not cut that short."""

    def leave(number: int, _: object) -> None:
        for ignored in (signal.SIGINT, signal.SIGTERM):
            signal.signal(ignored, signal.SIG_IGN)
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, leave) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
