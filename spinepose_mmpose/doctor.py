"""``python -m spinepose_mmpose.doctor``: what works here, and what would.

Prints versions, the shims that are active and why, and for each feature what
is missing and the command that cures it. Exit code 1 where the main job
(train, test and infer through MMPose) cannot run.
"""

import importlib
import platform
import sys
import warnings
from dataclasses import dataclass
from importlib import metadata
from typing import List, Optional, Tuple

from . import compat
from .version import __version__

PACKAGES = (
    'torch',
    'torchvision',
    'numpy',
    'huggingface_hub',
    'pooch',
    'opencv-python',
    'opencv-python-headless',
    'pycocotools',
    'xtcocotools',
    'albumentations',
    'setuptools',
    'mmengine',
    'mmcv',
    'mmcv-lite',
    'mmdet',
    'mmpose',
    'openmim',
    'mmdeploy',
    'onnxruntime',
    'openvino',
    'tensorrt',
    'ncnn',
)

# The stack is installed without its own dependencies, two of which no longer
# install; the extra [train] brings what it imports.
_STACK = (
    'pip install "spinepose-mmpose[train]" && pip install --no-deps '
    'mmengine==0.10.7 mmcv-lite==2.1.0 mmdet==3.3.0 mmpose==1.3.2 '
    'openmim==0.3.9'
)
_CURES = {
    'torch': 'pip install torch',
    'cv2': 'pip install opencv-python-headless',
    'numpy': 'pip install numpy',
    'huggingface_hub': 'pip install huggingface_hub',
    'pooch': 'pip install pooch',
    'mmdeploy': 'pip install --no-deps mmdeploy==1.3.1 && pip install onnx '
    'prettytable multiprocess dill aenum',
    'onnx': 'pip install onnx',
    'onnxruntime': 'pip install onnxruntime',
    'openvino': 'pip install openvino',
    'tensorrt': 'pip install tensorrt (needs an NVIDIA GPU)',
    'ncnn': 'pip install ncnn',
}


@dataclass(frozen=True)
class Feature:
    name: str
    modules: Tuple[str, ...]
    main: bool = False


FEATURES = (
    Feature(
        'train, test',
        (
            'torch',
            'mmengine',
            'mmcv',
            'mmdet',
            'mmpose',
            'pycocotools',
            'albumentations',
        ),
        main=True,
    ),
    Feature(
        'infer through MMPose',
        ('torch', 'mmengine', 'mmcv', 'mmdet', 'mmpose', 'mmpose.apis'),
        main=True,
    ),
    Feature('mim command', ('mim',)),
    Feature('download by name', ('huggingface_hub', 'pooch')),
    Feature('infer through ONNX Runtime', ('numpy', 'cv2', 'onnxruntime')),
    Feature(
        'export (mmdeploy, ONNX)', ('torch', 'mmpose', 'mmdeploy.apis', 'onnx')
    ),
    Feature('backend OpenVINO', ('openvino',)),
    Feature('backend TensorRT', ('tensorrt',)),
    Feature('backend ncnn', ('ncnn',)),
)


def main() -> int:
    warnings.simplefilter('ignore')
    failures = {
        module: failure
        for feature in FEATURES
        for module in feature.modules
        if (failure := import_failure(module))
    }
    print(
        f'spinepose-mmpose {__version__}, Python {platform.python_version()}'
        f' on {platform.system()} {platform.machine()}'
    )
    print('\nVersions')
    for line in version_lines():
        print(f'  {line}')
    print('\nCompatibility shims')
    for line in shim_lines():
        print(f'  {line}')
    print('\nFeatures')
    for line in feature_lines(failures):
        print(f'  {line}')
    broken = [f.name for f in FEATURES if f.main and _missing(f, failures)]
    if broken:
        print(f'\nThe main job cannot run: {"; ".join(broken)}.')
        return 1
    print('\nThe main job can run.')
    return 0


def import_failure(module: str) -> Optional[str]:
    """Why ``module`` cannot be imported, in one line; None if it can."""
    try:
        importlib.import_module(module)
    except BaseException as error:  # broken binaries raise all kinds
        if isinstance(error, (KeyboardInterrupt, SystemExit)):
            raise
        text = str(error).strip().splitlines()
        return f'{type(error).__name__}: {text[0] if text else ""}'
    return None


def version_lines() -> List[str]:
    lines = []
    for package in PACKAGES:
        try:
            lines.append(f'{package:<24}{metadata.version(package)}')
        except metadata.PackageNotFoundError:
            continue
    lines.append(f'{"GPU":<24}{_gpu()}')
    return lines


def _gpu() -> str:
    torch = sys.modules.get('torch')
    if torch is None:
        return 'unknown without torch'
    if not torch.cuda.is_available():
        return 'none: CPU only'
    return torch.cuda.get_device_name(0)


def shim_lines() -> List[str]:
    lines = []
    for shim in compat.SHIMS:
        if shim.name in compat.active:
            lines += [
                f'{shim.name:<24}active: {compat.active[shim.name]}',
                f'{"":<24}why: {shim.problem} ({shim.versions})',
                f'{"":<24}until: {shim.remove_when}',
            ]
        elif shim.name in compat.probed:
            lines.append(f'{shim.name:<24}not needed')
        else:
            lines.append(
                f'{shim.name:<24}not checked: {shim.waits_for} is not imported'
            )
    return lines


def feature_lines(failures: dict) -> List[str]:
    lines = []
    for feature in FEATURES:
        missing = _missing(feature, failures)
        if not missing:
            lines.append(f'{feature.name:<28}ok')
            continue
        module = missing[0]
        lines.append(f'{feature.name:<28}no: {module} ({failures[module]})')
        lines.append(f'{"":<28}cure: {_cure(module)}')
    return lines


def _missing(feature: Feature, failures: dict) -> List[str]:
    return [module for module in feature.modules if module in failures]


def _cure(module: str) -> str:
    return _CURES.get(module.split('.')[0], _STACK)


if __name__ == '__main__':
    sys.exit(main())
