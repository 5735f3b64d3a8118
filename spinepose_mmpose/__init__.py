"""2D human spine pose with MMPose, on today's Python and PyTorch.

Importing the package schedules the compatibility layer and the registration
with MMPose; both act when an OpenMMLab package is first imported. Without one
(or without torch) the import works as well: metainfo, drawing and the ONNX
path need neither.
"""

from . import compat
from .version import __version__

compat.install()

from . import registration  # noqa: E402  after the compatibility layer

registration.install()

__all__ = ['__version__']
