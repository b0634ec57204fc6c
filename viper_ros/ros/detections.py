"""Results as vision_msgs arrays, for tools that know those and not ours; only where that package is installed.

It is in every ROS 2 distribution (rosdep installs it with this package) and not among the wheels. A region is a
detection whose class is the instruction, its score the region's, its id the region's place in the list. An array
without detections says that nothing was found.
"""

from __future__ import annotations

from geometry_msgs.msg import PoseWithCovariance
from std_msgs.msg import Header

from viper_ros.perception.regions import Region
from viper_ros.ros.conversions import pose_to_ros, size_to_ros
from viper_ros.ros.results import Place, Result

try:
    from vision_msgs.msg import (
        BoundingBox2D,
        BoundingBox3D,
        Detection2D,
        Detection2DArray,
        Detection3D,
        Detection3DArray,
        ObjectHypothesis,
        ObjectHypothesisWithPose,
    )

    HAS_VISION_MSGS = True
except ImportError:
    HAS_VISION_MSGS = False


def detections_2d(result: Result) -> Detection2DArray:
    """All regions, best first, boxes in pixels of the source image; with the 3D pose where the region has one."""
    places = result.places or (None,) * len(result.grounding.regions)
    detections = [
        Detection2D(
            header=result.header,
            results=[_hypothesis(result, region, place)],
            bbox=_box_2d(region),
            id=str(index),
        )
        for index, (region, place) in enumerate(zip(result.grounding.regions, places, strict=True))
    ]
    return Detection2DArray(header=result.header, detections=detections)


def detections_3d(result: Result) -> Detection3DArray:
    """The regions that have a position, best first; the header names the frame that the positions are in."""
    placed = [
        (index, region, place)
        for index, (region, place) in enumerate(zip(result.grounding.regions, result.places, strict=False))
        if place.position is not None
    ]
    frame_id = placed[0][2].frame_id if placed else result.header.frame_id
    header = Header(stamp=result.header.stamp, frame_id=frame_id)
    detections = [
        Detection3D(header=header, results=[_hypothesis(result, region, place)], bbox=_box_3d(place), id=str(index))
        for index, region, place in placed
    ]
    return Detection3DArray(header=header, detections=detections)


def _hypothesis(result: Result, region: Region, place: Place | None) -> ObjectHypothesisWithPose:
    return ObjectHypothesisWithPose(
        hypothesis=ObjectHypothesis(class_id=result.request.instruction, score=float(region.score)),
        pose=_pose(place) if place is not None and place.position is not None else PoseWithCovariance(),
    )


def _pose(place: Place) -> PoseWithCovariance:
    return pose_to_ros(place.position.position_m, place.position.covariance_m2)


def _box_2d(region: Region) -> BoundingBox2D:
    x0, y0, x1, y1 = map(float, region.box_xyxy_px)
    box = BoundingBox2D(size_x=x1 - x0, size_y=y1 - y0)
    box.center.position.x, box.center.position.y = (x0 + x1) / 2, (y0 + y1) / 2
    return box


def _box_3d(place: Place) -> BoundingBox3D:
    return BoundingBox3D(center=_pose(place).pose, size=size_to_ros(place.position.size_m))
