"""The planner of the pick: an instruction goes to the viper node, a grasp comes back. It knows nothing else.

Of the world it knows the frame in which it moves and that the table's top is at z = 0 there, as any planner does.
"""

from __future__ import annotations

from dataclasses import dataclass

from builtin_interfaces.msg import Time
from sensor_msgs.msg import PointCloud2

from viper_ros.msg import Grounding
from viper_ros.ros.client import ViperClient, ViperError
from viper_ros.ros.clouds import points_from_ros
from viper_ros.ros.conversions import pose_from_ros
from viper_ros.ros.pick_camera import WORLD, PickCamera
from viper_ros.sim.grasp import Grasp, plan_grasp

QUERY_TIMEOUT_S, POINTS_TIMEOUT_S = 30.0, 5.0


@dataclass(frozen=True, eq=False)
class Plan:
    """What the planner makes of an answer. `grasp` None: `why` says what is missing."""

    found: Grounding | None
    grasp: Grasp | None
    why: str = ""


def plan_pick(viper: ViperClient, camera: PickCamera, instruction: str, not_before: Time) -> Plan:
    """Ask `~/query` about an image taken at `not_before` or later and plan a grasp of its best region."""
    try:
        found = viper.query(
            instruction, not_before=not_before, timeout_s=QUERY_TIMEOUT_S, target_frame=WORLD, want_3d=True
        )
    except ViperError as error:
        return Plan(None, None, str(error))
    if not found.present or not found.regions:
        return Plan(found, None, found.status.message or f"the node sees no such thing ({found.confidence:.2f})")
    best = found.regions[0]
    if not best.has_position or best.position_header.frame_id != WORLD:
        return Plan(found, None, best.position_message or found.status.message)
    cloud = camera.heard(PointCloud2, found.header.stamp, POINTS_TIMEOUT_S)
    if cloud is None:
        return Plan(found, None, f"~/region_points did not come within {POINTS_TIMEOUT_S:.0f} s")
    position_m, covariance_m2 = pose_from_ros(best.pose)
    points_m, _ = points_from_ros(cloud)
    try:
        return Plan(found, plan_grasp(position_m, points_m, covariance_m2))
    except ValueError as error:
        return Plan(found, None, str(error))
