"""Errors that a user can act on: what was received, expected, and the fix."""

from __future__ import annotations

from collections.abc import Iterator


class ElectraError(ValueError):
    """A failure told in one line; the commands exit with 1.

    Args:
        received: What was found, with the offending value.
        expected: What would have been right.
        fix: What to do about it, as an imperative.
    """

    exit_code = 1

    def __init__(self, received: str, *, expected: str, fix: str):
        super().__init__(received, expected, fix)
        self.received = received
        self.expected = expected
        self.fix = fix

    def __str__(self) -> str:
        return f"{self.received}; expected {self.expected}. {self.fix}"


class UsageError(ElectraError):
    """A wrong option, path or setting; the commands exit with 2."""

    exit_code = 2


def find_causes(error: BaseException) -> Iterator[BaseException]:
    """Yields an error and what led to it, each once: a chain may be a circle."""
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        cause = cause.__cause__ or cause.__context__
