import subprocess
import sys


def test_functional_needs_neither_torch_nor_openmmlab():
    code = (
        'import sys, spinepose_mmpose.evaluation.functional; '
        "sys.exit(', '.join({'torch', 'mmengine', 'mmcv', 'mmpose'} & "
        'set(sys.modules)) or 0)'
    )
    result = subprocess.run(
        [sys.executable, '-c', code], capture_output=True, text=True
    )
    assert (result.returncode, result.stderr) == (0, '')
