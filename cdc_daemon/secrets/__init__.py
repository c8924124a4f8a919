"""Secrets, fetched from where a reference says they are.

Law 9: a secret's value is returned to the one who asked and reaches nothing else: no message, no
log, no cache. Neighbours: ``model.secret`` is the reference; ``settings`` reads it from YAML.
"""
