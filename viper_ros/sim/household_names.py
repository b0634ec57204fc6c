"""The household library's things: where each lies, what people call it, how it stands and what it holds. Data only.

The keys of ``ASSETS`` are LIBERO's own class names, so ``ASSETS["akita_black_bowl"]`` says what that benchmark's
objects are called here. Colours and names were written down looking at renderings of every asset.
"""

from __future__ import annotations

from dataclasses import dataclass

from viper_ros.sim.household_pack import Source

_HOPE, _SCAN = "stable_hope_objects", "stable_scanned_objects"
_TURBO, _BUILT = "turbosquid_objects", "articulated_objects"
_UPRIGHT = (90.0, 0.0, 0.0)
"""The library's cans, cartons and bottles lie along y; this stands them on their bottoms."""


@dataclass(frozen=True)
class Asset:
    """One thing of the library.

    ``colour`` is what it is named by, None for many colours; ``also`` the colours on it that it is not named by.
    ``holds`` is "on" or "in" where other things can lie around ``at_m`` (x, y from its middle). ``large`` things are
    furniture: their front looks along -y. ``tips`` says that it may lie on its side.
    """

    name: str
    file: str
    category: str
    colour: str | None = None
    also: tuple[str, ...] = ()
    material: str = "plastic"
    holds: str | None = None
    at_m: tuple[float, float] = (0.0, 0.0)
    large: bool = False
    tips: bool = False
    stand_deg: tuple[float, float, float] = (0.0, 0.0, 0.0)
    scale: float = 1.0

    @property
    def source(self) -> Source:
        """Where its meshes are read from."""
        return Source(self.name, self.file, self.stand_deg, self.scale)


def _food(
    name: str, category: str, *also: str, colour: str | None = None, up: bool = True, holds: str | None = None
) -> Asset:
    file, stand_deg = f"{_HOPE}/{name}/{name}.xml", _UPRIGHT if up else (0, 0, 0)
    return Asset(name, file, category, colour, also, "cardboard", holds, tips=True, stand_deg=stand_deg)


def _scan(name: str, category: str, colour: str | None, *also: str, holds: str | None = "in", **more: object) -> Asset:
    return Asset(name, f"{_SCAN}/{name}/{name}.xml", category, colour, also, "ceramic", holds, **more)


def _turbo(
    name: str, category: str, colour: str | None, *also: str, material: str = "plastic", **more: object
) -> Asset:
    return Asset(name, f"{_TURBO}/{name}/{name}.xml", category, colour, also, material, **more)


def _built(
    name: str, category: str, colour: str | None, *also: str, material: str = "plastic", **more: object
) -> Asset:
    return Asset(name, f"{_BUILT}/{name}.xml", category, colour, also, material, large=True, **more)


