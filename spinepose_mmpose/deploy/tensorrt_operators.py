"""ONNX operators that TensorRT documents as supported, by version.

Facts from the operator lists of onnx-tensorrt (docs/operators.md of the tags
8.6-GA, 10.0-GA and of the release for TensorRT 10.15). No list of TensorRT 11
has been read: that of 10.15 stands for it, with the opsets that NVIDIA's ONNX
opset guide and the release notes give (24 before 11.5, 25 from then on).
https://github.com/onnx/onnx-tensorrt/blob/main/docs/operators.md
https://docs.nvidia.com/deeplearning/tensorrt/latest/ (ONNX opset guide)
"""

from dataclasses import dataclass
from typing import Dict, FrozenSet

# Letters of the types in the tables below, as ONNX calls them.
TYPES = dict(
    f='FLOAT',
    h='FLOAT16',
    b='BFLOAT16',
    i='INT32',
    l='INT64',
    q='INT8',
    u='UINT8',
    B='BOOL',
)


@dataclass(frozen=True)
class Support:
    """What one version takes.

    Attributes:
        version: Of TensorRT.
        opsets: Lowest and highest of the ai.onnx domain.
        operators: Operator -> names of its types.
        casts_int64: INT64 becomes INT32, values beyond are clamped.
        constant_axes: Operators whose axes must be known when building.
    """

    version: str
    opsets: tuple
    operators: Dict[str, FrozenSet[str]]
    casts_int64: bool
    constant_axes: FrozenSet[str]


def _table(text: str) -> Dict[str, FrozenSet[str]]:
    """``letters: Operator Operator ...`` a line; indented ones go on."""
    found, types = {}, frozenset()
    for word in text.split():
        if word.endswith(':'):
            types = frozenset(TYPES[letter] for letter in word[:-1])
        else:
            found[word] = types
    return found


_REDUCTIONS = frozenset(
    f'Reduce{name}'
    for name in (
        'L1',
        'L2',
        'LogSum',
        'LogSumExp',
        'Max',
        'Mean',
        'Min',
        'Prod',
        'Sum',
        'SumSquare',
    )
)
_MOVES = frozenset({'Squeeze', 'Unsqueeze'})

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

_OPERATORS_10_0 = _table(
    """
    B: And Not Or Xor
    Bbfhil: Concat Constant Expand EyeLike Flatten Gather GatherElements
        GatherND Identity If Loop OneHot Reshape ReverseSequence Shape Size
        Slice Split Squeeze Tile Transpose Trilu Unsqueeze Where
    Bbfhilu: Cast CastLike
    bfh: Acos Acosh Asin Asinh Atan Atanh AveragePool BatchNormalization Ceil
        Celu Clip Conv ConvTranspose Cos Cosh CumSum Dropout Einsum Elu Erf
        Exp Floor Gemm GlobalAveragePool GlobalLpPool GlobalMaxPool
        GroupNormalization GRU HardSigmoid HardSwish Hardmax ImageScaler
        InstanceNormalization IsInf LayerNormalization LeakyRelu Log
        LogSoftmax LRN LSTM LpNormalization LpPool MatMul MaxPool
        MeanVarianceNormalization ParametricSoftplus Pow PRelu
        QuantizeLinear RandomNormal RandomNormalLike RandomUniform
        RandomUniformLike Reciprocal Resize RNN Round ScaledTanh Scan Selu
        Sigmoid Sin Sinh Softmax Softplus Softsign Sqrt Tan Tanh
        ThresholdedRelu Upsample
    bfhil: Abs Add ArgMax ArgMin DepthToSpace Div Equal Greater GreaterOrEqual
        IsNaN Less LessOrEqual Max Mean Min Mod Mul Neg Pad Range ReduceL1
        ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin
        ReduceProd ReduceSum ReduceSumSquare Relu Scatter ScatterElements
        ScatterND Shrink Sign SpaceToDepth Sub Sum TopK
    bfhilq: Gelu
    f: ConstantOfShape
    fh: GridSample Mish NonMaxSuppression NonZero RoiAlign
    q: DequantizeLinear
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

SUPPORT = {
    support.version: support
    for support in (
        Support('8.6', (7, 17), _OPERATORS_8_6, True, _MOVES | {'Slice'}),
        Support(
            '10',
            (9, 20),
            _OPERATORS_10_0,
            False,
            _MOVES | _REDUCTIONS | {'Slice'},
        ),
        Support(
            '10.15',
            (9, 24),
            {**_OPERATORS_10_0, **_SINCE_10_15},
            False,
            _MOVES | _REDUCTIONS,
        ),
        Support(
            '11',
            (9, 24),
            {**_OPERATORS_10_0, **_SINCE_10_15},
            False,
            _MOVES | _REDUCTIONS,
        ),
    )
}
