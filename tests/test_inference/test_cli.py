import json
import os
import socket
import sys
import threading

from spinepose_mmpose import __version__
from spinepose_mmpose.inference import estimator as estimator_module
from spinepose_mmpose.inference.cli import (
    build_parser,
    find_shard,
    main,
    parse_args,
)
from spinepose_mmpose.inference.results import SPINE_ONLY
from spinepose_mmpose.inference.video import open_source

import av
import cv2
import numpy as np
import pytest
from block_clips import BlockEstimator, block_image, make_clip
from reading import read_csv, read_json_lines, read_openpose, read_trc


@pytest.fixture(autouse=True)
def blocks(monkeypatch, tmp_path):
    """The block estimator instead of a network; a folder to work in."""
    monkeypatch.setattr(estimator_module, 'SpinePoseEstimator', BlockEstimator)
    monkeypatch.chdir(tmp_path)
    for name in ('RANK', 'WORLD_SIZE', 'SLURM_NTASKS'):
        monkeypatch.delenv(name, raising=False)
    make_clip('walk.mp4', 12)
    cv2.imwrite('photo.png', block_image(3))


def run(*arguments, code=0, quiet=True):
    with pytest.raises(SystemExit) as stop:
        main([*arguments, *(['--quiet'] if quiet else [])])
    assert stop.value.code == code, stop.value.code


def listed(folder='.'):
    """What a user sees in a folder."""
    return sorted(name for name in os.listdir(folder) if name[0] != '.')


def refused(capsys, *arguments):
    """The one line that a mistake costs."""
    with pytest.raises(SystemExit) as stop:
        main(list(arguments))
    said = stop.value.code
    if isinstance(said, int):
        assert said in (1, 2)
        said = capsys.readouterr().err
    assert len(said.strip().splitlines()) == 1, said
    assert said.startswith('error: ')
    return said


def test_networks_leave_the_cores_to_the_other_stages(monkeypatch):
    given = {}

    def estimator(*_, **settings):
        given.update(settings)
        return BlockEstimator()

    monkeypatch.setattr(estimator_module, 'SpinePoseEstimator', estimator)
    run('-i', 'walk.mp4', '-s', 'walk.jsonl')
    assert given['spinning'] is False


# --- what is written ----------------------------------------------------------


def test_a_photograph_as_the_client_writes_it():
    run('-i', 'photo.png', '-s', 'a/photo.json', '-o', 'drawn.jpg')
    content = json.loads(open('a/photo.json').read())
    assert set(content) == {'version', 'people', 'keypoint_names'}
    numbers = content['people'][0]['pose_keypoints_2d']
    assert len(numbers) == 3 * 37 and numbers[:3] == [3.0, 8.0, 0.8]
    assert content['people'][0]['person_id'] == [-1]
    assert cv2.imread('drawn.jpg').shape == (48, 64, 3)


def test_a_video_as_the_client_writes_it():
    run('-i', 'walk.mp4', '-s', 'walk_json', '-o', 'drawn.mp4')
    assert sorted(os.listdir('walk_json')) == [
        f'frame_{i:05d}.json' for i in range(12)
    ]
    (person,) = read_openpose('walk_json/frame_00011.json')
    assert person.track_id == 1
    frames = list(open_source('drawn.mp4').frames())
    assert [f.index for f in frames] == list(range(12))
    assert frames[5].time == 5 * 1001 / 30000
    assert listed() == [
        'drawn.mp4',
        'photo.png',
        'walk.mp4',
        'walk_json',
    ]


@pytest.mark.parametrize(
    'folder, inside',
    [('cam1_json', 'cam1_json'), ('out', os.path.join('out', 'walk_json'))],
)
def test_a_video_for_pose2sim(folder, inside):
    run('-i', 'walk.mp4', '-s', folder, '--json-layout', 'pose2sim')
    assert listed(inside) == [f'walk_{i:06d}.json' for i in range(12)]