ASSETS: dict[str, Asset] = {
    asset.name: asset
    for asset in (
        _food("alphabet_soup", "alphabet soup", "blue", "orange", "yellow", "white", "red"),
        _food("bigger_alphabet_soup", "alphabet soup", "blue", "orange", "yellow", "white", "red"),
        _food("red_alphabet_soup", "alphabet soup", "green", "brown", "pink", "orange", "white", "red"),
        _food("tomato_sauce", "tomato sauce", "red", "green", "white", "orange", "brown", "yellow"),
        _food("yellow_tomato_sauce", "tomato sauce", "blue", "yellow", "white", "orange", "cyan", "green"),
        _food("bbq_sauce", "bbq sauce", "red", "brown", "orange", "yellow", up=False),
        _food("green_bbq_sauce", "bbq sauce", "green", "brown", "yellow", "red", up=False),
        _food("ketchup", "ketchup", "red", "orange", "white", "green", "brown"),
        _food("green_ketchup", "ketchup", "green", "white", "red", "yellow"),
        _food("blue_ketchup", "bottle", colour="blue"),
        _food("salad_dressing", "salad dressing", "white", "green", "red", "yellow", "orange", "black"),
        _food("new_salad_dressing", "salad dressing", "white", "green", "red", "yellow", "orange", "black"),
        _food("red_salad_dressing", "salad dressing", "white", "red", "green", "orange", "yellow", "black"),
        _food("milk", "milk", "red", "white", "blue", "green", "black", "cyan"),
        _food("bigger_milk", "milk", "red", "white", "blue", "green", "black", "cyan"),
        _food("yellow_milk", "milk", "yellow", "white", "green", "black"),
        _food("orange_juice", "orange juice", "orange", "white", "yellow", "brown", "black"),
        _food("red_orange_juice", "orange juice", "red", "white", "black", "pink"),
        _food("butter", "butter", "red", "white", "blue", "yellow", "black", "orange", "green", up=False),
        _food("green_butter", "butter", "green", "white", "yellow", "black", "blue", up=False),
        _food("cream_cheese", "cream cheese", "white", "blue", "grey", "purple", "red", "orange", up=False),
        _food("red_cream_cheese", "cream cheese", "white", "red", "grey", "orange", up=False),
        _food(
            "chocolate_pudding", "chocolate pudding", "brown", "blue", "white", "black", "orange", "yellow", up=False
        ),
        _food(
            "green_chocolate_pudding",
            "chocolate pudding",
            "green",
            "white",
            "black",
            "red",
            "brown",
            up=False,
            holds="on",
        ),
        _food("cookies", "cookie box", "red", "white", "yellow", "orange", "brown", up=False, holds="on"),
        _food("yellow_cookies", "cookie box", "yellow", "orange", "red", "white", "brown", up=False, holds="on"),
        _food(
            "macaroni_and_cheese",
            "macaroni and cheese",
            "orange",
            "yellow",
            "red",
            "white",
            "brown",
            up=False,
            holds="on",
        ),
        _food("popcorn", "popcorn", "blue", "white", "yellow", "red", up=False),
        _scan("akita_black_bowl", "bowl", "black", "white", "grey"),
        _scan("black_bowl", "bowl", "black", "white", "grey"),
        _scan("bigger_akita_black_bowl", "bowl", "black", "white", "grey"),
        _scan("red_akita_black_bowl", "bowl", "red"),
        _scan("red_bowl", "bowl", "white", "grey", "blue", "cyan"),
        _scan("white_bowl", "bowl", "white", "grey", "blue", "cyan"),
        _scan("yellow_bowl", "bowl", "yellow", "white", "orange"),
        _scan("plate", "plate", None, "white", "red", "pink", "brown", "grey", holds="on"),
        _scan("yellow_plate", "plate", None, "yellow", "white", "orange", "grey", holds="on"),
        _scan("glazed_rim_porcelain_ramekin", "ramekin", "white", "grey"),
        _scan("red_ramekin", "ramekin", "red"),
        _scan("basket", "basket", None, "white", "brown", "yellow", "grey"),
        _scan("red_basket", "basket", "red", "pink", "purple"),
        _scan("chefmate_8_frypan", "pan", "black", "grey", "green", holds=None),
        _scan("simple_rack", "dish rack", "white", "grey", holds=None),
        _turbo("porcelain_mug", "mug", "white", "grey", material="ceramic"),
        _turbo("white_yellow_mug", "mug", "yellow and white", "yellow", "white", "orange", material="ceramic"),
        _turbo("white_porcelain_mug", "mug", "yellow and white", "yellow", "white", "brown", material="ceramic"),
        _turbo("red_coffee_mug", "mug", "red", "white", material="ceramic"),
        Asset("libero_mug", "custom_objects/libero_mug/libero_mug.xml", "mug", "white", ("grey", "black"), "ceramic"),
        _turbo("black_book", "book", "black", "white", "grey", material="cardboard", tips=True),
        _turbo("red_yellow_book", "book", "red", material="cardboard", tips=True),
        Asset(
            "yellow_book",
            "scenes/yellow_book/yellow_book.xml",
            "book",
            "yellow",
            ("white", "green"),
            "cardboard",
            tips=True,
            scale=0.4,
        ),
        _turbo("moka_pot", "moka pot", None, "white", "grey", "black", material="metal"),
        _turbo("yellow_moka_pot", "moka pot", "yellow", "black", "brown", "orange", material="metal"),
        _turbo("wine_bottle", "wine bottle", "black", "green", "brown", "white", material="glass", tips=True),
        _turbo("white_bottle", "wine bottle", "green", "white", "black", material="glass", tips=True),
        _turbo("wooden_tray", "tray", "brown", "yellow", "orange", material="wooden", holds="in"),
        _turbo("dining_set_group", "placemat", "white", "grey", material="cloth"),
        _turbo("bowl_drainer", "drainer", "white", "grey"),
        _turbo("white_storage_box", "storage box", "white", "grey", holds="on"),
        _turbo("desk_caddy", "caddy", None, "brown", "black", "purple", "red", "grey", large=True),
        _turbo("yellow_desk_caddy", "caddy", "yellow", "black", "brown", "green", large=True),
        _turbo("wine_rack", "wine rack", None, "brown", "red", "white", "blue", "orange", "pink", large=True),
        _turbo("brown_rack", "wine rack", "brown", "red", "black", "blue", "orange", large=True),
        _turbo(
            "wooden_two_layer_shelf", "shelf", None, "brown", "black", "grey", large=True, holds="on", material="wooden"
        ),
        _turbo("wooden_shelf", "shelf", None, "brown", "black", "grey", large=True, holds="on", material="wooden"),
        _built("wooden_cabinet", "cabinet", "brown", "black", "grey", material="wooden", holds="on"),
        _built("white_cabinet", "cabinet", "white", "grey", holds="on"),
        _built("yellow_cabinet", "cabinet", "yellow", "brown", "orange", "white", material="wooden", holds="on"),
        _built("short_cabinet", "cabinet", "brown", "black", "grey", material="wooden", holds="on"),
        _built("slide_cabinet", "cabinet", "blue", "grey", "purple", "white", holds="on"),
        _built("flat_stove", "stove", "grey", "black", "white", material="metal", holds="on", at_m=(0.05, 0.0)),
        _built(
            "yellow_stove",
            "stove",
            "yellow",
            "brown",
            "orange",
            "black",
            material="metal",
            holds="on",
            at_m=(0.05, 0.0),
        ),
        _built("microwave", "microwave", "black", "grey", "white", material="metal", holds="on"),
        _built("short_fridge", "fridge", "grey", "white", "black", material="metal", holds="on"),
        _built("faucet", "faucet", None, "grey", "red", "white"),
        _built("basin_faucet", "faucet", "white", "grey"),
        _built("window", "window", None, "brown", "blue", "grey", "red", "purple"),
    )
}

