"""Parameters: one table, the file that documents it, and what may be set when."""

import re
from dataclasses import fields
from pathlib import Path

import pytest
import yaml
from rclpy.exceptions import InvalidParameterTypeException, InvalidParameterValueException
from rclpy.parameter import Parameter

from viper_ros.ros.parameters import (
    LIVE,
    READ_ONLY,
    UNCONFIGURED,
    Settings,
    check_parameters,
    default_of,
    descriptor_of,
    refusal,
    rule_of,
)
from viper_ros.ros.viper_node import ViperNode

FILE = Path(__file__).parents[2] / "config" / "viper.yaml"
NAMES = [field.name for field in fields(Settings)]
WORDS = {LIVE: "live", UNCONFIGURED: "unconfigured", READ_ONLY: "start"}


def test_the_file_holds_every_parameter_with_its_default():
    written = yaml.safe_load(FILE.read_text())["/**"]["ros__parameters"]
    assert written == {name: default_of(name) for name in NAMES}
    assert {name: type(value) for name, value in written.items()} == {name: type(default_of(name)) for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_the_file_says_when_a_parameter_may_change_and_in_which_range(name):
    comment = re.search(rf"^ +{name}: .*# (.*)$", FILE.read_text(), re.MULTILINE)[1]
    assert comment.startswith(f"{WORDS[rule_of(name).change]}. ")
    if rule_of(name).bounds:
        low, high = (f"{value:g}" for value in rule_of(name).bounds)
        assert f"[{low}, {high}]" in comment


@pytest.mark.parametrize("name", NAMES)
def test_defaults_obey_their_own_rules(name):
    assert refusal(name, default_of(name), configured=False) is None
    assert descriptor_of(name).description


@pytest.mark.parametrize(
    "name, value, reason",
    [
        ("threshold", 1.5, r"threshold must be in \[0.0, 1.0\], got 1.5"),
        ("threshold", float("nan"), "must be finite"),
        ("threshold", 1, "threshold must be a float, got int 1"),
        ("max_regions", 0, r"must be in \[1, 100\]"),
        ("max_rate_hz", -1.0, r"must be in \[0.01, 1000.0\]"),
        ("device", "tpu", "must be one of cpu, cuda, auto"),
        ("want_3d", "yes", "want_3d must be a bool"),
        ("target_frame", 7, "target_frame must be a str"),
    ],
)
def test_a_wrong_value_is_refused_with_the_reason(name, value, reason):
    assert re.search(reason, refusal(name, value, configured=False))


def test_the_model_changes_only_while_unconfigured():
    assert refusal("model", "other", configured=False) is None
    assert "clean up first" in refusal("model", "other", configured=True)
    assert refusal("threshold", 0.7, configured=True) is None


def test_a_change_is_judged_as_a_whole_and_parameters_of_others_pass():
    good, bad = Parameter("threshold", value=0.5), Parameter("device", value="tpu")
    assert check_parameters([good, Parameter("use_sim_time", value=True)], configured=True).successful
    assert not check_parameters([good, bad], configured=False).successful


@pytest.mark.parametrize(
    "name, value, error",
    [
        ("threshold", 3.0, InvalidParameterValueException),
        ("num_threads", 0, InvalidParameterValueException),
        ("max_rate_hz", "fast", InvalidParameterTypeException),
    ],
)
def test_a_bad_value_at_start_stops_the_node_with_its_name(context, name, value, error):
    with pytest.raises(error, match=name):
        ViperNode(context=context, parameter_overrides=[Parameter(name, value=value)])


OTHER_VALUES = {
    "image_is_rectified": True,
    "instruction": "the blue box",
    "standing_answer": True,
    "max_rate_hz": 3.5,
    "threshold": 0.25,
    "max_regions": 2,
    "want_3d": False,
    "target_frame": "base_link",
    "sync_slop": 0.2,
    "max_image_age": 7.5,
    "query_timeout": 3.25,
    "ground_timeout": 4.5,
    "tf_timeout": 0.5,
}


def test_every_live_parameter_takes_effect_at_once_and_a_wrong_value_leaves_it_as_it_was(rig):
    assert set(OTHER_VALUES) == {name for name in NAMES if rule_of(name).change == LIVE}
    for name, value in OTHER_VALUES.items():
        assert rig.set_parameter(name, value).successful, name
        assert getattr(rig.viper.settings, name) == value
        wrong = rule_of(name).bounds[1] * 2 if rule_of(name).bounds else 5 if isinstance(value, str) else "maybe"
        result = rig.set_parameter(name, type(value)(wrong) if rule_of(name).bounds else wrong)
        assert not result.successful and result.reason, name
        assert getattr(rig.viper.settings, name) == value
    assert rig.viper.frames.slop_s == 0.2


def test_a_target_frame_with_a_slash_is_refused_and_changes_nothing(rig):
    result = rig.set_parameter("target_frame", "/base_link")
    assert not result.successful and "without a leading /" in result.reason
    assert rig.viper.settings.target_frame == ""


def test_parameters_that_are_no_good_together_stop_configure_with_the_reason(make_rig):
    rig = make_rig(target_frame="/base_link")
    assert not rig.transition("configure")
    assert "without a leading /" in rig.ask().status.message


@pytest.mark.parametrize("name", NAMES)
def test_a_description_reads_well_by_itself(name):
    descriptor = descriptor_of(name)
    assert len(descriptor.description) > 20 and not descriptor.description.endswith(".")
    assert descriptor.read_only == (rule_of(name).change == READ_ONLY)
    if isinstance(default_of(name), float) and name != "threshold":
        assert re.search(r"\[(s|Hz)\]", descriptor.description)  # a unit
    if rule_of(name).change == UNCONFIGURED:
        assert "while the node is unconfigured" in descriptor.additional_constraints
