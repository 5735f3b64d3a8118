"""Check an ONNX file against what TensorRT documents, without TensorRT.

    python -m spinepose_mmpose.deploy.tensorrt_check end2end.onnx --version 10

Prints one line per problem and exits with 1 if there is one. It does not say
that an engine will be built or be right: only TensorRT itself does
(docs/tensorrt.md).

Facts from the operator lists of onnx-tensorrt (docs/operators.md of the tags
8.6-GA, 10.0-GA and of the release for TensorRT 10.15). No list of TensorRT 11
has been read: that of 10.15 stands for it, with the opsets that NVIDIA's ONNX
opset guide and the release notes give (24 before 11.5, 25 from then on).
https://github.com/onnx/onnx-tensorrt/blob/main/docs/operators.md
https://docs.nvidia.com/deeplearning/tensorrt/latest/ (ONNX opset guide)
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from onnx import TensorProto, shape_inference

from ..utils import one_sentence, read_config
from .onnx_files import constants, load_onnx

# Letters of the types in the tables below, as ONNX calls them.
_NAMES = 'FLOAT FLOAT16 BFLOAT16 INT32 INT64 INT8 UINT8 BOOL'
TYPES = dict(zip('fhbilquB', _NAMES.split()))


class Support(NamedTuple):
    """What one version of TensorRT takes."""

    version: str
    opsets: tuple[int, int]  # lowest and highest of the ai.onnx domain
    operators: dict[str, frozenset[str]]  # names of its types
    casts_int64: bool  # to INT32, values beyond are clamped
    constant_axes: frozenset[str]  # whose axes must be known when building


def _table(text: str) -> dict[str, frozenset[str]]:
    """``letters: Operator Operator ...`` a line; indented ones go on."""
    found, types = {}, frozenset()
    for word in text.split():
        if word.endswith(':'):
            types = frozenset(TYPES[letter] for letter in word[:-1])
        else:
            found[word] = types
    return found


_OPERATORS_8_6 = _table(
    """
    B: And Not Or Xor
    Bfhi: Expand EyeLike Flatten If Loop OneHot Split Tile Where
    Bfhiq: Concat Constant Gather GatherElements GatherND Identity Reshape
        ReverseSequence Shape Size Slice Squeeze Transpose Trilu Unsqueeze
    Bfhiqu: Cast
    f: ConstantOfShape
    fh: Acos Acosh Asin Asinh Atan Atanh BatchNormalization Ceil Celu Cos Cosh
        CumSum Dropout Einsum Erf Exp Floor GridSample GroupNormalization
        GRU ImageScaler InstanceNormalization IsInf LayerNormalization Log
        LogSoftmax LRN LSTM LpNormalization MatMul MeanVarianceNormalization
        NonMaxSuppression NonZero Pow QuantizeLinear RandomNormal
        RandomNormalLike RandomUniform RandomUniformLike Reciprocal ReduceL1
        ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin
        ReduceProd ReduceSum ReduceSumSquare Resize RNN RoiAlign Scan Sin
        Sinh Softmax Sqrt Tan Upsample
    fhi: Abs Add ArgMax ArgMin DepthToSpace Div Equal Greater GreaterOrEqual
        IsNaN Less LessOrEqual Max Mean Min Mod Mul Neg Range Shrink
        SpaceToDepth Sub Sum TopK
    fhiq: AveragePool Pad Scatter ScatterElements ScatterND Sign
    fhq: Clip Conv ConvTranspose Elu Gemm GlobalAveragePool GlobalLpPool
        GlobalMaxPool HardSwish HardSigmoid LeakyRelu LpPool MaxPool
        ParametricSoftplus PRelu Relu Round ScaledTanh Selu Sigmoid Softplus
        Softsign Tanh ThresholdedRelu
    q: DequantizeLinear
    """
)

# The list of 10.0 where it is not that of 8.6 by the rule of _widened().
_CHANGED_10_0 = _table(
    """
    Bbfhilu: CastLike
    bfh: AveragePool Hardmax
    bfhil: ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean
        ReduceMin ReduceProd ReduceSum ReduceSumSquare Relu
    bfhilq: Gelu
    fh: GridSample Mish NonMaxSuppression NonZero RoiAlign
    """
)

# What the later list adds or widens.
_SINCE_10_15 = _table(
    """
    Bbfhil: ConstantOfShape
    bfh: RMSNormalization RotaryEmbedding
    bfhi: TensorScatter
    bfhil: Pow
    bfhq: Attention
    f: STFT
    fh: BlackmanWindow HammingWindow HannWindow DeformConv
    """
)


def _widened(types: frozenset[str]) -> frozenset[str]:
    """With FLOAT16 comes BFLOAT16, with INT32 INT64; only DequantizeLinear
    still takes INT8."""
    added = {'FLOAT16': 'BFLOAT16', 'INT32': 'INT64'}
    added = {new for old, new in added.items() if old in types}
    return (types - {'INT8'} or types) | added


_OPERATORS_10_0 = {
    **{name: _widened(types) for name, types in _OPERATORS_8_6.items()},
    **_CHANGED_10_0,
}
_OPERATORS_10_15 = {**_OPERATORS_10_0, **_SINCE_10_15}
_MOVES = frozenset({'Squeeze', 'Unsqueeze'})
_MORE = _MOVES | {x for x in _OPERATORS_8_6 if x.startswith('Reduce')}

_VERSIONS = (
    Support('8.6', (7, 17), _OPERATORS_8_6, True, _MOVES | {'Slice'}),
    Support('10', (9, 20), _OPERATORS_10_0, False, _MORE | {'Slice'}),
    Support('10.15', (9, 24), _OPERATORS_10_15, False, _MORE),
    Support('11', (9, 24), _OPERATORS_10_15, False, _MORE),
)
SUPPORT = {support.version: support for support in _VERSIONS}

OUR_DOMAINS = {'', 'ai.onnx'}
# Stand for "to the end" in a Slice: clamped to 32 bits, they still do.
OPEN_ENDS = (2**63 - 1, -(2**63), -(2**63) + 1)


def check_model(model, support: Support) -> list[str]:
    """Problems of a graph, an ``onnx.ModelProto``, with one version."""
    # Of another domain's nodes nothing is known, and they are refused anyway.
    if {x.domain for x in model.graph.node} <= OUR_DOMAINS:
        model = shape_inference.infer_shapes(model)
    graph, (low, high) = model.graph, support.opsets
    values = constants(model)
    kinds = {tensor.name: tensor.data_type for tensor in graph.initializer}
    for value in [*graph.input, *graph.output, *graph.value_info]:
        kinds[value.name] = value.type.tensor_type.elem_type
    types = {
        name: TensorProto.DataType.Name(kind)
        for name, kind in kinds.items()
        if kind != TensorProto.UNDEFINED
    }
    found = [
        f'opset {entry.version}: TensorRT {support.version} reads {low} to '
        f'{high}'
        for entry in model.opset_import
        if entry.domain in OUR_DOMAINS and not low <= entry.version <= high
    ]
    for node in graph.node:
        name = f'{node.op_type} {node.name or node.output[0]!r}'
        problems = _node_problems(node, support, types, values)
        found += [f'{name}: {problem}' for problem in problems]
    allowed = frozenset().union(*support.operators.values())
    for name in (tensor.name for tensor in graph.initializer):
        beyond = values[name]
        if types[name] == 'INT64' and support.casts_int64:
            beyond = beyond[beyond != beyond.astype(np.int32)]
            if not np.isin(beyond, OPEN_ENDS).all():
                found.append(
                    f'weight {name!r}: INT64 values beyond 32 bits, which '
                    f'TensorRT {support.version} clamps'
                )
        elif types[name] not in allowed:
            found.append(
                f'weight {name!r}: {types[name]} is not a type of TensorRT '
                f'{support.version}'
            )
    return found


def _node_problems(node, support, types, values) -> Iterator[str]:
    operator = node.op_type
    if node.domain not in OUR_DOMAINS:
        yield f'of the domain {node.domain!r}, which needs a plugin'
        return
    if operator not in support.operators:
        yield f'not supported by TensorRT {support.version}'
        return
    # What it works on: its first input, or its output.
    is_source = not node.input or operator in ('ConstantOfShape', 'Range')
    kind = types.get(node.output[0] if is_source else node.input[0])
    if kind == 'INT64' and support.casts_int64:
        kind = 'INT32'
    allowed = support.operators[operator]
    if kind is not None and kind not in allowed:
        yield f'{kind}, supported are {", ".join(sorted(allowed))}'
    inputs = dict(enumerate(node.input))
    axes = inputs.get(3 if operator == 'Slice' else 1)
    if operator in support.constant_axes and axes and axes not in values:
        yield f'its axes {axes!r} are not constant'
    if operator in ('QuantizeLinear', 'DequantizeLinear') and inputs.get(2):
        zero = values.get(inputs[2])
        if zero is None or zero.any():
            yield 'its zero point is not 0'
    if operator == 'MaxPool':
        dilations = [
            x for a in node.attribute if a.name == 'dilations' for x in a.ints
        ]
        if {*dilations} - {1}:
            yield f'dilations {dilations}, supported is 1'
        if any(node.output[1:]):
            yield 'its output of indices is not supported'


def check_profile(
    model, profiles: dict[str, Sequence[Sequence[int]]]
) -> list[str]:
    """Problems of the graph's inputs with min, opt and max shapes by name."""
    inputs = {  # with None where a size is open
        value.name: [
            x.dim_value or None for x in value.type.tensor_type.shape.dim
        ]
        for value in model.graph.input
    }
    found = [
        f'profile: the graph has no input {name!r}; its inputs are '
        f'{sorted(inputs)}'
        for name in profiles
        if name not in inputs
    ]
    for name, shape in inputs.items():
        if name in profiles:
            problems = _profile_problems(shape, profiles[name])
            found += [f'profile of {name!r}: {problem}' for problem in problems]
        elif None in shape:
            found.append(f'profile: none for the dynamic input {name!r}')
    return found


