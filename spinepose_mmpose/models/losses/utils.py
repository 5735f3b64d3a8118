from torch import Tensor


def person_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean within each person, then over the people that have anything.

    A person counts the same whether three or forty of the M values are
    labelled, and people without labels do not dilute the rest. Repeating the
    batch changes nothing.

    Args:
        values: (B, M), finite where masked out too.
        mask: (B, M) bool, the values that count.

    Returns:
        A scalar; zero, with a zero gradient, where nothing counts.
    """
    count = mask.sum(dim=1)  # B
    person = (values * mask).sum(dim=1) / count.clamp(min=1)
    return person.sum() / (count > 0).sum().clamp(min=1)
