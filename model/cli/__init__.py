"""The model's half of the ``abair`` command: restore, evaluate, train, adapter.

Nothing heavy is imported before a command runs, so that ``abair --help`` answers at once.
"""

from model.cli.commands import app
from model.cli.common import examples

__all__ = ["app", "examples"]
