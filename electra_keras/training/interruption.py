"""SIGTERM and Ctrl-C: noted at once, obeyed by `saver.py` after the present call.

A machine that is taken away sends SIGTERM some seconds before.
"""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any, NoReturn

from electra_keras.training.checkpoints import Checkpoint
from electra_keras.training.workers import Workers


class Interruption:
    """Notes the first signal; a second one acts as if this were not here.

    So a second SIGTERM ends the process at once, and a second Ctrl-C raises
    KeyboardInterrupt. Python lets the main thread alone set handlers: in another
    one nothing is noted, and training goes on as without.

    Args:
        workers: All of them stop when one is told to.
    """

    def __init__(self, workers: Workers) -> None:
        self._workers = workers
        self._previous: dict[signal.Signals, Any] = {}
        self._received: signal.Signals | None = None
        self._line = ""

    def is_agreed(self) -> bool:
        """Whether training shall stop; all workers ask, after the same step."""
        return any(self._workers.gather(self._received is not None))

    def listen(self) -> None:
        """Notes signals from here on, until `close`."""
        if threading.current_thread() is not threading.main_thread():
            return
        for number in (signal.SIGTERM, signal.SIGINT):
            previous = signal.getsignal(number)
            # Ignored, as a shell ignores Ctrl-C for what runs in the background;
            # None: whoever set it, it could not be set back.
            if previous in (signal.SIG_IGN, None):
                continue
            self._previous[number] = previous
            signal.signal(number, self._note)

    def leave(self, step: int, checkpoint: Checkpoint | None) -> NoReturn:
        """Ends the run: SIGTERM with exit code 0, Ctrl-C as ever.

        Args:
            step: Optimizer steps done.
            checkpoint: Of this step; None: there is nothing to save yet, or the
                chief saves it, for which this waits.

        Raises:
            SystemExit: After SIGTERM, on all workers; with code 0, since nothing is
                lost.
            KeyboardInterrupt: After Ctrl-C, on the worker that received it.
        """
        self._workers.gather(step)
        name = self._received.name if self._received else "another worker"
        if not step:
            self._line = (
                f"stopped by {name} before the first step; the same command starts "
                "again"
            )
        else:
            saved = (
                f"saved as {checkpoint.folder}" if checkpoint else "saved by the chief"
            )
            self._line = (
                f"stopped by {name} at step {step:,}, {saved}; the same command goes "
                "on from there"
            )
        if self._received is signal.SIGINT:
            raise KeyboardInterrupt
        raise SystemExit(0)

    def close(self) -> None:
        """Sets the handlers back and says what happened, below the progress bar."""
        self._restore()
        if self._line:
            print(self._line, flush=True)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._received = signal.Signals(number)
        self._restore()

    def _restore(self) -> None:
        while self._previous:
            number, previous = self._previous.popitem()
            signal.signal(number, previous)
