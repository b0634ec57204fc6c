"""The frames here are the test's own; those of LIBERO are checked where `viper evaluate libero` has rendered them."""

import ast
import json
import os
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from viper_ros.evaluation import libero_render
from viper_ros.evaluation.libero import (
    FOLDER,
    REQUIREMENT,
    SUITES,
    LiberoTask,
    ask,
    ensure_frames,
    goal_targets,
    run_libero,
)
from viper_ros.evaluation.libero_render import FORMAT, SIZE_PX, STATES, TASKS, VIEWS
from viper_ros.evaluation.pages import THUMB_PX, keep_page
from viper_ros.evaluation.suites import summarise, table
from viper_ros.perception import Predictor

ROOT = Path(__file__).parents[2]
RENDERED = ROOT / FOLDER
SIZE = 64
PATCH = (slice(8, 24), slice(40, 56))


def arrays(suite="libero_goal", name="task", format_=FORMAT):
    """Frames of one task: a red patch on grey, which is body 4; in the second view it is out of sight."""
    rgb = np.full((STATES, len(VIEWS), SIZE, SIZE, 3), 120, np.uint8)
    bodies = np.zeros((STATES, len(VIEWS), SIZE, SIZE), np.int16)
    rgb[(slice(None), 0, *PATCH)] = 200, 10, 10
    bodies[(slice(None), 0, *PATCH)] = 4
    about = {
        "format": format_,
        "suite": suite,
        "name": name,
        "sentence": "put the bowl on the plate",
        "goal": [["on", "bowl_1", "plate_1"]],
        "interest": ["bowl_1", "plate_1"],
        "things": {"bowl_1": [3, 4], "plate_1": [5]},
    }
    pose = np.tile(np.eye(4), (STATES, len(VIEWS), 1, 1))
    k = np.tile(np.diag([SIZE, SIZE, 1.0]), (len(VIEWS), 1, 1))
    return {"rgb": rgb, "bodies": bodies, "K": k, "T_world_camera": pose, "task": np.array(json.dumps(about))}


@pytest.fixture
def folder(tmp_path):
    for suite in SUITES:
        for number in range(TASKS):
            libero_render._write(tmp_path / suite / f"task_{number}.npz", arrays(suite, f"task_{number}"))
    return tmp_path


@pytest.mark.parametrize(
    ("goal", "expected"),
    [
        ((("on", "bowl_1", "plate_1"),), ("bowl_1",)),
        ((("close", "cabinet_1_bottom_region"), ("in", "bowl_1", "cabinet_1_bottom_region")), ("bowl_1",)),
        ((("turnon", "stove_1"), ("on", "pot_1", "stove_1"), ("on", "pot_2", "stove_1")), ("pot_1", "pot_2")),
        ((("open", "cabinet_1_middle_region"),), ("cabinet_1_middle_region",)),
        ((("turnon", "stove_1"),), ("stove_1",)),
    ],
)
def test_a_task_is_about_what_it_moves_and_else_about_what_it_opens(goal, expected):
    assert goal_targets(goal) == expected


def test_a_frame_holds_the_targets_mask_and_the_rest_of_a_thing_counts(tmp_path):
    libero_render._write(tmp_path / "task.npz", arrays())
    task = LiberoTask.read(tmp_path / "task.npz")
    frame = task.frame(state=1, view=0)
    assert (frame.ids[PATCH] == 1).all()
    assert frame.ids.sum() == 16 * 16
    assert np.array_equal(frame.rgb[10, 45], (200, 10, 10))
    assert np.isnan(frame.depth_m).all()
    assert not task.frame(state=1, view=1).ids.any()


def test_what_is_hidden_is_absent_and_what_hardly_shows_is_not_asked():
    ids = np.zeros((192, 256), np.int32)
    absent = ask("open the drawer", ids)
    assert (absent.present, absent.target_ids) == (False, ())
    ids[0, :30] = 1
    assert ask("open the drawer", ids) is None
    ids[0, :90] = 1
    ids[5, :90] = 2
    seen = ask("open the drawer", ids)
    assert (seen.text, seen.present, seen.target_ids) == ("open the drawer", True, (1, 2))


