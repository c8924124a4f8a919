"""What tests stand on: databases, a proxy with failpoints, child processes, TPC-H."""
