"""Rendering of household scenes: the tabletop's renderer with a library of textured meshes in its model."""

from __future__ import annotations

import mujoco
import numpy as np

from viper_ros.sim.household_mesh import TexturedMesh
from viper_ros.sim.household_pack import Pack
from viper_ros.sim.meshes import MESH_NAMES
from viper_ros.sim.render import MAX_OBJECTS, Renderer, quat_to_matrix
from viper_ros.sim.scene import Scene, SceneObject
from viper_ros.sim.textures import RGB, Photo, Texture

_PAPER = (0.08, 0.15)
_GLOSS = {"ceramic": (0.4, 0.5), "glass": (0.6, 0.8), "metal": (0.5, 0.6), "plastic": (0.2, 0.3)}
"""Material: (specular, shininess); everything else shines as paper does. Photographed textures shine already."""


class HouseholdRenderer(Renderer):
    """An offscreen renderer of scenes whose things may come from a pack. Use it as `Renderer`."""

    def __init__(self, pack: Pack, width: int, height: int, samples: int = 4, shadow_size: int = 1024) -> None:
        self._pack = pack
        self._meshes: dict[str, list[tuple[int, int, TexturedMesh]]] = {}  # asset: (mesh, material or -1, what it is)
        self._photos: dict[str, int] = {}
        super().__init__(width, height, samples, shadow_size)

    def _library(self, width: int, height: int, samples: int, shadow_size: int) -> mujoco.MjSpec:
        spec = super()._library(width, height, samples, shadow_size)
        materials: dict[int, int] = {}  # id() of the picture: its material; what several meshes share is uploaded once
        count = len(MESH_NAMES)
        for asset, meshes in self._pack.meshes.items():
            self._meshes[asset] = []
            for k, mesh in enumerate(meshes):
                _add_mesh(spec, f"{asset}/{k}", mesh)
                material = -1
                if mesh.texture is not None:
                    if id(mesh.texture) not in materials:
                        materials[id(mesh.texture)] = _add_picture(spec, f"{asset}/{k}", mesh.texture)
                    material = materials[id(mesh.texture)]
                self._meshes[asset].append((count, material, mesh))
                count += 1
        self._photos = {name: _add_picture(spec, f"surface/{name}", p) for name, p in self._pack.surfaces.items()}
        return spec

    def _add_room(self, scene: Scene) -> None:
        super()._add_room(scene)
        for item in scene.backdrop:
            self._add_asset(item.asset, item.T_world_asset, (1.0, 1.0, 1.0), 0, _GLOSS["plastic"])

    def _add_object(self, thing: SceneObject) -> None:
        if thing.asset is None:
            super()._add_object(thing)
            return
        if not 0 < thing.id <= MAX_OBJECTS:
            raise ValueError(f"object ids must be within 1..{MAX_OBJECTS}, got {thing.id}")
        pose = thing.T_world_object @ thing.shape.T_shape_asset
        self._add_asset(thing.asset, pose, thing.rgb, thing.id, _GLOSS.get(thing.material, _PAPER))

    def _add_asset(self, asset: str, pose: np.ndarray, tint: RGB, id: int, gloss: tuple[float, float]) -> None:
        if asset not in self._meshes:
            raise ValueError(f"the pack has no asset {asset!r}; it has {', '.join(sorted(self._meshes))}")
        for index, material, mesh in self._meshes[asset]:
            position = pose[:3, :3] @ self._model.mesh_pos[index] + pose[:3, 3]
            linear = pose[:3, :3] @ quat_to_matrix(self._model.mesh_quat[index])
            rgb = tuple(min(a * b, 1.0) for a, b in zip(mesh.rgb, tint, strict=True))
            geom = self._add_geom(mujoco.mjtGeom.mjGEOM_MESH, np.ones(3), position, linear, rgb, id)
            geom.dataid = 2 * index
            geom.specular, geom.shininess = gloss
            if material >= 0:
                geom.matid, geom.texcoord = material, 1
                geom.texrepeat[:], geom.texuniform = 1.0, 0

    def _set_texture(self, geom: mujoco.MjvGeom, slot: int, texture: Texture | Photo) -> None:
        if not isinstance(texture, Photo):
            super()._set_texture(geom, slot, texture)
            return
        if texture.name not in self._photos:
            raise ValueError(f"the pack has no surface {texture.name!r}; it has {', '.join(sorted(self._photos))}")
        geom.matid = self._photos[texture.name]
        geom.rgba[:3] = texture.tint
        geom.texrepeat[:], geom.texuniform = texture.repeat, 0


def _add_mesh(spec: mujoco.MjSpec, name: str, mesh: TexturedMesh) -> None:
    spec.add_mesh(
        name=name,
        uservert=mesh.vertices.ravel().tolist(),
        usernormal=mesh.normals.ravel().tolist(),
        usertexcoord=mesh.uv.ravel().tolist(),
        userface=mesh.faces.ravel().tolist(),
        inertia=mujoco.mjtMeshInertia.mjMESH_INERTIA_SHELL,  # many are open, some are flat
        maxhullvert=16,
    )


def _add_picture(spec: mujoco.MjSpec, name: str, picture: np.ndarray) -> int:
    """Add an RGB picture (h, w, 3) uint8 and a material that shows it; give the material's index."""
    height, width = picture.shape[:2]
    texture = spec.add_texture(name=name, type=mujoco.mjtTexture.mjTEXTURE_2D, width=width, height=height, nchannel=3)
    texture.data = picture.tobytes()
    material = spec.add_material(name=name)
    material.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = name
    return len(spec.materials) - 1
