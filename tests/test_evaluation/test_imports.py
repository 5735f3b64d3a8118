import subprocess
import sys


def test_the_arithmetic_needs_neither_torch_nor_openmmlab():
    code = (
        'import sys; from spinepose_mmpose.evaluation import people, coco, '
        'keypoint_errors, report; '
        "sys.exit(', '.join({'torch', 'mmengine', 'mmcv', 'mmpose', 'pandas', "
        "'matplotlib'} & set(sys.modules)) or 0)"
    )
    result = subprocess.run(
        [sys.executable, '-c', code], capture_output=True, text=True
    )
    assert (result.returncode, result.stderr) == (0, '')
