r"""Convert BlazePose's person detector to demo/person-detector-demo.onnx.

    npm pack @mediapipe/pose && tar xf mediapipe-pose-*.tgz
    cp package/pose_solution_packed_assets.data pose_detection.tflite
    python tools/model_converters/blazepose_detector.py pose_detection.tflite \
        demo/person-detector-demo.onnx

The input is a TensorFlow Lite network (Apache-2.0) for 224x224 pixels. For each
of 2254 anchors it returns a score, the box of a face, the middle of the hips,
and a point on the circle around the whole person (Bazarevsky et al., BlazePose,
arXiv 2006.10204). The converted network runs it twice with the same weights, on
the image at 224x224 for large people and at 448x448 for small ones, and turns
the circle into a box. Its input is one image (1, 3, 448, 448), prepared as for
RTMDet; its outputs are boxes (1, N, 4) in pixels of that image and scores (1,
N, 1), before suppression. Large weights are stored in int8 with one scale per
channel, the others in float16; all computation is in float32.
"""

import argparse

import spinepose_mmpose  # noqa: F401  before anything of OpenMMLab
from spinepose_mmpose.deploy.export import store_weights_as_fp16
from spinepose_mmpose.deploy.onnx_files import write_facts
from spinepose_mmpose.inference.network import MEAN, STD
from spinepose_mmpose.utils import one_sentence, replaced

import numpy as np
import onnx
from onnx import helper, numpy_helper

SIDE = 224  # what the network was made for, in pixels
# Anchors per cell, and the strides of the maps, largest map first.
ANCHORS = ((8, 2), (16, 2), (32, 6))
# Width of a box across the person's axis as a share of the circle's diameter;
# along the axis it is as long as the diameter. Of 0.4, 0.5, 0.6 and 0.75 this
# found most people of Leeds Sports Pose at an IoU of 0.5.
WIDTH = 0.6
# Taken off the logits: the client's threshold of 0.3 then is the network's
# 0.66, where about as many boxes are right as people are found.
SHIFT = np.float32(1.5)
# Weights with more elements are stored in int8: the file would be 6 MB.
LARGE = 50_000


class Graph:
    """Nodes and initializers of an ONNX graph that grows.

    Attributes:
        nodes (list): NodeProto in order.
        initializers (dict): name -> TensorProto.
    """

    def __init__(self) -> None:
        self.nodes, self.initializers = [], {}

    def constant(self, value, name=None) -> str:
        name = name or f'c{len(self.initializers)}'
        if name not in self.initializers:
            tensor = numpy_helper.from_array(np.ascontiguousarray(value), name)
            self.initializers[name] = tensor
        return name

    def add(self, kind: str, *inputs, output=None, **attributes) -> str:
        """Name of the output; inputs are names or constants."""
        names = [i if isinstance(i, str) else self.constant(i) for i in inputs]
        output = output or f't{len(self.nodes)}'
        node = helper.make_node(kind, names, [output], **attributes)
        self.nodes.append(node)
        return output


def constant_of(node) -> np.ndarray:
    """Value of an OpenVINO node that depends on constants alone.

    Raises:
        ValueError: it depends on something else.
    """
    kind = node.get_type_name()
    if kind == 'Constant':
        return node.data
    values = [constant_of(i.get_node()) for i in node.input_values()]
    if kind == 'Convert':
        return values[0].astype(np.float32)
    if kind == 'Unsqueeze':
        return np.expand_dims(values[0], tuple(values[1].ravel().tolist()))
    if kind == 'Transpose':
        return values[0].transpose(values[1])
    if kind == 'Reshape':
        return values[0].reshape(list(node.get_output_shape(0)))
    raise ValueError(f'{kind} is no constant')