BACKDROP: tuple[Source, ...] = tuple(
    Source(name, f"scenes/{name}/{name}.xml", turn)
    for name, turn in (
        ("floor_lamp", (0, 0, 0)),
        ("plant", (0, 0, 0)),
        ("office_book_shelf", (0, 0, 0)),
        ("short_coffee_table", (0, 0, 0)),
        ("study_wall_painting", (0, 0, 0)),
    )
)
"""Furniture of the room, never asked about."""

SURFACES = "textures"
"""The folder of the library that holds pictures of tables, floors and walls."""

TABLES = (
    *("martin_novak_wood_table", "table_light_wood", "seamless_wood_planks_floor", "white_marble_floor", "ceramic"),
    *("dark_floor_texture", "light_floor", "gray_plaster", "stucco_wall", "cream-plaster", "gray_wall", "rustic_floor"),
)
FLOORS = (
    *("brown_ceramic_tile", "dapper_gray_floor", "dark_floor_texture", "gray_ceramic_tile", "gray_floor"),
    *("light-gray-floor-tile", "light_floor", "marble_floor", "rustic_floor", "seamless_wood_planks_floor"),
    *("white_marble_floor", "grigia_caldera_porcelain_floor", "table_light_wood"),
)
WALLS = (
    *("cream-plaster", "dark_blue_wall", "dark_gray_plaster", "dark_green_plaster_wall", "gray_plaster", "gray_wall"),
    *("light-gray-plaster", "light_blue_wall", "meeka-beige-plaster", "stucco_wall", "white_wall"),
    *("yellow_linen_wall_texture", "canvas_sky_blue", "capriccio_sky", "kona_gotham", "new_light_gray_plaster"),
)
