"""The page of a watch, served to any number of viewers: on this computer alone unless told otherwise, by a token."""

import asyncio
import hmac
import json
import secrets
import socket
import threading
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import quote
from weakref import WeakSet

from tornado.httpserver import HTTPServer
from tornado.iostream import IOStream, StreamClosedError
from tornado.web import Application, HTTPError, RequestHandler

from voidlab.errors import VoidlabError
from voidlab.live.board import Board
from voidlab.live.told import as_csv
from voidlab.tables.written import replacing

LOCAL = "127.0.0.1"
_ALIVE_S = 1.0  # at least so often a viewer is told something
_MOST_BYTES = 10_000
_MOST_READ, _MOST_READ_S = 100_000, 10.0  # of a body, before it is looked at
Command = Callable[[dict[str, Any]], str]


class ServeError(VoidlabError):
    """A page that cannot be served as asked."""


class Server:
    """Serves ``board``; what viewers ask for is done by ``command``, which gives a sentence.

    Parameters
    ----------
    kept
        File that keeps port and token, so that a page that is open goes on after a restart.
    host
        127.0.0.1: this computer alone.
    port
        0: the one of before, else a free one.
    """

    def __init__(self, board: Board, command: Command, kept: Path, host: str = LOCAL, port: int = 0) -> None:
        before = _read(kept)
        self.token = str(before.get("token") or secrets.token_urlsafe(16))
        self._socket = _bound(host, port, int(before.get("port") or 0))
        self.host, self.port = host, int(self._socket.getsockname()[1])
        _write(kept, {"port": self.port, "token": self.token})
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ready = threading.Event()
        self._about = {"board": board, "command": command, "token": self.token}
        self._thread = threading.Thread(target=self._serve, name="page", daemon=True)
        self._thread.start()
        self._ready.wait()

    @property
    def address(self) -> str:
        """What to open in a browser."""
        host = socket.gethostname() if self.host in ("", "0.0.0.0", "::") else self.host
        return f"http://{host}:{self.port}/?token={self.token}"

    def close(self) -> None:
        """End; viewers see that."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    def _serve(self) -> None:
        self._loop = asyncio.new_event_loop()
        asyncio.set_event_loop(self._loop)
        places = (
            (r"/", _Page),
            (r"/events", _Events),
            (r"/picture", _Picture),
            (r"/numbers.csv", _Numbers),
            (r"/command", _Command),
        )
        server = _ClosingServer(
            Application([(where, what, self._about) for where, what in places], log_function=_silent),
            max_body_size=_MOST_READ,
            body_timeout=_MOST_READ_S,
        )
        server.add_socket(self._socket)
        self._loop.call_soon(self._ready.set)
        self._loop.run_forever()
        server.stop()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        for stream in list(server.streams):
            stream.close()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()


class _ClosingServer(HTTPServer):
    """A server that knows its connections: those of requests that were cut off are closed by nobody else."""

    def handle_stream(self, stream: IOStream, address: tuple[str, int]) -> None:
        self.streams.add(stream)
        super().handle_stream(stream, address)

    def initialize(self, *args: Any, **kwargs: Any) -> None:
        self.streams: WeakSet[IOStream] = WeakSet()
        super().initialize(*args, **kwargs)


class _Handler(RequestHandler):
    def initialize(self, board: Board, command: Command, token: str) -> None:
        self.board, self.command, self.token = board, command, token

    def prepare(self) -> None:
        given = self.get_argument("token", "")
        if not hmac.compare_digest(given.encode(), self.token.encode()):
            raise HTTPError(403)

    def set_default_headers(self) -> None:
        self.set_header("Cache-Control", "no-store")
        self.set_header("Referrer-Policy", "no-referrer")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header(
            "Content-Security-Policy",
            "default-src 'none'; img-src 'self' data:; connect-src 'self'; "
            "style-src 'unsafe-inline'; script-src 'unsafe-inline'",
        )

    def write_error(self, status_code: int, **about: Any) -> None:
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        needs = "This page needs the whole address that voidlab watch printed, with its token."
        self.finish(needs if status_code == 403 else f"{status_code}: {self._reason}")


class _Page(_Handler):
    def get(self) -> None:
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.finish(files("voidlab.live").joinpath("page.html").read_text(encoding="utf-8"))


class _Events(_Handler):
    """Server-sent events: all that is known, then what changes."""

    async def get(self) -> None:
        self.set_header("Content-Type", "text/event-stream")
        change, loop, wake = 0, asyncio.get_running_loop(), asyncio.Event()

        def tell() -> None:
            loop.call_soon_threadsafe(wake.set)

        end = self.board.on_change(tell)
        try:
            while True:
                news = self.board.since(change)
                change = news["change"]
                self.write(f"data: {json.dumps(news, allow_nan=False)}\n\n")
                await self.flush()
                wake.clear()
                try:
                    await asyncio.wait_for(wake.wait(), _ALIVE_S)
                except TimeoutError:
                    continue
        except (StreamClosedError, asyncio.CancelledError):  # the viewer has gone, or the watch ends
            pass
        finally:
            end()


class _Picture(_Handler):
    def get(self) -> None:
        asked = self.get_argument("change", "0")
        picture = self.board.picture_of(int(asked)) if asked.isdecimal() and len(asked) < 20 else b""
        if not picture:  # a newer one has come since it was asked for: no error, so the browser logs none
            self.set_status(204)
            return
        self.set_header("Content-Type", "image/jpeg")
        self.finish(picture)


class _Numbers(_Handler):
    """A row for each image, as a file; its name and each row say that it is provisional."""

    def get(self) -> None:
        status = self.board.status
        name = quote(f"{status.get('dataset', 'watch')}-provisional.csv")
        self.set_header("Content-Type", "text/csv; charset=utf-8")
        self.set_header("Content-Disposition", f"attachment; filename*=UTF-8''{name}")
        self.finish(as_csv(self.board.rows, status.get("unit", "px"), self.board.left_out))


class _Command(_Handler):
    async def post(self) -> None:
        if len(self.request.body) > _MOST_BYTES:
            raise HTTPError(413)
        try:
            said = await asyncio.to_thread(self.command, _asked(self.request.body))
        except (VoidlabError, OSError, ValueError, TypeError) as error:
            self.set_status(400)
            said = str(error)
        self.finish({"said": said})


def _asked(body: bytes) -> dict[str, Any]:
    """What a viewer asked for.

    Raises
    ------
    ServeError
        If it is none of the page's commands.
    """
    try:
        asked = json.loads(body)
    except (ValueError, RecursionError):
        asked = None
    if not isinstance(asked, dict):
        raise ServeError('that is no command; expected one such as {"do": "pause", "on": true}.')
    return asked


def _bound(host: str, port: int, before: int) -> socket.socket:
    """A socket at ``port``, or of 0 at the one of ``before`` if that is free, else at any."""
    for wanted in (port,) if port else dict.fromkeys((before, 0)):
        found = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            found.bind((host, wanted))
            found.listen(128)
        except OSError as error:
            found.close()
            if wanted in (port, 0) and (port or wanted == 0):
                raise ServeError(
                    f"the page cannot be served at {host}:{wanted}: {error.strerror or error}. Choose another --port."
                ) from None
            continue
        found.setblocking(False)
        return found
    raise ServeError(f"no port of {host} is free.")


def _read(kept: Path) -> dict[str, Any]:
    try:
        content = json.loads(kept.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _write(kept: Path, content: dict[str, Any]) -> None:
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        with replacing(kept) as temporary:
            temporary.touch(mode=0o600)  # who may read it may watch, and mark frames
            temporary.write_text(json.dumps(content), encoding="utf-8")
    except OSError:
        pass  # a restart then has another address


def _silent(handler: RequestHandler) -> None:
    """No log of requests: it would hold the token."""
