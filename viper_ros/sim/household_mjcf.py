"""Reading what an MJCF file draws: its visual geoms as textured meshes in the frame of the file's world.

MuJoCo itself reads the file. Before, three habits of such libraries are put right: a texture that is named by the
path of another machine or was moved is looked for by its name, assets that share a name get one each, and what
does not draw (joints, sites, sensors, elements of other tools) is left out.
"""

from __future__ import annotations

import os
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path

import cv2
import mujoco
import numpy as np

from viper_ros.sim.household_mesh import TexturedMesh, box_corners, simplified
from viper_ros.sim.meshes import lathe

_SECTIONS = ("compiler", "default", "asset", "worldbody")
_DRAWN = ("body", "geom")
_REFERENCES = {"texture": ("material", "texture"), "mesh": ("geom", "mesh"), "material": ("geom", "material")}
_VISUAL_GROUP = 1
_TYPES = tuple(
    int(getattr(mujoco.mjtGeom, f"mjGEOM_{kind}"))
    for kind in ("MESH", "BOX", "CYLINDER", "CAPSULE", "SPHERE", "ELLIPSOID")
)
_NO_RGBA = np.array([0.5, 0.5, 0.5, 1.0], np.float32)
"""MuJoCo's default colour of a geom; one that has another colour shows it instead of its material's."""


def read_mjcf(path: Path, root: Path, most_faces: int, texture_px: int) -> list[TexturedMesh]:
    """Read what ``path`` draws, each mesh with at most ``most_faces`` triangles, textures at most ``texture_px`` wide.

    ``root`` is the library's folder, where files that are not at their place are looked for. Raises ValueError with
    the file's name if MuJoCo cannot read it or nothing in it is drawn.
    """
    model = _compile(path, root)
    data = mujoco.MjData(model)
    mujoco.mj_kinematics(model, data)
    meshes = [_read_geom(model, data, geom, most_faces, texture_px) for geom in _visual_geoms(model)]
    meshes = [mesh for mesh in meshes if len(mesh.faces)]
    if not meshes:
        raise ValueError(f"{path} draws nothing; expected geoms of a mesh, box, cylinder or sphere that are not clear")
    return meshes


def read_bodies(
    path: Path, root: Path, most_faces: int, texture_px: int, in_file_frame: bool = False
) -> dict[str, tuple[TexturedMesh, ...]]:
    """Read what ``path`` draws body by body, in each body's own frame or all in the file's; see `read_mjcf`.

    Meshes of one body and one plain colour become one.
    """
    model = _compile(path, root)
    data = mujoco.MjData(model)
    mujoco.mj_kinematics(model, data)
    bodies: dict[str, dict[object, TexturedMesh]] = {}
    for geom in _visual_geoms(model):
        body = model.geom_bodyid[geom]
        mesh = _read_geom(model, data, geom, most_faces, texture_px)
        if not in_file_frame:
            inverse = data.xmat[body].reshape(3, 3).T
            mesh = mesh.moved(inverse, -inverse @ data.xpos[body])
        told = bodies.setdefault(model.body(body).name, {})
        key = mesh.rgb if mesh.texture is None else geom
        told[key] = told[key].joined(mesh) if key in told else mesh
    return {name: tuple(meshes.values()) for name, meshes in bodies.items()}


def _compile(path: Path, root: Path) -> mujoco.MjModel:
    try:
        return mujoco.MjSpec.from_string(repaired_xml(path, root)).compile()
    except (ElementTree.ParseError, ValueError, FileNotFoundError) as error:
        raise ValueError(f"cannot read the MJCF file {path}: {error}") from error


def repaired_xml(path: Path, root: Path) -> str:
    """Give the text of an MJCF file with its files found, its names made unique and only what draws."""
    tree = ElementTree.parse(path).getroot()
    for section in list(tree):
        if section.tag not in _SECTIONS:
            tree.remove(section)
    for worldbody in tree.findall("worldbody"):
        _keep_drawn(worldbody)
    folders = _folders(tree, path)
    for element in tree.iter():
        if element.tag in folders and element.get("file"):
            element.set("file", str(_find(element.get("file"), folders[element.tag], path, root)))
    for compiler in tree.findall("compiler"):
        for folder in ("meshdir", "texturedir", "assetdir"):
            compiler.attrib.pop(folder, None)
    _make_names_unique(tree)
    return ElementTree.tostring(tree, encoding="unicode")


def _keep_drawn(body: ElementTree.Element) -> None:
    for child in list(body):
        if child.tag in _DRAWN:
            _keep_drawn(child)
        else:
            body.remove(child)


def _folders(tree: ElementTree.Element, path: Path) -> dict[str, Path]:
    """Where the files of each kind of asset are counted from."""
    compiler = tree.find("compiler")
    said = {} if compiler is None else compiler.attrib
    both = said.get("assetdir", "")
    return {
        "mesh": path.parent / said.get("meshdir", both),
        "texture": path.parent / said.get("texturedir", both),
    }


def _find(file: str, folder: Path, path: Path, root: Path) -> Path:
    """Find a file at its place, else by its name: beside the MJCF file, below its folder, anywhere in the library."""
    there = folder / file  # an absolute path stays itself
    if there.is_file():
        return Path(os.path.abspath(there))
    name = Path(file.replace("\\", "/")).name
    for below in (path.parent, root):
        found = sorted(below.rglob(name), key=lambda p: (len(p.parts), p))
        if found:
            return found[0].resolve()
    raise FileNotFoundError(f"{path} names {file}, which is neither there nor anywhere below {root}")


