import json

import pytest

from viper_ros.cli import main
from viper_ros.evaluation.card import BEGIN, END, put_into, tables


def figures(suite="tabletop", model="nano", **more):
    rate = {"rate": 0.5, "n": 8}
    return {
        "suite": suite,
        "model": model,
        "pointing": {"rate": 0.917, "n": 531},
        "pointing_by_chance": 0.0157,
        "box_iou": {"mean": 0.658, "n": 486},
        "position_error_cm": {"median": 0.89, "p90": 4.67, "n": 438},
        "presence_auroc": 0.965,
        "presence_accuracy": rate,
        "presence_ece": 0.059,
        "cell_ece": 0.013,
        "answers": rate | {"by_kind": {"colour": {"rate": 0.77, "n": 69}}},
        "relations": {"left of": {"rate": 0.91, "n": 33}},
    } | more


def without(values, *names):
    return {name: value for name, value in values.items() if name not in names}


def cells(text):
    """Row name -> its cells."""
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    return {row[0]: row[1:] for row in rows}


def test_every_suite_is_a_column_and_what_it_lacks_is_a_dash():
    photos = without(figures("photos", presence_auroc=0.8), "position_error_cm", "answers")
    rows = cells(tables([figures(), photos]))
    assert rows["pointing, n"] == ["**0.917**, 531", "**0.917**, 531"]
    assert rows["presence AUROC"] == ["0.965", "0.800"]
    assert rows["position error, median (90 %), n"] == ["0.9 (4.7) cm, 438", "-"]
    assert rows["answers, exact, n"] == ["**0.500**, 8", "-"]


def test_other_models_stand_below_and_only_where_they_were_measured():
    other = figures(presence_auroc=0.4)
    rows = cells(tables([figures(beside={"colours": other}), figures("novel")]))
    assert rows["presence AUROC: colours"] == ["0.400", "-"]
    assert rows["pointing: colours"] == ["0.917", "-"]


def test_kinds_relations_and_groups_follow():
    groups = {"agent view": {"rate": 0.75, "chance": 0.014, "n": 200}}
    text = tables([figures("relations", pointing_by_group=groups)])
    assert "by kind (n): colour 0.77 (69)." in text and "by relation (n): left of 0.91 (33)." in text
    assert "| agent view | 0.750 | 0.014 | 200 |" in text


def test_a_summary_is_the_first_table_alone():
    suites = [figures(), figures("relations")]
    assert tables(suites).startswith(tables(suites, summary=True)) and "by kind" not in tables(suites, summary=True)


@pytest.mark.parametrize(
    ("suites", "complaint"),
    [
        ([figures(), figures("novel", model="other")], "one model"),
        ([figures(), figures()], "once"),
        ([{"loss": 1.0}], "viper evaluate"),
    ],
)
def test_figures_that_do_not_belong_together_are_refused(suites, complaint):
    with pytest.raises(ValueError, match=complaint):
        tables(suites)


def test_the_command_replaces_what_stands_between_the_marks(tmp_path, capsys):
    card, told = tmp_path / "README.md", tmp_path / "tabletop.json"
    card.write_text(f"# nano\n{BEGIN}\nold figures\n{END}\nthe rest\n")
    told.write_text(json.dumps(figures()))
    assert main(["card", str(told), "--into", str(card)]) == 0
    text = card.read_text()
    assert text.startswith(f"# nano\n{BEGIN}\n| ") and text.endswith(f"{END}\nthe rest\n")
    assert "old figures" not in text and "0.917" in text and "0.917" in capsys.readouterr().out


@pytest.mark.parametrize(
    "text", ["no marks", f"{END}\n{BEGIN}", f"{BEGIN}{BEGIN}{END}", f"{BEGIN}{END}{END}", f"{END}{BEGIN}{END}"]
)
def test_a_card_without_its_marks_stays_as_it_is(tmp_path, text):
    path = tmp_path / "README.md"
    path.write_text(text)
    with pytest.raises(ValueError, match="once each"):
        put_into(path, "figures")
    assert path.read_text() == text
