"""The model's half of the ``abair`` command: restore, evaluate, adapter.

Nothing heavy is imported before a command runs, so that ``abair --help`` answers at once.
"""

from model.cli.commands import app

__all__ = ["app"]
