"""What the shop sells: the tree of categories with its goods, and the options in which variants differ. Data only."""

from __future__ import annotations

# Department: (tax class, range of shipping weights in grams, typical price in euro cents, options, sections).
# A section's name is followed by its shelves; a product is called by a shelf's singular.
COLOURS = ("Black", "White", "Moss Green", "Rust", "Navy", "Crème")
SIZES = ("XS", "S", "M", "L", "XL")
DEPARTMENTS = (
    (
        "Home",
        "standard",
        (400, 12_000),
        5_200,
        (("Colour", COLOURS), ("Finish", ("Matt", "Gloss", "Oiled"))),
        {
            "Furniture": ("Stool", "Side Table", "Shelf"),
            "Lighting": ("Desk Lamp", "Floor Lamp", "Lantern"),
            "Textiles": ("Blanket", "Cushion", "Rug"),
        },
    ),
    (
        "Kitchen",
        "standard",
        (150, 4_000),
        3_400,
        (("Size", ("Small", "Medium", "Large", "Extra Large", "Family")), ("Colour", COLOURS)),
        {
            "Cookware": ("Saucepan", "Frying Pan", "Casserole"),
            "Tableware": ("Mug", "Bowl", "Plate"),
            "Knives & Boards": ("Bread Knife", "Paring Knife", "Chopping Board"),
        },
    ),
    (
        "Clothing",
        "standard",
        (120, 1_500),
        4_500,
        (("Size", SIZES), ("Colour", COLOURS)),
        {
            "Knitwear": ("Jumper", "Cardigan", "Scarf"),
            "Outerwear": ("Rain Jacket", "Parka", "Waistcoat"),
            "Basics": ("T-Shirt", "Shirt", "Socks"),
        },
    ),
    (
        "Outdoor",
        "standard",
        (200, 6_000),
        6_100,
        (("Colour", COLOURS), ("Size", SIZES)),
        {
            "Camping": ("Tent", "Sleeping Bag", "Camp Stove"),
            "Cycling": ("Pannier", "Bell", "Helmet"),
            "Garden": ("Trowel", "Watering Can", "Planter"),
        },
    ),
    (
        "Books",
        "reduced",
        (150, 1_800),
        1_900,
        (("Format", ("Paperback", "Hardback", "Large Print", "Gift Edition", "Library Binding")), ("Cover", COLOURS)),
        {
            "Fiction": ("Novel", "Story Collection", "Mystery"),
            "Non-fiction": ("Cookbook", "Travel Guide", "Field Guide"),
            "Stationery": ("Notebook", "Calendar", "Sketchbook"),
        },
    ),
    (
        "Pantry",
        "zero",
        (100, 2_500),
        1_150,
        (("Pack", ("125 g", "250 g", "500 g", "1 kg", "2 kg")), ("Roast", ("Light", "Medium", "Dark"))),
        {
            "Coffee & Tea": ("Coffee", "Black Tea", "Herbal Tea"),
            "Baking": ("Flour", "Cocoa", "Sugar"),
            "Preserves": ("Marmalade", "Honey", "Chutney"),
        },
    ),
)
