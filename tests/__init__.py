"""Tests of cdc_daemon; run from the repository's root."""
