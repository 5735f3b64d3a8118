"""Write configs/*.yml, which mim reads, from the table of models."""

from pathlib import Path

from spinepose_mmpose.zoo import all_models

import yaml

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
# metafile -> (version in the table, collection, training data, paper)
FAMILIES = {
    'spinetrack.yml': (
        'v1',
        'SpinePose',
        'SpineTrack',
        'https://arxiv.org/abs/2504.08110',
    ),
    'simspine.yml': (
        'v2',
        'SpinePose on SIMSPINE',
        'SIMSPINE',
        'https://arxiv.org/abs/2602.20792',
    ),
}


def main() -> None:
    for name in FAMILIES:
        (CONFIGS / name).write_text(metafile(name), encoding='utf-8')
        print(f'wrote configs/{name}')


def metafile(name: str) -> str:
    """The text of one metafile."""
    version, collection, data, paper = FAMILIES[name]
    content = dict(
        Collections=[
            dict(
                Name=collection,
                Paper=paper,
                Metadata={
                    'Architecture': ['CSPNeXt', 'RTMCC', 'SimCC'],
                    'Weights licence': 'CC-BY-NC-4.0',
                },
            )
        ],
        Models=[
            entry(model, collection, data)
            for model in all_models('spinepose')
            if model.version == version
        ],
    )
    return '# Written by tools/misc/write_metafiles.py.\n' + yaml.safe_dump(
        content, sort_keys=False
    )


def entry(model, collection: str, data: str) -> dict:
    stem, *others = model.aliases
    w, h = model.input_size
    return dict(
        Name=stem,
        Alias=[model.name, *others],
        Config=model.config,
        Metadata={
            'Training Data': data,
            'Input size': f'{h}x{w}',
            'Parameters (M)': model.params,
            'FLOPs (G)': model.flops,
        },
        Results=[
            dict(
                Task='Body 2D Keypoint',
                Dataset='SpineTrack',
                Metrics={
                    f'{subset} {kind}': value
                    for subset, pair in model.results.items()
                    for kind, value in zip(('AP', 'AR'), pair)
                },
            )
        ],
        Weights=model.weights[0],
        **{'In Collection': collection},
    )


if __name__ == '__main__':
    main()
