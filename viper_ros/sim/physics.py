"""Scenes as MuJoCo models that can be stepped and grasped: a free joint, mass and collision shapes for every thing.

Rendering does not need this (`render` draws scenes directly); closed-loop control does.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any

import mujoco
import numpy as np

from viper_ros.sim.meshes import mesh
from viper_ros.sim.parts import Part, unit_points
from viper_ros.sim.scene import FLOOR_M, Scene, SceneObject

VISUAL_GROUP, COLLISION_GROUP = 2, 3
DENSITY_KG_M3, METAL_KG_M3, WALL_KG_M3 = 400.0, 1200.0, 1500.0
"""Of convex hulls of half-empty plastic and wood, of metal things, and of the walls of open vessels: a mug comes to
about 0.15 kg, a hammer to 0.15 kg, a tin to 0.5 kg."""

_TYPES = {
    "box": mujoco.mjtGeom.mjGEOM_BOX,
    "cylinder": mujoco.mjtGeom.mjGEOM_CYLINDER,
    "sphere": mujoco.mjtGeom.mjGEOM_ELLIPSOID,
}
_WALLS = 12


def build_spec(scene: Scene) -> mujoco.MjSpec:
    """Build an editable MuJoCo model of ``scene``: bodies ``object_<id>``, joints ``object_<id>_free``, geom ``table``.

    Visible geoms are in group 2 and do not collide; collision geoms are in group 3.
    """
    spec = mujoco.MjSpec()
    spec.option.timestep = 0.002
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    spec.option.cone = mujoco.mjtCone.mjCONE_ELLIPTIC
    spec.option.impratio = 10.0  # what is held between two fingers does not creep out of them
    x, y = scene.table_half_m
    box = mujoco.mjtGeom.mjGEOM_BOX
    grey = [*scene.table.first, 1.0]
    spec.worldbody.add_geom(name="table", type=box, size=[x, y, 0.02], pos=[0, 0, -0.02], rgba=grey)
    plane = mujoco.mjtGeom.mjGEOM_PLANE
    spec.worldbody.add_geom(
        name="floor", type=plane, size=[3, 3, 0.1], pos=[0, 0, FLOOR_M], rgba=[*scene.floor.first, 1]
    )
    for light in scene.lights:
        spec.worldbody.add_light(
            type=mujoco.mjtLightType.mjLIGHT_DIRECTIONAL, dir=light.direction, pos=-2 * np.array(light.direction)
        )
    for thing in scene.objects:
        _add_thing(spec, thing)
    return spec


@dataclass(frozen=True, eq=False)
class PosedObject(SceneObject):
    """A thing that may have tipped over: ``pose`` (4, 4) is its frame in the world; ``yaw`` is its heading alone."""

    pose: np.ndarray = field(kw_only=True)

    @cached_property
    def T_world_object(self) -> np.ndarray:
        """Pose (4, 4) of the thing's own frame."""
        return self.pose


def moved(scene: Scene, model: mujoco.MjModel, data: mujoco.MjData) -> Scene:
    """Give ``scene`` with every thing where the simulation has it, tilted as it is there."""
    return replace(scene, objects=tuple(_posed(thing, data.body(f"object_{thing.id}")) for thing in scene.objects))


def _posed(thing: SceneObject, body: Any) -> PosedObject:
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = body.xmat.reshape(3, 3), body.xpos
    known = {entry.name: getattr(thing, entry.name) for entry in fields(SceneObject)}
    known |= {"base_m": pose[:3, 3].copy(), "yaw": float(np.arctan2(pose[1, 0], pose[0, 0]))}
    return PosedObject(**known, pose=pose)


