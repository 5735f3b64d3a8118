from typing import Dict

from torch import Tensor

# How many names a message quotes.
QUOTED = 3


def checkpoint_weights(checkpoint: dict) -> Dict[str, Tensor]:
    """The weights in a checkpoint of any age, by their names in the model."""
    return {
        name[7:] if name.startswith('module.') else name: value
        for name, value in checkpoint.get('state_dict', checkpoint).items()
        # Old versions saved the mean and std of the images.
        if 'data_preprocessor.' not in name
    }


def find_mismatch(weights: Dict[str, Tensor], own: Dict[str, Tensor]) -> str:
    """How ``weights`` differ from a model's ``own``; empty if they fit.

    A missing ``num_batches_tracked`` is no difference: evaluation does not
    read that counter, and old files lack it.
    """
    missing = [
        name
        for name in own
        if name not in weights and 'num_batches_tracked' not in name
    ]
    unexpected = [name for name in weights if name not in own]
    shapes = [
        f'{name} {tuple(weights[name].shape)} for {tuple(value.shape)}'
        for name, value in own.items()
        if name in weights and weights[name].shape != value.shape
    ]
    return '; '.join(
        f'{len(names)} {what} ({", ".join(names[:QUOTED])}'
        f'{", ..." if len(names) > QUOTED else ""})'
        for what, names in (
            ('missing', missing),
            ('unexpected', unexpected),
            ('of another shape', shapes),
        )
        if names
    )