def stored(graph: Graph, weights: np.ndarray, name: str) -> str:
    """Name of a convolution's weights (O, I, H, W), stored once in a graph."""
    if weights.size <= LARGE:
        return graph.constant(weights, f'w{name}')
    scale = np.abs(weights).max(axis=(1, 2, 3), keepdims=True) / 127
    scale[scale == 0] = 1
    whole = np.round(weights / scale).astype(np.int8)
    # Runtimes do this once, when they load the file.
    cast = graph.add(
        'Cast', graph.constant(whole, f'i{name}'), to=onnx.TensorProto.FLOAT
    )
    return graph.add('Mul', cast, graph.constant(scale, f's{name}'))


def copy_network(graph: Graph, model, image: str) -> tuple:
    """Put the nodes of an OpenVINO model into a graph, for any input size.

    Args:
        graph (Graph): changed in place; weights that it has are shared.
        model (openvino.Model): of pose_detection.tflite.
        image (str): name of the input, (1, 3, H, W) RGB from -1 to 1.

    Returns:
        tuple: names of (1, N, 12) coordinates and (1, N, 1) logits.

    Raises:
        ValueError: the model has an operation that is not expected.
    """
    done, results = {}, {}

    def name_of(value) -> str:
        node = value.get_node()
        name = node.get_friendly_name()
        return done.get(name) or graph.constant(constant_of(node), f'w{name}')

    for node in model.get_ordered_ops():
        kind, inputs = node.get_type_name(), node.input_values()
        name, said = node.get_friendly_name(), node.get_attributes()
        if kind == 'Parameter':
            # The file's own layout, which its first node changes back.
            done[name] = graph.add('Transpose', image, perm=[0, 2, 3, 1])
        elif kind == 'Result':
            value = inputs[0]
            results[value.get_shape()[-1]] = name_of(value)
        elif not any(i.get_node().get_friendly_name() in done for i in inputs):
            continue  # a constant
        elif kind in ('Convolution', 'GroupConvolution'):
            weights = constant_of(inputs[1].get_node())
            groups = 1
            if kind == 'GroupConvolution':
                groups = weights.shape[0]
                weights = weights.reshape(-1, *weights.shape[2:])
            padding = said['auto_pad']
            done[name] = graph.add(
                'Conv',
                name_of(inputs[0]),
                stored(graph, weights, name),
                group=groups,
                strides=list(said['strides']),
                dilations=list(said['dilations']),
                auto_pad='VALID' if padding == 'valid' else 'SAME_UPPER',
            )
        elif kind == 'Convert':  # from float32 to float32
            done[name] = name_of(inputs[0])
        elif kind == 'Add':
            done[name] = graph.add('Add', *map(name_of, inputs))
        elif kind == 'Clamp':
            limits = np.float32(said['min']), np.float32(said['max'])
            done[name] = graph.add('Clip', name_of(inputs[0]), *limits)
        elif kind == 'Pad':
            pads = [constant_of(i.get_node()) for i in inputs[1:3]]
            pads = np.concatenate(pads).astype(np.int64)
            done[name] = graph.add('Pad', name_of(inputs[0]), pads)
        elif kind == 'Transpose':
            perm = constant_of(inputs[1].get_node()).tolist()
            done[name] = graph.add('Transpose', name_of(inputs[0]), perm=perm)
        elif kind == 'Interpolate':
            # Twice the height and width, in the file's layout.
            done[name] = graph.add(
                'Resize',
                name_of(inputs[0]),
                graph.constant(np.float32([]), 'none'),
                np.float32([1, 2, 2, 1]),
                mode='linear',
                coordinate_transformation_mode='half_pixel',
            )
        elif kind == 'DepthToSpace':
            done[name] = graph.add(
                'DepthToSpace',
                name_of(inputs[0]),
                blocksize=said['block_size'],
                mode='DCR',
            )
        elif kind == 'Reshape':
            channels = node.get_output_shape(0)[-1]
            shape = np.int64([1, -1, channels])
            done[name] = graph.add('Reshape', name_of(inputs[0]), shape)
        elif kind == 'Concat':
            done[name] = graph.add('Concat', *map(name_of, inputs), axis=1)
        else:
            raise ValueError(f'{kind} is not expected in this file')
    return results[12], results[1]


