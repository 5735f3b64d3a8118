from mmengine.dist import all_reduce
from torch import Tensor


def person_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean within each person, then over the people that have anything.

    A person counts the same whether three or forty of the M values are
    labelled, and people without labels do not dilute the rest. Repeating the
    batch changes nothing.

    In distributed training the people of all processes count, so that the
    average over the processes, which DistributedDataParallel takes of the
    gradients, is the mean over the whole batch.

    Args:
        values: (B, M), finite where masked out too.
        mask: (B, M) bool, the values that count.

    Returns:
        A scalar; zero, with a zero gradient, where nothing counts.
    """
    count = mask.sum(dim=1)  # B
    person = (values * mask).sum(dim=1) / count.clamp(min=1)
    people = (count > 0).sum().to(values.dtype)
    all_reduce(people, 'mean')
    return person.sum() / people.where(people > 0, people.new_ones(()))
