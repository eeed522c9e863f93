"""The files of an entity-relationship diagram, from a catalogue and the places in an earlier .drawio."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from ecommerce_dms.diagrams import areas, drawio, layout, palette, picture, routing, svg
from ecommerce_dms.diagrams.catalog import Catalog
from ecommerce_dms.diagrams.picture import Page

DRAWIO = "erd.drawio"
FIRST_PICTURE = "erd.svg"


def files(catalog: Catalog, earlier: str = "") -> dict[str, str]:
    """The content of each file by its name. `earlier` is a .drawio whose places are kept, or nothing."""
    grouped = areas.group(catalog)
    colours = palette.of_areas(grouped)
    pages = placed(catalog, earlier)
    pictures = {_picture_of(pages, page): svg.write(page, colours) for page in pages}
    return {DRAWIO: drawio.write(pages, colours), **pictures}


def placed(catalog: Catalog, earlier: str = "") -> list[Page]:
    """All pages with every box and line in its place."""
    kept = drawio.read_places(earlier) if earlier else {}
    pages = picture.pages(catalog, areas.group(catalog))
    for page in pages:
        places = kept.get(page.id, drawio.Places())
        layout.place(page, places.boxes)
        routing.route(page, places.routes)
    return pages


def _picture_of(pages: list[Page], page: Page) -> str:
    return FIRST_PICTURE if page is pages[0] else f"erd-{page.id}.svg"


def difference(present: str, wanted: str) -> list[str]:
    """What a reader should know: the cells that are missing, superfluous or changed, page by page."""
    before, after = _cells(present), _cells(wanted)
    changes = {
        "+": [name for name in after if name not in before],
        "-": [name for name in before if name not in after],
        "~": [name for name in after if name in before and before[name] != after[name]],
    }
    return [f"{sign} {name}" for sign, names in changes.items() for name in _outermost(names)]


def _outermost(names: list[str]) -> list[str]:
    """Without the rows of a table that is named itself, and without the cells of such a row."""
    known = set(names)
    return [
        name for name in names if not any(name[:place] in known for place, letter in enumerate(name) if letter == ".")
    ]


def _cells(content: str) -> dict[str, str]:
    try:
        root = ET.fromstring(content)  # noqa: S314 - our own file; the stdlib parser fetches nothing.
    except ET.ParseError:
        return {}
    return {
        f"{diagram.get('name')}: {element.get('id')}": ET.tostring(element, encoding="unicode").strip()
        for diagram in root.iter("diagram")
        for element in diagram.iterfind("mxGraphModel/root/*")
    }
