"""Rendering of scenes with MuJoCo's OpenGL renderer, without compiling a model for every scene.

All meshes and three textures are uploaded once, in a library model. A scene is drawn by filling MuJoCo's list
of geoms, lights and cameras directly: any number of things, each part under its own linear map.
"""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np

from viper_ros.sim.camera import Camera
from viper_ros.sim.gl import make_context
from viper_ros.sim.meshes import MESH_NAMES, mesh
from viper_ros.sim.parts import Part
from viper_ros.sim.scene import FLOOR_M, Scene, SceneObject
from viper_ros.sim.textures import RGB, Photo, Texture

NEAR_M, FAR_M = 0.02, 12.0
TEXTURE_SIZE = 128
MAX_GEOMS = 2000
MAX_OBJECTS = 10_000

_SURFACES = ("table", "floor", "wall")
_TYPES = {
    "box": mujoco.mjtGeom.mjGEOM_BOX,
    "cylinder": mujoco.mjtGeom.mjGEOM_CYLINDER,
    "sphere": mujoco.mjtGeom.mjGEOM_ELLIPSOID,
}
_GLOSS = {  # material: (specular, shininess)
    "ceramic": (0.6, 0.7),
    "plastic": (0.4, 0.5),
    "metal": (0.8, 0.8),
    "wooden": (0.1, 0.2),
    "rubber": (0.15, 0.2),
    "cardboard": (0.05, 0.1),
    "wax": (0.2, 0.3),
}


@dataclass(frozen=True, eq=False)
class Frame:
    """What a camera sees.

    ``rgb`` (H, W, 3) uint8; ``depth_m`` (H, W) float32, distance along the optical axis in metres; ``ids`` (H, W)
    int32, the id of the thing at each pixel, 0 for table and room; ``K`` (3, 3) in pixels; ``T_world_camera`` (4, 4),
    optical frame.
    """

    rgb: np.ndarray
    depth_m: np.ndarray
    ids: np.ndarray
    K: np.ndarray
    T_world_camera: np.ndarray


