"""Make the CMake files that the ROS wheels install name this environment's headers.

Fifteen exported targets (``share/*/cmake/export_*__rosidl_generator_pyExport.cmake``) carry the include folders of the
machine that built the wheels, ``/opt/python/<tag>/include/pythonX.Y`` and numpy's below it; CMake refuses a target
whose include folders do not exist. Running this again changes nothing.
"""

from __future__ import annotations

import re
import sys
import sysconfig
from pathlib import Path

import numpy

BUILD_MACHINE_NUMPY = re.compile(r"/opt/[^;\"\s]*/numpy/(?:_core|core)/include")
BUILD_MACHINE_PYTHON = re.compile(r"/opt/(?:_internal|python)/[^;\"\s]*/include/python3\.\d+")


def fix(text: str) -> str:
    """Return the CMake text with the build machine's include folders replaced by this environment's."""
    text = BUILD_MACHINE_NUMPY.sub(lambda _: numpy.get_include(), text)
    return BUILD_MACHINE_PYTHON.sub(lambda _: sysconfig.get_paths()["include"], text)


def main() -> int:
    """Rewrite the files in place and print how many changed."""
    changed = 0
    for path in sorted(Path(sys.prefix, "share").glob("*/cmake/*.cmake")):
        before = path.read_text(encoding="utf-8")
        after = fix(before)
        if after != before:
            path.write_text(after, encoding="utf-8")
            changed += 1
    print(f"{changed} CMake files rewritten under {sys.prefix}/share")
    return 0


if __name__ == "__main__":
    sys.exit(main())
