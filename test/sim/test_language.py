"""Truth is checked again here, from positions and masks alone, with looser margins than the sampler's."""

from collections import Counter

import numpy as np
import pytest

from viper_ros.sim import Split, language, sample_questions, scene_seed
from viper_ros.sim.phrases import NUMBER_WORDS, POLITE
from viper_ros.sim.vocabulary import CATEGORIES
from viper_ros.sim.wording import misspell


@pytest.fixture(scope="module")
def asked(looks):
    """(scene, frame, question) of all splits, by split."""
    result = {}
    for split, pairs in looks.items():
        result[split] = []
        for index, (scene, frame) in enumerate(pairs):
            rng = np.random.default_rng(scene_seed(split, 1000 + index))
            result[split] += [(scene, frame, q) for q in sample_questions(rng, scene, frame, 30, split)]
    return result


def everything(asked):
    return [item for items in asked.values() for item in items]


def fits(descriptor, thing):
    kind = descriptor.noun in ("thing", thing.category, *CATEGORIES[thing.category].groups)
    return (
        kind
        and descriptor.colour in (None, thing.colour)
        and (descriptor.not_colour is None or descriptor.not_colour != thing.colour)
        and descriptor.size in (None, thing.size_word)
        and descriptor.material in (None, thing.material)
    )


def in_sight(scene, frame, least=60):
    scale = frame.ids.size / (256 * 192)
    return [thing for thing in scene.objects if (frame.ids == thing.id).sum() >= least * scale]


def camera_offset(frame, thing, anchor):
    """Metres (right, away) of the camera, on the table."""
    right = frame.T_world_camera[:3, 0] * [1, 1, 0]
    right /= np.linalg.norm(right)
    away = np.cross([0, 0, 1], right)
    step = thing.position_m - anchor.position_m
    return step @ right, step @ away


def relation_holds(scene, frame, name, thing, anchors):
    right, away = camera_offset(frame, thing, anchors[0])
    apart = np.linalg.norm((thing.position_m - anchors[0].position_m)[:2])
    checks = {
        "left of": right < -0.03 and abs(away) < 1.5 * abs(right),
        "right of": right > 0.03 and abs(away) < 1.5 * abs(right),
        "in front of": away < -0.03 and abs(right) < 1.5 * abs(away),
        "behind": away > 0.03 and abs(right) < 1.5 * abs(away),
        "next to": apart < 0.06 + thing.shape.reach_m + anchors[0].shape.reach_m,
        "on": thing.supports == anchors[0].id and thing.base_m[2] > 0,
        "in": thing.supports == anchors[0].id and 0 < thing.base_m[2] < anchors[0].points_m[:, 2].max() - 0.005,
        "nearest to": True,
    }
    if name == "between":
        first, second = (np.linalg.norm((thing.position_m - a.position_m)[:2]) for a in anchors)
        return first + second < 1.25 * np.linalg.norm((anchors[0].position_m - anchors[1].position_m)[:2])
    return checks[name]


def test_as_many_different_questions_as_asked_for(asked, looks):
    for split, items in asked.items():
        assert len(items) == 30 * len(looks[split])
    for scene, _ in looks[Split.TRAIN]:
        texts = [q.text for s, _, q in asked[Split.TRAIN] if s is scene]
        assert len(texts) == len(set(texts))


def test_the_same_seed_asks_the_same(looks):
    scene, frame = looks[Split.TRAIN][0]
    first, second = (sample_questions(np.random.default_rng(5), scene, frame, 20) for _ in range(2))
    assert first == second


def test_every_kind_and_relation_is_asked(asked):
    kinds = Counter(q.kind for *_, q in everything(asked))
    assert set(kinds) == {"refer", "where", "colour", "what", "relation", "count", "exists", "compare"}
    relations = {q.relation for *_, q in everything(asked)}
    assert {"left of", "right of", "in front of", "behind", "next to", "between", "on", "in"} <= relations
    assert {"leftmost", "rightmost", "closest", "farthest", "largest", "second from the left"} <= relations


def test_a_quarter_of_the_referring_questions_name_what_is_absent(asked):
    present = [q.present for *_, q in everything(asked) if q.kind == "refer"]
    assert 0.2 < 1 - np.mean(present) < 0.4


