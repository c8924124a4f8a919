"""Rules bound to a table: what they hit, what comes out, what is wrong."""

from __future__ import annotations

from dataclasses import dataclass, replace

import polars as pl
import pytest

from cdc_daemon.errors import ConfigError
from cdc_daemon.schema.types import Boolean, Date, Integer, LogicalType, Text
from cdc_daemon.transformation import (
    ConditionalTransformer,
    ConstantTransformer,
    Drop,
    HashingTransformer,
    NullTransformer,
    PIIMaskingTransformer,
    Rename,
    RowFilter,
    Rule,
    TransformationPipeline,
    Transformer,
    TruncateTransformer,
    condition,
)
from tests.factories import make_frame, make_table

KEY = b"sixteen bytes, at least"
HASH = HashingTransformer(key=KEY, key_version="1")
EMAIL = PIIMaskingTransformer(kind="email")
TABLE = make_table(
    {"ID": Integer(64), "email": Text(40), "name": Text(), "born": Date(), "ok": Boolean()}
)
ROWS = [
    (1, "ann@x.com", "Ann", None, True),
    (2, "bob@x.com", "Bob", None, False),
    (3, None, None, None, None),
]


def resolved(*parts, window_column=None, table=TABLE):
    rules = [part for part in parts if isinstance(part, Rule)]
    filters = [part for part in parts if isinstance(part, RowFilter)]
    return TransformationPipeline(rules, filters).resolve(table, window_column)


def applied(*parts):
    return resolved(*parts).apply(make_frame(TABLE.columns, ROWS))


def test_hits_are_listed_in_the_order_of_application():
    """``plan`` shows which rule is for which column, and that two are for one."""
    found = resolved(
        Rule(action=EMAIL, column="email"),
        Rule(action=HASH, pattern="E"),
        Rule(action=NullTransformer(), types=frozenset({"date"})),
    )
    assert [(hit.rule, hit.column) for hit in found.hits] == [
        (1, "email"),
        (2, "email"),
        (3, "born"),
    ]
    (note,) = found.notes
    assert note.startswith("column 'email': mask email, then hash sha256 key 1 (")
    assert found.errors == found.unused == ()


def test_columns_come_out_with_their_new_types():
    """Fields and names at the source stay; the target's name and the type are as said."""
    found = resolved(
        Rule(action=HASH, column="ID"),
        Rule(action=Drop(), column="ok"),
        Rule(action=Rename("mail"), column="email"),
    )
    assert [(c.name, c.field, c.target_name, c.type) for c in found.table.columns] == [
        ("ID", "c0", "ID", Text()),
        ("email", "c1", "mail", Text(40)),
        ("name", "c2", "name", Text()),
        ("born", "c3", "born", Date()),
    ]
    assert found.table.key == TABLE.key
    assert found.transformed_key == ("ID",)
    assert "strategy full" in found.notes[0]
    assert [column.name for column in found.reads] == ["ID", "email", "name", "born"]


def test_a_column_carried_as_text_is_a_column_of_its_type():
    """A mask over it makes text of it, and nothing is carried as text any more."""
    number = replace(TABLE.columns[0], as_text=True)
    table = replace(TABLE, columns=(number, *TABLE.columns[1:]))
    found = resolved(Rule(action=HASH, column="ID"), table=table)
    assert not found.table.columns[0].as_text


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ([Rule(action=EMAIL, column="emial")], "rule 1: unknown column 'emial'; is it 'email'?"),
        ([Rule(action=EMAIL, column="born")], "column 'born' (made up): a mask works on text"),
        ([Rule(action=Drop(), column="ID")], "part of the key"),
        ([Rule(action=Rename("name"), column="email")], "would both be 'name'"),
        ([Rule(action=Rename("_valid_from"), column="email")], "history's own"),
        ([Rule(action=HASH, column="born")], "windows are read by it"),
        ([Rule(action=Drop(), column="born")], "windows are read by it"),
        (
            [
                Rule(
                    action=ConditionalTransformer(condition({"column": "x", "equals": 1}), EMAIL),
                    column="email",
                )
            ],
            "unknown column in a condition, 'x'",
        ),
        ([RowFilter(condition({"column": "x", "equals": 1}))], "a row filter: unknown column"),
    ],
)
def test_what_cannot_work_is_said_before_a_row_is_read(parts, said):
    """All errors are there, none is raised; such a pipeline is not applied."""
    found = resolved(*parts, window_column="born")
    assert any(said in error for error in found.errors), found.errors
    with pytest.raises(ConfigError):
        found.apply(make_frame(TABLE.columns, ROWS))


