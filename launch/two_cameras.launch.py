"""Two cameras in the namespaces `left` and `right`, each with a viper node: `/left/viper/query`, `/right/viper/query`.

Namespaces alone tell them apart. With real drivers, include viper.launch.py twice instead, each with its `namespace`
and the topics of its driver.
"""

from launch import LaunchDescription

from viper_ros.ros.graph import two_cameras_graph
from viper_ros.ros.launch_actions import describe, viper_parameters


def generate_launch_description() -> LaunchDescription:
    return describe(build, {})


def build(values):
    return two_cameras_graph(values["params_file"], values["log_level"], **viper_parameters(values))
