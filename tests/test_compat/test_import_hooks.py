"""Callbacks around imports, with small modules made for each test."""

import importlib
import itertools
import sys

from spinepose_mmpose.compat import import_hooks, shim
from spinepose_mmpose.compat.import_hooks import (
    after_import,
    before_import,
    is_installed,
)

import pytest

numbers = itertools.count()


@pytest.fixture
def make(tmp_path, monkeypatch):
    """Make a module of the given code; its name is new in this process."""
    monkeypatch.syspath_prepend(tmp_path)
    made = []

    def write(code='', package=None):
        name = f'hooked_{next(numbers)}'
        folder = tmp_path / package if package else tmp_path
        (folder / f'{name}.py').write_text(code)
        importlib.invalidate_caches()
        made.append(f'{package}.{name}' if package else name)
        return made[-1]

    import_hooks.install()
    yield write
    for name in made:
        sys.modules.pop(name, None)
        import_hooks._finder.before.pop(name, None)
        import_hooks._finder.after.pop(name, None)


@pytest.fixture
def seen():
    return []


def test_before(make, seen):
    name = make('import sys; loaded = True')
    before_import([name], lambda: seen.append(name in sys.modules))
    assert seen == []
    module = importlib.import_module(name)
    assert module.loaded and seen == [False]
    importlib.reload(module)
    assert seen == [False]


def test_before_any_of_several(make, seen):
    names = [make(), make()]
    before_import(names, lambda: seen.append(1))
    importlib.import_module(names[1])
    importlib.import_module(names[0])
    assert seen == [1]


def test_before_comes_at_once_where_it_is_too_late(make, seen):
    first, second = make(), make()
    importlib.import_module(first)
    before_import([second, first], lambda: seen.append(1))
    assert seen == [1]
    importlib.import_module(second)
    assert seen == [1]


def test_after(make, seen):
    name = make('value = 1\nvalue = 2')
    after_import(name, lambda: seen.append(sys.modules[name].value))
    assert seen == []
    module = importlib.import_module(name)
    assert seen == [2]
    importlib.reload(module)
    assert seen == [2]
    after_import(name, lambda: seen.append('at once'))
    assert seen == [2, 'at once']


def test_after_keeps_the_order(make, seen):
    name = make()
    for i in range(3):
        after_import(name, lambda i=i: seen.append(i))
    importlib.import_module(name)
    assert seen == [0, 1, 2]


def test_after_a_submodule(make, seen, tmp_path):
    (tmp_path / 'hooked_package').mkdir()
    (tmp_path / 'hooked_package' / '__init__.py').write_text('')
    name = make('value = 3', package='hooked_package')
    after_import(name, lambda: seen.append(sys.modules[name].value))
    importlib.import_module('hooked_package')
    assert seen == []
    importlib.import_module(name)
    assert seen == [3]
    del sys.modules['hooked_package']


def test_after_waits_for_an_import_that_works(make, seen, tmp_path):
    name = make('raise RuntimeError("half installed")')
    after_import(name, lambda: seen.append(1))
    with pytest.raises(RuntimeError, match='half installed'):
        importlib.import_module(name)
    assert seen == []
    (tmp_path / f'{name}.py').write_text('mended = True')
    importlib.invalidate_caches()
    importlib.import_module(name)
    assert seen == [1]


def test_nested(make, seen):
    """A module that imports another, both hooked on both sides, and a hook
    that hooks."""
    inner = make()
    outer = make(f'import {inner}')
    for name, label in ((outer, 'outer'), (inner, 'inner')):
        before_import([name], lambda x=label: seen.append(f'before {x}'))
        after_import(name, lambda x=label: seen.append(f'after {x}'))
    last = make()
    after_import(inner, lambda: after_import(last, lambda: seen.append('last')))
    after_import(outer, lambda: importlib.import_module(last))
    importlib.import_module(outer)
    assert seen == [
        'before outer',
        'before inner',
        'after inner',
        'after outer',
        'last',
    ]


def test_a_hook_may_import_what_it_waits_for(make, seen):
    """As the probe of a shim does."""
    name = make('value = 4')

    def probe():
        seen.append(importlib.import_module(name).value)

    before_import([name], probe)
    assert importlib.import_module(name).value == 4
    assert seen == [4]


def test_an_absent_module_stays_absent(seen):
    after_import('no_such_module_at_all', lambda: seen.append(1))
    with pytest.raises(ModuleNotFoundError, match='no_such_module_at_all'):
        import no_such_module_at_all  # noqa: F401
    assert seen == []
    import_hooks._finder.after.pop('no_such_module_at_all')


def test_install_once():
    import_hooks.install()
    import_hooks.install()
    assert sys.meta_path.count(import_hooks._finder) == 1


def test_is_installed(make):
    name = make('raise AssertionError("must not be imported")')
    assert is_installed(name) and name not in sys.modules
    assert is_installed('json') and is_installed('sys')
    assert not is_installed('no_such_module_at_all')


def test_a_shim_is_probed_once_and_applied_where_needed(monkeypatch, seen):
    monkeypatch.setattr(shim, 'active', {})
    monkeypatch.setattr(shim, 'probed', {})

    def made(name, failure):
        return shim.Shim(
            name,
            'problem',
            '',
            '',
            probe=lambda: seen.append(f'probe {name}') or failure,
            apply=lambda: seen.append(f'apply {name}'),
            after='x',
        )

    for s in (made('sick', 'it fails'), made('healthy', None)):
        shim.run(s)
        shim.run(s)
    assert seen == ['probe sick', 'apply sick', 'probe healthy']
    assert shim.active == dict(sick='it fails')
    assert set(shim.probed) == {'sick', 'healthy'}
