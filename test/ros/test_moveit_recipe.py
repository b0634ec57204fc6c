"""docs/moveit.md: what needs no MoveIt runs against a real node; the rest is Python that calls only what it defines."""

import ast
import builtins
import re
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from geometry_msgs.msg import PoseStamped

from viper_ros.ros.client import ViperClient
from viper_ros.ros.transforms import StaticBroadcaster, transform_stamped

TEXT = (Path(__file__).parents[2] / "docs" / "moveit.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
WITHOUT_MOVEIT = [block for block in BLOCKS if "moveit.planning" not in block]
FRAME = "robot_base"


@pytest.fixture(scope="module")
def recipe():
    """The names that the blocks without MoveIt define."""
    assert len(WITHOUT_MOVEIT) == 2 and len(BLOCKS) == 3
    names = {}
    for block in WITHOUT_MOVEIT:
        exec(compile(block, "docs/moveit.md", "exec"), names)
    return names


@pytest.fixture
def filmed(rig):
    """A rig whose camera looks down from 2 m and films all the time, 1 m over a wall of depth."""
    T = np.diag([1.0, -1.0, -1.0, 1.0])
    T[:3, 3] = 0.5, 0.25, 2.0
    StaticBroadcaster(rig.user).send([transform_stamped(FRAME, rig.optical, T, rig.viper.get_clock().now())])
    over = threading.Event()

    def film():
        while not over.wait(0.1):
            rig.shoot(depth_m=1.0, wait=False)

    thread = threading.Thread(target=film)
    thread.start()
    yield rig
    over.set()
    thread.join()


@pytest.fixture
def client(filmed, context):
    with ViperClient(filmed.viper.get_fully_qualified_name(), context) as client:
        client.wait_until_ready(timeout_s=30.0)
        yield client


def test_a_thing_is_located_in_the_planning_frame_and_the_tool_comes_from_above(recipe, filmed, client):
    recipe["LARGEST_SIGMA_M"] = 1.0  # the region of the test's model is the whole wall
    position_m, size_m = recipe["locate"](client, "the red mug", FRAME)
    np.testing.assert_allclose(position_m[:2], [0.5, 0.25], atol=0.05)
    assert 0.5 < position_m[2] <= 1.05 and (size_m > 0).all()
    pose = recipe["tool_pose"](position_m, 0.1, FRAME)
    assert isinstance(pose, PoseStamped) and pose.header.frame_id == FRAME
    assert pose.pose.position.z == pytest.approx(position_m[2] + 0.1)
    q = pose.pose.orientation
    x, y, z, w = q.x, q.y, q.z, q.w
    tool_z = [2 * (x * z + w * y), 2 * (y * z - w * x), 1 - 2 * (x * x + y * y)]
    np.testing.assert_allclose(tool_z, [0, 0, -1], atol=1e-9)


def test_a_position_that_is_too_unsure_or_in_another_frame_is_refused(recipe, client):
    recipe["LARGEST_SIGMA_M"] = 1e-4
    with pytest.raises(RuntimeError, match="look from nearer"):
        recipe["locate"](client, "the red mug", FRAME, watch_s=1.0)
    with pytest.raises(RuntimeError, match="is not known in 'moon'"):
        recipe["locate"](client, "the red mug", "moon", watch_s=1.0)


def test_the_standing_target_is_followed_and_grows_stale(recipe, filmed):
    topic = filmed.viper.resolve_topic_name("~/target_pose")
    target = recipe["Target"](filmed.user, FRAME, topic)
    assert filmed.set_parameter("target_frame", FRAME).successful
    assert filmed.set_parameter("instruction", "the red mug").successful
    pose = filmed.wait_for(lambda: target.fresh(max_age_s=30.0))
    assert pose.header.frame_id == FRAME
    assert filmed.set_parameter("instruction", "").successful
    time.sleep(0.5)
    assert target.fresh(max_age_s=1e-3) is None


def test_the_moveit_part_is_python_that_uses_only_names_it_has():
    (block,) = [block for block in BLOCKS if block not in WITHOUT_MOVEIT]
    tree = ast.parse(block)
    defined = {node.id for b in BLOCKS for node in ast.walk(ast.parse(b)) if _stores(node)}
    defined |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)} | set(dir(builtins))
    for other in map(ast.parse, BLOCKS):
        for node in ast.walk(other):
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                defined.add(node.name)
            if isinstance(node, ast.Import | ast.ImportFrom):
                defined |= {alias.asname or alias.name for alias in node.names}
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    assert used - {"__name__"} <= defined


def _stores(node):
    return isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
