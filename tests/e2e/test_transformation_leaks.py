"""Law 9, from outside: what rules hide is in nothing that the daemon writes, says or leaves."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from cdc_daemon.cdc.row_hash import key_digest
from cdc_daemon.schema.types import Text
from tests.factories import make_frame, make_table
from tests.support.daemon import configure, landing_folder, promoted, serving
from tests.support.databases import Database
from tests.support.leaks import Marks, of_files, of_tables
from tests.support.planted import (
    ARROW,
    EU,
    FILE_KEY,
    FILTERED,
    KEYS,
    OTHERS,
    REFUSED,
    REJECTED,
    STOPPING,
    Planted,
    marks_of,
    person,
)
from tests.support.process import Completed
from tests.support.proxy import Proxy

LANDING = "landing: "
PAGES = ("/metrics", "/status", "/", "/readyz", "/healthz")
TABLES = tuple(OTHERS)
CHANGES = tuple(range(101, 106))
"""What the second person becomes, in turn."""
HIDDEN = frozenset(
    mark
    for row in (
        *(person(n) for n in (*EU, FILTERED, REJECTED, REFUSED, *CHANGES)),
        *(row for rows in OTHERS.values() for row in rows),
        STOPPING,
    )
    for mark in marks_of(row)
)
REFUSED_PLAIN = frozenset({str(person(REFUSED)["plain"]).removesuffix(ARROW)})
"""No rule is for it: it lands, and is nowhere else."""
SECRETS = frozenset({*KEYS.values(), FILE_KEY})
HASH_BY_NAME = {"use": "hash", "key": {"env": "PLANTED_KEY_1"}, "truncate": 40}


def digest_of(key: str) -> str:
    """Of a text key in clear, as it would be told of: whoever guesses the key can check it."""
    columns = make_table({"k": Text()}, key=("k",)).key_columns
    return f"{key_digest(make_frame(columns, [(key,)]), columns).item():032x}"


DIGESTS = frozenset(digest_of(row["account_no"]) for row in OTHERS["account"])


@pytest.fixture
def planted(source_db: Database, target_db: Database, tmp_path: Path) -> Planted:
    """Marked values in a source; a target that cannot take every character."""
    source_db.execute(f"DROP DATABASE {target_db.name}")
    source_db.execute(
        f"CREATE DATABASE {target_db.name} TEMPLATE template0 ENCODING LATIN1 LOCALE 'C'"
    )
    site = Planted(source_db, target_db, tmp_path)
    site.plant()
    return site


class Evidence:
    """Everything that was said and left, by where."""

    def __init__(self, site: Planted) -> None:
        self.site = site
        self.places: dict[str, bytes | str] = {}
        self.codes: list[int] = []

    def run(self, *arguments: str, code: int = 0) -> Completed:
        done = self.site.run(*arguments)
        place = f"{len(self.codes)}: {' '.join(arguments)}"
        self.codes.append(done.returncode)
        self.places[place] = done.stdout + done.stderr
        assert done.returncode == code, (place, done)
        return done

    def configure(
        self, *tables: str, target_via: Database | None = None, **changed: object
    ) -> None:
        """The site's rules, or ``tables`` without any."""
        ruled = {} if tables else self.site.rules(**changed)
        names = [{"name": name} for name in tables]
        configure(
            self.site,
            *ruled.pop("tables", names),
            every="1s",
            target_via=target_via,
            logging={"level": "DEBUG", "file": str(self.site.folder / "cdc.log"), "format": "json"},
            **ruled,
        )

    def left(self) -> dict[str, bytes | str]:
        """All of it, with what is in the target and on disk now; the file of the key apart."""
        files = of_files(self.site.folder)
        own = {"cdc-daemon.yaml", "keys/key"}
        now = {place: data for place, data in files.items() if place not in own}
        return self.places | now | of_tables(self.site.target)

    def kill_in_promote(self, proxy: Proxy, n: int, *tables: str, **changed: object) -> None:
        """``once`` ends by SIGKILL when a change is written but not committed."""
        site = self.site
        self.configure(*tables, target_via=site.target.through(proxy.port), **changed)
        site.change(n)
        hold = proxy.hold('INSERT INTO "stage"')
        with site.watch("once", "person") as child:
            hold.wait()
            child.signal(signal.SIGKILL)
            self.places["killed"] = child.wait().stdout
        hold.release()
        proxy.reset()
        landed = of_files(landing_folder(site))
        assert any(place.endswith(" unpacked") for place in landed), landed.keys()
        self.places |= {f"{LANDING}{place}": data for place, data in landed.items()}
        self.configure(*tables, **changed)


