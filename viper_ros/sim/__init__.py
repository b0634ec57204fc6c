"""A tabletop world in MuJoCo: sampled scenes, cameras, images, and questions with true answers."""

from viper_ros.sim.camera import Camera, project, sample_camera
from viper_ros.sim.language import Question, sample_questions
from viper_ros.sim.render import Frame, Renderer
from viper_ros.sim.scene import Light, Scene, SceneObject, sample_scene
from viper_ros.sim.splits import Split, scene_seed

__all__ = [
    "Camera",
    "Frame",
    "Light",
    "Question",
    "Renderer",
    "Scene",
    "SceneObject",
    "Split",
    "project",
    "sample_camera",
    "sample_questions",
    "sample_scene",
    "scene_seed",
]
