"""A simulated tabletop behind the topics of a real RGB-D camera: what the `viper` node sees in the demo and in tests.

Node `sim_camera`, relative names:

- `image` (rgb8), `camera_info`, `depth/image` (32FC1 in metres or 16UC1 in millimetres), `depth/camera_info`
- /tf_static: `world` -> `camera_color_optical_frame` (REP 105)
- `~/truth` (std_msgs/String, JSON, latched) and `~/truth_ids` (mono8: id of the object at each pixel, latched): what is
  really there. For judging answers only; the viper node never listens to it.
- `~/next_scene` (std_srvs/Trigger): put another tabletop before the camera.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass

import cv2
import numpy as np
from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header, String
from std_srvs.srv import Trigger

from viper_ros.perception.camera import CameraModel
from viper_ros.ros.conversions import camera_to_ros
from viper_ros.ros.graph import large_image_environment
from viper_ros.ros.images import array_to_image
from viper_ros.ros.spinning import run_here
from viper_ros.ros.transforms import StaticBroadcaster, transform_stamped
from viper_ros.sim import Frame, Renderer, Split, sample_camera, sample_questions, sample_scene, scene_seed
from viper_ros.sim.depth_noise import noisy_depth
from viper_ros.sim.scene import Scene

SCENES_PER_SEED = 1000
NOISY_SHOTS = 5
"""With noise, so many images are made of a tabletop and shown in turn: a camera should not take the node's CPU."""

LATCHED = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL)
IMAGES = QoSProfile(depth=2, reliability=ReliabilityPolicy.RELIABLE)  # serves best-effort subscribers as well

PARAMETERS = {  # name: (default, description, lowest, highest)
    "seed": (0, "Which series of tabletops", 0, 1_000_000),
    "width": (640, "Width of the images [px]", 8, 4096),
    "height": (480, "Height of the images [px]", 8, 4096),
    "rate_hz": (10.0, "Images per second [Hz]", 0.1, 120.0),
    "depth_noise": (0.0, "Standard deviation of depth at 1 m, growing with the square; 0: exact [m]", 0.0, 0.1),
    "image_noise": (0.0, "Standard deviation of colour [grey levels of 255]", 0.0, 50.0),
    "depth_encoding": ("32FC1", "32FC1 (metres) or 16UC1 (millimetres), as REP 118 has them", None, None),
    "frame_id": ("camera_color_optical_frame", "Optical frame of colour and depth", None, None),
    "world_frame": ("world", "Frame of the table: z up, origin in the middle of its top", None, None),
    "questions": (8, "Questions with known answers in ~/truth for each tabletop", 0, 100),
}


@dataclass(frozen=True, eq=False)
class View:
    """One tabletop before the camera, with what is known of it."""

    number: int
    scene: Scene
    frame: Frame
    questions: tuple


def take_view(renderer: Renderer, seed: int, number: int, questions: int) -> View:
    """The tabletop `number` of the series `seed`: always the same one. None of them is in the training data."""
    rng = np.random.default_rng(scene_seed(Split.TEST, seed * SCENES_PER_SEED + number))
    scene = sample_scene(rng, split=Split.TEST)
    frame = renderer.render(scene, sample_camera(rng, scene))
    return View(number, scene, frame, tuple(sample_questions(rng, scene, frame, questions, split=Split.TEST)))


def truth_of(view: View, world_frame: str, header: Header) -> dict:
    """What is really there, ready for JSON. Positions are the middles of bounding boxes in the world frame [m]."""
    objects = []
    for thing in view.scene.objects:
        mask = (view.frame.ids == thing.id).astype(np.uint8)
        x, y, width, height = cv2.boundingRect(mask)
        objects.append(
            {
                "id": thing.id,
                "name": thing.name,
                "position_m": [round(float(value), 4) for value in thing.position_m],
                "extent_m": [round(float(value), 4) for value in np.ptp(thing.points_m, axis=0)],
                "visible_px": int(mask.sum()),
                "box_xyxy_px": [x, y, x + width, y + height],
            }
        )
    questions = [
        {
            "text": question.text,
            "kind": question.kind,
            "answer": question.answer,
            "present": bool(question.present),
            "target_ids": [int(target) for target in question.target_ids],
        }
        for question in view.questions
    ]
    return {
        "scene": view.number,
        "from_stamp": {"sec": header.stamp.sec, "nanosec": header.stamp.nanosec},
        "world_frame": world_frame,
        "objects": objects,
        "questions": questions,
    }


