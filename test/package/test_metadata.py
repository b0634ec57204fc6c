"""What the package says of itself in several places is said the same everywhere."""

import re
from importlib.metadata import requires, version
from pathlib import Path
from xml.etree import ElementTree

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import viper_ros
from viper_ros.ros.graph import demo_graph, two_cameras_graph

ROOT = Path(__file__).parents[2]
INTERFACES = sorted(path for folder in ("msg", "srv", "action") for path in (ROOT / folder).iterdir())


def requirement_lines(name: str) -> list[str]:
    lines = (ROOT / "requirements" / name).read_text(encoding="utf-8").splitlines()
    return [stripped for line in lines if (stripped := line.partition("#")[0].strip())]


def test_one_version_everywhere():
    tree = ElementTree.parse(ROOT / "package.xml")
    assert tree.findtext("version") == viper_ros.__version__
    assert version("viper_ros") == viper_ros.__version__


def test_every_interface_file_is_built():
    text = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
    built = set(re.findall(r'"((?:msg|srv|action)/\w+\.\w+)"', text))
    assert built == {str(path.relative_to(ROOT)) for path in INTERFACES}


def test_every_package_that_an_interface_uses_is_a_dependency_of_the_build():
    used = {name for path in INTERFACES for name in re.findall(r"^(\w+)/", path.read_text(encoding="utf-8"), re.M)}
    tree = ElementTree.parse(ROOT / "package.xml")
    assert used - {"viper_ros"} <= {node.text for node in tree.iter("depend")}


@pytest.mark.parametrize("path", INTERFACES, ids=lambda path: path.name)
def test_every_field_of_an_interface_has_a_comment(path: Path):
    lines = path.read_text(encoding="utf-8").splitlines()
    bare = [line for line in lines if line.strip() not in ("", "---") and "#" not in line]
    assert not bare, f"{path.name}: no comment with meaning, unit or frame on {bare}"


def test_the_build_installs_the_executables_that_launch_files_start():
    cmake = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
    installed = set(re.search(r"foreach\(node IN ITEMS ([\w ]+)\)", cmake)[1].split())
    assert {spec.executable for spec in [*demo_graph(), *two_cameras_graph()]} <= installed
    assert all((ROOT / "viper_ros/ros" / f"{name}.py").is_file() for name in installed)


DATA_EXTRAS = ("household",)
"""Hundreds of megabytes to train from or to measure on, that no test needs."""


def test_set_up_installs_what_the_package_asks_for():
    files = ("base.txt", "dev.txt", "ros.txt")
    installed = {canonicalize_name(Requirement(line).name) for name in files for line in requirement_lines(name)}
    asked = [Requirement(line) for line in requires("viper_ros")]
    asked = [
        item for item in asked if not (item.marker and any(f'"{name}"' in str(item.marker) for name in DATA_EXTRAS))
    ]
    names = {canonicalize_name(item.name) for item in asked}
    assert names <= installed


def test_set_up_installs_pinned_versions_only():
    pins = [Requirement(line) for line in requirement_lines("constraints.txt")]
    assert all(str(pin.specifier).startswith("==") for pin in pins)
    pinned = {canonicalize_name(pin.name) for pin in pins}
    files = ("base.txt", "dev.txt", "ros.txt")
    assert {canonicalize_name(Requirement(line).name) for name in files for line in requirement_lines(name)} <= pinned
