"""What the daemon costs beside bare COPY and its peers (DESIGN 9): ``python -m tests.benchmarks``.

Law: only whole processes are measured, and only ratios of one run on one machine are compared.
"""
