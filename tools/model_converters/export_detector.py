"""Export an RTMDet of MMDetection to a small ONNX file that the client reads.

    python tools/model_converters/export_detector.py CONFIG CHECKPOINT OUT.onnx

The network takes one square image as RTMDet is tested, (1, 3, S, S), and gives
boxes (1, N, 4) in its pixels and scores (1, N, C) before suppression. Weights
are stored in float16 and computed in float32.
"""

import argparse
import io

import spinepose_mmpose  # noqa: F401  before anything of OpenMMLab
from spinepose_mmpose.deploy.export import store_weights_as_fp16, write_facts
from spinepose_mmpose.utils import one_sentence, replaced

import onnx
import torch


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('config', help='of MMDetection')
    parser.add_argument('checkpoint')
    parser.add_argument('output', help='ONNX file to write')
    parser.add_argument(
        '--size', type=int, default=320, help='S in pixels (default 320)'
    )
    parser.add_argument('--licence', help='noted in the file')
    return parser.parse_args()


class BoxesAndScores(torch.nn.Module):
    """RTMDet without preprocessing and suppression."""

    def __init__(self, detector, size: int) -> None:
        super().__init__()
        self.detector = detector
        generator = detector.bbox_head.prior_generator
        sides = [size // stride[0] for stride in generator.strides]
        points = generator.grid_priors(
            [(side, side) for side in sides], device='cpu'
        )
        self.register_buffer('points', torch.cat(points))

    def forward(self, images):
        """(1, N, 4) boxes [x1, y1, x2, y2] and (1, N, C) scores of images
        (1, 3, S, S)."""
        detector = self.detector
        levels = detector.bbox_head(detector.neck(detector.backbone(images)))
        scores, sides = (
            torch.cat([x.flatten(2) for x in maps], 2).transpose(1, 2)
            for maps in levels
        )
        low = self.points - sides[..., :2]
        high = self.points + sides[..., 2:]
        return torch.cat([low, high], -1), scores.sigmoid()


def shorten_names(graph) -> None:
    """Names of modules, which nobody reads, are a hundredth of the file."""
    kept = {value.name for value in (*graph.input, *graph.output)}
    new = {}

    def short(name: str) -> str:
        if name in kept or not name:
            return name
        return new.setdefault(name, f't{len(new)}')

    for node in graph.node:
        node.name = ''
        for names in (node.input, node.output):
            names[:] = [short(name) for name in names]
    for tensor in graph.initializer:
        tensor.name = short(tensor.name)
    del graph.value_info[:]


def main() -> None:
    args = parse_args()
    from mmcv.cnn.utils import fuse_conv_bn
    from mmdet.apis import init_detector

    detector = init_detector(
        args.config, args.checkpoint, device='cpu', palette='random'
    )
    fuse_conv_bn(detector.backbone)
    fuse_conv_bn(detector.neck)
    network = BoxesAndScores(detector, args.size).eval()
    file = io.BytesIO()
    torch.onnx.export(
        network,
        torch.zeros(1, 3, args.size, args.size),
        file,
        input_names=['images'],
        output_names=['boxes', 'scores'],
        opset_version=17,
        dynamo=False,
        # Folded norms would need a copy of the head's weights per level.
        training=torch.onnx.TrainingMode.PRESERVE,
        do_constant_folding=False,
    )
    model = onnx.load_from_string(file.getvalue())
    store_weights_as_fp16(model)
    shorten_names(model.graph)
    write_facts(model, dict(licence=args.licence))
    with replaced(args.output) as temporary:
        onnx.save(model, temporary)
    print(f'{args.output}: {model.ByteSize() / 1e6:.2f} MB')


if __name__ == '__main__':
    with one_sentence():
        main()
