"""The head's arithmetic: the same function, inside FP16's range.

ONNX's reference evaluator computes in FP16 throughout, sums included, as
TensorRT does with a strongly typed network. All sizes of SpinePose have the
same tail of the head, on 48 tokens (256x192) or 108 (384x288).
"""

import io

from spinepose_mmpose.deploy import rewriters
from spinepose_mmpose.deploy.onnx_files import node_ranges
from spinepose_mmpose.deploy.rewriters import (
    global_mean,
    scale_norm,
    squared_relu_attention,
)

import deploy_models
import numpy as np
import onnx
import pytest
import torch
from mmengine import Config
from mmpose.models.utils.rtmcc_block import RTMCCBlock, ScaleNorm
from mmpose.registry import MODELS
from onnx.reference import ReferenceEvaluator
from onnxruntime.transformers.float16 import convert_float_to_float16

SIZES = ('256x192', '384x288')


def random(*shape, scale=1.0, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator) * scale


@pytest.mark.parametrize('scale', [1e-7, 1e-5, 1e-3, 1, 40, 1e4])
def test_scale_norm_is_the_same_function(scale):
    original = ScaleNorm(108)
    x = random(2, 37, 108, scale=scale)
    x[0, 0], x[0, 1, 1:] = 0, 0  # nothing, a single spike
    with torch.no_grad():
        original.g.fill_(1.7)
        expected = original(x.double())
        actual = scale_norm(x, original.g, original.eps)
    torch.testing.assert_close(actual.double(), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize('scale', [1e-6, 1, 400])
def test_attention_is_the_same_function(scale):
    q, k, v = (random(2, 37, 16, seed=i).double() for i in range(3))
    q = q * scale
    expected = torch.relu(q @ k.transpose(1, 2)).square() @ v
    values, row = squared_relu_attention(q, k, v, 37)
    torch.testing.assert_close(
        values * row * row, expected, rtol=1e-9, atol=1e-10
    )
    assert values.abs().max() <= v.abs().max()


def test_attention_without_a_positive_product():
    q, k, v = -torch.ones(1, 5, 4), torch.ones(1, 5, 4), torch.ones(1, 5, 2)
    values, row = squared_relu_attention(q, k, v, 5)
    assert torch.equal(values, torch.zeros(1, 5, 2)) and row.isfinite().all()


def test_block_in_fp32_is_mmposes():
    torch.manual_seed(0)
    block = RTMCCBlock(37, 64, 64, s=32, use_rel_bias=False, act_fn='SiLU')
    x = random(2, 37, 64)
    with torch.no_grad():
        expected = block._forward(x.clone())
        actual = rewriters.gated_attention(block, x.clone())
    assert (actual - expected).abs().max() < 1e-5 * expected.abs().max()


def test_global_mean():
    x = random(2, 3, 96, 72, seed=4).double() + 5
    torch.testing.assert_close(global_mean(x), x.mean((2, 3), keepdim=True))


def largest_product(block, x):
    """Of the attention, before it is squared."""
    with torch.no_grad():
        base = block.act_fn(block.uv(block.ln(x)))[..., -block.s :]
        q = base * block.gamma[0] + block.beta[0]
        k = base * block.gamma[1] + block.beta[1]
        return (q @ k.transpose(1, 2)).max() / block.sqrt_s


def enlarge_attention(block, x, product: float):
    """Make the largest product that, and the result of a usual size."""
    factor = (product / largest_product(block, x)).sqrt()
    with torch.no_grad():
        block.gamma.mul_(factor)
        block.beta.mul_(factor)
        block.o.weight.mul_(1e-3)


@pytest.mark.parametrize('product, breaks', [(20, False), (300, True)])
def test_block_in_torch_half(product, breaks):
    """Squares of 256 and more leave FP16: MMPose's, not the rewritten ones."""
    torch.manual_seed(0)
    block = RTMCCBlock(37, 64, 64, s=32, use_rel_bias=False, act_fn='SiLU')
    x = random(2, 37, 64)
    enlarge_attention(block, x, product)
    with torch.no_grad():
        expected = block.double()._forward(x.double())
        half = block.half()
        original = half._forward(x.half())
        rewritten = rewriters.gated_attention(half, x.half())
    assert original.isfinite().all() == (not breaks)
    error = (rewritten.double() - expected).abs().max() / expected.abs().max()
    assert error < 0.01


class Tail(torch.nn.Module):
    """The head after its convolution."""

    def __init__(self, head):
        super().__init__()
        self.head = head

    def forward(self, x):
        x = self.head.gau(self.head.mlp(x))
        return self.head.cls_x(x), self.head.cls_y(x)


def head_of(size: str):
    path = deploy_models.BASE.parent / '_base_' / f'spinepose_{size}.py'
    deploy_models.register_all_modules(True)
    torch.manual_seed(0)
    head = MODELS.build(Config.fromfile(str(path)).model.head).eval()
    deploy_models.spread_head(head)
    return head


def half_graph(head, tokens: torch.Tensor):
    """The tail as an ONNX graph, all of it FP16."""
    file = io.BytesIO()
    with torch.no_grad():
        torch.onnx.export(
            Tail(head), tokens[:1], file, dynamo=False, opset_version=17
        )
    return convert_float_to_float16(
        onnx.load_from_string(file.getvalue()), keep_io_types=False
    )


def errors_in_half(head, tokens, monkeypatch):
    """Largest error of the outputs, of the largest output: of MMPose's tail
    and of the rewritten one."""
    with torch.no_grad():
        expected = [o.numpy() for o in Tail(head.double())(tokens.double())]
    graphs = [half_graph(head.float(), tokens)]
    with monkeypatch.context() as patch:
        patch.setattr(
            ScaleNorm, 'forward', lambda s, x: scale_norm(x, s.g, s.eps)
        )
        patch.setattr(RTMCCBlock, '_forward', rewriters.gated_attention)
        graphs.append(half_graph(head, tokens))
    for graph in graphs:
        name = graph.graph.input[0].name
        with np.errstate(all='ignore'):
            actual = ReferenceEvaluator(graph).run(
                None, {name: tokens.numpy().astype(np.float16)}
            )
        assert all(output.dtype == np.float16 for output in actual)
        yield max(
            np.abs(a.astype(np.float64) - e).max() / np.abs(e).max()
            for a, e in zip(actual, expected)
        )


@pytest.mark.parametrize(
    'size, tokens, rms, breaks',
    [
        ('256x192', 48, 1, False),
        ('256x192', 48, 60, True),
        ('384x288', 108, 30, True),
        ('384x288', 108, 2000, True),
    ],
)
def test_large_tokens(size, tokens, rms, breaks, monkeypatch):
    """The sum of squares leaves FP16 from an rms of 37 (256x192) or 25
    (384x288) on; without the rewrite nothing is left of the outputs."""
    original, rewritten = errors_in_half(
        head_of(size), random(1, 37, tokens, scale=rms), monkeypatch
    )
    assert rewritten < 0.01
    assert (original > 0.5) if breaks else (original < 0.01)


def test_large_attention(monkeypatch):
    """Products of 256 and more, whose squares leave FP16."""
    head, tokens = head_of('384x288'), random(1, 37, 108)
    with torch.no_grad():
        x = head.mlp(tokens)
    enlarge_attention(head.gau, x, 300)
    original, rewritten = errors_in_half(head, tokens, monkeypatch)
    assert rewritten < 0.01 and np.isnan(original)


@pytest.mark.parametrize(
    'opset, axes, inner',
    [
        (11, 'attribute', 12),
        (13, 'initializer', 12),
        (18, 'initializer', 12),
        (18, 'constant', 12),
        (18, None, 72),
    ],
)
def test_sums_of_a_reduction_wherever_its_axes_are(opset, axes, inner):
    """12 along the last axis, 72 in all; ReduceSum takes its axes as an input
    since opset 13, ReduceMean since 18."""
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    operator = 'ReduceSum' if opset == 13 else 'ReduceMean'
    last = helper.make_tensor('a', onnx.TensorProto.INT64, [1], [3])
    attribute = dict(axes=[3]) if axes == 'attribute' else {}
    inputs = ['x', 'a'] if axes in ('initializer', 'constant') else ['x']
    nodes = [helper.make_node(operator, inputs, ['y'], **attribute)]
    if axes == 'constant':
        nodes.insert(0, helper.make_node('Constant', [], ['a'], value=last))
    graph = helper.make_graph(
        nodes,
        'net',
        [helper.make_tensor_value_info('x', kind, [1, 3, 2, 4])],
        [helper.make_tensor_value_info('y', kind, None)],
        [last] if axes == 'initializer' else [],
    )
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid('', opset)], ir_version=8
    )
    x = np.full((1, 3, 2, 4), 3, np.float32)
    x[..., ::2] = -3  # they cancel out
    (row,) = node_ranges(model, x)
    assert (row.op, row.output, row.inner) == (operator, 0, inner)
    assert not row.overflows and row._replace(inner=7e4).overflows
