"""What operators see of a running daemon: log lines and progress, never a row's value.

Law 9 lives here: `fields` says what may be logged, `redaction` lets nothing else through.
Neighbours: every package logs through structlog; `daemon` and `cli` configure it once.
"""