def test_a_file_that_holds_no_frames_is_refused(tmp_path):
    path = tmp_path / "task.npz"
    path.write_bytes(b"not an archive")
    with pytest.raises(ValueError, match=r"task\.npz holds no frames of LIBERO"):
        LiberoTask.read(path)
    libero_render._write(path, arrays(format_=FORMAT + 1))
    with pytest.raises(ValueError, match=f"format {FORMAT + 1} .* expected {FORMAT}"):
        LiberoTask.read(path)


def test_the_suite_has_figures_by_view_and_by_suite_and_no_answers(folder):
    predictor = Predictor.from_pretrained("nano")
    cases = list(run_libero(predictor, folder, scenes=5))
    assert len(cases) == 5 * len(VIEWS)
    figures = summarise(iter(cases))
    groups = figures["pointing_by_group"]
    assert groups["agent view"]["n"] == 5
    assert {name: group["n"] for name, group in groups.items() if "," in name} == {
        "agent view, libero_object": 2,  # the suites take turns
        "agent view, libero_spatial": 1,
        "agent view, libero_goal": 1,
        "agent view, libero_10": 1,
    }
    assert groups["agent view"]["chance"] == pytest.approx(16 * 16 / SIZE**2)
    assert "answers" not in figures
    text = table({"suite": "libero", "scenes": 5} | figures)
    assert "agent view, libero_10" in text
    assert "by chance 0.062" in text


@pytest.mark.parametrize("scenes", [0, len(SUITES) * TASKS * STATES + 1])
def test_more_scenes_than_there_are_are_refused(tmp_path, scenes):
    with pytest.raises(ValueError, match=f"has 200 scenes, got {scenes}"):
        next(run_libero(None, tmp_path, scenes))


def test_without_frames_the_error_says_what_to_install(tmp_path):
    with pytest.raises(FileNotFoundError) as error:
        ensure_frames(tmp_path)
    assert f"venv/bin/python -m pip install {REQUIREMENT}" in str(error.value)


def test_rendering_that_fails_shows_the_end_of_its_log(tmp_path):
    python = tmp_path / "venv/bin/python"
    python.parent.mkdir(parents=True)
    os.symlink(Path(sys.executable).resolve(), python)  # a Python without LIBERO, maybe without anything else
    with pytest.raises(OSError, match=r"(?s)ended with status 1.*No module named '\w+'"):
        ensure_frames(tmp_path)


def test_all_that_hangs_on_a_body_belongs_to_it():
    parents = np.array([0, 0, 1, 2, 0, 4, 3])
    assert libero_render._subtree(parents, 1) == [1, 2, 3, 6]
    assert libero_render._subtree(parents, 4) == [4, 5]


@pytest.mark.parametrize("room", ["sim", "training"])
def test_no_room_that_training_reads_knows_the_tasks(room):
    for path in sorted((ROOT / "viper_ros" / room).rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        names = {
            a.name for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Import | ast.ImportFrom) for a in n.names
        }
        modules = {n.module or "" for n in ast.walk(ast.parse(text)) if isinstance(n, ast.ImportFrom)}
        assert not {n for n in names | modules if "evaluation.libero" in n or n.startswith("libero")}, path
        assert not [word for word in ("bddl_files", "init_files", "get_task_init_states") if word in text], path


@pytest.mark.skipif(not (RENDERED / SUITES[-1]).is_dir(), reason="no frames; run `viper evaluate libero` first")
def test_every_task_of_libero_is_about_an_object_of_interest_that_the_agent_sees():
    paths = ensure_frames(RENDERED)
    assert len(paths) == len(SUITES) * TASKS
    for path in paths:
        task = LiberoTask.read(path)
        assert set(goal_targets(task.goal)) <= set(task.interest), task.name
        assert task.rgb.shape[1:] == (2, SIZE_PX, SIZE_PX, 3)
        assert ask(task.sentence, task.frame(0, 0).ids).present, task.name


def test_a_page_keeps_the_shape_of_square_pictures(folder, tmp_path):
    page = tmp_path / "page.png"
    assert len(list(keep_page(run_libero(Predictor.from_pretrained("nano"), folder, scenes=1), page))) == len(VIEWS)
    picture = cv2.imread(str(page))[3:-3, 3 : 3 + THUMB_PX[0]]
    white = (picture == 255).all(axis=(0, 2))
    assert white.sum() == THUMB_PX[0] - THUMB_PX[1]
