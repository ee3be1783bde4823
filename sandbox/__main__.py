"""`python -m sandbox --port P --smtp-port M`"""

import argparse
import signal
import threading

from sandbox.server import start


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m sandbox", description="The rehearsal world, on loopback.")
    parser.add_argument(
        "--port", type=int, required=True, help="HTTP port: model, WordPress, client websites, mail pages, control"
    )
    parser.add_argument("--smtp-port", type=int, required=True, help="port of the mail catcher")
    parser.add_argument("--seed", type=int, default=7, help="same seed and prompt, same answer (default 7)")
    parser.add_argument(
        "--pace", type=float, default=0.02, help="seconds between two pieces of a streamed answer (default 0.02)"
    )
    parser.add_argument("--verbose", action="store_true", help="one line per request")
    options = parser.parse_args()

    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    running = start(options.port, options.smtp_port, seed=options.seed, pace=options.pace, verbose=options.verbose)
    print(f"Rehearsal world at {running.url}/, mail on 127.0.0.1:{running.smtp_port}", flush=True)
    ended.wait()
    running.stop()


if __name__ == "__main__":
    main()
