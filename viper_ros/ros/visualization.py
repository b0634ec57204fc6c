"""What people look at: the overlay picture and the markers of RViz."""

from __future__ import annotations

import cv2
import numpy as np
from builtin_interfaces.msg import Duration
from geometry_msgs.msg import Pose, Vector3
from std_msgs.msg import ColorRGBA, Header
from visualization_msgs.msg import Marker, MarkerArray

from viper_ros.perception import Grounding, overlay_heatmap
from viper_ros.ros.conversions import pose_to_ros
from viper_ros.ros.results import Place, Result

BEST_RGB = (64, 255, 96)
OTHER_RGB = (255, 208, 64)
MARKER_LIFETIME_S = 5

_FONT = cv2.FONT_HERSHEY_SIMPLEX


def draw_overlay(rgb: np.ndarray, found: Grounding) -> np.ndarray:
    """Image (H, W, 3) uint8 RGB -> the same with heat, boxes, scores and a caption: instruction, answer, confidence.

    Line widths and letters follow the image's size, so that the picture is legible from 160 to 4000 px.
    """
    picture = np.ascontiguousarray(overlay_heatmap(rgb, found.heatmap()))
    scale = max(picture.shape[:2]) / 640.0
    for index, region in reversed(list(enumerate(found.regions))):
        colour = OTHER_RGB if index else BEST_RGB
        x0, y0, x1, y1 = (round(edge) for edge in region.box_xyxy_px)
        cv2.rectangle(picture, (x0, y0), (x1 - 1, y1 - 1), colour, max(1, round(2 * scale)))
        _label(picture, f"{region.score:.2f}", (x0, y0), colour, scale)
    for row, text in enumerate(_caption(found)):
        _label(picture, text, (0, round((row + 1) * 24 * scale)), (255, 255, 255), scale)
    return picture


def markers(result: Result) -> MarkerArray:
    """A box with a label for each region that has a position; the first marker clears those of the result before."""
    array = MarkerArray(markers=[Marker(header=result.header, action=Marker.DELETEALL)])
    found = result.grounding
    if found is None:
        return array
    for index, (region, place) in enumerate(zip(found.regions, result.places, strict=False)):
        if place.position is not None:
            text = f"{_ascii(found.answer or found.instruction)} {region.score:.2f}"
            array.markers += _box_with_label(index, place, text, result.header)
    return array


def _caption(found: Grounding) -> list[str]:
    lines = [_ascii(found.instruction)]
    if found.answer:
        lines.append(f"answer: {_ascii(found.answer)}")
    lines.append(f"{'present' if found.present else 'not present'} {found.confidence:.2f}")
    return lines


def _ascii(text: str) -> str:
    """OpenCV's built-in letters know ASCII only, and a long line would leave the picture."""
    text = text.encode("ascii", "replace").decode()
    return text if len(text) <= 60 else f"{text[:57]}..."


def _label(picture: np.ndarray, text: str, corner_px: tuple[int, int], colour: tuple[int, ...], scale: float) -> None:
    """Text on a dark ground with its lower left corner at `corner_px`, moved so that it stays in the picture."""
    size, thickness = 0.55 * scale, max(1, round(1.4 * scale))
    (width, height), below = cv2.getTextSize(text, _FONT, size, thickness)
    if width > picture.shape[1]:
        size *= picture.shape[1] / width
        (width, height), below = cv2.getTextSize(text, _FONT, size, thickness)
    x = min(max(corner_px[0], 0), max(picture.shape[1] - width, 0))
    y = min(max(corner_px[1], height + below), picture.shape[0] - below)
    cv2.rectangle(picture, (x, y - height - below), (x + width, y + below), (16, 16, 16), cv2.FILLED)
    cv2.putText(picture, text, (x, y), _FONT, size, colour, thickness, cv2.LINE_AA)


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
