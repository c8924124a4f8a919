"""The shop that `cdc-daemon demo` copies: its story, how it is played, checked and shown.

Law: what is shown comes from the real code path and is checked against the shop itself. Only
`cli.demo` uses it.
"""
