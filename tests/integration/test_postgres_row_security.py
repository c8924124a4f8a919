"""Tables of which a policy keeps rows from the login."""

from __future__ import annotations

import pytest

from cdc_daemon.model.change import Counts
from cdc_daemon.model.run import Status
from tests.support.databases import Database
from tests.support.rig import Rig


@pytest.mark.asyncio
async def test_rows_that_a_policy_keeps_back_do_not_pass_for_deleted(
    source_db: Database, target_db: Database
) -> None:
    """Law 10: a policy that comes holds the table, with a remedy that lets it go on."""
    async with (
        source_db.another_login("pw") as reader,
        Rig(source_db, target_db, tables=["t"], source_via=reader) as rig,
    ):
        await rig.source.execute(
            f"CREATE TABLE t (id int PRIMARY KEY); GRANT SELECT ON t TO {reader.user};"
            "INSERT INTO t SELECT generate_series(1, 4)"
        )
        await rig.succeeds()
        await rig.source.execute(
            "CREATE POLICY p ON t USING (id > 1); ALTER TABLE t ENABLE ROW LEVEL SECURITY"
        )
        outcome = await rig.run("t")
        assert (outcome.status, outcome.error_kind) == (Status.FAILED, "RowsWithheld")
        assert outcome.held
        assert "BYPASSRLS" in (outcome.remedy or "")
        await rig.source.execute(f"ALTER ROLE {reader.user} BYPASSRLS; DELETE FROM t WHERE id = 4")
        await rig.app.states.release(rig.spec().id)
        assert (await rig.succeeds())["t"].counts == Counts(extracted=3, deleted=1, unchanged=3)
