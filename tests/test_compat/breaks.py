"""The upstream breaks, each as a function that fails where it is not mended.

Run as a script it tries the named ones in one process and prints a JSON
object, name -> the error or null. Breaks that this machine's stack does not
have are brought about.
"""

import importlib.abc
import io
import json
import sys
import tempfile
import warnings


class Broken(importlib.abc.MetaPathFinder):
    """Imports of a package fail as they do on the broken stack."""

    def __init__(self, package, error):
        self.package, self.error = package, error

    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] == self.package:
            raise self.error
        return None


def break_import(package, error):
    sys.meta_path.insert(0, Broken(package, error))


def mmcv_ext():
    import mmcv.ops  # noqa: F401


def mmcv_22_refused():
    import mmdet

    assert mmdet.__version__ == '3.3.0'


def torchvision_missing():
    import torch
    from mmpose.visualization.simcc_vis import ToPILImage

    picture = ToPILImage()(torch.ones(3, 2, 4))
    assert picture.size == (4, 2) and picture.getpixel((0, 0)) == (255,) * 3


def xtcocotools_numpy2():
    from mmpose.datasets.datasets import CocoDataset  # noqa: F401


def weights_only():
    import numpy as np
    import torch
    from mmengine.logging import HistoryBuffer

    checkpoint = dict(
        meta=dict(dataset_meta=dict(sigmas=np.ones(3, np.float32))),
        message_hub=dict(log_scalars=dict(loss=HistoryBuffer([1.0], [1]))),
        best=np.float64(0.5),
    )
    with tempfile.TemporaryDirectory() as folder:
        torch.save(checkpoint, f'{folder}/epoch_1.pth')
        loaded = torch.load(f'{folder}/epoch_1.pth')
    log = loaded['message_hub']['log_scalars']['loss']
    assert log.current() == 1 and loaded['best'] == 0.5


def albumentations_dropout():
    import numpy as np
    from mmpose.datasets.transforms import Albumentation

    drop = Albumentation(
        [
            dict(
                type='CoarseDropout',
                max_holes=1,
                max_height=0.4,
                max_width=0.4,
                min_holes=1,
                min_height=0.2,
                min_width=0.2,
                p=1.0,
            )
        ]
    )
    for _ in range(20):
        image = np.full((100, 100, 3), 7, np.uint8)
        hole = (drop(dict(img=image))['img'] == 0).all(-1)
        rows, columns = hole.any(1).sum(), hole.any(0).sum()
        assert 20 <= rows <= 40 and 20 <= columns <= 40, (rows, columns)
        assert hole.sum() == rows * columns, 'more than one hole'


def numpy24_circles():
    import numpy as np
    from mmpose.visualization.opencv_backend_visualizer import (
        OpencvBackendVisualizer,
    )

    visualizer = OpencvBackendVisualizer(backend='opencv')
    visualizer.set_image(np.zeros((20, 30, 3), np.uint8))
    for alpha in (1.0, 0.8):  # the radius as mmpose passes it
        visualizer.draw_circles(
            np.array([10.0, 5.0]),
            radius=np.array([3]),
            face_colors=(0, 0, 255),
            alpha=alpha,
        )
    drawn = visualizer.get_image().any(-1)
    assert drawn[5, 7:14].all() and drawn.sum() < 60


def inferencer_boxes():
    from types import SimpleNamespace

    from mmpose.apis.inferencers import Pose2DInferencer

    seen = []
    fake = SimpleNamespace(
        cfg=SimpleNamespace(data_mode='topdown'),
        detector=None,
        model=SimpleNamespace(dataset_meta={}),
        pipeline=lambda info: seen.append(info['bbox'].tolist()),
    )
    import numpy as np

    image = np.zeros((40, 60, 3), np.uint8)
    Pose2DInferencer.preprocess_single(fake, image, 0, bboxes=[[1, 2, 30, 20]])
    assert seen == [[[1, 2, 30, 20]]], seen


def inferencer_lifting():
    import numpy as np
    from mmpose.apis.inferencers import pose3d_inferencer

    points = np.ones((1, 37, 2))
    same = pose3d_inferencer.convert_keypoint_definition(
        points, 'spinetrack', 'spinetrack'
    )
    assert same is points


def matplotlib_tostring():
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    canvas = FigureCanvasAgg(Figure(figsize=(1, 0.5), dpi=40, facecolor='red'))
    canvas.draw()
    assert canvas.tostring_rgb() == bytes((255, 0, 0)) * 40 * 20


def onnx_dynamo():
    import torch
    from mmdeploy.apis.onnx.export import torch as torch_there

    with tempfile.TemporaryDirectory() as folder:
        torch_there.onnx.export(
            torch.nn.Linear(2, 2),
            (torch.ones(1, 2),),
            f'{folder}/model.onnx',
            # Arguments of mmdeploy's call that the dynamo exporter refuses.
            do_constant_folding=False,
            keep_initializers_as_inputs=True,
            input_names=['input'],
            output_names=['output'],
            dynamic_axes=dict(input={0: 'batch'}),
        )
        import onnx

        graph = onnx.load(f'{folder}/model.onnx').graph
    inputs = [node.name for node in graph.input]
    assert len(inputs) == 3, f'initializers are not inputs: {inputs}'


# In the order in which one process can meet them all.
BREAKS = (
    mmcv_ext,
    mmcv_22_refused,
    weights_only,
    torchvision_missing,
    xtcocotools_numpy2,
    albumentations_dropout,
    numpy24_circles,
    inferencer_boxes,
    inferencer_lifting,
    matplotlib_tostring,
    onnx_dynamo,
)


def bring_about():
    break_import(
        'torchvision', RuntimeError('operator torchvision::nms does not exist')
    )
    break_import('xtcocotools', ValueError('numpy.dtype size changed'))


def pretend_mmcv_22():
    import mmcv

    mmcv.__version__ = '2.2.0'


def attempt(case):
    try:
        case()
    except Exception as error:
        return f'{type(error).__name__}: {error}'
    return None


def main():
    """Try the cases named as arguments and print the outcomes."""
    warnings.simplefilter('ignore')
    bring_about()
    import spinepose_mmpose  # noqa: F401

    outcome = {}
    stdout, sys.stdout = sys.stdout, io.StringIO()
    for case in BREAKS:
        if case.__name__ in sys.argv[1:]:
            if case is mmcv_22_refused:
                pretend_mmcv_22()
            outcome[case.__name__] = attempt(case)
    sys.stdout = stdout
    print(json.dumps(outcome))


if __name__ == '__main__':
    main()
