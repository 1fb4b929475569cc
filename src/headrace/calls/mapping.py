"""From rows to calls: an Arrow batch becomes a calls batch, plus the rows that cannot.

`Mapping` is made once per run from the query's columns; `Mapping.map` then goes over batch after batch. Validation
follows one order, and a row fails for the first reason found: fields of the wrong type, a timestamp that cannot be
read, objects that are none, then what the call must have, then sizes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping as AnyMapping
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from headrace.calls import jsontext
from headrace.calls.batch import ENVELOPE, CallsBatch
from headrace.calls.encode import text_array
from headrace.calls.identity import digits, from_json, identifier
from headrace.calls.objects import Writer, json_of
from headrace.calls.placement import Branch, check_names, place
from headrace.calls.rules import Rule, requirements, too_large
from headrace.calls.timestamps import moments
from headrace.calls.values import Column, Value, Work, frame_of, in_plain_types, value
from headrace.model import CallKind, Failure, MapOptions, RowLimits

_ODD = "The column '{name}' held NaN, Infinity or a year beyond 9999, which JSON cannot hold; null was sent."
_OBJECTS = ("context", "integrations", "traits", "properties")
_WIRE = {"user_id": "userId", "anonymous_id": "anonymousId", "group_id": "groupId", "previous_id": "previousId",
         "message_id": "messageId"}  # fmt: skip
_TRUE, _FALSE = ("true", "1", "t", "yes", "y"), ("false", "0", "f", "no", "n")


@dataclass(frozen=True, slots=True)
class Mapped:
    """One batch mapped. ``failures`` by row number; ``rows`` holds the failed rows as JSON objects, by row number."""

    calls: CallsBatch
    failures: AnyMapping[int, Failure]
    rows: AnyMapping[int, str]
    notes: AnyMapping[str, int]


@dataclass(slots=True)
class _Draft:
    """What is known of one batch so far: envelope columns, rules in their order, and things to count."""

    envelope: dict[str, pl.Expr] = field(default_factory=dict)
    rules: list[Rule] = field(default_factory=list)
    odd: dict[str, pl.Expr] = field(default_factory=dict)


class Mapping:
    """The compiled mapping of one query. Raises `QueryError` where the columns themselves cannot be mapped."""

    def __init__(self, schema: pa.Schema, call: CallKind, options: MapOptions, limits: RowLimits) -> None:
        names = [f.name for f in schema]
        check_names(names, limits)
        self.call, self.options, self.limits = call, options, limits
        self.columns = [Column.of(index, f) for index, f in enumerate(schema)]
        self.placement = place(names, call, lower_case=options.lower_case)
        self.omit = {c.index: options.null_columns.get(c.name, options.null_handling) == "omit" for c in self.columns}
        self.warnings: tuple[str, ...] = ()
        if len(names) > limits.columns_warning:
            self.warnings = (f"The query returns {len(names)} columns; many tools take at most "
                             f"{limits.columns_warning} attributes of a person.",)  # fmt: skip
        self._meta = {
            "columns": [[c.name, str(c.type), list(self.placement.paths[c.index])] for c in self.columns],
        }

    def map(self, batch: pa.RecordBatch, first_row: int, run_id: str, as_of: int) -> Mapped:
        """Map one batch whose first row has number ``first_row`` in the run."""
        batch = in_plain_types(batch)
        work = Work(batch, frame_of(batch, self.columns, self.options), self.options)
        work.frame = work.frame.with_columns(row=pl.int_range(first_row, first_row + batch.num_rows, eager=True))
        values = {column.index: value(work, column) for column in self.columns if self._in_an_object(column)}
        omit = {index: True for index in values if self._left_out(batch, index)}
        draft = _Draft()
        self._identify(work, draft, run_id)
        self._objects(work, draft, values, omit)
        draft.rules += requirements(self.call, self.options, draft.envelope, self._email(work, values))
        return self._finish(work, draft, values, first_row, as_of)

    # ------------------------------------------------------------------------------------------------- the envelope

    def _identify(self, work: Work, draft: _Draft, run_id: str) -> None:
        placed = self.placement.envelope
        for name in ("user_id", "anonymous_id", "group_id", "previous_id", "name", "category", "message_id"):
            index = placed.get(name)
            text, wire = None, _WIRE.get(name, self._wire_of_name() if name == "name" else name)
            if index is not None:
                text = self._checked(work, draft, index, wire)
            if name == "name" and self.placement.fallback_name is not None:
                other = self._checked(work, draft, self.placement.fallback_name, "event")
                text = other if text is None else pl.coalesce(text, other)
            if name == "message_id":
                derived = pl.concat_str(pl.lit(run_id + "-"), pl.col("row").cast(pl.String))
                text = derived if text is None else pl.coalesce(text, derived)
            if text is not None:
                draft.envelope[name] = text
        if "timestamp" in placed:
            self._timestamp(work, draft, self.columns[placed["timestamp"]])

    def _wire_of_name(self) -> str:
        return "event" if self.call is CallKind.TRACK else "name"

    def _checked(self, work: Work, draft: _Draft, index: int, wire: str) -> pl.Expr:
        column = self.columns[index]
        text, bad = identifier(work, column, moments=wire not in ("event", "name", "category"))
        if bad is not None:
            message = f"{wire!r} is neither text nor a number. Convert the column {column.name!r} in the query."
            draft.rules.append(Rule(bad, Failure(f"bad_type:{wire}", message, column.name)))
        return text

    def _timestamp(self, work: Work, draft: _Draft, column: Column) -> None:
        frame = work.frame
        given = pl.Series(work.batch.column(column.index).is_valid())
        if column.json:
            series, bad = from_json(frame[column.key])
            given = series.is_not_null() | bad
        elif column.numeric:
            series = digits(frame[column.key])
        elif column.key not in frame.columns:  # nested: no moment
            series = pl.Series([None] * frame.height, dtype=pl.String)
        else:
            series = frame[column.key]
            if series.dtype == pl.String:
                given = given & (series.str.strip_chars() != "").fill_null(False)
        found = moments(series, self.options.timezone)
        stamp = work.add((found.to_physical() // 1000).cast(pl.Datetime("ms", "UTC")))
        message = ("The timestamp cannot be read. Give ISO 8601 text, a native timestamp or Unix time, "
                   "in the years 1 to 9999.")  # fmt: skip
        unread = work.add(given & found.is_null())
        draft.rules.append(Rule(unread, Failure("bad_timestamp", message, column.name)))
        draft.envelope["timestamp"] = stamp

    # -------------------------------------------------------------------------------------------------- the objects

    def _in_an_object(self, column: Column) -> bool:
        """Whether a column is written as a JSON value: in context, integrations or body."""
        head = self.placement.paths[column.index][0]
        return head in _OBJECTS or head in ("name", "category")

    def _left_out(self, batch: pa.RecordBatch, index: int) -> bool:
        """Whether NULLs of a column are left out: as the sync says in the body, always in context and integrations.

        A column without NULLs in this batch takes the faster way.
        """
        if self._in_context(index):
            return True
        return self.omit[index] and batch.column(index).null_count > 0

    def _in_context(self, index: int) -> bool:
        return self.placement.paths[index][0] in ("context", "integrations")

    def _objects(self, work: Work, draft: _Draft, values: dict[int, Value], omit: dict[int, bool]) -> None:
        for name, branch in (("context", self.placement.context), ("integrations", self.placement.integrations),
                             (self.call.body, self.placement.body)):  # fmt: skip
            if branch.own is not None:
                self._parse_object(work, draft, values, branch.own, name)
        self._special_fields(work, draft, values, omit)
        for index, found in values.items():
            if found.bad is not None:
                name = self.columns[index].name
                what = "number" if self.columns[index].numeric else "JSON"
                message = f"The column {name!r} holds text that is no {what}. Mend it in the source."
                draft.rules.append(Rule(found.bad, Failure(f"bad_{what.lower()}", message, name)))
            if found.odd is not None:
                draft.odd[self.columns[index].name] = found.odd
            if self._in_context(index):
                values[index] = _absent_if_null(found, self.columns[index])
        writer = Writer(work, self.columns, values, omit)
        for name in ("context", "integrations"):
            text = writer.optional(getattr(self.placement, name))
            if text is not None:
                draft.envelope[name] = text
        draft.envelope["body"] = writer.text(self.placement.body)
        for index, clash in writer.conflicts:
            name = self.columns[index].name
            message = f"The column {name!r} is no object, but other columns lie below it. Rename one of them."
            draft.rules.append(Rule(clash, Failure("path_conflict", message, name)))

    def _parse_object(self, work: Work, draft: _Draft, values: dict[int, Value], index: int, field_name: str) -> None:
        """A whole column that must be an object: JSON, a struct, or text of one; blank text is null."""
        column, known = self.columns[index], values[index]
        texts = work.frame.select(known.text if not known.plain or column.text else json_of(known)).to_series()
        given = pl.Series(work.batch.column(index).is_valid())
        if column.text:
            blank = (texts.str.strip_chars() == "").fill_null(False)
            texts, given = texts.set(blank, None), given & ~blank
        kinds = jsontext.kinds(texts)
        if column.json:
            given = given & (kinds != "NULL").fill_null(True)
        bad = work.add(given & (kinds != "OBJECT").fill_null(True))
        message = f"{field_name!r} is not an object. Build it with your database's JSON functions."
        draft.rules.append(Rule(bad, Failure(f"bad_type:{field_name}", message, column.name)))
        clean = work.add(texts.set((kinds != "OBJECT").fill_null(True), None))
        values[index] = Value(clean, plain=False)

    def _special_fields(self, work: Work, draft: _Draft, values: dict[int, Value], omit: dict[int, bool]) -> None:
        """Fields of the body with rules of their own: relationshipAttributes, _update, the type of an object."""
        has_type = "object_type_id" in self.placement.body.children
        for key, child in self.placement.body.children.items():
            index = child.own if isinstance(child, Branch) else child
            if index is None:
                continue
            if key == "relationshipAttributes" and self.call is CallKind.GROUP:
                self._parse_object(work, draft, values, index, key)
                omit[index] = self.omit[index]  # blank text has become NULL
            elif key == "_update" and self.call is CallKind.IDENTIFY:
                self._update_flag(work, draft, values, index)
                omit[index] = True
            elif key == "object_type_id" and self.call is CallKind.GROUP:
                values[index] = Value(self._checked(work, draft, index, key), plain=True)
            elif key == "objectTypeId" and self.call is CallKind.GROUP and not has_type:  # else a trait like any other
                draft.envelope["object_type_id"] = self._checked(work, draft, index, key)

    def _update_flag(self, work: Work, draft: _Draft, values: dict[int, Value], index: int) -> None:
        column = self.columns[index]
        if pa.types.is_boolean(column.type):
            values[index] = Value(pl.col(column.key), plain=True)
            return
        if column.json:
            text = pl.coalesce(work.add(from_json(work.frame[column.key])[0]), pl.col(column.key))
        else:
            text = pl.col(column.key) if column.text else identifier(work, column)[0]
        word = text.str.strip_chars().str.strip_chars('"').str.to_lowercase()
        flag = pl.when(word.is_in(_TRUE)).then(True).when(word.is_in(_FALSE)).then(False)
        given = work.add(pl.Series(work.batch.column(index).is_valid()))
        null = word == "null" if column.json else pl.lit(False)
        message = "'_update' is neither true nor false. Give a boolean, or one of true, false, 1, 0."
        wrong = given & flag.is_null() & ~null.fill_null(False)
        draft.rules.append(Rule(wrong, Failure("bad_type:_update", message, column.name)))
        values[index] = Value(flag, plain=True)

    def _email(self, work: Work, values: dict[int, Value]) -> pl.Expr | None:
        """``traits.email`` where it can stand for an identifier: text, in a column of its own or in ``traits``."""
        body = self.placement.body
        index = body.children.get("email")
        if not self.options.email_identity:
            return None
        if isinstance(index, int):
            column = self.columns[index]
            if column.json:
                return _json_text(pl.col(column.key))
            return pl.col(column.key) if column.text else None
        if body.own is None:
            return None
        traits = work.frame.select(values[body.own].text).to_series().to_list()
        emails = [None if text is None else json.loads(text).get("email") for text in traits]
        return work.add(pl.Series([mail if isinstance(mail, str) else None for mail in emails], dtype=pl.String))

    # ----------------------------------------------------------------------------------------------------- the result

    def _finish(self, work: Work, draft: _Draft, values: dict[int, Value], first_row: int, as_of: int) -> Mapped:
        odd = {f"odd{i}": mask.sum() for i, mask in enumerate(draft.odd.values())}
        verdict = pl.lit(0, pl.UInt16)
        for number, rule in reversed(list(enumerate(draft.rules, start=1))):
            verdict = pl.when(rule.broken).then(pl.lit(number, pl.UInt16)).otherwise(verdict)
        result = work.frame.select("row", **draft.envelope, verdict=verdict, **odd)
        for name, key in zip(draft.odd, odd, strict=True):
            work.odd[name] += int(result[key][0] or 0) if result.height else 0
        notes = {_ODD.format(name=name): count for name, count in work.odd.items() if count}
        found = result["verdict"].to_numpy()
        failures = {first_row + int(p): draft.rules[int(found[p]) - 1].failure for p in np.flatnonzero(found)}
        failures |= self._sizes(work, result, values, found, first_row)
        calls = self._calls(result, failures, first_row, as_of)
        return Mapped(calls, failures, self._rows(work, values, failures, first_row), notes)

    def _sizes(
        self, work: Work, result: pl.DataFrame, values: dict[int, Value], found: npt.NDArray[Any], first_row: int
    ) -> dict[int, Failure]:
        """Records and values over their limits; columns are only looked at one by one where a record is that big."""
        texts = [pl.col(n).str.len_bytes().fill_null(0) for n in ENVELOPE
                 if n in result.columns and result[n].dtype == pl.String]  # fmt: skip
        total = result.select(pl.sum_horizontal(texts).cast(pl.Int64)).to_series().to_numpy()
        large = np.flatnonzero((total > min(self.limits.column_bytes, self.limits.record_bytes)) & (found == 0))
        if not len(large):
            return {}
        rows = work.frame[large.tolist()]
        widths = [rows.select(json_of(self._any_value(c, values)).str.len_bytes().fill_null(0)).to_series().to_list()
                  for c in self.columns]  # fmt: skip
        failures = {}
        for at, position in enumerate(large.tolist()):
            failure = too_large(self.columns, [w[at] for w in widths], int(total[position]), self.limits)
            if failure is not None:
                failures[first_row + position] = failure
        return failures

    def _any_value(self, column: Column, values: dict[int, Value]) -> Value:
        if column.index in values:
            return values[column.index]
        text = pl.col(column.key).cast(pl.String, strict=False) if column.text else pl.lit(None, pl.String)
        return Value(text, plain=True)

    def _calls(
        self, result: pl.DataFrame, failures: AnyMapping[int, Failure], first_row: int, as_of: int
    ) -> CallsBatch:
        names = [n for n in ENVELOPE if n in result.columns and (n in ("row", "message_id", "body")
                 or result[n].null_count() < result.height)]  # fmt: skip
        kept = result.select(names)
        if failures:
            gone = np.zeros(result.height, bool)
            gone[[row - first_row for row in failures]] = True
            kept = kept.filter(~gone)
        arrays = [text_array(kept[n]) if ENVELOPE[n] == pa.large_string() else _one(kept[n]).cast(ENVELOPE[n])
                  for n in names]  # fmt: skip
        schema = pa.schema([(n, ENVELOPE[n]) for n in names])
        return CallsBatch(self.call, pa.RecordBatch.from_arrays(arrays, schema=schema), as_of, self._meta)

    def _rows(
        self, work: Work, values: dict[int, Value], failures: AnyMapping[int, Failure], first_row: int
    ) -> dict[int, str]:
        """The failed rows as the query gave them, each as a JSON object of its columns."""
        if not failures:
            return {}
        order = sorted(failures)
        batch = work.batch.take(pa.array([row - first_row for row in order]))
        return dict(zip(order, rows_json(batch, self.columns, self.options), strict=True))


def rows_json(batch: pa.RecordBatch, columns: Sequence[Column], options: MapOptions) -> list[str]:
    """Each row as a JSON object, column name → value; text that should be JSON but is not stays text."""
    batch = in_plain_types(batch)
    work = Work(batch, frame_of(batch, list(columns), options), options)
    tree, values = Branch(), {}
    for column in columns:
        found = value(work, column)
        if found.bad is not None:
            as_text = json_of(Value(pl.col(column.key), plain=True))
            found = Value(pl.when(found.bad).then(as_text).otherwise(found.text), plain=False)
        values[column.index] = found
        tree.children[column.name] = column.index
    text = Writer(work, list(columns), values, {}).text(tree)
    return work.frame.select(pl.repeat(text, pl.len()) if not columns else text).to_series().to_list()


def _one(series: pl.Series) -> pa.Array:
    array = series.to_arrow()
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array


def _absent_if_null(value: Value, column: Column) -> Value:
    """A value of context or integrations: whatever would be sent as null is left out there."""
    if not column.json:
        return replace(value, odd=None)
    return replace(value, text=pl.when(value.text.str.strip_chars() != "null").then(value.text), odd=None)


def _json_text(json_column: pl.Expr) -> pl.Expr:
    """The texts among JSON values."""
    return pl.when(json_column.str.strip_chars().str.starts_with('"')).then(json_column.str.json_path_match("$"))
