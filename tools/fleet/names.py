"""A name server that knows one name, as a container engine's does: the replicas that exist now."""

import socket
import threading
from collections.abc import Callable

import dns.flags
import dns.message
import dns.rrset


class NameServer:
    """Answers every question for addresses with those of ``addresses()``.

    Args:
        addresses: Called for each question.
    """

    def __init__(self, addresses: Callable[[], list[str]]) -> None:
        self._addresses = addresses
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End; a question to ourselves wakes the thread."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as waker:
            waker.sendto(b"", self._socket.getsockname())
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while True:
            data, sender = self._socket.recvfrom(65535)
            if not data:
                return
            self._socket.sendto(self._answer(data), sender)

    def _answer(self, data: bytes) -> bytes:
        query = dns.message.from_wire(data)
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.RA
        (question,) = query.question
        if question.rdtype == dns.rdatatype.A and (known := self._addresses()):
            answer.answer.append(dns.rrset.from_text(question.name, 1, "IN", "A", *known))
        return answer.to_wire()