class SimCamera(Node):
    """Publishes a tabletop as a camera would. Make, spin and close it in one thread: an OpenGL context has one."""

    def __init__(self, **node_arguments) -> None:
        """Render the first tabletop and start to publish; `node_arguments` go to rclpy's Node."""
        super().__init__("sim_camera", **node_arguments)
        self._settings = {name: self._declare(name, *rule) for name, rule in PARAMETERS.items()}
        if self._settings["depth_encoding"] not in ("32FC1", "16UC1"):
            raise ValueError(f"depth_encoding must be 32FC1 or 16UC1, got {self._settings['depth_encoding']!r}")
        self._rng = np.random.default_rng(self._settings["seed"])
        self._renderer = Renderer(self._settings["width"], self._settings["height"])
        self._image = self.create_publisher(Image, "image", IMAGES)
        self._info = self.create_publisher(CameraInfo, "camera_info", IMAGES)
        self._depth = self.create_publisher(Image, "depth/image", IMAGES)
        self._depth_info = self.create_publisher(CameraInfo, "depth/camera_info", IMAGES)
        self._truth = self.create_publisher(String, "~/truth", LATCHED)
        self._truth_ids = self.create_publisher(Image, "~/truth_ids", LATCHED)
        self._tf = StaticBroadcaster(self)
        self._timer = self.create_timer(1.0 / self._settings["rate_hz"], self._publish_images)
        self.create_service(Trigger, "~/next_scene", self._next_scene)
        self._show(0)

    def close(self) -> None:
        """Free the renderer and destroy the node."""
        self._renderer.close()
        self.destroy_node()

    def _declare(self, name: str, default, description: str, lowest, highest):
        descriptor = ParameterDescriptor(description=description, read_only=True)
        if isinstance(default, float):
            descriptor.floating_point_range = [FloatingPointRange(from_value=lowest, to_value=highest)]
        elif isinstance(default, int):
            descriptor.integer_range = [IntegerRange(from_value=lowest, to_value=highest, step=1)]
        return self.declare_parameter(name, default, descriptor).value

    def _header(self) -> Header:
        return Header(stamp=self.get_clock().now().to_msg(), frame_id=self._settings["frame_id"])

    def _show(self, number: int) -> None:
        """Put a tabletop before the camera. Its pose goes out a period before its first image does."""
        self._view = take_view(self._renderer, self._settings["seed"], number, self._settings["questions"])
        frame, header = self._view.frame, self._header()
        self._info_message = camera_to_ros(CameraModel(self._renderer.width, self._renderer.height, frame.K), header)
        world = self._settings["world_frame"]
        self._tf.send([transform_stamped(world, header.frame_id, frame.T_world_camera, self.get_clock().now())])
        self._shots = [self._noisy(frame, header) for _ in range(self._shots_per_scene())]
        self._next_shot = 0
        self._truth_ids.publish(array_to_image(frame.ids.astype(np.uint8), "mono8", header))
        self._truth.publish(String(data=json.dumps(truth_of(self._view, world, header))))
        self._timer.reset()
        self.get_logger().info(f"scene {number}: {', '.join(thing.name for thing in self._view.scene.objects)}")

    def _messages(self, rgb: np.ndarray, depth_m: np.ndarray, header: Header) -> tuple[Image, Image]:
        if self._settings["depth_encoding"] == "16UC1":
            depth = np.round(depth_m * 1000).clip(0, 65535).astype(np.uint16)
        else:
            depth = np.where(depth_m > 0, depth_m, np.float32(np.nan))
        return array_to_image(rgb, "rgb8", header), array_to_image(depth, self._settings["depth_encoding"], header)

    def _shots_per_scene(self) -> int:
        return NOISY_SHOTS if self._settings["image_noise"] or self._settings["depth_noise"] else 1

    def _noisy(self, frame: Frame, header: Header) -> tuple[Image, Image]:
        rgb, grey_levels = frame.rgb, self._settings["image_noise"]
        if grey_levels:
            noise = grey_levels * self._rng.standard_normal(rgb.shape, dtype=np.float32)
            rgb = (rgb + noise).clip(0, 255).astype(np.uint8)
        return self._messages(rgb, noisy_depth(frame.depth_m, self._rng, self._settings["depth_noise"]), header)

    def _publish_images(self) -> None:
        header = self._header()
        image, depth = self._shots[self._next_shot]
        self._next_shot = (self._next_shot + 1) % len(self._shots)
        image.header = depth.header = self._info_message.header = header
        self._info.publish(self._info_message)
        self._depth_info.publish(self._info_message)
        self._depth.publish(depth)
        self._image.publish(image)

    def _next_scene(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self._show((self._view.number + 1) % SCENES_PER_SEED)
        response.success, response.message = True, f"scene {self._view.number}"
        return response


def main(args: list[str] | None = None) -> int:
    """Run the node until it is interrupted; the exit status."""
    os.environ.update(large_image_environment())
    return run_here(SimCamera, args)


if __name__ == "__main__":
    sys.exit(main())
