"""Run the ablation of the losses on synthetic people and write its table.

A teacher learns the 26 Halpe keypoints of the people (neck and hip are the
midpoints of the shoulders and hips, as in Halpe). For each seed, five students
then start from its weights, with the head extended to 37 keypoints:

    none; + distill; + distill + structure; + distill + spine; all

Finished runs are kept and interrupted ones are continued, so you can repeat the
same command until the table is complete.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path

import spinepose_mmpose  # noqa: F401  before anything of OpenMMLab
from spinepose_mmpose.evaluation.keypoint_errors import (
    chain_errors,
    link_errors,
    match_people,
)
from spinepose_mmpose.evaluation.people import (
    detections_from_coco,
    ground_truth_from_coco,
)
from spinepose_mmpose.metainfo import BONES, KEYPOINT_IDS, SIGMAS, SPINE_CHAIN
from spinepose_mmpose.utils import (
    config_file,
    one_sentence,
    plain_config,
    read_json,
    write_text,
)

import numpy as np
import pandas as pd
from mmengine.config import Config, DictAction

# row -> which of beta, gamma1 and gamma2 are on
ROWS = {
    'none': (),
    '+ distill': ('beta',),
    '+ distill + structure': ('beta', 'gamma1'),
    '+ distill + spine': ('beta', 'gamma2'),
    'all': ('beta', 'gamma1', 'gamma2'),
}
WEIGHTS = dict(beta=2.5, gamma1=0.1, gamma2=0.5)
# column -> (title, digits, which is better)
COLUMNS = {
    'all_AP': ('overall AP', 3, 'higher'),
    'body_AP': ('body AP', 3, 'higher'),
    'spine_AP': ('spine AP', 3, 'higher'),
    'bone_angle': ('bone angle error, degrees', 2, 'lower'),
    'spine_angle': ('spine angle error, degrees', 2, 'lower'),
    'roughness': ('spine roughness, mean links', 4, 'lower'),
}
# Keypoints of SpineTrack that mean the same in Halpe26.
SHARED = [(i, i) for i in range(26) if i not in (18, 19)]
HALPE26 = dict(from_file='configs/_base_/datasets/halpe26.py')
BEGIN, END = '<!-- ablation.py: begin -->', '<!-- ablation.py: end -->'


class Settings(DictAction):
    """``KEY=VALUE ...`` as a dictionary."""

    def __call__(self, parser, namespace, values, option_string=None):
        wrong = [value for value in values if '=' not in value]
        if wrong:
            parser.error(f'{option_string} {wrong[0]}: KEY=VALUE expected')
        super().__call__(parser, namespace, values, option_string)


def parse_args():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument('--out', required=True, help='folder for the runs')
    parser.add_argument(
        '--data',
        required=True,
        help='dataset made by tools/dataset_tools/make_synthetic.py',
    )
    parser.add_argument(
        '--teacher-data', help='dataset for the teacher; default: --data'
    )
    parser.add_argument('--config', default='configs/spinepose-t_demo.py')
    parser.add_argument(
        '--backbone',
        metavar='FILE',
        help='checkpoint from which the teacher takes its initial backbone,\n'
        'e.g. of configs/pretrain/cspnext-t_halpe26-heatmap-160x128.py',
    )
    parser.add_argument('--seeds', type=int, nargs='+', default=[0, 1])
    parser.add_argument(
        '--rows',
        nargs='+',
        choices=ROWS,
        default=list(ROWS),
        metavar='ROW',
        help='only these rows: ' + ', '.join(map(repr, ROWS)),
    )
    parser.add_argument('--teacher-epochs', type=int, default=12)
    parser.add_argument('--epochs', type=int, default=6, help='per student')
    parser.add_argument(
        '--minutes',
        type=float,
        default=float('inf'),
        help='do not start another run after this many minutes',
    )
    parser.add_argument(
        '--weights',
        nargs='+',
        action=Settings,
        default={},
        metavar='NAME=VALUE',
        help='loss weights to use instead of beta=2.5 gamma1=0.1 gamma2=0.5',
    )
    parser.add_argument('--workers', type=int, default=1, help='data loading')
    parser.add_argument(
        '--docs',
        metavar='FILE',
        help='Markdown file into which the table is written, between two\n'
        'comments; the plot is saved next to it. Default: ablation.md in --out',
    )
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=Settings,
        default={},
        metavar='KEY=VALUE',
        help='override settings of the config in every run',
    )
    parser.add_argument(
        '--launcher',
        choices=('none', 'pytorch'),
        default='none',
        help='pytorch: for torchrun, all processes train each run together',
    )
    return parser.parse_args()


# --- runs ---------------------------------------------------------------------


def base_config(args, data, epochs, seed):
    os.environ['SPINETRACK_ROOT'] = str(Path(data).absolute())
    given = Path(args.config)
    cfg = Config.fromfile(given if given.is_file() else config_file(given))
    cfg.model.pop('teacher', None)
    loader = dict(num_workers=args.workers, persistent_workers=args.workers > 0)
    cfg.merge_from_dict(
        {
            'train_cfg': dict(max_epochs=epochs, val_interval=epochs + 1),
            'randomness': dict(seed=seed),
            'train_dataloader': loader,
            'test_dataloader': loader,
            'default_hooks.checkpoint': dict(
                interval=max(1, epochs // 4), save_best=None
            ),
            'log_level': 'WARNING',
            'launcher': args.launcher,
            'test_evaluator.ann_file': str(annotations(data)),
        }
    )
    for scheduler in cfg.param_scheduler:
        if scheduler.get('by_epoch', True):
            begin, end = scheduler.get('begin', 0), scheduler['end']
            scheduler['begin'] = round(begin / end * epochs)
            if scheduler.get('T_max') == end - begin:
                scheduler['T_max'] = epochs - scheduler['begin']
            scheduler['end'] = epochs
    cfg.merge_from_dict(args.cfg_options)
    cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    return cfg


def annotations(data):
    return Path(data).absolute() / 'annotations/person_keypoints_val2017.json'


def teacher_model(cfg):
    from mmpose.models.pose_estimators import TopdownPoseEstimator

    model = plain_config(cfg.model.to_dict(), TopdownPoseEstimator)
    model['head']['out_channels'] = 26
    return model


def teacher_config(args):
    cfg = base_config(
        args, args.teacher_data or args.data, args.teacher_epochs, seed=0
    )
    cfg.model = teacher_model(cfg)
    cfg.load_from = None
    if args.backbone:
        cfg.model.backbone.init_cfg = dict(
            type='Pretrained',
            prefix='backbone.',
            checkpoint=str(Path(args.backbone).absolute()),
        )
    dataset = cfg.train_dataloader.dataset
    dataset.metainfo = HALPE26
    to_halpe26 = dict(
        type='KeypointConverter',
        num_keypoints=26,
        mapping=[*SHARED, ((5, 6), 18), ((11, 12), 19)],
    )
    for part in dataset.datasets:
        part.pipeline = [to_halpe26]
    # Tested on people with 37: without flips, which would exchange those.
    cfg.model['test_cfg']['flip_test'] = False
    cfg.test_evaluator.pred_converter = dict(num_keypoints=37, mapping=SHARED)
    return cfg


def student_config(args, row, seed, teacher):
    cfg = base_config(args, args.data, args.epochs, seed)
    unknown = set(args.weights) - set(WEIGHTS)
    if unknown:
        raise ValueError(
            f'no weight is called {unknown.pop()!r}, expected one of '
            f'{sorted(WEIGHTS)}'
        )
    weights = {**WEIGHTS, **args.weights}
    cfg.model.update(
        {k: float(v) if k in ROWS[row] else 0.0 for k, v in weights.items()}
    )
    cfg.model.teacher = dict(
        config=teacher_model(cfg), checkpoint=teacher, metainfo=HALPE26
    )
    cfg.load_from = teacher
    return cfg


def finish(cfg, folder):
    """Train what is not yet trained, evaluate; returns the scores."""
    from mmengine.registry import init_default_scope
    from mmengine.runner import Runner

    folder = Path(folder)
    scores = folder / 'scores.json'
    if scores.exists():
        return json.loads(scores.read_text())
    init_default_scope('mmpose')
    start = time.time()
    cfg.work_dir = str(folder)
    last = folder / f'epoch_{cfg.train_cfg.max_epochs}.pth'
    train, test = cfg.copy(), cfg.copy()
    if not last.exists():
        train.experiment_name = f'{folder.parent.name}_{folder.name}_train'
        if (folder / 'last_checkpoint').exists():
            train.resume, train.load_from = True, None
        train.test_cfg = train.test_dataloader = train.test_evaluator = None
        Runner.from_cfg(train).train()
    test.experiment_name = f'{folder.parent.name}_{folder.name}_test'
    test.resume, test.load_from = False, str(last)
    test.train_cfg = test.train_dataloader = test.optim_wrapper = None
    test.param_scheduler = test.auto_scale_lr = None
    test.test_evaluator.outfile_prefix = str(folder / 'predictions')
    found = Runner.from_cfg(test).test()
    result = {name.rpartition('/')[2]: v for name, v in found.items()}
    if cfg.model.head.out_channels == 37:
        predictions = str(folder / 'predictions.keypoints.json')
        result |= shape_scores(cfg.test_evaluator.ann_file, predictions)
    result['minutes'] = (time.time() - start) / 60
    if is_main():
        write_text(str(scores), json.dumps(result, indent=1))
    return result


def is_main():
    return os.environ.get('RANK', '0') == '0'


# --- scores -------------------------------------------------------------------


def shape_scores(ann_file, predictions):
    """Errors of directions in degrees, and the roughness of the spine."""
    truth = ground_truth_from_coco(read_json(ann_file))
    found = detections_from_coco(read_json(predictions), truth)
    rows, columns, _ = match_people(truth, found, SIGMAS, min_oks=0.1)
    gt, dt = truth.keypoints[rows], found.keypoints[columns]
    chain = [KEYPOINT_IDS[name] for name in SPINE_CHAIN]
    bones = [[KEYPOINT_IDS[end] for end in bone] for bone in BONES]
    return dict(
        bone_angle=float(np.nanmean(link_errors(gt, dt, bones))),
        spine_angle=float(np.nanmean(chain_errors(gt, dt, chain)['angle'])),
        roughness=roughness(gt[:, chain], dt[:, chain]),
        true_roughness=roughness(gt[:, chain], gt[:, chain]),
    )


def roughness(gt, dt):
    """Mean length of the second differences of a chain, in mean true links.

    Args:
        gt, dt (np.ndarray): (N, C, 3), labelled and predicted chains; people
            with a chain labelled throughout count.
    """
    whole = (gt[..., 2] > 0).all(axis=1)
    links = np.linalg.norm(np.diff(gt[whole, :, :2], axis=1), axis=-1)
    bends = np.linalg.norm(np.diff(dt[whole, :, :2], n=2, axis=1), axis=-1)
    return float((bends.mean(axis=1) / links.mean(axis=1)).mean())


# --- report -------------------------------------------------------------------


def table(runs):
    """Markdown: mean over the seeds, and half of the range behind it.

    Args:
        runs (pd.DataFrame): The scores of a run per line, and its ``row``.
    """
    titles = [title for title, _, _ in COLUMNS.values()]
    lines = [['losses', *titles], ['---'] * 7]
    for row, group in runs.groupby('row', sort=False):
        cells = [row]
        for column, (_, digits, _) in COLUMNS.items():
            cell = f'{group[column].mean():.{digits}f}'
            if len(group) > 1:
                cell += f' ± {np.ptp(group[column]) / 2:.{digits}f}'
            cells.append(cell)
        lines.append(cells)
    return '\n'.join(f'| {" | ".join(cells)} |' for cells in lines)


def plot(runs, path):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 6.5), layout='constrained', dpi=110)
    axes = figure.subplots(2, 3, sharey=True)
    means = runs.groupby('row', sort=False)[list(COLUMNS)].mean()
    for axis, (column, (title, _, better)) in zip(axes.flat, COLUMNS.items()):
        axis.barh(means.index, means[column], color='#9ecae1')
        axis.plot(runs[column], runs['row'], 'k.', markersize=5)
        low, high = runs[column].min(), runs[column].max()
        margin = 0.3 * (high - low) or 0.1 * abs(high) or 1
        if np.isfinite(margin):  # somebody was found
            axis.set_xlim(max(0, low - margin), high + margin)
        axis.set_title(f'{title} ({better} is better)', fontsize=9)
    axes[0, 0].invert_yaxis()
    figure.suptitle(
        'Bars: mean over the seeds; dots: each seed. The axes do not start at '
        '0.',
        fontsize=9,
    )
    figure.savefig(path)


def report(args, teacher, runs):
    """Put the table and the plot into the page.

    Args:
        args (argparse.Namespace): The options of the command.
        teacher (dict): Its scores.
        runs (list[dict]): Scores of the students, with their ``row``.
    """
    page = Path(args.docs or Path(args.out) / 'ablation.md')
    old = page.read_text() if page.exists() else f'{BEGIN}\n{END}\n'
    if BEGIN not in old or END not in old:
        raise ValueError(
            f'{page} has no place for the table: put the lines {BEGIN} and '
            f'{END} where it belongs'
        )
    page.parent.mkdir(parents=True, exist_ok=True)
    image = page.with_suffix('.png')
    runs = pd.DataFrame(runs)
    plot(runs, image)
    command = ['python']
    if args.launcher == 'pytorch':
        processes = os.environ.get('WORLD_SIZE', '2')
        command = ['torchrun', '--nproc-per-node', processes]
    command += ['tools/analysis_tools/ablation.py', *sys.argv[1:]]
    text = f"""{BEGIN}
