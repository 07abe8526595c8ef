"""The page and its JSON API, served to this machine alone.

Reads `answers.ShownModel`s, feeds browsers and `electra_keras.demo`.

  GET  /api/models                            -> {"models": [...]}
  POST /api/look     {"text": ...}            -> {"answers": [one per model]}
  POST /api/corrupt  {"text": ..., "seed": 1} -> {"answers": [one per model]}

An error is {"error": {"received": ..., "expected": ..., "fix": ...}}.
"""

from __future__ import annotations

import errno
import json
import mimetypes
import socket
from collections.abc import Callable, Iterable, Sequence
from importlib import resources
from typing import Any

from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

from electra_keras.errors import UsageError
from electra_keras.serving.demo.answers import ShownModel, problem_of
from electra_keras.serving.demo.corruption import corrupt_text
from electra_keras.serving.demo.door import (
    RefusedRequest,
    check_host,
    check_sender,
    read_body,
    read_seed,
    read_text,
)

_START_PAGE = "index.html"
# Nothing is loaded from elsewhere, and no other site may frame the page.
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'; object-src 'none'",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class DemoApplication:
    """A WSGI application: the page's files and the API.

    Args:
        models: One, or two that are compared; each answers every request.
    """

    def __init__(self, models: Sequence[ShownModel]):
        self.models = tuple(models)
        self.files = _read_page()
        paths = {name: f"/{name}" for name in self.files} | {_START_PAGE: "/"}
        self.routes = Map(
            [
                *(Rule(p, endpoint=n, methods=["GET"]) for n, p in paths.items()),
                Rule("/api/models", endpoint=self._models, methods=["GET"]),
                Rule("/api/look", endpoint=self._look, methods=["POST"]),
                Rule("/api/corrupt", endpoint=self._corrupt, methods=["POST"]),
            ]
        )

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        """Answers a WSGI request."""
        response = self.respond(Request(environ))
        response.headers.update(_HEADERS)
        return response(environ, start_response)

    def respond(self, request: Request) -> Response:
        """Answers a request, also one that is refused."""
        try:
            check_sender(request)
            endpoint, _ = self.routes.bind_to_environ(request.environ).match()
            if endpoint in self.files:
                return self._file(endpoint)
            return _json_response(endpoint(request))
        except RefusedRequest as error:
            return _json_response({"error": problem_of(error)}, error.status)
        except HTTPException as error:
            return self._unknown(request, error)

    def _file(self, name: str) -> Response:
        kind = mimetypes.guess_type(name)[0]
        return Response(self.files[name], content_type=f"{kind}; charset=utf-8")

    def _models(self, request: Request) -> dict[str, Any]:
        return {"models": [model.describe() for model in self.models]}

    def _look(self, request: Request) -> dict[str, Any]:
        text = read_text(read_body(request))
        return {"answers": [model.look(text) for model in self.models]}

    def _corrupt(self, request: Request) -> dict[str, Any]:
        body = read_body(request)
        text, seed = read_text(body), read_seed(body)
        return {"answers": corrupt_text(self.models, text, seed)}

    def _unknown(self, request: Request, error: HTTPException) -> Response:
        problem = UsageError(
            f"{request.method} {request.path}",
            expected="GET /, GET /api/models, POST /api/look or POST /api/corrupt",
            fix="Change the path or the method.",
        )
        return _json_response({"error": problem_of(problem)}, error.code or 500)


class _QuietHandler(WSGIRequestHandler):
    """Logs no line a request; errors are still shown."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Logs nothing."""


def open_server(app: DemoApplication, host: str, port: int) -> BaseWSGIServer:
    """Opens a server, a thread a request; `serve_forever` starts it.

    Args:
        app: What it serves.
        host: A loopback address.
        port: 0 takes any free one.

    Raises:
        UsageError: `host` is no loopback address, or the port cannot be had.
    """
    check_host(host)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Opened here: werkzeug's own way ends the process if the port is taken.
    with socket.socket(family) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except (OSError, OverflowError) as error:
            raise _explain_port(port, error) from None
        listener.listen()
        return make_server(
            host,
            port,
            app,
            threaded=True,
            request_handler=_QuietHandler,
            fd=listener.fileno(),  # It is duplicated.
        )


def _explain_port(port: int, error: OSError | OverflowError) -> UsageError:
    is_taken = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
    return UsageError(
        f"--port={port}: " + ("another program has it" if is_taken else str(error)),
        expected="a free port from 1024 to 65535",
        fix="Choose another, or 0 for any free one.",
    )


def _json_response(content: dict[str, Any], status: int = 200) -> Response:
    body = json.dumps(content, ensure_ascii=False)
    return Response(body, status, content_type="application/json; charset=utf-8")


def _read_page() -> dict[str, bytes]:
    folder = resources.files("electra_keras.serving.demo") / "page"
    return {file.name: file.read_bytes() for file in folder.iterdir()}
