"""The examples of the documentation do what they say."""

from __future__ import annotations

import doctest

import pytest

import cdc_daemon.transformation
from cdc_daemon.transformation import words


@pytest.mark.parametrize("module", [cdc_daemon.transformation, words])
def test_examples_are_true(module):
    """Whoever copies an example gets what is printed there."""
    found = doctest.testmod(module)
    assert found.attempted > 0
    assert found.failed == 0
