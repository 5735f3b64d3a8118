"""Find spines in a video, then train a model of your own.

    python tools/quickstart.py [--image PATH] [--video PATH]

The first run sets up an environment. The script then prints and runs the
commands that a user would type: the demo model on a clip of a walking woman and
on your files, followed by a short training on synthetic people. Results and a
summary page are written to work_dirs/quickstart/. Running it again continues
where it stopped; --fresh starts over.
"""

import argparse
import collections
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import _environment

CONFIG = 'configs/spinepose-t_quickstart.py'
OUT = _environment.ROOT / 'work_dirs' / 'quickstart'
DATA = OUT / 'data'
# mim is started as a module, so that no folder needs to be on PATH.
MIM = (sys.executable, '-m', 'mim')
CORES = os.cpu_count() or 1
SEED = 0
# The parts of mmengine's log that are shown.
PROGRESS = r'Epoch\(train\).*?\]\[.*?\]|eta: [\d:]+|loss: \S+'
TABLE = r'^(subset|body|feet|spine|all) .*'
SHOWN = 6  # held-out images that are shown
INFER = ('--model', 'spinepose-t-demo', '--overwrite')
# The clip needs no download. People in the user's files are found by a
# published detector if there is a network.
OFFLINE = ('--detector', 'person-demo')
DONE = r'^\d+ (frames|photographs): .*'


def parse_args():
    parser = argparse.ArgumentParser(
        description='Find spines in a video, then train, test and infer on '
        'synthetic people. Results are written to work_dirs/quickstart/; '
        'running it again continues where it stopped.'
    )
    parser.add_argument('--image', type=Path, help='your own image')
    parser.add_argument('--video', type=Path, help='your own video')
    parser.add_argument(
        '--train-images', type=int, default=600, help='default: 600'
    )
    parser.add_argument(
        '--val-images', type=int, default=100, help='default: 100'
    )
    parser.add_argument('--epochs', type=int, help="default: the config's, 1")
    parser.add_argument(
        '--fresh', action='store_true', help='remove earlier results first'
    )
    return parser.parse_args()


def main() -> int:
    args = parse_args()
    for name in ('image', 'video'):
        path = getattr(args, name)
        if path is not None and not path.is_file():
            sys.exit(f'error: --{name} {path} does not exist')
    _environment.ensure(bodies=False)
    from _quickstart_page import write_page  # needs the environment

    if args.fresh:
        shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True, exist_ok=True)
    start = time.time()
    try:
        shown = show(args)
        page = write_page(OUT, shown)
        print(
            f'\nresults     {page}\nNext: train your own model (Ctrl-C stops)'
        )
        make_data(args)
        checkpoint = train(args)
        scores = test(checkpoint)
        images = infer(checkpoint, args.image)
    except subprocess.CalledProcessError as error:
        sys.exit(
            f'error: the last command failed with exit code '
            f'{error.returncode}; its output is above and in {OUT}'
        )
    except KeyboardInterrupt:
        sys.exit('\ninterrupted; run the same command to continue')
    minutes = (time.time() - start) / 60
    page = write_page(OUT, shown, scores, images, checkpoint, minutes)
    print_summary(scores, images, checkpoint, page, minutes)
    return 0


def show(args) -> list:
    """The demo model on the clip and on the user's files; what was written."""
    folder = OUT / 'demo'
    clip = Path(
        *importlib.util.find_spec('Sports2D').submodule_search_locations
    )
    videos = {'gait': clip / 'Demo' / 'demo.mp4'}
    if args.video is not None:
        videos[f'yours_{args.video.stem}'] = args.video.absolute()
    shown = []
    for name, video in videos.items():
        outputs = dict(
            o=folder / f'{name}.mp4',
            s=folder / f'{name}.csv',
            report=folder / f'{name}.html',
        )
        if not all(path.exists() for path in outputs.values()):
            run(
                f'1/5 the demo model on {video.name}',
                [
                    *(sys.executable, '-m', 'spinepose_mmpose', '-i', video),
                    *('-o', outputs['o'], '-s', outputs['s']),
                    *('--angles', 'all', '--report', outputs['report']),
                    *INFER,
                    *(OFFLINE if name == 'gait' else ()),
                ],
                DONE,
            )
        shown += outputs.values()
    if args.image is not None:
        drawn = folder / f'yours_{args.image.stem}.jpg'
        command = [sys.executable, '-m', 'spinepose_mmpose', '-i']
        command += [args.image.absolute(), '-o', drawn, *INFER]
        run(f'1/5 the demo model on {args.image.name}', command, DONE)
        shown.append(drawn)
    return shown


def make_data(args) -> None:
    run(
        '2/5 synthetic people',
        [
            sys.executable,
            'tools/dataset_tools/make_synthetic.py',
            *options(out=DATA, train=args.train_images, val=args.val_images),
            *options(seed=SEED, workers=CORES),
        ],
        r'^(train|val)\S+: +100%.*\[[^,]*',
    )