def anchors_of(side: int) -> np.ndarray:
    """(N, 2) centres of the anchors in pixels of an image side x side."""
    centres = []
    for stride, number in ANCHORS:
        y, x = np.mgrid[: side // stride, : side // stride]
        cells = (np.stack([x, y], -1).reshape(-1, 2) + 0.5) * stride
        centres.append(cells.repeat(number, axis=0))
    return np.concatenate(centres).astype(np.float32)


def add_boxes(graph: Graph, coordinates: str, side: int, factor: float) -> str:
    """Name of the boxes (1, N, 4) around the people, in pixels times factor."""

    def part(start: int, stop: int) -> str:
        return graph.add(
            'Slice', coordinates, *np.int64([[start], [stop], [2]])
        )

    hips, rim = part(4, 6), part(6, 8)
    axis = graph.add('Abs', graph.add('Sub', rim, hips))
    across = graph.add('Mul', axis, np.float32(WIDTH))
    across = graph.add('Gather', across, np.int64([1, 0]), axis=2)
    half = graph.add('Max', axis, across)
    centre = graph.add('Add', hips, anchors_of(side)[None])
    corners = [graph.add(kind, centre, half) for kind in ('Sub', 'Add')]
    boxes = graph.add('Concat', *corners, axis=2)
    return graph.add('Mul', boxes, np.float32(factor))


def build(model) -> onnx.ModelProto:
    """The detector of the module's docstring from an OpenVINO model."""
    graph, large = Graph(), 2 * SIDE
    # From RTMDet's normalisation, blue first, to red first from -1 to 1.
    std, mean = np.float32(STD[::-1]), np.float32(MEAN[::-1])
    pixels = graph.add('Mul', 'images', (std / 127.5).reshape(1, 3, 1, 1))
    offset = (mean / 127.5 - 1).reshape(1, 3, 1, 1)
    pixels = graph.add('Add', pixels, offset)
    pixels = graph.add('Gather', pixels, np.int64([2, 1, 0]), axis=1)
    half = graph.add('AveragePool', pixels, kernel_shape=[2, 2], strides=[2, 2])
    boxes, scores = [], []
    for image, side in ((half, SIDE), (pixels, large)):
        coordinates, logits = copy_network(graph, model, image)
        boxes.append(add_boxes(graph, coordinates, side, large / side))
        scores.append(graph.add('Sigmoid', graph.add('Sub', logits, SHIFT)))
    graph.add('Concat', *boxes, axis=1, output='boxes')
    graph.add('Concat', *scores, axis=1, output='scores')
    number = sum(len(anchors_of(side)) for side in (SIDE, large))
    value = helper.make_tensor_value_info
    kind = onnx.TensorProto.FLOAT
    return helper.make_model(
        helper.make_graph(
            graph.nodes,
            'person-detector',
            [value('images', kind, (1, 3, large, large))],
            [
                value('boxes', kind, (1, number, 4)),
                value('scores', kind, (1, number, 1)),
            ],
            list(graph.initializers.values()),
        ),
        opset_imports=[helper.make_opsetid('', 17)],
        ir_version=8,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('tflite', help='pose_detection.tflite')
    parser.add_argument('output', help='ONNX file to write')
    args = parser.parse_args()
    import openvino

    model = build(openvino.Core().read_model(args.tflite))
    store_weights_as_fp16(model)
    write_facts(model, dict(licence='Apache-2.0'))
    onnx.checker.check_model(model, full_check=True)
    with replaced(args.output) as temporary:
        onnx.save(model, temporary)
    print(f'{args.output}: {model.ByteSize() / 1e6:.2f} MB')


if __name__ == '__main__':
    with one_sentence():
        main()