def _profile_problems(shape, profile) -> Iterator[str]:
    if [len(x) for x in profile] != [len(shape)] * 3:
        yield f'{profile}, expected three shapes of {len(shape)} sizes'
        return
    for axis, (fixed, *sizes) in enumerate(zip(shape, *profile)):
        named = f'sizes {", ".join(map(str, sizes))} along axis {axis}'
        if sizes[0] < 1 or sizes != sorted(sizes):
            yield f'{named} should be positive and not fall'
        elif fixed is not None and set(sizes) != {fixed}:
            yield f'{named}, which the graph fixes at {fixed}'


def configured_profile(path: str) -> dict:
    """``input_shapes`` of a deployment config; a ValueError if it has none."""
    backend = read_config(path).get('backend_config') or {}
    inputs = backend.get('model_inputs') or [{}]
    shapes = inputs[0].get('input_shapes')
    if not shapes:
        raise ValueError(
            f'{path} has no backend_config.model_inputs[0].input_shapes'
        )
    return {
        name: [x['min_shape'], x['opt_shape'], x['max_shape']]
        for name, x in shapes.items()
    }


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('file', help='ONNX file')
    parser.add_argument(
        '--version', choices=list(SUPPORT), default='10', help='of TensorRT'
    )
    parser.add_argument(
        '--deploy-config', help='whose profile of input shapes is checked, too'
    )
    return parser.parse_args()


def main() -> int:
    args = parse_args()
    with one_sentence():
        model = load_onnx(args.file, load_external_data=False)
        problems = check_model(model, SUPPORT[args.version])
        if args.deploy_config:
            profile = configured_profile(args.deploy_config)
            problems += check_profile(model, profile)
    for line in problems:
        print(line)
    kinds = {node.op_type for node in model.graph.node}
    print(
        f'{len(problems)} problems with TensorRT {args.version}: '
        f'{len(model.graph.node)} nodes of {len(kinds)} operators; compared '
        'with its documentation, not run'
    )
    return 1 if problems else 0


if __name__ == '__main__':
    sys.exit(main())
