"""YAML files, whatever they hold, and the files they include."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from cdc_daemon.errors import ConfigError
from cdc_daemon.settings.document import parse
from cdc_daemon.settings.load import load
from tests.support.privileges import unprivileged


@pytest.mark.parametrize(
    ("text", "issue"),
    [
        ("", "is empty; write at least one key, as the example does"),
        ("# only a comment\n", "is empty; write at least one key, as the example does"),
        ("---\n", "is empty; write at least one key, as the example does"),
        ("\n- a\n", "holds no mapping at its top; begin with `key:`"),
        ("\nwords", "holds no mapping at its top; begin with `key:`"),
        ("target:\n\tconnection: x\n", "YAML syntax: a tab indents this line; indent with spaces"),
        ("a: 1\n---\na: 1\n", "a second YAML document begins; use one document a file"),
        (
            "a:\n  b: *c\n",
            "YAML syntax: an alias (*…) without its anchor (&…) before it; put a value that begins with * in quotes",
        ),
        (
            "a: &a\n  - *a\n",
            "YAML syntax: an alias (*…) without its anchor (&…) before it; put a value that begins with * in quotes",
        ),
        ("a: 1\nb: !!set {x}\n", "a YAML tag (!…) has no meaning here; remove the tag"),
        ("a: 1\nb: !secret x\n", "a YAML tag (!…) has no meaning here; put the value in quotes"),
        ("a: 1\nb: !!int x\n", "YAML cannot read this value as a number; put it in quotes"),
        ("a: 1\non: x\n", "a key is not text; put it in quotes: YAML reads it otherwise"),
        ("a: 1\n[a]: x\n", "a key is not text; put it in quotes: YAML reads it otherwise"),
        ("a: 1\n<<: 3\n", "`<<` takes a mapping or a list of mappings; write `<<: *name`"),
        ("a: 1\na: 2\n", "the key 'a' stands twice (first on line 1); keep one of them"),
        (
            "a: 1\nb: \x07\n",
            "holds the control character U+0007; remove it, or write it as an escape in double quotes",
        ),
        (b"a: 1\nb: \xff\n", "is not UTF-8 text; save the file as UTF-8"),
    ],
)
def test_a_file_that_is_no_configuration(issues_of, text, issue):
    """Each has a clear issue, with the line where there is one, and no traceback."""
    said = dict(reversed(each.split(": ", 1)) for each in issues_of(text))
    where = "cdc-daemon.yaml" if issue.startswith("is empty") else "cdc-daemon.yaml:2"
    assert said[issue] == where


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: 1\nb: [1, 2\n", 3),
        ("a: 1\nb: 'x\n", 3),
        ("a: 1\nb: c: d\n", 2),
        ('a: 1\nb: "\\q"\n', 2),
    ],
)
def test_syntax_errors_have_their_line(text, line):
    """A YAML syntax error names its line, and where the open bracket or quote stands."""
    document = parse(text, "x.yaml")
    assert document.root is None
    (issue,) = document.issues
    assert str(issue).startswith(f"x.yaml:{line}: YAML syntax: ")
    assert ("began on line 2" in str(issue)) == (line == 3)


def test_deep_nesting_and_growing_aliases_are_refused():
    """Law 11: a hostile file costs neither stack nor memory."""
    (deep,) = parse("a: " + "[" * 100_000, "x").issues
    assert "is nested deeper than 32 levels" in deep.message
    laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 10)
    )
    (large,) = parse(laughs, "x").issues
    assert "grows too large through its aliases" in large.message
    chain = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 100))
    (long,) = parse(chain, "x").issues
    assert "grows too large through its aliases" in long.message


def test_a_byte_order_mark_and_windows_lines_are_fine(load_text, valid):
    """A file saved by a Windows editor loads as any other."""
    text = b"\xef\xbb\xbf" + valid.replace("\n", "\r\n").encode()
    assert load_text(text).digest == load_text(valid).digest


def test_a_directory_for_a_file(issues_of, folder, valid):
    """A directory is named as one, for the main file and for an included one."""
    (folder / "tables.d" / "x.yaml").mkdir(parents=True)
    assert issues_of(valid + "include: [tables.d/*]\n") == [
        "tables.d/x.yaml: is a directory; name a file"
    ]


def test_a_file_without_permission(valid):
    """A file that may not be read is an issue that says so."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "main.yaml").write_text(valid + "include: [t.yaml]\n")
        (folder / "t.yaml").write_text("tables: []")
        (folder / "t.yaml").chmod(0)
        with unprivileged(), pytest.raises(ConfigError) as caught:
            load(folder / "main.yaml", {})
    issue = f"{folder}/t.yaml: may not be read by this user; grant read permission"
    assert caught.value.issues == (issue,)


