"""One ``.pth`` line by which every Python of an environment finds the shims.

Python runs such lines at its start. This one puts a finder in front that, at
the first import of an OpenMMLab package, imports ours; without such an import
it costs some microseconds.
"""

import sysconfig
from pathlib import Path

NAME = 'spinepose_mmpose_autoload.pth'
PACKAGES = ('mmcv', 'mmdeploy', 'mmdet', 'mmengine', 'mmpose', 'xtcocotools')

# Our import changes sys.meta_path while Python walks along it: the rest of
# the way is gone here. Where our package was removed since, nothing happens.
FINDER = f"""
import sys

class SpinePoseAutoload:
    def find_spec(self, name, path=None, target=None):
        if name not in {PACKAGES} or self not in sys.meta_path:
            return None
        sys.meta_path.remove(self)
        try:
            import spinepose_mmpose
        except ImportError:
            return None
        for finder in list(sys.meta_path):
            spec = finder.find_spec(name, path, target)
            if spec is not None:
                return spec

sys.meta_path.insert(0, SpinePoseAutoload())
"""


def location() -> Path:
    """The file, whether it is there or not."""
    return Path(sysconfig.get_path('purelib')) / NAME


def switch(on: bool) -> str:
    """Write the file or take it away; says what was done.

    Raises:
        OSError: The environment's folder cannot be written.
    """
    path = location()
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
