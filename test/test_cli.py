"""`viper query` as a user calls it: a process, a picture file, and what it prints."""

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from viper_ros.sim import Renderer, Split, sample_camera, sample_questions, sample_scene, scene_seed

PICTURE = Path(__file__).parents[1] / "docs" / "images" / "overlay.png"


@pytest.fixture(scope="module")
def picture(tmp_path_factory):
    """A rendered image file of a held-out scene, its object ids, and a plain question about something in it."""
    path = tmp_path_factory.mktemp("pictures") / "table.png"
    rng = np.random.default_rng(scene_seed(Split.TEST, 0))
    scene = sample_scene(rng, split=Split.TEST)
    with Renderer(640, 480) as renderer:
        frame = renderer.render(scene, sample_camera(rng, scene))
    questions = sample_questions(rng, scene, frame, 24, split=Split.TEST)
    plain = next(q for q in questions if q.kind == "refer" and len(q.target_ids) == 1 and q.relation is None)
    cv2.imwrite(str(path), frame.rgb[..., ::-1])
    return path, frame, plain


def viper(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "viper_ros.cli", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=Path(__file__).parents[1],
    )


def test_query_prints_json_in_pixels_of_the_file(picture):
    path, _, question = picture
    done = viper("query", path, question.text, "--json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["instruction"] == question.text
    assert said["image_size"] == [640, 480]
    assert said["present"] == (said["confidence"] >= said["threshold"])
    for region in said["regions"]:
        x0, y0, x1, y1 = region["box_xyxy_px"]
        assert 0 <= x0 < x1 <= 640
        assert 0 <= y0 < y1 <= 480


def test_the_overlay_is_the_picture_with_something_on_it(picture, tmp_path):
    path, frame, question = picture
    done = viper("query", path, question.text, "--overlay", tmp_path / "out.png")
    assert done.returncode == 0, done.stderr
    overlay = cv2.imread(str(tmp_path / "out.png"))[..., ::-1]
    assert overlay.shape == frame.rgb.shape
    assert (overlay != frame.rgb).any()
    assert len(done.stdout.splitlines()) >= 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("query", "nowhere.png", "the mug"), "no image file nowhere.png"),
        (("query", __file__, "the mug"), "is no picture that can be read"),
        (("evaluate", "nonsense"), "unknown suite 'nonsense'; valid are"),
        (("evaluate", "tabletop", "--scenes", "0"), "--scenes must be at least 1, got 0"),
        (("evaluate", "tabletop", "--page", "page.nonsense"), "cannot write page.nonsense"),
        (("evaluate", "tabletop", "--beside", "a=nano", "a=base"), "names a more than once"),
        (("query", PICTURE, "the mug", "--device", "warp"), "no device 'warp' here"),
        (("query", PICTURE, "the mug", "--device", "cuda:99"), "no device 'cuda:99' here"),
        (("train", "nowhere.json"), "nowhere.json"),
        (("train", "."), "."),
        (("train", "config/ablation.json"), "unknown keys ['scenes', 'training'"),
        (("ablate", "config/train_nano.json"), "unknown keys ['data'"),
        (("up", "--sim", "--use-sim-time"), "needs a /clock"),
        (("up", "--sim", "-r", "image:=/camera"), "connected already"),
        (("up", "--one-process"), "--one-process is for --two-cameras"),
        (("up", "--two-cameras", "--namespace", "arm"), "left and right"),
    ],
)
def test_a_mistake_is_told_in_one_line(arguments, said):
    done = viper(*arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_an_empty_instruction_and_an_unknown_model_are_told(picture):
    path, _, _ = picture
    assert "instruction must be a sentence" in viper("query", path, "  ").stderr
    assert "no checkpoint 'giant'" in viper("query", path, "the mug", "--model", "giant").stderr
    assert "cannot write" in viper("query", path, "the mug", "--overlay", path.parent / "out.nonsense").stderr
