"""Batches that workers hand over in a few tensors instead of hundreds."""

from typing import Any, Dict, Iterable, List, Optional, Sequence, Tuple

from mmengine.dataset import default_collate
from mmengine.registry import FUNCTIONS
from mmengine.structures import BaseDataElement
from torch import Tensor
from torch.utils.data import get_worker_info

# Where PackPoseInputs puts tensors.
HOLDERS = ('gt_instance_labels', 'gt_fields')
# (holder, name) -> (B, ...)
Labels = Dict[Tuple[str, str], Tensor]


class PoseBatch(list):
    """A list of samples whose labels are views of one tensor of each kind.

    A worker hands each tensor over by a shared file and a connection of its
    own. Three tensors a sample are most of what the training process has to
    do for a batch (docs/loading.md has figures), and may exceed the limit of
    open files. The few tensors here are handed over, pinned and moved as a
    whole.

    Args:
        samples: B ``PoseDataSample``.
        labels: Tensors (B, ...) by the names of a sample's field, such as
            ``gt_instance_labels``, and of the label in it.
    """

    def __init__(
        self,
        samples: Iterable[BaseDataElement] = (),
        labels: Optional[Labels] = None,
    ) -> None:
        super().__init__(samples)
        self._set_labels(labels or {})

    @classmethod
    def packed(cls, samples: List[BaseDataElement]) -> 'PoseBatch':
        """A batch on its way: its labels are not in its samples, too."""
        batch = cls(samples)
        for holder, name in _places(samples[0]):
            own = [getattr(s, holder, {}).get(name) for s in samples]
            if len({getattr(label, 'shape', None) for label in own}) != 1:
                continue
            # In a worker this stacks into shared memory.
            batch.labels[holder, name] = default_collate(own)
            for sample in samples:
                getattr(sample, holder).pop(name)
        return batch

    def to(self, *args, **kwargs) -> 'PoseBatch':
        """Move the labels as :meth:`torch.Tensor.to` does, in place."""
        return self._set_labels(
            {k: v.to(*args, **kwargs) for k, v in self.labels.items()}
        )

    def pin_memory(self) -> 'PoseBatch':
        """Move the labels to pinned memory, in place."""
        return self._set_labels(
            {k: v.pin_memory() for k, v in self.labels.items()}
        )

    def _set_labels(self, labels: Labels) -> 'PoseBatch':
        self.labels = labels
        for (holder, name), batched in labels.items():
            for sample, label in zip(self, batched.unbind()):
                getattr(sample, holder).set_field(label, name)
        return self

    def __reduce__(self) -> Tuple[Any, tuple]:
        return PoseBatch, (list(self), self.labels)


def _places(sample: BaseDataElement) -> List[Tuple[str, str]]:
    return [
        (holder, name)
        for holder in HOLDERS
        if holder in sample
        for name, value in getattr(sample, holder).items()
        if isinstance(value, Tensor)
    ]


@FUNCTIONS.register_module()
def pose_collate(samples: Sequence[dict]) -> dict:
    """MMEngine's ``default_collate`` of what ``PackPoseInputs`` packs; from
    workers arrives a :class:`PoseBatch`."""
    batch = default_collate(samples)
    if get_worker_info() is not None:
        batch['data_samples'] = PoseBatch.packed(batch['data_samples'])
    return batch
