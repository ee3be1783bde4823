"""A small TCP proxy in front of a server, which a test can cut or silence."""

import contextlib
import socket
import struct
import threading


class Proxy:
    """Forwards to 127.0.0.1:`port`. Cut: connections end and new ones are refused. Silent: bytes are swallowed."""

    def __init__(self, port: int):
        self._target = port
        self._pairs: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._silent = threading.Event()
        self._listener = self._listen(0)
        self.port: int = self._listener.getsockname()[1]

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def cut(self) -> None:
        """As if the server were stopped."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread in accept
        self._listener.close()
        with self._lock:
            ends, self._pairs = self._pairs, set()
        for end in ends:
            with contextlib.suppress(OSError):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def silence(self) -> None:
        """As if the server hung: it accepts and says nothing."""
        self._silent.set()

    def restore(self) -> None:
        self._silent.clear()
        if self._listener.fileno() == -1:
            self._listener = self._listen(self.port)

    def _listen(self, port: int) -> socket.socket:
        listener = socket.create_server(("127.0.0.1", port), backlog=128)
        threading.Thread(target=self._accept, args=[listener], daemon=True).start()
        return listener

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(("127.0.0.1", self._target), timeout=5)
            except OSError:
                near.close()
                continue
            far.settimeout(None)
            with self._lock:
                if listener.fileno() == -1:  # cut in the meantime: this pair must not outlive the others
                    near.close()
                    far.close()
                    return
                self._pairs |= {near, far}
            for here, there in ((near, far), (far, near)):
                threading.Thread(target=self._forward, args=[here, there], daemon=True).start()

    def _forward(self, here: socket.socket, there: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := here.recv(65536):
                if not self._silent.is_set():
                    there.sendall(data)
        with self._lock:
            self._pairs -= {here, there}
        for end in (here, there):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
