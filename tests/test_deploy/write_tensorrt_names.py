"""Writes tensorrt_names.json: what TensorRT's Python classes have, by version.

    python write_tensorrt_names.py path/to/tensorrt.so ...

Each file is the bindings' module of one version (Python 3.11's, from the
wheels tensorrt-bindings and tensorrt-cu12-bindings), named by the folder
VERSION/tensorrt_bindings/. The libraries that it is linked to may be empty
ones with the symbols it looks up while loading, in LD_LIBRARY_PATH: nothing of
TensorRT is run. Only names are kept.
"""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

OUT = Path(__file__).with_name('tensorrt_names.json')
# That mmdeploy or a shim touches; the module's own names are kept whole.
CLASSES = (
    'Builder',
    'BuilderFlag',
    'CalibrationAlgoType',
    'DataType',
    'IBuilderConfig',
    'ICudaEngine',
    'IExecutionContext',
    'IGpuAllocator',
    'IHostMemory',
    'IInt8Calibrator',
    'INetworkDefinition',
    'IOptimizationProfile',
    'ITensor',
    'Logger',
    'MemoryPoolType',
    'NetworkDefinitionCreationFlag',
    'OnnxParser',
    'Runtime',
    'TacticSource',
    'TensorIOMode',
    'TensorLocation',
)


def names(path: str) -> dict:
    """Public names of the module, and of each class that it has."""
    sys.setdlopenflags(os.RTLD_LAZY)
    spec = importlib.util.spec_from_file_location('tensorrt', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found = {'': public(module)}
    for name in CLASSES:
        if hasattr(module, name):
            found[name] = public(getattr(module, name))
    return found


def public(owner) -> list:
    kept = ('__enter__', '__getitem__', '__init__', '__iter__')
    return [x for x in dir(owner) if not x.startswith('_') or x in kept]


def by_versions(table: dict) -> dict:
    """owner -> versions that have them -> names, both as words."""
    merged: dict = {}
    for owner in ('', *CLASSES):
        groups: dict = {}
        every = {x for names in table.values() for x in names.get(owner, ())}
        for name in sorted(every):
            have = [v for v in table if name in table[v].get(owner, ())]
            groups.setdefault(' '.join(have), []).append(name)
        merged[owner] = {key: ' '.join(x) for key, x in groups.items()}
    return merged


def main() -> int:
    if sys.argv[1:2] == ['--one']:  # two versions do not share a process
        print(json.dumps(names(sys.argv[2])))
        return 0
    table = {}
    for path in map(Path, sys.argv[1:]):
        output = subprocess.check_output(
            [sys.executable, __file__, '--one', str(path)],
            env=dict(os.environ),
        )
        table[path.parts[-3]] = json.loads(output)
    text = json.dumps(by_versions(table), indent=1)
    OUT.write_text(text + '\n', encoding='utf-8')
    print(f'{OUT}: {", ".join(table)}')
    return 0


if __name__ == '__main__':
    raise SystemExit(main())
