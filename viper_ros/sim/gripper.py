"""A parallel gripper over a simulated tabletop: it goes where a `Grasp` says, closes, lifts; the physics judges.

The gripper floats: its palm moves along x, y, z and turns about z under position control, as at the end of an arm. The
fingers move together, with a limited force. Nothing here knows what the thing between them is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import mujoco
import numpy as np

from viper_ros.sim.grasp import MAX_OPENING_M, Grasp
from viper_ros.sim.parts import DARK, STEEL, Part, Shape
from viper_ros.sim.physics import build_spec, moved
from viper_ros.sim.scene import Scene, SceneObject

FINGER_HALF_M = (0.005, 0.011, 0.055)
"""Half thickness, width and length of a finger."""

PALM_HALF_M = (0.085, 0.022, 0.02)
GRIP_FORCE_N = 40.0
"""With which the two fingers press."""

HOME_M = 0.45
"""Height of the fingertips over the table while the gripper travels: over every thing there is."""

LIFT_M, HELD_M, HOLD_S = 0.15, 0.05, 1.0
"""How far it lifts; a thing counts as held when it is this much higher for this long."""

SETTLE_S = 1.0
SPEED_M_S, MOVE_S = 0.3, 0.6
"""Of the palm; no move is shorter than this, so that the fingers do not strike."""

_PALM_KP, _YAW_KP, _FINGER_KP = 6000.0, 60.0, 2000.0
# Stiff, because MuJoCo's usual contact gives way by millimetres when 40 N press on a spoon of 10 g.
_CONTACT = {"condim": 6, "friction": [1.0, 0.02, 0.001], "solref": [0.004, 1.0], "solimp": [0.95, 0.99, 0.001, 0.5, 2]}
_CONTACT["priority"] = 1
_STEPS = 5
"""Physics steps between two commands."""

Stage = Callable[[str], None]


def add_gripper(spec: mujoco.MjSpec) -> None:
    """Add the gripper: actuators ``grip_x``, ``grip_y``, ``grip_z``, ``grip_yaw``, ``grip_right``, ``grip_left``.

    At zero its fingertips are ``HOME_M`` over the middle of the table, closed.
    """
    tip_to_palm = 2 * FINGER_HALF_M[2] + PALM_HALF_M[2]
    palm = spec.worldbody.add_body(name="grip_palm", pos=[0, 0, HOME_M + tip_to_palm], gravcomp=1)
    slide, hinge = mujoco.mjtJoint.mjJNT_SLIDE, mujoco.mjtJoint.mjJNT_HINGE
    for name, axis in (("x", [1, 0, 0]), ("y", [0, 1, 0]), ("z", [0, 0, 1])):
        palm.add_joint(name=f"grip_{name}", type=slide, axis=axis)
        _add_servo(spec, f"grip_{name}", _PALM_KP, 180.0)
    palm.add_joint(name="grip_yaw", type=hinge, axis=[0, 0, 1])
    _add_servo(spec, "grip_yaw", _YAW_KP, 2.0)
    box = mujoco.mjtGeom.mjGEOM_BOX
    palm.add_geom(type=box, size=PALM_HALF_M, mass=0.8, **_CONTACT)
    for side, name in ((1, "grip_right"), (-1, "grip_left")):
        middle = [side * FINGER_HALF_M[0], 0, -PALM_HALF_M[2] - FINGER_HALF_M[2]]
        finger = palm.add_body(name=name, pos=middle, gravcomp=1)
        finger.add_joint(name=name, type=slide, axis=[side, 0, 0], limited=True, range=[0, 0.5 * MAX_OPENING_M])
        finger.add_geom(type=box, size=FINGER_HALF_M, mass=0.1, **_CONTACT)
        _add_servo(spec, name, _FINGER_KP, 40.0, 0.5 * GRIP_FORCE_N)
        spec.add_exclude(bodyname1="grip_palm", bodyname2=name)
    spec.add_exclude(bodyname1="grip_left", bodyname2="grip_right")
    coupled = spec.add_equality(type=mujoco.mjtEq.mjEQ_JOINT, name1="grip_left", name2="grip_right")
    coupled.data[:5] = [0, 1, 0, 0, 0]


def _add_servo(spec: mujoco.MjSpec, joint: str, kp: float, kv: float, force_n: float | None = None) -> None:
    """A position servo of this name on the joint of this name."""
    servo = spec.add_actuator(name=joint, target=joint, trntype=mujoco.mjtTrn.mjTRN_JOINT)
    servo.gainprm[0] = kp
    servo.biastype = mujoco.mjtBias.mjBIAS_AFFINE
    servo.biasprm[:3] = [0, -kp, -kv]
    if force_n is not None:
        servo.forcelimited, servo.forcerange = True, [-force_n, force_n]


class GripperWorld:
    """A tabletop that has come to rest under a gripper. ``scene`` is it at rest, with every thing as it lies."""

    def __init__(self, scene: Scene) -> None:
        """Build ``scene`` with a gripper over it and let the things come to rest."""
        spec = build_spec(scene)
        add_gripper(spec)
        self._start = scene
        self.model = spec.compile()
        self.data = mujoco.MjData(self.model)
        self._command = {name: 0.0 for name in ("x", "y", "z", "yaw", "right", "left")}
        self._run(SETTLE_S)
        mujoco.mj_forward(self.model, self.data)  # poses of this very state, not of the step before
        self.scene = moved(scene, self.model, self.data)
        self._rest = self.data.qpos.copy()
        self._rest_height = {thing.id: self._height(thing) for thing in scene.objects}

    def reset(self) -> None:
        """Put everything back as it was when it had come to rest."""
        mujoco.mj_resetData(self.model, self.data)
        self.data.qpos[:] = self._rest
        mujoco.mj_forward(self.model, self.data)
        self._command = dict.fromkeys(self._command, 0.0)

    def pick(self, grasp: Grasp, on_stage: Stage = lambda stage: None) -> dict[int, float]:
        """Carry the grasp out from above; give for each thing's id how much it was lifted [m], at least for HOLD_S.

        ``on_stage`` hears "above", "grasp" and "lifted", to take pictures.
        """
        x, y, z = grasp.tip_m
        half = 0.5 * grasp.opening_m
        self._go(x=x, y=y, yaw=grasp.yaw, right=half, left=half)
        on_stage("above")
        self._go(z=z - HOME_M)
        # Commanded past the closed position, so that the fingers press with all their force on the thinnest thing.
        self._go(right=-0.03, left=-0.03)
        on_stage("grasp")
        self._go(z=z - HOME_M + LIFT_M)
        held = self._least_heights(HOLD_S)
        on_stage("lifted")
        return held

    def shown(self, with_gripper: bool = True) -> Scene:
        """The scene as it is now, to be rendered; the gripper is a thing with the next free id."""
        now = moved(self._start, self.model, self.data)
        if not with_gripper:
            return now
        return replace(now, objects=(*now.objects, self._gripper_object(len(now.objects) + 1)))

    def _go(self, **target: float) -> None:
        """Move the commands evenly to ``target`` and wait until the servos are there."""
        start = {name: self._command[name] for name in target}
        length = np.linalg.norm([target[name] - start[name] for name in target if name in ("x", "y", "z")])
        duration_s = max(MOVE_S, float(length) / SPEED_M_S)
        rounds = int(duration_s / (self.model.opt.timestep * _STEPS))
        for k in range(1, rounds + 1):
            share = k / rounds
            self._command |= {name: start[name] + share * (target[name] - start[name]) for name in target}
            self._step()
        self._run(0.2)

    def _run(self, duration_s: float) -> None:
        for _ in range(int(duration_s / (self.model.opt.timestep * _STEPS))):
            self._step()

    def _step(self) -> None:
        for name, value in self._command.items():
            self.data.actuator(f"grip_{name}").ctrl[0] = value
        mujoco.mj_step(self.model, self.data, _STEPS)

    def _least_heights(self, duration_s: float) -> dict[int, float]:
        """How much each thing is higher than at rest [m], the least over the time."""
        least = dict.fromkeys((thing.id for thing in self.scene.objects), np.inf)
        for _ in range(int(duration_s / (self.model.opt.timestep * _STEPS))):
            self._step()
            for thing in self.scene.objects:
                least[thing.id] = min(least[thing.id], self._height(thing) - self._rest_height[thing.id])
        return least

    def _height(self, thing: SceneObject) -> float:
        """Height [m] of its centre of mass."""
        return float(self.data.body(f"object_{thing.id}").xipos[2])

    def _gripper_object(self, id: int) -> SceneObject:
        """The gripper's geoms as a thing that the renderer draws."""
        palm = self.data.body("grip_palm")
        parts = [Part("box", PALM_HALF_M, tuple(palm.xpos), palm.xmat.reshape(3, 3), DARK)]
        for name in ("grip_right", "grip_left"):
            body = self.data.body(name)
            parts.append(Part("box", FINGER_HALF_M, tuple(body.xpos), body.xmat.reshape(3, 3), STEEL))
        return SceneObject(id, "gripper", "grey", STEEL, DARK, None, "metal", Shape(tuple(parts)), np.zeros(3), 0.0)
