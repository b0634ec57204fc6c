"""The words of the household world: what the library's things are called, beside the words of the tabletop. Data only.

A product of many colours has none to be named by: its canonical name is its category alone, "cream cheese".
"""

from viper_ros.sim.vocabulary import CATEGORIES, GROUPS, UNCLEAR_MEMBERS, Category, Words

_PRODUCT = ("cardboard",)
_FURNITURE = ("wooden", "plastic")
_COOKED = ("white", "red", "yellow", "black", "grey", "green")


def _food(name: str, *synonyms: str, plural: str, kinds: tuple[str, ...] = (), maybe: tuple[str, ...] = ()) -> Category:
    return Category(name, plural, synonyms, ("food",), (), _PRODUCT, kinds=kinds, maybe=maybe)


_NEW = (
    _food("alphabet soup", "soup", "soup can", "can of alphabet soup", plural="alphabet soups", kinds=("can",)),
    _food("tomato sauce", "tomato can", "can of tomato sauce", plural="tomato sauces", kinds=("can",)),
    _food("bbq sauce", "barbecue sauce", "bbq sauce bottle", plural="bbq sauces", kinds=("bottle",)),
    _food("ketchup", "ketchup bottle", "bottle of ketchup", plural="ketchup bottles", kinds=("bottle",)),
    _food("salad dressing", "dressing", "salad dressing bottle", plural="salad dressings", kinds=("bottle",)),
    _food("butter", "box of butter", "butter box", plural="butter boxes", kinds=("box",)),
    _food("cream cheese", "cream cheese box", "box of cream cheese", plural="cream cheeses", kinds=("box",)),
    _food("chocolate pudding", "pudding", "pudding box", plural="chocolate puddings", kinds=("box",)),
    _food("cookie box", "cookies", "box of cookies", plural="cookie boxes", kinds=("box",)),
    _food("macaroni and cheese", "box of macaroni", plural="boxes of macaroni and cheese", kinds=("box",)),
    _food("popcorn", "popcorn box", plural="popcorn boxes", kinds=("box",)),
    Category(
        "milk",
        "milk cartons",
        ("milk carton", "carton of milk"),
        ("food", "drink"),
        (),
        _PRODUCT,
        maybe=("box", "bottle"),
    ),
    Category(
        "orange juice",
        "orange juices",
        ("juice", "juice carton"),
        ("food", "drink"),
        (),
        _PRODUCT,
        maybe=("box", "bottle"),
    ),
    Category(
        "wine bottle",
        "wine bottles",
        ("bottle of wine",),
        ("container",),
        ("black", "green"),
        ("glass",),
        kinds=("bottle",),
        maybe=("vase",),
    ),
    Category("ramekin", "ramekins", (), ("container",), _COOKED, ("ceramic",), maybe=("bowl", "cup", "pot", "plate")),
    Category(
        "moka pot",
        "moka pots",
        ("coffee pot", "espresso maker"),
        ("container",),
        _COOKED,
        ("metal",),
        maybe=("pot", "teapot", "pitcher"),
    ),
    Category(
        "basket",
        "baskets",
        ("woven basket",),
        ("container",),
        ("red", "pink", "brown", "white"),
        ("wicker",),
        maybe=("box",),
    ),
    Category(
        "tray", "trays", ("wooden tray", "crate"), ("container",), ("brown",), ("wooden",), maybe=("box", "basket")
    ),
    Category(
        "caddy",
        "caddies",
        ("desk caddy", "desk organizer"),
        ("container",),
        ("yellow", "black", "brown"),
        maybe=("box",),
    ),
    Category("storage box", "storage boxes", ("storage bin",), ("container",), ("white",), maybe=("box",)),
    Category("drainer", "drainers", ("bowl drainer",), ("container",), ("white",), maybe=("box", "basket")),
    Category("cabinet", "cabinets", ("cupboard", "drawers"), (), ("white", "brown", "yellow", "blue"), _FURNITURE),
    Category("shelf", "shelves", (), (), ("brown",), ("wooden",), maybe=("cabinet",)),
    Category(
        "stove",
        "stoves",
        ("cooker", "hot plate"),
        ("appliance",),
        ("grey", "yellow", "black"),
        ("metal",),
        maybe=("plate",),
    ),
    Category("microwave", "microwaves", ("microwave oven",), ("appliance",), ("black", "white"), ("metal",)),
    Category("fridge", "fridges", ("refrigerator",), ("appliance",), ("grey", "white"), ("metal",), maybe=("cabinet",)),
    Category("wine rack", "wine racks", ("bottle rack",), (), ("brown",), ("wooden",)),
    Category("dish rack", "dish racks", ("drying rack",), (), ("white",), maybe=("tray",)),
    Category(
        "placemat",
        "placemats",
        ("place setting", "dining set"),
        (),
        ("white", "grey"),
        ("cloth",),
        maybe=("spoon", "fork", "knife"),
    ),
    Category("faucet", "faucets", ("tap",), (), ("white", "grey"), ("metal",)),
    Category("window", "windows", (), (), ("brown", "blue"), ("wooden",)),
)

HOUSEHOLD = Words(
    CATEGORIES | {row.name: row for row in _NEW},
    GROUPS | {"drink": "drinks", "appliance": "appliances"},
    UNCLEAR_MEMBERS
    | {
        "container": (*UNCLEAR_MEMBERS["container"], *(row.name for row in _NEW if "container" not in row.groups)),
        "utensil": (*UNCLEAR_MEMBERS["utensil"], "moka pot", "ramekin", "placemat", "drainer"),
        "tool": (*UNCLEAR_MEMBERS["tool"], "faucet", "caddy"),
        "drink": ("wine bottle", "alphabet soup", "moka pot", "mug", "cup", "bottle", "can", "ketchup", "bbq sauce"),
        "food": (*UNCLEAR_MEMBERS["food"], "wine bottle"),
        "fruit": ("orange juice", "tomato sauce"),
        "vegetable": ("tomato sauce", "salad dressing"),
    },
)
"""Everything that may be said in a household scene; the tabletop's words come first and mean the same."""