def test_all_formats_at_once():
    run('-i', 'walk.mp4', '-s', 'out/', '--save-format', 'csv,json', '--save-format', 'trc', '--nosmooth')  # fmt: skip  # noqa: E501
    assert listed('out') == [
        'walk.csv',
        'walk.jsonl',
        'walk_person1.trc',
    ]
    rows = list(read_csv('out/walk.csv'))
    assert [frame for frame, _, _ in rows] == list(range(12))
    assert [float(p['nose'][0]) for _, _, p in rows] == list(range(12))
    header, frames = read_json_lines('out/walk.jsonl')
    assert (header.model, header.licence) == ('blocks', 'none')
    assert str(header.rate) == '30000/1001' and header.size == (64, 48)
    assert len(frames) == 12
    fields, _, times, values = read_trc('out/walk_person1.trc')
    assert fields['DataRate'] == '29.97'
    assert times[3] == pytest.approx(0.1001, abs=1e-6)
    # y 8 from the top is 40 from the bottom of 48.
    assert values[3, 0].tolist() == [3, 40, 0]


@pytest.mark.parametrize('name', ['walk.csv', 'walk.jsonl', 'walk.trc'])
def test_the_name_tells_the_format(name):
    run('-i', 'walk.mp4', '-s', name)
    made = 'walk_person1.trc' if name.endswith('trc') else name
    assert made in os.listdir()


def test_the_spine_alone_has_names():
    run('-i', 'walk.mp4', '-s', 'a.jsonl', '--spine-only')
    header, frames = read_json_lines('a.jsonl')
    assert header.keypoints == SPINE_ONLY
    assert frames[0].people[0].names == SPINE_ONLY
    run('-i', 'photo.png', '-s', 'a.json', '--spine-only')
    content = json.loads(open('a.json').read())
    assert content['keypoint_names'] == list(SPINE_ONLY)
    assert len(content['people'][0]['pose_keypoints_2d']) == 27


def test_angles_beside_the_points():
    run('-i', 'walk.mp4', '-s', 'a/b.csv', '--angles', 'trunk,left_knee')
    assert listed('a') == ['b.csv', 'b_angles.csv', 'b_person1.mot']
    run('-i', 'walk.mp4', 'photo.png', '-s', 'c/', '--angles', 'all',
        '--save-format', 'json')  # fmt: skip
    assert listed('c') == ['photo.jsonl', 'photo_angles.csv', 'walk.jsonl',
                           'walk_angles.csv', 'walk_person1.mot']  # fmt: skip
    run('-i', 'walk.mp4', '-s', 'd/b.csv', '--angles', 'trunk', '--no-tracking')
    assert listed('d') == ['b.csv', 'b_angles.csv']


def test_angles_see_all_points_with_the_spine_alone():
    for name, options in (('a', []), ('b', ['--spine-only'])):
        run(
            '-i', 'walk.mp4', '-s', f'{name}/w.csv', '--angles', 'all', *options
        )
    angles = [open(f'{name}/w_angles.csv').read() for name in 'ab']
    assert angles[0] == angles[1]
    assert len(open('b/w.csv').readline().split(',')) == 8 + 3 * 9


def test_a_report_alone():
    pytest.importorskip('plotly')
    run('-i', 'walk.mp4', '--report', 'page.html', '--angles', 'trunk')
    assert 'Person 1' in open('page.html', encoding='utf-8').read()
    run(
        '-i',
        'walk.mp4',
        '--report',
        'page.html',
        '--angles',
        'trunk',
        '--resume',
    )


@pytest.mark.parametrize(
    'options, said',
    [
        (['-s', 'a.csv', '--angles', 'cobb'], "no angle 'cobb': choose from"),
        (['-o', 'a.mp4', '--angles', 'all'], '--angles needs -s'),
        (['--report', 'a.pdf'], "--report a.pdf: files that end in '.pdf'"),
        (['--report', 'a.html', '--no-tracking'], 'report tells people apart'),
        (['-s', 'a.c3d', '--no-tracking'], 'c3d tells people apart'),
    ],
)
def test_wrong_requests_for_angles(capsys, options, said):
    assert said in refused(capsys, '-i', 'walk.mp4', *options)


def test_a_report_of_a_photograph(capsys):
    pytest.importorskip('plotly')
    said = refused(capsys, '-i', 'photo.png', '--report', 'a.html')
    assert 'photo.png is a photograph: REPORT contains movements' in said


def test_part_of_a_video():
    run('-i', 'walk.mp4', '-s', 'a.csv', '--start', '2f', '--end', '0.3', '--stride', '3')  # fmt: skip  # noqa: E501
    assert [frame for frame, _, _ in read_csv('a.csv')] == [2, 5, 8]


