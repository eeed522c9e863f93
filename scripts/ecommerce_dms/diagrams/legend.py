"""What the marks in a picture mean."""

MARKS = (
    ("zeroToMany", "any number, or none"),
    ("zeroToOne", "one, or none"),
    ("mandOne", "exactly one"),
)
KEYS = "PK primary key · FK foreign key · UK unique · null: may be NULL · dashed: a table of another page or schema"
KEYS_OF_OVERVIEW = (
    "PK primary key · FK foreign key · → the table of another area that it refers to; the line is on the area's page"
)
IN_WORDS = (
    "A line runs from the columns that refer to the key they refer to. Crow's foot and circle: any number, or none; "
    "bar and circle: one, or none; two bars: exactly one."
)


def keys(is_overview: bool) -> str:
    """The line about the marks in the rows."""
    return KEYS_OF_OVERVIEW if is_overview else KEYS
