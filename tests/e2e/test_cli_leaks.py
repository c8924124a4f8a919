"""Law 9, from outside: no output of a command holds a row's value or a secret."""

from __future__ import annotations

from tests.support.site import Site

VALUE = "hush-7f3a"


def test_values_and_secrets_reach_no_output(site: Site) -> None:
    """Driver messages that quote a row, failures and plans: no value, no password, anywhere."""
    log = site.folder / "cdc.log"
    site.source.execute(
        "CREATE TABLE account (id text PRIMARY KEY, name text);"
        f"INSERT INTO account VALUES ('{VALUE}-1', '{VALUE}-2');"
        "CREATE TABLE double (id text, n int);"
        f"INSERT INTO double VALUES ('{VALUE}-3', 1), ('{VALUE}-3', 2);"
    )
    site.configure(
        "account",
        {"name": "double", "key": ["id"]},
        logging={"level": "DEBUG", "file": str(log)},
    )
    outputs = [site.run("plan"), site.run("once")]
    # PostgreSQL quotes the whole row where a constraint fails
    site.target.execute("ALTER TABLE bronze.src_account ADD CHECK (name NOT LIKE '%-4')")
    site.source.execute(f"UPDATE account SET name = '{VALUE}-4'")
    outputs += [site.run(*command) for command in (["once"], ["plan"], ["status"])]
    outputs += [site.run("status", "--json"), site.run("release", "double")]

    assert [done.returncode for done in outputs] == [1, 1, 1, 1, 0, 0, 0]
    kinds = {event.get("error_kind") for done in outputs for event in done.events()}
    assert {"StatementFailed", "DuplicateKey"} <= kinds
    said = "".join(done.stdout + done.stderr for done in outputs) + log.read_text()
    assert "src.public.account" in log.read_text()
    assert VALUE not in said
    assert site.source.password not in said
    events = site.target.fetch("SELECT e::text FROM cdc.pipeline_event e")
    assert VALUE not in str(events)
