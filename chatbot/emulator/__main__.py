"""`python -m chatbot.emulator`: an endpoint to develop against, without an account."""

import argparse
import ipaddress
import math
import signal
import sys
import time
from collections.abc import Sequence
from typing import NoReturn

from chatbot.emulator.banner import banner, fault_list
from chatbot.emulator.faults import UnknownFaultError, parse
from chatbot.emulator.profiles import PROFILES
from chatbot.emulator.server import CannotListenError, Emulator

_USAGE_ERROR = 2


class _Parser(argparse.ArgumentParser):
    """Reports a bad argument in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(_USAGE_ERROR, f"{self.prog}: {message} (--help shows the options)\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until Ctrl-C or SIGTERM, and return the exit code."""
    options = _parser().parse_args(arguments)
    if options.list_faults:
        print(fault_list())
        return 0
    emulator = Emulator(
        options.profile,
        host=options.host,
        port=options.port,
        key=options.key,
        token_delay=options.token_delay,
        deployments=options.deployment,
        max_pending=options.max_pending,
    )
    if options.fault:
        emulator.fail(options.fault, times=options.times)
    # Both signals end the wait below in the same way, wherever it is.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with emulator:
            _announce(emulator, options.host)
            while True:
                time.sleep(3600)
    except CannotListenError as error:
        print(f"chatbot.emulator: {error} Try another --port; 0 takes a free one.", file=sys.stderr)
        return _USAGE_ERROR
    except KeyboardInterrupt:
        print("Stopped.", flush=True)
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="chatbot.emulator",
        description="A local Azure ML endpoint with a small demo model behind it.",
        epilog="profiles:\n" + "\n".join(f"  {name:13} {profile.about}" for name, profile in PROFILES.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--profile", choices=PROFILES, default="demo", help="the kind of endpoint (%(default)s)")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument("--port", type=_port, default=8000, help="port to listen on; 0 takes a free one (%(default)s)")
    parser.add_argument("--key", type=_key, help="key that clients must show; a random one when not given")
    parser.add_argument(
        "--token-delay", type=_seconds, default=0.02, help="seconds between pieces of a stream (%(default)s)"
    )
    parser.add_argument(
        "--deployment", action="append", metavar="NAME", help="a deployment that there is; may be repeated"
    )
    parser.add_argument(
        "--max-pending", type=_times, metavar="N", help="requests that a dedicated endpoint takes at a time"
    )
    parser.add_argument(
        "--fault", type=_faults, metavar="NAME[:VALUE]", help="what goes wrong with every request, or the first --times"
    )
    parser.add_argument("--times", type=_times, metavar="N", help="how many requests --fault is for")
    parser.add_argument("--list-faults", action="store_true", help="show the faults and end")
    return parser


def _announce(emulator: Emulator, host: str) -> None:
    if not _is_loopback(host):
        print(
            f"Warning: {host} can be reached from other machines. Recorder is not encrypted, "
            "and only the key keeps others out.",
            file=sys.stderr,
            flush=True,
        )
    print(banner(emulator), flush=True)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port between 0 and 65535")
    return int(text)


def _key(text: str) -> str:
    if not text.isascii() or not text.isprintable() or not text or " " in text:
        raise argparse.ArgumentTypeError("a key is one word of plain characters")
    return text


def _faults(text: str) -> str:
    try:
        parse(text)
    except UnknownFaultError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def _times(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of requests")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds")
    return seconds


if __name__ == "__main__":
    sys.exit(main())