def _add_thing(spec: mujoco.MjSpec, thing: SceneObject) -> None:
    half_yaw = 0.5 * thing.yaw
    body = spec.worldbody.add_body(
        name=f"object_{thing.id}", pos=thing.base_m, quat=[np.cos(half_yaw), 0, 0, np.sin(half_yaw)]
    )
    body.add_freejoint(name=f"object_{thing.id}_free")
    colours = {"main": thing.rgb, "accent": thing.accent_rgb}
    for index, part in enumerate(thing.shape.parts):
        rgba = [*colours.get(part.paint, part.paint), 1.0]
        density = METAL_KG_M3 if thing.material == "metal" else DENSITY_KG_M3
        _add_part(spec, body, part, f"object_{thing.id}_part_{index}", rgba, density)
        if not part.solid:
            _add_walls(body, part)


def _add_part(
    spec: mujoco.MjSpec, body: mujoco.MjsBody, part: Part, name: str, rgba: list[float], density: float
) -> None:
    """Add what is seen, and for a solid part the same shape (of a mesh: its convex hull) for collisions."""
    quat = np.empty(4)
    mujoco.mju_mat2Quat(quat, part.rotation.ravel())
    shape = {"pos": part.position_m, "quat": quat}
    if part.shape in _TYPES:
        x, y, z = part.size
        shape |= {"type": _TYPES[part.shape], "size": [x, z, 0] if part.shape == "cylinder" else [x, y, z]}
    else:
        data = mesh(part.shape)
        vertices, faces = (data.vertices * part.size).ravel().tolist(), data.faces.ravel().tolist()
        spec.add_mesh(name=name, uservert=vertices, userface=faces, inertia=mujoco.mjtMeshInertia.mjMESH_INERTIA_CONVEX)
        shape |= {"type": mujoco.mjtGeom.mjGEOM_MESH, "meshname": name}
    body.add_geom(**shape, rgba=rgba, group=VISUAL_GROUP, contype=0, conaffinity=0, mass=0)
    if part.solid:
        body.add_geom(**shape, group=COLLISION_GROUP, density=density, **_CONTACT)


# Sliding, turning [m] and rolling [m]; without the last, pens and eggs would roll away.
_CONTACT = {"condim": 6, "friction": [0.9, 0.01, 0.001]}


def _add_walls(body: mujoco.MjsBody, part: Part) -> None:
    """Stand-ins for an open vessel that things can lie in: a disc for its floor and slanted boxes around it."""
    radius, height, thickness = part.size[0], part.size[2], 0.003
    outline = unit_points(part.shape)
    floor = float(outline[np.hypot(outline[:, 0], outline[:, 1]) < 1e-6][:, 2].max()) * height
    bottom = radius * _radius_at(outline, 0.0)
    top = radius * _radius_at(outline, 1.0)
    body.add_geom(
        type=mujoco.mjtGeom.mjGEOM_CYLINDER,
        size=[bottom, 0.5 * floor, 0],
        pos=[0, 0, 0.5 * floor],
        group=COLLISION_GROUP,
        density=WALL_KG_M3,
        **_CONTACT,
    )
    slant = float(np.arctan2(top - bottom, height))
    length = 0.5 * np.hypot(height, top - bottom)
    middle, level = 0.5 * (top + bottom) - thickness * np.cos(slant), 0.5 * height + thickness * np.sin(slant)
    for angle in np.linspace(0, 2 * np.pi, _WALLS, endpoint=False):
        turn = np.array([np.cos(0.5 * angle), 0, 0, np.sin(0.5 * angle)])
        tilt = np.array([np.cos(0.5 * slant), 0, np.sin(0.5 * slant), 0])
        quat = np.empty(4)
        mujoco.mju_mulQuat(quat, turn, tilt)
        body.add_geom(
            type=mujoco.mjtGeom.mjGEOM_BOX,
            size=[thickness, middle * np.tan(np.pi / _WALLS), length],
            pos=[middle * np.cos(angle), middle * np.sin(angle), level],
            quat=quat,
            group=COLLISION_GROUP,
            density=WALL_KG_M3,
            **_CONTACT,
        )


def _radius_at(outline: np.ndarray, z: float) -> float:
    """Give the greatest radius of an outline (P, 3) near height ``z``."""
    return float(np.hypot(*outline[np.abs(outline[:, 2] - z) < 0.05, :2].T).max())
