"""Labels of a data set -> words that people say. The tables are data: ``class_names.json``, or a user's own file.

A table maps a label to its name (``"Pisang": "banana"``), to null (never asked about), or to an object with ``name``
and, as one likes, ``plural`` (null: none is said), ``indefinite`` ("a pair of pliers"), ``synonyms``, ``kinds`` (what
it surely is as well: a Gala apple is an apple) and ``confusable`` (names that a person may give it too). A label that
a table leaves out is said as it is, in small letters.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from viper_ros.sim.vocabulary import CATEGORIES
from viper_ros.sim.wording import with_article

_TABLES = Path(__file__).with_name("class_names.json")
_KEYS = {"name", "plural", "indefinite", "synonyms", "kinds", "confusable"}


@dataclass(frozen=True)
class ClassName:
    """How one class is spoken of. ``plural`` None: nothing is asked in the plural."""

    name: str
    plural: str | None
    indefinite: str
    synonyms: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    confusable: tuple[str, ...] = ()

    def is_a(self, noun: ClassName) -> bool | None:
        """Say whether a thing of this class is what ``noun`` names; None where people could disagree."""
        if noun.name == self.name or noun.name in self.kinds:
            return True
        doubtful = noun.name in self.confusable or self.name in noun.confusable or self.name in noun.kinds
        return None if doubtful else False


class ClassNames:
    """The classes of one data set: label -> `ClassName`, or None for one that is never asked about."""

    def __init__(self, labels: set[str], table: dict[str, Any]) -> None:
        self.by_label = {label: _class_name(label, table.get(label, label)) for label in sorted(labels)}
        known = {row.name: row for row in self.by_label.values() if row is not None}
        kinds = {kind for row in known.values() for kind in row.kinds} - known.keys()
        self.nouns = known | {kind: _class_name(kind, kind) for kind in sorted(kinds)}
        """Everything that may be named: classes and their kinds."""


def load_table(name: str | None) -> dict[str, Any]:
    """Read a table that comes with the package, by name, or from a JSON file; None is an empty one.

    Raises:
        ValueError: there is no such table or file, or it is not as the module's docstring says.
    """
    if name is None:
        return {}
    tables = json.loads(_TABLES.read_text())
    if name in tables:
        return tables[name]
    path = Path(name)
    if not path.is_file():
        raise ValueError(
            f"no table of class names {name!r}: expected a JSON file or one of {', '.join(sorted(tables))}"
        )
    try:
        table = json.loads(path.read_text())
    except json.JSONDecodeError as error:
        raise ValueError(f"{path} is no JSON: {error}") from None
    if not isinstance(table, dict):
        raise ValueError(f"{path} must map labels to names, got {type(table).__name__}")
    for label, entry in table.items():
        _class_name(label, entry)
    return table


def _class_name(label: str, entry: Any) -> ClassName | None:
    """Make one row; what the entry leaves out follows from the name."""
    if entry is None:
        return None
    if isinstance(entry, str):
        entry = {"name": " ".join(entry.replace("_", " ").lower().split())}
    if not isinstance(entry, dict) or not entry.get("name") or not entry.keys() <= _KEYS:
        raise ValueError(f"class {label!r}: expected a name, null or an object with {sorted(_KEYS)}, got {entry!r}")
    name = entry["name"]
    return ClassName(
        name,
        entry.get("plural", plural_of(name)),
        entry.get("indefinite", with_article(name)),
        *(tuple(entry.get(key, ())) for key in ("synonyms", "kinds", "confusable")),
    )


def plural_of(name: str) -> str:
    """Plural of a noun: the simulated world's where it has the word, else by rule."""
    if name in CATEGORIES:
        return CATEGORIES[name].plural
    if name.endswith(("s", "x", "z", "ch", "sh")):
        return f"{name}es"
    if name.endswith("y") and name[-2:-1] not in tuple("aeiou"):
        return f"{name[:-1]}ies"
    return f"{name}s"
