import logging

import spinepose_mmpose  # noqa: F401  the compatibility layer before mmpose

import pytest
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
