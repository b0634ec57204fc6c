"""The repository holds sources, and nothing of the machine they were written on."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GENERATED = re.compile(r"(^|/)(__pycache__|\.venv|build|install|log|[^/]*\.egg-info)/|\.(pyc|so|o|pt|pth|pkl)$")
# Written with a gap each, so that this file does not find itself.
OF_A_MACHINE = re.compile("/ro" "ot/|/wo" "rk/|/ho" "me/[a-z]|pypi" r"\.org|python" "hosted")
LARGEST_TEXT_BYTES = 1_000_000


def repository_files() -> list[str]:
    """What git has, and what it would take in."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    files = [name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]
    assert files
    return files


def test_nothing_generated_is_committed():
    assert not [name for name in repository_files() if GENERATED.search(name)]


def test_no_file_names_a_path_of_one_machine():
    found = []
    for name in repository_files():
        content = (ROOT / name).read_bytes()
        if len(content) > LARGEST_TEXT_BYTES or b"\0" in content:
            continue
        lines = content.decode("utf-8").splitlines()
        found += [f"{name}:{number}: {line}" for number, line in enumerate(lines, 1) if OF_A_MACHINE.search(line)]
    assert not found


def test_modules_are_small():
    """100-300 lines are read whole; past 400 a module is two."""
    modules = [name for name in repository_files() if name.startswith("viper_ros/") and name.endswith(".py")]
    lines = {name: (ROOT / name).read_text(encoding="utf-8").count("\n") for name in modules}
    assert not {name: count for name, count in lines.items() if count > 400}