def test_stills_as_a_clip_or_as_photographs():
    os.mkdir('in')
    for i in range(4):
        cv2.imwrite(f'in/img_{i}.png', block_image(i))
    run('-i', 'in', '-s', 'clip.csv', '--sequence', '29.97')
    rows = list(read_csv('clip.csv'))
    assert [p.track_id for _, _, p in rows] == [1, 1, 1, 1]
    assert rows[2][1] == 2 * 1001 / 30000
    run('-i', 'in', '-s', 'out', '--batch-frames', '3')
    assert listed('out') == [f'img_{i}.json' for i in range(4)]


def test_a_folder_of_both():
    os.mkdir('in')
    for name in ('photo.png', 'walk.mp4'):
        os.rename(name, f'in/{name}')
    cv2.imwrite('in/walk.png', block_image(0))
    open('in/notes.txt', 'w').close()
    run('-i', 'in', '-s', 'out', '-o', 'drawn')
    assert listed('out') == [
        'photo.json',
        'walk_mp4',
        'walk_png.json',
    ]
    assert listed('drawn') == ['photo.png', 'walk_mp4.mp4', 'walk_png.png']  # fmt: skip  # noqa: E501


def test_boxes_of_a_file():
    with open('boxes.csv', 'w') as file:
        file.write('frame,x1,y1,x2,y2\n4,1,2,30,40\n4,10,2,50,40\n')
    run('-i', 'walk.mp4', '-s', 'a.csv', '--boxes', 'boxes.csv')
    rows = list(read_csv('a.csv'))
    assert [p.bbox.tolist() for _, _, p in rows][0] == [1, 2, 30, 40]
    assert {frame for frame, _, _ in rows} == {4}


def test_boxes_of_frames_that_are_not_there(capsys):
    with open('boxes.json', 'w') as file:
        file.write('{"77": [[1, 2, 30, 40]]}')
    said = refused(capsys, '-i', 'walk.mp4', '-s', 'a.csv', '--boxes', 'boxes.json', '-q')  # fmt: skip  # noqa: E501
    assert 'none of which was found in walk.mp4' in said
    assert listed() == ['boxes.json', 'photo.png', 'walk.mp4']


@pytest.mark.parametrize('options, first', [([], 0), (['--start', '6f'], 6)])
def test_the_sound_of_a_video(options, first):
    """A tone that begins with frame 6 does so in the drawing."""
    tone = np.zeros((1, 3200), np.int16)
    tone[:, 1600:] = 8000 * np.sin(np.arange(1600))
    with av.open('sound.mkv', 'w') as container:
        video = container.add_stream('libx264', rate=30)
        video.width, video.height, video.pix_fmt = 64, 48, 'yuv420p'
        audio = container.add_stream('pcm_s16le', rate=8000, layout='mono')
        for i in range(12):
            picture = av.VideoFrame.from_ndarray(block_image(i), 'bgr24')
            container.mux(video.encode(picture))
        container.mux(video.encode())
        for start in range(0, 3200, 160):
            sound = av.AudioFrame.from_ndarray(
                tone[:, start : start + 160], 's16', 'mono'
            )
            sound.rate, sound.pts = 8000, start
            container.mux(audio.encode(sound))
    run('-i', 'sound.mkv', '-o', 'a.mkv', '--audio', *options)
    run('-i', 'sound.mkv', '-o', 'b.mkv', *options)
    with av.open('b.mkv') as container:
        assert not container.streams.audio
    with av.open('a.mkv') as container:
        frames = list(container.decode(audio=0))
    loud = [f.time for f in frames if np.abs(f.to_ndarray()).max() > 1000]
    assert loud[0] == pytest.approx((6 - first) / 30, abs=0.021)


def test_a_container_that_cannot_hold_the_sound(capsys):
    with av.open('a.mkv', 'w') as container:
        video = container.add_stream('libx264', rate=30)
        video.width, video.height, video.pix_fmt = 64, 48, 'yuv420p'
        container.add_stream('pcm_s16le', rate=8000, layout='mono')
        picture = av.VideoFrame.from_ndarray(block_image(0), 'bgr24')
        container.mux(video.encode(picture))
        container.mux(video.encode())
    said = refused(capsys, '-i', 'a.mkv', '-o', 'b.webm', '--audio', '-q')
    assert 'does not go into a file of this kind' in said


