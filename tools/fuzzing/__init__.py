"""Fuzzing of what reads picture files: ``python -m tools.fuzzing SECONDS``, or ``make fuzz``."""
