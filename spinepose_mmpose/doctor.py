"""``python -m spinepose_mmpose.doctor``: what works here, and what would.

Prints versions, the shims that are active and why, and for each feature what
is missing and the command that cures it. Exit code 1 where the main job
(train, test and infer through MMPose) cannot run.

``--autoload`` lets every Python of this environment find the shims, stock
tools of MMPose and ``mim run`` among them; ``--no-autoload`` ends that.
"""

import argparse
import contextlib
import ctypes
import platform
import sys
import sysconfig
import warnings
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

from . import compat
from .compat.shim import import_failure
from .utils import one_sentence
from .version import __version__

# Packages that bring the same files: of two, each breaks the other.
KINDS = tuple(
    names.split()
    for names in (
        'opencv-python opencv-python-headless opencv-contrib-python '
        'opencv-contrib-python-headless',
        'onnxruntime onnxruntime-gpu onnxruntime-directml onnxruntime-openvino',
        'mmcv mmcv-lite',
    )
)
PACKAGES = (
    *'torch torchvision numpy huggingface_hub pooch'.split(),
    *KINDS[0],
    *'pycocotools xtcocotools albumentations setuptools mmengine'.split(),
    *KINDS[2],
    *'mmdet mmpose openmim mmdeploy'.split(),
    *KINDS[1],
    *'openvino tensorrt ncnn'.split(),
)

# The stack is installed without its own dependencies, of which two no longer
# install and one replaces OpenCV; the extra [train] brings what it imports.
_STACK = (
    'pip install "spinepose-mmpose[train]" && pip install --no-deps '
    'mmengine==0.10.7 mmcv-lite==2.1.0 mmdet==3.3.0 mmpose==1.3.2 '
    'openmim==0.3.9 albumentations==2.0.8 albucore==0.0.24'
)
_ALONE = 'torch numpy huggingface_hub pooch onnx onnxruntime openvino ncnn'
_CURES = {
    **{name: f'pip install {name}' for name in _ALONE.split()},
    'cv2': 'pip install opencv-python-headless (or opencv-python: one alone)',
    'mmdeploy': 'pip install --no-deps mmdeploy==1.3.1 && pip install onnx '
    'prettytable multiprocess dill aenum',
    'tensorrt': 'pip install tensorrt (needs an NVIDIA GPU)',
}


class Feature(NamedTuple):
    name: str
    needs: str
    main: bool = False

    @property
    def modules(self) -> list[str]:
        return self.needs.split()


FEATURES = (
    Feature(
        'train, test',
        'torch mmengine mmcv mmdet mmpose pycocotools albumentations',
        main=True,
    ),
    Feature(
        'infer through MMPose',
        'torch mmengine mmcv mmdet mmpose mmpose.apis',
        main=True,
    ),
    Feature('mim command', 'mim'),
    Feature('download by name', 'huggingface_hub pooch'),
    Feature('infer through ONNX Runtime', 'numpy cv2 onnxruntime'),
    Feature('export (mmdeploy, ONNX)', 'torch mmpose mmdeploy.apis onnx'),
    Feature('backend OpenVINO', 'openvino'),
    Feature('backend TensorRT', 'tensorrt'),
    Feature('backend ncnn', 'ncnn'),
)


# The .pth line by which every Python of an environment finds the shims. Its
# finder imports this package at the first import of one of OpenMMLab, and costs
# microseconds without one. Our import changes sys.meta_path while Python walks
# along it: hence the new search. Nothing happens where we were removed.
AUTOLOAD = 'spinepose_mmpose_autoload.pth'
AUTOLOADED = ('mmcv', 'mmdeploy', 'mmdet', 'mmengine', 'mmpose', 'xtcocotools')
FINDER = f"""
import sys

class SpinePoseAutoload:
    def find_spec(self, name, path=None, target=None):
        if name not in {AUTOLOADED} or self not in sys.meta_path:
            return None
        sys.meta_path.remove(self)
        try:
            import importlib.util, spinepose_mmpose
        except ImportError:
            return None
        return importlib.util.find_spec(name)

sys.meta_path.insert(0, SpinePoseAutoload())
"""


def parse_args():
    parser = argparse.ArgumentParser(
        prog='python -m spinepose_mmpose.doctor',
        description='What works here, and what would.',
    )
    parser.add_argument(
        '--autoload',
        action=argparse.BooleanOptionalAction,
        help='write the file that makes every Python of this environment '
        'import this package before MMPose, or take it away',
    )
    return parser.parse_args()