@pytest.mark.parametrize('how', ['overlay', 'side-by-side', 'skeleton'])
def test_drawings(how):
    run('-i', 'photo.png', '-o', 'a.png', '--draw', how, '--labels')
    drawn, image = cv2.imread('a.png'), block_image(3)
    assert drawn.shape == (48, 128 if how == 'side-by-side' else 64, 3)
    if how == 'side-by-side':
        assert np.array_equal(drawn[:, :64], image)
    assert not np.array_equal(drawn[:, -64:], image)


def test_offline_smoothing_keeps_the_frames():
    run('-i', 'walk.mp4', '-s', 'a.csv', '--smooth', 'offline', '-o', 'a.mp4')
    assert len(list(read_csv('a.csv'))) == 12
    assert len(list(open_source('a.mp4').frames())) == 12


@pytest.mark.parametrize('smooth', ['live', 'offline'])
def test_a_stream_is_drawn_as_it_comes(smooth):
    """It cannot be read a second time."""
    with socket.create_server(('127.0.0.1', 0)) as server:

        def send():
            connection, _ = server.accept()
            with connection, open('walk.mkv', 'rb') as file:
                connection.sendall(file.read())

        make_clip('walk.mkv', 12)
        threading.Thread(target=send, daemon=True).start()
        address = f'tcp://127.0.0.1:{server.getsockname()[1]}'
        run('-i', address, '-s', 'a.csv', '-o', 'a.mp4', '--smooth', smooth)
    rows = list(read_csv('a.csv'))
    assert rows and len(list(open_source('a.mp4').frames())) == len(rows)


def test_damaged_photographs_are_counted(capsys):
    noise = np.random.default_rng(0).integers(0, 256, (48, 64, 3))
    content = cv2.imencode('.jpg', noise.astype(np.uint8))[1].tobytes()
    with open('damaged.jpg', 'wb') as file:
        file.write(content[:1500] + b'\xff\xd9')
    run('-i', 'damaged.jpg', 'photo.png', '-s', 'out', quiet=False)
    captured = capsys.readouterr()
    assert 'damaged.jpg is damaged' in captured.err
    assert captured.out.endswith('nobody in 1, 1 with a warning\n')


# --- again --------------------------------------------------------------------


def test_resume_leaves_what_is_finished(capsys):
    run('-i', 'walk.mp4', '-s', 'a.csv')
    before = os.stat('a.csv').st_mtime_ns
    run('-i', 'walk.mp4', '-s', 'a.csv', '--resume', quiet=False)
    assert 'left out, finished before' in capsys.readouterr().out
    assert os.stat('a.csv').st_mtime_ns == before


def test_overwrite_leaves_no_frame_of_a_longer_video():
    run('-i', 'walk.mp4', '-s', 'out')
    make_clip('walk.mp4', 5)
    run('-i', 'walk.mp4', '-s', 'out', '--overwrite')
    assert len(listed('out')) == 5


def test_one_bad_file_does_not_stop_the_others(capsys):
    os.mkdir('in')
    os.rename('walk.mp4', 'in/walk.mp4')
    open('in/empty.mp4', 'w').close()
    open('in/empty.png', 'w').close()
    run('-i', 'in', '-s', 'out', '--save-format', 'csv', code=1)
    said = capsys.readouterr().err
    assert 'error: in/empty.mp4 is empty' in said
    assert 'error: in/empty.png is empty' in said
    assert listed('out') == ['walk.csv']


def test_json_log(capsys):
    run('-i', 'walk.mp4', '-s', 'a.csv', '--log-json', quiet=False)
    captured = capsys.readouterr()
    events = [json.loads(line) for line in captured.err.splitlines()]
    assert [e['event'] for e in events] == ['begin', 'end', 'found']
    assert events[0]['total'] == 12 and events[1]['outputs'] == ['a.csv']
    assert captured.out == ''
    run('-i', 'none.mp4', '-s', 'b.csv', '--log-json', code=1)
    assert json.loads(capsys.readouterr().err) == {
        'event': 'failed',
        'why': 'no such file or folder: none.mp4',
    }


