"""What a person at a terminal sees of ``once``."""

from __future__ import annotations

from tests.support.site import Site
from tests.support.terminal import CONTROLS, on_terminal


def test_a_pass_ends_with_a_table_of_outcomes(site: Site) -> None:
    """On a terminal: a table of outcomes, then failures with remedies; no JSON, colours only there."""
    site.source.execute(
        "CREATE TABLE account (id int PRIMARY KEY); INSERT INTO account VALUES (1), (2);"
        "CREATE TABLE keyless (a int)"
    )
    site.configure("account", "keyless")
    code, shown = on_terminal(site, "once")
    plain = CONTROLS.sub("", shown)
    assert code == 1
    assert plain != shown
    rows = [line.split() for line in plain.splitlines()]
    assert any(r[:7] == ["src.public.account", "succeeded", "2", "2", "0", "0", "0"] for r in rows)
    assert any(row[:2] == ["src.public.keyless", "held"] for row in rows)
    assert "src.public.keyless: no primary key" in plain
    assert "remedy: Configure the columns that identify a row" in plain
    assert '"event"' not in plain
    # elsewhere the same command says nothing on stdout, and no controls in its lines
    done = site.run("once")
    assert done.stdout == ""
    assert "\x1b" not in done.stderr


def test_status_is_the_same_text_with_and_without_a_terminal(site: Site) -> None:
    """Not a terminal: no colour and no wrapping, whatever the environment says of columns."""
    site.source.execute("CREATE TABLE account (id int PRIMARY KEY)")
    site.configure("account", {"name": "a_table_with_quite_a_long_name"})
    site.run("control", "apply")
    site.run("pause", "account")
    _, shown = on_terminal(site, "status")
    plain = site.run("status", env={"COLUMNS": "20", "FORCE_COLOR": "1"}).stdout
    assert "\x1b" not in plain
    assert "\x1b" in shown
    assert len(plain.splitlines()) == 3
    assert [line.split() for line in plain.splitlines()] == [
        line.split() for line in CONTROLS.sub("", shown).splitlines()
    ]
