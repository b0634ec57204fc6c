"""What `colcon build` installs for a workspace: modules, executables, shared files, all usable from there."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with this package in its src/, after a plain build."""
    workspace = tmp_path_factory.mktemp("workspace")
    # CMake takes no include folder from inside the sources, and .venv, which is there in a checkout, has numpy's.
    not_sources = shutil.ignore_patterns(".*", "build", "install", "log", "__pycache__", "*.egg-info")
    shutil.copytree(ROOT, workspace / "src/viper_ros", ignore=not_sources)
    command = ["colcon", "build", "--merge-install", "--cmake-args", "-DBUILD_TESTING=OFF"]
    built = subprocess.run(command, cwd=workspace, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout[-2000:] + built.stderr[-4000:]
    return workspace


@pytest.fixture(scope="module")
def prefix(workspace: Path) -> Path:
    return workspace / "install"


def site_packages(prefix: Path) -> Path:
    (init,) = prefix.glob("**/viper_ros/__init__.py")
    return init.parent.parent


def python_files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*.py")}


@pytest.mark.slow
def test_modules_and_interfaces_are_installed_as_one_package(prefix: Path):
    code = "import viper_ros, viper_ros.msg, viper_ros.model; print(viper_ros.__version__, viper_ros.model.__file__)"
    environment = os.environ | {"PYTHONPATH": f"{site_packages(prefix)}:{os.environ.get('PYTHONPATH', '')}"}
    command = [sys.executable, "-c", code]
    loaded = subprocess.run(command, cwd=prefix, env=environment, capture_output=True, text=True, check=True)
    version, file = loaded.stdout.split()
    import viper_ros

    assert version == viper_ros.__version__
    assert Path(file).is_relative_to(prefix)


@pytest.mark.slow
def test_every_module_is_installed(workspace: Path, prefix: Path):
    modules = python_files(workspace / "src/viper_ros/viper_ros")
    assert "__init__.py" in modules
    assert modules <= python_files(site_packages(prefix) / "viper_ros")


@pytest.mark.slow
@pytest.mark.parametrize("node", ["viper_node", "sim_camera_node", "demo_client"])
def test_ros2_run_finds_the_executables(prefix: Path, node: str):
    executable = prefix / "lib/viper_ros" / node
    assert os.access(executable, os.X_OK)
    assert f"from viper_ros.ros.{node} import main" in executable.read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("folder", ["config", "launch", "models"])
def test_shared_files_are_installed(workspace: Path, prefix: Path, folder: str):
    source = workspace / "src/viper_ros" / folder
    files = [path.relative_to(source) for path in source.rglob("*") if path.is_file()]
    assert files
    assert all((prefix / "share/viper_ros" / folder / path).is_file() for path in files)
