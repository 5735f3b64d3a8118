"""Run the tests, after setting up an environment if there is none.

    python tools/run_tests.py [pytest arguments]

Without arguments, all tests run in two processes.
"""

import os
import subprocess
import sys

import _environment

# One file of tests is one process's work: its fixtures are made once.
ALL = ('-n', '2', '--dist', 'loadfile', 'tests')


def main() -> int:
    if sys.argv[1:] in (['-h'], ['--help']):
        print(__doc__.strip())
        return 0
    _environment.ensure()
    environment = dict(os.environ, PYTHONPATH=str(_environment.ROOT))
    if not sys.argv[1:]:
        environment.setdefault('OMP_NUM_THREADS', '1')
    return subprocess.call(
        [sys.executable, '-m', 'pytest', *(sys.argv[1:] or ALL)],
        cwd=_environment.ROOT,
        env=environment,
    )


if __name__ == '__main__':
    sys.exit(main())
