"""Markers for RViz. The overlay picture is `perception.overlay.draw_grounding`, which needs no ROS."""

from __future__ import annotations

from builtin_interfaces.msg import Duration
from geometry_msgs.msg import Pose, Vector3
from std_msgs.msg import ColorRGBA, Header
from visualization_msgs.msg import Marker, MarkerArray

from viper_ros.perception.overlay import BEST_RGB, OTHER_RGB, ascii_line
from viper_ros.ros.conversions import pose_to_ros
from viper_ros.ros.results import Place, Result

MARKER_LIFETIME_S = 5


def markers(result: Result) -> MarkerArray:
    """A box with a label for each region that has a position; the first marker clears those of the result before."""
    array = MarkerArray(markers=[Marker(header=result.header, action=Marker.DELETEALL)])
    found = result.grounding
    if found is None:
        return array
    for index, (region, place) in enumerate(zip(found.regions, result.places, strict=False)):
        if place.position is not None:
            text = f"{ascii_line(found.answer or found.instruction)} {region.score:.2f}"
            array.markers += _box_with_label(index, place, text, result.header)
    return array


def _box_with_label(index: int, place: Place, text: str, source: Header) -> list[Marker]:
    header = Header(stamp=source.stamp, frame_id=place.frame_id)
    position, size_m = place.position.position_m, place.position.size_m
    red, green, blue = (value / 255.0 for value in (OTHER_RGB if index else BEST_RGB))
    common = {"header": header, "id": index, "action": Marker.ADD, "lifetime": Duration(sec=MARKER_LIFETIME_S)}
    box = Marker(
        **common,
        ns="regions",
        type=Marker.CUBE,
        pose=pose_to_ros(position, place.position.covariance_m2).pose,
        scale=Vector3(x=float(size_m[0]), y=float(size_m[1]), z=float(size_m[2])),
        color=ColorRGBA(r=red, g=green, b=blue, a=0.4),
    )
    label = Marker(
        **common,
        ns="labels",
        type=Marker.TEXT_VIEW_FACING,
        pose=_above(box.pose, float(size_m.max())),
        scale=Vector3(z=0.03),
        color=ColorRGBA(r=1.0, g=1.0, b=1.0, a=1.0),
        text=text,
    )
    return [box, label]


def _above(pose: Pose, offset_m: float) -> Pose:
    """A pose along z; in an optical frame that is behind the thing, where the label still faces the viewer."""
    above = Pose(orientation=pose.orientation)
    above.position.x, above.position.y = pose.position.x, pose.position.y
    above.position.z = pose.position.z + 0.6 * offset_m
    return above
