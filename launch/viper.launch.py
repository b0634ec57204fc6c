r"""The viper node, looking through a camera driver that runs already.

ros2 launch viper_ros viper.launch.py \
    image:=/camera/color/image_raw camera_info:=/camera/color/camera_info \
    depth_image:=/camera/aligned_depth_to_color/image_raw \
    depth_camera_info:=/camera/aligned_depth_to_color/camera_info
"""

from launch import LaunchDescription

from viper_ros.ros.graph import INPUTS, viper
from viper_ros.ros.launch_actions import describe, viper_parameters


def generate_launch_description() -> LaunchDescription:
    inputs = {
        topic.replace("/", "_"): (topic, f"Topic that the node's input `{topic}` is remapped to") for topic in INPUTS
    }
    return describe(build, {"namespace": ("", "Namespace of the node"), **inputs})


def build(values):
    named = {topic: values[topic.replace("/", "_")] for topic in INPUTS}
    remappings = {topic: target for topic, target in named.items() if target != topic}
    return [
        viper(
            values["namespace"],
            values["params_file"],
            remappings,
            values["log_level"],
            **viper_parameters(values),
        )
    ]
