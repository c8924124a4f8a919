"""The command line: one module a command, and the only place that exits.

Law 9: what is printed are names, numbers and sentences of ours; keys only with ``--show-keys``.
Neighbours: ``main`` parses and maps errors to exit codes; ``bootstrap`` wires what commands run.
"""