def test_what_is_absent_is_often_nearly_there(asked):
    """Right colour on a wrong category, right category in a wrong colour, a relation that does not hold."""
    hard = Counter()
    for scene, frame, q in everything(asked):
        if q.present or not q.expressions:
            continue
        head, seen = q.expressions[0].head, [t for t in scene.objects if (frame.ids == t.id).any()]
        categories = {t.category for t in seen}
        hard["other"] += 1
        hard["relation"] += q.expressions[0].relation is not None
        hard["colour"] += head.colour is not None and head.noun in categories
        hard["category"] += head.colour in {t.colour for t in seen} and head.noun not in categories
    assert all(hard[sort] > 0.08 * hard["other"] for sort in ("relation", "colour", "category")), hard


def test_text_and_answer_are_lower_case_and_short(asked):
    for *_, q in everything(asked):
        assert q.text == q.text.lower() and q.answer == q.answer.lower()
        assert "{" not in q.text and "  " not in q.text and q.text.strip() == q.text
        assert 1 <= len(q.answer.split()) <= 5
        assert q.present == bool(q.target_ids)


def test_targets_are_in_sight_and_match_their_description(asked):
    for scene, frame, q in everything(asked):
        seen = {thing.id for thing in in_sight(scene, frame)}
        assert set(q.target_ids) <= seen, q
        told = q.expressions if q.kind == "compare" else q.expressions[:1]
        for target in q.target_ids:
            assert any(fits(expression.head, scene.object(target)) for expression in told), q


def test_nothing_else_in_sight_matches_a_plain_description(asked):
    for scene, frame, q in everything(asked):
        expression = q.expressions[0]
        if q.kind == "compare" or expression.relation or expression.superlative:
            continue
        matching = {thing.id for thing in in_sight(scene, frame) if fits(expression.head, thing)}
        assert matching == set(q.target_ids), q


def test_relations_hold_for_the_target_and_for_nothing_else(asked):
    """The target satisfies a loose form of the relation; whatever else fits the noun does not satisfy a strict one."""
    checked = 0
    for scene, frame, q in everything(asked):
        expression = q.expressions[0]
        if expression.relation is None or q.kind == "compare":
            continue
        found = [[t for t in in_sight(scene, frame) if fits(anchor, t)] for anchor in expression.anchors]
        if not all(found):
            assert not q.present
            continue
        assert all(len(things) == 1 for things in found), q
        anchors = [things[0] for things in found]
        for target in q.target_ids:
            assert relation_holds(scene, frame, expression.relation, scene.object(target), anchors), q
        if expression.relation in ("on", "in"):
            others = [t for t in in_sight(scene, frame) if fits(expression.head, t) and t.id not in q.target_ids]
            assert not any(t.supports == anchors[0].id and t.rests == expression.relation for t in others), q
        checked += 1
    assert checked > 100


def test_anchors_are_what_the_words_mention_on_the_way(asked):
    kinds = Counter()
    for scene, frame, q in everything(asked):
        expression = q.expressions[0]
        heads = [told.head for told in q.expressions] if q.kind == "compare" else expression.anchors
        if q.kind != "compare" and expression.superlative is not None:
            heads = [expression.head]
        assert all(any(fits(head, scene.object(id)) for head in heads) for id in q.anchor_ids), q
        if q.kind == "compare":
            kinds["compare"] += 1
            assert set(q.target_ids) < set(q.anchor_ids) and len(q.anchor_ids) == 2, q
        elif expression.superlative is not None:
            kinds["superlative"] += 1
            chosen_from = {t.id for t in in_sight(scene, frame) if fits(expression.head, t)}
            assert set(q.target_ids) <= set(q.anchor_ids) and (not q.present or set(q.anchor_ids) == chosen_from), q
        elif expression.relation is not None:
            kinds["relation"] += 1
            assert not q.present or len(q.anchor_ids) == len(expression.anchors), q
            assert not set(q.anchor_ids) & set(q.target_ids), q
        else:
            assert q.anchor_ids == ()
    assert min(kinds.values()) > 5 and len(kinds) == 3


