"""Loads MMEngine's checkpoints while torch.load stays weights_only.

A checkpoint of MMPose holds numpy arrays (metainfo) and HistoryBuffers (logs)
beside tensors. Their types are plain containers: allowing them by name lets
nothing run. A HistoryBuffer also names its methods through ``getattr``, which
must not be allowed: a function that knows those methods alone stands in for
it. A pickle that names anything else is still refused.
"""
import io
import pickle
import re
from typing import List, Optional

from .import_hooks import after_import
from .shim import Shim

HISTORY_METHODS = ('min', 'max', 'current', 'mean')


def probe() -> Optional[str]:
    import numpy as np
    import torch
    buffer = io.BytesIO()
    torch.save(dict(sigmas=np.ones(2, np.float32)), buffer)
    buffer.seek(0)
    try:
        torch.load(buffer)
    except pickle.UnpicklingError as error:
        refused = re.search(r'GLOBAL (\S+)', str(error))
        what = refused.group(1) if refused else 'a numpy array'
        return f'UnpicklingError: weights_only refuses {what}'
    return None


def safe_types() -> List[object]:
    """The types that MMEngine's checkpoints need beside tensors."""
    import numpy as np
    from mmengine.logging.history_buffer import HistoryBuffer
    multiarray = np.core.multiarray if np.__version__ < '2' else \
        np._core.multiarray
    reconstruct, scalar = multiarray._reconstruct, multiarray.scalar
    types = [HistoryBuffer, np.ndarray, np.dtype, reconstruct, scalar]
    # A checkpoint of one numpy names these by the path of that numpy.
    for path in ('numpy.core.multiarray', 'numpy._core.multiarray'):
        types.append((reconstruct, f'{path}._reconstruct'))
        types.append((scalar, f'{path}.scalar'))
    types.append((history_method, 'builtins.getattr'))
    codes = np.typecodes['AllInteger'] + np.typecodes['Float'] + '?USO'
    types.extend({type(np.dtype(code)) for code in codes})
    return types


def history_method(owner, name: str):
    """``getattr`` as a HistoryBuffer's pickle uses it, and no further."""
    from mmengine.logging.history_buffer import HistoryBuffer
    if owner is not HistoryBuffer or name not in HISTORY_METHODS:
        raise pickle.UnpicklingError(
            f'the checkpoint asks for attribute {name!r} of {owner!r}; only '
            f"HistoryBuffer's {', '.join(HISTORY_METHODS)} are allowed")
    return getattr(owner, name)


def apply() -> None:
    import torch
    torch.serialization.add_safe_globals(safe_types())


def _schedule(run) -> None:
    after_import('mmengine.logging', run)


SHIM = Shim(
    name='weights_only',
    problem='torch.load is weights_only by default and refuses the numpy '
    'arrays and HistoryBuffers of every MMEngine checkpoint',
    versions='torch >= 2.6 with mmengine 0.10.7',
    remove_when='mmengine allow-lists its own types',
    needs='mmengine',
    probe=probe,
    apply=apply,
    schedule=_schedule)
