"""The planner of the demo: asks the viper node about simulated tabletops and holds the answers against the truth.

    ros2 run viper_ros demo_client --scenes 3 --out demo_out

It runs beside a `sim_camera` and a `viper` node of its own namespace (`viper demo` and demo.launch.py start them), and
knows of the node only what any planner does: `ViperClient`. Ends with status 0 when every question was answered and
most of what had to be pointed at was.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from builtin_interfaces.msg import Time
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.utilities import remove_ros_args
from sensor_msgs.msg import Image
from std_msgs.msg import String
from std_srvs.srv import Trigger

from viper_ros.msg import Grounding, Status
from viper_ros.ros.client import ViperClient, ViperError
from viper_ros.ros.demo_report import Row, choose, judge, succeeded, summary, table
from viper_ros.ros.images import image_to_rgb
from viper_ros.ros.sim_camera_node import LATCHED
from viper_ros.ros.spinning import run_client

START_TIMEOUT_S, SCENE_TIMEOUT_S, QUERY_TIMEOUT_S, PICTURE_TIMEOUT_S = 120.0, 30.0, 30.0, 5.0


class DemoError(RuntimeError):
    """The demo cannot go on; the text says what did not come."""


class DemoClient:
    """Walks through the scenes. Use it as a context manager."""

    def __init__(self, out: Path, tell: Callable[[str], None]) -> None:
        """Pictures go to the folder `out`, progress to `tell`."""
        self._out, self._tell = out, tell
        self._node = Node("demo_client")
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self._node)
        self._truth: dict | None = None
        self._ids: Image | None = None
        self._overlays: dict[tuple[int, int], Image] = {}
        self._node.create_subscription(String, "sim_camera/truth", self._on_truth, LATCHED)
        self._node.create_subscription(Image, "sim_camera/truth_ids", self._on_ids, LATCHED)
        self._node.create_subscription(Image, "viper/overlay", self._on_overlay, 5)
        self._next = self._node.create_client(Trigger, "sim_camera/next_scene")
        self._viper = ViperClient(self._node.get_namespace().rstrip("/") + "/viper")

    def __enter__(self) -> DemoClient:
        return self

    def __exit__(self, *_: object) -> None:
        self._viper.close()
        self._executor.shutdown(timeout_sec=1.0)
        self._node.destroy_node()

    def run(self, scenes: int) -> list[Row]:
        """Ask about `scenes` tabletops. Raises DemoError or ViperError when the other nodes do not come up."""
        self._tell("waiting for the viper node to load its model ...")
        self._viper.wait_until_ready(START_TIMEOUT_S)
        rows: list[Row] = []
        for scene in range(scenes):
            if scene:
                self._ask_for_next_scene()
            truth, ids = self._wait_for_scene(scene)
            self._tell(f"scene {scene}: {', '.join(thing['name'] for thing in truth['objects'])}")
            for number, question in enumerate(choose(truth["questions"], scene)):
                rows.append(self._ask(question, truth, ids, f"scene{scene}_{number}"))
        return rows

    def _ask(self, question: dict, truth: dict, ids: np.ndarray, stem: str) -> Row:
        self._overlays.clear()
        try:
            found = self._viper.query(
                question["text"],
                not_before=Time(**truth["from_stamp"]),
                timeout_s=QUERY_TIMEOUT_S,
                target_frame=truth["world_frame"],
                want_3d=True,
                want_answer=True,
            )
        except ViperError as error:
            self._tell(f"  {question['text']}: {error}")
            code = Status.INTERNAL if error.code is None else error.code
            return judge(question, Grounding(status=Status(code=code, message=str(error))), truth, ids)
        row = judge(question, found, truth, ids)
        self._tell(f"  {question['text']}: {row.answer}{'' if row.right else ' (wrong)'}")
        if row.note:
            self._tell(f"    {row.note}")
        return replace(row, picture=self._save_picture(found, f"{stem}_{_file_name(question['text'])}.png"))

    def _save_picture(self, found: Grounding, name: str) -> str:
        """Write the overlay that the node published for this answer; its path, or "" where none came."""
        stamp = (found.header.stamp.sec, found.header.stamp.nanosec)
        if not self._until(lambda: stamp in self._overlays, PICTURE_TIMEOUT_S):
            self._tell("  no overlay came for this answer")
            return ""
        path = self._out / name
        if not cv2.imwrite(str(path), image_to_rgb(self._overlays[stamp])[..., ::-1]):
            raise DemoError(f"cannot write {path}")
        return str(path)

    def _ask_for_next_scene(self) -> None:
        if not self._next.wait_for_service(SCENE_TIMEOUT_S):
            raise DemoError(f"{self._next.srv_name} is not there after {SCENE_TIMEOUT_S:.0f} s: is sim_camera running?")
        future = self._next.call_async(Trigger.Request())
        if not self._until(future.done, SCENE_TIMEOUT_S):
            raise DemoError(f"{self._next.srv_name} did not answer within {SCENE_TIMEOUT_S:.0f} s")

    def _wait_for_scene(self, number: int) -> tuple[dict, np.ndarray]:
        """The truth of a scene and the ids (H, W) uint8 that belong to it."""

        def is_here() -> bool:
            if self._truth is None or self._ids is None or self._truth["scene"] != number:
                return False
            stamp = self._ids.header.stamp
            return self._truth["from_stamp"] == {"sec": stamp.sec, "nanosec": stamp.nanosec}

        if not self._until(is_here, SCENE_TIMEOUT_S):
            raise DemoError(f"the truth about scene {number} did not come within {SCENE_TIMEOUT_S:.0f} s")
        return self._truth, np.array(self._ids.data, np.uint8).reshape(self._ids.height, self._ids.width)

    def _until(self, condition: Callable[[], bool], timeout_s: float) -> bool:
        deadline = time.monotonic() + timeout_s
        while not condition() and time.monotonic() < deadline:
            self._executor.spin_once(timeout_sec=0.05)
        return condition()

    def _on_truth(self, message: String) -> None:
        self._truth = json.loads(message.data)

    def _on_ids(self, message: Image) -> None:
        self._ids = message

    def _on_overlay(self, message: Image) -> None:
        self._overlays[message.header.stamp.sec, message.header.stamp.nanosec] = message


def _file_name(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")[:50]


def main(args: list[str] | None = None) -> int:
    """Run the demo's questions once; the exit status."""
    arguments = sys.argv if args is None else ["demo_client", *args]
    parser = argparse.ArgumentParser(prog="demo_client", description=__doc__.splitlines()[0])
    parser.add_argument("--scenes", type=int, default=3, help="how many tabletops (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=Path("demo_out"), help="folder of the pictures")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    options = parser.parse_args(remove_ros_args(arguments)[1:])
    options.out.mkdir(parents=True, exist_ok=True)
    progress = sys.stderr if options.json else sys.stdout

    def work() -> int:
        with DemoClient(options.out, lambda line: print(line, file=progress, flush=True)) as client:
            rows = client.run(options.scenes)
        print(_report(rows, options.out, options.json), flush=True)
        return 0 if succeeded(rows) else 1

    return run_client("demo", work, arguments, (DemoError, ViperError))


def _report(rows: list[Row], out: Path, as_json: bool) -> str:
    figures = summary(rows)
    if as_json:
        return json.dumps({**figures, "out": str(out)}, indent=1)
    shares = {name: "{} of {}".format(*figures[name]) for name in ("pointed", "absent", "questions")}
    lines = [
        f"\n{table(rows)}\n",
        f"answered: {figures['answered']} of {figures['asked']}",
        f"pointed at the right thing: {shares['pointed']}; median error {figures['error_cm_median']} cm",
        f"absent things told: {shares['absent']}",
        f"other questions right: {shares['questions']}",
        f"pictures: {out}",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
