"""Two cameras in the namespaces `left` and `right`, each with a viper node: `/left/viper/query`, `/right/viper/query`.

Namespaces alone tell them apart. By default each viper node has a process of its own, and so a processor core of its
own; `one_process:=true` puts both into one process, where they share one model in memory. With real drivers, include
viper.launch.py twice instead, each with its `namespace` and the topics of its driver.
"""

from launch import LaunchDescription

from viper_ros.ros.graph import two_cameras_graph
from viper_ros.ros.launch_actions import CHOICES, REAL_TIME, describe, to_bool, viper_parameters


def generate_launch_description() -> LaunchDescription:
    arguments = {"one_process": ("false", "Both viper nodes in one process, with one model")}
    return describe(build, arguments, CHOICES | REAL_TIME)


def build(values):
    one_process = to_bool("one_process", values["one_process"])
    return two_cameras_graph(values["params_file"], values["log_level"], one_process, **viper_parameters(values))
