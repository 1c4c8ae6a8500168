"""Reading whole HTTP/1.1 messages off a socket, byte for byte as they were sent."""

import socket
from dataclasses import dataclass

_READ = 1 << 18
_LONGEST_HEAD = 1 << 16


class ConnectionEnded(Exception):
    """The other side has closed or reset the connection."""


@dataclass(frozen=True, slots=True)
class Message:
    """One request or answer: `raw` is all of it, `first` its first line, `body` what follows the head."""

    raw: bytes
    first: str
    body: bytes
    closes: bool


class MessageReader:
    """Reads one message after the other from one socket."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._buffer = bytearray()

    @property
    def has_buffered(self) -> bool:
        return bool(self._buffer)

    def request(self) -> Message:
        """Return the next whole request; raise ConnectionEnded if there is none."""
        return self._message(is_answer=False, has_body=True)

    def answer(self, *, to: str) -> Message:
        """Return the next whole final answer to the request that begins with the line `to`."""
        while True:
            message = self._message(is_answer=True, has_body=not to.startswith("HEAD "))
            if not message.first.split(" ")[1].startswith("1"):
                return message

    def _message(self, *, is_answer: bool, has_body: bool) -> Message:
        head = self._through(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {
            name.strip().lower(): value.strip().lower() for name, _, value in (line.partition(":") for line in lines)
        }
        closes = headers.get("connection") == "close"
        if is_answer and first.split(" ")[1][:1] == "1":
            has_body = False
        if is_answer and first.split(" ")[1] in {"204", "304"}:
            has_body = False
        if not has_body:
            body = b""
        elif "chunked" in headers.get("transfer-encoding", ""):
            body = self._chunks()
        elif "content-length" in headers:
            body = self._exactly(int(headers["content-length"]))
        elif is_answer:
            body, closes = self._rest(), True
        else:
            body = b""
        return Message(head + body, first, body, closes)

    def _chunks(self) -> bytes:
        parts = []
        while True:
            line = self._through(b"\r\n")
            size = int(line.split(b";")[0], 16)
            parts.append(line)
            if size == 0:
                break
            parts.append(self._exactly(size + 2))
        while (line := self._through(b"\r\n")) != b"\r\n":
            parts.append(line)
        return b"".join([*parts, line])

    def _through(self, end: bytes) -> bytes:
        while (found := self._buffer.find(end)) < 0:
            if len(self._buffer) > _LONGEST_HEAD:
                raise ConnectionEnded("This is not HTTP.")
            self._more()
        return self._take(found + len(end))

    def _exactly(self, size: int) -> bytes:
        while len(self._buffer) < size:
            self._more()
        return self._take(size)

    def _rest(self) -> bytes:
        while True:
            try:
                self._more()
            except ConnectionEnded:
                return self._take(len(self._buffer))

    def _take(self, size: int) -> bytes:
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken

    def _more(self) -> None:
        try:
            received = self._connection.recv(_READ)
        except OSError as error:
            raise ConnectionEnded(str(error)) from error
        if not received:
            raise ConnectionEnded("closed")
        self._buffer += received
