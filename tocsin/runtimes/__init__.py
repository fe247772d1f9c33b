"""Loops around the pipeline list. The runtime owns I/O, time, retries and offsets; the stages own none."""
