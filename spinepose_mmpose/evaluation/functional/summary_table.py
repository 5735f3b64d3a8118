"""The printed result."""

from typing import Dict


def summary_table(
    stats: Dict[str, Dict[str, float]], people: Dict[str, int]
) -> str:
    """One line a subset.

    Args:
        stats (dict): Values by name of each subset; -1 is shown as ``-``.
        people (dict): Labelled people of each subset.

    Returns:
        str: The table, without a final line break.
    """
    names = list(next(iter(stats.values())))
    width = max(len(name) for name in (*stats, 'subset'))
    lines = [
        f'{"subset":<{width}} {"people":>7}'
        + ''.join(f' {name:>7}' for name in names)
    ]
    for subset, values in stats.items():
        cells = (
            '-' if values[name] == -1 else f'{values[name]:.3f}'
            for name in names
        )
        lines.append(
            f'{subset:<{width}} {people[subset]:>7}'
            + ''.join(f' {cell:>7}' for cell in cells)
        )
    if any(
        value == -1 for values in stats.values() for value in values.values()
    ):
        lines.append('-: nobody is labelled there; the value is -1.')
    return '\n'.join(lines)
