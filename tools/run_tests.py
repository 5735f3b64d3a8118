"""Sets up the environment where it is missing and runs the test suite.

python tools/run_tests.py [pytest arguments]
"""

import os
import subprocess
import sys

import _environment


def main() -> int:
    _environment.ensure()
    arguments = sys.argv[1:] or ['tests']
    return subprocess.call(
        [sys.executable, '-m', 'pytest', *arguments],
        cwd=_environment.ROOT,
        env=dict(os.environ, PYTHONPATH=str(_environment.ROOT)),
    )


if __name__ == '__main__':
    sys.exit(main())
