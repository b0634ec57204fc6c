"""The interfaces as set-up leaves them: importable, upstream's type, carried between processes, nothing sourced."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import viper_ros
from viper_ros.msg import Grounding

SEND = """
import time, rclpy
from viper_ros.msg import Grounding, Region
rclpy.init()
node = rclpy.create_node("sender")
publisher = node.create_publisher(Grounding, "grounding", 1)
message = Grounding(instruction="pick up the red mug", regions=[Region(score=0.5)])
while rclpy.ok():
    publisher.publish(message)
    time.sleep(0.1)
"""
RECEIVE = """
import json, time, rclpy
from viper_ros.msg import Grounding
rclpy.init()
node = rclpy.create_node("receiver")
received = []
node.create_subscription(Grounding, "grounding", received.append, 1)
end = time.monotonic() + 30
while not received and time.monotonic() < end:
    rclpy.spin_once(node, timeout_sec=0.2)
print(json.dumps([received[0].instruction, received[0].regions[0].score] if received else None))
"""


def bare_environment() -> dict[str, str]:
    """What a shell has in which nobody sourced anything; a distribution's own set-up stays."""
    names = ("HOME", "PATH", "ROS_DOMAIN_ID", "ROS_AUTOMATIC_DISCOVERY_RANGE")
    if "ROS_DISTRO" in os.environ:
        names += ("ROS_DISTRO", "PYTHONPATH", "LD_LIBRARY_PATH", "AMENT_PREFIX_PATH", "RMW_IMPLEMENTATION")
    return {name: os.environ[name] for name in names if name in os.environ}


def test_a_grounding_travels_between_two_processes_with_nothing_sourced(tmp_path: Path):
    arguments = {"cwd": tmp_path, "env": bare_environment(), "text": True}
    sender = subprocess.Popen([sys.executable, "-c", SEND], **arguments)
    try:
        received = subprocess.run(
            [sys.executable, "-c", RECEIVE], stdout=subprocess.PIPE, check=True, timeout=60, **arguments
        )
    finally:
        sender.kill()
        sender.wait()
    assert json.loads(received.stdout) == ["pick up the red mug", 0.5]


@pytest.mark.skipif("ROS_DISTRO" in os.environ, reason="a distribution brings its own tf2_msgs")
def test_the_built_tf2_msgs_has_the_type_hash_of_upstream():
    description = json.loads(Path(sys.prefix, "share/tf2_msgs/msg/TFMessage.json").read_text(encoding="utf-8"))
    hashes = {entry["type_name"]: entry["hash_string"] for entry in description["type_hashes"]}
    # As `ros2 topic info /tf --verbose` prints it on Iron and newer.
    upstream = "RIHS01_e369d0f05a23ae52508854b66f6aa0437f3449d652e8cbf22d5abe85d020f087"
    assert hashes["tf2_msgs/msg/TFMessage"] == upstream


def test_the_checkout_and_the_generated_modules_are_one_package():
    checkout = Path(__file__).parents[2] / "viper_ros"
    assert str(checkout) in [str(Path(folder)) for folder in viper_ros.__path__]
    assert not Path(sys.modules[Grounding.__module__].__file__).is_relative_to(checkout)
