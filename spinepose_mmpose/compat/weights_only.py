"""torch.load with weights_only refuses the numpy arrays and HistoryBuffers of
every MMEngine checkpoint, and MMEngine loads addresses without weights_only.

A checkpoint of MMPose holds numpy arrays (metainfo) and HistoryBuffers (logs)
beside tensors. Allowing numpy's own names would let a pickle choose the
memory that an array reads (``numpy.ndarray`` makes objects of raw bytes, the
state of a dtype can say anything), and a HistoryBuffer names its methods
through ``getattr``. So functions that know arrays of numbers and those methods
alone stand in for these names. A pickle that names anything else is refused.

MMEngine leaves weights_only to PyTorch, for which it is also off where
TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD is set: here it is given.
"""

import io
import pickle
import re
import sys
from functools import partial

from .import_hooks import after_import
from .shim import Overlay

VERSIONS = 'torch >= 2.6 with mmengine 0.10.7'
REMOVE_WHEN = 'mmengine passes weights_only and allow-lists its own types'
AFTER = 'mmengine.logging'

CHECKPOINT = 'mmengine.runner.checkpoint'
HISTORY_METHODS = ('min', 'max', 'current', 'mean')
NUMBERS = '?bhilqBHILQefdgFD'  # numpy's type codes


def probe() -> str | None:
    import numpy as np
    import torch

    if torch.__version__ < (2, 6):
        return None  # its weights_only takes no stand-ins
    buffer = io.BytesIO()
    torch.save(dict(sigmas=np.ones(2, np.float32)), buffer)
    buffer.seek(0)
    try:
        torch.load(buffer, weights_only=True)
    except pickle.UnpicklingError as error:
        refused = re.search(r'GLOBAL (\S+)', str(error))
        what = refused.group(1) if refused else 'a numpy array'
        return f'UnpicklingError: weights_only refuses {what}'
    return None


def safe_types() -> list[tuple[object, str]]:
    """What MMEngine's checkpoints need beside tensors, with its name there."""
    import numpy as np
    from mmengine.logging.history_buffer import HistoryBuffer

    types = [
        (HistoryBuffer, 'mmengine.logging.history_buffer.HistoryBuffer'),
        (history_method, 'builtins.getattr'),
        (array_type, 'numpy.ndarray'),
        (number_type, 'numpy.dtype'),
        (no_bytes, 'builtins.bytes'),
    ]
    # A checkpoint of one numpy names these by the path of that numpy.
    for path in ('numpy.core.multiarray', 'numpy._core.multiarray'):
        types.append((empty_array, f'{path}._reconstruct'))
        types.append((_multiarray().scalar, f'{path}.scalar'))
    # May be filled by the pickle, but not be named: no name has a line break.
    filled = {type(np.dtype(code)) for code in NUMBERS} | {np.ndarray}
    types.extend((kind, f'\n{kind.__name__}') for kind in filled)
    return types


def _multiarray():
    import numpy as np

    return (np.core if np.__version__ < '2' else np._core).multiarray


def history_method(owner, name: str):
    """``getattr`` as a HistoryBuffer's pickle uses it, and no further."""
    from mmengine.logging.history_buffer import HistoryBuffer

    if owner is not HistoryBuffer or name not in HISTORY_METHODS:
        raise pickle.UnpicklingError(
            f'the checkpoint asks for attribute {name!r} of {owner!r}; only '
            f"HistoryBuffer's {', '.join(HISTORY_METHODS)} are allowed"
        )
    return getattr(owner, name)


def array_type(*args):
    """``numpy.ndarray`` as a name in a pickle; it cannot be called there."""
    raise pickle.UnpicklingError('the checkpoint calls numpy.ndarray itself')


def no_bytes():
    """``bytes()``, the content of an array or a log without entries."""
    return b''


def empty_array(kind, shape, code):
    """``_reconstruct`` as an array's pickle calls it; content comes later."""
    import numpy as np

    if kind is not array_type or shape != (0,):
        raise pickle.UnpicklingError(
            f'the checkpoint makes an array of {kind!r} and {shape!r}'
        )
    return _multiarray()._reconstruct(np.ndarray, (0,), b'b')


def number_type(code: str, *args):
    """``numpy.dtype`` for numbers: numpy's own constant of that type, which
    ignores what the pickle then says about it (in MMEngine's: nothing new)."""
    import numpy as np

    known = {np.dtype(char).str[1:] for char in NUMBERS}
    if code not in known:
        raise pickle.UnpicklingError(
            f'the checkpoint has a numpy array of type {code!r}, expected one '
            'of numbers alone'
        )
    return np.dtype(code)


def apply() -> None:
    import torch

    torch.serialization.add_safe_globals(safe_types())
    after_import(CHECKPOINT, _load_weights_only)


def _load_weights_only() -> None:
    module = sys.modules[CHECKPOINT]
    load = partial(module.torch.load, weights_only=True)
    module.torch = Overlay(module.torch, load=load)
    module.load_url = partial(module.load_url, weights_only=True)
