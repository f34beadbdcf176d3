"""Ports of this machine's loopback that lead to pods, opened when they are first called and gone with the process."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator, Mapping

CHUNK = 1 << 16
Open = Callable[[], socket.socket]


def forward(connect: Open) -> str:
    """The URL of a port of 127.0.0.1, of which each connection goes where *connect* leads."""
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=_accept, args=(listener, connect), daemon=True).start()
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


def _accept(listener: socket.socket, connect: Open) -> None:
    while True:
        near, _ = listener.accept()
        threading.Thread(target=_join, args=(near, connect), daemon=True).start()


def _join(near: socket.socket, connect: Open) -> None:
    """Both ways until one side has closed; without the other side the caller's connection ends at once."""
    try:
        far = connect()
    except Exception:
        near.close()
        return
    back = threading.Thread(target=_pump, args=(far, near), daemon=True)
    back.start()
    _pump(near, far)
    back.join()
    near.close()
    far.close()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(CHUNK):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
    with contextlib.suppress(OSError):
        source.shutdown(socket.SHUT_RD)


class Forwarded(Mapping[str, str]):
    """URL by name; the port of a name is opened when it is asked for."""

    def __init__(self, ways: Mapping[str, Open]) -> None:
        self._ways, self._urls, self._lock = ways, dict[str, str](), threading.Lock()

    def __getitem__(self, name: str) -> str:
        with self._lock:
            if name not in self._urls:
                self._urls[name] = forward(self._ways[name])
            return self._urls[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._ways)

    def __len__(self) -> int:
        return len(self._ways)
