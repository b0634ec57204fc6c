"""A simulated camera, the viper node that looks through it and, with rviz:=true, RViz.

ros2 launch viper_ros demo.launch.py seed:=3
ros2 service call /viper/query viper_ros/srv/Query "{instruction: 'the red mug', want_3d: true, want_answer: true}"
ros2 service call /sim_camera/next_scene std_srvs/srv/Trigger
"""

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument
from launch.conditions import IfCondition
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from viper_ros.ros.graph import demo_graph, share_folder
from viper_ros.ros.launch_actions import CHOICES, REAL_TIME, describe, viper_parameters


def generate_launch_description() -> LaunchDescription:
    arguments = {
        "namespace": ("", "Namespace of the nodes"),
        "seed": ("0", "Which series of tabletops"),
        "rate_hz": ("10.0", "Images per second"),
        "depth_noise": ("0.001", "Standard deviation of depth at 1 m [m]"),
    }
    description = describe(build, arguments, CHOICES | REAL_TIME)
    description.add_action(DeclareLaunchArgument("rviz", default_value="false", description="Open RViz as well"))
    description.add_action(
        Node(
            package="rviz2",
            executable="rviz2",
            arguments=["-d", str(share_folder() / "config" / "viper.rviz")],
            condition=IfCondition(LaunchConfiguration("rviz")),
        )
    )
    return description


def build(values):
    camera = {
        "seed": int(values["seed"]),
        "rate_hz": float(values["rate_hz"]),
        "depth_noise": float(values["depth_noise"]),
    }
    return demo_graph(
        values["namespace"], values["params_file"], camera, values["log_level"], **viper_parameters(values)
    )
