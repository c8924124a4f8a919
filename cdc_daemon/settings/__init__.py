"""Configuration: from YAML and environment to one immutable ``ConfigSnapshot``.

Law: every issue is reported at once, with its file and line and a remedy, and no message holds a
secret. ``load.load`` is the way in; it reads files, everything else here is pure. Neighbours:
``model.config`` is what leaves this package; pydantic does not.
"""
