"""``python -m spinepose_mmpose.run TOOL.py ARGS``: any script, with the plugin.

Stock tools of MMPose import MMPose before this package can fix what breaks
there. Here the plugin comes first; then the script, or with ``-m`` a module,
runs with its own arguments, as under ``torch.distributed.run``. A script that
does not exist where it is named is looked for in MMPose's package:
``tools/misc/browse_dataset.py``, ``tools/analysis_tools/get_flops.py``.
"""

import argparse
import os.path as osp
import runpy
import sys

import spinepose_mmpose  # noqa: F401  before anything of OpenMMLab

from .utils import one_sentence


def parse_args():
    parser = argparse.ArgumentParser(
        prog='python -m spinepose_mmpose.run',
        description='Runs a script or module with the plugin imported.',
    )
    parser.add_argument(
        '-m', '--module', action='store_true', help='TOOL is a module'
    )
    parser.add_argument(
        'tool', help="a script (of MMPose's too: tools/...) or a module"
    )
    parser.add_argument(
        'arguments', nargs=argparse.REMAINDER, help='of the tool'
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    with one_sentence():
        if args.module:
            sys.argv = [args.tool, *args.arguments]
            runpy.run_module(args.tool, run_name='__main__', alter_sys=True)
        elif osp.isfile(args.tool):
            run_script(args.tool, args.arguments)
        else:
            run_script(mmpose_tool(args.tool), args.arguments)


def mmpose_tool(name: str) -> str:
    """The script ``name``, such as ``tools/train.py``, of MMPose."""
    import mmpose

    package = mmpose.__path__[0]
    for root in (osp.join(package, '.mim'), osp.dirname(package)):
        path = osp.join(root, name)
        if osp.isfile(path):
            return path
    raise FileNotFoundError(
        f'{name} is neither a file nor a tool of MMPose in {package}: name a '
        'script, or install the tools with "pip install --no-deps '
        'mmpose==1.3.2"'
    )


def run_script(path: str, arguments) -> None:
    """Run a script as ``python PATH ARGUMENTS`` does."""
    sys.argv = [path, *arguments]
    sys.path.insert(0, osp.dirname(osp.abspath(path)))
    runpy.run_path(path, run_name='__main__')


def run_mmpose_tool(name: str) -> None:
    """Run ``tools/NAME`` of MMPose with the arguments of this process."""
    with one_sentence():
        run_script(mmpose_tool(f'tools/{name}'), sys.argv[1:])


if __name__ == '__main__':
    main()
