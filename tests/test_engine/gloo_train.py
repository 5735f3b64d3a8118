"""One of the processes of a distributed run, started as by a launcher.

python gloo_train.py CONFIG
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / 'test_models'))

import spinepose_mmpose  # noqa: E402, F401  before anything of OpenMMLab

# isort: split
import mmengine.config.config  # noqa: E402
from mmengine.config import Config  # noqa: E402
from small_run import run  # noqa: E402

if __name__ == '__main__':
    # See unformatted_configs in conftest.py.
    mmengine.config.config.FormatCode = lambda text, **_: (text, True)
    run(Config.fromfile(sys.argv[1]))