Teacher: body AP {teacher['body_AP']:.3f}, feet AP {teacher['feet_AP']:.3f} \
after {args.teacher_epochs} epochs. Students: {args.epochs} epochs, seeds \
{', '.join(map(str, args.seeds))}; {len(runs)} of \
{len(args.rows) * len(args.seeds)} runs, {runs['minutes'].mean():.1f} minutes \
each. The labels have a roughness of {runs['true_roughness'][0]:.4f}. The \
figure after ± is half of the range over the seeds.

{table(runs)}

![Ablation]({image.name})

```
{' '.join(command)}
```
{END}"""
    before, _, rest = old.partition(BEGIN)
    page.write_text(before + text + rest.partition(END)[2])
    print(f'{table(runs)}\n\n{page}, {image}')


def main():
    args = parse_args()
    start = time.time()
    with one_sentence():
        if not annotations(args.data).is_file():
            raise FileNotFoundError(
                f'{annotations(args.data)} does not exist: make the set with '
                'tools/dataset_tools/make_synthetic.py'
            )
        out = Path(args.out).absolute()
        teacher = finish(teacher_config(args), out / 'teacher')
        weights = str(out / 'teacher' / f'epoch_{args.teacher_epochs}.pth')
        runs = []
        for seed in args.seeds:
            for row in args.rows:
                folder = out / f'seed{seed}' / row.replace(' ', '')
                late = time.time() - start > 60 * args.minutes
                if late and not (folder / 'scores.json').exists():
                    print(
                        f'{args.minutes:g} minutes are over; run the same '
                        'command to continue',
                        file=sys.stderr,
                    )
                    break
                if is_main():
                    print(f'seed {seed}: {row}', file=sys.stderr, flush=True)
                cfg = student_config(args, row, seed, weights)
                runs.append(dict(finish(cfg, folder), row=row))
        if runs and is_main():
            report(args, teacher, runs)
    return 0


if __name__ == '__main__':
    sys.exit(main())