def test_progress_tells_what_was_written(capsys):
    run('-i', 'walk.mp4', '-s', 'a.csv', quiet=False)
    captured = capsys.readouterr()
    assert captured.out == (
        'walk.mp4: a.csv\n12 frames: 12 people (1 different), nobody in 0\n'
    )
    assert '12/12' in captured.err


# --- mistakes -----------------------------------------------------------------


@pytest.mark.parametrize(
    'arguments, said',
    [
        (['-i', 'walk.mp4'], 'nothing would be written'),
        (['-i', 'none.mp4', '-s', 'a.csv'], 'no such file or folder: none.mp4'),
        (['-i', '*.mov', '-s', 'a.csv'], r'no file matches \*.mov'),
        (
            ['-i', 'walk.mp4', '-s', 'a.json'],
            'one file per frame: name a folder',
        ),
        (['-i', 'walk.mp4', '-s', 'a.txt'], "files that end in '.txt'"),
        (['-i', 'walk.mp4', '-o', 'a.jpg'], 'which is a video'),
        (['-i', 'photo.png', '-o', 'a.mp4'], 'which is a photograph'),
        (['-i', 'photo.png', '-s', 'a.trc'], 'TRC contains movements'),
        (['-i', 'walk.mp4', 'photo.png', '-s', 'a.csv'], 'there are 2 inputs'),
        (['-i', 'photo.png', '-o', 'photo.png'], 'is an input itself'),
        (['-i', 'walk.mp4', '-s', 'photo.png/x'], 'is a file, not a folder'),
        (
            ['-i', 'walk.mp4', '-s', 'a.csv', '--save-format', 'trc'],
            'is a file of format csv, but --save-format says trc',
        ),
        (
            ['-i', 'walk.mp4', '-s', 'a', '--save-format', 'xml'],
            "no format 'xml': choose from angles, c3d, csv",
        ),
        (
            ['-i', 'walk.mp4', '-s', 'a', '--start', 'soon'],
            "'soon' is not a position in a video",
        ),
        (
            ['-i', 'walk.mp4', '-s', 'a', '--det-score', '2'],
            '2.0 is not between 0 and 1',
        ),
        (
            ['-i', 'walk.mp4', '-s', 'a.trc', '--no-tracking'],
            'needs identities',
        ),
        (
            ['-i', 'walk.mp4', '-s', 'a', '--boxes', 'photo.png'],
            'photo.png is not a file of boxes',
        ),
        (
            ['-i', 'walk.mp4', '-s', 'a', '--warmup-frames', '9'],
            'warmup_frames needs enable_lifting',
        ),
        (
            ['-i', 'walk.mp4', '-s', 'a', '--primary-subject-height', '0'],
            '0.0 is not between 0.3 and 2.8',
        ),
        (
            ['-i', 'walk.mp4', '-s', 'a', '--resume', '--overwrite'],
            'contradict',
        ),
        (['-s', 'a'], 'required: -i/--input-path'),
        (['-i', 'walk.mp4', '-s', 'a', '--what'], '--what'),
    ],
)
def test_one_sentence(capsys, arguments, said):
    import re

    before = sorted(os.listdir())
    assert re.search(said, refused(capsys, *arguments))
    assert listed() == before, 'something was written'


def test_a_text_that_is_called_a_video(capsys):
    with open('text.mp4', 'w') as file:
        file.write('no video\n' * 100)
    said = refused(capsys, '-i', 'text.mp4', '-s', 'out')
    assert 'text.mp4 is neither a video nor an image' in said
    assert not os.path.exists('out')


def test_outputs_that_exist(capsys):
    run('-i', 'walk.mp4', '-s', 'out')
    said = refused(capsys, '-i', 'walk.mp4', '-s', 'out')
    assert 'exists already: --overwrite replaces it' in said
    # Another kind of result may lie beside them.
    run('-i', 'walk.mp4', '-s', 'out', '--save-format', 'csv')


@pytest.mark.skipif(
    not hasattr(os, 'geteuid') or os.geteuid() == 0, reason='root may write all'
)
def test_a_folder_that_may_not_be_written(capsys):
    os.mkdir('closed', 0o500)
    said = refused(capsys, '-i', 'walk.mp4', '-s', 'closed/a.csv')
    assert 'no permission to write' in said