def test_superlatives_pick_the_extreme(asked):
    checked = 0
    for scene, frame, q in everything(asked):
        expression = q.expressions[0]
        if expression.superlative is None or not q.present or q.kind == "compare":
            continue
        things = [t for t in in_sight(scene, frame) if fits(expression.head, t)]
        columns = {t.id: np.nonzero(frame.ids == t.id)[1].mean() for t in things}
        distances = {t.id: np.linalg.norm(t.position_m - frame.T_world_camera[:3, 3]) for t in things}
        sizes = {t.id: np.prod(t.extent_m) for t in things}
        values, rank = {
            "leftmost": (columns, 0),
            "rightmost": (columns, -1),
            "second from the left": (columns, 1),
            "second from the right": (columns, -2),
            "closest": (distances, 0),
            "farthest": (distances, -1),
            "smallest": (sizes, 0),
            "largest": (sizes, -1),
        }[expression.superlative]
        assert sorted(values, key=values.get)[rank] == q.target_ids[0], q
        checked += 1
    assert checked > 20


def test_answers_say_what_the_targets_are(asked):
    for scene, frame, q in everything(asked):
        things = [scene.object(id) for id in q.target_ids]
        if q.kind == "count":
            assert q.answer == NUMBER_WORDS[len(things)]
        elif q.kind == "exists":
            assert q.answer == ("yes" if things else "no")
        elif not things:
            assert q.answer == "not found"
        elif q.kind == "colour":
            assert q.answer == things[0].colour
        elif q.kind == "compare":
            assert q.answer == things[0].category
        elif q.kind == "where":
            rows, columns = np.nonzero(frame.ids == things[0].id)
            row = ("back", "", "front")[int(3 * rows.mean() / frame.ids.shape[0])]
            column = ("left", "", "right")[int(3 * columns.mean() / frame.ids.shape[1])]
            assert q.answer == (f"{row} {column}".strip() or "middle")
        elif len(things) == 1:
            assert q.answer == things[0].name
        else:
            assert q.answer.startswith(NUMBER_WORDS[len(things)])


def test_comparisons_are_true(asked):
    compared = [(scene, q) for scene, _, q in everything(asked) if q.kind == "compare"]
    assert compared
    for scene, q in compared:
        winner = scene.object(q.target_ids[0])
        loser_words = next(e.head for e in q.expressions if not fits(e.head, winner))
        losers = [t for t in scene.objects if fits(loser_words, t) and t is not winner]
        bigger = "bigger" in q.text or "larger" in q.text
        assert any((np.prod(winner.extent_m) > np.prod(t.extent_m)) == bigger for t in losers), q


def test_a_typing_error_changes_one_word_and_keeps_the_rest():
    rng = np.random.default_rng(0)
    text = "pick up the yellow banana"
    for _ in range(30):
        wrong = misspell(rng, text)
        assert sum(a != b for a, b in zip(wrong.split(), text.split(), strict=True)) <= 1
    assert misspell(rng, "a red mug") == "a red mug"


def test_typing_errors_come_only_when_asked_for(looks):
    scene, frame = looks[Split.TRAIN][1]
    clean, typed = (sample_questions(np.random.default_rng(2), scene, frame, 20, typo_rate=rate) for rate in (0.0, 1.0))
    assert clean != typed
    assert all(a.answer == b.answer for a, b in zip(clean, typed, strict=False) if a.template == b.template)


def test_no_question_is_a_sentence_of_an_evaluated_benchmark(monkeypatch, looks):
    scene, frame = looks[Split.TRAIN][0]
    usual = sample_questions(np.random.default_rng(5), scene, frame, 10, Split.TRAIN)
    monkeypatch.setattr(language, "LIBERO_SENTENCES", frozenset({usual[0].text}))
    asked = sample_questions(np.random.default_rng(5), scene, frame, 10, Split.TRAIN)
    assert len(asked) == 10 and usual[0].text not in {q.text for q in asked}


def test_what_a_relation_tells_is_taken_before_it_is_put_anywhere(asked):
    told = [q for _, _, q in everything(asked) if len(q.expressions) == 2 and q.kind == "refer"]
    by_relation = [q for q in told if q.expressions[0].relation is not None]
    assert by_relation and len(told) > len(by_relation)
    for q in by_relation:
        assert any(piece.startswith("carry") for piece in q.template.split("+")), q.text
        assert " and " in q.text or ", then " in q.text


def test_only_imperatives_are_made_polite(asked):
    for _, _, q in everything(asked):
        if q.template.rsplit("+", 1)[-1] in {piece.id for piece in POLITE}:
            assert q.kind == "refer" and not q.text.startswith(("please the ", "please i ", "please all "))