def _make_names_unique(tree: ElementTree.Element) -> None:
    """Number repeated names; a reference means the last asset of that name before it, as it was read by its authors."""
    counts: dict[tuple[str, str], int] = {}
    for element in tree.iter():
        for kind, (tag, attribute) in _REFERENCES.items():
            key = (kind, element.get(attribute, ""))
            if element.tag == tag and counts.get(key, 1) > 1:
                element.set(attribute, f"{key[1]}.{counts[key]}")
        name = element.get("name")
        if name is not None:
            key = (element.tag, name)
            counts[key] = counts.get(key, 0) + 1
            if counts[key] > 1:
                element.set("name", f"{name}.{counts[key]}")


def _visual_geoms(model: mujoco.MjModel) -> Iterator[int]:
    """The geoms that are shown: those of the visual group, or all in a file that has none there."""
    shown = [g for g in range(model.ngeom) if _rgba(model, g)[3] > 0 and int(model.geom_type[g]) in _TYPES]
    visual = [g for g in shown if model.geom_group[g] == _VISUAL_GROUP]
    yield from visual or shown


def _rgba(model: mujoco.MjModel, geom: int) -> np.ndarray:
    material = model.geom_matid[geom]
    own = model.geom_rgba[geom]
    return own if material < 0 or not np.array_equal(own, _NO_RGBA) else model.mat_rgba[material]


def _read_geom(model: mujoco.MjModel, data: mujoco.MjData, geom: int, most_faces: int, texture_px: int) -> TexturedMesh:
    positions, normals, uv = _corners(model, geom)
    rotation = data.geom_xmat[geom].reshape(3, 3)
    positions, normals = positions @ rotation.T + data.geom_xpos[geom], normals @ rotation.T
    rgb = tuple(float(v) for v in _rgba(model, geom)[:3])
    texture = _texture(model, model.geom_matid[geom], texture_px)
    if texture is not None and uv is None:
        rgb, texture = tuple(float(v) for v in np.array(rgb) * texture.mean(axis=(0, 1)) / 255), None
    if texture is None:
        uv = np.zeros((len(positions), 2))
    else:
        uv = uv * model.mat_texrepeat[model.geom_matid[geom]]
    vertices, normals, uv, faces = simplified(positions, normals, uv, most_faces)
    return TexturedMesh(*(v.astype(np.float32) for v in (vertices, normals, uv)), faces, rgb, texture)


def _corners(model: mujoco.MjModel, geom: int) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Triangle corners of a geom of ``_TYPES`` in its own frame; no uv where it has none."""
    kind, size = model.geom_type[geom], model.geom_size[geom]
    if kind == mujoco.mjtGeom.mjGEOM_MESH:
        return _mesh_corners(model, model.geom_dataid[geom])
    if kind == mujoco.mjtGeom.mjGEOM_BOX:
        return box_corners(size)
    angle = np.linspace(-np.pi / 2, np.pi / 2, 14)
    profile = np.stack([np.cos(angle), np.sin(angle)], -1)
    scale = size if kind == mujoco.mjtGeom.mjGEOM_ELLIPSOID else size[[0, 0, 0]]
    if kind == mujoco.mjtGeom.mjGEOM_CYLINDER:
        profile, scale = np.array([(0, -1), (1, -1), (1, 1), (0, 1)]), size[[0, 0, 1]]
    elif kind == mujoco.mjtGeom.mjGEOM_CAPSULE:
        profile[:, 1] += np.sign(profile[:, 1]) * size[1] / size[0]
    mesh = lathe(profile, segments=24)
    positions = (mesh.vertices * scale)[mesh.faces]
    normals = np.cross(positions[:, 1] - positions[:, 0], positions[:, 2] - positions[:, 0])
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    return positions.reshape(-1, 3), np.repeat(normals, 3, axis=0), None


def _mesh_corners(model: mujoco.MjModel, mesh: int) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    faces = slice(model.mesh_faceadr[mesh], model.mesh_faceadr[mesh] + model.mesh_facenum[mesh])
    start, first_normal = model.mesh_vertadr[mesh], model.mesh_normaladr[mesh]
    positions = model.mesh_vert[start + model.mesh_face[faces].ravel()].astype(float)
    normals = model.mesh_normal[first_normal + model.mesh_facenormal[faces].ravel()].astype(float)
    first_uv = model.mesh_texcoordadr[mesh]
    if first_uv < 0:
        return positions, normals, None
    return positions, normals, model.mesh_texcoord[first_uv + model.mesh_facetexcoord[faces].ravel()].astype(float)


def _texture(model: mujoco.MjModel, material: int, texture_px: int) -> np.ndarray | None:
    """The 2D texture of a material, shrunk; None if it has none."""
    index = -1 if material < 0 else model.mat_texid[material, mujoco.mjtTextureRole.mjTEXROLE_RGB]
    if index < 0 or model.tex_type[index] != mujoco.mjtTexture.mjTEXTURE_2D:
        return None
    height, width, channels = (int(v[index]) for v in (model.tex_height, model.tex_width, model.tex_nchannel))
    start = model.tex_adr[index]
    pixels = model.tex_data[start : start + height * width * channels].reshape(height, width, channels)[..., :3]
    side = min(texture_px, max(height, width))
    return cv2.resize(np.ascontiguousarray(pixels), (side, side), interpolation=cv2.INTER_AREA)
