import numpy as np
import pytest

from viper_ros.sim import Split, sample_questions, sample_scene, scene_seed
from viper_ros.sim.phrases import all_pieces
from viper_ros.sim.sentences import SENTENCES
from viper_ros.sim.splits import HELD_OUT_CATEGORIES, HELD_OUT_PAIRS, is_held_out
from viper_ros.sim.vocabulary import CATEGORIES

HELD_OUT_PIECES = {piece.id for piece in all_pieces() if piece.held_out}


def kinds(split, count=60):
    scenes = (sample_scene(np.random.default_rng(scene_seed(split, index)), split) for index in range(count))
    return [[(thing.colour, thing.category) for thing in scene.objects] for scene in scenes]


def test_seeds_of_different_splits_and_indices_differ():
    states = {tuple(scene_seed(split, index).generate_state(4)) for split in Split for index in range(200)}
    assert len(states) == 4 * 200
    with pytest.raises(ValueError, match="index must be >= 0"):
        scene_seed(Split.TRAIN, -1)


def test_enough_is_held_out():
    assert len(HELD_OUT_CATEGORIES) >= 5 and set(CATEGORIES) >= HELD_OUT_CATEGORIES
    for colour, category in HELD_OUT_PAIRS:
        assert colour in CATEGORIES[category].colours and category not in HELD_OUT_CATEGORIES
    assert len({piece.id for piece in all_pieces()}) == len(all_pieces())
    sentences = [piece for pieces in SENTENCES.values() for piece in pieces]
    assert sum(piece.held_out for piece in sentences) >= 0.2 * len(sentences)
    assert all(any(p.held_out for p in pieces) and not all(p.held_out for p in pieces) for pieces in SENTENCES.values())


@pytest.mark.parametrize("split", [Split.TRAIN, Split.TEST, Split.PHRASING])
def test_scenes_outside_novel_hold_nothing_that_is_held_out(split):
    assert not [kind for scene in kinds(split) for kind in scene if is_held_out(*kind)]


def test_every_novel_scene_holds_something_held_out():
    assert all(any(is_held_out(*kind) for kind in scene) for scene in kinds(Split.NOVEL))


@pytest.fixture(scope="module")
def asked(looks):
    return {
        split: [
            question
            for index, (scene, frame) in enumerate(pairs)
            for question in sample_questions(np.random.default_rng(index), scene, frame, 40, split)
        ]
        for split, pairs in looks.items()
    }


def pieces(question):
    return set(question.template.split("+"))


def test_only_phrasing_uses_held_out_templates_and_it_always_does(asked):
    for split in (Split.TRAIN, Split.TEST, Split.NOVEL):
        assert not [q for q in asked[split] if pieces(q) & HELD_OUT_PIECES]
    assert all(pieces(q) & HELD_OUT_PIECES for q in asked[Split.PHRASING])


def test_no_training_sentence_names_a_held_out_category_or_pair(asked):
    words = {name for c in HELD_OUT_CATEGORIES for name in (c, CATEGORIES[c].plural, *CATEGORIES[c].synonyms)}
    for question in asked[Split.TRAIN] + asked[Split.TEST] + asked[Split.PHRASING]:
        padded = f" {question.text.rstrip('?').replace(',', ' ').replace(':', ' ')} "
        assert not [word for word in words if f" {word} " in padded], question
        heads = [e.head for e in question.expressions] + [a for e in question.expressions for a in e.anchors]
        assert not [head for head in heads if (head.colour, head.noun) in HELD_OUT_PAIRS], question


def test_novel_sentences_tell_held_out_categories_by_attribute_or_group(asked):
    for question in asked[Split.NOVEL]:
        heads = [e.head for e in question.expressions] + [a for e in question.expressions for a in e.anchors]
        assert not [head for head in heads if head.noun in HELD_OUT_CATEGORIES], question


def test_novel_questions_are_mostly_about_novel_things(asked, looks):
    scenes = [scene for scene, _ in looks[Split.NOVEL] for _ in range(40)]
    about = [
        any(is_held_out(scene.object(id).colour, scene.object(id).category) for id in question.target_ids)
        for scene, question in zip(scenes, asked[Split.NOVEL], strict=True)
        if question.kind == "refer" and len(question.target_ids) == 1
    ]
    assert np.mean(about) > 0.5