class Renderer:
    """An offscreen renderer of a fixed image size. Use it as a context manager, from one thread."""

    def __init__(self, width: int, height: int, samples: int = 4, shadow_size: int = 1024) -> None:
        if not (8 <= width <= 4096 and 8 <= height <= 4096):
            raise ValueError(f"width and height must be within 8..4096 pixels, got {width} x {height}")
        self.width, self.height = width, height
        self._gl = make_context(width, height)
        self._model = self._library(width, height, samples, shadow_size).compile()
        self._context = mujoco.MjrContext(self._model, mujoco.mjtFontScale.mjFONTSCALE_100)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self._context)
        self._context.readDepthMap = mujoco.mjtDepthMap.mjDEPTH_ZEROFAR
        self._scene = mujoco.MjvScene(self._model, MAX_GEOMS)
        self._textures: dict[int, Texture] = {}

    def __enter__(self) -> Renderer:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Free the OpenGL context; safe to call twice."""
        if self._gl is not None:
            self._context.free()
            self._gl.free()
            self._gl = None

    def _library(self, width: int, height: int, samples: int, shadow_size: int) -> mujoco.MjSpec:
        """Every mesh and texture that scenes may need; a renderer of more things adds to it."""
        return _library_spec(width, height, samples, shadow_size)

    def render(self, scene: Scene, camera: Camera, shadows: bool = True) -> Frame:
        """Draw ``scene`` from ``camera``. ``shadows=False`` leaves out the shadows of its lights (faster)."""
        if self._gl is None:
            raise RuntimeError("this Renderer is closed; make a new one")
        self._gl.make_current()
        self._fill(scene, camera)
        rgb, _ = self._draw(shadows=shadows and any(light.shadow for light in scene.lights), segment=False)
        colours, depth = self._draw(shadows=False, segment=True)
        ids = colours.astype(np.int32) @ np.array([1, 256, 65536], dtype=np.int32) - 1
        K = camera.intrinsics(self.width, self.height)
        return Frame(rgb, _metric_depth(depth), np.maximum(ids, 0).astype(np.int32), K, camera.T_world_camera.copy())

    def _draw(self, shadows: bool, segment: bool) -> tuple[np.ndarray, np.ndarray]:
        flags = self._scene.flags
        flags[mujoco.mjtRndFlag.mjRND_SHADOW] = shadows
        flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = False
        flags[mujoco.mjtRndFlag.mjRND_SKYBOX] = False
        flags[mujoco.mjtRndFlag.mjRND_HAZE] = False
        flags[mujoco.mjtRndFlag.mjRND_SEGMENT] = segment
        flags[mujoco.mjtRndFlag.mjRND_IDCOLOR] = segment
        area = mujoco.MjrRect(0, 0, self.width, self.height)
        mujoco.mjr_render(area, self._scene, self._context)
        rgb = np.empty((self.height, self.width, 3), np.uint8)
        depth = np.empty((self.height, self.width), np.float32)
        mujoco.mjr_readPixels(rgb, depth, area, self._context)
        return np.ascontiguousarray(rgb[::-1]), depth[::-1]

    def _fill(self, scene: Scene, camera: Camera) -> None:
        self._scene.ngeom = 0
        self._add_room(scene)
        for thing in scene.objects:
            self._add_object(thing)
        self._set_lights(scene)
        self._set_camera(camera)

    def _add_geom(
        self, kind: mujoco.mjtGeom, size: np.ndarray, position: np.ndarray, linear: np.ndarray, rgb: RGB, id: int
    ) -> mujoco.MjvGeom:
        if self._scene.ngeom >= MAX_GEOMS:
            raise ValueError(f"a scene may have {MAX_GEOMS} parts, this one has more; leave out some things")
        geom = self._scene.geoms[self._scene.ngeom]
        mujoco.mjv_initGeom(geom, kind, size, position, linear.ravel(), np.array([*rgb, 1.0], np.float32))
        geom.segid = id
        self._scene.ngeom += 1
        return geom

    def _add_object(self, thing: SceneObject) -> None:
        if not 0 < thing.id <= MAX_OBJECTS:
            raise ValueError(f"object ids must be within 1..{MAX_OBJECTS}, got {thing.id}")
        pose, colours = thing.T_world_object, {"main": thing.rgb, "accent": thing.accent_rgb}
        for part in thing.shape.parts:
            geom = self._add_part(part, pose, colours.get(part.paint, part.paint), thing.id)
            geom.specular, geom.shininess = _GLOSS[thing.material]

    def _add_part(self, part: Part, pose: np.ndarray, rgb: RGB, id: int) -> mujoco.MjvGeom:
        linear = pose[:3, :3] @ part.rotation
        position = pose[:3, :3] @ np.array(part.position_m) + pose[:3, 3]
        if part.shape in _TYPES:
            return self._add_geom(_TYPES[part.shape], _primitive_size(part), position, linear, rgb, id)
        # The compiler moved the mesh into its inertial frame; undo that, then scale, rotate and move.
        index = MESH_NAMES.index(part.shape)
        scaled = linear * part.size
        position = position + scaled @ self._model.mesh_pos[index]
        linear = scaled @ quat_to_matrix(self._model.mesh_quat[index])
        geom = self._add_geom(mujoco.mjtGeom.mjGEOM_MESH, np.ones(3), position, linear, rgb, id)
        geom.dataid = 2 * index  # odd numbers are the convex hulls
        return geom

    def _add_room(self, scene: Scene) -> None:
        """The table, the floor and four walls."""
        x, y = scene.table_half_m
        eye, room, half_height = np.eye(3), 2.2, 1.5
        centre = FLOOR_M + half_height
        boxes = [
            ("table", scene.table, (x, y, 0.02), (0, 0, -0.02)),
            ("floor", scene.floor, (room, room, 0.05), (0, 0, FLOOR_M - 0.05)),
            *(("wall", scene.wall, (0.05, room, half_height), (s * room, 0, centre)) for s in (1, -1)),
            *(("wall", scene.wall, (room, 0.05, half_height), (0, s * room, centre)) for s in (1, -1)),
        ]
        for name, texture, size, position in boxes:
            geom = self._add_geom(mujoco.mjtGeom.mjGEOM_BOX, np.array(size), np.array(position), eye, (1, 1, 1), 0)
            self._set_texture(geom, _SURFACES.index(name), texture)
            geom.specular, geom.shininess = 0.1, 0.2
            geom.castshadow = False  # large flat things would only speckle themselves

    def _set_texture(self, geom: mujoco.MjvGeom, slot: int, texture: Texture | Photo) -> None:
        if isinstance(texture, Photo):
            raise ValueError(f"the picture {texture.name!r} is in the household library; use HouseholdRenderer")
        if self._textures.get(slot) != texture:
            start = self._model.tex_adr[slot]
            pixels = texture.pixels(TEXTURE_SIZE).ravel()
            self._model.tex_data[start : start + pixels.size] = pixels
            mujoco.mjr_uploadTexture(self._model, self._context, slot)
            self._textures[slot] = texture
        geom.matid = slot
        geom.texrepeat[:] = texture.repeat
        geom.texuniform = 0

    def _set_lights(self, scene: Scene) -> None:
        # MuJoCo darkens the ambient part of a light too where that light's shadow falls: give it a light of its own.
        ambient = np.sum([light.ambient for light in scene.lights], axis=0)
        nothing = (0.0, 0.0, 0.0)
        sources = [(light.direction, light.diffuse, nothing, light.specular, light.shadow) for light in scene.lights]
        sources.append(((0.0, 0.0, -1.0), nothing, ambient, nothing, False))
        self._scene.nlight = len(sources)
        for light, (direction, diffuse, background, specular, shadow) in zip(self._scene.lights, sources, strict=False):
            light.type = mujoco.mjtLightType.mjLIGHT_DIRECTIONAL
            light.headlight, light.castshadow = 0, shadow
            light.dir[:], light.pos[:] = direction, -2.0 * np.array(direction)
            light.diffuse[:], light.ambient[:], light.specular[:] = diffuse, background, specular
            light.attenuation[:] = (1, 0, 0)
            light.range, light.cutoff, light.exponent, light.intensity, light.bulbradius = 10, 45, 0, 0, 0.02

    def _set_camera(self, camera: Camera) -> None:
        top = NEAR_M * np.tan(np.radians(0.5 * camera.fov_y_deg))
        for view in self._scene.camera:  # the left and the right eye; a mono image averages them
            view.pos[:] = camera.T_world_camera[:3, 3]
            view.forward[:] = camera.T_world_camera[:3, 2]
            view.up[:] = -camera.T_world_camera[:3, 1]
            view.orthographic = 0
            view.frustum_center, view.frustum_width = 0, 0  # width 0: from the aspect of the image
            view.frustum_bottom, view.frustum_top = -top, top
            view.frustum_near, view.frustum_far = NEAR_M, FAR_M


def _primitive_size(part: Part) -> np.ndarray:
    x, y, z = part.size
    return np.array([x, y, z]) if part.shape != "cylinder" else np.array([x, z, 0.0])


def _metric_depth(buffer: np.ndarray) -> np.ndarray:
    """Turn a zero-far depth buffer in [0, 1] into metres along the optical axis."""
    return (NEAR_M * FAR_M / (NEAR_M + buffer * (FAR_M - NEAR_M))).astype(np.float32)


def quat_to_matrix(quat: np.ndarray) -> np.ndarray:
    """Turn MuJoCo's quaternion (w, x, y, z) into a rotation (3, 3)."""
    matrix = np.empty(9)
    mujoco.mju_quat2Mat(matrix, quat)
    return matrix.reshape(3, 3)


def _library_spec(width: int, height: int, samples: int, shadow_size: int) -> mujoco.MjSpec:
    """Describe the model that holds every mesh and one texture slot per surface."""
    spec = mujoco.MjSpec()
    spec.visual.global_.offwidth, spec.visual.global_.offheight = width, height
    spec.visual.quality.offsamples, spec.visual.quality.shadowsize = samples, shadow_size
    spec.visual.map.znear, spec.visual.map.zfar, spec.stat.extent = NEAR_M, FAR_M, 1.0
    for name in MESH_NAMES:
        data = mesh(name)
        spec.add_mesh(name=name, uservert=data.vertices.ravel().tolist(), userface=data.faces.ravel().tolist())
    for name in _SURFACES:
        spec.add_texture(
            name=name,
            type=mujoco.mjtTexture.mjTEXTURE_2D,
            builtin=mujoco.mjtBuiltin.mjBUILTIN_FLAT,
            width=TEXTURE_SIZE,
            height=TEXTURE_SIZE,
        )
        material = spec.add_material(name=name)
        material.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = name
    return spec
