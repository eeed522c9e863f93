"""Reads the guard proof in schema/guards/: which rules the database enforces, by what, and the attack on each.

Pure: it parses files and writes SQL as text. db_tests/guards.py runs what is read here.

A file is a series of blocks; a block is a header of comment lines, then SQL up to the next block. What stands before
the first block, and comment lines inside the SQL, are for readers. Three kinds of block:

    -- attack: reserved_above_stock          what must be refused
    -- rule: never more units promised than there are
    -- after: paid_order                     a `given` block that runs first (optional, repeatable)
    -- guard: constraint shop.stock_levels ck_stock_levels_reserved_within_on_hand
    -- depends: trigger shop.stock_movements stock_movements_change_levels
    -- refused: 23514 ck_stock_levels_reserved_within_on_hand
    -- invariant: reserved_stock_equals_allocations
    -- hostile: 1
    INSERT …;

    -- upkeep: stock_levels_follow           a legal write that a trigger must carry on
    -- rule: the level is the sum of its movements
    -- guard: trigger shop.stock_movements stock_movements_change_levels
    -- invariant: stock_levels_equal_movements
    INSERT …;

    -- given: paid_order                     legal work that a block above starts from
    INSERT …;

`guard` is repeated where several guards cover one rule (defence in depth): each refuses alone, and the attack goes through
once all are removed. `depends` names what a guard stands on, such as the trigger that feeds a counter: removing that
alone lets the attack through too. `refused` is the SQLSTATE and the name in the error (a constraint, a trigger, or the
column of a NOT NULL). `invariant` is what verify_integrity() then reports, or `none: why no look at the data can tell`.
An upkeep may say `holds: <SQL condition>` instead, which is true with its guard and not without.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ecommerce_dms.console import UserError

GUARDS_DIRECTORY = Path(__file__).parents[2] / "schema" / "guards"
SMALL_SHOP = GUARDS_DIRECTORY / "small_shop.sql"

_BLOCK_KEYS = {
    "attack": ("rule", "after", "guard", "depends", "refused", "invariant", "hostile"),
    "upkeep": ("rule", "after", "guard", "invariant", "holds"),
    "given": (),
}
_REPEATABLE = ("after", "guard", "depends")
_HEADER_LINE = re.compile(r"-- ([a-z]+): (\S.*)")
_NAME = re.compile(r"[a-z][a-z0-9_]{2,62}")
_GUARD = re.compile(r"(constraint|trigger|index) ([a-z_]+[.][a-z_]+) ([a-z][a-z0-9_]{2,62})")
_REFUSED = re.compile(r"([0-9A-Z]{5}) ([a-z][a-z0-9_]{1,62})")


class GuardFileError(UserError):
    """A guard file that cannot be read as one; the message names file and line."""


@dataclass(frozen=True)
class Guard:
    """A constraint, trigger or index that refuses something, or that a refusal stands on."""

    kind: str
    table: str  # With its schema.
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.table} {self.name}"

    def removal(self) -> str:
        """The statement that takes it away. A key takes the foreign keys that refer to it along."""
        if self.kind == "constraint":
            return f"ALTER TABLE {self.table} DROP CONSTRAINT {self.name} CASCADE"
        if self.kind == "trigger":
            return f"DROP TRIGGER {self.name} ON {self.table}"
        return f"DROP INDEX {self.table.partition('.')[0]}.{self.name}"


@dataclass(frozen=True)
class Given:
    """Legal work that attacks start from."""

    name: str
    sql: str
    where: str


@dataclass(frozen=True)
class Attack:
    """A write that breaks a rule, what refuses it, and what sees it when nothing refuses it."""

    name: str
    rule: str
    guards: tuple[Guard, ...]
    depends: tuple[Guard, ...]
    sqlstate: str
    refused_by: str
    invariant: str | None
    unseen_because: str
    hostile: int | None
    after: tuple[str, ...]
    sql: str
    where: str  # File and line, for messages.


@dataclass(frozen=True)
class Upkeep:
    """A legal write, the triggers that carry it on, and how one sees that they did."""

    name: str
    rule: str
    guards: tuple[Guard, ...]
    invariant: str | None
    holds: str | None
    after: tuple[str, ...]
    sql: str
    where: str


@dataclass(frozen=True)
class GuardProof:
    """All blocks of all files, in order."""

    attacks: tuple[Attack, ...]
    upkeeps: tuple[Upkeep, ...]
    givens: dict[str, Given]

    def preparation(self, block: Attack | Upkeep) -> str:
        """The SQL of everything that `block` starts from."""
        return "\n".join(self.givens[name].sql for name in block.after)

    def covered(self) -> frozenset[Guard]:
        """Every guard that some block names."""
        named = {guard for block in (*self.attacks, *self.upkeeps) for guard in block.guards}
        return frozenset(named | {guard for attack in self.attacks for guard in attack.depends})


def read_guard_proof(directory: Path = GUARDS_DIRECTORY) -> GuardProof:
    """All guard files of a directory but small_shop.sql, which holds no blocks.

    Raises:
        GuardFileError: a block that is not as the module says; names that are used twice or missing.
    """
    paths = [path for path in sorted(directory.glob("*.sql")) if path.name != SMALL_SHOP.name]
    if not paths:
        raise GuardFileError(f"{directory}: no guard files are here")
    blocks = [block for path in paths for block in parse(path.read_text(encoding="utf-8"), path.name)]
    _refuse_duplicates(blocks)
    givens = {block.name: block for block in blocks if isinstance(block, Given)}
    for block in blocks:
        for name in getattr(block, "after", ()):
            if name not in givens:
                raise GuardFileError(f"{block.where}: after {name}: there is no block `given: {name}`")
    return GuardProof(
        tuple(block for block in blocks if isinstance(block, Attack)),
        tuple(block for block in blocks if isinstance(block, Upkeep)),
        givens,
    )


def parse(text: str, file: str) -> list[Attack | Upkeep | Given]:
    """The blocks of one file. `file` is its name, for messages."""
    return [_block(lines, file) for lines in _split(text)]


def _split(text: str) -> Iterator[list[tuple[int, str]]]:
    """The numbered lines of each block, the line that opens it first."""
    block: list[tuple[int, str]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        header = _HEADER_LINE.fullmatch(line)
        if header and header[1] in _BLOCK_KEYS:
            if block:
                yield block
            block = []
            block.append((number, line))
        elif block:
            block.append((number, line))
    if block:
        yield block


def _block(lines: list[tuple[int, str]], file: str) -> Attack | Upkeep | Given:
    first, opening = lines[0]
    kind, name = _HEADER_LINE.fullmatch(opening).groups()
    where = f"{file}:{first}"
    if not _NAME.fullmatch(name):
        raise GuardFileError(f"{where}: {name!r} is no name: small letters, digits and _, 3 to 63 of them")
    header, body = _header(lines[1:], kind, file)
    sql = "\n".join(body).strip()
    if not any(line.strip() and not line.startswith("--") for line in body):
        raise GuardFileError(f"{where}: {kind} {name} has no SQL")
    if kind == "given":
        return Given(name, sql, where)

    for key in ("rule", "guard"):
        if key not in header:
            raise GuardFileError(f"{where}: {kind} {name} has no line `-- {key}: …`")
    common = {
        "name": name,
        "rule": header["rule"][0][1],
        "guards": tuple(_guard(value, file, line) for line, value in header["guard"]),
        "after": tuple(value for _, value in header.get("after", [])),
        "sql": sql,
        "where": where,
    }
    return _attack(header, common, file) if kind == "attack" else _upkeep(header, common)


def _header(lines: list[tuple[int, str]], kind: str, file: str) -> tuple[dict[str, list[tuple[int, str]]], list[str]]:
    """The `-- key: value` lines that directly follow the opening one, and what comes after them."""
    header: dict[str, list[tuple[int, str]]] = {}
    for index, (number, line) in enumerate(lines):
        match = _HEADER_LINE.fullmatch(line)
        if not match:
            return header, [text for _, text in lines[index:]]
        key, value = match.groups()
        if key not in _BLOCK_KEYS[kind]:
            allowed = ", ".join(_BLOCK_KEYS[kind]) or "none"
            raise GuardFileError(f"{file}:{number}: {kind} has no line {key!r}; it can have: {allowed}")
        if key in header and key not in _REPEATABLE:
            raise GuardFileError(f"{file}:{number}: a second line {key!r}")
        header.setdefault(key, []).append((number, value.strip()))
    return header, []


def _attack(header: dict[str, list[tuple[int, str]]], common: dict, file: str) -> Attack:
    for key in ("refused", "invariant"):
        if key not in header:
            raise GuardFileError(f"{common['where']}: attack {common['name']} has no line `-- {key}: …`")
    line, value = header["refused"][0]
    refused = _REFUSED.fullmatch(value)
    if not refused:
        raise GuardFileError(f"{file}:{line}: refused: {value!r} is not an SQLSTATE and a name")
    invariant, unseen_because = _invariant(*header["invariant"][0], file)
    hostile = None
    if "hostile" in header:
        line, value = header["hostile"][0]
        if not value.isdecimal():
            raise GuardFileError(f"{file}:{line}: hostile: {value!r} is no number")
        hostile = int(value)
    return Attack(
        **common,
        depends=tuple(_guard(value, file, line) for line, value in header.get("depends", [])),
        sqlstate=refused[1],
        refused_by=refused[2],
        invariant=invariant,
        unseen_because=unseen_because,
        hostile=hostile,
    )


def _upkeep(header: dict[str, list[tuple[int, str]]], common: dict) -> Upkeep:
    if ("invariant" in header) == ("holds" in header):
        raise GuardFileError(f"{common['where']}: upkeep {common['name']} needs either `invariant` or `holds`")
    invariant = holds = None
    if "holds" in header:
        holds = header["holds"][0][1]
    else:
        _line, invariant = header["invariant"][0]
        if not _NAME.fullmatch(invariant):
            raise GuardFileError(f"{common['where']}: invariant: {invariant!r} is no name of an invariant")
    return Upkeep(**common, invariant=invariant, holds=holds)


def _guard(value: str, file: str, line: int) -> Guard:
    match = _GUARD.fullmatch(value)
    if not match:
        raise GuardFileError(f"{file}:{line}: {value!r} is not `constraint|trigger|index schema.table name`")
    return Guard(*match.groups())


def _invariant(line: int, value: str, file: str) -> tuple[str | None, str]:
    """The name, or the reason why there is none."""
    reason = value.removeprefix("none: ").strip()
    if reason != value and reason:
        return None, reason
    if not _NAME.fullmatch(value) or value == "none":
        raise GuardFileError(f"{file}:{line}: invariant: {value!r} is neither a name nor `none: <reason>`")
    return value, ""


def _refuse_duplicates(blocks: list[Attack | Upkeep | Given]) -> None:
    seen: dict[object, str] = {}
    for block in blocks:
        keys = [("name", block.name)]
        if isinstance(block, Attack) and block.hostile is not None:
            keys.append(("hostile", block.hostile))
        for key in keys:
            if key in seen:
                raise GuardFileError(f"{block.where}: {key[0]} {key[1]} stands in {seen[key]} already")
            seen[key] = block.where