def story(evidence: Evidence, proxy: Proxy) -> None:
    """A site's life: everything that a row can become, and everything an operator asks."""
    site, run = evidence.site, evidence.run
    evidence.configure()
    run("validate-config", "--connect")
    run("plan")
    run("once", "--workers", "1")
    run("plan", "--show-keys")
    run("quarantine", "list", "--json")
    for table in ("person", "account", "badge"):
        shown = run("quarantine", "show", table, "--json")
        assert '"reason": "' in shown.stdout, table
    site.insert("ledger", STOPPING)
    site.change(CHANGES[0])
    run("once", code=1)
    run("status", "--json")
    run("quarantine", "replay")
    evidence.configure(name=HASH_BY_NAME)
    site.change(CHANGES[1])
    run("once", "person", code=1)
    run("plan", "--show-keys", code=1)
    run("release", "--rewrite", "person")
    run("once", "person")
    evidence.configure(name=HASH_BY_NAME, key=2)
    run("once", "person", "account", "visit", code=1)
    run("plan", "person", "account", "visit", "--show-keys")
    run("once", "person", "account", "visit", "--accept-guard", "rules")
    evidence.kill_in_promote(proxy, CHANGES[2], name=HASH_BY_NAME, key=2)
    serve(evidence)


def serve(evidence: Evidence) -> None:
    """``run``, asked for every page."""
    site = evidence.site
    before = promoted(site, "person")
    with serving(site) as daemon:
        daemon.until(lambda: promoted(site, "person") > before)
        site.change(CHANGES[3])
        changed = "SELECT count(*) FROM bronze.src_person WHERE plain = 'open-104'"
        daemon.until(lambda: site.target.fetch(changed) != [(0,)])
        for page in PAGES:
            evidence.places[f"page {page}"] = daemon.get(page)[1]
        daemon.terminate()
        evidence.places["run"] = daemon.wait().stdout


def test_what_rules_hide_is_nowhere(planted: Planted, target_proxy: Proxy) -> None:
    """Masked, hashed, dropped, filtered, rejected, refused, stopping; nor is any key of a hash."""
    evidence = Evidence(planted)
    story(evidence, target_proxy)
    left = evidence.left()
    assert "open-104" in left["bronze.src_person"]
    assert {"cdc.quarantine", "cdc.pipeline_event", "cdc.batch", "stage.src_person"} <= left.keys()
    assert Marks((HIDDEN - REFUSED_PLAIN) | DIGESTS | SECRETS).leaks(left) == {}
    elsewhere = {place: data for place, data in left.items() if not place.startswith(LANDING)}
    assert Marks(REFUSED_PLAIN).leaks(elsewhere) == {}


def test_without_rules_all_of_it_is_found(planted: Planted, target_proxy: Proxy) -> None:
    """The scan can fail: in the target, in landing files, and where keys are asked for.

    Law 9 holds for all else: rules are not what keeps values out of logs.
    """
    evidence = Evidence(planted)
    evidence.configure("person", *TABLES)
    evidence.run("once")
    evidence.run("plan", "account", "--show-keys")
    planted.source.execute("DELETE FROM account WHERE balance = 1")
    shown = evidence.run("plan", "account", "--show-keys").stdout
    evidence.kill_in_promote(target_proxy, CHANGES[0], "person", *TABLES)
    left = evidence.left()
    marks = Marks(HIDDEN)
    persons = (person(n) for n in (*EU, FILTERED, REJECTED))
    loaded = {mark for row in persons for mark in marks_of(row)}
    assert marks.found(left["bronze.src_person"]) == loaded
    for name, rows in OTHERS.items():
        assert marks.found(left[f"bronze.src_{name}"]) == {m for row in rows for m in marks_of(row)}
    landed = "".join(
        data.decode() for place, data in left.items() if place.endswith("rows.arrows read")
    )
    changed = {*marks_of(person(CHANGES[0])), *REFUSED_PLAIN}
    assert marks.found(landed) >= (loaded | changed) - set(marks_of(person(2)))
    assert marks.found(shown) == {"QxAccountMark1"}
    quiet = {
        place: data
        for place, data in left.items()
        if not place.startswith((LANDING, "landing/", "bronze.", "statistics"))
        and "--show-keys" not in place
    }
    assert {"killed", "cdc.log", "cdc.pipeline_event", "0: once"} <= quiet.keys()
    assert marks.leaks(quiet) == {}
