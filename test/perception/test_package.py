import subprocess
import sys

import pytest

from viper_ros import perception


@pytest.mark.parametrize("name", perception.__all__)
def test_every_name_is_there(name):
    assert getattr(perception, name).__name__ == name


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(AttributeError, match=r"no attribute 'Predicter'; it has .*'Predictor'"):
        _ = perception.Predicter


@pytest.mark.parametrize("module", ["viper_ros.ros.client", "viper_ros.ros.sim_camera_node", "viper_ros.cli"])
def test_what_does_not_run_the_model_does_not_wait_for_torch(module):
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0
