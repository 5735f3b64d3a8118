"""Train the ablation of the method on the synthetic set and write its table.

A teacher learns the 26 Halpe keypoints of the set's people (neck and hip are
the midpoints of shoulders and hips, as in Halpe). Then for each seed five
students start from its weights, their head extended to 37 keypoints:

    none; + distill; + distill + structure; + distill + spine; all

Runs that are finished are kept and one that was stopped goes on, so the same
command can be repeated until the table is full.
"""

import argparse
import json
import os
import statistics
import sys
import time
from pathlib import Path

import spinepose_mmpose  # noqa: F401  before anything of OpenMMLab
from spinepose_mmpose.evaluation.keypoint_errors import match_people
from spinepose_mmpose.evaluation.people import (
    detections_from_coco,
    ground_truth_from_coco,
    read_json,
)
from spinepose_mmpose.metainfo import BONES, KEYPOINT_IDS, SIGMAS, SPINE_CHAIN
from spinepose_mmpose.utils import config_file, one_sentence, write_text

import numpy as np

# row -> which of beta, gamma1 and gamma2 are on
ROWS = {
    'none': (),
    '+ distill': ('beta',),
    '+ distill + structure': ('beta', 'gamma1'),
    '+ distill + spine': ('beta', 'gamma2'),
    'all': ('beta', 'gamma1', 'gamma2'),
}
WEIGHTS = dict(beta=2.5, gamma1=0.1, gamma2=0.5)
# column -> (title, digits, higher is better)
COLUMNS = {
    'all_AP': ('overall AP', 3, True),
    'body_AP': ('body AP', 3, True),
    'spine_AP': ('spine AP', 3, True),
    'bone_angle': ('bone angle error, degrees', 2, False),
    'spine_angle': ('spine angle error, degrees', 2, False),
    'roughness': ('spine roughness, mean links', 4, False),
}
SPLITS = ('train-real-coco', 'train-real-yoga', 'train-unreal')
# SpineTrack's keypoints as Halpe26 has them.
TO_HALPE26 = [(i, i) for i in range(26) if i not in (18, 19)] + [
    ((5, 6), 18),
    ((11, 12), 19),
]
HALPE26 = dict(from_file='configs/_base_/datasets/halpe26.py')
BEGIN, END = '<!-- ablation.py: begin -->', '<!-- ablation.py: end -->'


def parse_args():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument('--out', required=True, help='folder of the runs')
    parser.add_argument(
        '--data',
        required=True,
        help='set of tools/dataset_tools/make_synthetic.py',
    )
    parser.add_argument(
        '--teacher-data', help='the same for the teacher; default: --data'
    )
    parser.add_argument('--config', default='configs/spinepose-t_demo.py')
    parser.add_argument(
        '--backbone',
        metavar='FILE',
        help="checkpoint whose backbone the teacher's training starts from,\n"
        'e.g. of configs/spinepose-t_demo_backbone.py',
    )
    parser.add_argument('--seeds', type=int, nargs='+', default=[0, 1])
    parser.add_argument(
        '--rows',
        nargs='+',
        choices=ROWS,
        default=list(ROWS),
        metavar='ROW',
        help='these alone: ' + ', '.join(map(repr, ROWS)),
    )
    parser.add_argument('--teacher-epochs', type=int, default=12)
    parser.add_argument('--epochs', type=int, default=6, help='of a student')
    parser.add_argument(
        '--minutes',
        type=float,
        default=float('inf'),
        help='start no further run after so many',
    )
    parser.add_argument(
        '--weights',
        nargs='+',
        default=(),
        metavar='NAME=VALUE',
        help='other weights of beta (2.5), gamma1 (0.1), gamma2 (0.5)',
    )
    parser.add_argument('--workers', type=int, default=1, help='data loading')
    parser.add_argument(
        '--docs',
        metavar='FILE',
        help='Markdown file to put the table into, between two comments;\n'
        'the plot goes beside it. Default: ablation.md in --out',
    )
    parser.add_argument(
        '--cfg-options', nargs='+', default=(), help='of every run'
    )
    parser.add_argument(
        '--launcher',
        choices=('none', 'pytorch'),
        default='none',
        help='pytorch: started by torchrun, all processes train each run',
    )
    return parser.parse_args()


# --- runs ---------------------------------------------------------------------


def base_config(args, data, epochs, seed):
    from mmengine.config import Config, DictAction

    os.environ['SPINETRACK_ROOT'] = str(Path(data).absolute())
    path = (
        args.config if Path(args.config).is_file() else config_file(args.config)
    )
    cfg = Config.fromfile(path)
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
        }
    )
    for scheduler in cfg.param_scheduler:
        if scheduler.get('by_epoch', True):
            span = scheduler['end'] - scheduler.get('begin', 0)
            scheduler['begin'] = round(
                scheduler.get('begin', 0) / scheduler['end'] * epochs
            )
            if 'T_max' in scheduler and scheduler['T_max'] == span:
                scheduler['T_max'] = epochs - scheduler['begin']
            scheduler['end'] = epochs
    for option in args.cfg_options:
        name, _, value = option.partition('=')
        cfg.merge_from_dict({name: DictAction._parse_iterable(value)})
    cfg.launcher = args.launcher
    cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    cfg.test_evaluator.ann_file = str(annotations(data))
    return cfg


