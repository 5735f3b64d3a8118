"""Print the parameters and FLOPs of the network of a config.

No weights are loaded. As in the published table, a multiplication and its
addition count as one operation, and the flip test is not included.
"""

import argparse

import spinepose_mmpose  # noqa: F401  before anything of OpenMMLab
from spinepose_mmpose.evaluation.published import model_complexity
from spinepose_mmpose.utils import one_sentence


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('config', help='config file')
    return parser.parse_args()


def main():
    args = parse_args()
    with one_sentence():
        params, flops = model_complexity(args.config)
        print(f'{params:.2f} M parameters, {flops:.2f} G FLOPs for one person')


if __name__ == '__main__':
    main()
