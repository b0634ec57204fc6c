"""The tables of a model card, from the JSON that ``viper evaluate`` writes: no figure is copied by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

BEGIN, END = "<!-- viper card: begin -->", "<!-- viper card: end -->"

OPTIONAL = ("answers", "position_error_cm")
"""Figures that not every suite has."""

Figures = Mapping[str, Any]


def tables(suites: list[Figures], summary: bool = False) -> str:
    """Figures of several suites -> markdown: one table of all, then (no summary) by kind, by relation and by group."""
    _same_model(suites)
    if summary:
        return _main_table(suites)
    parts = [_main_table(suites), *(_by_kind(f) for f in suites if "answers" in f)]
    parts += [_by_relation(f) for f in suites if f["suite"] == "relations"]
    parts += [_by_group(f) for f in suites if "pointing_by_group" in f]
    return "\n\n".join(parts)


def put_into(path: Path, text: str) -> None:
    """Replace what stands between the two marks of a markdown file.

    Raises:
        ValueError: the file has not each mark once, in their order.
    """
    whole = path.read_text()
    before, begin, rest = whole.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end or END in before or BEGIN in rest or END in after:
        raise ValueError(f"{path} needs the lines {BEGIN!r} and {END!r}, once each and in this order")
    path.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}")


def _same_model(suites: list[Figures]) -> None:
    if not all({"suite", "model", "pointing"} <= set(f) for f in suites):
        raise ValueError("these are not all figures that `viper evaluate --json` wrote")
    models, names = {f["model"] for f in suites}, [f["suite"] for f in suites]
    if len(models) != 1:
        raise ValueError(f"a card is about one model, got {sorted(models)}")
    if len(set(names)) != len(names):
        raise ValueError(f"a suite stands in a card once, got {', '.join(names)}")


def _main_table(suites: list[Figures]) -> str:
    others = list(dict.fromkeys(name for f in suites for name in f.get("beside", {})))
    rows: list[tuple[str, Callable[[Figures], str]]] = []

    def add(name: str, value: Callable[[Figures], str], compared: Callable[[Figures], str] | None = None) -> None:
        rows.append((name, value))
        for other in others if compared else ():
            rows.append(
                (f"{name.split(',')[0]}: {other}", lambda f, o=other: _of(f.get("beside", {}).get(o), compared))
            )

    add("pointing, n", lambda f: f"**{_rate(f, 'pointing')}**, {f['pointing']['n']}", lambda f: _rate(f, "pointing"))
    rows.append(("pointing by chance", lambda f: f"{f['pointing_by_chance']:.3f}"))
    add("box IoU", lambda f: f"**{_mean(f)}**", _mean)
    add("presence AUROC", _auroc, _auroc)
    rows.append(("presence right at the threshold", lambda f: _rate(f, "presence_accuracy")))
    rows.append(("presence ECE", lambda f: f"{f['presence_ece']:.3f}"))
    rows.append(("cell ECE", lambda f: f"{f['cell_ece']:.3f}"))
    add("answers, exact, n", _answers, lambda f: _rate(f, "answers"))
    rows.append(("position error, median (90 %), n", _position))
    lines = [["", *(f["suite"] for f in suites)], ["---"] * (len(suites) + 1)]
    lines += [[name, *(_of(f, value) for f in suites)] for name, value in rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _of(figures: Figures | None, value: Callable[[Figures], str]) -> str:
    """A cell of the table; "-" where the suite or the other model has no such figure."""
    try:
        return "-" if figures is None else value(figures)
    except KeyError as error:
        if error.args[0] in OPTIONAL:
            return "-"
        raise


def _rate(figures: Figures, name: str) -> str:
    return f"{figures[name]['rate']:.3f}"


def _mean(figures: Figures) -> str:
    return f"{figures['box_iou']['mean']:.3f}"


def _auroc(figures: Figures) -> str:
    return f"{figures['presence_auroc']:.3f}"


def _answers(figures: Figures) -> str:
    return f"**{_rate(figures, 'answers')}**, {figures['answers']['n']}"


def _position(figures: Figures) -> str:
    error = figures["position_error_cm"]
    return f"{error['median']:.1f} ({error['p90']:.1f}) cm, {error['n']}"


def _listed(rates: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {rate['rate']:.2f} ({rate['n']})" for name, rate in rates.items())


def _by_kind(figures: Figures) -> str:
    return f"Answers on `{figures['suite']}` by kind (n): {_listed(figures['answers']['by_kind'])}."


def _by_relation(figures: Figures) -> str:
    return f"Pointing on `{figures['suite']}` by relation (n): {_listed(figures['relations'])}."


def _by_group(figures: Figures) -> str:
    lines = [f"| {figures['suite']} | pointing | by chance | n |", "| --- | --- | --- | --- |"]
    for name, rate in figures["pointing_by_group"].items():
        lines.append(f"| {name} | {rate['rate']:.3f} | {rate['chance']:.3f} | {rate['n']} |")
    return "\n".join(lines)
