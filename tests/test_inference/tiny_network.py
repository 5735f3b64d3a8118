"""SpinePose-t as the tests export it."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CONFIG = ROOT / 'configs' / 'spinepose-t.py'


def export(model, path, batch=None, decode=False) -> None:
    """Write a SimCC estimator for 192x256 pixels as ONNX.

    Args:
        model: a top-down estimator.
        path: the file.
        batch: the only batch it shall take; None for any.
        decode: give keypoints and scores, not simcc_x and simcc_y.
    """
    import torch

    class Network(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, images):
            feats = self.model.extract_feat(images)
            x, y = self.model.head.forward(feats)
            if not decode:
                return x, y
            xy = torch.stack([x.argmax(-1), y.argmax(-1)], -1) / 2.0
            return xy, torch.minimum(x.amax(-1), y.amax(-1))

    outputs = ['keypoints', 'scores'] if decode else ['simcc_x', 'simcc_y']
    axes = {name: {0: 'batch'} for name in ('input', *outputs)}
    torch.onnx.export(
        Network().eval(),
        torch.zeros(batch or 1, 3, 256, 192),
        str(path),
        input_names=['input'],
        output_names=outputs,
        dynamic_axes=None if batch else axes,
        opset_version=17,
        dynamo=False,
    )
