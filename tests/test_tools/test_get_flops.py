import sys

from spinepose_mmpose.utils import config_file

import get_flops as tool
import pytest


def test_published_values(monkeypatch, capsys):
    config = str(config_file('configs/spinepose-s.py'))
    monkeypatch.setattr(sys, 'argv', ['get_flops.py', config])
    tool.main()
    assert '5.98 M parameters, 0.72 G FLOPs' in capsys.readouterr().out


def test_config_without_input_size(tmp_path, monkeypatch):
    config = tmp_path / 'empty.py'
    config.write_text('model = dict()')
    monkeypatch.setattr(sys, 'argv', ['get_flops.py', str(config)])
    with pytest.raises(SystemExit, match="empty.py' should have a codec"):
        tool.main()
