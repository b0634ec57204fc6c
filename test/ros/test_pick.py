"""`viper demo pick`: the gripper goes where the node says, over real DDS, and the physics judges."""

import json
import os
import subprocess
import sys

import cv2
import numpy as np
import pytest
from std_msgs.msg import Header

from viper_ros.msg import Grounding, Region
from viper_ros.perception import find_checkpoint
from viper_ros.ros.images import array_to_image
from viper_ros.ros.pick_report import CAUSES, PICKED, PickRow, outcome_of, pointed_id, summary, told
from viper_ros.ros.pick_tasks import tasks
from viper_ros.sim import Renderer


def test_the_first_cause_that_holds_is_named():
    lifted, dropped = {1: 0.14, 2: 0.0}, {1: 0.04, 2: 0.0}
    assert outcome_of(1, 2, None, None) == "not seen"
    assert outcome_of(1, 2, lifted, None) == PICKED  # what is lifted counts, not what was pointed at
    assert outcome_of(1, 2, dropped, True) == "wrong object"
    assert outcome_of(1, 1, dropped, True) == outcome_of(1, None, dropped, True) == "bad position"
    assert outcome_of(1, 1, dropped, False) == outcome_of(1, None, dropped, None) == "slipped"
    assert outcome_of(2, 2, lifted, True) == "bad position"


def test_the_thing_under_the_mask_is_what_is_pointed_at():
    ids = np.zeros((48, 64), np.int32)
    ids[10:20, 10:20], ids[10:20, 20:24] = 1, 2
    mask = np.full((10, 16), 255, np.uint8)
    region = Region(mask=array_to_image(mask, "mono8", Header()))
    region.roi.x_offset, region.roi.y_offset = 10, 10
    assert pointed_id(Grounding(regions=[region]), ids) == 1
    region.roi.x_offset = 20
    assert pointed_id(Grounding(regions=[region]), ids) == 2
    region.roi.y_offset = 30
    assert pointed_id(Grounding(regions=[region]), ids) is None


def row(outcome, error_cm=1.0):
    return PickRow(0, "the mug", "red mug", outcome, "", 0.5, "", None, (0.0, 0.0, 0.0), error_cm, 0.0, 1.0)


def test_the_summary_counts_successes_and_every_cause():
    figures = summary([row(PICKED), row(PICKED), row("not seen", None), row("wrong object", 30.0)])
    assert figures["picked"] == 2 and figures["success_rate"] == 0.5 and figures["error_cm_median"] == 1.0
    assert figures["failures"] == {"not seen": 1, "wrong object": 1, "bad position": 0, "slipped": 0}
    assert "picked: 2 of 4" in told(figures) and all(cause in told(figures) for cause in CAUSES)


def test_a_task_is_the_same_for_a_seed_and_shows_what_it_asks_for():
    with Renderer(160, 120) as renderer:
        first, again = (next(tasks(renderer, 0, None)) for _ in range(2))
        assert (first.number, first.instruction) == (again.number, again.instruction)
        assert np.array_equal(first.frame.rgb, again.frame.rgb)
        mug = next(tasks(renderer, 0, "take the red mug"))
        assert mug.target.name == "red mug" and (mug.frame.ids == mug.target.id).sum() > 100
        with pytest.raises(ValueError, match="no tabletop of series 0"):
            next(tasks(renderer, 0, "the purple mug"))  # a pair that these scenes never have


def pick(out, *arguments):
    # A domain of its own: other tests of this run have nodes of the same names.
    environment = {**os.environ, "ROS_DOMAIN_ID": str(1 + (int(os.environ.get("ROS_DOMAIN_ID", "0")) + 53) % 101)}
    command = [sys.executable, "-m", "viper_ros.cli", "demo", "pick", "--out", str(out / "pick.png"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=240, env=environment)


def test_with_true_positions_the_red_mug_is_picked_and_the_picture_shows_it(tmp_path):
    done = pick(tmp_path, "the red mug", "--oracle")
    assert done.returncode == 0, done.stderr
    assert "picked: lifted" in done.stdout and "picked: 1 of 1" in done.stdout
    picture = cv2.imread(str(tmp_path / "pick.png"))
    assert picture.shape == (480, 3 * 640, 3)
    seen, grasp, lifted = np.split(picture.astype(int), 3, axis=1)
    assert np.abs(grasp - seen).max() > 50 and np.abs(lifted - grasp).max() > 50


def test_an_instruction_that_cannot_be_judged_ends_with_the_reason(tmp_path):
    done = pick(tmp_path, "whatever is nearest", "--oracle")
    assert done.returncode == 1
    assert "must name one thing" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.slow
def test_a_model_that_points_everywhere_is_asked_over_dds_and_lifts_nothing(viper_checkpoint, tmp_path):
    done = pick(tmp_path, "--model", str(viper_checkpoint), "--scenes", "2", "--json")
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert figures["picks"] == 2 and figures["picked"] == 0 and figures["failures"]["not seen"] == 0
    for told_row in figures["rows"]:
        assert told_row["confidence"] == 0.5  # what this checkpoint says of everything
        assert told_row["position_m"] is not None and told_row["inference_time_ms"] > 0


def nano_is_there():
    try:
        return (find_checkpoint("nano") / "model.safetensors").is_file()
    except FileNotFoundError:
        return False


@pytest.mark.slow
@pytest.mark.skipif(not nano_is_there(), reason="models/nano/model.safetensors is missing")
def test_the_shipped_model_leads_the_gripper_to_most_things(tmp_path):
    done = pick(tmp_path, "--scenes", "10", "--json")
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert figures["picks"] == 10 and figures["picked"] >= 4
    for told_row in figures["rows"]:
        assert (told_row["outcome"] == PICKED) == (told_row["lifted_cm"] >= 5.0)