def train(args) -> Path:
    finished = OUT / 'train' / 'finished'
    if finished.exists():
        print('3/5 training: already done')
        return last_checkpoint()
    # Two processes of one thread each train faster on two cores than one of
    # two threads.
    launcher = options(gpus=0)
    if CORES > 1:
        launcher = options(launcher='pytorch', gpus=2)
    command = [*MIM, 'train', 'spinepose_mmpose', CONFIG, *launcher]
    command += [*options(work_dir=OUT / 'train'), '--resume']
    if args.epochs:
        command += [
            '--cfg-options',
            f'train_cfg.max_epochs={args.epochs}',
            f'param_scheduler.1.end={args.epochs}',
            f'param_scheduler.1.T_max={args.epochs}',
        ]
    run('3/5 training', command, rf'{PROGRESS}|{TABLE}')
    finished.touch()
    return last_checkpoint()


def last_checkpoint() -> Path:
    return Path((OUT / 'train' / 'last_checkpoint').read_text().strip())


def test(checkpoint: Path) -> dict:
    result = OUT / 'scores.json'
    command = [*MIM, 'test', 'spinepose_mmpose', CONFIG]
    command += options(checkpoint=checkpoint, gpus=0)
    command += options(work_dir=OUT / 'test', out=result)
    run('4/5 testing on held-out people', command, TABLE)
    return json.loads(result.read_text())


def infer(checkpoint: Path, image) -> list:
    images = sorted((DATA / 'images' / 'val2017').glob('*.jpg'))[:SHOWN]
    if image is not None:
        images.append(image.absolute())
    boxes = DATA / 'annotations' / 'person_keypoints_val2017.json'
    command = [sys.executable, 'demo/inferencer_demo.py', *images]
    command += options(model=CONFIG, weights=checkpoint, boxes=boxes)
    command += options(out_dir=OUT / 'inference')
    run('5/5 inference', command, r'^\S+: \d+ p')
    return [OUT / 'inference' / 'visualizations' / i.name for i in images]


def options(**values) -> list:
    """--name value of each, as words of a command."""
    return [
        str(word)
        for name, value in values.items()
        for word in (f'--{name.replace("_", "-")}', value)
    ]


def run(title: str, command: list, told: str) -> None:
    """Print a command as a user would type it, and run it.

    Args:
        title (str): Starts with the number of the step.
        command (list): Its words.
        told (str): Pattern of what is shown of the output; all of it goes to
            work_dirs/quickstart/logs/.

    Raises:
        CalledProcessError: It failed; the end of its output has been printed.
    """
    command = [str(part) for part in command]
    log = OUT / 'logs' / f'{title[0]}.log'
    log.parent.mkdir(exist_ok=True)
    print(f'\n=== {title}   (log: {log})')
    data = f'SPINETRACK_ROOT={DATA.relative_to(_environment.ROOT)} '
    needs_data = not title.startswith('1')
    print(f'$ {data * needs_data}{shown(command)}', flush=True)
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors='replace',
        cwd=_environment.ROOT,
        env=dict(
            os.environ,
            SPINETRACK_ROOT=str(DATA),
            PYTHONWARNINGS='ignore',
            PYTHONUNBUFFERED='1',
            # Threads that outnumber the cores would wait actively.
            OMP_WAIT_POLICY='PASSIVE',
            OMP_NUM_THREADS=str(max(1, CORES // 2)),
        ),
    )
    lines = collections.deque(maxlen=20)
    with open(log, 'w', encoding='utf-8') as file:
        for line in process.stdout:
            file.write(line)
            lines.append(line)
            found = [part.group(0) for part in re.finditer(told, line)]
            if found:
                print('  ' + '  '.join(found).rstrip(), flush=True)
    if process.wait():
        print(''.join(lines), end='')
        raise subprocess.CalledProcessError(process.returncode, command)


def shown(command: list) -> str:
    text = ' '.join(command).replace(sys.executable, 'python')
    text = text.replace(str(_environment.ROOT) + os.sep, '')
    return text.replace('python -m mim', 'mim')


def print_summary(scores, images, checkpoint, page, minutes) -> None:
    from _quickstart_page import SUBSETS

    print(f'\n=== done in {minutes:.1f} minutes\n')
    print('Held-out synthetic people    AP     AR')
    for subset in SUBSETS:
        ap, ar = (
            scores[f'spinetrack/{subset}_{kind}'] for kind in ('AP', 'AR')
        )
        print(f'  {subset.replace("all", "overall"):<25}{ap:6.3f} {ar:6.3f}')
    print(f'\ncheckpoint  {checkpoint}')
    for image in images:
        print(f'image       {image}')
    print(f'summary     {page}')


if __name__ == '__main__':
    sys.exit(main())
