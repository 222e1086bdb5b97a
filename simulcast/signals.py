"""The signals that end a program."""

import signal


def stop_signals() -> list[signal.Signals]:
    """Return the signals that end a program in order, without those that its parent lets it ignore, as nohup does."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    return [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]
