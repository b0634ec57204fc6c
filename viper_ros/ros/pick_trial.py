"""One pick from the question to the judgement."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from sensor_msgs.msg import Image

from viper_ros.msg import Grounding
from viper_ros.ros.client import ViperClient
from viper_ros.ros.conversions import pose_from_ros
from viper_ros.ros.images import image_to_rgb
from viper_ros.ros.pick_camera import PickCamera
from viper_ros.ros.pick_planner import Plan, plan_pick
from viper_ros.ros.pick_report import PickRow, outcome_of, pointed_id
from viper_ros.ros.pick_tasks import Task
from viper_ros.sim import Renderer
from viper_ros.sim.grasp import Grasp, plan_grasp
from viper_ros.sim.gripper import HELD_M

PICTURE_TIMEOUT_S = 5.0

Tell = Callable[[str], None]


class Picker:
    """Carries tasks out, with what the viper node says or, without one, with the true positions."""

    def __init__(self, renderer: Renderer, viper: ViperClient | None, camera: PickCamera | None, tell: Tell) -> None:
        """`viper` and `camera` None: true positions; `tell` hears what happens."""
        self._renderer, self._viper, self._camera, self._tell = renderer, viper, camera, tell

    def run(self, task: Task) -> tuple[PickRow, np.ndarray]:
        """Do the task; what came of it and a strip (h, 3 w, 3) uint8 RGB: what was seen, the grasp, the lift."""
        self._tell(f"scene {task.number}: {', '.join(thing.name for thing in task.world.scene.objects)}")
        plan = self._plan(task)
        seen = self._overlay(plan) if plan.found is not None else None
        panels = [task.frame.rgb if seen is None else seen]
        lifted = None
        if plan.grasp is not None:
            self._say_grasp(task, plan)
            lifted = task.world.pick(plan.grasp, lambda stage: self._take_picture(task, stage, panels))
        row = self._judge(task, plan, lifted)
        self._tell(f"  {row.outcome}: lifted {row.lifted_cm} cm" + (f" ({row.note})" if row.note else ""))
        panels += [np.zeros_like(panels[0])] * (3 - len(panels))
        return row, np.hstack(
            [panels[0], _captioned(panels[1], "grasp" if lifted else ""), _captioned(panels[2], row.outcome)]
        )

    def _plan(self, task: Task) -> Plan:
        if self._viper is None:
            return Plan(None, _true_grasp(task))
        since = self._camera.show(task.frame)
        return plan_pick(self._viper, self._camera, task.instruction, since)

    def _overlay(self, plan: Plan) -> np.ndarray | None:
        message = self._camera.heard(Image, plan.found.header.stamp, PICTURE_TIMEOUT_S)
        return None if message is None else image_to_rgb(message)

    def _say_grasp(self, task: Task, plan: Plan) -> None:
        grasp, place = plan.grasp, " ".join(f"{value:.3f}" for value in plan.grasp.tip_m)
        asked = "true position" if plan.found is None else f"{plan.found.answer} {plan.found.confidence:.2f}"
        how = "by the rim" if grasp.rim else f"opened {100 * grasp.opening_m:.0f} cm"
        self._tell(f"  {task.instruction}: {asked}; fingertips to {place} m, {np.degrees(grasp.yaw):.0f} deg, {how}")

    def _take_picture(self, task: Task, stage: str, panels: list[np.ndarray]) -> None:
        if stage == "above":
            return
        panels.append(self._renderer.render(task.world.shown(), task.camera).rgb)

    def _judge(self, task: Task, plan: Plan, lifted: dict[int, float] | None) -> PickRow:
        found, target = plan.found, task.target
        pointed = pointed_id(found, task.frame.ids) if found is not None and found.regions else None
        outcome = outcome_of(target.id, pointed, lifted, None)
        if outcome == "slipped" and found is not None:
            task.world.reset()
            truly = task.world.pick(_true_grasp(task))[target.id] >= HELD_M
            outcome = outcome_of(target.id, pointed, lifted, truly)
        position, error_cm = _position(found, target.position_m)
        return PickRow(
            scene=task.number,
            instruction=task.instruction,
            target=target.name,
            outcome=outcome,
            answer="" if found is None else found.answer,
            confidence=0.0 if found is None else round(found.confidence, 3),
            pointed_at="" if pointed is None else task.world.scene.object(pointed).name,
            position_m=position,
            true_position_m=tuple(round(float(value), 3) for value in target.position_m),
            error_cm=error_cm,
            lifted_cm=0.0 if lifted is None else round(100 * max(lifted[target.id], 0.0), 1),
            inference_time_ms=0.0 if found is None else round(found.inference_time_ms, 1),
            note=plan.why,
        )


def _position(found: Grounding | None, true_m: np.ndarray) -> tuple[tuple[float, ...] | None, float | None]:
    """The position of the best region [m] and its distance from the true one [cm], None where there is none."""
    if found is None or not found.regions or not found.regions[0].has_position:
        return None, None
    position, _ = pose_from_ros(found.regions[0].pose)
    error_cm = 100 * float(np.linalg.norm(position - true_m))
    return tuple(round(float(value), 3) for value in position), round(error_cm, 2)


def _true_grasp(task: Task) -> Grasp:
    return plan_grasp(task.target.position_m, task.target.points_m)


def _captioned(panel: np.ndarray, text: str) -> np.ndarray:
    panel = np.ascontiguousarray(panel)
    cv2.putText(panel, text, (12, 34), cv2.FONT_HERSHEY_SIMPLEX, 0.9, (255, 255, 255), 5, cv2.LINE_AA)
    return cv2.putText(panel, text, (12, 34), cv2.FONT_HERSHEY_SIMPLEX, 0.9, (0, 0, 0), 2, cv2.LINE_AA)
