"""Makes the benchmarks importable, as ``import identity``."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2] / 'benchmarks'))
