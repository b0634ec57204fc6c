"""The rooms import upwards only, and ROS stays in its own."""

import ast
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions, requires
from pathlib import Path
from xml.etree import ElementTree

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "viper_ros"
MAY_IMPORT = {
    "model": set(),
    "perception": {"model"},
    "sim": {"model", "perception"},
    "evaluation": {"model", "perception", "sim"},
    "training": {"model", "perception", "sim", "evaluation"},
    "ros": {"model", "perception", "sim"},
}
# In package.xml under the names that rosdep knows.
ROSDEP_KEYS = {
    "cv2": "python3-opencv",
    "numpy": "python3-numpy",
    "transforms3d": "python3-transforms3d",
    "yaml": "python3-yaml",
}
# Knows pixels: not for the room where tensors go in and tensors come out.
IMAGE_LIBRARIES = {"cv2", "numpy", "PIL"}


def modules_in(*rooms: str) -> list[Path]:
    files = [path for room in rooms for path in sorted((PACKAGE / room).rglob("*.py"))]
    return files or [pytest.param(None, marks=pytest.mark.skip(reason="no module yet"))]


def name_of(path: Path | None) -> str:
    return str(path.relative_to(ROOT)) if isinstance(path, Path) else "none"


def imports_of(path: Path) -> Iterator[str]:
    """Every module that the file imports, wherever in it; relative ones made absolute."""
    parents = path.relative_to(ROOT).parent.parts
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(parents[: len(parents) - node.level + 1]) if node.level else ""
            module = ".".join(part for part in (base, node.module) if part)
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def rooms_of(path: Path) -> set[str]:
    parts = [name.split(".") for name in imports_of(path)]
    return {part[1] for part in parts if part[0] == "viper_ros" and len(part) > 1}


def third_party_of(path: Path) -> set[str]:
    names = {name.partition(".")[0] for name in imports_of(path)}
    return names - set(sys.stdlib_module_names) - {"viper_ros"}


def declared_to_ros() -> set[str]:
    tree = ElementTree.parse(ROOT / "package.xml")
    return {node.text for tag in ("depend", "exec_depend") for node in tree.iter(tag)}


def declared_to_pip() -> set[str]:
    return {canonicalize_name(Requirement(line).name) for line in requires("viper_ros")}


def distributions_of(name: str) -> set[str]:
    return {canonicalize_name(found) for found in packages_distributions().get(name, [name])}


@pytest.mark.parametrize("path", modules_in(*MAY_IMPORT), ids=name_of)
def test_a_room_imports_only_rooms_above_it(path: Path):
    room = path.relative_to(PACKAGE).parts[0]
    below = rooms_of(path) & (MAY_IMPORT.keys() | {"cli"}) - MAY_IMPORT[room] - {room}
    assert not below, f"{name_of(path)} imports {sorted(below)}; {room} may import {sorted(MAY_IMPORT[room])}"


@pytest.mark.parametrize("path", modules_in(*MAY_IMPORT.keys() - {"ros"}), ids=name_of)
def test_outside_the_ros_room_nothing_of_ros_is_imported(path: Path):
    ros = {name for name in declared_to_ros() if not name.startswith("python3-")}
    assert not third_party_of(path) & ros
    assert not rooms_of(path) & {"msg", "srv", "action"}


@pytest.mark.parametrize("path", modules_in("model"), ids=name_of)
def test_the_model_knows_no_images(path: Path):
    assert not third_party_of(path) & IMAGE_LIBRARIES


@pytest.mark.parametrize("path", [*modules_in(*MAY_IMPORT), PACKAGE / "cli.py"], ids=name_of)
def test_what_is_imported_is_declared(path: Path):
    """In pyproject.toml for the rooms without ROS; in package.xml or pyproject.toml for the ROS room."""
    if not path.exists():
        pytest.skip("not written yet")
    names = third_party_of(path)
    if path.is_relative_to(PACKAGE / "ros"):
        names -= {name for name in names if ROSDEP_KEYS.get(name, name) in declared_to_ros()}
    undeclared = {name for name in names if not distributions_of(name) & declared_to_pip()}
    assert not undeclared, f"{name_of(path)} imports {sorted(undeclared)}, which package metadata does not name"


@pytest.mark.parametrize("path", sorted((ROOT / "launch").glob("*.py")), ids=name_of)
def test_what_a_launch_file_imports_is_in_package_xml(path: Path):
    assert third_party_of(path) <= declared_to_ros()
