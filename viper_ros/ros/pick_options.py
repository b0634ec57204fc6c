"""The options of `viper demo pick`, which starts the nodes, and of `pick_client`, which does the work. Needs no ROS."""

from __future__ import annotations

import argparse
from pathlib import Path

PICK_SCENES, PICK_OUT = 1, Path("demo_out/pick.png")
"""Where nothing else is said."""


def add_pick_options(parser: argparse.ArgumentParser) -> None:
    """Add what both know."""
    parser.add_argument(
        "instruction", nargs="?", default="", help='such as "the red mug"; without one: anything, by its name'
    )
    parser.add_argument("--seed", type=int, default=0, help="series of tabletops (default: %(default)s)")
    parser.add_argument(
        "--scenes", type=int, default=PICK_SCENES, help="how many picks, each on another (default: %(default)s)"
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=PICK_OUT,
        help="picture of what was seen, the grasp, the lift; logs go beside it (default: %(default)s)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--oracle", action="store_true", help="grasp at the true positions, without the viper node")
    parser.add_argument("--depth-noise", type=float, default=0.001, help="at 1 m [m] (default: %(default)s)")


def pick_arguments(options: argparse.Namespace) -> list[str]:
    """The command line that these options came from."""
    arguments = ["--seed", str(options.seed), "--scenes", str(options.scenes), "--out", str(options.out.resolve())]
    arguments += ["--depth-noise", str(options.depth_noise)]
    arguments += [flag for flag, given in (("--json", options.json), ("--oracle", options.oracle)) if given]
    return [*arguments, *(["--", options.instruction] if options.instruction else [])]
