import logging

import spinepose_mmpose  # noqa: F401  the compatibility layer before mmpose
from spinepose_mmpose import zoo

import pytest
from local_hub import LocalHub
from mmengine.logging import MMLogger
from mmengine.registry import DefaultScope, init_default_scope


@pytest.fixture(autouse=True)
def fresh_globals():
    """What one test leaves in MMEngine is nothing to the next: a detector's
    inferencer makes mmdet the scope, mmdeploy makes the logger silent."""
    current = DefaultScope.get_current_instance()
    if current is not None and current.scope_name != 'mmpose':
        init_default_scope('mmpose')
    logger = MMLogger.get_current_instance()
    if logger.level > logging.INFO:
        logger.setLevel(logging.INFO)


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """The Hugging Face Hub, on this machine, with fresh caches."""
    from huggingface_hub import HfFileSystem, constants

    hub = LocalHub()
    template = f'{hub.address}/{{repo_id}}/resolve/{{revision}}/{{filename}}'
    for name, value in (
        ('ENDPOINT', hub.address),
        ('HUGGINGFACE_CO_URL_TEMPLATE', template),
        ('HF_HUB_CACHE', str(tmp_path / 'hub')),
        ('HF_HUB_DOWNLOAD_TIMEOUT', 1),
    ):
        monkeypatch.setattr(constants, name, value)
    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'torch'))
    monkeypatch.delenv('SPINEPOSE_MIRROR', raising=False)
    monkeypatch.setattr(zoo, '_licence_shown', False)
    HfFileSystem.clear_instance_cache()  # they know another address
    yield hub
    hub.close()


@pytest.fixture
def home(hub, tmp_path):
    """The cache for what does not come from the Hub."""
    return tmp_path / 'torch' / 'hub' / 'checkpoints'
