"""The daemon's own tables, kept in the target: batches, states, events; numbered migrations."""
