"""Makes the tools importable, as ``import ablation``."""

import sys
from pathlib import Path

TOOLS = Path(__file__).parents[2] / 'tools'
sys.path.insert(0, str(TOOLS / 'analysis_tools'))
