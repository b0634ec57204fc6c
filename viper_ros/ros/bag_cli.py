"""`viper bag record`, `play` and `info`: recorded data where there is no `ros2 bag`, in files that it reads.

ROS and `rosbags` are imported when a command runs, not when the command line is described.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from viper_ros.ros.graph import INPUTS, large_image_environment


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add `bag` to the command `viper`."""
    bag = subparsers.add_parser(
        "bag",
        help="record what the viper node listens to, and play it back",
        description="Record topics into a bag that `ros2 bag` reads, and play bags.",
    )
    commands = bag.add_subparsers(required=True, metavar="COMMAND")
    _add_record(commands)
    _add_play(commands)
    info = commands.add_parser("info", help="topics, types and counts of a bag")
    info.add_argument("bag", type=Path, metavar="BAG", help="a folder with metadata.yaml, or an .mcap or .db3 file")
    info.set_defaults(run=_info)


def _add_record(commands: argparse._SubParsersAction) -> None:
    record = commands.add_parser(
        "record",
        help="images, depth, calibration, transforms and instructions into a new bag",
        description=f"Record {', '.join(INPUTS)}, instruction, /tf and /tf_static until Ctrl-C.",
    )
    record.add_argument("out", type=Path, metavar="OUT", help="folder to make")
    record.add_argument("--seconds", type=float, help="end so long after the first image [s]")
    record.add_argument("--frames", type=int, help="end after so many images")
    record.add_argument(
        "--wait", type=float, default=30.0, metavar="SECONDS", help="for the first image [s] (default: %(default)s)"
    )
    record.add_argument("--namespace", default="", help="of the topics, as of the viper node (default: none)")
    record.add_argument("--topics", nargs="+", default=[], metavar="TOPIC", help="record these as well")
    record.add_argument("--compressed", action="store_true", help="image/compressed in place of image")
    record.add_argument("--storage", choices=("mcap", "sqlite3"), default="mcap", help="(default: %(default)s)")
    record.add_argument("--use-sim-time", action="store_true", help="take the time from /clock")
    _add_remap(record, "image:=/camera/color/image_raw")
    record.set_defaults(run=_record)


def _add_play(commands: argparse._SubParsersAction) -> None:
    play = commands.add_parser("play", help="publish the messages of a bag", description="Publish a bag's messages.")
    play.add_argument("bag", type=Path, metavar="BAG", help="a folder with metadata.yaml, or an .mcap or .db3 file")
    play.add_argument("--rate", type=float, default=1.0, help="times as fast as recorded (default: %(default)s)")
    play.add_argument("--start", type=float, default=0.0, metavar="SECONDS", help="skip the beginning [s]")
    play.add_argument("--loop", action="store_true", help="again and again until Ctrl-C")
    stamps = play.add_mutually_exclusive_group()
    stamps.add_argument(
        "--clock",
        type=float,
        nargs="?",
        const=40.0,
        default=0.0,
        metavar="HZ",
        help="publish the bag's time on /clock, for nodes with use_sim_time [Hz] (default: not; without HZ: %(const)s)",
    )
    stamps.add_argument("--now", action="store_true", help="move all stamps to the present")
    play.add_argument("--topics", nargs="+", default=[], metavar="TOPIC", help="play these alone")
    play.add_argument(
        "--wait", type=float, default=2.0, metavar="SECONDS", help="for subscribers at most [s] (default: %(default)s)"
    )
    _add_remap(play, "/camera/color/image_raw:=/image")
    play.set_defaults(run=_play)


def _add_remap(parser: argparse.ArgumentParser, example: str) -> None:
    parser.add_argument("-r", "--remap", action="append", default=[], metavar="FROM:=TO", help=f"of a topic: {example}")


def _record(options: argparse.Namespace) -> int:
    _require_packages()
    from rclpy.parameter import Parameter
    from rclpy.validate_namespace import validate_namespace

    from viper_ros.ros.bag import open_bag
    from viper_ros.ros.bag_record import Recorder

    with _ros() as stop, _node_errors(options.remap):
        validate_namespace(namespace := "/" + options.namespace.strip("/"))  # the node would, with a warning beside it
        recorder = Recorder(
            options.out,
            seconds=options.seconds,
            frames=options.frames,
            wait_s=options.wait,
            more_topics=options.topics,
            compressed=options.compressed,
            storage=options.storage,
            namespace=namespace,
            cli_args=_remappings(options.remap),
            parameter_overrides=[Parameter("use_sim_time", value=options.use_sim_time)],
        )
        recorder.record(stop.is_set)
        lost = {stream.name: stream.lost for stream in recorder.streams.values() if stream.lost}
    with open_bag(options.out) as bag:
        print(bag.describe())
    for name, count in lost.items():
        print(f"  {name}: {count} messages were lost on the way to the recorder")
    return 0


def _play(options: argparse.Namespace) -> int:
    _require_packages()
    from viper_ros.ros.bag import open_bag
    from viper_ros.ros.bag_play import Player

    with open_bag(options.bag) as bag, _ros() as stop, _node_errors(options.remap):
        player = Player(
            bag,
            rate=options.rate,
            clock_hz=options.clock,
            restamp=options.now,
            topics=options.topics,
            cli_args=_remappings(options.remap),
        )
        print(bag.describe(), flush=True)
        player.wait_for_subscribers(options.wait, stop.is_set)
        while not stop.is_set():
            count = player.play(options.start, stop.is_set)
            print(f"played {count} messages", flush=True)
            if not options.loop:
                break
    return 0


def _info(options: argparse.Namespace) -> int:
    _require_packages()
    from viper_ros.ros.bag import open_bag

    with open_bag(options.bag) as bag:
        print(bag.describe())
    return 0


def _require_packages() -> None:
    for module, remedy in (
        ("rclpy", "source the ROS 2 workspace's setup file, or `source scripts/env.sh` in the checkout"),
        ("rosbags", "pip install 'viper_ros[bag]'"),
    ):
        if importlib.util.find_spec(module) is None:
            raise ImportError(f"viper bag needs {module}: {remedy}")


def _remappings(rules: Sequence[str]) -> list[str]:
    return ["--ros-args", *(part for rule in rules for part in ("-r", rule))] if rules else []


@contextmanager
def _node_errors(rules: Sequence[str]) -> Iterator[None]:
    """What rclpy says of a name or a remapping that is none, as the ValueError that the command line reports."""
    from rclpy._rclpy_pybind11 import RCLInvalidROSArgsError, UnknownROSArgsError
    from rclpy.exceptions import InvalidNamespaceException, InvalidTopicNameException

    try:
        yield
    except (RCLInvalidROSArgsError, UnknownROSArgsError) as error:
        raise ValueError(f"a remapping must read FROM:=TO, got {', '.join(map(repr, rules))}") from error
    except (InvalidNamespaceException, InvalidTopicNameException) as error:
        raise ValueError(" ".join(str(error).split())) from error


@contextmanager
def _ros() -> Iterator[threading.Event]:
    """rclpy with shared memory that images fit into; the event is set by Ctrl-C or SIGTERM, so that bags get closed."""
    import rclpy
    from rclpy.signals import SignalHandlerOptions

    os.environ.update(large_image_environment())
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    stop = threading.Event()
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        rclpy.shutdown()
