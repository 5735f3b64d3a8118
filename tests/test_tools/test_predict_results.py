"""The demo model, run without PyTorch and scored, on people drawn here."""

import json
import runpy
import sys
from pathlib import Path

from spinepose_mmpose.datasets.synthetic.writer import write_dataset
from spinepose_mmpose.evaluation.coco import subset_curves, summarize_curves
from spinepose_mmpose.evaluation.people import (
    detections_from_coco,
    ground_truth_from_coco,
)
from spinepose_mmpose.metainfo import SIGMAS, SUBSETS

import pytest

ROOT = Path(__file__).parents[2]
SPLIT = 'val2017'


@pytest.fixture(scope='module')
def people(tmp_path_factory):
    folder = tmp_path_factory.mktemp('people')
    write_dataset(str(folder), 0, 40, seed=4242)
    return folder


def call(monkeypatch, annotations, images, out):
    tool = str(ROOT / 'tools/analysis_tools/predict_results.py')
    model = str(ROOT / 'demo/spinepose-t-demo.onnx')
    given = [str(annotations), str(images), '--model', model, '--out', str(out)]
    monkeypatch.setattr(sys, 'argv', [tool, *given])
    runpy.run_path(tool, run_name='__main__')


def summary(truth, results):
    ground_truth = ground_truth_from_coco(truth, 'truth', True)
    detections = detections_from_coco(results, ground_truth, 'results')
    return summarize_curves(
        subset_curves(ground_truth, detections, SUBSETS, SIGMAS)
    )


def test_the_demo_model_finds_spines(people, tmp_path, monkeypatch):
    annotations = people / f'annotations/person_keypoints_{SPLIT}.json'
    out = tmp_path / 'results.json'
    call(monkeypatch, annotations, people / 'images' / SPLIT, out)
    truth = json.loads(annotations.read_text())
    results = json.loads(out.read_text())
    assert len(results) == len(truth['annotations'])
    scores = summary(truth, results)
    assert scores['spine']['AP'] > 0.75
    assert scores['all']['AP'] > 0.4
    for result in results:  # somewhere else
        result['keypoints'][0::3] = [x + 100 for x in result['keypoints'][0::3]]
    assert summary(truth, results)['all']['AP'] < 0.05


def test_missing_files_are_one_sentence(tmp_path, monkeypatch, capsys):
    with pytest.raises(SystemExit) as stopped:
        call(monkeypatch, tmp_path / 'a.json', tmp_path, tmp_path / 'b')
    said = f'{stopped.value}{capsys.readouterr().err}'
    assert 'a.json' in said and stopped.value.code != 0
