import re

import numpy as np
import pytest

from viper_ros.sim.household_words import HOUSEHOLD
from viper_ros.sim.strange import made_up_word, with_made_up_brand, with_made_up_noun, with_made_up_verb


def test_made_up_words_are_none_that_is_known():
    rng = np.random.default_rng(0)
    words = {made_up_word(rng) for _ in range(3000)}
    known = {word for row in HOUSEHOLD.categories.values() for name in (row.name, row.plural) for word in name.split()}
    assert len(words) > 2000 and not words & (known | {"red", "large", "thing", "into", "between"})


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("pick up the mug left of the plate", "the mug left of the plate"),
        ("please pick up the mug", "the mug"),
        ("take the egg behind the cup and put it on the plate", "the egg behind the cup and put it on the plate"),
        ("can i have the spoon?", "the spoon?"),
    ],
)
def test_a_verb_gives_way_and_the_rest_stays(text, rest):
    strange = {with_made_up_verb(np.random.default_rng(seed), text) for seed in range(20)}
    assert len(strange) > 15 and text not in strange and all(told.endswith(f" {rest}") for told in strange)


@pytest.mark.parametrize(
    "text", ["mugs", "the mug", "mug behind the plate", "into the basket with the egg", "anything but the mug"]
)
def test_what_does_not_begin_as_an_instruction_keeps_its_words(text):
    assert with_made_up_verb(np.random.default_rng(0), text) == text


@pytest.mark.parametrize(
    ("text", "before", "after"),
    [
        ("pick up the red mug", "pick up the red ", ""),
        ("is there an apple?", "is there a ", "?"),
        ("alphabet soup", "", ""),
    ],
)
def test_the_noun_at_the_end_becomes_one_that_nobody_knows(text, before, after):
    strange = with_made_up_noun(np.random.default_rng(0), text)
    assert strange.startswith(before) and strange.endswith(after) and strange != text
    assert not any(name in strange for name in ("mug", "apple", "soup"))


@pytest.mark.parametrize(
    "text", ["the mug left of the plate", "put the mug on the plate", "the mug that is not red", "the mug, please"]
)
def test_a_text_that_names_more_than_one_thing_or_goes_on_is_left_alone(text):
    assert with_made_up_noun(np.random.default_rng(0), text) is None


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("pick up the red mug", r"pick up the red (\w+) mug"),
        ("is there a mug?", r"is there an? (\w+) mug\?"),
        ("can you see the can of tomato sauce", r"can you see the (\w+) can of tomato sauce"),
        ("put the ketchup next to the plate", r"put the (\w+) ketchup next to the plate"),
        ("where in the image can you see the mug?", r"where in the image can you see the (\w+) mug\?"),
    ],
)
def test_a_brand_stands_before_the_name_of_what_somebody_made(text, pattern):
    for seed in range(20):
        branded = with_made_up_brand(np.random.default_rng(seed), text)
        found = re.fullmatch(pattern, branded)
        assert found and found[1] not in text, branded
        assert not re.search(r"\ba [aeiou]|\ban [^aeiou]", branded), branded


@pytest.mark.parametrize("text", ["pick up the banana", "the egg", "can you help me?", "mugs"])
def test_what_grows_or_is_not_named_has_no_brand(text):
    assert with_made_up_brand(np.random.default_rng(0), text) is None
