"""A form with one file as a browser sends it by itself, read as it comes: its fields first, then the file's bytes.

Fields stand before the file in our own forms, so that who sends it is known before a byte of the file is taken, and a
large file lies in nobody's memory and on no disk of this service.
"""

from collections import deque
from collections.abc import AsyncIterator

from fastapi import Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from millrace_core.errors import BadInput

KIND = "multipart/form-data"
MOST_FIELDS, LONGEST_FIELD, LONGEST_BOUNDARY = 20, 10_000, 200


def is_one(request: Request) -> bool:
    """Whether a request brings such a form."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower() == KIND


class Parts:
    """The form of *request*. *fields*: what stood before the file; *name*: what the file is called."""

    def __init__(self, request: Request) -> None:
        self.fields: dict[str, str] = {}
        self.name = ""
        self._chunks = request.stream()
        self._parser = MultipartParser(_boundary(request), {
            "on_part_begin": self._begin, "on_header_field": self._header_name, "on_header_value": self._header_value,
            "on_header_end": self._header_end, "on_headers_finished": self._headers_end, "on_part_data": self._data,
            "on_part_end": self._part_end, "on_end": self._end,
        })  # fmt: skip
        self._header, self._value, self._field = b"", b"", ""
        self._text = bytearray()
        self._in_file = self._file_began = self._whole = False
        self._ready: deque[bytes] = deque()

    async def begin(self) -> None:
        """Read up to where the file begins, or to the end of a form without one. Raises: BadInput."""
        while not self._file_began and not self._whole:
            if not await self._more():
                raise BadInput("The form broke off before its file; send it again.")

    async def file(self) -> AsyncIterator[bytes]:
        """The bytes of the file as they come. Raises: BadInput if the form breaks off."""
        while True:
            while self._ready:
                yield self._ready.popleft()
            if self._whole or (self._file_began and not self._in_file):
                return
            if not await self._more():
                raise BadInput("The file broke off on its way; send it again.")

    async def _more(self) -> bool:
        """Read on; False at the end of the request."""
        async for chunk in self._chunks:
            if chunk:
                try:
                    self._parser.write(chunk)
                except FormParserError as error:
                    raise BadInput("The form cannot be read; send it from its page.") from error
                return True
        return False

    def _begin(self) -> None:
        self._header = self._value = b""
        self._text.clear()
        self._field = ""

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        if self._header.lower() == b"content-disposition":
            _, options = parse_options_header(self._value)
            self._field = options.get(b"name", b"").decode(errors="replace")
            if b"filename" in options and not self._file_began:
                self.name = options[b"filename"].decode(errors="replace").replace("%22", '"')
                self._in_file = True
        self._header = self._value = b""

    def _headers_end(self) -> None:
        self._file_began = self._file_began or self._in_file

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._in_file:
            self._ready.append(data[start:end])
        elif not self._file_began:
            self._text += data[start:end]
            if len(self._text) > LONGEST_FIELD:
                raise BadInput("A field of the form is too long; send it from its page.")

    def _part_end(self) -> None:
        if not self._in_file and not self._file_began:
            if len(self.fields) >= MOST_FIELDS:
                raise BadInput("The form has too many fields; send it from its page.")
            self.fields[self._field] = self._text.decode(errors="replace")
        self._in_file = False

    def _end(self) -> None:
        self._whole = True


def _boundary(request: Request) -> bytes:
    """Raises: BadInput."""
    _, options = parse_options_header(request.headers.get("content-type", ""))
    boundary = options.get(b"boundary", b"")
    if not 0 < len(boundary) <= LONGEST_BOUNDARY:
        raise BadInput("The form does not say how it is divided; send it from its page.")
    return boundary
