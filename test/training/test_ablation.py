"""The variants of an ablation: one part away, the same size."""

import json

import pytest

from viper_ros.model import ViperConfig, ViperF1
from viper_ros.training.ablation import VARIANTS, AblationConfig, markdown, run_ablation, variant_model


def parameters(name):
    return sum(p.numel() for p in ViperF1(ViperConfig.from_dict(variant_model(name))).parameters())


def test_all_variants_have_the_size_of_the_whole_within_two_percent():
    sizes = {name: parameters(name) for name in VARIANTS}
    for name, size in sizes.items():
        assert size == pytest.approx(sizes["whole"], rel=0.02), name


@pytest.mark.parametrize("name", sorted(VARIANTS))
def test_a_variant_differs_in_its_part_and_else_only_in_the_width_of_its_perceptrons(name):
    whole, changed = variant_model("whole")["modulator"], variant_model(name)["modulator"]
    different = {key for key in whole if whole[key] != changed[key]} - {"ffn_ratio"}
    assert different == set(VARIANTS[name])


def test_an_unknown_variant_lists_the_valid_ones():
    with pytest.raises(ValueError, match=r"unknown variants \['half'\]; valid are"):
        next(run_ablation(AblationConfig({"out": "nowhere"}, variants=("half",))))


def test_variants_of_the_training_take_their_place_and_photographs_have_columns(tmp_path):
    row = {"variant": "less", "parameters": 1_000_000, "box_iou": 0.1, "presence_auroc": 0.5, "query_ms_median": 1.0}
    row |= {name: {"rate": 0.25, "n": 8} for name in ("pointing", "pointing_with_relation", "answers", "photos_test")}
    for name in ("less", "more"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "figures.json").write_text(json.dumps(row | {"variant": name}))
    config = AblationConfig({"out": str(tmp_path)}, trainings={"less": {"photometric": 0.0}, "more": {}})
    lines = markdown(list(run_ablation(config))).splitlines()
    assert lines[0].endswith("| ms a question | pointing, photos_test |")
    assert [line.split(" | ")[0] for line in lines[2:]] == ["| less", "| more"]
    assert lines[2].endswith("| 1 | 0.250 |")


def test_rows_become_a_table():
    rate = {"rate": 0.5, "n": 10}
    row = {
        "variant": "whole",
        "parameters": 6_000_000,
        "pointing": rate,
        "pointing_with_relation": rate,
        "box_iou": 0.25,
    }
    row |= {"presence_auroc": 0.75, "answers": rate, "query_ms_median": 20.0}
    assert markdown([row]).splitlines()[2] == "| whole | 6.00 M | 0.500 | 0.500 | 0.250 | 0.750 | 0.500 | 20 |"
