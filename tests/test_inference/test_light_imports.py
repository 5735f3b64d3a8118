"""The ONNX path needs neither torch nor OpenMMLab."""

import json
import subprocess
import sys

import cv2

SCRIPT = """
import json, sys
{body}
print(json.dumps(list(sys.modules)))
"""


def run(body: str, *arguments: str) -> set:
    """The packages that a process of its own has loaded."""
    script = SCRIPT.format(body=body)
    done = subprocess.run(
        [sys.executable, '-c', script, *arguments],
        capture_output=True,
        text=True,
        check=True,
    )
    modules = json.loads(done.stdout.splitlines()[-1])
    return {name.partition('.')[0] for name in modules}


HEAVY = {'torch', 'torchvision', 'mmpose', 'mmengine', 'mmcv', 'mmdet'}


def test_importing_loads_nothing_but_numpy_opencv_and_pillow():
    body = (
        'import spinepose_mmpose.inference as api; api.SpinePoseEstimator; '
        'api.infer_image; api.iter_video; api.PoseTracker'
    )
    modules = run(body)
    assert 'cv2' in modules
    assert not modules & (HEAVY | {'scipy', 'av', 'onnxruntime'})


def test_an_image_by_onnx_loads_no_torch(tiny_onnx, people_image, tmp_path):
    path = tmp_path / 'people.jpg'
    cv2.imwrite(str(path), people_image)
    body = (
        'from spinepose_mmpose.inference import SpinePoseEstimator; '
        'e = SpinePoseEstimator(model=sys.argv[1], detector=None); '
        'assert e(sys.argv[2])[0].shape == (1, 37, 2)'
    )
    modules = run(body, tiny_onnx, str(path))
    assert 'onnxruntime' in modules
    assert not modules & (HEAVY | {'scipy', 'av', 'matplotlib'})


WITHOUT_OPENCV = """
import importlib.util
find = importlib.util.find_spec
importlib.util.find_spec = lambda name: None if name == 'cv2' else find(name)
try:
    import spinepose_mmpose.inference
except ImportError as error:
    assert 'pip install opencv-python-headless, or' in str(error)
else:
    raise AssertionError
"""


def test_without_opencv_a_sentence_says_which_packages_there_are():
    run(WITHOUT_OPENCV)


def test_names_are_listed_and_unknown_ones_refused():
    body = (
        'import spinepose_mmpose.inference as a; '
        'assert set(a.__all__) <= set(dir(a)); '
        'assert not hasattr(a, "Nothing")'
    )
    run(body)
