"""Print requirements/constraints.txt: the version of every package that requirements/*.txt bring in.

Run it with the Python of an environment that passes the tests: ``python scripts/pin_requirements.py``. A package whose
pinned release does not support the oldest Python that we do gets a marker, and is left free below its own oldest.
"""

from __future__ import annotations

import re
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

OLDEST_PYTHON = "3.10"
REQUIREMENTS = Path(__file__).resolve().parent.parent / "requirements"
HEADER = "# Every version that set-up installs. From: python scripts/pin_requirements.py > requirements/constraints.txt"


def roots() -> list[Requirement]:
    """Return what the requirement files ask for, constraints.txt aside."""
    files = [path for path in sorted(REQUIREMENTS.glob("*.txt")) if path.name != "constraints.txt"]
    lines = [line.partition("#")[0].strip() for path in files for line in path.read_text(encoding="utf-8").splitlines()]
    return [Requirement(line) for line in lines if line]


def closure(pending: list[Requirement]) -> dict[str, Distribution]:
    """Return the installed distributions that the requirements need, by canonical name."""
    found: dict[str, Distribution] = {}
    seen: set[tuple[str, frozenset[str]]] = set()
    while pending:
        requirement = pending.pop()
        key = (canonicalize_name(requirement.name), frozenset(requirement.extras))
        if key in seen:
            continue
        seen.add(key)
        try:
            found[key[0]] = installed = distribution(requirement.name)
        except PackageNotFoundError:
            continue  # an optional part that this platform does not have
        for child in map(Requirement, installed.requires or ()):
            if child.marker is None or any(child.marker.evaluate({"extra": extra}) for extra in ("", *key[1])):
                pending.append(child)
    return found


def pin(installed: Distribution) -> str:
    """Return one line of the constraints file."""
    version = installed.version.partition("+")[0]  # a local build tag (2.13.0+cpu) is this machine's affair
    line = f"{canonicalize_name(installed.name)}=={version}"
    supported = installed.metadata.get("Requires-Python") or ""
    if SpecifierSet(supported).contains(f"{OLDEST_PYTHON}.99"):
        return line
    oldest = re.search(r">=\s*(3\.\d+)", supported)
    return f'{line}; python_version >= "{oldest[1]}"' if oldest else line


def main() -> None:
    """Print the file."""
    print("\n".join([HEADER, *(pin(installed) for _, installed in sorted(closure(roots()).items()))]))


if __name__ == "__main__":
    main()
