"""What may come in: requests of this machine's own page, small and well-formed.

Reads werkzeug requests, feeds `server.py`. A page of another site can make a
browser send requests to 127.0.0.1 (cross-site posts), or make its own name
lead there (DNS rebinding); the checks of Host, Origin and content type stop
both.
"""

from __future__ import annotations

import ipaddress
import json
from typing import Any
from urllib.parse import urlsplit

from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.wrappers import Request

from electra_keras.errors import UsageError

MAX_BODY_BYTES = 64 * 1024
_MAX_SEED = 2**31 - 1
_JSON = "application/json"


class RefusedRequest(UsageError):
    """A request that is not answered.

    Args:
        status: HTTP status code.
        received: As of `UsageError`, with `expected` and `fix`.
    """

    def __init__(self, status: int, received: str, *, expected: str, fix: str):
        super().__init__(received, expected=expected, fix=fix)
        self.status = status


def is_loopback(host: str) -> bool:
    """Tells whether a name or address never leaves this machine."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_host(host: str) -> None:
    """Checks the address to listen on.

    Raises:
        UsageError: It could be reached from other machines.
    """
    if not is_loopback(host):
        raise UsageError(
            f"--host={host}",
            expected="a loopback address, such as 127.0.0.1, since the page asks "
            "nobody who they are",
            fix="Leave it out; from another machine use a tunnel: "
            "ssh -L 8600:127.0.0.1:8600 USER@HOST",
        )


def check_sender(request: Request) -> None:
    """Checks that a request is meant for this page and comes from it.

    Raises:
        RefusedRequest: 403, another Host or Origin.
    """
    host = request.environ.get("HTTP_HOST", "")
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        name = ""
    if not is_loopback(name):
        raise RefusedRequest(
            403,
            f"Host: {host}",
            expected="localhost or a loopback address",
            fix="Open the address that the command printed.",
        )
    origin = request.headers.get("Origin")
    if origin is not None and origin != f"{request.scheme}://{host}":
        raise RefusedRequest(
            403,
            f"Origin: {origin}",
            expected="a request of this page",
            fix="Open the address that the command printed.",
        )


def read_body(request: Request) -> dict[str, Any]:
    """Reads the JSON object of a request.

    Raises:
        RefusedRequest: 415, 413 or 400.
    """
    if request.mimetype != _JSON:
        raise RefusedRequest(
            415,
            f"Content-Type: {request.mimetype or 'none'}",
            expected=_JSON,
            fix=f"Send the header Content-Type: {_JSON}.",
        )
    request.max_content_length = MAX_BODY_BYTES
    try:
        data = request.get_data()
    except RequestEntityTooLarge:
        raise RefusedRequest(
            413,
            f"a body of {request.content_length or 'too many'} bytes",
            expected=f"at most {MAX_BODY_BYTES} bytes",
            fix="Send a shorter text; the model cuts it anyway.",
        ) from None
    try:
        body = json.loads(data)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise RefusedRequest(
            400,
            f"a body that starts with {data[:40]!r}",
            expected='a JSON object, such as {"text": "..."}',
            fix="Send one.",
        )
    return body


def read_text(body: dict[str, Any]) -> str:
    """Takes `text` from a body.

    Raises:
        RefusedRequest: 400, it is missing, no string, or no Unicode text.
    """
    text = body.get("text")
    if not isinstance(text, str):
        raise RefusedRequest(
            400,
            f"text: {_short(text)}",
            expected="a string",
            fix='Send {"text": "..."}.',
        )
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise RefusedRequest(
            400,
            f"text with a lone surrogate at character {error.start}",
            expected="Unicode text",
            fix="Send whole surrogate pairs.",
        ) from None
    return text


def read_seed(body: dict[str, Any]) -> int:
    """Takes `seed` from a body.

    Raises:
        RefusedRequest: 400, it is missing or no int32 from 0 on.
    """
    seed = body.get("seed")
    if type(seed) is not int or not 0 <= seed <= _MAX_SEED:
        raise RefusedRequest(
            400,
            f"seed: {_short(seed)}",
            expected=f"an integer from 0 to {_MAX_SEED}",
            fix='Send {"text": "...", "seed": 1}.',
        )
    return seed


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=True)
    return text if len(text) <= 40 else text[:40] + "..."
