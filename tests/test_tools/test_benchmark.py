import csv
import io
import json
import sys

from spinepose_mmpose.utils import config_file

import benchmark as tool
import pytest

CONFIG = str(config_file('configs/spinepose-s.py'))
METRICS = {'spinetrack/body_AP': 0.5, 'spinetrack/body_AR': 0.6}


@pytest.fixture
def tests_done(monkeypatch):
    """Replaces tools/test.py by a script that writes metrics, or fails."""
    done = []

    def command(entry, folder, metrics_file, *_):
        done.append(entry.name)
        write = (
            f'open({str(metrics_file)!r}, "w").write({json.dumps(METRICS)!r})'
        )
        fail = 'print("error: out of paper"); print("bye"); raise SystemExit(1)'
        return [sys.executable, '-c', fail if entry.name == 'bad' else write]

    monkeypatch.setattr(tool, '_command', command)
    monkeypatch.setattr(tool, 'model_complexity', lambda _: (1.5, 0.25))
    return done


def test_runs_once(tmp_path, tests_done):
    entry, folder = tool.Entry('good', CONFIG, 'none'), str(tmp_path)
    settings = tool.settings_of(entry)
    assert tool.finished(folder, entry, settings) is None
    result = tool.run(folder, entry, settings)
    assert (result['metrics'], result['params']) == (METRICS, 1.5)
    assert tool.finished(folder, entry, settings) == result
    # Other options, weights or data are another run.
    assert (
        tool.finished(folder, entry, tool.settings_of(entry, ['a=1'])) is None
    )
    weights = tmp_path / 'a.pth'
    weights.write_bytes(b'1')
    other = tool.Entry('good', CONFIG, str(weights))
    assert tool.finished(folder, other, tool.settings_of(other)) is None
    # A file that was cut off counts as none.
    path = tmp_path / 'good/result.json'
    path.write_text(path.read_text()[:-20])
    assert tool.finished(folder, entry, settings) is None


def test_new_data_are_another_run(tmp_path, monkeypatch):
    entry = tool.Entry('good', CONFIG, 'none')
    before = tool.settings_of(entry)
    assert tool.settings_of(entry) == before
    monkeypatch.setenv('SPINETRACK_ROOT', '/elsewhere')
    assert tool.settings_of(entry) != before


def test_failure_says_why(tmp_path, tests_done):
    entry = tool.Entry('bad', CONFIG, 'none')
    with pytest.raises(tool.RunFailed, match='^out of paper .*test.log'):
        tool.run(str(tmp_path), entry, {})
    assert not (tmp_path / 'bad/result.json').exists()


def test_tool_goes_on_where_it_stopped(
    tmp_path, tests_done, monkeypatch, capsys
):
    arguments = [
        'benchmark.py',
        '--work-dir',
        str(tmp_path),
        '--add',
        'bad',
        CONFIG,
        'none',
        '--add',
        'good',
        CONFIG,
        'none',
    ]
    monkeypatch.setattr(sys, 'argv', arguments)
    monkeypatch.setenv('SPINEPOSE_TEST_SETS', 'spinetrack')
    assert tool.main() == 1
    assert tool.main() == 1
    assert tests_done == ['bad', 'good', 'bad']
    out = capsys.readouterr().out
    assert '2/2 good ... kept from an earlier run' in out
    rows = json.loads((tmp_path / 'table.json').read_text())
    assert [row['name'] for row in rows] == ['good', 'bad']
    assert '- bad: out of paper' in (tmp_path / 'table.md').read_text()


@pytest.mark.parametrize(
    'arguments, message',
    [
        (['rtmw-xl'], 'rtmw-xl.*choose from'),
        (['--checkpoint', 'spinepose-s'], 'METHOD=FILE'),
        (['--add', 'a/b', CONFIG, 'none'], 'folder name'),
        (['--add', 'a', 'gone.py', 'none'], "no config file 'gone.py'"),
        (['--add', 'a', CONFIG, 'gone.pth'], "no checkpoint 'gone.pth'"),
    ],
)
def test_wrong_arguments(arguments, message, tmp_path, monkeypatch):
    monkeypatch.setattr(
        sys, 'argv', ['benchmark.py', '--work-dir', str(tmp_path), *arguments]
    )
    monkeypatch.setenv('SPINEPOSE_TEST_SETS', 'spinetrack')
    with pytest.raises(SystemExit, match=message) as stopped:
        tool.main()
    assert '\n' not in str(stopped.value)


def result(checkpoint='a.pth', **changes):
    metrics = {
        'spinetrack/body_AP': 0.781,
        'spinetrack/body_AR': 0.821,
        'spinetrack/feet_AP': -1,
        'spinetrack/feet_AR': -1,
    }
    return dict(
        dict(
            settings=dict(checkpoint=checkpoint),
            metrics=metrics,
            params=5.98,
            flops=0.7203,
        ),
        **changes,
    )


def test_table():
    rows = tool.table_rows(
        {'spinepose-s': result(), 'mine': result(), 'rtmw-m': result('none')},
        {'rtmw-l': 'no weights'},
    )
    figures = rows[0]['figures']
    assert figures['body AP'] == dict(
        measured=pytest.approx(78.1),
        published=79.1,
        difference=pytest.approx(-1),
    )
    # -1 says that nobody is labelled and is no figure.
    assert figures['feet AP']['measured'] is None
    assert rows[1]['figures']['body AP']['difference'] is None
    assert rows[2]['figures']['body AP']['difference'] is None
    assert rows[2]['figures']['params']['difference'] is not None
    assert json.loads(json.dumps(rows)) == rows

    text = tool.to_markdown(rows).splitlines()
    assert (
        '| SpinePose-s | 37 | 78.1 (-1.0) / 82.1 (+0.0) | '
        '5.98 (+0.00) | 0.72 (+0.00) |'
    ) in text
    assert '| mine | - | 78.1 / 82.1 | 5.98 | 0.72 |' in text
    assert any('RTMW-m (untrained) | 133 | 78.1 / 82.1 |' in t for t in text)
    assert '- RTMW-l: no weights' in text

    lines = list(csv.DictReader(io.StringIO(tool.to_csv(rows))))
    line = next(
        r
        for r in lines
        if (r['name'], r['figure']) == ('spinepose-s', 'body AP')
    )
    assert float(line['measured']) == pytest.approx(78.1)
    assert (line['published'], line['difference']) == ('79.1', '-1')