@pytest.mark.skipif(sys.platform != 'linux', reason='displays of X and Wayland')
def test_show_without_a_display(capsys, monkeypatch):
    monkeypatch.delenv('DISPLAY', raising=False)
    monkeypatch.delenv('WAYLAND_DISPLAY', raising=False)
    said = refused(capsys, '-i', 'walk.mp4', '--show')
    assert '--show needs a display' in said


# --- options ------------------------------------------------------------------


def test_version(capsys):
    with pytest.raises(SystemExit):
        main(['--version'])
    assert capsys.readouterr().out == f'spinepose-mmpose {__version__}\n'


@pytest.mark.parametrize(
    'spelled',
    [
        ['-i', 'a', '-o', 'b', '-s', 'c', '-m', 'small'],
        [
            '--input_path',
            'a',
            '--vis_path',
            'b',
            '--save_path',
            'c',
            '--mode',
            'small',
        ],  # fmt: skip  # noqa: E501
        [
            '--input-path',
            'a',
            '--vis-path',
            'b',
            '--save-path',
            'c',
            '--mode',
            'small',
        ],  # fmt: skip  # noqa: E501
    ],
)
def test_the_clients_spelling(spelled):
    rest = ['--nosmooth', '--spine-only', '--model-version', 'v1']
    rest += ['--max-detections', '4', '--no-hardware-acceleration']
    args = parse_args(spelled + rest)
    assert (args.input_path, args.vis_path, args.save_path) == (
        ('a',),
        'b',
        'c',
    )
    assert (args.mode, args.smooth, args.model_version) == (
        'small',
        'none',
        'v1',
    )
    assert args.spine_only and args.max_detections == 4
    assert args.hardware_acceleration is False


def test_every_option_has_help():
    for action in build_parser()._actions:
        assert action.help, action.option_strings


# --- several processes --------------------------------------------------------


@pytest.mark.parametrize(
    'environment, shard',
    [
        ({}, (0, 1)),
        ({'RANK': '2', 'WORLD_SIZE': '4'}, (2, 4)),
        ({'SLURM_PROCID': '1', 'SLURM_NTASKS': '3'}, (1, 3)),
        (
            {'SLURM_ARRAY_TASK_ID': '5', 'SLURM_ARRAY_TASK_COUNT': '9'},
            (5, 9),
        ),
        # --array 1-9, two tasks in each.
        (
            {
                'SLURM_ARRAY_TASK_ID': '9',
                'SLURM_ARRAY_TASK_COUNT': '9',
                'SLURM_ARRAY_TASK_MIN': '1',
                'SLURM_PROCID': '1',
                'SLURM_NTASKS': '2',
            },
            (17, 18),
        ),
        # torchrun on several nodes counts the processes of all of them.
        (
            {
                'RANK': '5',
                'WORLD_SIZE': '8',
                'SLURM_PROCID': '1',
                'SLURM_NTASKS': '2',
            },
            (5, 8),
        ),
        ({'RANK': '0', 'WORLD_SIZE': '1'}, (0, 1)),
        ({'RANK': 'x', 'WORLD_SIZE': '2'}, (0, 1)),
        ({'RANK': '2', 'WORLD_SIZE': '2'}, (0, 1)),
    ],
)
def test_what_the_scheduler_says(environment, shard):
    assert find_shard(environment) == shard


def test_parts_make_the_whole(monkeypatch):
    os.mkdir('in')
    for i in range(3):
        make_clip(f'in/clip{i}.mp4', 4 + i)
        cv2.imwrite(f'in/photo{i}.png', block_image(i))
    given = ['-i', 'in', '--save-format', 'csv']
    run(*given, '-s', 'whole')
    done = []
    for part in ('1/3', '2/3', '3/3'):
        run(*given, '-s', 'parts', '--shard', part)
        done.append(len(listed('parts')))
    assert done == [2, 4, 6]
    for name in listed('whole'):
        assert open(f'parts/{name}').read() == open(f'whole/{name}').read()
    # A rerun finds everything done; a scheduler's variables do the same.
    monkeypatch.setenv('RANK', '1')
    monkeypatch.setenv('WORLD_SIZE', '2')
    run(*given, '-s', 'parts', '--resume')
    run(*given, '-s', 'half')
    assert len(listed('half')) == 3
