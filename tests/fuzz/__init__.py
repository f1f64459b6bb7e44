"""Fuzzing of what reads picture files: ``python -m tests.fuzz SECONDS``, or ``make fuzz``."""
