"""Evolution: a new column is added, anything else stops the table."""

from __future__ import annotations

import pytest

from cdc_daemon.errors import IncompatibleChange
from cdc_daemon.schema.diff import evolve
from cdc_daemon.schema.types import Integer, Text, Timestamp
from tests.factories import TABLE, make_table

SOURCE = make_table({"ID": Integer(64), "NAME": Text(), "_valid_from": Timestamp()})
WANTED = {"ID": "bigint", "NAME": "text", "_valid_from_src": "timestamp without time zone"}


def test_equal_columns_need_nothing():
    """A history with the source's columns stays as it is, in whatever order."""
    existing = dict(reversed(WANTED.items()))
    assert evolve(TABLE, SOURCE, existing, WANTED).added == ()


def test_new_columns_are_added_in_catalog_order():
    """Columns are compared by their target's name; what is not there is added (T15)."""
    added = evolve(TABLE, SOURCE, {"ID": "bigint"}, WANTED).added
    assert [column.target_name for column in added] == ["NAME", "_valid_from_src"]


@pytest.mark.parametrize(
    ("existing", "said", "unsaid"),
    [
        ({**WANTED, "OLD": "text"}, ["gone: OLD"], ["another type"]),
        ({**WANTED, "ID": "integer"}, ["ID (integer in the history, bigint now)"], ["gone"]),
        ({"ID": "integer", "OLD": "text"}, ["gone: OLD", "of another type: ID"], ["NAME"]),
        ({**WANTED, "O1": "text", "O2": "text"}, ["gone: O1, O2"], []),
    ],
)
def test_a_column_that_is_gone_or_changed_stops_the_table(existing, said, unsaid):
    """Nothing but a new column is absorbed in silence; the columns are named (law 6)."""
    with pytest.raises(IncompatibleChange) as caught:
        evolve(TABLE, SOURCE, existing, WANTED)
    assert caught.value.holds
    message = str(caught.value)
    assert str(TABLE) in message
    assert all(part in message for part in said)
    assert not any(part in message for part in unsaid)