def test_names_that_differ_by_case_alone_are_no_mistake_of_a_rule():
    """They are two columns of the source, and of a target that tells them apart; a new name is not."""
    table = make_table({"ID": Integer(64), "Mixed": Text(), "MIXED": Text()}, key=("ID",))
    assert resolved(table=table).errors == ()
    (said,) = resolved(Rule(action=Rename("mixed"), column="ID"), table=table).errors[:1]
    assert "would both be" in said


def test_all_errors_come_at_once():
    """Not the first only."""
    wrong = [Rule(action=EMAIL, column=name) for name in ("a", "b", "born", "ok")]
    assert len(resolved(*wrong).errors) == 4


def test_rules_that_hit_nothing_are_told():
    """A pattern or a type that is for no column is no error here; whoever asks can make it one."""
    found = resolved(
        Rule(action=EMAIL, pattern="mail"), Rule(action=EMAIL, types=frozenset({"uuid"}))
    )
    assert found.unused == ("rule 1 (pattern 'mail')", "rule 2 (type uuid)")
    assert found.changes_nothing


def test_a_renamed_window_column_is_still_one():
    """Its values are as they were."""
    assert resolved(Rule(action=Rename("b"), column="born"), window_column="born").errors == ()


def test_a_dropped_column_is_read_where_a_condition_asks_for_it():
    """And only there; it does not come out."""
    german = ConditionalTransformer(condition({"column": "name", "equals": "Ann"}), EMAIL)
    found = resolved(
        Rule(action=Drop(), column="name"),
        Rule(action=Drop(), column="ok"),
        Rule(action=german, column="email"),
    )
    assert [column.name for column in found.reads] == ["ID", "email", "name", "born"]
    done = found.apply(make_frame(TABLE.columns, ROWS))
    assert done.frame["c1"].to_list() == ["a**@x.com", "bob@x.com", None]
    assert done.frame.columns == ["c0", "c1", "c3"]


def test_a_rule_behind_a_drop_is_told():
    """It does nothing, which its author may not know."""
    found = resolved(Rule(action=Drop(), column="name"), Rule(action=HASH, pattern="name"))
    assert found.notes == ("column 'name': rule 2 is for a dropped column",)


def test_a_mask_that_knows_no_such_name_is_told():
    """A mask by name over a column whose name says nothing leaves it in clear: that is said."""
    found = resolved(Rule(action=PIIMaskingTransformer(), pattern="(email|name)"))
    assert found.notes == ("column 'name': mask by name leaves it in clear",)
    assert [task.site.column.name for turn in found.steps for task in turn] == ["email"]


def test_warnings_of_transformers_are_notes():
    """A salted hash is allowed and said to be weak."""
    found = resolved(Rule(action=HashingTransformer(salt="salt and pepper"), column="name"))
    assert "can be guessed" in found.notes[0]


def test_descriptions_change_with_what_comes_out():
    """A key that was rotated and a rule that was changed show, for each column alone."""
    before = resolved(Rule(action=HASH, column="name"), Rule(action=EMAIL, column="email"))
    rotated = replace(HASH, key=KEY + b"!")
    after = resolved(Rule(action=rotated, column="name"), Rule(action=EMAIL, column="email"))
    changed = {
        name for name, told in before.descriptions.items() if after.descriptions[name] != told
    }
    assert changed == {"name"}
    keep = RowFilter(condition({"column": "ok", "equals": True}))
    assert resolved(keep).descriptions == {"": "keep rows where ok = True"}


def test_filtered_rows_are_not_transformed():
    """What is left out cannot be rejected; its position is told, and whether it deletes."""
    done = applied(
        RowFilter(condition({"column": "ok", "equals": True})),
        RowFilter(condition({"column": "name", "equals": "Bob"}), deletes=True),
        Rule(action=PIIMaskingTransformer(kind="ssn", unmatched="reject"), column="name"),
    )
    assert done.filtered.rows() == [(0, True), (1, False), (2, False)]
    assert done.rejected.rows() == []
    assert done.frame.height == 0


