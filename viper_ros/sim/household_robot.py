"""A Franka Panda in view: its links as assets of the pack, and poses of them over the table.

The meshes are robosuite's, read from ``robots/panda/robot.xml`` and ``grippers/panda_gripper.xml`` below its
``models/assets``. Joint frames are the manufacturer's modified Denavit-Hartenberg table (Franka Control Interface
documentation, "Robot and interface specifications"); metres and radians.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np

from viper_ros.sim.household_mesh import TexturedMesh, box_corners, from_corners
from viper_ros.sim.household_mjcf import read_bodies
from viper_ros.sim.parts import rotation
from viper_ros.sim.scene import FLOOR_M, Backdrop

PREFIX = "panda/"
HAND, MOUNT, FINGERS = f"{PREFIX}hand", f"{PREFIX}mount", (f"{PREFIX}leftfinger", f"{PREFIX}rightfinger")
_LINKS = tuple(f"{PREFIX}link{k}" for k in range(8))
_FACES, _TEXTURE_PX = 900, 64

# Translation (m) and turn about x (deg) from one link's frame to the next one's, before the joint turns about z.
_FRAMES = (
    ((0.0, 0.0, 0.333), 0),
    ((0.0, 0.0, 0.0), -90),
    ((0.0, -0.316, 0.0), 90),
    ((0.0825, 0.0, 0.0), 90),
    ((-0.0825, 0.384, 0.0), -90),
    ((0.0, 0.0, 0.0), 90),
    ((0.088, 0.0, 0.0), 90),
)
_FLANGE_M, _TIP_M = 0.107, 0.103
_REST = np.array([0.0, 0.2, 0.0, -2.6, 0.0, 2.94, np.pi / 4])
_SPREAD = np.array([0.45, 0.4, 0.25, 0.4, 0.25, 0.35, 0.6])
_LOW = np.array([-2.90, -1.76, -2.90, -3.07, -2.90, -0.02, -2.90])
_HIGH = np.array([2.90, 1.76, 2.90, -0.07, 2.90, 3.75, 2.90])


def find_robot(folder: Path | None = None) -> Path | None:
    """Give the folder that holds ``robots/panda``: ``folder``, or the installed robosuite's; None without either."""
    if folder is None:
        spec = importlib.util.find_spec("robosuite")  # finds it without running it
        if spec is None or not spec.submodule_search_locations:
            return None
        folder = Path(next(iter(spec.submodule_search_locations))) / "models" / "assets"
    if not (folder / "robots/panda/robot.xml").is_file():
        raise FileNotFoundError(f"{folder} has no robots/panda/robot.xml; name robosuite's models/assets")
    return folder


def read_robot(folder: Path) -> dict[str, tuple[TexturedMesh, ...]]:
    """Read the meshes of the links, hand and fingers, each in its own frame, and make a mount: by asset name."""
    arm = read_bodies(folder / "robots/panda/robot.xml", folder, _FACES, _TEXTURE_PX)
    meshes = {f"{PREFIX}{name}": arm[name] for name in (link.removeprefix(PREFIX) for link in _LINKS)}
    gripper = read_bodies(folder / "grippers/panda_gripper.xml", folder, _FACES, _TEXTURE_PX, in_file_frame=True)
    meshes[HAND] = gripper["right_gripper"]
    meshes |= {finger: gripper[finger.removeprefix(PREFIX)] for finger in FINGERS}
    positions, normals, uv = box_corners(np.array([0.11, 0.11, -0.5 * FLOOR_M]))
    vertices, normals, uv, faces = from_corners(positions + np.array([0, 0, 0.5 * FLOOR_M]), normals, uv, 1e-4)
    mount = TexturedMesh(*(v.astype(np.float32) for v in (vertices, normals, uv)), faces, (0.2, 0.2, 0.22))
    return meshes | {MOUNT: (mount,)}


def link_poses(base: np.ndarray, joints_rad: np.ndarray, opening_m: float) -> dict[str, np.ndarray]:
    """Give the pose (4, 4) of every asset of the robot; ``base`` (4, 4), seven joint angles, gap of each finger."""
    poses = {MOUNT: base, _LINKS[0]: base}
    pose = base
    for name, (offset, turn_deg), angle in zip(_LINKS[1:], _FRAMES, joints_rad, strict=True):
        pose = pose @ _frame(offset, rotation(x_deg=turn_deg) @ rotation(z_deg=float(np.degrees(angle))))
        poses[name] = pose
    poses[HAND] = pose @ _frame((0, 0, _FLANGE_M), rotation(z_deg=-45))
    for finger, side in zip(FINGERS, (1, -1), strict=True):
        poses[finger] = poses[HAND] @ _frame((0, side * opening_m, 0), np.eye(3))
    return poses


def _frame(offset_m: tuple[float, float, float], turn: np.ndarray) -> np.ndarray:
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = turn, offset_m
    return pose


def sample_robot(rng: np.random.Generator) -> tuple[Backdrop, ...]:
    """Sample a robot behind the table that reaches over it with its hand 8 to 55 cm up; () if chance finds none."""
    base = _frame((rng.uniform(-0.72, -0.56), rng.normal(0, 0.06), rng.uniform(-0.03, 0.03)), np.eye(3))
    for _ in range(40):
        joints = np.clip(_REST + rng.normal(0, 1, 7) * _SPREAD, _LOW, _HIGH)
        poses = link_poses(base, joints, float(rng.uniform(0.0, 0.04)))
        tip = poses[HAND] @ [0, 0, _TIP_M, 1]
        down = poses[HAND][2, 2] < -0.6
        if down and 0.08 < tip[2] < 0.55 and abs(tip[1]) < 0.4 and poses[_LINKS[4]][2, 3] > 0.15:
            return tuple(Backdrop(name, pose) for name, pose in poses.items())
    return ()
