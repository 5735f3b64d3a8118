"""Export a single-frame lifter to ONNX, in the format of the published one."""

import argparse

import spinepose_mmpose  # noqa: F401  before anything of OpenMMLab
from spinepose_mmpose.utils import one_sentence, replaced

LICENCE = 'Apache-2.0'
# Smaller tensors keep single precision.
LEAST_HALF = 1000


def parse_args():
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog='Input: "rays" (N, 37, 2), (x - cx) / fx and (y - cy) / fy, 0 '
        'for a missing point. Output: "points" (N, 37, 3), metres from the '
        "sacrum in the camera's axes.",
    )
    parser.add_argument('config')
    parser.add_argument('checkpoint', help='.pth')
    parser.add_argument('out', help='output .onnx file')
    parser.add_argument(
        '--half',
        action='store_true',
        help='store large weights in half precision; computation stays in '
        'single precision',
    )
    parser.add_argument(
        '--pth', help='also write only the weights to this .pth file'
    )
    return parser.parse_args()


def export(args):
    import torch
    from mmengine.config import Config
    from mmengine.registry import init_default_scope
    from mmengine.runner import load_checkpoint
    from mmpose.registry import MODELS

    config = Config.fromfile(args.config)
    init_default_scope('mmpose')
    model = MODELS.build(config.model).eval()
    load_checkpoint(model, args.checkpoint, map_location='cpu', strict=True)

    class Rays(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.backbone, self.head = model.backbone, model.head

        def forward(self, rays):
            feats = self.backbone(rays.flatten(1)[..., None])
            points = self.head(feats)
            return points - points[:, 19:20]

    with replaced(args.out) as temporary:
        torch.onnx.export(
            Rays().eval(),
            torch.randn(2, model.backbone.joints, 2),
            temporary,
            input_names=['rays'],
            output_names=['points'],
            dynamic_axes=dict(rays={0: 'N'}, points={0: 'N'}),
            opset_version=17,
            dynamo=False,
        )
        finish(temporary, args.half)
    if args.pth:
        state = {
            key: value.half()
            if args.half and value.numel() >= LEAST_HALF
            else value
            for key, value in model.state_dict().items()
        }
        with replaced(args.pth) as temporary:
            torch.save(dict(meta=dict(), state_dict=state), temporary)


def finish(path: str, half: bool) -> None:
    """Name the licence and store large weights in half precision."""
    from spinepose_mmpose.deploy.export import store_weights_as_fp16
    from spinepose_mmpose.deploy.onnx_files import write_facts

    import onnx

    model = onnx.load(path)
    write_facts(model, dict(licence=LICENCE))
    if half:
        store_weights_as_fp16(model, LEAST_HALF)
    onnx.checker.check_model(model)
    onnx.save(model, path)


if __name__ == '__main__':
    with one_sentence():
        export(parse_args())