def test_a_row_is_rejected_for_every_column_that_fails():
    """All reasons are told; the row is out once."""
    strict = PIIMaskingTransformer(kind="ssn", unmatched="reject")
    done = applied(Rule(action=strict, pattern="(email|name)"))
    assert done.rejected.rows() == [
        (0, "email", "unrecognised", False),
        (0, "name", "unrecognised", False),
        (1, "email", "unrecognised", False),
        (1, "name", "unrecognised", False),
    ]
    assert done.frame["c0"].to_list() == [3]


@dataclass(frozen=True)
class Breaking(Transformer):
    """Raises on one value, as a careless plug-in may, and quotes it."""

    on: str = "Bob"

    def describe(self) -> str:
        return "breaking"

    def output(self, column) -> LogicalType:
        return column.type

    def expression(self, value, site):
        def work(values):
            if self.on in values.to_list():
                raise ValueError(f"cannot do {self.on}")
            return values + "!"

        return value.map_batches(work, return_dtype=pl.String)


def test_a_transformer_that_raises_rejects_the_rows_it_raises_on():
    """They are found; the other rows come out, and other columns with them (T29)."""
    done = applied(Rule(action=Breaking(), column="name"), Rule(action=EMAIL, column="email"))
    assert done.frame.select("c1", "c2").rows() == [("a**@x.com", "Ann!"), (None, None)]
    assert done.rejected.rows() == [(1, "name", "failed", False)]


def test_a_transformer_that_always_raises_rejects_all_rows():
    """Soon: after some rows nothing is searched any more."""
    frame = make_frame(TABLE.columns, [(n, "a", "Bob", None, None) for n in range(5000)])
    done = resolved(Rule(action=Breaking(), column="name")).apply(frame)
    assert done.rejected.height == 5000
    assert done.frame.height == 0


class Lying(Breaking):
    """Gives another type than it says."""

    def expression(self, value, site):
        return value.str.len_chars()


def test_a_transformer_that_gives_another_type_is_an_error():
    """Found when the table is known."""
    (error,) = resolved(Rule(action=Lying(), column="name")).errors
    assert "gives UInt32 where it promised String" in error


def test_a_transformer_that_breaks_on_nothing_is_an_error():
    """So does one whose expression cannot be evaluated at all."""

    class Bad(Breaking):
        def expression(self, value, site):
            raise RuntimeError

    (error,) = resolved(Rule(action=Bad(), column="name")).errors
    assert error == "column 'name': its transformer fails (RuntimeError)"


def test_frames_without_rows_are_transformed():
    """An empty batch has the columns of every other one."""
    found = resolved(Rule(action=HASH, column="ID"), Rule(action=EMAIL, column="email"))
    done = found.apply(make_frame(TABLE.columns, []))
    assert done.frame.schema == {c.field: c.carrier for c in found.table.columns}


@pytest.mark.parametrize(
    ("action", "name", "logical"),
    [
        (ConstantTransformer("a"), "email", Text(40)),
        (ConstantTransformer("a" * 41), "email", Text()),
        (ConstantTransformer(1), "ID", Integer(64)),
        (TruncateTransformer(5), "email", Text(5)),
        (TruncateTransformer(50), "email", Text(40)),
        (NullTransformer(), "born", Date()),
    ],
)
def test_replacements_keep_the_type_where_they_can(action, name, logical):
    """A rule on a column that fits changes no column of the target."""
    found = resolved(Rule(action=action, column=name))
    assert found.errors == ()
    assert found.table.by_name[name].type == logical
    assert found.apply(make_frame(TABLE.columns, ROWS)).rejected.height == 0


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"column": "a", "pattern": "a"},
        {"pattern": "("},
        {"types": frozenset({"varchar"})},
    ],
)
def test_rules_for_nothing_are_refused(options):
    """A rule says which columns it is for, once."""
    with pytest.raises(ConfigError):
        Rule(action=EMAIL, **options)


def test_of_transformers_that_are_tried_together_each_is_told_what_is_its_own():
    """One that fails and one that breaks its promise hide neither each other nor blame a third."""

    class Failing(Breaking):
        def expression(self, value, site):
            raise ZeroDivisionError

    rules = [
        Rule(action=Failing(), column="email"),
        Rule(action=Lying(), column="name"),
        Rule(action=HASH, column="ID"),
    ]
    assert resolved(*rules).errors == (
        "column 'email': its transformer fails (ZeroDivisionError)",
        "column 'name': its transformer gives UInt32 where it promised String",
    )
    assert resolved(rules[2]).errors == ()
