"""What mmdeploy needs beyond its deployment configs.

``install()`` hangs it behind the import of mmdeploy's MMPose support, so that
mmdeploy's own tools find it as well. Nothing is imported here.
"""

import importlib

from ..compat.import_hooks import after_import

__all__ = ['install']


def install() -> None:
    """Register with mmdeploy as soon as it is loaded, or now if it is."""
    after_import(
        'mmdeploy.codebase.mmpose.deploy.pose_detection', _register_with_mmpose
    )
    after_import('mmdeploy.backend.openvino.wrapper', _mend_openvino)


def _register_with_mmpose() -> None:
    for name in ('pose_detection', 'rewriters'):
        importlib.import_module(f'{__name__}.{name}')


def _mend_openvino() -> None:
    importlib.import_module(f'{__name__}.openvino_backend').install()
