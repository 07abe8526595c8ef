"""SIGTERM and Ctrl-C: noted at once, obeyed by `saver.py` after the present call.

A machine that is taken away sends SIGTERM some seconds before.
"""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any, NoReturn

from electra_keras.training.checkpoints import Checkpoint


class Interruption:
    """Notes the first signal; a second one acts as if this were not here.

    So a second SIGTERM ends the process at once, and a second Ctrl-C raises
    KeyboardInterrupt. Python lets the main thread alone set handlers: in another
    one nothing is noted, and training goes on as without.
    """

    def __init__(self) -> None:
        self._previous: dict[signal.Signals, Any] = {}
        self._received: signal.Signals | None = None
        self._line = ""

    @property
    def is_requested(self) -> bool:
        """Whether training shall stop."""
        return self._received is not None

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
            checkpoint: Of this step; None: there is nothing to save yet.

        Raises:
            SystemExit: After SIGTERM; with code 0, since nothing is lost.
            KeyboardInterrupt: After Ctrl-C.
        """
        received = self._received or signal.SIGTERM
        name = received.name
        self._line = (
            f"stopped by {name} before the first step; the same command starts again"
            if checkpoint is None
            else f"stopped by {name} at step {step:,}, saved as {checkpoint.folder}; "
            "the same command goes on from there"
        )
        if received is signal.SIGINT:
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
