"""The command line as a process: killed, stopped, and fed with real input."""
