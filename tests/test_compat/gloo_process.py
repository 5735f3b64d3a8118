"""One of two processes without a GPU, started as by a launcher.

    python gloo_process.py IN OUT

IN holds the cases, OUT.<rank> gets this process's results; see
test_cpu_distributed.py.
"""

import sys

import spinepose_mmpose  # noqa: F401  changes nothing before mmengine.dist

import torch
from torch import nn

untouched_forward = nn.SyncBatchNorm.forward
untouched_check = (
    nn.parallel.DistributedDataParallel._passing_sync_batchnorm_handle
)


def make_model(norm):
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1, bias=False),
        norm(6),
        nn.SiLU(),
        nn.Conv2d(6, 4, 3, stride=2),
        norm(4),
        nn.Flatten(),
        nn.Linear(36, 2),
    )


def run_layer(layer, state, x, factor):
    """Two training steps of a batch norm, one evaluation.

    Args:
        factor: Of the loss's terms, as ``x``: the gradient of a plain sum
            through a batch norm is 0.
    """
    layer.load_state_dict(state)
    x = x.clone().requires_grad_()
    outputs = []
    for _ in range(2):
        y = layer(x)
        (y * factor).sum().backward()
        outputs.append(y.detach())
    layer.eval()
    outputs.append(layer(x).detach())
    return dict(
        outputs=outputs,
        input_grad=x.grad,
        grads={name: p.grad for name, p in layer.named_parameters()},
        buffers=dict(layer.named_buffers()),
    )


def run_model(model, x, target):
    """Three steps of gradient descent."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        loss = (model(x) - target).square().mean()
        loss.backward()
        optimizer.step()
    return dict(
        grads=[p.grad for p in model.parameters()],
        state=list(model.state_dict().values()),
    )


def message_of(function, *args):
    try:
        function(*args)
    except Exception as error:
        return f'{type(error).__name__}: {error}'


def main():
    source, target = sys.argv[1:]
    from mmengine.dist import get_rank, init_dist
    from mmengine.model import MMDistributedDataParallel

    init_dist('pytorch')
    rank = get_rank()
    # What fails without the two shims.
    model = make_model(nn.SyncBatchNorm)
    refuse = untouched_check.__get__(nn.parallel.DistributedDataParallel(model))
    results = dict(
        wrapper=message_of(refuse, model),
        set_device=message_of(torch.cuda.set_device, 0),
        forward=message_of(
            untouched_forward, nn.SyncBatchNorm(3), torch.ones(2, 3, 4)
        ),
    )
    cases = torch.load(source)
    for name, case in cases['layers'].items():
        channels = case['inputs'][0].size(1)
        results[name] = run_layer(
            nn.SyncBatchNorm(channels, **case['settings']),
            case['state'],
            case['inputs'][rank],
            case['factors'][rank],
        )
    if rank == 0:  # the wrapper hands process 0's weights to the others
        model.load_state_dict(cases['model']['state'])
    results['model'] = run_model(
        MMDistributedDataParallel(model, device_ids=[0]),
        cases['model']['inputs'][rank],
        cases['model']['targets'][rank],
    )
    torch.save(results, f'{target}.{rank}')


if __name__ == '__main__':
    main()
