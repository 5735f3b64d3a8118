"""The ONNX path needs neither torch nor OpenMMLab."""

import json
import subprocess
import sys
import textwrap

import cv2

SCRIPT = """
    import sys, time
    start = time.perf_counter()
    {body}
    seconds = time.perf_counter() - start
    import json
    print(json.dumps([seconds, sorted(sys.modules)]))
"""


def run(body: str, *arguments: str) -> tuple:
    """(seconds, modules that were loaded) of a process of its own."""
    script = textwrap.dedent(SCRIPT).format(body=body)
    done = subprocess.run(
        [sys.executable, '-c', script, *arguments],
        capture_output=True,
        text=True,
        check=True,
    )
    seconds, modules = json.loads(done.stdout.splitlines()[-1])
    return seconds, {name.partition('.')[0] for name in modules}


HEAVY = {'torch', 'torchvision', 'mmpose', 'mmengine', 'mmcv', 'mmdet'}


def test_importing_loads_nothing_but_numpy_and_opencv():
    body = (
        'import spinepose_mmpose.inference as api; api.SpinePoseEstimator; '
        'api.infer_image; api.iter_video; api.PoseTracker'
    )
    _, modules = run(body)
    assert 'cv2' in modules
    assert not modules & (HEAVY | {'scipy', 'av', 'PIL', 'onnxruntime'})


def test_an_image_by_onnx_loads_no_torch(tiny_onnx, people_image, tmp_path):
    path = tmp_path / 'people.jpg'
    cv2.imwrite(str(path), people_image)
    body = (
        'from spinepose_mmpose.inference import SpinePoseEstimator; '
        'e = SpinePoseEstimator(model=sys.argv[1], detector=None); '
        'assert e(sys.argv[2])[0].shape == (1, 37, 2)'
    )
    _, modules = run(body, tiny_onnx, str(path))
    assert 'onnxruntime' in modules
    assert not modules & (HEAVY | {'scipy', 'av', 'PIL', 'matplotlib'})


def test_names_are_listed_and_unknown_ones_refused():
    body = (
        'import spinepose_mmpose.inference as a; '
        'assert set(a.__all__) <= set(dir(a)); '
        'assert not hasattr(a, "Nothing")'
    )
    run(body)
