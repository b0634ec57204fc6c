"""`viper demo`: three processes over real DDS, and the judgement of what came back."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from viper_ros.msg import Grounding, Region, RelevanceGrid, Status
from viper_ros.perception import find_checkpoint
from viper_ros.ros.demo_report import choose, judge, succeeded, summary, table
from viper_ros.ros.graph import share_folder

TRUTH = {
    "world_frame": "world",
    "objects": [
        {"id": 1, "name": "red mug", "position_m": [0.1, 0.0, 0.05]},
        {"id": 2, "name": "blue box", "position_m": [-0.2, 0.1, 0.03]},
    ],
}
IDS = np.zeros((48, 64), np.uint8)
IDS[8:16, 8:16] = 1
IDS[24:40, 40:56] = 2


def question(text="the red mug", kind="refer", answer="red mug", targets=(1,)):
    return {"text": text, "kind": kind, "answer": answer, "present": bool(targets), "target_ids": list(targets)}


def grounding(row=1, column=1, present=True, answer="red mug", position=(0.11, 0.0, 0.05), code=Status.OK):
    """An answer on a grid of 6 x 8 cells of 8 px whose most relevant cell is (row, column)."""
    data = np.full((6, 8), 0.1, np.float32)
    data[row, column] = 0.9
    grid = RelevanceGrid(height=6, width=8, cell_width=8.0, cell_height=8.0, data=data.ravel())
    found = Grounding(status=Status(code=code), present=present, confidence=0.9, answer=answer, relevance=grid)
    if present:
        region = Region(box_xyxy_px=np.array([8, 8, 16, 16], np.float32), has_position=position is not None)
        if position is not None:
            region.position_header.frame_id = "world"
            point = region.pose.pose.position
            point.x, point.y, point.z = position
        found.regions = [region]
    return found


def test_pointing_is_right_on_the_target_and_wrong_on_another_thing():
    right = judge(question(), grounding(), TRUTH, IDS)
    assert right.right and right.points
    assert right.error_cm == pytest.approx(1.0) and right.true_position_m == (0.1, 0.0, 0.05)
    assert not judge(question(), grounding(row=4, column=6), TRUTH, IDS).right
    assert not judge(question(), grounding(present=False), TRUTH, IDS).right


def test_of_several_targets_the_nearest_counts():
    row = judge(
        question("all things", targets=(1, 2)), grounding(row=4, column=6, position=(-0.2, 0.1, 0.05)), TRUTH, IDS
    )
    assert row.right and row.error_cm == pytest.approx(2.0)


def test_an_absent_thing_is_right_when_it_is_said_to_be_absent():
    absent = question("the green mug", answer="not found", targets=())
    assert judge(absent, grounding(present=False, code=Status.NOT_FOUND), TRUTH, IDS).right
    assert not judge(absent, grounding(), TRUTH, IDS).right


def test_a_question_is_right_by_its_answer():
    colour = question("what colour is the mug?", "colour", "red")
    assert judge(colour, grounding(answer="red"), TRUTH, IDS).right
    assert not judge(colour, grounding(answer="blue"), TRUTH, IDS).right


def test_a_position_in_another_frame_is_not_compared():
    found = grounding()
    found.regions[0].position_header.frame_id = "camera_color_optical_frame"
    assert judge(question(), found, TRUTH, IDS).error_cm is None


def test_the_demo_fails_when_a_question_was_not_answered_or_most_pointing_is_wrong():
    good, bad = judge(question(), grounding(), TRUTH, IDS), judge(question(), grounding(row=4, column=6), TRUTH, IDS)
    late = judge(question(), Grounding(status=Status(code=Status.STALE_IMAGE, message="3 s old")), TRUTH, IDS)
    assert succeeded([good, good, bad])
    assert not succeeded([good, bad]) and not succeeded([]) and not succeeded([good, good, late])
    assert late.status == "STALE_IMAGE" and late.note == "3 s old" and "STALE_IMAGE" in table([late])
    figures = summary([good, bad, late])
    assert figures["pointed"] == [1, 3] and figures["answered"] == 2 and figures["error_cm_median"] == 1.0


def test_of_each_scene_things_to_point_at_an_absent_one_and_another_question_are_chosen():
    questions = [
        question("a"),
        question("b"),
        question("c", targets=(2,)),
        question("d", targets=()),
        question("e", "count", "two", (1, 2)),
        question("f", "colour", "red"),
    ]
    assert [q["text"] for q in choose(questions, 0)] == ["a", "c", "d", "f"]
    assert [q["text"] for q in choose(questions, 1)] == ["a", "c", "d", "e"]


def demo(out, *arguments, **popen):
    # A domain of its own: other tests of this run have nodes of the same names.
    environment = {**os.environ, "ROS_DOMAIN_ID": str(1 + (int(os.environ.get("ROS_DOMAIN_ID", "0")) + 37) % 101)}
    command = [sys.executable, "-m", "viper_ros.cli", "demo", "--out", str(out), *arguments]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, **popen
    )


def is_running(name, out):
    """Whether a process of this demo is left: its log file is then held open."""
    for descriptor in Path("/proc").glob("[0-9]*/fd/1"):
        try:
            if descriptor.resolve() == Path(out).resolve() / "log" / name:
                return True
        except OSError:
            continue
    return False


def test_a_model_that_knows_nothing_is_asked_all_questions_and_the_demo_says_so(viper_checkpoint, tmp_path):
    process = demo(tmp_path, "--model", str(viper_checkpoint), "--scenes", "1", "--json")
    stdout, stderr = process.communicate(timeout=240)
    assert process.returncode == 1, stderr
    told = json.loads(stdout)
    assert not told["succeeded"] and told["asked"] == told["answered"] == len(told["rows"]) == 4
    for row in told["rows"]:
        assert row["present"] and row["confidence"] == 0.5  # what this checkpoint says of everything
        assert row["position_m"] is not None, row["note"]
        assert cv2.imread(row["picture"]).shape == (480, 640, 3)
    assert not is_running("viper.log", tmp_path) and not is_running("sim_camera.log", tmp_path)


def test_an_interrupt_ends_all_processes(viper_checkpoint, tmp_path):
    process = demo(tmp_path, "--model", str(viper_checkpoint), "--scenes", "50")
    for line in process.stdout:
        if line.startswith("scene 0"):
            break
    assert is_running("viper.log", tmp_path) and is_running("sim_camera.log", tmp_path)
    process.send_signal(signal.SIGINT)
    started = time.monotonic()
    process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGINT, time.monotonic() - started
    assert not is_running("viper.log", tmp_path) and not is_running("sim_camera.log", tmp_path)


def test_the_example_planner_gets_a_position_by_the_interface_alone(rig):
    example = share_folder() / "examples" / "planner.py"
    command = [sys.executable, str(example), "pick up the red mug", rig.optical]
    arguments = ["--ros-args", "-r", f"__ns:={rig.user.get_namespace()}"]
    process = subprocess.Popen([*command, *arguments], stdout=subprocess.PIPE, text=True)
    while process.poll() is None:  # a camera goes on while the planner asks
        rig.shoot(depth_m=1.5)
        time.sleep(0.1)
    said = process.stdout.read()
    assert process.returncode == 0
    assert "(0.50) at" in said and "z=1.500" in said and f"m in {rig.optical}" in said


def nano_is_there():
    try:
        return (find_checkpoint("nano") / "model.safetensors").is_file()
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not nano_is_there(), reason="models/nano/model.safetensors is missing")
def test_the_demo_points_at_the_right_things_and_knows_where_they_are(tmp_path):
    process = demo(tmp_path, "--scenes", "3", "--json")
    stdout, stderr = process.communicate(timeout=400)
    assert process.returncode == 0, stderr
    told = json.loads(stdout)
    assert told["succeeded"] and told["asked"] == told["answered"] == 12
    right, asked = told["pointed"]
    assert asked >= 5 and right > asked / 2
    assert told["error_cm_median"] < 5.0
    assert any(not row["truly_present"] for row in told["rows"])
    assert any(row["kind"] != "refer" and row["answer"] for row in told["rows"])
    for row in told["rows"]:
        assert cv2.imread(row["picture"]).std() > 5
