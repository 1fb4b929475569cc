"""Objects out of columns: a tree of column placements as one JSON text per row, still a column at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import orjson
import polars as pl

from headrace.calls import jsontext
from headrace.calls.placement import Branch
from headrace.calls.values import Column, Value, Work

_EMPTY = "{}"


@dataclass(slots=True)
class Writer:
    """Writes the objects of one batch. ``values`` holds the JSON of each column by index."""

    work: Work
    columns: list[Column]
    values: Mapping[int, Value]
    omit: Mapping[int, bool]
    conflicts: list[tuple[int, pl.Expr]] = field(default_factory=list)  # column that is no object, where it is not

    def text(self, branch: Branch) -> pl.Expr:
        """The branch as JSON text of an object; never null: at least ``{}``."""
        return self._object(branch).fill_null(_EMPTY)

    def optional(self, branch: Branch) -> pl.Expr | None:
        """The branch as JSON text, null where none of its columns has a value; None if it has no columns."""
        if branch.own is None and not branch.children:
            return None
        if branch.own is None and len(branch.children) == 1:
            [(key, child)] = branch.children.items()
            if isinstance(child, int):  # context.ip alone, most often
                head = pl.lit("{" + orjson.dumps(key).decode() + ":")
                return pl.concat_str(head, json_of(self.values[child]), pl.lit("}"))
        filled = [self.values[index].text.is_not_null() for index in _leaves(branch)]
        return pl.when(pl.any_horizontal(filled)).then(self._object(branch))

    def _object(self, branch: Branch) -> pl.Expr:
        if branch.own is None:
            return self._children(branch)
        if not branch.children:
            return self.values[branch.own].text
        return self._merged(branch, branch.own)

    def _merged(self, branch: Branch, index: int) -> pl.Expr:
        """A column that is an object itself, and further columns below it: merged row by row, the latter win."""
        value = self.values[index]
        over = self._children(branch)  # first: it may add columns to the frame
        frame = self.work.frame.select(own=json_of(value), over=over)
        if value.plain:  # numbers, text and the like are no objects, whatever they look like
            is_object = pl.repeat(False, frame.height, eager=True)
        else:
            kinds = jsontext.kinds(frame["own"])
            is_object = (kinds == "OBJECT").fill_null(False)
            frame = frame.with_columns(own=frame["own"].set((kinds == "NULL").fill_null(False), None))
        clash = self.work.add(frame["own"].is_not_null() & ~is_object)
        self.conflicts.append((index, clash))
        base = frame["own"].set(~is_object, None)
        merged = [jsontext.merge(b, o) for b, o in zip(base.to_list(), frame["over"].to_list(), strict=True)]
        if not self.omit.get(index, False):  # NULL is sent, and nothing is left below it that would say more
            merged = [None if b is None and m == _EMPTY else m for b, m in zip(base.to_list(), merged, strict=True)]
        return self.work.add(pl.Series(merged, dtype=pl.String))

    def _children(self, branch: Branch) -> pl.Expr:
        """``{…}`` of the children: plain ones by polars in one go, the others appended as text."""
        plain = [(key, child) for key, child in branch.children.items() if self._is_plain(child)]
        others = [(key, child) for key, child in branch.children.items() if not self._is_plain(child)]
        head = pl.struct([self._struct_field(k, c) for k, c in plain]).struct.json_encode() if plain else None
        if not others:
            return head if head is not None else pl.lit(_EMPTY)
        pieces = [self._piece(key, child) for key, child in others]
        if head is None:
            return pl.concat_str(pl.lit("{"), pl.concat_str(pieces).str.strip_prefix(","), pl.lit("}"))
        return pl.concat_str([head.str.strip_suffix("}"), *pieces, pl.lit("}")])

    def _is_plain(self, child: Branch | int) -> bool:
        """Whether polars can write it inside a struct: a plain value that is never left out, or only such."""
        if isinstance(child, int):
            return self.values[child].plain and not self.omit.get(child, False)
        return child.own is None and all(self._is_plain(grandchild) for grandchild in child.children.values())

    def _struct_field(self, key: str, child: Branch | int) -> pl.Expr:
        if isinstance(child, int):
            return self.values[child].text.alias(key)
        return pl.struct([self._struct_field(k, c) for k, c in child.children.items()]).alias(key)

    def _piece(self, key: str, child: Branch | int) -> pl.Expr:
        """``,"key":value``, or nothing where the value is left out."""
        name = "," + orjson.dumps(key).decode() + ":"
        if isinstance(child, int):
            text = json_of(self.values[child])
            return self._left_out(name, text, child) if self.omit.get(child, False) else _null(name, text)
        text = self._object(child)
        if all(self.omit.get(index, False) for index in _leaves(child)):
            return pl.when(text != _EMPTY).then(pl.concat_str(pl.lit(name), text)).otherwise(pl.lit(""))
        return _null(name, text)

    def _left_out(self, name: str, text: pl.Expr, index: int) -> pl.Expr:
        """``,"key":value``, or nothing for NULL; what JSON cannot hold is no NULL and is sent as null."""
        odd = self.values[index].odd
        if odd is not None:
            text = pl.when(odd).then(pl.lit("null")).otherwise(text)
        return pl.concat_str(pl.lit(name), text).fill_null("")


def json_of(value: Value) -> pl.Expr:
    """A value as JSON text, null where it is null."""
    if not value.plain:
        return value.text
    encoded = pl.struct(value.text.alias("v")).struct.json_encode()  # {"v":…}
    return pl.when(value.text.is_not_null()).then(encoded.str.strip_prefix('{"v":').str.strip_suffix("}"))


def _null(name: str, text: pl.Expr) -> pl.Expr:
    return pl.concat_str(pl.lit(name), text.fill_null("null"))


def _leaves(branch: Branch) -> list[int]:
    found = [] if branch.own is None else [branch.own]
    for child in branch.children.values():
        found += [child] if isinstance(child, int) else _leaves(child)
    return found
