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

from viper_ros.ros.graph import INPUTS, LOG_LEVELS, NodeSpec, demo_graph, two_cameras_graph, viper
from viper_ros.ros.pick_options import PICK_OUT, PICK_SCENES, add_pick_options, pick_arguments
from viper_ros.ros.processes import Processes

SCENES, OUT = 3, Path("demo_out")
"""Of `viper demo`, where nothing else is said."""


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
    demo.add_argument("--scenes", type=int, help=f"how many tabletops (default: {SCENES})")
    demo.add_argument("--out", type=Path, help=f"pictures and logs (default: {OUT})")
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
    _leave_what_was_said_before(demo, pick)
    pick.set_defaults(run=_pick)


def _leave_what_was_said_before(demo: argparse.ArgumentParser, pick: argparse.ArgumentParser) -> None:
    """Let `viper demo --seed 7 pick` keep its seed: argparse would write pick's own default over it."""
    shared = {action.dest for action in demo._actions}
    for action in pick._actions:
        if action.dest in shared and action.dest != "help":
            action.help = (action.help or "") % {"default": action.default}
            action.default = argparse.SUPPRESS


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--namespace", default="", help="of all nodes (default: none)")
    parser.add_argument("--params-file", default="", help="parameters of the viper node (default: config/viper.yaml)")
    parser.add_argument("--model", help="a name under models/ or a folder (default: the parameter file's)")
    parser.add_argument("--log-level", default="", choices=LOG_LEVELS, metavar="LEVEL", help=", ".join(LOG_LEVELS))


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
    _refuse_what_does_not_fit(options)
    if options.use_sim_time:
        parameters["use_sim_time"] = True
    if options.two_cameras:
        return two_cameras_graph(options.params_file, options.log_level, options.one_process, **parameters)
    if options.sim:
        camera = {"seed": options.seed}
        return demo_graph(options.namespace, options.params_file, camera, options.log_level, **parameters)
    remaps = dict(_split_remap(rule) for rule in options.remap)
    return [viper(options.namespace, options.params_file, remaps, options.log_level, **parameters)]


def _refuse_what_does_not_fit(options: argparse.Namespace) -> None:
    """ValueError for options that would be ignored."""
    simulated = options.sim or options.two_cameras
    for given, fits, told in (
        (options.use_sim_time, not simulated, "--use-sim-time needs a /clock, the simulated cameras live in real time"),
        (options.remap, not simulated, "--remap is for real cameras, the simulated ones are connected already"),
        (options.one_process, options.two_cameras, "--one-process is for --two-cameras"),
        (options.namespace, not options.two_cameras, "--two-cameras has the namespaces left and right"),
        (options.sim and options.two_cameras, False, "--sim and --two-cameras are two different graphs"),
        (options.seed, simulated and not options.two_cameras, "--seed is for --sim"),
    ):
        if given and not fits:
            raise ValueError(told)


def _split_remap(rule: str) -> tuple[str, str]:
    source, separator, target = rule.partition(":=")
    if not separator or not source or not target:
        raise ValueError(f"a remapping must read FROM:=TO, got {rule!r}")
    return source, target


def _parameters(options: argparse.Namespace) -> dict:
    return {"model": options.model} if options.model else {}


def _demo(options: argparse.Namespace) -> int:
    _require_ros()
    scenes, out = _scenes(options, SCENES), (options.out or OUT).resolve()
    _keep_to_this_machine()
    camera = {"seed": options.seed, "depth_noise": options.depth_noise, "questions": 40}
    graph = demo_graph(
        options.namespace, options.params_file, camera, options.log_level, autostart=True, **_parameters(options)
    )
    arguments = ["--scenes", str(scenes), "--out", str(out), *(["--json"] if options.json else [])]
    return _run_with_client(graph, "demo_client", arguments, options.namespace, out / "log")


def _scenes(options: argparse.Namespace, default: int) -> int:
    scenes = default if options.scenes is None else options.scenes
    if scenes < 1:
        raise ValueError(f"--scenes must be at least 1, got {scenes}")
    return scenes


def _pick(options: argparse.Namespace) -> int:
    _require_ros()
    options.scenes, options.out = _scenes(options, PICK_SCENES), options.out or PICK_OUT
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
