"""A signal that tells a call in another thread to end early, since its caller has left."""

import contextlib
import threading
from collections.abc import Callable, Iterator


class StoppedError(Exception):
    """A call was stopped because its caller has left."""


class StopSignal:
    """Tells a call in another thread that its caller has left."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._action: Callable[[], None] | None = None
        self.is_set = False

    def set(self) -> None:
        """Stop the call: run the action that it registered, now or as soon as it registers one."""
        with self._lock:
            self.is_set = True
            if self._action is not None:
                self._action()

    @contextlib.contextmanager
    def runs(self, action: Callable[[], None]) -> Iterator[None]:
        """Register ``action`` for the block: ``set`` runs it. The action must return at once.

        Raises:
            StoppedError: If the signal was set before the block.
        """
        with self._lock:
            if self.is_set:
                raise StoppedError("stopped before it began")
            self._action = action
        try:
            yield
        finally:
            with self._lock:
                self._action = None