def main() -> int:
    args = parse_args()
    if args.autoload is not None:
        with one_sentence():
            print(switch_autoload(args.autoload))
        return 0
    return report()


def autoload_path() -> Path:
    return Path(sysconfig.get_path('purelib')) / AUTOLOAD


def switch_autoload(on: bool) -> str:
    """Write the file or take it away; says what was done."""
    path = autoload_path()
    if on:
        path.write_text(f'import sys; exec({FINDER!r})\n', encoding='utf-8')
        return (
            f'wrote {path}: every Python of this environment now imports '
            'spinepose_mmpose before MMPose; --no-autoload takes it away'
        )
    if not path.exists():
        return f'{path} does not exist: there is nothing to take away'
    path.unlink()
    return f'removed {path}'


def report() -> int:
    warnings.simplefilter('ignore')
    for shim in compat.SHIMS:  # imports it, which lets the shim probe
        import_failure(shim.after or shim.before[0])
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
    on = 'on' if autoload_path().exists() else 'off (--autoload)'
    sections = {
        'Versions': version_lines(),
        'Warnings': [*doubles(), *unused_gpu()],
        'Compatibility shims': [f'{"autoload":<24}{on}', *shim_lines()],
        'Features': feature_lines(failures),
    }
    for title, lines in sections.items():
        if lines:
            print('', title, *(f'  {line}' for line in lines), sep='\n')
    broken = [f.name for f in FEATURES if f.main and _missing(f, failures)]
    if broken:
        print(f'\nThe main job cannot run: {"; ".join(broken)}.')
        return 1
    print('\nThe main job can run.')
    return 0


def version_lines() -> list[str]:
    found = {name: _version(name) for name in PACKAGES}
    lines = [f'{name:<24}{found[name]}' for name in found if found[name]]
    gpu, torch = 'unknown without torch', sys.modules.get('torch')
    if torch is not None:
        is_there = torch.cuda.is_available()
        gpu = torch.cuda.get_device_name(0) if is_there else 'none: CPU only'
    return [*lines, f'{"GPU":<24}{gpu}']


def doubles() -> list[str]:
    """A sentence for each kind of which two packages are installed."""
    lines = []
    for kind in KINDS:
        found = [name for name in kind if _version(name)]
        if len(found) > 1:
            lines.append(
                f'{" and ".join(found)} replace files of one another: pip '
                f'uninstall -y {" ".join(found)}, then install the one that '
                'you want'
            )
    return lines


def unused_gpu() -> list[str]:
    """A sentence for each library that leaves an NVIDIA GPU unused."""
    count = count_gpus()
    if not count:
        return []
    seen = f'the driver sees {count} NVIDIA GPU{"s" * (count > 1)}, but '
    lines = []
    torch, ort = map(sys.modules.get, ('torch', 'onnxruntime'))
    if torch is not None and not torch.cuda.is_available():
        lines.append(
            f'{seen}torch {torch.__version__} does not use CUDA: install a '
            'CUDA build of torch'
        )
    if ort is not None and (
        'CUDAExecutionProvider' not in ort.get_available_providers()
    ):
        lines.append(
            f'{seen}ONNX Runtime has no CUDA: pip uninstall -y onnxruntime, '
            'then pip install onnxruntime-gpu'
        )
    return lines


def count_gpus() -> int:
    """What NVIDIA's driver sees, whichever libraries are installed."""
    library = 'nvcuda.dll' if sys.platform == 'win32' else 'libcuda.so.1'
    try:
        cuda = ctypes.CDLL(library)
    except OSError:
        return 0
    count = ctypes.c_int(0)
    if cuda.cuInit(0) or cuda.cuDeviceGetCount(ctypes.byref(count)):
        return 0
    return count.value


def _version(package: str) -> str | None:
    with contextlib.suppress(metadata.PackageNotFoundError):
        return metadata.version(package)


def shim_lines() -> list[str]:
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


def feature_lines(failures: dict) -> list[str]:
    lines = []
    for feature in FEATURES:
        module = _missing(feature, failures)
        if module is None:
            lines.append(f'{feature.name:<28}ok')
            continue
        lines.append(f'{feature.name:<28}no: {module} ({failures[module]})')
        lines.append(f'{"":<28}cure: {_cure(module)}')
    return lines


def _missing(feature: Feature, failures: dict) -> str | None:
    return next((m for m in feature.modules if m in failures), None)


def _cure(module: str) -> str:
    return _CURES.get(module.partition('.')[0], _STACK)


if __name__ == '__main__':
    sys.exit(main())
