"""Precision over recall, a panel a subset."""

from typing import Any, Dict

import numpy as np
from matplotlib.figure import Figure

# OKS thresholds that get a line of their own.
SHOWN = ('0.50', '0.75', '0.90')
LINE_COLORS = ('#4477aa', '#228833', '#cc6677')


def draw_precision_recall(path: str, content: Dict[str, Any]) -> None:
    """Lines at three OKS thresholds and their mean over all ten.

    Args:
        path (str): Image to write.
        content (dict): Of a :class:`Report`.
    """
    subsets = content['subsets']
    columns = min(2, len(subsets))
    rows = -(-len(subsets) // columns)
    figure = Figure(
        figsize=(5.2 * columns, 4.7 * rows + 0.5),
        dpi=110,
        facecolor='white',
        layout='constrained',
    )
    panels = np.ravel(figure.subplots(rows, columns, squeeze=False))
    for axes, (name, row) in zip(panels, subsets.items()):
        _draw_panel(axes, name, row)
    for axes in panels[len(subsets) :]:
        axes.axis('off')
    figure.suptitle('Precision and recall of found people, by keypoint subset')
    figure.savefig(path)


def _draw_panel(axes, name, row) -> None:
    axes.set_title(f'{name}  ({row["people"]} people)', fontsize=11)
    axes.set(xlim=(0, 1), ylim=(0, 1.03), xlabel='recall', ylabel='precision')
    axes.grid(color='#dddddd')
    curve = row['curve']
    if not curve:
        axes.text(0.5, 0.5, 'nobody is labelled', ha='center', va='center')
        return
    for threshold, color in zip(SHOWN, LINE_COLORS):
        precision = np.array(curve['precision'][threshold])
        # The line ends where the recall does.
        axes.plot(
            curve['recall'],
            np.where(precision > 0, precision, np.nan),
            color=color,
            lw=1.5,
            label=f'OKS {threshold}:  {100 * precision.mean():.1f}',
        )
    mean = np.mean(list(curve['precision'].values()), axis=0)
    axes.plot(
        curve['recall'],
        mean,
        color='black',
        lw=2.5,
        label=f'mean .50 to .95 (AP):  {100 * row["AP"]:.1f}',
    )
    # Below the panel: inside, it would hide lines.
    axes.legend(
        loc='upper center',
        bbox_to_anchor=(0.5, -0.13),
        ncol=2,
        fontsize=9,
        title='average precision x100',
        title_fontsize=9,
        frameon=False,
    )
