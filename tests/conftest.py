import spinepose_mmpose  # noqa: F401  the compatibility layer before mmpose

import pytest
from mmengine.registry import DefaultScope, init_default_scope


@pytest.fixture(autouse=True)
def scope():
    """A detector's inferencer makes mmdet the scope of all that follows."""
    current = DefaultScope.get_current_instance()
    if current is not None and current.scope_name != 'mmpose':
        init_default_scope('mmpose')