def annotations(data):
    return Path(data).absolute() / 'annotations/person_keypoints_val2017.json'


def teacher_model(cfg):
    from spinepose_mmpose.models.distiller import plain_model_config

    model = plain_model_config(cfg.model.to_dict())
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
    for part in dataset.datasets:
        part.pipeline = [
            dict(type='KeypointConverter', num_keypoints=26, mapping=TO_HALPE26)
        ]
    # Tested on people with 37: without flips, which would exchange those.
    cfg.model['test_cfg']['flip_test'] = False
    cfg.test_evaluator.update(
        pred_converter=dict(
            num_keypoints=37,
            mapping=[(i, i) for i in range(26) if i not in (18, 19)],
        )
    )
    return cfg


def student_config(args, row, seed, teacher):
    cfg = base_config(args, args.data, args.epochs, seed)
    weights = dict(WEIGHTS)
    for setting in args.weights:
        name, _, value = setting.partition('=')
        if name not in weights:
            raise ValueError(
                f'no weight is called {name!r}, expected one of '
                f'{sorted(weights)}'
            )
        weights[name] = float(value)
    cfg.model.update(
        {k: v if k in ROWS[row] else 0.0 for k, v in weights.items()}
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

    init_default_scope('mmpose')
    folder = Path(folder)
    scores = folder / 'scores.json'
    if scores.exists():
        return json.loads(scores.read_text())
    start = time.time()
    cfg.work_dir = str(folder)
    last = folder / f'epoch_{cfg.train_cfg.max_epochs}.pth'
    train = cfg.copy()
    train.experiment_name = f'{folder.parent.name}_{folder.name}_train'
    if (folder / 'last_checkpoint').exists():
        train.resume, train.load_from = True, None
    train.test_cfg = train.test_dataloader = train.test_evaluator = None
    if not last.exists():
        Runner.from_cfg(train).train()
    test = cfg.copy()
    test.experiment_name = f'{folder.parent.name}_{folder.name}_test'
    test.resume, test.load_from = False, str(last)
    test.train_cfg = test.train_dataloader = test.optim_wrapper = None
    test.param_scheduler = test.auto_scale_lr = None
    test.test_evaluator.outfile_prefix = str(folder / 'predictions')
    result = {
        name.rpartition('/')[2]: value
        for name, value in Runner.from_cfg(test).test().items()
    }
    if cfg.model.head.out_channels == 37:
        result.update(
            shape_scores(
                cfg.test_evaluator.ann_file,
                folder / 'predictions.keypoints.json',
            )
        )
    result['minutes'] = (time.time() - start) / 60
    if is_main():
        write_text(str(scores), json.dumps(result, indent=1))
    return result


def is_main():
    return os.environ.get('RANK', '0') == '0'


# --- scores -------------------------------------------------------------------


def shape_scores(ann_file, predictions):
    """Errors of directions in degrees, and the roughness of the spine."""
    truth = ground_truth_from_coco(read_json(str(ann_file)))
    found = detections_from_coco(read_json(str(predictions)), truth)
    rows, columns = match_people(truth, found, SIGMAS, min_oks=0.1)
    gt, dt = truth.keypoints[rows], found.keypoints[columns]
    chain = [KEYPOINT_IDS[name] for name in SPINE_CHAIN]
    bones = [[KEYPOINT_IDS[end] for end in bone] for bone in BONES]
    return dict(
        bone_angle=angle_error(gt, dt, bones),
        spine_angle=angle_error(gt, dt, list(zip(chain, chain[1:]))),
        roughness=roughness(gt[:, chain], dt[:, chain]),
        true_roughness=roughness(gt[:, chain], gt[:, chain]),
    )


def angle_error(gt, dt, links):
    """Mean absolute error of the links' directions, in degrees.

    Args:
        gt, dt: (N, K, 3), pairs of labelled and predicted people; a link
            counts where both ends are labelled.
        links: (M, 2) keypoint ids.
    """
    start, end = np.array(links).T
    counted = (gt[:, start, 2] > 0) & (gt[:, end, 2] > 0)
    angles = []
    for points in (gt, dt):
        x, y = np.moveaxis(points[:, end, :2] - points[:, start, :2], -1, 0)
        angles.append(np.arctan2(y, x))
    difference = angles[1] - angles[0]
    error = np.abs(np.arctan2(np.sin(difference), np.cos(difference)))
    return float(np.degrees(error[counted].mean()))


def roughness(gt, dt):
    """Mean length of a chain's second differences, in mean true links.

    Args:
        gt, dt: (N, C, 3), labelled and predicted chains; people with a chain
            labelled throughout count.
    """
    whole = (gt[..., 2] > 0).all(axis=1)
    links = np.linalg.norm(np.diff(gt[whole, :, :2], axis=1), axis=-1)
    bends = np.linalg.norm(np.diff(dt[whole, :, :2], n=2, axis=1), axis=-1)
    return float((bends.mean(axis=1) / links.mean(axis=1)).mean())


# --- report -------------------------------------------------------------------


def table(scores):
    """Markdown: mean over the seeds, and half of the range behind it."""
    lines = [
        '| losses | ' + ' | '.join(t for t, _, _ in COLUMNS.values()) + ' |',
        '|---' * (len(COLUMNS) + 1) + '|',
    ]
    for row, runs in scores.items():
        cells = []
        for column, (_, digits, _) in COLUMNS.items():
            values = [run[column] for run in runs]
            cell = f'{statistics.fmean(values):.{digits}f}'
            if len(values) > 1:
                cell += f' ± {(max(values) - min(values)) / 2:.{digits}f}'
            cells.append(cell)
        lines.append(f'| {row} | ' + ' | '.join(cells) + ' |')
    return '\n'.join(lines)


def plot(scores, path):
    import matplotlib

    matplotlib.use('Agg')
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(2, 3, figsize=(12, 6.5), sharey=True)
    names = list(scores)
    for axis, (column, (title, _, higher)) in zip(axes.flat, COLUMNS.items()):
        values = [[run[column] for run in runs] for runs in scores.values()]
        means = [statistics.fmean(v) for v in values]
        axis.barh(names, means, color='#9ecae1')
        for name, points in zip(names, values):
            axis.plot(points, [name] * len(points), 'k.', markersize=5)
        low, high = min(map(min, values)), max(map(max, values))
        margin = 0.3 * (high - low) or 0.1 * abs(high) or 1
        axis.set_xlim(max(0, low - margin), high + margin)
        axis.set_title(
            f'{title} ({"higher" if higher else "lower"} is better)', fontsize=9
        )
    axes.flat[0].invert_yaxis()
    figure.suptitle(
        'Bars: mean over the seeds; dots: each seed. The axes '
        'do not start at 0.',
        fontsize=9,
    )
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def starter(args):
    program = 'python'
    if args.launcher == 'pytorch':
        processes = os.environ.get('WORLD_SIZE', '2')
        program = f'torchrun --nproc-per-node {processes}'
    return f'{program} tools/analysis_tools/ablation.py'


def report(args, teacher, scores):
    page = Path(args.docs or Path(args.out) / 'ablation.md')
    picture = page.with_suffix('.png')
    plot(scores, picture)
    runs = [run for row in scores.values() for run in row]
    text = '\n'.join(
        [
            BEGIN,
            f'Teacher: body AP {teacher["body_AP"]:.3f}, feet AP '
            f'{teacher["feet_AP"]:.3f} after {args.teacher_epochs} epochs. '
            f'Students: {args.epochs} epochs, seeds '
            f'{", ".join(map(str, args.seeds))}; {len(runs)} of '
            f'{len(args.rows) * len(args.seeds)} runs, '
            f'{statistics.fmean(run["minutes"] for run in runs):.1f} minutes '
            f'each. The labels have a roughness of '
            f'{runs[0]["true_roughness"]:.4f}. Behind ±: half of the range '
            'over the seeds.',
            '',
            table(scores),
            '',
            f'![Ablation]({picture.name})',
            '',
            '```',
            ' '.join([starter(args), *sys.argv[1:]]),
            '```',
            END,
        ]
    )
    old = page.read_text() if page.exists() else f'{BEGIN}\n{END}\n'
    if BEGIN not in old or END not in old:
        raise ValueError(
            f'{page} has no place for the table: put the lines {BEGIN} and '
            f'{END} where it belongs'
        )
    before, _, rest = old.partition(BEGIN)
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(before + text + rest.partition(END)[2])
    print(f'{table(scores)}\n\n{page}, {picture}')


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
        cfg = teacher_config(args)
        teacher = finish(cfg, out / 'teacher')
        weights = str(out / 'teacher' / f'epoch_{args.teacher_epochs}.pth')
        scores = {}
        for seed in args.seeds:
            for row in args.rows:
                folder = out / f'seed{seed}' / row.replace(' ', '')
                late = time.time() - start > 60 * args.minutes
                if late and not (folder / 'scores.json').exists():
                    print(
                        f'{args.minutes:g} minutes are over; the same '
                        'command goes on',
                        file=sys.stderr,
                    )
                    break
                if is_main():
                    print(f'seed {seed}: {row}', file=sys.stderr, flush=True)
                scores.setdefault(row, []).append(
                    finish(student_config(args, row, seed, weights), folder)
                )
        if scores and is_main():
            report(args, teacher, scores)
    return 0


if __name__ == '__main__':
    sys.exit(main())
