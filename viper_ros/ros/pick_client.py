"""Picks things up in simulation: asks the viper node where they are, moves a gripper there, closes, lifts.

    python -m viper_ros.ros.pick_client "the red mug"
    python -m viper_ros.ros.pick_client --scenes 20 --json

It runs beside a `viper` node of its own namespace (`viper demo pick` starts both). The simulator judges: what was asked
for is lifted by 5 cm and held for 1 s. Status 0: of one pick, that it succeeded; of several, that all were made.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from contextlib import ExitStack
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from rclpy.utilities import remove_ros_args

from viper_ros.ros.client import ViperClient, ViperError
from viper_ros.ros.graph import large_image_environment
from viper_ros.ros.pick_camera import PickCamera
from viper_ros.ros.pick_options import add_pick_options
from viper_ros.ros.pick_report import PICKED, PickRow, summary, told
from viper_ros.ros.pick_tasks import tasks
from viper_ros.ros.pick_trial import Picker, Tell
from viper_ros.ros.spinning import run_client
from viper_ros.sim import Renderer

WIDTH, HEIGHT = 640, 480
START_TIMEOUT_S = 120.0
PAGE_SCALE = 0.4
"""Size of the pictures where there are strips of several picks on one page."""


def pick_all(options: argparse.Namespace, tell: Tell) -> tuple[list[PickRow], list[np.ndarray]]:
    """Do all picks of the command line: rows and strips of pictures.

    Raises ViperError when the node does not come up, ValueError when the instruction names nothing that can be judged.
    """
    rows, strips = [], []
    with ExitStack() as stack:
        renderer = stack.enter_context(Renderer(WIDTH, HEIGHT))
        todo = tasks(renderer, options.seed, options.instruction or None)
        viper = camera = None
        if not options.oracle:
            camera = stack.enter_context(PickCamera(options.depth_noise))
            viper = stack.enter_context(ViperClient(camera.viper_name))
            tell("waiting for the viper node to load its model ...")
            viper.wait_until_ready(START_TIMEOUT_S)
        picker = Picker(renderer, viper, camera, tell)
        for task in islice(todo, options.scenes):
            row, strip = picker.run(task)
            rows.append(row)
            strips.append(strip)
    return rows, strips


def write_page(path: Path, strips: list[np.ndarray]) -> None:
    """Write the strips below each other, smaller where there are several. Raises ValueError when it cannot."""
    scale = PAGE_SCALE if len(strips) > 1 else 1.0
    strips = [cv2.resize(strip, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) for strip in strips]
    path.parent.mkdir(parents=True, exist_ok=True)
    if not (cv2.haveImageWriter(str(path)) and cv2.imwrite(str(path), np.vstack(strips)[..., ::-1])):
        raise ValueError(f"cannot write {path}; use a name that ends in .png or .jpg")


def parse(arguments: list[str]) -> argparse.Namespace:
    """The command line without what is ROS's own."""
    parser = argparse.ArgumentParser(prog="pick_client", description=__doc__.splitlines()[0])
    add_pick_options(parser)
    return parser.parse_args(arguments)


def main(args: list[str] | None = None) -> int:
    """Pick once or several times; the exit status."""
    arguments = sys.argv if args is None else ["pick_client", *args]
    options = parse(remove_ros_args(arguments)[1:])
    progress = sys.stderr if options.json else sys.stdout
    os.environ.update(large_image_environment())

    def work() -> int:
        rows, strips = pick_all(options, lambda line: print(line, file=progress, flush=True))
        write_page(options.out, strips)
        figures = summary(rows)
        print(json.dumps(figures, indent=1) if options.json else told(figures), flush=True)
        return 0 if options.scenes > 1 or rows[0].outcome == PICKED else 1

    return run_client("pick", work, arguments, (ValueError, ViperError))


if __name__ == "__main__":
    sys.exit(main())
