"""What is asked about a labelled photograph is true of its labels, and nothing doubtful is asked."""

import numpy as np
import pytest

from viper_ros.training.annotations import Sentence
from viper_ros.training.class_names import ClassNames, load_table
from viper_ros.training.photo_questions import Labelled, Thing, ninth, sample_questions

TABLE = {
    "cup": {"name": "cup", "synonyms": ["beaker"], "confusable": ["glass"]},
    "glass": {"name": "glass", "plural": "glasses"},
    "gala": {"name": "gala apple", "kinds": ["apple"]},
    "pliers": {"name": "pliers", "plural": None, "indefinite": "a pair of pliers"},
    "fork": "fork",
    "dirt": None,
}
NAMES = ClassNames(set(TABLE), TABLE)


def labelled(*labels, **rest):
    """Things of these labels in a row from left to right."""
    things = tuple(
        Thing(k + 1, NAMES.by_label[label.rstrip("?")], ((k + 0.5) / len(labels), 0.5), not label.endswith("?"), False)
        for k, label in enumerate(labels)
    )
    return Labelled(things, NAMES, **rest)


def asked(view, count=150, **rest):
    return sample_questions(np.random.default_rng(0), view, count, **rest)


def about(questions, word):
    return [q for q in questions if word in q["text"]]


def test_every_answer_is_what_the_labels_say():
    questions = asked(labelled("cup", "fork", "fork", "fork"))
    assert {q["kind"] for q in questions} == {"refer", "where", "exists", "count"}
    for question in questions:
        targets, kind, text = question["targets"], question["kind"], question["text"]
        assert question["present"] == bool(targets)
        if not targets:
            assert question["answer"] == {"exists": "no", "count": "zero"}.get(kind, "not found")
            assert "cup" not in text and "fork" not in text
        elif "cup" in text or "beaker" in text:
            assert targets == [1]
            assert question["answer"] in {"exists": ("yes",), "count": ("one",), "where": ("left",)}.get(kind, ("cup",))
        elif question["relation"]:
            right = {"leftmost": 2, "rightmost": 4, "second from the left": 3, "second from the right": 3}
            assert targets == [right[question["relation"]]]
            assert question["anchors"] == [2, 3, 4], "it is chosen from these"
            assert question["answer"] == "fork"
        else:
            assert targets == [2, 3, 4]
            assert question["answer"] in {"exists": ("yes",), "count": ("three",)}.get(kind, ("three forks",))


def test_at_least_a_quarter_asks_for_what_is_absent():
    questions = asked(labelled("cup", "fork", "fork"), 24)
    assert len(questions) == 24
    assert np.mean([not q["present"] for q in questions]) >= 0.25


def test_a_thing_that_could_be_called_so_is_neither_present_nor_absent():
    assert not about(asked(labelled("fork", "cup")), "glass"), "some call a cup a glass"
    assert not about(asked(labelled("fork", "glass", "cup")), "cup")


def test_a_kind_means_all_of_its_classes():
    apples = [q for q in asked(labelled("gala", "fork")) if "apple" in q["text"]]
    assert {tuple(q["targets"]) for q in apples} == {(1,)}
    assert {q["answer"] for q in apples if q["kind"] == "refer"} == {"gala apple", "apple"}


def test_what_shows_too_little_is_not_asked_about():
    questions = asked(labelled("fork?", "cup", "gala"))
    assert questions and not about(questions, "fork")


def test_where_labels_are_missing_nothing_is_counted_and_no_class_is_absent():
    view = labelled("fork", "fork", "cup", complete=False)
    questions = asked(view)
    assert all(q["present"] for q in questions)
    assert not [q for q in questions if q["kind"] == "count" or q["relation"] or q["answer"] == "two forks"]
    sure = tuple(ClassNames({"zebra"}, {}).by_label.values())
    absent = [q for q in asked(labelled("cup", complete=False, surely_absent=sure)) if not q["present"]]
    assert absent and all("zebra" in q["text"] for q in absent)


def test_words_that_are_forbidden_and_labels_without_a_name_are_not_said():
    questions = asked(labelled("cup", "gala", "dirt", never=frozenset({"apple"})))
    assert questions and not about(questions, "apple") and not about(questions, "dirt")


def test_no_plural_and_the_right_article_for_a_pair_of_pliers():
    questions = about(asked(labelled("pliers", "cup"), 300), "pliers")
    assert not [q for q in questions if q["kind"] == "count"]
    exists = [q["text"] for q in questions if q["kind"] == "exists"]
    assert exists and all(" a pair of pliers" in text for text in exists)


def test_a_users_sentences_come_first_with_the_name_of_what_they_mean():
    said = (
        Sentence("The dented one", (1,)),
        Sentence("the spare fork", ()),
        Sentence("what is it?", (0,), "what", "mug"),
    )
    questions = asked(labelled("cup", "gala"), 6, sentences=said)
    assert [(q["text"], q["answer"], q["targets"]) for q in questions[:3]] == [
        ("the dented one", "gala apple", [2]),
        ("the spare fork", "not found", []),
        ("what is it?", "mug", [1]),
    ]
    assert len(questions) <= 6


def test_a_place_known_by_a_box_alone_is_told():
    (thing,) = labelled("cup").things
    boxed = Labelled((Thing(thing.id, thing.named, thing.centre_uv, True, True),), NAMES)
    assert all(q.get("loose", False) == q["present"] for q in asked(boxed))


@pytest.mark.parametrize(
    ("centre", "said"),
    [
        ((0.1, 0.1), "back left"),
        ((0.5, 0.5), "middle"),
        ((0.9, 0.5), "right"),
        ((0.5, 1.0), "front"),
        ((0.34, 0.1), None),
    ],
)
def test_ninths_are_named_as_in_the_simulated_world(centre, said):
    assert ninth(centre) == said


def test_a_table_of_names_that_is_wrong_is_told(tmp_path):
    with pytest.raises(ValueError, match="no table of class names 'nonsense'"):
        load_table("nonsense")
    path = tmp_path / "names.json"
    path.write_text('{"Pisang": {"plural": "bananas"}}')
    with pytest.raises(ValueError, match="class 'Pisang': expected a name"):
        load_table(str(path))
