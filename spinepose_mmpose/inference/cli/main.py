"""``spinepose-mmpose``: people and their spines from pictures and videos."""

import json
import signal
import sys
from typing import Optional, Sequence

from ...utils import USER_ERRORS, one_sentence, sentence
from .parser import build_parser


def parse_args(argv: Optional[Sequence[str]] = None):
    return build_parser().parse_args(argv)


def main(argv: Optional[Sequence[str]] = None) -> None:
    args = parse_args(argv)
    # A batch system asks so before it kills.
    signal.signal(signal.SIGTERM, _interrupt)
    with one_sentence():
        try:
            failures = _run(args)
        except USER_ERRORS as error:
            if args.log_json:
                _log('failed', str(sentence(error)))
                sys.exit(1)
            raise
        except KeyboardInterrupt:
            if args.log_json:
                _log('interrupted', '--resume goes on')
                sys.exit(130)
            print(
                'interrupted: the same command with --resume goes on',
                file=sys.stderr,
            )
            sys.exit(130)
    sys.exit(1 if failures else 0)


def _run(args) -> int:
    from .command import run_command

    return run_command(args)


def _interrupt(*_) -> None:
    raise KeyboardInterrupt


def _log(event: str, why: str) -> None:
    print(json.dumps({'event': event, 'why': why}), file=sys.stderr)


if __name__ == '__main__':
    main()