class TestInclude:
    """Tables may be spread over files."""

    def test_tables_come_in_the_order_of_names(self, load_text, write, valid):
        """The main file's tables first, then each file once, sorted; hidden files never."""
        for name in ("b", "a", ".hidden", "sub/c"):
            write(f"tables: [{{source: core, schema: s, name: {name[-1]}}}]\n", f"t/{name}.yaml")
        snapshot = load_text(valid + "include: ['t/**/*.yaml', t/a.yaml]\n")
        assert [table.id.name for table in snapshot.tables] == ["Account", "a", "b", "c"]

    def test_absolute_patterns(self, load_text, write, valid):
        """A pattern may be absolute."""
        path = write("tables: [{source: core, schema: s, name: b}]\n", "t/x.yaml")
        snapshot = load_text(f"{valid}include: [{path.parent}/*.yaml]\n")
        assert [table.id.name for table in snapshot.tables] == ["Account", "b"]

    def test_an_included_file_holds_tables_only(self, issues_of, write, valid):
        """Other sections stand in the main file; paths count within the included file."""
        write(
            "defaults: {}\ntables:\n- {source: core, schema: s, name: b}\n- {source: c}\n", "x.yaml"
        )
        assert issues_of(valid + "include: [x.yaml]\n") == [
            "x.yaml:1: defaults: is not a key of this section; known here: tables",
            "x.yaml:4: tables[1].name: is missing; add it",
            "x.yaml:4: tables[1].schema: is missing; add it",
        ]

    def test_lines_stay_right_beside_broken_tables(self, issues_of, write, valid):
        """A check between tables names the right lines though a table before them is broken."""
        write(
            "tables:\n- 5\n- {source: core, schema: s, name: b}\n- {source: core, schema: t, name: b}\n",
            "x.yaml",
        )
        assert [issue.split(": ")[:2] for issue in issues_of(valid + "include: [x.yaml]\n")] == [
            ["x.yaml:2", "tables[0]"],
            ["x.yaml:4", "tables[2].name"],
        ]

    def test_clashes_between_files_name_both(self, issues_of, write, valid):
        """The first of two equal tables may stand in another file."""
        write("tables: [{source: core, schema: public, name: Account}]\n", "x.yaml")
        assert issues_of(valid + "include: [x.yaml]\n") == [
            (
                "x.yaml:1: tables[0].name: the table core.public.Account is configured twice (first at"
                " cdc-daemon.yaml:6); remove one of them"
            )
        ]

    def test_a_named_file_must_be_there(self, issues_of, valid):
        """A path without wildcards that names nothing is an issue at its line."""
        assert issues_of(valid + "include:\n- none.yaml\n") == [
            "cdc-daemon.yaml:8: include: names a file that is not there; create it, or remove the pattern"
        ]

    def test_a_pattern_may_match_nothing(self, load_text, valid):
        """A folder without files yet is a warning."""
        (warning,) = load_text(valid + "include: [none/*.yaml]\n").warnings
        assert warning.endswith(
            "yaml:7: include: matches no file; create it, or remove the pattern"
        )

    def test_a_file_does_not_include_itself(self, issues_of, valid):
        """A pattern so wide that it matches the main file is refused."""
        assert issues_of(valid + "include: ['*.yaml']\n") == [
            "cdc-daemon.yaml:7: include: matches this file itself; keep table files in a folder of their own"
        ]

    def test_an_emptied_file_is_an_issue(self, issues_of, write, valid):
        """A file cut short by a full disk does not take its tables away in silence."""
        write("", "x.yaml")
        assert issues_of(valid + "include: [x.yaml]\n") == [
            "x.yaml: is empty; write at least one key, as the example does"
        ]

    def test_a_pattern_with_a_null_character(self, issues_of, valid):
        """What no path can hold is an issue, not a traceback."""
        (issue,) = issues_of(valid + 'include: ["\\0"]\n')
        assert "include[0]: must be a name without control characters" in issue
