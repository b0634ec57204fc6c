"""The overlay and the markers, and the RViz file that shows them."""

from pathlib import Path

import numpy as np
import pytest
import yaml
from std_msgs.msg import Header
from visualization_msgs.msg import Marker

from viper_ros.msg import Status
from viper_ros.perception.projection import RegionPosition
from viper_ros.ros.outputs import OUTPUTS
from viper_ros.ros.requests import Request
from viper_ros.ros.results import Place, Result
from viper_ros.ros.visualization import markers

COVARIANCE = np.eye(3) * 1e-6
RVIZ = Path(__file__).parents[2] / "config" / "viper.rviz"


@pytest.fixture
def result_of(grounding_of):
    """Makes a result with a region for each of the given positions, None for one without."""

    def make(positions):
        found = grounding_of(64, 48, regions=len(positions))
        places = tuple(
            Place(
                p and RegionPosition(np.array(p), np.eye(3) * 1e-6, np.array([0.08, 0.09, 0.1]), 1.0, None, None),
                "base",
            )
            for p in positions
        )
        header = Header(frame_id="camera")
        return Result(Request("the red mug"), Status(), header, found, places=places)

    return make


def test_each_region_with_a_position_gets_a_box_and_a_label(result_of):
    clear, *rest = markers(result_of([(0.1, 0.2, 0.3), None, (0.4, 0.5, 0.6)])).markers
    assert clear.action == Marker.DELETEALL
    boxes = [marker for marker in rest if marker.type == Marker.CUBE]
    labels = [marker for marker in rest if marker.type == Marker.TEXT_VIEW_FACING]
    assert [(box.ns, box.id) for box in boxes] == [("regions", 0), ("regions", 2)]
    assert [label.text for label in labels] == ["red mug 0.90"] * 2
    assert {marker.header.frame_id for marker in rest} == {"base"}
    assert (boxes[1].pose.position.x, boxes[1].scale.z) == (0.4, 0.1)
    assert labels[0].pose.position.z > boxes[0].pose.position.z


def test_a_result_without_positions_only_clears_the_markers(result_of):
    assert [marker.action for marker in markers(result_of([None])).markers] == [Marker.DELETEALL]


def test_the_rviz_file_shows_topics_that_the_node_publishes():
    displays = yaml.safe_load(RVIZ.read_text())["Visualization Manager"]["Displays"]
    topics = {display["Name"]: display["Topic"]["Value"] for display in displays if "Topic" in display}
    assert topics.pop("Camera image") == "/image"
    assert {topic.removeprefix("/viper/") for topic in topics.values()} <= set(OUTPUTS)
    kinds = {display["Class"].split("/")[1] for display in displays}
    assert {"Image", "MarkerArray", "PointCloud2", "TF", "Camera"} <= kinds
