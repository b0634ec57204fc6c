"""The checkpoint that ships understands scenes that it never saw. The figures of the model card come from
`viper evaluate` over many more; the bounds here are far below them and only tell a broken checkpoint."""

import pytest

from viper_ros.evaluation.suites import run_suite, summarise, table
from viper_ros.perception import Predictor


@pytest.fixture(scope="module")
def figures():
    return summarise(run_suite(Predictor.from_pretrained("nano"), "tabletop", scenes=12))


def test_it_points_at_what_is_meant(figures):
    assert figures["pointing"]["n"] > 60
    assert figures["pointing"]["rate"] > 0.75
    assert figures["pointing"]["rate"] > 10 * figures["pointing_by_chance"]


def test_it_knows_what_is_not_there(figures):
    assert figures["presence_auroc"] > 0.85


def test_it_answers(figures):
    assert figures["answers"]["rate"] > 0.5


def test_cells_are_probabilities_that_mean_something(figures):
    assert figures["cell_ece"] < 0.05


def test_the_table_names_every_figure(figures):
    text = table({"suite": "tabletop", "scenes": 12} | figures)
    for name in ("pointing", "box_iou", "presence_auroc", "answers", "query_ms_median"):
        assert name in text
