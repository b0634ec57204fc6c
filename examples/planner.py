"""A planner that knows the viper node by its interface alone: ask once, go there.

    python examples/planner.py "pick up the red mug" base_link

Run it beside the node: `viper up --sim` (frame `world`), or `ros2 launch viper_ros viper.launch.py image:=...`.
"""

import sys

import rclpy
from rclpy.utilities import remove_ros_args

from viper_ros.msg import Status
from viper_ros.srv import Query


def main() -> None:
    """Ask about the newest frame and print where the thing is."""
    arguments = remove_ros_args(sys.argv)[1:]
    if len(arguments) != 2:
        sys.exit(__doc__)
    instruction, frame = arguments
    rclpy.init()
    node = rclpy.create_node("planner")
    client = node.create_client(Query, "viper/query")
    if not client.wait_for_service(timeout_sec=60.0):
        sys.exit("there is no viper node")
    future = client.call_async(
        Query.Request(instruction=instruction, target_frame=frame, want_3d=True, want_answer=True)
    )
    rclpy.spin_until_future_complete(node, future, timeout_sec=30.0)
    if not future.done():
        sys.exit("the viper node did not answer within 30 s")
    found = future.result().grounding
    if found.status.code != Status.OK:
        sys.exit(f"status {found.status.code}: {found.status.message or 'nothing in view matches'}")
    best = found.regions[0]
    point = best.pose.pose.position
    print(f"{found.answer} ({found.confidence:.2f}) at x={point.x:.3f} y={point.y:.3f} z={point.z:.3f} m in {frame}")


if __name__ == "__main__":
    main()
