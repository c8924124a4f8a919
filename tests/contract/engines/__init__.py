"""An engine and what a test may do to it behind its ports' back; one module each."""
